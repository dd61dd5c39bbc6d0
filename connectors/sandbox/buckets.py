"""The limits that the sandbox keeps: strict token buckets on the clock it was given."""

from collections.abc import Callable
from dataclasses import dataclass

_CLOCK_GRAIN = 1e-6
"""Seconds. What a float of the epoch cannot tell apart is not held against the client."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one marketplace of the sandbox allows; a rate of None is no limit.

    `rows_per_second` with `row_burst` counts rows one by one (Tokopedia), `requests_per_second` with
    `request_burst` counts calls of one endpoint. More than `rows_per_request` rows are refused as a whole.
    """

    rows_per_request: int
    rows_per_second: float | None = None
    row_burst: int = 1
    requests_per_second: float | None = None
    request_burst: int = 1

    def __post_init__(self) -> None:
        for rate in (self.rows_per_second, self.requests_per_second):
            if rate is not None and not 0 < rate < float("inf"):
                raise ValueError("a rate is above zero, or None for no limit")
        if min(self.rows_per_request, self.row_burst, self.request_burst) < 1:
            raise ValueError("rows_per_request and the bursts are at least 1")


class Bucket:
    """Starts full, refills continuously at `rate` a second, never holds more than `burst`."""

    def __init__(self, rate: float | None, burst: int, now: Callable[[], float]) -> None:
        self.rate = rate
        self.burst = burst
        self._now = now
        self._level = float(burst)
        self._seen_at = now()

    def take(self) -> bool:
        """Take one, if there is one."""
        if self.rate is None:
            return True
        if self.level() + self.rate * _CLOCK_GRAIN < 1:
            return False
        self._level -= 1
        return True

    def level(self) -> float:
        """What is left now."""
        if self.rate is None:
            return float(self.burst)
        now = self._now()
        # A clock that was set back refills nothing and takes nothing away.
        elapsed = max(0.0, now - self._seen_at)
        self._seen_at = now
        self._level = min(float(self.burst), self._level + elapsed * self.rate)
        return self._level

    def seconds_until(self, amount: float) -> float:
        """Seconds until the bucket holds `amount`."""
        if self.rate is None:
            return 0.0
        return max(0.0, (amount - self.level()) / self.rate)
