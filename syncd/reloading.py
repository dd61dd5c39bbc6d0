"""Taking over another configuration while syncd runs: validated whole, refused whole, or swapped whole."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from state import refused
from syncd import logs
from syncd.app import App, Connectors, Refused
from syncd.config.model import Config, LoggingConfig
from syncd.errors import ConfigError, Problem, SyncdError
from syncd.threads import see_out

Load = Callable[[], Config]
"""Reads the configuration, secrets and all; raises `ConfigError`. Runs in a thread."""
_log = logs.get_logger("daemon")


class ConfigurationReloaded(SyncdError):
    """What was asked for was under way when the configuration was reloaded."""

    exit_status = 75


@dataclass(frozen=True, slots=True)
class Successor:
    """A configuration that can be taken over, with its connectors: None where what runs may go on."""

    config: Config
    connectors: Connectors | None


async def load_successor(app: App, load: Load) -> Successor:
    """Load the configuration that is to follow.

    Raises `ConfigError` where it cannot be used, or not without a restart.
    """
    try:
        config = await see_out(app.world.blocking(load), lambda: None)
    except SyncdError:
        raise
    except Exception as fault:
        _log.exception("configuration_failed")
        raise ConfigError(
            [Problem("", f"it cannot be read ({type(fault).__name__}): see the log")]
        ) from fault
    problems = needs_restart(app.config, config)
    if problems:
        raise ConfigError(problems)
    for warning in config.warnings:
        _log.warning("configuration_doubtful", reason=warning)
    goes_on = _what_runs(config) == _what_runs(app.config)
    connectors = None if goes_on else _connectors(app, config)
    logs.configure(config.logging.format, config.logging.level)
    return Successor(config, connectors)


def needs_restart(old: Config, new: Config) -> list[Problem]:
    """Tell what differs that a running syncd cannot change."""
    problems = []
    if new.state != old.state:
        problems.append(
            Problem("state.url", f"the ledger in {old.state.path} is open: restart syncd to change it")
        )
    return problems


def _what_runs(config: Config) -> Config:
    """Leave out what changes without an end of lanes and feeds."""
    return replace(config, logging=LoggingConfig(), server=type(config.server)(), warnings=())


def _connectors(app: App, config: Config) -> Connectors:
    try:
        return Connectors(config, app.world)
    except Exception as fault:
        _log.exception("connector_failed")
        problem = Problem(
            "channels", f"a connector cannot be made of it ({type(fault).__name__}): see the log"
        )
        raise ConfigError([problem]) from fault


def note_refused(app: App, error: ConfigError) -> None:
    """Say that a configuration is not taken over, here and wherever the state is asked."""
    problems = tuple(logs.hide_secrets(str(problem)) for problem in error.problems)
    _log.error("configuration_refused", problems=list(problems), reason="the old one stays in force")
    app.metrics.configuration_refused()
    app.refused = Refused(app.world.clock.now(), problems)
    refused.note_refused(app.database, app.refused.at, problems)


def note_accepted(app: App) -> None:
    """Note that the configuration in force is the one in the file."""
    app.refused = None
    refused.note_accepted(app.database)
