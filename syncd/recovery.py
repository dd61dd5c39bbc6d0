"""The way back to a marketplace that is down: probe with the whole cycle, ever more patiently."""

from collections.abc import Awaitable, Callable

from tenacity import AsyncRetrying, retry_if_exception_type

from connectors.errors import AnswerUnusable, ConnectorError, TryLater

TROUBLE = (TryLater, AnswerUnusable)


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
