"""The commented syncd.toml from which an administrator starts."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from connectors.contract import Plugin

_MARK = "@CHANNELS@\n"


def example_configuration(plugins: Mapping[str, Plugin[Any]]) -> str:
    """Return a configuration with a source, every key explained, and a channel for each connector."""
    template = files("syncd.config").joinpath("example.toml").read_text(encoding="utf-8")
    channels = "".join(f"{plugins[name].example.strip()}\n\n" for name in sorted(plugins))
    return template.replace(_MARK, channels)
