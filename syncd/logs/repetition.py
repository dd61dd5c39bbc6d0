"""How many lines of one kind are written: a few at once, then one now and then, and the rest is counted."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from threading import Lock
from typing import Any

AT_ONCE = 10
QUARTER_SECONDS = 900.0
MOST_CODES = 20
"""So many codes of one event are told apart: they are a marketplace's words, and may be without number."""
MOST_PER_DAY = AT_ONCE + 2 * int(86_400 / QUARTER_SECONDS) + 1
"""Lines a day of one kind, those that tell what was withheld among them."""

_KIND = ("channel", "source", "warehouse")
_ADDED_UP = {
    "batch_pushed": ("rows", "accepted", "rejected", "deferred", "unknown"),
    "batch_failed": ("rows", "rejected", "deferred", "unknown"),
}
_OTHER_CODE = "…"


class Ruling(Enum):
    """What happens to a line. LAST: it is written, and those that follow are not for a while."""

    WRITE = "write"
    LAST = "last"
    WITHHOLD = "withhold"


@dataclass(frozen=True, slots=True)
class Withheld:
    """Lines of one kind that were not written. `facts`: what they have in common, and their sums."""

    facts: Mapping[str, Any]
    serious: bool


@dataclass(slots=True)
class _Kind:
    facts: dict[str, Any]
    tokens: float = float(AT_ONCE)
    at: float = 0.0
    since: float = 0.0
    count: int = 0
    serious: bool = False
    is_told: bool = False
    sums: Counter[str] = field(default_factory=Counter)


class Repetition:
    """Rules line by line; lines are of one kind where event, channel, source, warehouse and code agree."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Count by `monotonic` (s)."""
        self._monotonic = monotonic
        self._kinds: dict[tuple[Any, ...], _Kind] = {}
        self._codes: defaultdict[tuple[Any, ...], set[str]] = defaultdict(set)
        self._next_due = float("inf")
        self._lock = Lock()

    def rule(self, event: str, facts: Mapping[str, Any], *, serious: bool) -> Ruling:
        """Say whether a line is written. `serious`: a warning, or worse."""
        with self._lock:
            now = self._monotonic()
            kind = self._kind_of(event, facts, now)
            kind.tokens = min(kind.tokens + (now - kind.at) / QUARTER_SECONDS, AT_ONCE)
            kind.at = now
            if kind.tokens < 1:
                self._withhold(kind, event, facts, now)
                kind.serious |= serious
                return Ruling.WITHHOLD
            if kind.tokens >= AT_ONCE:
                kind.is_told = False
            kind.tokens -= 1
            if kind.tokens < 1 and not kind.is_told:
                kind.is_told = True
                return Ruling.LAST
            return Ruling.WRITE

    def due(self, *, everything: bool = False) -> list[Withheld]:
        """Give what was withheld a quarter of an hour ago or longer (or at all), and begin to count anew."""
        with self._lock:
            now = self._monotonic()
            if now < self._next_due and not everything:
                return []
            ends = now if everything else now - QUARTER_SECONDS
            told = [kind for kind in self._kinds.values() if kind.count and kind.since <= ends]
            found = [_withheld(kind, now) for kind in told]
            waiting = (kind.since for kind in self._kinds.values() if kind.count)
            self._next_due = min(waiting, default=float("inf")) + QUARTER_SECONDS
            return found

    def _kind_of(self, event: str, facts: Mapping[str, Any], now: float) -> _Kind:
        common = {"of": event, **{key: facts[key] for key in _KIND if facts.get(key) is not None}}
        place = tuple(common.items())
        code = facts.get("code")
        if code is not None:
            codes = self._codes[place]
            code = str(code)
            if code not in codes and len(codes) >= MOST_CODES:
                code = _OTHER_CODE
            codes.add(code)
            common["code"] = code
        key = (place, code)
        if key not in self._kinds:
            self._kinds[key] = _Kind(common, at=now)
        return self._kinds[key]

    def _withhold(self, kind: _Kind, event: str, facts: Mapping[str, Any], now: float) -> None:
        if not kind.count:
            kind.since = now
            self._next_due = min(self._next_due, now + QUARTER_SECONDS)
        kind.count += 1
        for name in _ADDED_UP.get(event, ()):
            kind.sums[name] += facts.get(name, 0)


def _withheld(kind: _Kind, now: float) -> Withheld:
    facts = {**kind.facts, "count": kind.count, "seconds": round(now - kind.since), **kind.sums}
    told = Withheld(facts, kind.serious)
    kind.count, kind.serious = 0, False
    kind.sums.clear()
    return told
