"""What a person sees when a command fails: one message, no traceback, a proper exit status."""

import logging
from typing import IO, Any

import click
from typing_extensions import override

from syncd.cli.hidden import hidden_by
from syncd.errors import AlreadyRunning, ConfigError, SyncdError

FAULT = 1


class Failure(click.ClickException):
    """A message for people, with its exit status."""

    def __init__(self, message: str, exit_status: int) -> None:
        """Say `message`, end with `exit_status`."""
        super().__init__(message)
        self.exit_code = exit_status  # type: ignore[misc] # click declares it a class variable, and reads ours

    @override
    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"syncd: {self.message}", err=True)


def told(error: Exception) -> Failure:
    """Put an exception into words."""
    if isinstance(error, SyncdError):
        return Failure(str(error), error.exit_status)
    if (hidden := hidden_by(error)) is not None:
        return Failure(hidden, FAULT)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return Failure(f"{where}{error.strerror or error}", FAULT)
    return _of_state(error) or _fault(error)


def _of_state(error: Exception) -> Failure | None:
    """Explain what is wrong with the state database, where that is it."""
    import sqlite3  # noqa: PLC0415 (these imports are for failures, not for every --help)

    from state.database import DatabaseError, StateMissing  # noqa: PLC0415
    from state.migrations import SchemaNewer, SchemaOlder  # noqa: PLC0415
    from syncd.state_trouble import state_trouble  # noqa: PLC0415

    match error:
        case StateMissing():
            how = "`syncd run` or `syncd reconcile` makes it"
            return Failure(f"nothing has run here yet: there is no {error}; {how}", FAULT)
        case SchemaNewer():
            return Failure(str(error), ConfigError.exit_status)
        case SchemaOlder():
            return Failure(str(error), AlreadyRunning.exit_status)
        case DatabaseError() | sqlite3.Error():
            trouble = state_trouble(error, None, opening=False)
            return None if trouble is None else Failure(str(trouble), trouble.exit_status)
    return None


def _fault(error: Exception) -> Failure:
    """Report a fault of syncd itself; the traceback is written where the log level is debug."""
    from syncd.logs import get_logger, hide_secrets  # noqa: PLC0415 (its import is not for every --help)

    if logging.getLogger().isEnabledFor(logging.DEBUG):
        get_logger("cli").error("command_failed", exc_info=error)
    text = hide_secrets(f"{type(error).__name__}: {error}")
    return Failure(
        f'this is a fault of syncd itself ({text}): [logging] level = "debug" shows where; please report it',
        FAULT,
    )
