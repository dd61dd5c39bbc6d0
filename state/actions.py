"""The audit trail: what people did, when, and what came of it. Bounded: the oldest are forgotten."""

from dataclasses import dataclass

from sqlalchemy import Connection, text
from sqlmodel import Field, SQLModel

from state.database import Database

MOST_KEPT = 10_000
LONGEST_TEXT = 500


class Action(SQLModel, table=True):
    """What a person did: the audit trail."""

    __tablename__ = "action"

    id: int | None = Field(default=None, primary_key=True)
    at: int
    actor: str
    """Who, as far as is known: a user of the machine, or the page with the address it was opened from."""
    action: str
    detail: str
    """On what: an import, a channel, how many SKUs."""
    result: str = Field(default="", sa_column_kwargs={"server_default": text("''")})
    """Empty while it is being done, and for ever where a crash ended it."""


@dataclass(frozen=True, slots=True)
class ActionRow:
    """Something a person did. `at` in ms since the epoch; `result` "" = not finished, or never."""

    id: int
    at: int
    actor: str
    action: str
    detail: str
    result: str


def begin(database: Database, at: int, *, actor: str, action: str, detail: str) -> int:
    """Record that a person does something; give its number, for `end`."""
    with database.write() as connection:
        number = connection.exec_driver_sql(
            "INSERT INTO action(at, actor, action, detail) VALUES (?, ?, ?, ?) RETURNING id",
            (at, actor[:LONGEST_TEXT], action, detail[:LONGEST_TEXT]),
        ).scalar_one()
        connection.exec_driver_sql("DELETE FROM action WHERE id <= ?", (number - MOST_KEPT,))
    return int(number)


def end(database: Database, number: int, result: str) -> None:
    """Record what came of it."""
    with database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE action SET result = ? WHERE id = ?", (result[:LONGEST_TEXT], number)
        )


def actions(
    connection: Connection, *, since: int = 0, until: int | None = None, limit: int = 1_000
) -> list[ActionRow]:
    """List what people did since then, and before `until` (ms since the epoch), newest first."""
    rows = connection.exec_driver_sql(
        "SELECT id, at, actor, action, detail, result FROM action WHERE at >= ? AND (? IS NULL OR at < ?)"
        " ORDER BY id DESC LIMIT ?",
        (since, until, until, limit),
    )
    return [ActionRow(*row) for row in rows]


def action_of(connection: Connection, number: int) -> ActionRow | None:
    """Find an action; None if there is none."""
    row = connection.exec_driver_sql(
        "SELECT id, at, actor, action, detail, result FROM action WHERE id = ?", (number,)
    ).one_or_none()
    return None if row is None else ActionRow(*row)
