"""What every command does first: find the configuration, hide its secrets, send the log lines to stderr."""

import os
import time
from pathlib import Path
from typing import TextIO

from connectors.discovery import load_plugin
from syncd import logs
from syncd.cli.options import chosen_config
from syncd.config.load import find_config, load_config, secrets_of
from syncd.config.model import Config
from syncd.errors import ConfigError, Problem


def config_path() -> Path:
    """Find the configuration; raises `ConfigError` where there is none."""
    return find_config(chosen_config(), os.environ)


def now_ms() -> int:
    """Tell the time as the state database keeps it: ms since the epoch."""
    return int(time.time() * 1000)


def load(*, read_secrets: bool = False) -> Config:
    """Load the configuration; log lines are warnings and worse.

    Without `read_secrets` no channel can be connected: for commands that read, or ask the daemon.
    """
    config = load_config(
        config_path(), environ=os.environ, load_plugin=load_plugin, read_secrets=read_secrets
    )
    for secret in secrets_of(config):
        logs.register_secret(secret)
    log_to(None, config)
    return config


def load_to_push(*, whole_log: bool = False) -> Config:
    """Load the configuration for a command that pushes, and say what is doubtful about it.

    `whole_log`: log lines from the configured level on.
    """
    config = load(read_secrets=True)
    if whole_log:
        logs.configure(config.logging.format, config.logging.level)
    log = logs.get_logger("config")
    for warning in config.warnings:
        log.warning("configuration_doubtful", reason=warning)
    require_something_to_do(config, config_path())
    return config


def load_again(path: Path) -> Config:
    """Load the configuration of a daemon that runs, from the file that it was started with."""
    config = load_config(path, environ=os.environ, load_plugin=load_plugin)
    for secret in secrets_of(config):
        logs.register_secret(secret)
    require_something_to_do(config, path)
    return config


def log_to(stream: TextIO | None, config: Config) -> None:
    """Send a short command's log lines to `stream`, None = stderr."""
    level = config.logging.level
    quiet = level if level in {"debug", "error"} else "warning"
    logs.configure(config.logging.format, quiet, stream=stream)


def require_something_to_do(config: Config, path: Path) -> None:
    """Refuse a configuration without a source or without an enabled channel; `path` is where it stands."""
    problems = []
    if not config.sources:
        problems.append(Problem("", "there is no source: add a table [sources.NAME], as `syncd init` shows"))
    if not any(channel.enabled for channel in config.channels.values()):
        problems.append(
            Problem("", "there is no enabled channel: add a table [channels.NAME], as `syncd init` shows")
        )
    if problems:
        raise ConfigError(problems, path=path)
