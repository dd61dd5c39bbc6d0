"""The door to the network, against real sockets."""

import asyncio
import gzip
import socket
import struct
import traceback
import tracemalloc

import anyio
import httpx
import pytest

from connectors import AnswerUnusable, Effect, Surroundings, TryLater
from connectors.errors import telling_time
from connectors.transport import MAX_BODY_BYTES, HttpClient

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\n"


def client_of(base_url, timeout=2.0, transport=None):
    return HttpClient(Surroundings(now=lambda: 0.0, timeout=timeout, transport=transport), base_url)


async def ask(base_url, seconds=2.0, **request):
    client = client_of(base_url, seconds)
    try:
        return await client.request("POST", "/stock", **request)
    finally:
        await client.aclose()


def saying(raw):
    async def script(writer):
        writer.write(raw)
        await writer.drain()

    return script


def reset(writer):
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def test_an_answer_comes_back_whole(served):
    async with served(saying(OK + b"Content-Length: 2\r\nX-Thing: Yes\r\n\r\n{}")) as (url, requests):
        answer = await ask(url, params={"shop_id": "1"}, headers={"X-Mine": "a"}, content=b"[]")

    assert (answer.status, answer.body, answer.headers.get("x-thing")) == (200, b"{}", "Yes")
    head = requests[0].decode().lower()
    assert head.startswith("post /stock?shop_id=1 http/1.1\r\n")
    assert "accept-encoding: identity\r\n" in head
    assert "user-agent: syncd\r\n" in head
    assert "content-length: 2\r\n" in head


async def test_a_path_is_appended_to_the_path_of_the_base_url(served):
    async with served(saying(OK + b"Content-Length: 0\r\n\r\n")) as (url, requests):
        await ask(f"{url}/api/v1")

    assert requests[0].startswith(b"POST /api/v1/stock HTTP/1.1\r\n")


async def test_an_answer_that_drips_ends_at_the_deadline_and_is_ambiguous(served):
    async def drip(writer):
        writer.write(OK + b"Content-Length: 1000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await anyio.sleep(0.02)

    async with served(drip) as (url, _):
        with pytest.raises(TryLater, match="did not answer within") as raised:
            await ask(url, seconds=0.3)

    assert raised.value.effect is Effect.AMBIGUOUS


async def test_no_answer_at_all_is_ambiguous(served):
    async def hang(writer):
        with anyio.move_on_after(1):
            await anyio.sleep_forever()

    async with served(hang) as (url, _):
        with pytest.raises(TryLater) as raised:
            await ask(url, seconds=0.2)

    assert raised.value.effect is Effect.AMBIGUOUS


async def test_a_time_out_while_connecting_has_no_effect():
    # A listening socket whose backlog is full leaves new connections unanswered.
    with socket.socket() as listening, socket.socket() as first, socket.socket() as second:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        address = listening.getsockname()
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(address)

        with pytest.raises(TryLater) as raised:
            await ask(f"http://127.0.0.1:{address[1]}", seconds=0.2)

    assert raised.value.effect is Effect.NONE


async def test_a_deadline_over_another_transport_is_ambiguous():
    class Silent(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            await asyncio.Event().wait()

    client = client_of("https://market.example", timeout=0.05, transport=Silent())
    with pytest.raises(TryLater) as raised:
        await client.request("POST", "/stock")

    assert raised.value.effect is Effect.AMBIGUOUS


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/1.1 20",
        OK + b"Content-Length: 100\r\n\r\n{}",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{}",
        b"\x00\x01\x02 not http\r\n\r\n",
    ],
    ids=["nothing", "half a line", "short of its length", "half a chunk", "not http"],
)
async def test_half_an_answer_is_ambiguous(served, raw):
    async with served(saying(raw)) as (url, _):
        with pytest.raises(TryLater) as raised:
            await ask(url)

    assert raised.value.effect is Effect.AMBIGUOUS


@pytest.mark.parametrize("before", [b"", OK + b"Content-Length: 100\r\n\r\n{}"], ids=["before", "midway"])
async def test_a_reset_connection_is_ambiguous(served, before):
    async def script(writer):
        writer.write(before)
        await writer.drain()
        reset(writer)

    async with served(script) as (url, _):
        with pytest.raises(TryLater) as raised:
            await ask(url)

    assert raised.value.effect is Effect.AMBIGUOUS


async def test_a_body_that_ends_with_its_connection_is_given_as_it_came(served):
    async with served(saying(OK + b'\r\n{"header":{},"data":{"failed')) as (url, _):
        answer = await ask(url)

    assert answer.body == b'{"header":{},"data":{"failed'


async def test_a_small_answer_cannot_fill_the_memory(served):
    bomb = gzip.compress(bytes(64 * 1024 * 1024))
    head = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    async with served(saying(head + bomb)) as (url, _):
        tracemalloc.start()
        try:
            with pytest.raises(AnswerUnusable, match="too long") as raised:
                await ask(url)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert raised.value.effect is Effect.UNCERTAIN
    assert peak < 6 * MAX_BODY_BYTES


async def test_an_answer_without_end_is_cut_off(served):
    async def endless(writer):
        writer.write(OK + b"\r\n")
        while True:
            writer.write(b" " * 65536)
            await writer.drain()

    async with served(endless) as (url, _):
        with pytest.raises(AnswerUnusable):
            await ask(url)


async def test_the_largest_body_is_still_taken(served):
    head = OK + b"Content-Length: %d\r\n\r\n" % MAX_BODY_BYTES
    async with served(saying(head + b" " * MAX_BODY_BYTES)) as (url, _):
        assert len((await ask(url)).body) == MAX_BODY_BYTES


async def test_a_failure_with_a_useless_body_keeps_its_status(served):
    raw = b"HTTP/1.1 503 Down\r\nContent-Encoding: br\r\nContent-Length: 3\r\n\r\nabc"
    async with served(saying(raw)) as (url, _):
        answer = await ask(url)

    assert (answer.status, answer.body) == (503, b"")


async def test_an_answer_compressed_unasked_is_read(served):
    body = gzip.compress(b'{"a":1}')
    head = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with served(saying(head + body)) as (url, _):
        assert (await ask(url)).body == b'{"a":1}'


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(b'{"a":1}', mtime=0)[:-6]),
        ("gzip", b"{}"),
        ("br", b"{}"),
        ("gzip, gzip", b"{}"),
    ],
)
async def test_a_success_whose_compression_cannot_be_undone_is_unusable(served, encoding, body):
    head = OK + f"Content-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    async with served(saying(head + body)) as (url, _):
        with pytest.raises(AnswerUnusable):
            await ask(url)


async def test_a_redirect_is_not_followed(served):
    async with (
        served(saying(OK + b"Content-Length: 0\r\n\r\n")) as (elsewhere, reached),
        served(saying(f"HTTP/1.1 307 X\r\nLocation: {elsewhere}/\r\nContent-Length: 0\r\n\r\n".encode())) as (
            url,
            _,
        ),
    ):
        answer = await ask(url, headers={"Authorization": "Bearer t"})

    assert answer.status == 307
    assert reached == []


async def test_cookies_are_not_kept():
    seen = []

    def handle(request):
        seen.append(request.headers.get("cookie"))
        return httpx.Response(200, headers={"Set-Cookie": "a=b; Path=/"})

    client = client_of("https://market.example", transport=httpx.MockTransport(handle))
    await client.request("GET", "/")
    await client.request("GET", "/")

    assert seen == [None, None]


async def test_a_refused_connection_has_no_effect():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(TryLater, match="refuses connections") as raised:
            await ask(f"http://127.0.0.1:{port}")

    assert raised.value.effect is Effect.NONE


async def test_a_name_that_does_not_resolve_has_no_effect():
    with pytest.raises(TryLater, match="cannot be resolved") as raised:
        await ask("https://no-such-host.invalid", seconds=20)

    assert raised.value.effect is Effect.NONE


async def test_a_server_that_speaks_no_tls_has_no_effect(served):
    async with served(saying(OK + b"\r\n")) as (url, _):
        with pytest.raises(TryLater) as raised:
            await ask(url.replace("http:", "https:"), seconds=0.5)

    assert raised.value.effect is Effect.NONE


@pytest.mark.parametrize(
    ("error", "effect"),
    [
        (httpx.ConnectError, Effect.NONE),
        (httpx.ConnectTimeout, Effect.NONE),
        (httpx.PoolTimeout, Effect.NONE),
        (httpx.LocalProtocolError, Effect.NONE),
        (httpx.UnsupportedProtocol, Effect.NONE),
        (httpx.ReadTimeout, Effect.AMBIGUOUS),
        (httpx.WriteTimeout, Effect.AMBIGUOUS),
        (httpx.WriteError, Effect.AMBIGUOUS),
        (httpx.ReadError, Effect.AMBIGUOUS),
        (httpx.CloseError, Effect.AMBIGUOUS),
        (httpx.RemoteProtocolError, Effect.AMBIGUOUS),
        (httpx.ProxyError, Effect.AMBIGUOUS),
        (httpx.DecodingError, Effect.AMBIGUOUS),
        (OSError, Effect.AMBIGUOUS),
    ],
)
async def test_only_what_certainly_never_left_has_no_effect(error, effect):
    def handle(request):
        raise error("Illegal header value b'Bearer secret-token'")

    client = client_of("https://market.example", transport=httpx.MockTransport(handle))
    with pytest.raises(TryLater) as raised:
        await client.request("POST", "/stock", params={"shop_id": "479573"})

    assert raised.value.effect is effect
    shown = "".join(traceback.format_exception(raised.value))
    assert "secret-token" not in shown
    assert "479573" not in raised.value.message


async def test_waiting_for_a_free_connection_has_no_effect(served):
    async def hang(writer):
        with anyio.move_on_after(1):
            await anyio.sleep_forever()

    async with served(hang) as (url, requests):
        client = HttpClient(Surroundings(now=lambda: 0.0, timeout=0.4, in_flight=1), url)
        errors = await asyncio.gather(
            client.request("POST", "/first"), client.request("POST", "/second"), return_exceptions=True
        )
        await client.aclose()

    assert [error.effect for error in errors] == [Effect.AMBIGUOUS, Effect.NONE]
    assert len(requests) == 1


async def test_neither_a_proxy_nor_a_password_of_the_environment_is_used(served, monkeypatch, tmp_path):
    ok = saying(OK + b"Content-Length: 2\r\n\r\n{}")
    async with served(ok) as (proxy, through_proxy), served(ok) as (url, requests):
        (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password secret\n")
        monkeypatch.setenv("HOME", str(tmp_path))
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy)
            monkeypatch.setenv(name.lower(), proxy)

        await ask(url)

    assert through_proxy == []
    assert len(requests) == 1
    assert b"authorization" not in requests[0].lower()


async def test_the_time_of_an_answer_is_the_marketplaces_own(answered):
    told = answered({}, date="Tue, 24 Nov 2026 23:00:00 GMT")
    assert told.server_time == 1_795_561_200
    assert [answered({}, date=date).server_time for date in ("", "soon")] == [None, None]
    assert answered({}).server_time is None

    with pytest.raises(TryLater) as raised, telling_time(told.server_time):
        raise TryLater("busy")
    assert raised.value.server_time == 1_795_561_200
