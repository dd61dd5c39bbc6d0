"""The way back to a marketplace that is down: probe with the whole cycle, ever more patiently."""

from collections.abc import Awaitable, Callable

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from connectors.errors import AnswerUnusable, ConnectorError, TryLater
from syncd.core.backoff import channel_delay

TROUBLE = (TryLater, AnswerUnusable)


async def until_it_works(
    cycle: Callable[[], Awaitable[None]],
    *,
    first: ConnectorError,
    chance: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]],
    give_up: Callable[[int], bool],
    waiting: Callable[[int, float], None],
) -> bool:
    """Run `cycle` until it raises no trouble, backing off in between; False where `give_up` said so.

    `first` is the trouble that led here: a wait comes before the first cycle. Each cycle chooses anew what to
    send: nothing is kept from the one that failed. `waiting` hears of each wait: failures so far, seconds.
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
        wait=lambda state: channel_delay(state.attempt_number, chance()),
        stop=lambda state: give_up(state.attempt_number),
        sleep=sleep,
        before_sleep=lambda state: waiting(state.attempt_number, _planned_wait(state)),
        reraise=True,
    )
    try:
        await retrying(attempt)
    except TROUBLE:
        return False
    return True


def _planned_wait(state: RetryCallState) -> float:
    return state.next_action.sleep if state.next_action is not None else 0.0
