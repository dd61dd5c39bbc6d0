"""The schema: every table that syncd keeps. Times are whole milliseconds since the epoch, UTC.

The diff is the queue: whether a listing is due, how urgent it is and until when it waits are generated
columns, derived by the database from what is desired and what was confirmed. Nothing can forget to set them.
"""

from typing import Any

from sqlalchemy import Column, Computed, Index, Integer, text
from sqlmodel import Field, SQLModel


class Meta(SQLModel, table=True):
    """Facts about the database itself."""

    __tablename__ = "meta"

    key: str = Field(primary_key=True)
    value: str


class Source(SQLModel, table=True):
    """Where the truth is read."""

    __tablename__ = "source"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    active: bool = True
    read_at: int | None = None
    """When it was last read without fault."""
    data_at: int | None = None
    """As of when its data is: the file's modification time, or the time of the poll."""
    failing_since: int | None = None
    failure: str = ""
    trusted_at: int | None = None
    """When an import was taken in that a person or the archive vouched for: guards look no further back."""


def _counted() -> Any:
    return Field(default=0, sa_column_kwargs={"server_default": text("0")})


class Import(SQLModel, table=True):
    """One file, or one poll that changed something."""

    __tablename__ = "import"
    __table_args__ = (
        Index("import_by_source", "source_id", "state"),
        Index("import_applied", "source_id", "at", sqlite_where=text("state = 'applied'")),
    )

    id: int | None = Field(default=None, primary_key=True)
    source_id: int = Field(foreign_key="source.id")
    name: str
    contents: str
    """`snapshot` or `changes`."""
    state: str
    at: int
    """When it came in."""
    data_at: int
    sha256: str = ""
    format: str = ""
    rows: int = 0
    changed: int = 0
    bad: int = 0
    blank: int = 0
    negative: int = 0
    missing: int = 0
    zeroed: int = 0
    units_after: int = 0
    reason: str = ""
    claimed: str = ""
    """The name of its claimed file, empty once that lies where it belongs."""
    approved_at: int | None = None
    known: int = _counted()
    new: int = _counted()
    up: int = _counted()
    down: int = _counted()
    newly_missing: int = _counted()
    """Of what is missing, what the last snapshot still listed."""
    units_before: int = _counted()
    decreased: int = _counted()
    """Stock levels that were lowered while it is, or was, held."""
    held_at: int | None = None
    """When it was last held; what a crash cut off then was not let through by anyone."""
    notes: str = Field(default="", sa_column_kwargs={"server_default": text("''")})
    """What a person should know of how it was read, a line each."""


class ImportChange(SQLModel, table=True):
    """One of the largest changes that an import would make: kept when it is held."""

    __tablename__ = "import_change"

    import_id: int = Field(primary_key=True, foreign_key="import.id")
    position: int = Field(primary_key=True)
    """1 is the largest."""
    sku: str
    location: str
    before: int | None
    """None = new."""
    after: int
    missing: int
    """1: the import does not list it."""


class Stock(SQLModel, table=True):
    """A stock level: the quantity of one SKU at one location, as one source last said it."""

    __tablename__ = "stock"
    __table_args__: Any = (
        Index("stock_zeroed", "source_id", "zeroed_at", sqlite_where=text("zeroed_at IS NOT NULL")),
        Index("stock_missing", "source_id", "missing_at", sqlite_where=text("missing_at IS NOT NULL")),
        {"sqlite_with_rowid": False},
    )

    sku: str = Field(primary_key=True)
    location: str = Field(primary_key=True)
    source_id: int = Field(foreign_key="source.id")
    quantity: int
    import_id: int
    line: int
    missed: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    """0: the last accepted snapshot listed it. Else `state.staging.Missed`."""
    zeroed_at: int | None = None
    """When it went from above zero to zero; empty while it is above zero, or where it never was."""
    missing_at: int | None = None
    """When a snapshot first did not list it, 0 where that is not known; empty while it is listed."""


class PastLevel(SQLModel, table=True):
    """What a stock level was before its quantity changed; its next one, or the stock, came after."""

    __tablename__ = "past_level"
    __table_args__ = (Index("past_level_by_sku", "sku", "location"),)

    id: int | None = Field(default=None, primary_key=True)
    sku: str
    location: str
    source_id: int
    quantity: int
    import_id: int
    line: int
    missed: int
    until: int
    """When it changed."""


class Channel(SQLModel, table=True):
    """One account on one marketplace. Confirmed quantities belong to the account, not to the name."""

    __tablename__ = "channel"

    id: int | None = Field(default=None, primary_key=True)
    account: str = Field(unique=True)
    name: str
    active: bool = True
    plan: str = ""
    """`state.plans.ChannelPlan.as_text` of the plan in force."""
    held_at: int | None = None
    hold_code: str = ""
    hold_message: str = ""
    paused_until: int | None = None
    """The marketplace asked to wait until then."""
    paused_at: int | None = None
    """When it asked."""
    pace_per_second: float | None = None
    pace_burst: int | None = None
    pace_factor: float = Field(default=1.0, sa_column_kwargs={"server_default": text("1")})
    """What was learnt of its limit, see `state.records.Pace`."""
    pushed_at: int | None = None
    """When it last accepted a row."""
    planned: bool = Field(default=False, sa_column_kwargs={"server_default": text("0")})
    """Whether all its listings follow the plan in force; not so while another one is being applied."""
    following: str = Field(default="", sa_column_kwargs={"server_default": text("''")})
    """What tells the edit that is being applied from others; empty once it is."""


class WarehouseHold(SQLModel, table=True):
    """A warehouse of a channel that the marketplace refuses; its listings wait."""

    __tablename__ = "warehouse_hold"

    channel_id: int = Field(primary_key=True, foreign_key="channel.id")
    warehouse: str = Field(primary_key=True)
    held_at: int
    probe_at: int
    code: str
    message: str


CHANGED = "uncertain <> 0 OR confirmed IS NULL OR desired <> confirmed"
DUE = (
    "attempt_id IS NULL AND paused = 0 AND CASE WHEN refusal IS NULL THEN changed OR reassert_at IS NOT NULL"
    " ELSE not_before IS NOT NULL END"
)
WAIT_UNTIL = "CASE WHEN changed OR refusal IS NOT NULL THEN not_before ELSE reassert_at END"
RISK = (
    "CASE WHEN refusal IS NOT NULL OR NOT changed THEN 3"
    " WHEN desired = 0 AND may_show > 0 THEN 0"
    " WHEN desired < may_show THEN 1"
    " WHEN confirmed IS NULL OR desired > confirmed THEN 2"
    " ELSE 3 END"
)


def _derived(name: str, expression: str) -> Column[int]:
    return Column(name, Integer, Computed(expression, persisted=False))


class Listing(SQLModel, table=True):
    """The ledger: one listing of one channel, in one warehouse or the whole shop, and the SKU it shows."""

    __tablename__ = "listing"
    __table_args__: Any = (
        Index(
            "listing_ready", "channel_id", "warehouse", "risk", "changed_at",
            sqlite_where=text("due = 1 AND wait_until IS NULL"),
        ),
        Index(
            "listing_waiting", "channel_id", "warehouse", "risk", "wait_until",
            sqlite_where=text("due = 1 AND wait_until IS NOT NULL"),
        ),
        Index("listing_in_flight", "channel_id", "attempt_id", sqlite_where=text("attempt_id IS NOT NULL")),
        Index("listing_repeated", "channel_id", "reassert_at", sqlite_where=text("reassert_at IS NOT NULL")),
        Index("listing_refused", "channel_id", "warehouse", sqlite_where=text("refusal IS NOT NULL")),
        Index("listing_renamed", "channel_id", "sku", sqlite_where=text("identifier <> sku")),
        Index("listing_paused", "channel_id", "warehouse", sqlite_where=text("paused <> 0")),
        {"sqlite_with_rowid": False},
    )  # fmt: skip

    channel_id: int = Field(primary_key=True, foreign_key="channel.id")
    identifier: str = Field(primary_key=True)
    """What the marketplace calls it, see `state.plans.encode`: the SKU where nothing else is known."""
    warehouse: str = Field(primary_key=True)
    sku: str
    desired: int
    confirmed: int | None = None
    confirmed_at: int | None = None
    may_show: int
    """The highest quantity that the marketplace may be showing, as far as is known: the direction of risk."""
    uncertain: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    """1: an attempt left whose end is not known."""
    ambiguous: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    """1: an attempt may still be under way; the next positive answer schedules a repetition."""
    attempt_id: int | None = None
    """The attempt in flight: only its own outcome may settle the listing."""
    refusal: str | None = None
    not_before: int | None = None
    reassert_at: int | None = None
    changed_at: int
    """Since when it differs."""
    failures: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    """Failed attempts in a row that count against the listing."""
    batch_limit: int | None = None
    """A suspect travels with no more rows than this."""
    paused: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    """1: a rule says to leave it alone."""
    changed: int = Field(sa_column=_derived("changed", CHANGED))
    due: int = Field(sa_column=_derived("due", DUE))
    wait_until: int | None = Field(sa_column=_derived("wait_until", WAIT_UNTIL))
    risk: int = Field(sa_column=_derived("risk", RISK))


class Failure(SQLModel, table=True):
    """What went wrong with a listing that has failed since its last acceptance."""

    __tablename__ = "failure"
    __table_args__: Any = {"sqlite_with_rowid": False}

    channel_id: int = Field(primary_key=True, foreign_key="channel.id")
    identifier: str = Field(primary_key=True)
    warehouse: str = Field(primary_key=True)
    sku: str
    outcome: str
    reason: str
    code: str
    message: str
    attempts: int
    first_failed_at: int
    last_failed_at: int


class Push(SQLModel, table=True):
    """One request to a marketplace."""

    __tablename__ = "push"
    __table_args__ = (Index("push_by_channel", "channel_id", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    channel_id: int = Field(foreign_key="channel.id")
    started_at: int
    finished_at: int | None = None
    rows: int
    accepted: int = 0
    rejected: int = 0
    deferred: int = 0
    unknown: int = 0
    status: int | None = None
    code: str = ""
    message: str = ""
    request_id: str = ""
    batch_id: str = ""
    waited_rows: int = _counted()
    """Of its rows, those accepted that had changed; mere repetitions and full reconciles do not count."""
    waited_total: int = _counted()
    """How long all of these waited from their change until they were confirmed (ms)."""
    waited_most: int = _counted()
    """How long the longest of them waited (ms)."""


class Attempt(SQLModel, table=True):
    """One row in one request, with an identity of its own."""

    __tablename__ = "attempt"
    __table_args__ = (
        Index("attempt_by_listing", "channel_id", "sku"),
        Index("attempt_by_push", "push_id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    push_id: int = Field(foreign_key="push.id")
    channel_id: int
    sku: str
    warehouse: str
    quantity: int
    was_uncertain: int
    """What the listing was before, restored when the attempt certainly had no effect."""
    could_show: int
    outcome: str | None = None
    """Empty while in flight."""
    code: str = ""
    message: str = ""
    changed_at: int | None = None
    """Since when its listing differed as it was begun; empty for what merely asserts a quantity anew."""
    identifier: str = Field(default="", sa_column_kwargs={"server_default": text("''")})
    """What the marketplace was told it is called."""
