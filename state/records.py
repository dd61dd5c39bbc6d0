"""Plain values that the ledger and those who decide exchange. Times are ms since the epoch, UTC."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

MAX_QUANTITY = 2**31 - 1
"""The most that is ever shown."""


class Refusal(StrEnum):
    """Why a listing is rejected, in terms of what wakes it."""

    NOT_LISTED = "not_listed"
    """The marketplace does not know it: a probe once a day, `syncd retry` or a changed mapping wakes it."""
    QUANTITY = "quantity"
    """Refused for its value: a changed desired quantity wakes it."""


class ImportState(StrEnum):
    """What became of a file or poll that came in. `APPLYING` is left only by a crash, and resumed."""

    APPLYING = "applying"
    APPLIED = "applied"
    UNCHANGED = "unchanged"
    HELD = "held"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"


class Risk(IntEnum):
    """Classes of urgency; see the generated column `Listing.risk`."""

    TO_ZERO = 0
    DECREASE = 1
    INCREASE = 2
    REPETITION = 3


@dataclass(frozen=True, slots=True)
class DueListing:
    """A listing that may be pushed now.

    `since`: since when it is due, or the end of its wait. `changed`: it differs or is uncertain; otherwise it
    is a mere repetition. `differs_since`: since when its desired quantity is not the confirmed one; None
    where it is, and is only asserted anew.
    """

    sku: str
    warehouse: str
    desired: int
    risk: Risk
    since: int
    failures: int
    batch_limit: int | None
    changed: bool
    differs_since: int | None = None
    identifier: str = ""
    """What the marketplace calls it, as `state.plans.encode` writes it."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One row of a push whose intent is committed. `failures` counts those before it.

    `changed_at`: since when its listing differed from what was confirmed; None where it did not.
    """

    id: int
    sku: str
    warehouse: str
    quantity: int
    failures: int
    changed_at: int | None = None
    identifier: str = ""
    """What the marketplace calls its listing, as `state.plans.encode` writes it."""


@dataclass(frozen=True, slots=True)
class Push:
    """A request whose intent is committed: from here on it may leave."""

    id: int
    channel_id: int
    started_at: int
    attempts: tuple[Attempt, ...]


class After(StrEnum):
    """What an attempt leaves its listing as."""

    CONFIRMED = "confirmed"
    """The marketplace positively took the quantity."""
    UNTOUCHED = "untouched"
    """It certainly had no effect: the listing is what it was before."""
    UNCERTAIN = "uncertain"
    """It ended, how is not known."""
    AMBIGUOUS = "ambiguous"
    """It may still be under way."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What becomes of one attempt's listing.

    `outcome`, `reason`, `code` and `message` are kept for people. `charged`: it counts as a failed attempt.
    `not_before`: when it may be tried again, None = at once (or, with a refusal, when it is woken).
    """

    attempt: Attempt
    after: After
    outcome: str
    reason: str = ""
    code: str = ""
    message: str = ""
    charged: bool = False
    refusal: Refusal | None = None
    not_before: int | None = None
    batch_limit: int | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """What was learnt of a marketplace's limit, to go on with after a restart.

    `per_second` and `burst` as the marketplace announced them, in what it counts, None where it never did;
    `factor`: the share of that pace that its refusals have left.
    """

    per_second: float | None = None
    burst: int | None = None
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class PushEnd:
    """How a request as a whole ended, for people."""

    status: int | None = None
    code: str = ""
    message: str = ""
    request_id: str = ""
    batch_id: str = ""
