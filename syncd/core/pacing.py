"""Keeping a marketplace's limit: how long to wait before the next request, and what its answers teach.

Times are seconds on a clock that never goes back. Buckets start empty, so that no sequence of restarts
exceeds the limit.
"""

import math
from dataclasses import dataclass

from connectors.contract import Allowance, Limits

SLOW_DOWN = 0.7
SLOWEST = 0.05
SPEED_UP = 0.02
STEP_SECONDS = 0.5
DUST = 1e-9
PAUSE_WHEN_UNTOLD_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 86_400.0


@dataclass(slots=True)
class Bucket:
    """A token bucket. `rate` tokens a second, at most `capacity` at once; may go into debt."""

    rate: float
    capacity: float
    tokens: float = 0.0
    updated_at: float | None = None

    def refill(self, now: float, factor: float = 1.0) -> None:
        """Add what has accrued by now, at `factor` of the rate."""
        if self.updated_at is not None:
            accrued = max(now - self.updated_at, 0.0) * self.rate * factor
            self.tokens = min(self.capacity, self.tokens + accrued)
        self.updated_at = now

    def wait(self, amount: float, factor: float = 1.0) -> float:
        """Give the seconds until `amount` may be taken; what exceeds the capacity waits for a full bucket."""
        lacking = min(amount, self.capacity) - self.tokens
        return lacking / (self.rate * factor) if lacking > DUST else 0.0

    def limit(self, rate: float, capacity: float) -> None:
        """Adopt another limit, keeping no more than it allows."""
        self.rate, self.capacity = rate, capacity
        self.tokens = min(self.tokens, capacity)


class Pacer:
    """The pace of one channel: rows and requests, a pause the marketplace asked for, a factor it forced."""

    def __init__(self, limits: Limits, *, rows_are_counted: bool, ceiling_is_set: bool) -> None:
        """`ceiling_is_set`: a person set the rate, so no announcement raises it."""
        self._limits = limits
        self._rows_are_counted = rows_are_counted
        self._ceiling_is_set = ceiling_is_set
        burst = float(limits.burst)
        rows_burst = burst if rows_are_counted else float(max(limits.rows_per_request, limits.burst))
        self._rows = _bucket(
            limits.rows_per_second, _with_room(rows_burst) if rows_are_counted else rows_burst
        )
        self._requests = _bucket(limits.requests_per_second, 1.0 if rows_are_counted else burst)
        self._paused_until = -math.inf
        self._factor = 1.0

    @property
    def rows_per_request(self) -> int:
        """Tell how many rows a request may carry: where rows are counted, fewer than the burst.

        The room below the burst is for jitter on the way: the marketplace counts when a request arrives.
        """
        most = self._limits.rows_per_request
        if self._rows_are_counted and self._rows is not None:
            return max(1, min(most, int(self._rows.capacity)))
        return most

    def worth_waiting_for(self, now: float) -> int:
        """Tell how many rows a request should wait for when more are due than may leave now.

        As many as accrue in a short step, or between two requests: to wait for more would only delay the
        urgent ones.
        """
        if self._rows is None:
            return self.rows_per_request
        self._rows.refill(now, self._factor)
        return min(self.rows_per_request, max(self._steady_rows(), int(self._rows.tokens)))

    def _steady_rows(self) -> int:
        """Tell how many rows a request carries while more wait: what accrues in a step."""
        if self._rows is None:
            return self.rows_per_request
        per_step = self._rows.rate * STEP_SECONDS
        if self._requests is not None:
            per_step = max(per_step, self._rows.rate / self._requests.rate)
        return max(1, min(self.rows_per_request, math.ceil(per_step)))

    @property
    def rows_per_second(self) -> float | None:
        """Tell the present pace in rows, None where rows are not limited."""
        return None if self._rows is None else self._rows.rate * self._factor

    @property
    def requests_per_second(self) -> float | None:
        """Tell the present pace in requests, None where requests are not limited."""
        return None if self._requests is None else self._requests.rate * self._factor

    def wait(self, rows: int, now: float) -> float:
        """Give the seconds until a request with so many rows may leave."""
        waits = [self._paused_until - now, 0.0]
        for bucket, amount in ((self._rows, rows), (self._requests, 1)):
            if bucket is not None:
                bucket.refill(now, self._factor)
                waits.append(bucket.wait(amount, self._factor))
        return max(waits)

    def take(self, rows: int, now: float) -> None:
        """Count a request that leaves now."""
        for bucket, amount in ((self._rows, rows), (self._requests, 1)):
            if bucket is not None:
                bucket.refill(now, self._factor)
                bucket.tokens -= amount

    def seconds_for(self, rows: int) -> float | None:
        """Estimate how long so many rows take at the present pace; None where nothing limits them."""
        seconds = []
        if self._rows is not None:
            seconds.append(rows / (self._rows.rate * self._factor))
        if self._requests is not None:
            seconds.append(self.requests_for(rows) / (self._requests.rate * self._factor))
        return max(seconds, default=None)

    def requests_for(self, rows: int) -> int:
        """Estimate how many requests so many rows take."""
        return math.ceil(rows / self._steady_rows())

    def pause(self, until: float) -> None:
        """Send nothing before `until`."""
        self._paused_until = max(self._paused_until, until)

    def throttled(self, retry_after: float | None, now: float) -> float:
        """Slow down after a refusal; return until when nothing is sent."""
        self._factor = max(SLOWEST, self._factor * SLOW_DOWN)
        wait = PAUSE_WHEN_UNTOLD_SECONDS if retry_after is None else retry_after
        self.pause(now + min(max(wait, 0.0), LONGEST_PAUSE_SECONDS))
        for bucket in (self._rows, self._requests):
            if bucket is not None:
                bucket.tokens = min(bucket.tokens, 0.0)
        return self._paused_until

    def answered(self, allowance: Allowance, now: float, *, throttled_rows: int = 0) -> None:
        """Learn from an answer that was taken: the limit it announces, and the rows it throttled."""
        self._learn(allowance, now)
        if throttled_rows:
            self.throttled(allowance.reset_after, now)
        else:
            self._factor = min(1.0, self._factor + SPEED_UP)

    def _learn(self, allowance: Allowance, now: float) -> None:
        bucket = self._rows if self._rows_are_counted else self._requests
        if bucket is None:
            return
        bucket.refill(now, self._factor)
        rate, burst = bucket.rate, bucket.capacity
        if allowance.per_second is not None and allowance.per_second > 0:
            rate = self._at_most(allowance.per_second)
        if allowance.burst is not None and allowance.burst > 0:
            announced = _with_room(allowance.burst) if self._rows_are_counted else float(allowance.burst)
            configured = _with_room(self._limits.burst) if self._rows_are_counted else self._limits.burst
            burst = min(announced, configured) if self._ceiling_is_set else announced
        bucket.limit(rate, burst)
        if allowance.remaining is not None:
            bucket.tokens = min(bucket.tokens, float(max(allowance.remaining, 0)))

    def _at_most(self, announced: float) -> float:
        configured = (
            self._limits.rows_per_second if self._rows_are_counted else self._limits.requests_per_second
        )
        if self._ceiling_is_set and configured is not None:
            return min(announced, configured)
        return announced


def _bucket(rate: float | None, capacity: float) -> Bucket | None:
    return None if rate is None else Bucket(rate, max(capacity, 1.0))


def _with_room(burst: float) -> float:
    return max(1.0, burst - max(1.0, math.floor(burst * 0.1)))
