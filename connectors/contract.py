"""The language that connectors and syncd share: stock updates out, one outcome for each back.

A connector says absolute quantities to one account of one marketplace. It never retries, sleeps, reads a
clock of its own or knows the ledger; pace, order, memory and repetition are the caller's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

from pydantic import BaseModel

if TYPE_CHECKING:  # commands that only read need no HTTP
    import httpx


class Identifier(NamedTuple):
    """What a marketplace knows a listing by.

    `kind` is its own word for that (`sku`, `product_id`), one of `Capabilities.identifier_kinds`; `value` is
    text, compared exactly.
    """

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class StockUpdate:
    """The absolute quantity that one listing shall show.

    `sku` is the seller's own, compared exactly; `warehouse` the marketplace's identifier of a location, ""
    for the whole shop; `quantity` whole units, zero or more. `identifier`: what the marketplace knows the
    listing by, None = by that SKU. One SKU may have several listings.
    """

    sku: str
    warehouse: str
    quantity: int
    identifier: Identifier | None = None

    @property
    def listed_as(self) -> Identifier:
        """What the marketplace knows the listing by; with `warehouse`, it tells listings apart."""
        return self.identifier or Identifier("sku", self.sku)


class OutcomeKind(StrEnum):
    """What an attempt came to."""

    ACCEPTED = "accepted"
    """The marketplace positively took this quantity for this row."""
    REJECTED = "rejected"
    """The marketplace refused this row, and will again until something changes."""
    DEFERRED = "deferred"
    """Not taken now, for no fault of the row (throttled)."""
    UNKNOWN = "unknown"
    """The answer proves nothing for this row."""


class Reason(StrEnum):
    """Why a row was not accepted, in terms of what may wake it."""

    NONE = ""
    NOT_LISTED = "not_listed"
    """The marketplace does not know the SKU: a changed quantity does not help."""
    QUANTITY = "quantity"
    """Refused for its value, or for a cause that names none: another quantity may help."""
    WAREHOUSE = "warehouse"
    """Refused for its warehouse: the other warehouses may work."""
    THROTTLED = "throttled"
    """Beyond the marketplace's pace."""
    UNANSWERED = "unanswered"
    """The answer does not name the row, or contradicts itself about it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the marketplace made of one update. `code` and `message` are its own words, shortened."""

    update: StockUpdate
    kind: OutcomeKind
    reason: Reason = Reason.NONE
    code: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a marketplace's answer said about its limit; None where it said nothing usable.

    `per_second` and `burst` count what the marketplace counts (see `Capabilities.rows_are_counted`);
    `remaining` is what is left now; `reset_after` the seconds until some of it comes back.
    """

    per_second: float | None = None
    burst: int | None = None
    remaining: int | None = None
    reset_after: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one push: exactly one outcome for each update, in the order of the updates.

    `request_id` and `batch_id` are the marketplace's own, where it gave any. `server_time` is when
    it answered by its own clock, in seconds since the epoch (a `Date` header cuts it to whole seconds).
    """

    outcomes: tuple[Outcome, ...]
    status: int = 200
    request_id: str = ""
    batch_id: str = ""
    allowance: Allowance = field(default_factory=Allowance)
    server_time: float | None = None


@dataclass(frozen=True, slots=True)
class AccountCheck:
    """How an account answered something harmless. What the marketplace did not tell is None.

    `said` is one line for people. `may_update`: whether the account may set stock. `warehouses`: all that the
    marketplace names for this account, as in updates. `allowance`: what the answer said of the limit of this
    very call, which need not be that of stock updates. `server_time` as in `Answer`.
    """

    said: str
    may_update: bool | None = None
    warehouses: tuple[str, ...] | None = None
    allowance: Allowance = field(default_factory=Allowance)
    server_time: float | None = None


class Grouping(StrEnum):
    """Which updates may share a request."""

    WAREHOUSE = "warehouse"
    """One warehouse a request."""
    SKU = "sku"
    """Any; all updates of one SKU (or other identifier) in a request form one row of the marketplace's."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How fast and how much at once; None = no limit of that kind.

    `rows_per_second` and `requests_per_second` are sustained rates, `burst` what may go at once (in rows
    where rows are counted, else in requests), `in_flight` requests at a time, `timeout` the seconds that a
    whole request may take, answer included.
    """

    rows_per_request: int
    rows_per_second: float | None
    requests_per_second: float | None
    burst: int
    in_flight: int
    timeout: float


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a marketplace can and cannot do, as data.

    `max_rows_per_request`: its hard limit, None where it states none. `max_sku_length`: in characters, of
    what is named by SKU; None = any. `rows_are_counted`: each row counts against the rate limit, so a request
    may not carry more rows than the burst. `asynchronous`: accepted is not yet applied, so two requests for
    one listing may overtake each other. `whole_shop_by_default`: a channel without `warehouses` is one stock
    for the whole shop; where False, the seller must say so. `identifier_kinds`: what listings can be known
    by. `identifier_forms`: by kind, the regular expression that the whole of each value matches; of two that
    mean the same it allows one (`7`, not `007`).
    """

    grouping: Grouping
    max_rows_per_request: int | None
    max_sku_length: int | None
    rows_are_counted: bool
    asynchronous: bool
    whole_shop_by_default: bool
    limits: Limits
    identifier_kinds: tuple[str, ...] = ("sku",)
    identifier_forms: Mapping[str, str] = field(default_factory=dict)


class Connector(Protocol):
    """Speaks to one account of one marketplace. A `ConnectorError` is all that its methods may raise."""

    async def push(self, updates: Sequence[StockUpdate], /) -> Answer:
        """Set the stock of these listings.

        The caller promises: at least one update, no listing (`listed_as` in a warehouse) twice, identifiers
        as `Capabilities` says, at most `max_rows_per_request`, and what `Grouping` says.
        """
        ...

    async def renew(self) -> None:
        """Renew what requests are authorised with, after `AuthenticationExpired`: token, clock offset."""
        ...

    async def check(self) -> AccountCheck:
        """Ask the marketplace something harmless, and tell how the account answered."""
        ...

    async def aclose(self) -> None:
        """Close connections; the connector is not used again."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a connector is given of the world: the wall clock, the time a call may take, the transport.

    `now` gives seconds since the epoch. `transport` is None for real connections.
    """

    now: Callable[[], float]
    timeout: float
    in_flight: int = 4
    transport: "httpx.AsyncBaseTransport | None" = None


SettingsT = TypeVar("SettingsT", bound=BaseModel)


def _no_addresses(_settings: BaseModel) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Plugin(Generic[SettingsT]):
    """What an entry point of the group `syncd.connectors` resolves to.

    `settings`: a frozen pydantic model that forbids unknown keys. `account`: the identity of the account
    behind the settings (base URL and shop), free of secrets: confirmed quantities belong to it. `example`:
    a commented TOML table for one channel, for `syncd init`. `addresses`: the URLs that its requests go to,
    for `syncd check --online`, which goes the way there step by step.
    """

    settings: type[SettingsT]
    capabilities: Capabilities
    account: Callable[[SettingsT], str]
    connect: Callable[[SettingsT, Surroundings], Connector]
    example: str
    addresses: Callable[[SettingsT], tuple[str, ...]] = _no_addresses
