"""The last configuration that a daemon did not take over: for whoever asks how all stands."""

import json
from collections.abc import Sequence

from sqlalchemy import Connection, text

from state.database import Database

_KEY = "configuration_refused"


def note_refused(database: Database, at: int, problems: Sequence[str]) -> None:
    """Remember that a configuration was not taken over, when (ms since the epoch), and why."""
    note_accepted(database)
    said = json.dumps({"at": at, "problems": list(problems)})
    with database.write() as connection:
        connection.execute(
            text("INSERT INTO meta(key, value) VALUES (:key, :value)"), {"key": _KEY, "value": said}
        )


def note_accepted(database: Database) -> None:
    """Remember that the last one was taken over."""
    with database.write() as connection:
        connection.execute(text("DELETE FROM meta WHERE key = :key"), {"key": _KEY})


def refused_configuration(connection: Connection) -> tuple[int, list[str]] | None:
    """Tell when a configuration was not taken over (ms since the epoch) and why; None = the last was."""
    said = connection.exec_driver_sql("SELECT value FROM meta WHERE key = ?", (_KEY,)).scalar()
    if said is None:
        return None
    noted = json.loads(said)
    return int(noted["at"]), [str(problem) for problem in noted["problems"]]
