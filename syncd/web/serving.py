"""uvicorn inside the daemon's event loop: no signals, no log lines, no ticking, bounded on all sides."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS = 10.0
"""How long a client may take to say what it wants."""
IDLE_SECONDS = 15
MOST_CONNECTIONS = 100
LONGEST_HEAD = 16 * 1024
GRACE_SECONDS = 1
BACKLOG = 64


class _Impatient(H11Protocol):
    """Closes connections whose request does not arrive whole in good time; uvicorn would wait for ever."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._deadline: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect()

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        cycle: Any = self.cycle  # None before the first request, whatever its annotation says
        if cycle is None or cycle.more_body or cycle.response_complete:
            self._expect()
        else:
            self._arrived()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        super().connection_lost(exc)

    def _expect(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self.transport.abort)

    def _arrived(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class Uvicorn(uvicorn.Server):
    """Serves on given sockets until told to stop, which takes little more than `GRACE_SECONDS`."""

    def __init__(self, application: ASGIApp) -> None:
        """Serve `application`."""
        super().__init__(
            uvicorn.Config(
                application,
                http=_Impatient,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                limit_concurrency=MOST_CONNECTIONS,
                timeout_keep_alive=IDLE_SECONDS,
                timeout_graceful_shutdown=GRACE_SECONDS,
                h11_max_incomplete_event_size=LONGEST_HEAD,
                backlog=BACKLOG,
            )
        )
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Take no more requests, and end."""
        self._stopping.set()

    @override
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    @override
    async def main_loop(self) -> None:
        # uvicorn's own wakes ten times a second.
        await self._stopping.wait()

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()


async def listen(host: str, port: int) -> socket.socket:
    """Bind to an address; raises OSError where it cannot be had."""
    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
    )
    # "localhost" may be both; people then type either, and browsers try both.
    family, kind, protocol, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener
