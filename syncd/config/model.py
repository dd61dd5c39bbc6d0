"""The tables of syncd.toml as frozen values, with every default.

Durations are seconds (float), shares are parts per million (int), paths are absolute once loaded.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, ValidationInfo, field_validator, model_validator

from connectors.contract import Limits, Plugin
from syncd.config.alerts import AlertsConfig
from syncd.config.plan_files import BundlesConfig, ListingsConfig
from syncd.config.rules import RulesConfig, RuleTable
from syncd.config.server import ServerConfig
from syncd.config.table import Table
from syncd.config.values import (
    PARTS_PER_MILLION,
    GuardShare,
    LocalPath,
    Location,
    Schedule,
    Seconds,
    SecondsOrOff,
    Texts,
)
from syncd.core.name_times import TimeInName

_PERCENT = PARTS_PER_MILLION // 100
_SQLITE = "sqlite:///"
_ENDINGS = ("csv", "tsv", "xlsx", "xls", "ods", "json", "jsonl", "ndjson", "gz", "zip")
_PATTERNS = tuple(f"*.{ending}" for ending in _ENDINGS)
_MOST_UNITS = 1_000_000_000
_MOST_AT_ONCE = 1_000_000
_LONGEST_MARKER_BYTES = 50


class StateConfig(Table):
    """Where the ledger is kept."""

    url: str = Field(default=f"{_SQLITE}state.db", validate_default=True)
    """`sqlite:///` and a path; once loaded the path is absolute."""

    @property
    def path(self) -> Path:
        """The database file."""
        return Path(self.url.removeprefix(_SQLITE))

    @field_validator("url")
    @classmethod
    def _make_absolute(cls, url: str, info: ValidationInfo) -> str:
        name = url.removeprefix(_SQLITE)
        if not url.startswith(_SQLITE):
            raise ValueError('must begin with "sqlite:///": other databases are not supported yet')
        if not name or name == ":memory:" or any(sign in name for sign in "?#\0"):
            raise ValueError('must name a file and no options, such as "sqlite:///state.db"')
        directory: Path = (info.context or {}).get("state_directory", Path())
        return f"{_SQLITE}{directory / name}"


class LoggingConfig(Table):
    """How log lines look, and which are written."""

    format: Literal["auto", "json"] = "auto"
    """`auto`: for people on a terminal, fit for the journal under systemd."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is written."""


class HistoryConfig(Table):
    """How much of the past is remembered: whichever of both ends first."""

    keep: Seconds = 30 * 24 * 3600.0
    """For so long: attempts, what stock levels were, and the records of imports."""
    max_rows: int = Field(default=5_000_000, ge=1_000, le=_MOST_UNITS)
    """So many attempts at most, and as many past values of stock levels."""


class GuardConfig(Table):
    """Shares beyond which an import is held, or its file rejected; `off` turns a guard off."""

    max_missing: GuardShare = 20 * _PERCENT
    """Of the SKUs known, those absent from a snapshot."""
    max_zeroed: GuardShare = 10 * _PERCENT
    """Of the SKUs above zero, those going to zero."""
    max_drop: GuardShare = 50 * _PERCENT
    """Of all units, those gone."""
    max_bad_rows: GuardShare = 5 * _PERCENT
    """Of the rows of a file, those that cannot be read."""


class _Source(Table):
    path: LocalPath
    """The folder, or the database file."""
    location: Location | None = None
    """All that this source says lies there; a row that names another location is a bad row. Default: where
    its rows say."""
    duplicates: Literal["reject", "sum", "last", "min"] = "reject"
    """The same SKU and location twice: `reject` makes bad rows of them."""
    missing: Literal["keep", "zero"] = "keep"
    """What becomes of a known SKU that a snapshot does not list."""
    on_hold: Literal["nothing", "decreases"] = "nothing"
    """What of an import applies while it is held."""
    max_age: Seconds = 24 * 3600.0
    """Older data than this raises an alert and stops a full reconcile."""
    guard: GuardConfig = GuardConfig()


class ColumnsConfig(Table):
    """The header of each column, exactly as the file writes it; those left out are recognised."""

    sku: str | None = Field(default=None, min_length=1)
    """The SKU."""
    quantity: str | None = Field(default=None, min_length=1)
    """The quantity."""
    location: str | None = Field(default=None, min_length=1)
    """Where stock lies; without such a column, it lies in one place."""

    @model_validator(mode="after")
    def _name_different_headers(self) -> Self:
        headers = [header for header in (self.sku, self.quantity, self.location) if header is not None]
        if len(set(headers)) < len(headers):
            raise ValueError("names one header for two columns")
        return self


class DropSource(_Source):
    """A watched folder into which export files are dropped."""

    type: Literal["drop"] = "drop"
    """What kind of source this is."""
    pattern: Texts = _PATTERNS
    """Names of files to take; others are left alone."""
    contents: Literal["snapshot", "changes"] = "snapshot"
    """Whether a file lists every SKU of its source, or only some."""
    columns: ColumnsConfig = ColumnsConfig()
    numbers: Literal["auto", "1234", "1.234,5", "1,234.5"] = "auto"
    """How quantities are written; `auto` refuses the rows where it cannot tell."""
    sheet: str | None = Field(default=None, min_length=1)
    """The sheet of a workbook; default: the one visible sheet that has the columns."""
    trailer: str | None = None
    """What the last row of a complete CSV or TSV file says; `{rows}`: the number of rows before it."""
    settle: Seconds = 2.0
    """A file that is unchanged for so long is completely written."""
    scan: Seconds = 5.0
    """How often the folder is looked through, besides at once when something in it changes."""
    marker: str = ""
    """What the name of a marker has behind that of its file, such as `.ok`: without its marker a file is not
    complete. Default: none is needed."""
    timestamp: str | None = None
    """The time of the data as file names hold it, in strptime directives; default: their modification."""
    retention: SecondsOrOff = 90 * 24 * 3600.0
    """How long files in `archive/` and `rejected/` are kept; `off`, for changes the default: for ever."""

    @model_validator(mode="before")
    @classmethod
    def _keep_all_changes(cls, table: Any) -> Any:
        """Turn retention off unless it is asked for: a lost state is made again from all changes."""
        if isinstance(table, dict) and table.get("contents") == "changes":
            return {"retention": "off", **table}
        return table

    @field_validator("pattern")
    @classmethod
    def _match_names_only(cls, pattern: tuple[str, ...]) -> tuple[str, ...]:
        if not pattern or not all(pattern):
            raise ValueError('must name at least one pattern, such as "*.csv"')
        if any("/" in each for each in pattern):
            raise ValueError('must match file names, without "/"')
        return pattern

    @field_validator("trailer")
    @classmethod
    def _can_be_told_from_rows(cls, trailer: str | None) -> str | None:
        if trailer is not None and not re.fullmatch(r"[^{}]*[^{}\s][^{}]*(\{rows\}[^{}]*)?", trailer):
            raise ValueError('must be a text, then at most once {rows}, such as "END,{rows}"')
        return trailer

    @field_validator("marker")
    @classmethod
    def _is_an_end_of_a_name(cls, marker: str) -> str:
        if not (marker.isprintable() and 0 < len(marker.encode()) <= _LONGEST_MARKER_BYTES) or "/" in marker:
            raise ValueError(
                'must be what stands behind the name of the file, such as ".ok": without "/", at most '
                f"{_LONGEST_MARKER_BYTES} bytes"
            )
        return marker

    @field_validator("timestamp")
    @classmethod
    def _tells_a_day(cls, timestamp: str | None) -> str | None:
        if timestamp is not None:
            TimeInName(timestamp)
        return timestamp

    @model_validator(mode="after")
    def _only_snapshots_miss_something(self) -> Self:
        if self.contents == "changes" and self.missing == "zero":
            raise ValueError('missing = "zero" needs contents = "snapshot": changes never list everything')
        return self


class SqliteSource(_Source):
    """A query on somebody else's SQLite database, opened read-only."""

    type: Literal["sqlite"] = "sqlite"
    """What kind of source this is."""
    query: str
    """Gives the columns `sku` and `quantity`, and `location` where stock lies in several places."""
    poll: Seconds = 5.0
    """How often it is asked, besides at once when the file changes."""

    @field_validator("query")
    @classmethod
    def _is_not_empty(cls, query: str) -> str:
        if not query.strip():
            raise ValueError('must be a query, such as "SELECT sku, location, quantity FROM stock"')
        return query


SourceConfig = DropSource | SqliteSource
"""Told apart by `type`."""

SOURCE_TYPES: Mapping[str, type[DropSource | SqliteSource]] = {"drop": DropSource, "sqlite": SqliteSource}


class LimitsTable(Table):
    """The limits that a person set; those left out are the connector's own."""

    rows_per_request: int | None = Field(default=None, ge=1, le=_MOST_AT_ONCE)
    """Rows in one request, up to what the marketplace allows."""
    rows_per_second: float | None = Field(default=None, gt=0)
    """A ceiling of the pace, where the marketplace counts rows."""
    requests_per_second: float | None = Field(default=None, gt=0)
    """A ceiling of the pace, where it counts requests."""
    burst: int | None = Field(default=None, ge=1, le=_MOST_AT_ONCE)
    """What may go at once, in what the marketplace counts."""
    in_flight: int | None = Field(default=None, ge=1, le=64)
    """Requests under way at a time."""
    timeout: Seconds | None = None
    """So long may a whole request take, answer included."""
    bucket: str | None = Field(default=None, min_length=1)
    """Channels that name the same one share their pace."""


class ChannelTable(Table):
    """The keys that every channel may have, whatever its connector."""

    connector: str
    """The marketplace: the name of an installed connector."""
    sources: Texts | None = None
    """Which sources feed it; default: all."""
    warehouses: Literal["single"] | dict[str, str] | None = None
    """Location = warehouse of the marketplace; a location that is not named is not sold here. `single`: all
    locations add up to one stock."""
    enabled: bool = True
    """`false`: nothing is sent."""
    reassert_after: Seconds = 600.0
    """How long a request that was never answered may still take effect: so long after their next positive
    answer its rows are pushed once more."""
    locations: Texts | None = None
    """Which locations add up where `warehouses` is no table; default: all."""
    only_listed: bool = False
    """`true`: only SKUs that `listings` names are sold here; others are neither sent nor failures."""
    limits: LimitsTable = LimitsTable()
    rules: RuleTable = RuleTable()
    listings: ListingsConfig | None = None

    @field_validator("warehouses", mode="before")
    @classmethod
    def _map_locations(cls, warehouses: object) -> object:
        if warehouses is None or warehouses == "single":
            return warehouses
        if not isinstance(warehouses, dict) or not warehouses:
            raise ValueError('must be "single", or a table such as { JKT = "1610" }: location = warehouse')
        for location, warehouse in warehouses.items():
            if not isinstance(warehouse, str) or not warehouse.strip():
                raise ValueError(f'must give location "{location}" a warehouse in quotes, such as "1610"')
        return warehouses


class ReconcileConfig(Table):
    """When every listing is asserted anew."""

    full_at: Schedule = ""
    """When every listing is asserted anew; it may overwrite sales that the source has not heard of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelConfig:
    """One account on one marketplace, ready to be connected; durations are in seconds.

    `settings` is an instance of `plugin.settings`. `warehouses` maps a location to a warehouse; None =
    those of `locations`, or all, add up to one stock of the whole shop. `limits` are complete; `limits_set`
    names those of them that a person set. Channels with the same `bucket` share one pace.
    """

    name: str
    connector: str
    plugin: Plugin[Any]
    settings: BaseModel
    sources: tuple[str, ...]
    limits: Limits
    limits_set: frozenset[str] = frozenset()
    bucket: str | None = None
    warehouses: Mapping[str, str] | None = None
    rules: RuleTable = field(default_factory=RuleTable)
    reassert_after: float = 600.0
    enabled: bool = True
    locations: tuple[str, ...] | None = None
    listings: ListingsConfig | None = None
    only_listed: bool = False

    @property
    def account(self) -> str:
        """The identity of the account behind the settings: confirmed quantities belong to it."""
        return self.plugin.account(self.settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole configuration.

    `warnings` are for the operator: it loads, but something wants a look; each says what, and behind its last
    colon what to do. `share_warnings` are those of them that are about shares of one stock.
    """

    base_directory: Path
    state: StateConfig = field(default_factory=StateConfig)
    server: ServerConfig = field(default_factory=ServerConfig)
    logging: LoggingConfig = field(default_factory=LoggingConfig)
    history: HistoryConfig = field(default_factory=HistoryConfig)
    sources: Mapping[str, SourceConfig] = field(default_factory=dict)
    channels: Mapping[str, ChannelConfig] = field(default_factory=dict)
    rules: RulesConfig = field(default_factory=RulesConfig)
    bundles: BundlesConfig | None = None
    reconcile: ReconcileConfig = field(default_factory=ReconcileConfig)
    alerts: AlertsConfig = field(default_factory=AlertsConfig)
    warnings: tuple[str, ...] = ()
    share_warnings: tuple[str, ...] = ()
    fingerprint: str = ""
    """Differs where the text of the file differs."""
