"""Streams of events: open pages hear when something changed, and then look again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send
from typing_extensions import override

LOOK_EVERY_SECONDS = 2.0
SPEAK_EVERY_SECONDS = 14.0
"""So that neither end takes the other for gone."""
MOST_STREAMS = 30


class Streams:
    """All open streams; bounded, and ended together."""

    def __init__(self, fingerprint: Callable[[], Awaitable[str]]) -> None:
        """`fingerprint`: another one means that something changed."""
        self._fingerprint = fingerprint
        self._open = 0
        self._ending = asyncio.Event()

    def answer(self) -> Response:
        """Open another."""
        if self._open >= MOST_STREAMS:
            return PlainTextResponse("Enough pages are open: this one looks again by itself.", 503)
        self._open += 1
        return _Stream(self._changes(self._ending), self._ended)

    def end(self) -> None:
        """End those that are open."""
        self._ending.set()
        self._ending = asyncio.Event()

    def _ended(self) -> None:
        self._open -= 1

    async def _changes(self, ending: asyncio.Event) -> AsyncIterator[str]:
        told, quiet = "", 0.0
        while not ending.is_set():
            fingerprint = await self._fingerprint()
            if fingerprint != told:
                told, quiet = fingerprint, 0.0
                yield f"event: changed\ndata: {fingerprint}\n\n"
            elif quiet >= SPEAK_EVERY_SECONDS:
                quiet = 0.0
                yield ": still here\n\n"
            quiet += LOOK_EVERY_SECONDS
            await _until_set(ending, LOOK_EVERY_SECONDS)


class _Stream(StreamingResponse):
    """Tells when it has ended, however it did."""

    def __init__(self, content: AsyncIterator[str], ended: Callable[[], None]) -> None:
        super().__init__(content, media_type="text/event-stream")
        self._ended = ended

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._ended()


async def _until_set(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
