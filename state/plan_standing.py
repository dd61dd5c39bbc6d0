"""Whether the plan that is configured for a channel is the one in force; what is held, what is refused."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text

from state.database import Database

PLAN_OF: Final = "plan of "
"""Before the channel's name: what the records of edits name as their source. No source can be called so."""
PLAN: Final = "plan"
"""What the contents of such a record are called."""
CONCERNS_PRESENT: Final = (
    f"(s.active OR EXISTS (SELECT 1 FROM channel c WHERE c.active AND s.name = '{PLAN_OF}' || c.name))"
)
"""Of a record's source `s`: it is configured, or it is the plan of a configured channel."""
_KEY: Final = "plan_refused "


@dataclass(frozen=True, slots=True)
class HeldPlan:
    """An edit of a channel's plan that waits for a person: the import that records it; `since` in ms."""

    channel: str
    import_id: int
    name: str
    reason: str
    since: int


@dataclass(frozen=True, slots=True)
class RefusedPlan:
    """A plan that cannot be followed: the first of its problems, how many there are, since when (ms).

    `by_hand`: a person rejected the edit, and it still stands in the configuration.
    """

    channel: str
    since: int
    problems: tuple[str, ...]
    count: int
    by_hand: bool


def note_plan_refused(
    database: Database, channel_id: int, now: int, problems: Sequence[str], count: int, *, by_hand: bool
) -> None:
    """Remember that what is configured for the channel is not in force, and why."""
    key = f"{_KEY}{channel_id}"
    said = {"problems": list(problems), "count": count, "by_hand": by_hand}
    with database.write() as connection:
        before = connection.execute(text("SELECT value FROM meta WHERE key = :key"), {"key": key}).scalar()
        since = now if before is None else json.loads(before)["since"]
        connection.execute(text("DELETE FROM meta WHERE key = :key"), {"key": key})
        connection.execute(
            text("INSERT INTO meta(key, value) VALUES (:key, :value)"),
            {"key": key, "value": json.dumps({"since": since, **said})},
        )


def note_plan_readable(database: Database, channel_id: int) -> None:
    """Remember that nothing is wrong with what is configured for the channel."""
    with database.write() as connection:
        connection.execute(text("DELETE FROM meta WHERE key = :key"), {"key": f"{_KEY}{channel_id}"})


def refused_plans(connection: Connection) -> dict[str, RefusedPlan]:
    """Give the plans of configured channels that are refused, by channel."""
    rows = connection.exec_driver_sql(
        "SELECT c.name, m.value FROM channel c JOIN meta m ON m.key = ? || c.id WHERE c.active"
        " ORDER BY c.name",
        (_KEY,),
    )
    found = {}
    for channel, value in rows:
        said = json.loads(value)
        problems = tuple(str(one) for one in said["problems"])
        found[channel] = RefusedPlan(channel, said["since"], problems, said["count"], said["by_hand"])
    return found


def held_plans(connection: Connection) -> dict[str, HeldPlan]:
    """Give the edits of configured channels' plans that are held, by channel."""
    rows = connection.exec_driver_sql(
        "SELECT c.name, i.id, i.name, i.reason, coalesce(i.held_at, i.at) FROM channel c"
        " JOIN source s ON s.name = ? || c.name JOIN import i ON i.source_id = s.id AND i.state = 'held'"
        " WHERE c.active ORDER BY c.name, i.id",
        (PLAN_OF,),
    )
    return {row[0]: HeldPlan(*row) for row in rows}
