"""What must hold at every moment, seen from between the daemon and the marketplaces."""

import json
import sqlite3
from collections import Counter, defaultdict
from contextlib import closing
from pathlib import Path

import httpx

_PATHS = {"/stock/update": "tokopedia", "/partner/stores/inventory": "tocobagus"}
_IN_FLIGHT = (
    "SELECT listing.sku, attempt.quantity, started_at / 1000.0 FROM listing"
    " JOIN attempt ON attempt.id = attempt_id JOIN push ON push.id = push_id"
    " JOIN channel ON channel.id = listing.channel_id WHERE channel.name LIKE ? AND attempt.outcome IS NULL"
)
_SURE = (
    "SELECT sku, confirmed FROM listing JOIN channel ON channel.id = channel_id WHERE channel.name LIKE ?"
    " AND attempt_id IS NULL AND confirmed IS NOT NULL AND reassert_at IS NULL"
    " AND NOT (uncertain OR ambiguous)"
)
_REFUSED = (
    "SELECT failure.sku, failure.message FROM failure JOIN listing USING (channel_id, sku, warehouse)"
    " JOIN channel ON channel.id = channel_id WHERE channel.name LIKE ? AND refusal IS NOT NULL"
)


class Witness(httpx.AsyncBaseTransport):
    """Passes requests on to the marketplaces; `wrong` collects what must not have happened.

    One process at a time works with the state: a *life* begins when it starts, and ends when it is stopped
    or killed. What a killed one had sent may still arrive.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, state: Path, now):
        self.inner, self.state, self.now = inner, state, now
        self.wrong: list[str] = []
        self.clock_is_ahead = 0.0
        """By so many seconds the daemon's wall clock differs from the marketplaces'."""
        self.checks = Counter()
        self.said = defaultdict(list)  # (when, quantity) by marketplace and SKU
        self._life = 0
        self._refused_alone = defaultdict(set)
        self._in_flight = defaultdict(Counter)
        self._asked_to_wait = {}  # (when, until when) by marketplace

    def begin_life(self, *, remembering: bool) -> None:
        self._life += 1
        self._in_flight.clear()
        if not remembering:  # killed before the answer was settled, or the state lost
            self._asked_to_wait.clear()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        marketplace = next((name for path, name in _PATHS.items() if path in request.url.path), None)
        if marketplace is None:
            return await self.inner.handle_async_request(request)
        life, rows = self._life, dict(_rows(request))
        self._departs(marketplace, rows)
        self._in_flight[marketplace].update(rows.keys())
        try:
            response = await self.inner.handle_async_request(request)
        finally:
            if life == self._life:
                self._in_flight[marketplace].subtract(rows.keys())
        if response.status_code in (400, 413) and len(rows) == 1:
            self._refused_alone[marketplace].update(rows)
        wait = response.headers.get("retry-after")
        if wait is not None and life == self._life:
            self._asked_to_wait[marketplace] = (self.now(), self.now() + float(wait))
        return response

    def _departs(self, marketplace: str, rows: dict[str, int]) -> None:
        now = self.now()
        self.checks["departures"] += 1
        twice = [sku for sku in rows if self._in_flight[marketplace][sku] > 0]
        if twice:
            self.wrong.append(f"two requests with {twice} are in flight to {marketplace} at {now}")
        asked_at, until = self._asked_to_wait.get(marketplace, (0, 0))
        intended = {sku: rest for sku, *rest in self._ask(_IN_FLIGHT, marketplace)}
        for sku, quantity in rows.items():
            chosen, begun_at = intended.get(sku, (None, 0))
            if now < until - 0.01 and begun_at - self.clock_is_ahead > asked_at:
                self.wrong.append(f"{marketplace} asked at {asked_at} to wait until {until}: sent at {now}")
            if chosen != quantity:
                self.wrong.append(f"{sku}={quantity} left for {marketplace} at {now} without its intent")
            if not self._was_said((marketplace, sku), quantity, now):
                self.wrong.append(f"{sku}={quantity} left for {marketplace} at {now}: nobody had said so")

    def _was_said(self, listing: tuple[str, str], quantity: int, now: float) -> bool:
        """Whether it was the truth a moment ago: a request may wait for a token before it leaves."""
        recent = [q for at, q in self.said[listing] if at >= now - 35]
        before = [q for at, q in self.said[listing] if at < now - 35][-1:]
        return quantity in recent + before

    def check_confirmed(self, sandbox) -> None:
        """Nothing is confirmed that the marketplace does not show, or will before long."""
        self.checks["confirmed"] += 1
        for name in _PATHS.values():
            stock = getattr(sandbox, name)._stock
            coming = defaultdict(set)
            for _, _, rows in stock._waiting:
                for row in rows:
                    coming[row.sku].add(row.quantity)
            shown = getattr(sandbox, name).stock()
            for sku, confirmed in self._ask(_SURE, name):
                if confirmed != shown.get(sku, 0) and confirmed not in coming[sku]:
                    self.wrong.append(
                        f"{sku} is confirmed as {confirmed} at {self.now()}: {name} shows {shown.get(sku)}"
                    )

    def check_blame(self, unlisted: str, by_name: str) -> None:
        """No row is refused but by its own name, or alone: not for what another row of its batch did."""
        self.checks["blame"] += 1
        for name in _PATHS.values():
            for sku, message in self._ask(_REFUSED, name):
                if sku != unlisted and by_name not in message and sku not in self._refused_alone[name]:
                    self.wrong.append(
                        f"{sku} of {name} is refused at {self.now()}: {message!r}, said of others"
                    )

    def _ask(self, sql: str, marketplace: str) -> list:
        with closing(sqlite3.connect(f"file:{self.state}?mode=ro", uri=True)) as connection:
            return connection.execute(sql, (f"{marketplace}%",)).fetchall()


def _rows(request: httpx.Request) -> list[tuple[str, int]]:
    """What a request says, read without any code of ours."""
    body = json.loads(request.content)
    if isinstance(body, dict):
        return [(entry["sku"], entry["stock"]) for entry in body["items"]]
    return [(entry["sku"], entry["new_stock"]) for entry in body]
