"""Options that several commands have."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])
_CONFIG = "syncd.config"


def remember_config(ctx: click.Context, _: click.Parameter, value: Path | None) -> None:
    """Keep the configuration's path where `chosen_config` finds it; the innermost `--config` counts."""
    if value is not None:
        ctx.meta[_CONFIG] = value


def chosen_config() -> Path | None:
    """Give the path that `--config` names, before or after the command's name."""
    path: Path | None = click.get_current_context().meta.get(_CONFIG)
    return path


def config_option(function: Function) -> Function:
    """Let a command take `--config` too."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        callback=remember_config,
        expose_value=False,
        help="The configuration.",
    )(function)


def channel_option(function: Function) -> Function:
    """Let a command take `--channel NAME`, several times."""
    return click.option("--channel", "channels", multiple=True, metavar="NAME", help="Only this channel.")(
        function
    )


def sku_option(function: Function) -> Function:
    """Let a command take `--sku SKU`, several times."""
    return click.option("--sku", "skus", multiple=True, metavar="SKU", help="Only this SKU.")(function)


def json_option(function: Function) -> Function:
    """Let a command take `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)
