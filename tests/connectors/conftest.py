import asyncio
import contextlib
import json
import re
import ssl
from pathlib import Path

import httpx
import pytest

from connectors import StockUpdate
from connectors.transport import Response

pytest.register_assert_rewrite("connectors.conformance")

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture(scope="session")
def document():
    """A documented answer, as a value."""
    return lambda name: json.loads((FIXTURES / name).read_text())


@pytest.fixture(scope="session")
def answered():
    """An answer with this value as its JSON body."""

    def build(value, status=200, **headers):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return Response(status, httpx.Headers({k.replace("_", "-"): v for k, v in headers.items()}), body)

    return build


@pytest.fixture(scope="session")
def updates():
    """Updates from `sku=quantity` pairs, in one warehouse."""

    def build(pairs, warehouse=""):
        return [StockUpdate(sku, warehouse, quantity) for sku, quantity in pairs.items()]

    return build


class Clock:
    def __init__(self, at=1_700_000_000.0):
        self.at = at

    def __call__(self):
        return self.at


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def served():
    """A real server on loopback that reads a request and then does what a script says, raw."""

    @contextlib.asynccontextmanager
    async def serve(script, *, certificate=None):
        context = None
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(FIXTURES / "tls" / certificate)
        requests = []
        finished = []

        async def handle(reader, writer):
            done = asyncio.Event()
            finished.append(done)
            try:
                with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                    head = await reader.readuntil(b"\r\n\r\n")
                    # What is closed with bytes unread resets the connection, and takes the answer along.
                    length = re.search(rb"(?i)\r\ncontent-length: *([0-9]+)", head)
                    await reader.readexactly(int(length[1]) if length else 0)
                    requests.append(head)
                    await script(writer)
            finally:
                writer.close()
                with contextlib.suppress(ConnectionError, ssl.SSLError):
                    await writer.wait_closed()
                done.set()

        server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        try:
            yield f"{'https' if certificate else 'http'}://127.0.0.1:{port}", requests
        finally:
            server.close()
            await server.wait_closed()
            for done in finished:
                await done.wait()

    return serve
