import asyncio
import socket
import statistics
import time

import httpx
import pytest

from connectors.sandbox import Call, Fault, FaultKind, Sandbox, serve

pytestmark = pytest.mark.anyio


@pytest.fixture
def sandbox():
    return Sandbox(now=time.time)


async def sign_in(url, **options):
    async with httpx.AsyncClient() as http:
        return await http.post(
            f"{url}/token?grant_type=client_credentials",
            auth=("sandbox-client", "sandbox-client-secret"),
            **options,
        )


async def test_it_answers_real_requests_while_the_context_is_open(sandbox):
    async with serve(sandbox) as url:
        answer = await sign_in(url)

    assert answer.status_code == 200
    assert len(answer.headers.get_list("date")) == 1
    with pytest.raises(httpx.ConnectError):
        await sign_in(url)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.1", "::"])  # noqa: S104 - to see it refused
async def test_it_listens_on_loopback_only(sandbox, host):
    with pytest.raises(ValueError, match="loopback"):
        async with serve(sandbox, host=host):
            pass


async def test_a_port_that_is_taken_is_an_error(sandbox):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            async with serve(sandbox, port=taken.getsockname()[1]):
                pass


async def raw_answer(url):
    """What comes over a bare connection until it ends, and the error that ended it."""
    reader, writer = await asyncio.open_connection(*url.removeprefix("http://").split(":"))
    writer.write(b"GET /v1/shop/fs/13004/shop-info HTTP/1.1\r\nHost: sandbox\r\n\r\n")
    received = b""
    try:
        while piece := await reader.read(65536):
            received += piece
    except ConnectionResetError as error:
        return received, error
    finally:
        writer.close()
    return received, None


async def test_a_reset_resets_the_connection_before_the_answer(sandbox):
    sandbox.faults.next(Fault(kind=FaultKind.RESET, call=Call.READ))

    async with serve(sandbox) as url:
        received, error = await raw_answer(url)

    assert received == b""
    assert isinstance(error, ConnectionResetError)


async def test_half_of_the_answer_has_come_when_the_reset_comes_midway(sandbox):
    sandbox.faults.next(Fault(kind=FaultKind.RESET_MIDWAY, call=Call.READ))

    async with serve(sandbox) as url:
        received, error = await raw_answer(url)

    head, _, body = received.partition(b"\r\n\r\n")
    assert b"content-length: 27" in head
    assert body == b'{"message":"i'
    assert isinstance(error, ConnectionResetError)


async def test_a_reset_is_a_read_error_to_httpx(sandbox):
    sandbox.faults.next(Fault(kind=FaultKind.RESET, call=Call.TOKEN))

    async with serve(sandbox) as url:
        with pytest.raises(httpx.ReadError):
            await sign_in(url)


async def test_a_hanging_call_ends_with_the_patience_of_the_client(sandbox):
    sandbox.faults.next(Fault(kind=FaultKind.HANG, call=Call.TOKEN))

    async with serve(sandbox) as url:
        with pytest.raises(httpx.ReadTimeout):
            await sign_in(url, timeout=0.1)
        answer = await sign_in(url)

    assert answer.status_code == 200


async def test_closing_does_not_wait_for_calls_that_are_held_back():
    asleep = asyncio.Event()

    async def sleep_for_ever(_seconds):
        asleep.set()
        await asyncio.Event().wait()

    sandbox = Sandbox(now=time.time, sleep=sleep_for_ever)
    sandbox.faults.next(Fault(kind=FaultKind.LATENCY, before=1, call=Call.TOKEN))

    async with asyncio.timeout(5):
        async with serve(sandbox) as url:
            call = asyncio.create_task(sign_in(url, timeout=60))
            await asleep.wait()
        with pytest.raises(httpx.TransportError):
            await call


async def test_two_sandboxes_can_serve_at_once(sandbox):
    async with serve(sandbox) as first, serve(Sandbox(now=time.time, seed=1)) as second:
        tokens = {(await sign_in(url)).json()["access_token"] for url in (first, second)}

    assert len(tokens) == 2


async def test_small_answers_on_one_connection_are_not_held_back(sandbox):
    seconds = []

    async with serve(sandbox) as url, httpx.AsyncClient(base_url=url) as http:
        for _ in range(21):
            began = time.perf_counter()
            await http.post("/sandbox/reset", json={})
            seconds.append(time.perf_counter() - began)

    assert statistics.median(seconds) < 0.03
