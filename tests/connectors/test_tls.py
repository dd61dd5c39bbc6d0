"""TLS that cannot be trusted, against real servers. The certificates in fixtures/tls last until 2120."""

import ssl
from pathlib import Path

import httpx
import pytest

from connectors import Effect, Surroundings, TryLater
from connectors.transport import HttpClient

pytestmark = pytest.mark.anyio

TLS = Path(__file__).parent / "fixtures" / "tls"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


async def answer(writer):
    writer.write(OK)
    await writer.drain()


def trusting_the_tests():
    """What a machine would do whose only trusted authority is ours."""
    context = ssl.create_default_context(cafile=str(TLS / "ca.pem"))
    return httpx.AsyncHTTPTransport(verify=context, trust_env=False)


async def ask(base_url, transport=None):
    client = HttpClient(Surroundings(now=lambda: 0.0, timeout=5.0, transport=transport), base_url)
    try:
        return await client.request("POST", "/stock", headers={"Authorization": "Bearer t"}, content=b"[]")
    finally:
        await client.aclose()


async def test_what_is_trusted_and_valid_is_spoken_to(served):
    async with served(answer, certificate="valid.pem") as (url, requests):
        assert (await ask(url, trusting_the_tests())).status == 200

    assert len(requests) == 1


@pytest.mark.parametrize(
    ("certificate", "why"),
    [
        ("expired.pem", "certificate has expired"),
        ("not_yet.pem", "certificate is not yet valid"),
        ("other_host.pem", "IP address mismatch"),
        ("untrusted.pem", "self-signed certificate"),
    ],
)
async def test_a_certificate_that_does_not_hold_is_named_and_nothing_is_sent(served, certificate, why):
    async with served(answer, certificate=certificate) as (url, requests):
        with pytest.raises(TryLater, match=r"certificate of 127\.0\.0\.1 cannot be verified") as raised:
            await ask(url, trusting_the_tests())

    assert why in raised.value.message
    assert raised.value.effect is Effect.NONE
    assert requests == []


async def test_an_authority_that_the_world_does_not_know_is_not_trusted(served, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "ca.pem"))
    async with served(answer, certificate="valid.pem") as (url, requests):
        with pytest.raises(TryLater, match="cannot be verified") as raised:
            await ask(url)

    assert raised.value.effect is Effect.NONE
    assert requests == []
