"""A TCP proxy between the daemon and the marketplaces that does to a connection what networks do.

It knows just enough HTTP to tell where a request and an answer end. For each connection it draws from its
weights what to do, and to which of the connection's next requests. It keeps what came from the daemon, and when.
"""

import asyncio
import contextlib
import math
import random
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

LATEST_SECONDS = 1.0
"""How long a request may be held back until it reaches the marketplace."""

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_LENGTH = re.compile(rb"(?i)\r\ncontent-length:[ \t]*(\d+)[ \t]*(?=\r\n)")
_MORE_REQUESTS_FIRST = 3


class Does(StrEnum):
    """What the proxy does to one request of a connection."""

    PASS = "pass"
    RESET_AT_ONCE = "reset at once"
    """The connection is reset as soon as it is there."""
    RESET_BEFORE = "reset before"
    """The request is read, and goes nowhere."""
    RESET_AFTER = "reset after"
    """The marketplace has answered; nothing of it comes back."""
    RESET_MIDWAY = "reset midway"
    BLACK_HOLE = "black hole"
    """Nothing goes on, and nothing comes back."""
    ANSWER_SWALLOWED = "answer swallowed"
    """The request goes on, and nothing comes back."""
    DRIP = "drip"
    """The answer comes one byte at a time, some of them slower than the daemon's patience."""
    HALF_CLOSE = "half close"
    """The proxy has nothing more to say after half an answer, and goes on listening."""
    DELAY = "delay"
    """The request goes on later, whether or not anybody still waits for the answer."""
    LATE = "late"
    """The connection is reset, and the request goes on later all the same."""
    TRUNCATE = "truncate"
    """The answer ends before the length it announced."""
    CUT_AT_ROW = "cut at row"
    """The answer ends after a complete row, in good order as far as HTTP goes."""


MISDEEDS = tuple(does for does in Does if does is not Does.PASS)
HOLDS_BACK = frozenset({Does.DELAY, Does.LATE})
EVENLY = dict.fromkeys(MISDEEDS, 1.0) | {Does.PASS: 10.0}


@dataclass(slots=True)
class Exchange:
    """One request as it came whole from the daemon. Times are seconds since the epoch.

    `ended`: when its answer had been handed on, or its connection was gone; `released`: when it went on to the
    marketplace, None while it has not.
    """

    at: float
    path: str
    body: bytes
    does: Does
    released: float | None = None
    ended: float = math.inf


class Proxy:
    """Stands before `target` (a base URL) while its context is open. The same seed draws the same."""

    def __init__(self, target: str, *, seed: int = 0):
        parts = urlsplit(target)
        self._target = (parts.hostname, parts.port)
        self._dice = random.Random(seed)
        self._weights: Mapping[Does, float] = {Does.PASS: 1.0}
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._connections: set[asyncio.Task[None]] = set()
        self.url = ""
        self.did: Counter[Does] = Counter()
        self.exchanges: list[Exchange] = []

    def __enter__(self):
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)

    def misbehave(self, weights: Mapping[Does, float]):
        """Draw by these weights from now on, for connections that are open too."""
        self._weights = weights

    def behave(self):
        """Do nothing but pass everything through; what is held back still goes on later."""
        self._weights = {Does.PASS: 1.0}

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self):
        self._end = asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = "http://{}:{}".format(*server.sockets[0].getsockname())
        self._started.set()
        await self._end.wait()
        server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader, writer):
        task = asyncio.current_task()
        self._connections.add(task)
        connection = _Connection(self, reader, writer)
        try:
            with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
                await connection.serve()
        finally:
            connection.close()
            self._connections.discard(task)

    def draw(self) -> tuple[Does, int]:
        """What to do, and how many requests to let through before."""
        does = self._dice.choices(list(self._weights), list(self._weights.values()))[0]
        return does, 0 if does is Does.RESET_AT_ONCE else self._dice.randrange(_MORE_REQUESTS_FIRST)

    def still_does(self, does: Does) -> Does:
        """The same, unless it behaves by now."""
        return does if does in self._weights else Does.PASS

    def between(self, low: float, high: float) -> float:
        return self._dice.uniform(low, high)

    async def connect(self):
        return await asyncio.open_connection(*self._target)


class _Connection:
    """One connection of the daemon, with its own to the marketplace."""

    def __init__(self, proxy: Proxy, reader, writer):
        self._proxy = proxy
        self._reader, self._writer = reader, writer

    def close(self):
        self._writer.close()

    async def serve(self):
        does, before = self._proxy.draw()
        if does is Does.RESET_AT_ONCE:
            self._proxy.did[does] += 1
            self._reset()
            return
        first = await self._reader.read(1)
        while first:
            head = first + await self._reader.readuntil(b"\r\n\r\n")
            body = await self._reader.readexactly(_length(head))
            now_does = self._proxy.still_does(does) if before == 0 else Does.PASS
            path = head.split(b" ", 2)[1].decode("latin-1")
            exchange = Exchange(time.time(), path, body, now_does)
            self._proxy.did[now_does] += 1
            self._proxy.exchanges.append(exchange)
            does, before = self._proxy.draw() if before == 0 else (does, before - 1)
            # The daemon says nothing more until it has its answer: whatever can be read is the end.
            ahead = asyncio.create_task(self._reader.read(1))
            ahead.add_done_callback(lambda reading, of=exchange: _seen(reading, of))
            try:
                goes_on = await self._do(exchange, head + body, ahead)
                _ended(exchange)
                first = await ahead if goes_on else b""
            finally:
                _ended(exchange)
                ahead.cancel()

    async def _do(self, exchange: Exchange, request: bytes, ahead) -> bool:
        """Do it; tell whether the connection goes on."""
        match exchange.does:
            case Does.RESET_BEFORE | Does.RESET_AT_ONCE:
                self._reset()
                return False
            case Does.BLACK_HOLE:
                await asyncio.wait([ahead])
                return False
            case Does.LATE:
                self._reset()
                _ended(exchange)
                await asyncio.sleep(self._proxy.between(0, LATEST_SECONDS))
            case Does.DELAY:
                await asyncio.sleep(self._proxy.between(0, LATEST_SECONDS))
        exchange.released = time.time()
        head, body = await self._ask(request)
        if exchange.does is Does.ANSWER_SWALLOWED:
            await asyncio.wait([ahead])
            return False
        if exchange.does is Does.DRIP:
            await self._drip(head + body)
        elif exchange.does in {Does.PASS, Does.DELAY}:
            await self._say(head + body)
        else:
            await self._spoil(exchange.does, head, body, ahead)
            return False
        return True

    async def _ask(self, request: bytes) -> tuple[bytes, bytes]:
        """Ask the marketplace, on a connection of its own: one that waited may have been given up there."""
        reader, writer = await self._proxy.connect()
        try:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            return head, await reader.readexactly(_length(head))
        except (OSError, EOFError):
            self._reset()
            raise
        finally:
            writer.close()

    async def _spoil(self, does: Does, head: bytes, body: bytes, ahead):
        half = (head + body)[: int(self._proxy.between(0, len(head) + len(body)))]
        match does:
            case Does.RESET_MIDWAY:
                await self._say(half)
                self._reset()
            case Does.RESET_AFTER | Does.LATE:
                self._reset()
            case Does.TRUNCATE:
                await self._say(head + body[: int(self._proxy.between(0, len(body)))])
            case Does.CUT_AT_ROW:
                await self._say(_LENGTH.sub(b"\r\nconnection: close", head) + self._up_to_a_row(body))
            case Does.HALF_CLOSE:
                await self._say(half)
                self._writer.write_eof()
                await asyncio.wait([ahead])

    async def _say(self, data: bytes):
        self._writer.write(data)
        await self._writer.drain()

    async def _drip(self, data: bytes):
        pause = self._proxy.between(0, 4 * LATEST_SECONDS) / len(data)
        for place in range(len(data)):
            await self._say(data[place : place + 1])
            await asyncio.sleep(pause)

    def _up_to_a_row(self, body: bytes) -> bytes:
        ends = [found.end() - 2 for found in re.finditer(rb"\},\{", body)] or [len(body) - 1]
        return body[: ends[int(self._proxy.between(0, len(ends)))]]

    def _reset(self):
        connection = self._writer.get_extra_info("socket")
        if connection is not None and not self._writer.is_closing():
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._writer.transport.abort()


def _length(head: bytes) -> int:
    found = _LENGTH.search(head)
    return 0 if found is None else int(found[1])


def _seen(reading, exchange: Exchange):
    if not reading.cancelled():
        reading.exception()  # a reset is as good an end as any
        _ended(exchange)


def _ended(exchange: Exchange):
    exchange.ended = min(exchange.ended, time.time())
