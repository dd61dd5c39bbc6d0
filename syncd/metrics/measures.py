"""What is measured when somebody asks: the names, units and meanings of gauges that follow from the state."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """A gauge: its name, its meaning in one line, its labels."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """A value of a measure, with a value for each of its labels."""

    measure: Measure
    labels: tuple[str, ...]
    value: float


_CHANNEL, _SOURCE = ("channel",), ("source",)

LISTINGS = Measure("syncd_listings", "Listings by state: each is in exactly one", ("channel", "state"))
DUE = Measure("syncd_due_listings", "Listings that may be pushed now, by risk", ("channel", "risk"))
OLDEST_DUE = Measure(
    "syncd_oldest_due_age_seconds", "For how long the oldest of the due listings has been due", _CHANNEL
)
SOLD_OUT = Measure(
    "syncd_sold_out_waiting_listings",
    "Listings that should show nothing, while the marketplace may still offer them",
    _CHANNEL,
)
SOLD_OUT_WAITING = Measure(
    "syncd_sold_out_waiting_seconds",
    "For how long the oldest of them has waited, be it due, deferred, held or refused",
    _CHANNEL,
)
FAILED = Measure("syncd_failed_listings", "Listings that failed since they were last accepted", _CHANNEL)
LAST_PUSH = Measure(
    "syncd_last_push_timestamp_seconds", "When the marketplace last accepted a row; absent: never", _CHANNEL
)
ENABLED = Measure("syncd_channel_enabled", "1: the channel is pushed to; 0: it is switched off", _CHANNEL)
HELD = Measure("syncd_channel_held", "1: the channel is held until a person mends its cause", _CHANNEL)
WAREHOUSES_HELD = Measure("syncd_warehouses_held", "Warehouses that the marketplace refuses", _CHANNEL)
PLAN_HELD = Measure("syncd_plan_held", "1: an edit of what the channel shows waits for a person", _CHANNEL)
PLAN_REFUSED = Measure(
    "syncd_plan_refused", "1: what is configured of the channel is not followed: it is wrong", _CHANNEL
)
UNREACHABLE = Measure(
    "syncd_unreachable_seconds",
    "For how long the marketplace has not answered as it should; 0: it does",
    _CHANNEL,
)
PAUSE_LEFT = Measure(
    "syncd_pause_remaining_seconds", "For how long nothing is sent, as the marketplace asked", _CHANNEL
)
ROWS_PACE = Measure(
    "syncd_pace_rows_per_second", "Rows that may leave a second now; absent: not limited", _CHANNEL
)
REQUESTS_PACE = Measure(
    "syncd_pace_requests_per_second", "Requests that may leave a second now; absent: not limited", _CHANNEL
)
ROWS_CEILING = Measure(
    "syncd_ceiling_rows_per_second", "Rows a second at most, as configured or announced", _CHANNEL
)
REQUESTS_CEILING = Measure(
    "syncd_ceiling_requests_per_second", "Requests a second at most, as configured or announced", _CHANNEL
)
CLOCK_OFFSET = Measure(
    "syncd_clock_offset_seconds",
    "By how much the marketplace's clock is ahead of this machine's; absent: not known",
    _CHANNEL,
)
LEVELS = Measure("syncd_stock_levels", "Stock levels that the source has said", _SOURCE)
MISSED = Measure("syncd_stock_levels_missed", "Of these, those that its last snapshot did not list", _SOURCE)
DATA_AT = Measure(
    "syncd_source_data_timestamp_seconds", "As of when the source's data is; absent: never read", _SOURCE
)
READ_AT = Measure(
    "syncd_source_read_timestamp_seconds", "When the source was last read; absent: never", _SOURCE
)
MAX_AGE = Measure("syncd_source_max_age_seconds", "How old its data may be, as configured", _SOURCE)
STALE = Measure("syncd_source_stale", "1: its data is older than that, or there is none", _SOURCE)
FAILING = Measure("syncd_source_failing", "1: it cannot be read", _SOURCE)
IMPORTS_HELD = Measure("syncd_imports_held", "Imports that wait for a person", _SOURCE)
ALERTS = Measure(
    "syncd_alerts_standing", "Alerts that syncd itself has raised and that are not over", ("kind",)
)
DATABASE_BYTES = Measure("syncd_state_database_bytes", "Size of the state database")
WAL_BYTES = Measure("syncd_state_wal_bytes", "Size of its write-ahead log")
DISK_FREE = Measure("syncd_state_disk_free_bytes", "Free on the file system of the state database")
DISK_SIZE = Measure("syncd_state_disk_size_bytes", "Size of that file system")
READABLE = Measure(
    "syncd_state_readable", "0: the state database could not be read; figures that follow from it are absent"
)
READING_SECONDS = Measure(
    "syncd_state_reading_duration_seconds", "How long the state database was read for these figures"
)
READING_AT = Measure(
    "syncd_state_reading_timestamp_seconds", "When it was: figures of listings and sources are of then"
)

MEASURES: Sequence[Measure] = tuple(value for value in list(globals().values()) if isinstance(value, Measure))
