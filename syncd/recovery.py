"""The way back to a marketplace that is down: probe with the whole cycle, ever more patiently."""

import math
from collections.abc import Awaitable, Callable

from tenacity import AsyncRetrying, retry_if_exception_type

from connectors.errors import AnswerUnusable, ConnectorError, TryLater

TROUBLE = (TryLater, AnswerUnusable)
PROBE_ROWS = 5
MOST_STRAIN = 8.0
RELIEF = 0.2


class Setbacks:
    """What trouble leaves behind on a channel: fewer rows a request, and ever longer waits after the next.

    Each setback adds one to the strain, and a good answer of full size takes only a fifth back: where more
    than about one request in five fails, the waits grow as if all did.
    """

    def __init__(self) -> None:
        """Nothing has gone wrong yet."""
        self.in_a_row = 0
        """Since a request of full size last worked."""
        self.down: tuple[int, str] | None = None
        """Since when (ms since the epoch) nothing has worked, and why not; None while something does."""
        self._strain = 0.0
        self._row_limit: int | None = None

    @property
    def strain(self) -> int:
        """How many setbacks in a row the next wait counts as."""
        return math.ceil(self._strain)

    def most_rows(self, full: int) -> int:
        """Tell how many rows a request may carry, of `full`."""
        return full if self._row_limit is None else min(full, self._row_limit)

    def add(self, now: int, reason: str) -> None:
        """Count a request that came to nothing."""
        self.down = (now if self.down is None else self.down[0], reason)
        self.in_a_row += 1
        self._strain = min(self._strain + 1, MOST_STRAIN)
        self._row_limit = PROBE_ROWS

    def relieve(self, full: int) -> None:
        """Carry more rows after a good answer; only full size shows that all is well."""
        self.down = None
        if self._row_limit is None:
            self._strain = max(self._strain - RELIEF, 0.0)
            return
        self._row_limit *= 2
        if self._row_limit > full:
            self._row_limit, self.in_a_row = None, 0


async def until_it_works(
    cycle: Callable[[], Awaitable[None]],
    *,
    first: ConnectorError,
    delay: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]],
    give_up: Callable[[], bool],
) -> bool:
    """Run `cycle` until it raises no trouble, waiting in between; False where `give_up` said so.

    `first` is the trouble that led here: a wait comes before the first cycle. Each cycle chooses anew what to
    send: nothing is kept from the one that failed.
    """
    failed: ConnectorError | None = first

    async def attempt() -> None:
        nonlocal failed
        trouble, failed = failed, None
        if trouble is not None:
            raise trouble
        await cycle()

    retrying = AsyncRetrying(
        retry=retry_if_exception_type(TROUBLE),
        wait=lambda _: delay(),
        stop=lambda _: give_up(),
        sleep=sleep,
        reraise=True,
    )
    try:
        await retrying(attempt)
    except TROUBLE:
        return False
    return True
