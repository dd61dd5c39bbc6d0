"""How far a request gets, against real servers and the machine's own resolver."""

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

from connectors.reaching import Reached, Step, Unreached, proxies_set, reach

pytestmark = pytest.mark.anyio

TLS = Path(__file__).parent / "fixtures" / "tls"
SECONDS = 5.0


def trusting_the_tests():
    return ssl.create_default_context(cafile=str(TLS / "ca.pem"))


async def silent(_writer):
    await asyncio.sleep(0)


async def test_where_all_is_open_it_is_reached_and_nothing_is_sent(served):
    async with served(silent) as (url, requests):
        found = await reach(f"{url}/some/path", SECONDS)

    assert isinstance(found, Reached)
    assert (found.host, found.address, found.tls, found.deaf) == ("127.0.0.1", "127.0.0.1", "", ())
    assert 0 <= found.seconds < SECONDS
    assert requests == []


async def test_a_certificate_that_holds_is_reached_by_tls(served):
    async with served(silent, certificate="valid.pem") as (url, requests):
        found = await reach(url, SECONDS, trusting_the_tests())

    assert found.tls.startswith("TLSv1")
    assert requests == []


@pytest.mark.parametrize(
    ("certificate", "word", "remedy"),
    [
        ("expired.pem", "expired", "this machine's date"),
        ("not_yet.pem", "not yet valid", "this machine's date"),
        ("other_host.pem", "mismatch", "another host"),
        ("untrusted.pem", "self-signed", "proxy that opens TLS"),
    ],
)
async def test_a_certificate_that_does_not_hold_ends_the_way(served, certificate, word, remedy):
    async with served(silent, certificate=certificate) as (url, _):
        found = await reach(url, SECONDS, trusting_the_tests())

    assert found.step is Step.CERTIFICATE
    assert word in found.what
    assert remedy in found.remedy


async def test_without_another_authority_ours_is_not_trusted(served):
    async with served(silent, certificate="valid.pem") as (url, _):
        found = await reach(url, SECONDS)

    assert found.step is Step.CERTIFICATE


async def test_a_port_that_speaks_no_tls_ends_the_way(served):
    async with served(silent) as (url, _):
        found = await reach(url.replace("http:", "https:"), 1.0)

    assert found.step is Step.CERTIFICATE
    assert "no TLS connection" in found.what


async def test_a_port_where_nobody_listens_ends_the_way():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        found = await reach(f"http://127.0.0.1:{port}", SECONDS)

    assert found == Unreached(
        Step.CONNECTION,
        f"127.0.0.1 cannot be connected to at port {port} (127.0.0.1: Connection refused)",
        "nothing listens there: check the port in base_url, and whether the service runs",
    )


async def test_an_address_without_an_answer_ends_the_way_in_time():
    """A listener whose queue is full drops what comes: as a firewall does."""
    with socket.socket() as deaf, socket.socket() as first, socket.socket() as second:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for one in (first, second):
            one.setblocking(False)
            one.connect_ex(deaf.getsockname())
        found = await reach(f"http://127.0.0.1:{deaf.getsockname()[1]}", 0.3)

    assert found.step is Step.CONNECTION
    assert "no answer within 0.3 s" in found.what
    assert "firewall" in found.remedy


async def test_a_name_that_there_is_not_ends_the_way():
    found = await reach("https://no-such-host.invalid", SECONDS)

    assert found.step is Step.NAME
    assert "no-such-host.invalid" in found.what
    assert found.remedy


async def test_another_address_of_the_name_is_tried(served):
    async with served(silent) as (url, _):
        found = await reach(url.replace("127.0.0.1", "localhost"), SECONDS)

    assert found.address == "127.0.0.1"
    assert set(found.deaf) <= {"::1"}


def test_the_proxies_of_an_environment_are_named_without_their_values():
    assert proxies_set({}) == []
    assert proxies_set({"HTTPS_PROXY": "", "NO_PROXY": "x"}) == []
    assert proxies_set({"https_proxy": "http://user:secret@proxy", "ALL_PROXY": "x"}) == [
        "ALL_PROXY",
        "https_proxy",
    ]
