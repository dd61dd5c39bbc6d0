"""The one door to the network: bounded requests, their failures by what to do next, defensive readers.

What a marketplace sends is hostile until parsed: bodies are capped, redirects are not followed, texts are
cleaned before anyone quotes them.
"""

import asyncio
import json
import math
import re
import socket
import ssl
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import ip_address
from typing import Annotated, Any, Never, cast

import httpx
from pydantic import AfterValidator, Field

from connectors.contract import Allowance, Surroundings
from connectors.errors import (
    AnswerUnusable,
    AuthenticationExpired,
    BatchRefused,
    ChannelRefused,
    ConnectorError,
    Effect,
    Throttled,
    TryLater,
)

MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_QUOTED_CHARACTERS = 200
_HIGHEST_PORT = 65535

_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.LocalProtocolError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
_UPSTREAM_LOST = (408, 502, 504)
"""Statuses of a request whose fate the server that answered does not know itself."""
_SECONDS = re.compile(r"[0-9]+(\.[0-9]*)?")


def check_base_url(url: str) -> str:
    """The URL without a trailing slash, if requests may safely go there; ValueError otherwise.

    https anywhere, plain http to this machine only; no user information, query or fragment.
    """
    if not url.isascii() or not url.isprintable() or any(mark in url for mark in " \\?#@"):
        raise ValueError("must be a plain URL without user, query, fragment or unusual characters")
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        raise ValueError("is not a URL") from None
    if parsed.port is not None and not 0 < parsed.port <= _HIGHEST_PORT:
        raise ValueError("must not name a port beyond 65535")
    if not parsed.host or parsed.scheme not in ("http", "https"):
        raise ValueError("must begin with https:// and name a host")
    if parsed.scheme == "http" and not _is_loopback(parsed.host):
        raise ValueError("must begin with https:// (plain http:// is for this machine only)")
    return str(parsed).rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


BaseUrl = Annotated[str, AfterValidator(check_base_url)]
"""A setting that names where a marketplace answers."""

HeaderText = Annotated[str, Field(pattern=r"^[\x21-\x7e]+$", max_length=200)]
"""A setting that is sent as a header: visible ASCII."""


@dataclass(frozen=True, slots=True)
class Response:
    """What came back. `headers` are found by their names in lower case; `body` is decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def succeeded(self) -> bool:
        """Whether the status says so (2xx); the body may say otherwise."""
        return 200 <= self.status < 300  # noqa: PLR2004

    @property
    def server_time(self) -> float | None:
        """When it was sent, by the marketplace's own clock (seconds since the epoch); None if not told."""
        return parse_http_date(self.headers.get("date", ""))


class HttpClient:
    """Requests to one marketplace, each within one deadline. Only a `ConnectorError` comes out of it."""

    def __init__(self, surroundings: Surroundings, base_url: str) -> None:
        """`base_url`: what requested paths are appended to."""
        self._timeout = surroundings.timeout
        # Waiting for a connection, TCP and TLS have a quarter each: so the deadline never falls into them,
        # where it could not be told from one that falls into sending, and where httpcore, when cancelled,
        # leaves the socket open.
        quarter = self._timeout / 4
        self._client = httpx.AsyncClient(
            base_url=base_url,
            transport=surroundings.transport,
            timeout=httpx.Timeout(self._timeout, connect=quarter, pool=quarter),
            limits=httpx.Limits(
                max_connections=surroundings.in_flight, max_keepalive_connections=surroundings.in_flight
            ),
            follow_redirects=False,
            trust_env=False,
            # An answer must depend on what is asked, not on what was answered before.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            headers={"User-Agent": "syncd", "Accept": "application/json", "Accept-Encoding": "identity"},
        )

    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
    ) -> Response:
        """Send `content` to a path below the base URL, or to an absolute URL, and read the whole answer.

        Raises:
            TryLater: no answer came, or half of one; its `effect` tells whether the request may have left.
            AnswerUnusable: a 2xx whose body is too long, or compressed in a way that cannot be undone.
        """
        request = self._client.build_request(method, url, params=params, headers=headers, content=content)
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._client.send(request, stream=True)
                try:
                    body = await _read_body(answer)
                finally:
                    await answer.aclose()
        except TimeoutError:
            raise TryLater(
                f"{request.url.host} did not answer within {self._timeout:g} s", effect=Effect.AMBIGUOUS
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            # Nothing of the original is shown: a library may quote a header in its message.
            raise _translated(error, request.url.host) from None
        response = Response(answer.status_code, answer.headers, body or b"")
        if body is None and response.succeeded:
            raise AnswerUnusable(
                f"the answer of {request.url.host} is too long, or damaged in its compression",
                status=response.status,
            )
        return response

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()


async def _read_body(answer: httpx.Response) -> bytes | None:
    """The body, or None where it exceeds `MAX_BODY_BYTES` or its compression cannot be undone."""
    encoding = answer.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "", "gzip", "deflate"):
        return None
    # httpx would decompress a whole network chunk at once, a thousandfold: a small answer fills the memory.
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 32) if encoding in ("gzip", "deflate") else None
    body = bytearray()
    async for chunk in cast("httpx.AsyncByteStream", answer.stream):
        try:
            body += inflater.decompress(chunk, MAX_BODY_BYTES + 1 - len(body)) if inflater else chunk
        except zlib.error:
            return None
        if len(body) > MAX_BODY_BYTES:
            return None
    if inflater and not inflater.eof:
        return None
    return bytes(body)


def _translated(error: Exception, host: str) -> TryLater:
    if not isinstance(error, _NEVER_SENT):
        return TryLater(
            f"the connection to {host} broke before the answer was complete ({type(error).__name__})",
            effect=Effect.AMBIGUOUS,
        )
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return TryLater(
                f"the certificate of {host} cannot be verified ({cause.verify_message}): check this "
                "machine's date and base_url, and whether a proxy stands between; nothing was sent",
                effect=Effect.NONE,
            )
        if isinstance(cause, ssl.SSLError):
            return TryLater(f"no TLS connection to {host} ({cause.reason})", effect=Effect.NONE)
        if isinstance(cause, socket.gaierror):
            return TryLater(
                f"the name {host} cannot be resolved: check the network and DNS", effect=Effect.NONE
            )
        if isinstance(cause, ConnectionRefusedError):
            return TryLater(f"{host} refuses connections", effect=Effect.NONE)
    return TryLater(f"{host} cannot be reached ({type(error).__name__})", effect=Effect.NONE)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            yield from error.exceptions
        error = error.__cause__ or error.__context__


def error_for_status(
    response: Response,
    now: float,
    *,
    said: str = "",
    code: str = "",
    retry_after: float | None = None,
    allowance: Allowance | None = None,
) -> ConnectorError:
    """What an answer means by its HTTP status alone, where its body says nothing that is known.

    `said` is the marketplace's own explanation, already `quoted`; `retry_after` and `allowance` what a 429
    told of how long to wait and of its limit elsewhere than in `Retry-After`. A 2xx that comes here is
    unusable.
    """
    status = response.status
    message = f"HTTP {status}: {said}" if said else f"HTTP {status}"
    told = parse_retry_after(response.headers, now)
    if status == 429:  # noqa: PLR2004
        return Throttled(
            message,
            retry_after=retry_after if told is None else told,
            allowance=allowance or Allowance(),
            code=code,
            status=status,
        )
    if 300 <= status < 400:  # noqa: PLR2004
        return ChannelRefused(
            f"base_url is redirected (HTTP {status}): set it to the final address", code=code, status=status
        )
    if response.succeeded:
        return AnswerUnusable(f"an answer that cannot be used, {message}", code=code, status=status)
    kind = _kind_for_status(status)
    if kind is TryLater:
        effect = Effect.AMBIGUOUS if status in _UPSTREAM_LOST else None
        return TryLater(message, retry_after=told, code=code, status=status, effect=effect)
    return kind(message, code=code, status=status)


def _kind_for_status(
    status: int,
) -> type[TryLater | AuthenticationExpired | BatchRefused | ChannelRefused]:
    if status == 401:  # noqa: PLR2004
        return AuthenticationExpired
    if status in (400, 413, 422):
        return BatchRefused
    if status in (408, 421, 425) or not 400 <= status < 500:  # noqa: PLR2004
        return TryLater
    return ChannelRefused


def parse_retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait by `Retry-After` (seconds or HTTP date); None where it is absent or makes no sense.

    A past date is 0. Nothing is capped: how long to believe a marketplace is the caller's to decide.
    """
    text = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        seconds = float(text)
        return seconds if math.isfinite(seconds) else None
    moment = parse_http_date(text)
    return None if moment is None else max(0.0, moment - now)


def parse_http_date(text: str) -> float | None:
    """Seconds since the epoch, None where it is no date."""
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def parse_json(body: bytes) -> Any:
    """The value of a JSON text in UTF-8; ValueError for anything else.

    So are NaN, deep nesting, and an object that says two different things under one name.
    """
    try:
        return json.loads(
            body.decode("utf-8-sig"), parse_constant=_refuse_constant, object_pairs_hook=_consistent
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is not JSON")


def _consistent(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs) and any(value[name] != said for name, said in pairs):
        raise ValueError("two values under one name")
    return value


def compact_json(value: Any) -> bytes:
    """JSON without spaces in UTF-8, byte for byte as JavaScript's `JSON.stringify` writes it."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # lone surrogates have no UTF-8
        return json.dumps(value, separators=(",", ":")).encode()


def quoted(text: Any, secrets: Iterable[str] = ()) -> str:
    """A marketplace's text made fit for messages: `secrets` hidden, one printable line, shortened.

    "" for anything that is not text.
    """
    if not isinstance(text, str):
        return ""
    text = redacted(text, secrets)
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= MAX_QUOTED_CHARACTERS else line[: MAX_QUOTED_CHARACTERS - 1] + "…"


def redacted(text: str, secrets: Iterable[str]) -> str:
    """The text with each secret in it replaced: a marketplace may echo what it was sent."""
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            text = text.replace(secret, "[secret]")
    return text
