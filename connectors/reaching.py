"""How far a request gets on its way to a marketplace: name, connection, certificate. Nothing is asked."""

import asyncio
import contextlib
import errno
import os
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import httpx

PROXY_VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy")
_DEFAULT_PORTS = {"https": 443, "http": 80}
_NO_SUCH_NAME = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))


class Step(StrEnum):
    """Where the way ended."""

    NAME = "name"
    CONNECTION = "connection"
    CERTIFICATE = "certificate"


@dataclass(frozen=True, slots=True)
class Reached:
    """The way is open. `address` is the first that answered, `deaf` those tried before it."""

    host: str
    address: str
    seconds: float
    tls: str
    deaf: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unreached:
    """The way ends at a step: what was found there, and what to do."""

    step: Step
    what: str
    remedy: str


def proxies_set(environ: Mapping[str, str]) -> list[str]:
    """Name the environment variables that name a proxy. Connectors use none: they connect directly."""
    return [name for name in PROXY_VARIABLES if environ.get(name)]


async def reach(url: str, seconds: float, context: ssl.SSLContext | None = None) -> Reached | Unreached:
    """Go the way to `url` up to where a request would be sent; each step may take so many seconds.

    `context` is how a certificate is judged; None: as for real requests.
    """
    parsed = httpx.URL(url)
    port = parsed.port or _DEFAULT_PORTS[parsed.scheme]
    addresses = await _resolved(parsed.host, port, seconds)
    if isinstance(addresses, Unreached):
        return addresses
    began = time.monotonic()
    failures: dict[str, str] = {}
    for address in addresses:
        try:
            async with asyncio.timeout(seconds):
                _, writer = await asyncio.open_connection(address, port)
        except OSError as error:  # a TimeoutError is one
            failures[address] = _why_not_connected(error, seconds)
            continue
        try:
            refusal = await _secured(parsed, writer, seconds, context)
            if refusal is not None:
                return refusal
            spoken = writer.get_extra_info("ssl_object")
            took = time.monotonic() - began
            return Reached(parsed.host, address, took, spoken.version() if spoken else "", tuple(failures))
        finally:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(seconds):
                    await writer.wait_closed()
    return _not_connected(parsed.host, port, failures)


async def _resolved(host: str, port: int, seconds: float) -> list[str] | Unreached:
    try:
        async with asyncio.timeout(seconds):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError:
        what = f"the name {host} was not resolved within {seconds:g} s"
    except socket.gaierror as error:
        if error.errno in _NO_SUCH_NAME:
            return Unreached(
                Step.NAME,
                f"there is no host named {host}",
                "check base_url for a slip; if it is right, this machine's DNS (resolvectl query NAME)",
            )
        what = f"the name {host} cannot be resolved ({error.strerror})"
    else:
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))
    return Unreached(Step.NAME, what, "check the network and /etc/resolv.conf: no name server answers")


def _why_not_connected(error: OSError, seconds: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {seconds:g} s"
    return os.strerror(error.errno) if error.errno else type(error).__name__


def _not_connected(host: str, port: int, failures: Mapping[str, str]) -> Unreached:
    said = "; ".join(f"{address}: {reason}" for address, reason in failures.items())
    refused = set(failures.values()) <= {os.strerror(errno.ECONNREFUSED)}
    remedy = (
        "nothing listens there: check the port in base_url, and whether the service runs"
        if refused
        else f"let a firewall pass TCP port {port} to {host}; syncd uses no proxy"
    )
    return Unreached(Step.CONNECTION, f"{host} cannot be connected to at port {port} ({said})", remedy)


async def _secured(
    url: httpx.URL, writer: asyncio.StreamWriter, seconds: float, context: ssl.SSLContext | None
) -> Unreached | None:
    """Begin TLS where the URL asks for it; tell why that cannot be."""
    if url.scheme != "https":
        return None
    try:
        async with asyncio.timeout(seconds):
            await writer.start_tls(
                context or httpx.create_ssl_context(trust_env=False), server_hostname=url.host
            )
    except ssl.SSLCertVerificationError as error:
        return Unreached(
            Step.CERTIFICATE,
            f"the certificate of {url.host} cannot be verified ({error.verify_message})",
            _certificate_remedy(error.verify_message),
        )
    except OSError as error:  # an SSLError and a TimeoutError are ones
        reason = getattr(error, "reason", None) or type(error).__name__
        return Unreached(
            Step.CERTIFICATE,
            f"no TLS connection to {url.host} comes about ({reason})",
            "check the port in base_url, and whether a firewall or proxy stands between",
        )
    return None


def _certificate_remedy(message: str) -> str:
    if "expired" in message or "not yet valid" in message:
        return (
            "check this machine's date (timedatectl); if it is right, the certificate is really out of date"
        )
    if "mismatch" in message or "not valid for" in message:
        return "check base_url: another host answers at this address"
    return "a firewall or proxy that opens TLS stands between: let this host pass unopened"
