"""Looking ahead: a copy of the state to try things on, and what would be pushed from it."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from state import dialect
from state.dialect import READY_INDEX, WAITING_INDEX
from state.records import Risk

_COLUMNS = (
    "sku, warehouse, risk, confirmed, desired, identifier,"
    " confirmed IS NULL OR confirmed <> desired AS changing"
)
_READY = (
    f"SELECT {_COLUMNS} FROM listing {READY_INDEX} WHERE channel_id = ? AND due = 1 AND wait_until IS NULL"
)
_RIPE = (
    f"SELECT {_COLUMNS} FROM listing {WAITING_INDEX}"
    " WHERE channel_id = ? AND due = 1 AND wait_until IS NOT NULL AND wait_until <= ?"
)
_DUE = f"{_READY} UNION ALL {_RIPE}"


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """A listing that would be pushed. `confirmed` None = the marketplace never took a quantity."""

    sku: str
    warehouse: str
    confirmed: int | None
    desired: int
    identifier: str
    """What the marketplace calls it, as `state.plans.encode` writes it."""


def make_empty(path: Path) -> None:
    """Make a database without any table, for what needs one to stand beside."""
    with closing(dialect.connect(path, readonly=False)) as connection:
        connection.execute("PRAGMA user_version")


def copy_database(source: Path, target: Path) -> None:
    """Copy a state database as it is at one moment, beside whoever writes it; the copy holds all of it."""
    with (
        closing(dialect.connect(source, readonly=True)) as original,
        closing(dialect.connect(target, readonly=False)) as copy,
    ):
        original.backup(copy)


def count_planned(
    connection: Connection, channel_id: int, now: int, skus: Sequence[str] | None
) -> dict[Risk, int]:
    """Count what would be pushed now (of these SKUs, None = all), by class of risk."""
    where, parameters = _in_scope(channel_id, now, skus)
    counts = dict.fromkeys(Risk, 0)
    for risk, count in connection.exec_driver_sql(
        f"SELECT risk, count(*) FROM ({_DUE}){where} GROUP BY risk", parameters
    ):
        counts[Risk(risk)] = count
    return counts


def largest_changes(
    connection: Connection, channel_id: int, now: int, skus: Sequence[str] | None, limit: int
) -> list[PlannedChange]:
    """List what would change most, as far as the marketplace's last word is known; repetitions do not."""
    where, parameters = _in_scope(channel_id, now, skus)
    return [
        PlannedChange(*row)
        for row in connection.exec_driver_sql(
            f"SELECT sku, warehouse, confirmed, desired, identifier FROM ({_DUE}){where} AND changing"
            " ORDER BY abs(desired - coalesce(confirmed, 0)) DESC, sku, identifier, warehouse LIMIT ?",
            (*parameters, limit),
        )
    ]


def _in_scope(channel_id: int, now: int, skus: Sequence[str] | None) -> tuple[str, tuple[object, ...]]:
    parameters: tuple[object, ...] = (channel_id, channel_id, now)
    if skus is None:
        return " WHERE true", parameters
    return f" WHERE sku IN ({', '.join('?' * len(skus))})", (*parameters, *skus)
