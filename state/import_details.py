"""What one import was found to be, and what it would do: for people who decide on it."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import Connection

from state.plan_standing import CONCERNS_PRESENT, PLAN, PLAN_OF

COUNTS: Final = (
    "known", "new", "up", "down", "zeroed", "missing", "newly_missing", "units_before", "units_after",
    "decreased",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ImportDetail:
    """How an import was read, and how it differs from what its source said before.

    `missing` counts all above zero that it does not list, `newly_missing` those that the last snapshot
    listed; `decreased`: stock levels that were lowered while it was held. `notes`: a line each.
    """

    id: int
    source: str
    name: str
    state: str
    rows: int
    changed: int
    bad: int
    reason: str
    at: int
    contents: str
    format: str
    notes: str
    blank: int
    negative: int
    known: int
    new: int
    up: int
    down: int
    zeroed: int
    missing: int
    newly_missing: int
    units_before: int
    units_after: int
    decreased: int

    @property
    def is_plan(self) -> bool:
        """Whether it is an edit of what a channel shows: its figures count listings, and no stock levels."""
        return self.contents == PLAN

    @property
    def channel(self) -> str:
        """The channel whose plan was edited; "" where none was."""
        return self.source.removeprefix(PLAN_OF) if self.is_plan else ""


@dataclass(frozen=True, slots=True)
class LargeChange:
    """One of the largest changes that a held import would make. `before` None = new."""

    sku: str
    location: str
    before: int | None
    after: int
    missing: bool


_DETAIL: Final = (
    "SELECT i.id, s.name, i.name, i.state, i.rows, i.changed, i.bad, i.reason, i.at, i.contents,"
    " i.format, i.notes, i.blank, i.negative, i.known, i.new, i.up, i.down, i.zeroed, i.missing,"
    " i.newly_missing, i.units_before, i.units_after, i.decreased"
    " FROM import i JOIN source s ON s.id = i.source_id"
)


def import_detail(connection: Connection, import_id: int) -> ImportDetail | None:
    """Find an import; None if there is none."""
    row = connection.exec_driver_sql(f"{_DETAIL} WHERE i.id = ?", (import_id,)).one_or_none()
    return None if row is None else ImportDetail(*row)


def held_details(connection: Connection, limit: int = 20) -> list[ImportDetail]:
    """List the imports that wait for a person, newest first."""
    rows = connection.exec_driver_sql(
        f"{_DETAIL} WHERE i.state = 'held' AND {CONCERNS_PRESENT} ORDER BY i.id DESC LIMIT ?", (limit,)
    )
    return [ImportDetail(*row) for row in rows]


def largest_changes(connection: Connection, import_id: int) -> list[LargeChange]:
    """List the largest changes that an import would make, as they were when it was last held."""
    rows = connection.exec_driver_sql(
        'SELECT sku, location, "before", "after", missing FROM import_change WHERE import_id = ?'
        " ORDER BY position",
        (import_id,),
    )
    return [
        LargeChange(sku, location, was, then, bool(missing)) for sku, location, was, then, missing in rows
    ]


def effect_of(connection: Connection, import_id: int) -> dict[str, Any]:
    """Give what an import does, or would do: its counts, and its largest changes if it was held."""
    detail = import_detail(connection, import_id)
    counts = {} if detail is None else {key: getattr(detail, key) for key in COUNTS}
    return {**counts, "largest": [asdict(change) for change in largest_changes(connection, import_id)]}


def newest_notes(connection: Connection, words: str) -> list[tuple[str, int, str]]:
    """Give source, id and notes of each configured source's newest import, if `words` are in its notes."""
    rows = connection.exec_driver_sql(
        "SELECT s.name, i.id, i.notes FROM source s JOIN import i ON i.id ="
        " (SELECT max(id) FROM import WHERE source_id = s.id)"
        " WHERE s.active AND instr(i.notes, ?) ORDER BY s.name",
        (words,),
    )
    return [(source, import_id, notes) for source, import_id, notes in rows.fetchall()]
