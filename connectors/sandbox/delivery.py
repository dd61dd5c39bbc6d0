"""How an answer reaches the client, or fails to.

A reset needs the transport: where the server put an `abort` into the ASGI scope it is used; where there is no
connection (the application is called in the client's own process), the client's library error is raised
instead, as a real reset would show itself.
"""

import json
from collections.abc import Mapping
from typing import Any

import httpx
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

ABORT = "connectors.sandbox.abort"
"""The key of the ASGI scope under which a server offers to reset the connection."""

PAGE = "<!DOCTYPE html><html><title>Maintenance</title><body><h1>Be right back</h1></body></html>"


class JsonAnswer(Response):
    """A JSON document."""

    media_type = "application/json"

    @override
    def render(self, content: Any) -> bytes:
        """Compact, as the marketplaces send it."""
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


class Reset(Response):
    """Resets the connection; with `midway`, after half of that answer."""

    def __init__(self, midway: Response | None = None) -> None:
        super().__init__()
        self._midway = midway

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what is to be sent, then reset."""
        abort = scope.get(ABORT)
        if abort is None:
            raise httpx.ReadError("connection reset by the sandbox")
        if self._midway is not None:
            whole = bytes(self._midway.body)
            status, headers = self._midway.status_code, self._midway.raw_headers
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": whole[: len(whole) // 2], "more_body": True})
        abort()
        await _gone(receive)


class Silence(Response):
    """Never answers; ends when the client has gone."""

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait for the client to give up."""
        await _gone(receive)
        abort = scope.get(ABORT)
        if abort is not None:
            abort()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def as_body(kind: str, document: Any, status: int, headers: Mapping[str, str]) -> Response:
    """An answer whose body is `json` (the document), `html` (a web page) or `empty`."""
    if kind == "html":
        return Response(PAGE, status, dict(headers), media_type="text/html")
    if kind == "empty":
        return Response(b"", status, dict(headers))
    return JsonAnswer(document, status, dict(headers))


def truncated(answer: Response) -> Response:
    """The same answer, whose body ends in the middle as if it were whole."""
    whole = bytes(answer.body)
    return Response(whole[: len(whole) * 2 // 3], answer.status_code, media_type="application/json")
