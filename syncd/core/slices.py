"""How much to store at once on the event loop, where nothing else goes on meanwhile."""

from typing import Final

FIRST_SLICE: Final = 100
LEAST_ROWS: Final = 50
MOST_ROWS: Final = 2_000
SECONDS_AIMED_AT: Final = 0.02
"""Well below what may be blocked, 50 ms: now and then SQLite takes its journal into the database besides."""
_GROWTH: Final = 2


def next_slice(rows: int, seconds: float) -> int:
    """Say how many rows the next slice has, where one of `rows` took so many seconds."""
    if seconds <= 0:
        return rows
    fitting = min(rows * SECONDS_AIMED_AT / seconds, rows * _GROWTH, MOST_ROWS)
    return max(int(fitting), LEAST_ROWS)
