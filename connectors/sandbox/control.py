"""The sandbox's own endpoints: look in, script faults, change what is listed and allowed, start again.

They need no credentials; the server binds to loopback addresses only.
"""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, Protocol

from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from connectors.sandbox.arrivals import Arrival
from connectors.sandbox.buckets import Limits
from connectors.sandbox.delivery import JsonAnswer
from connectors.sandbox.faults import Fault, Faults
from connectors.sandbox.listings import Listing, Listings
from connectors.sandbox.marketplace import Marketplace
from connectors.sandbox.page import render
from connectors.sandbox.tocobagus import Tocobagus
from connectors.sandbox.tokopedia import Tokopedia

MARKETPLACES = ("tokopedia", "tocobagus")
_LIMITS = TypeAdapter(Limits)
_NAMED = TypeAdapter(list[str | Listing])

Endpoint = Callable[[Request], Awaitable[Response]]


class Controlled(Protocol):
    """What the endpoints need of a sandbox."""

    faults: Faults
    tokopedia: Tokopedia
    tocobagus: Tocobagus

    def arrivals(self, since: int = 0) -> list[Arrival]:
        """What arrived after that number."""

    def counters(self) -> dict[str, dict[str, int]]:
        """Counters by marketplace."""

    def reset(self) -> None:
        """Start again."""


class Control:
    """The endpoints under /sandbox, and the page at /."""

    def __init__(self, sandbox: Controlled) -> None:
        self._sandbox = sandbox

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/", self._page),
            Route("/sandbox/stock", self._stock),
            Route("/sandbox/arrivals", _reporting(self._arrivals)),
            Route("/sandbox/counters", self._counters),
            Route("/sandbox/faults", _reporting(self._faults), methods=["GET", "POST", "DELETE"]),
            Route("/sandbox/listings", _reporting(self._listings), methods=["GET", "POST"]),
            Route("/sandbox/limits", _reporting(self._limits), methods=["POST"]),
            Route("/sandbox/reset", self._reset, methods=["POST"]),
        ]

    async def _page(self, request: Request) -> Response:
        text = render(
            self._sandbox.tokopedia,
            self._sandbox.tocobagus,
            arrivals=self._sandbox.arrivals(),
            counters=self._sandbox.counters(),
            faults=self._sandbox.faults.pending(),
            base=str(request.base_url).rstrip("/"),
        )
        return HTMLResponse(text.encode("utf-8", "replace"))

    async def _stock(self, _request: Request) -> Response:
        tokopedia, tocobagus = self._sandbox.tokopedia, self._sandbox.tocobagus
        return JsonAnswer(
            {
                "tokopedia": {warehouse: tokopedia.stock(warehouse) for warehouse in tokopedia.warehouses},
                "tocobagus": {one: tocobagus.stock(one) for one in ("", *tocobagus.warehouses)},
            }
        )

    async def _arrivals(self, request: Request) -> Response:
        since = request.query_params.get("since", "0")
        if not since.isdecimal():
            raise ValueError("since is the number of an arrival")
        return JsonAnswer([_arrival(one) for one in self._sandbox.arrivals(int(since))])

    async def _counters(self, _request: Request) -> Response:
        return JsonAnswer(self._sandbox.counters())

    async def _faults(self, request: Request) -> Response:
        if request.method == "POST":
            _add_faults(self._sandbox.faults, await _document(request))
        elif request.method == "DELETE":
            self._sandbox.faults.clear()
        return JsonAnswer(self._sandbox.faults.pending())

    async def _listings(self, request: Request) -> Response:
        if request.method != "POST":
            return JsonAnswer({name: _listed(self._marketplace(name).listings) for name in MARKETPLACES})
        for name, wanted in _by_marketplace(await _document(request)):
            _list(self._marketplace(name).listings, wanted, numeric=name == "tokopedia")
        return JsonAnswer({"ok": True})

    async def _limits(self, request: Request) -> Response:
        for name, wanted in _by_marketplace(await _document(request)):
            marketplace = self._marketplace(name)
            marketplace.limit(_LIMITS.validate_python({**asdict(marketplace.limits), **wanted}))
        return JsonAnswer({name: asdict(self._marketplace(name).limits) for name in MARKETPLACES})

    async def _reset(self, _request: Request) -> Response:
        self._sandbox.reset()
        return JsonAnswer({"ok": True})

    def _marketplace(self, name: str) -> Marketplace:
        return self._sandbox.tokopedia if name == "tokopedia" else self._sandbox.tocobagus


def _reporting(endpoint: Endpoint) -> Endpoint:
    async def reported(request: Request) -> Response:
        try:
            return await endpoint(request)
        except ValueError as error:
            return JsonAnswer({"error": str(error)}, 400)

    return reported


async def _document(request: Request) -> Any:
    try:
        return json.loads(await request.body())
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _by_marketplace(document: Any) -> list[tuple[str, dict[str, Any]]]:
    if not isinstance(document, dict) or not all(isinstance(one, dict) for one in document.values()):
        raise ValueError("an object with an object for each marketplace")
    if unknown := set(document) - set(MARKETPLACES):
        raise ValueError(f"unknown marketplace: {', '.join(sorted(unknown))}")
    return list(document.items())


def _add_faults(faults: Faults, document: Any) -> None:
    """One fault or a list of them; one with a `rate` happens at random."""
    entries = document if isinstance(document, list) else [document]
    parsed: list[tuple[float | None, Fault]] = []
    for entry in entries:
        values = dict(entry) if isinstance(entry, dict) else {}
        rate = values.pop("rate", None)
        if rate is not None and (not isinstance(rate, int | float) or not 0 <= rate <= 1):
            raise ValueError("a rate is a number from 0 to 1")
        parsed.append((rate, Fault.parse(values)))
    for rate, fault in parsed:
        if rate is None:
            faults.next(fault)
        else:
            faults.at_random(rate, fault)


def _list(listings: Listings, wanted: dict[str, Any], *, numeric: bool) -> None:
    """`{"only": [...]}`, `{"name": [...]}` or `{"everything_but": "PATTERN"}`."""
    if len(wanted) != 1 or not {"only", "name", "everything_but"}.issuperset(wanted):
        raise ValueError('one of "only", "name", "everything_but"')
    verb, value = next(iter(wanted.items()))
    if verb == "everything_but":
        listings.everything(unknown=_pattern(value))
        return
    named = _NAMED.validate_python(value)
    if numeric and not all(isinstance(one, str) or one.id.isdecimal() for one in named):
        raise ValueError("a product id of Tokopedia is a number")
    (listings.only if verb == "only" else listings.name)(named)


def _listed(listings: Listings) -> list[dict[str, str]]:
    return [asdict(listing) for listing in listings.all()]


def _pattern(value: object) -> str:
    try:
        return re.compile(str(value)).pattern
    except re.error as error:
        raise ValueError(f"not a pattern: {error}") from None


def _arrival(arrival: Arrival) -> dict[str, Any]:
    return {**asdict(arrival), "rows": [row._asdict() for row in arrival.rows]}
