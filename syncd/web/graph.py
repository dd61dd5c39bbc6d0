"""The last 24 hours of a channel as a drawing: numbers become places, for a template to write as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

from state.push_history import Stretch

STRETCHES = 48
STRETCH_MS = 30 * 60 * 1000
WIDTH, HEIGHT = 480, 96
_GAP = 2
_STEP = WIDTH / STRETCHES
_WAIT_HEIGHT = 28
_LEAST_SHOWN = 2.0
"""What is not nothing must be seen."""


@dataclass(frozen=True, slots=True)
class Bar:
    """Half an hour: its figures, and how high they stand from the ground (0 to `HEIGHT`)."""

    begin: int
    x: float
    accepted: int
    failed: int
    put_off: int
    accepted_height: float
    failed_height: float
    wait_ms: int | None
    """From a change to its confirmation, on average; None where nothing was confirmed."""


@dataclass(frozen=True, slots=True)
class Day:
    """Twenty-four hours of a channel. `most`: rows of the busiest half hour."""

    bars: tuple[Bar, ...]
    most: int
    accepted: int
    failed: int
    wait_ms: int | None
    longest_wait_ms: int = 0
    wait_line: str = ""
    """The points of a line of the average waits, "" where nothing waited."""

    @property
    def told(self) -> list[Bar]:
        """The half hours in which something was pushed, newest first: what the table lists."""
        return [bar for bar in reversed(self.bars) if bar.accepted or bar.failed or bar.put_off]


def drawn(stretches: Sequence[Stretch], since: int) -> Day:
    """Place the stretches of a day that begins at `since` (ms since the epoch)."""
    by_begin = {stretch.begin: stretch for stretch in stretches}
    most = max((one.accepted + one.failed for one in stretches), default=0)
    bars = tuple(_bar(by_begin.get(since + at * STRETCH_MS), since, at, most) for at in range(STRETCHES))
    longest = max((bar.wait_ms or 0 for bar in bars), default=0)
    waited = sum(one.waited_rows for one in stretches)
    return Day(
        bars,
        most,
        sum(one.accepted for one in stretches),
        sum(one.failed for one in stretches),
        sum(one.waited_ms for one in stretches) // waited if waited else None,
        longest,
        " ".join(
            f"{bar.x + _STEP / 2:.0f},{_WAIT_HEIGHT - bar.wait_ms / (longest or 1) * (_WAIT_HEIGHT - 4):.1f}"
            for bar in bars
            if bar.wait_ms is not None
        ),
    )


def day_begin(now: int) -> int:
    """Tell where a day that ends with the present half hour begins (ms since the epoch)."""
    return (now // STRETCH_MS + 1) * STRETCH_MS - STRETCHES * STRETCH_MS


def _bar(stretch: Stretch | None, since: int, at: int, most: int) -> Bar:
    begin, x = since + at * STRETCH_MS, at * _STEP + _GAP / 2
    if stretch is None:
        return Bar(begin, x, 0, 0, 0, 0.0, 0.0, None)
    wait = stretch.waited_ms // stretch.waited_rows if stretch.waited_rows else None
    return Bar(
        begin,
        x,
        stretch.accepted,
        stretch.failed,
        stretch.put_off,
        _height(stretch.accepted, most),
        _height(stretch.failed, most),
        wait,
    )


def _height(rows: int, most: int) -> float:
    return max(round(rows / most * HEIGHT, 1), _LEAST_SHOWN) if rows else 0.0
