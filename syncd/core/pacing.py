"""Keeping a marketplace's limit: how long to wait before the next request, and what its answers teach.

Times are seconds on a clock that never goes back. Buckets start empty, so that no sequence of restarts
exceeds the limit.
"""

import math
from dataclasses import dataclass
from typing import TypeVar

from connectors.contract import Allowance, Limits
from state.records import Pace
from syncd.core.turns import Turns

SLOW_DOWN = 0.7
SLOWEST = 0.05
SPEED_UP_PER_SECOND = 0.001
SPEED_UP_MOST = 0.02
CLOCKS_DIFFER = 0.995
"""Of the limit, what is used: a clock that runs faster than the marketplace's must not exceed it."""
JITTER_SECONDS = 1.0
"""By so much may one request take longer to arrive than another; less where the burst leaves less room."""
STEP_SECONDS = 0.5
LATE_SHARE = 0.8
"""Of what fits into a bucket, what a request carries: a little lateness spills nothing."""
DUST = 1e-9
PAUSE_WHEN_UNTOLD_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 86_400.0
SLOWEST_BELIEVED = 1 / 60
MOST_BELIEVED = 1_000_000
"""Announcements beyond these are taken for garbage; slower ones for the slowest."""
WORTH_REMEMBERING = 0.05
"""So much must the slow-down change before it is written down again."""

Known = TypeVar("Known", float | None, int | None)


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

    def wait(self, amount: float, factor: float = 1.0, *, ahead: float = 0.0) -> float:
        """Give the seconds until `amount` may be taken, once those `ahead` have taken theirs.

        What exceeds the capacity waits for a full bucket.
        """
        lacking = ahead + min(amount, self.capacity) - self.tokens
        return lacking / (self.rate * factor) if lacking > DUST else 0.0

    def limit(self, rate: float, capacity: float) -> None:
        """Adopt another limit, keeping no more than it allows."""
        self.rate, self.capacity = rate, capacity
        self.tokens = min(self.tokens, capacity)


class Pacer:
    """The pace of one channel, or of several that share it.

    Rows and requests, a pause the marketplace asked for, a factor it forced, and whose turn it is.
    """

    def __init__(self, limits: Limits, *, rows_are_counted: bool, ceiling_is_set: bool) -> None:
        """`ceiling_is_set`: a person set the rate, so no announcement raises it."""
        self._limits = limits
        self._rows_are_counted = rows_are_counted
        self._ceiling_is_set = ceiling_is_set
        rows_rate, requests_rate = limits.rows_per_second, limits.requests_per_second
        # Where the marketplace does not count rows, a request may wait in the bucket while another is filled.
        self._rows = _bucket(rows_rate, 2.0 * limits.rows_per_request)
        self._requests = _bucket(requests_rate, 1.0)
        self._turns = Turns()
        self._paused_until = -math.inf
        self._factor = 1.0
        self._slowed_at = -math.inf
        self._sped_up_at: float | None = None
        self._told_per_second: float | None = None
        self._told_burst: int | None = None
        self._remembered = self.pace
        self._fit()

    @property
    def pace(self) -> Pace:
        """What was learnt so far."""
        return Pace(self._told_per_second, self._told_burst, self._factor)

    def recall(self, pace: Pace) -> None:
        """Go on at a pace learnt before; of several, at the most cautious."""
        self._told_per_second = _lower(self._told_per_second, _believed_rate(pace.per_second))
        self._told_burst = _lower(self._told_burst, _believed_burst(pace.burst))
        if math.isfinite(pace.factor):
            self._factor = max(SLOWEST, min(self._factor, pace.factor))
        self._remembered = self.pace
        self._fit()

    def news(self) -> Pace | None:
        """Give the pace if it differs from the one last given here by enough to be written down."""
        pace, known = self.pace, self._remembered
        steps = abs(pace.factor - known.factor) >= WORTH_REMEMBERING or (pace.factor == 1.0 > known.factor)
        if not steps and (pace.per_second, pace.burst) == (known.per_second, known.burst):
            return None
        self._remembered = pace
        return pace

    @property
    def rows_per_request(self) -> int:
        """Tell how many rows a request may carry: where rows are counted, fewer than the burst.

        The room below the burst is for jitter on the way: the marketplace counts when a request arrives.
        """
        most = self._limits.rows_per_request
        if self._rows_are_counted and self._rows is not None:
            return max(1, min(most, int(self._rows.capacity * LATE_SHARE)))
        return most

    def worth_waiting_for(self, now: float) -> int:
        """Tell how many rows a request should wait for when more are due than may leave now.

        As many as accrue in a short step, or between two requests: to wait for more would only delay the
        urgent ones.
        """
        if self._rows is None:
            return self.rows_per_request
        self._rows.refill(now, self._speed)
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

    @property
    def rows_ceiling(self) -> float | None:
        """Tell how many rows a second it would be at best, None where rows are not limited."""
        return None if self._rows is None else self._rows.rate

    @property
    def requests_ceiling(self) -> float | None:
        """Tell how many requests a second it would be at best, None where requests are not limited."""
        return None if self._requests is None else self._requests.rate

    @property
    def _speed(self) -> float:
        return self._factor * CLOCKS_DIFFER

    def wait(self, rows: int, now: float, lane: str = "") -> float:
        """Give the seconds until a request with so many rows may leave.

        Where lanes share a pace, they leave in the order in which they began to wait.
        """
        rows_ahead, requests_ahead = self._turns.ahead_of(lane, rows, now)
        waits = [self.pause_left(now)]
        for bucket, amount, ahead in (
            (self._rows, rows, rows_ahead),
            (self._requests, 1, requests_ahead),
        ):
            if bucket is not None:
                bucket.refill(now, self._speed)
                waits.append(bucket.wait(amount, self._speed, ahead=ahead))
        delay = max(waits)
        self._turns.expect(lane, now + delay)
        return delay

    def take(self, rows: int, now: float, lane: str = "") -> None:
        """Count a request that leaves now."""
        self._turns.served(lane)
        for bucket, amount in ((self._rows, rows), (self._requests, 1)):
            if bucket is not None:
                bucket.refill(now, self._speed)
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

    def pause(self, until: float) -> float:
        """Send nothing before `until`; return until when nothing is sent: an earlier pause may be longer."""
        self._paused_until = max(self._paused_until, until)
        return self._paused_until

    def pause_left(self, now: float) -> float:
        """Give the seconds for which the marketplace asked to send nothing."""
        return max(self._paused_until - now, 0.0)

    def throttled(
        self, retry_after: float | None, now: float, *, sent_at: float, allowance: Allowance | None = None
    ) -> float:
        """Slow down after a refusal of a request sent at `sent_at`; return until when nothing is sent.

        What a refusal announces lowers the pace and never raises it. Requests that left before the last
        slow-down and are refused now ask for no other.
        """
        if allowance is not None:
            self._learn(allowance, now, sent_at, may_rise=False)
            retry_after = allowance.reset_after if retry_after is None else retry_after
        for bucket in (self._rows, self._requests):
            if bucket is not None:
                bucket.refill(now, self._speed)
                bucket.tokens = min(bucket.tokens, 0.0)
        if sent_at >= self._slowed_at:
            self._factor = max(SLOWEST, self._factor * SLOW_DOWN)
            self._slowed_at = self._sped_up_at = now
        told = retry_after is not None and math.isfinite(retry_after)
        wait = retry_after if told and retry_after is not None else PAUSE_WHEN_UNTOLD_SECONDS
        self.pause(now + min(max(wait, 0.0), LONGEST_PAUSE_SECONDS))
        return self._paused_until

    def answered(
        self, allowance: Allowance, now: float, *, sent_at: float, throttled_rows: int = 0
    ) -> float | None:
        """Learn from an answer that was taken: the limit it announces, and the rows it throttled.

        Return until when nothing is sent, None if no rows were throttled.
        """
        if throttled_rows:
            return self.throttled(None, now, sent_at=sent_at, allowance=allowance)
        self._learn(allowance, now, sent_at, may_rise=True)
        if sent_at >= self._slowed_at:
            since = 0.0 if self._sped_up_at is None else max(now - self._sped_up_at, 0.0)
            self._factor = min(1.0, self._factor + min(since * SPEED_UP_PER_SECOND, SPEED_UP_MOST))
            self._sped_up_at = now
        return None

    def _learn(self, allowance: Allowance, now: float, sent_at: float, *, may_rise: bool) -> None:
        bucket = self._rows if self._rows_are_counted else self._requests
        if bucket is None:
            return
        bucket.refill(now, self._speed)
        rate, burst = _believed_rate(allowance.per_second), _believed_burst(allowance.burst)
        if rate is not None and (may_rise or rate < bucket.rate):
            self._told_per_second = rate
        if burst is not None and (may_rise or burst < self._burst):
            self._told_burst = burst
        self._fit()
        if allowance.remaining is not None:
            # It was counted when the request arrived, and since then some has come back.
            since = max(now - sent_at, 0.0) * bucket.rate
            bucket.tokens = min(bucket.tokens, max(allowance.remaining, 0) + since)

    @property
    def _burst(self) -> int:
        """What the marketplace lets go at once, as far as is known, within what a person allowed."""
        configured = self._limits.burst
        if self._told_burst is None:
            return configured
        return min(self._told_burst, configured) if self._ceiling_is_set else self._told_burst

    def _fit(self) -> None:
        """Let the bucket that the marketplace counts follow what is known of its limit."""
        if self._rows_are_counted:
            bucket, configured = self._rows, self._limits.rows_per_second
        else:
            bucket, configured = self._requests, self._limits.requests_per_second
        if bucket is None or configured is None:
            return
        rate = configured
        if self._told_per_second is not None:
            told = self._told_per_second
            rate = min(told, configured) if self._ceiling_is_set else told
        bucket.limit(rate, _with_room(self._burst, rate))


def _bucket(rate: float | None, capacity: float) -> Bucket | None:
    return None if rate is None else Bucket(rate, max(capacity, 1.0))


def _with_room(burst: int, rate: float) -> float:
    """Give what may leave at once, so that no more than the burst arrives at once.

    In any window of w seconds capacity + rate x w leave, and with jitter capacity + rate x (w + jitter)
    arrive.
    """
    return max(1.0, burst - min(burst / 2, rate * JITTER_SECONDS))


def _believed_rate(announced: float | None) -> float | None:
    if announced is None or not 0 < announced <= MOST_BELIEVED:
        return None
    return max(announced, SLOWEST_BELIEVED)


def _believed_burst(announced: int | None) -> int | None:
    return announced if announced is not None and 1 <= announced <= MOST_BELIEVED else None


def _lower(one: Known, other: Known) -> Known:
    return min((known for known in (one, other) if known is not None), default=None)
