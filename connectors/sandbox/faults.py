"""What can go wrong on demand: scripted for the next calls, or at random."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter


class Call(StrEnum):
    """The kinds of request that a fault can hit."""

    PUSH = "push"
    TOKEN = "token"  # noqa: S105 - a kind of call
    READ = "read"


class FaultKind(StrEnum):
    """What the client sees."""

    NONE = "none"
    LATENCY = "latency"
    """As usual, after `before` seconds ahead of taking effect and `after` seconds behind it."""
    STATUS = "status"
    """`status` with `body`, `code`, `message` and `headers`."""
    RESET = "reset"
    """The connection is reset before the answer."""
    RESET_MIDWAY = "reset_midway"
    """The connection is reset in the middle of the answer."""
    HANG = "hang"
    """No answer until the client gives up."""
    GARBAGE = "garbage"
    """A 200 that is a web page."""
    TRUNCATED = "truncated"
    """A 200 whose JSON ends in the middle."""
    ROW_MISSING = "row_missing"
    """One row is not in the answer."""
    MISCOUNT = "miscount"
    """The counts of the answer do not add up."""
    ROWS_REFUSED = "rows_refused"
    """Each row fails, with `code` and `message`."""
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - a kind of fault
    """The token that the call carries is no longer valid."""
    CLOCK_SKEW = "clock_skew"
    """The marketplace's clock is `skew` seconds ahead."""
    LIE = "lie"
    """Answered as usual, never applied."""
    LATE = "late"
    """Answered as usual, applied `delay` seconds late."""
    TWICE = "twice"
    """Answered as usual, applied at once and once more `delay` seconds later."""


class Effect(StrEnum):
    """What becomes of the quantities that the call carries."""

    NOW = "now"
    NONE = "none"
    LATE = "late"
    TWICE = "twice"


_EFFECTS = {
    FaultKind.STATUS: Effect.NONE,
    FaultKind.RESET: Effect.NONE,
    FaultKind.ROWS_REFUSED: Effect.NONE,
    FaultKind.LIE: Effect.NONE,
    FaultKind.LATE: Effect.LATE,
    FaultKind.TWICE: Effect.TWICE,
}
_STATUSES = range(200, 600)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong. Times are in seconds.

    `marketplace` "" is either; `sku` limits it to calls that carry that SKU (a poison row: STATUS 400 with
    `sku` and `times=None`); `times` is how many calls it hits, None until it is taken away. `effect` None is
    what goes with the kind: nothing for STATUS, RESET, ROWS_REFUSED and LIE, else as the name says.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    kind: FaultKind = FaultKind.NONE
    marketplace: Literal["", "tokopedia", "tocobagus"] = ""
    call: Call = Call.PUSH
    sku: str = ""
    times: int | None = 1
    effect: Effect | None = None
    before: float = 0.0
    after: float = 0.0
    delay: float = 60.0
    skew: float = 0.0
    status: int = 503
    body: Literal["json", "html", "empty"] = "json"
    code: str = ""
    message: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.status not in _STATUSES:
            raise ValueError("status is from 200 to 599")
        if self.times is not None and self.times < 1:
            raise ValueError("times is at least 1, or null for always")
        if min(self.before, self.after, self.delay) < 0:
            raise ValueError("before, after and delay are not negative")

    @property
    def takes_effect(self) -> Effect:
        """When the quantities are applied."""
        return self.effect or _EFFECTS.get(self.kind, Effect.NOW)

    def hits(self, marketplace: str, call: Call, carries: Callable[[str], bool]) -> bool:
        """Whether it applies to such a call."""
        return (
            self.call is call
            and self.marketplace in ("", marketplace)
            and (not self.sku or carries(self.sku))
        )

    @classmethod
    def parse(cls, document: object) -> "Fault":
        """Read a fault from JSON; raises ValueError with what is wrong."""
        if not isinstance(document, dict) or "kind" not in document:
            raise ValueError('a fault is an object with a "kind"')
        return _PARSER.validate_python(document)

    def document(self) -> dict[str, Any]:
        """The fault as JSON, without what is as usual."""
        usual = asdict(NO_FAULT)
        return {key: value for key, value in asdict(self).items() if key == "kind" or value != usual[key]}


NO_FAULT = Fault()
_PARSER = TypeAdapter(Fault)


class Faults:
    """The faults to come: a queue that is used up in order, then chances, each thrown anew for every call."""

    def __init__(self, seed: int = 0) -> None:
        self._dice = random.Random(seed)  # noqa: S311 - a simulation, not a secret
        self._queue: list[Fault] = []
        self._chances: list[tuple[float, Fault]] = []

    def next(self, *faults: Fault) -> None:
        """Let these happen to the next calls that they apply to, one a call."""
        self._queue.extend(faults)

    def at_random(self, rate: float, fault: Fault) -> None:
        """Let this happen to a share of the calls, from 0 to 1."""
        if not 0 <= rate <= 1:
            raise ValueError("a rate is from 0 to 1")
        self._chances.append((rate, fault))

    def take(self, marketplace: str, call: Call, carries: Callable[[str], bool]) -> Fault:
        """The fault that hits this call; `NO_FAULT` where none does."""
        for place, fault in enumerate(self._queue):
            if fault.hits(marketplace, call, carries):
                if fault.times == 1:
                    del self._queue[place]
                elif fault.times is not None:
                    self._queue[place] = replace(fault, times=fault.times - 1)
                return fault
        for rate, fault in self._chances:
            if fault.hits(marketplace, call, carries) and self._dice.random() < rate:
                return fault
        return NO_FAULT

    def pending(self) -> list[dict[str, Any]]:
        """What is still to come, as JSON."""
        chances = [{"rate": rate, **fault.document()} for rate, fault in self._chances]
        return [fault.document() for fault in self._queue] + chances

    def clear(self) -> None:
        """Heal everything."""
        self._queue.clear()
        self._chances.clear()


def carries_in(body: bytes) -> Callable[[str], bool]:
    """Whether a JSON body names a SKU, seen without parsing it."""

    def carries(sku: str) -> bool:
        plain = json.dumps(sku, ensure_ascii=False).encode("utf-8", "replace")
        return plain in body or json.dumps(sku).encode() in body

    return carries
