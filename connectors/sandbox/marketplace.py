"""What both marketplaces of the sandbox have in common: one request, from arrival to answer.

A marketplace judges a request (who asks, within which limit, is it as documented, row by row) and says what
it answers and what takes effect. Faults then change when it takes effect and what the client gets to see.
"""

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from connectors.sandbox.arrivals import Journal, Row
from connectors.sandbox.buckets import Bucket, Limits
from connectors.sandbox.delivery import PAGE, JsonAnswer, Reset, Silence, as_body, truncated
from connectors.sandbox.faults import Call, Effect, Fault, FaultKind, Faults, carries_in
from connectors.sandbox.listings import Listings
from connectors.sandbox.stock import Stock

TOO_MANY_REQUESTS = 429
LARGEST_BODY = 1_048_576
"""Bytes; a larger request is refused with 413."""


@dataclass(frozen=True, slots=True)
class World:
    """What the marketplaces share: clock, sleep, dice, faults and the journal."""

    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    dice: random.Random
    faults: Faults
    journal: Journal


@dataclass(frozen=True, slots=True)
class Incoming:
    """One request as it came, and the server's time as the marketplace sees it (seconds)."""

    method: str
    raw_path: str
    parameters: Mapping[str, Any]
    query: list[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes
    at: float


@dataclass(slots=True)
class Verdict:
    """What a marketplace made of a request.

    `rows` is what it asked for, `taken` what takes effect, `refused` and `throttled` how many rows did not
    pass. `partial` is set where the answer speaks of rows.
    """

    document: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    said: str = "OK"
    warehouse: str = ""
    rows: tuple[Row, ...] = ()
    taken: tuple[Row, ...] = ()
    refused: int = 0
    throttled: int = 0
    partial: bool = False


class Refused(Exception):
    """The whole request is refused with this verdict."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.said)
        self.verdict = verdict


Judge = Callable[[Incoming, Fault], Verdict]


class Marketplace:
    """One marketplace of the sandbox; a subclass knows its documents."""

    name = ""

    def __init__(self, world: World, limits: Limits, listings: Listings) -> None:
        self.limits = limits
        self.listings = listings
        self.apply_delay = 0.0
        self._world = world
        self._stock = Stock(world.now)
        self._rows = self._bucket_of_rows()
        self._requests: dict[Call, Bucket] = {}

    # What a subclass says in its own words.

    def failure(self, status: int, code: str, message: str) -> Verdict:
        """A whole-request failure in the marketplace's own form."""
        raise NotImplementedError

    def drop_row(self, document: Any) -> None:
        """Take one row out of an answer that speaks of rows."""
        raise NotImplementedError

    def miscount(self, document: Any) -> None:
        """Make the counts of such an answer contradict its rows."""
        raise NotImplementedError

    def expire_token(self) -> None:
        """Make the tokens given out so far invalid."""

    # The same for both.

    def limit(self, limits: Limits) -> None:
        """Keep these limits from now on, with full buckets."""
        self.limits = limits
        self._rows = self._bucket_of_rows()
        self._requests.clear()

    def clear(self) -> None:
        """Back to an empty shop that sells everything, with full buckets."""
        self._stock.clear()
        self.listings.clear()
        self.limit(self.limits)

    def waiting(self) -> int:
        """Rows that were taken but have not yet taken effect."""
        return self._stock.waiting()

    def _bucket_of_rows(self) -> Bucket:
        return Bucket(self.limits.rows_per_second, self.limits.row_burst, self._world.now)

    def _bucket_of_requests(self, call: Call) -> Bucket:
        bucket = self._requests.get(call)
        if bucket is None:
            bucket = Bucket(self.limits.requests_per_second, self.limits.request_burst, self._world.now)
            self._requests[call] = bucket
        return bucket

    async def exchange(self, request: Request, call: Call, judge: Judge) -> Response:
        """Take one request from arrival to answer."""
        arrival = self._world.journal.open(self.name, call)
        body = await request.body()
        fault = self._world.faults.take(self.name, call, carries_in(body))
        if fault.kind is not FaultKind.NONE:
            arrival.fault = fault.kind
            self._world.journal.count(self.name, "faults")
        if fault.before:
            await self._world.sleep(fault.before)
        verdict = self._judged(judge, _incoming(request, body, self._world.now() + fault.skew), fault)
        arrival.status, arrival.said = verdict.status, verdict.said
        arrival.throttled = verdict.throttled or int(verdict.status == TOO_MANY_REQUESTS)
        self._world.journal.fill(arrival, verdict.rows, verdict.warehouse)
        self._count(verdict)
        self._take_effect(verdict.taken, fault)
        if fault.after:
            await self._world.sleep(fault.after)
        answer = self._seen(verdict, fault)
        answer.headers.setdefault("date", formatdate(self._world.now() + fault.skew, usegmt=True))
        return answer

    def _judged(self, judge: Judge, incoming: Incoming, fault: Fault) -> Verdict:
        if fault.kind is FaultKind.TOKEN_EXPIRED:
            self.expire_token()
        if len(incoming.body) > LARGEST_BODY:
            return self.failure(413, "", "request entity too large")
        try:
            return judge(incoming, fault)
        except Refused as refused:
            return refused.verdict

    def _count(self, verdict: Verdict) -> None:
        count = self._world.journal.count
        if verdict.rows:
            count(self.name, "rows", len(verdict.rows))
            count(self.name, "rows_refused", verdict.refused)
            count(self.name, "rows_throttled", verdict.throttled)
        if verdict.status == TOO_MANY_REQUESTS:
            count(self.name, "requests_throttled")
        elif verdict.status >= 400:  # noqa: PLR2004 - the refusals
            count(self.name, "requests_refused")

    def _take_effect(self, taken: tuple[Row, ...], fault: Fault) -> None:
        effect = fault.takes_effect
        if effect is Effect.NONE or not taken:
            return
        self._world.journal.count(self.name, "rows_taken", len(taken))
        if effect is not Effect.LATE:
            self._stock.put(taken, after=self.apply_delay)
        if effect is not Effect.NOW:
            self._stock.put(taken, after=self.apply_delay + fault.delay)

    def _seen(self, verdict: Verdict, fault: Fault) -> Response:
        """What the client gets to see of the verdict."""
        if fault.kind is FaultKind.STATUS:
            failure = self.failure(fault.status, fault.code, fault.message)
            return as_body(fault.body, failure.document, fault.status, fault.headers)
        if fault.kind is FaultKind.HANG:
            return Silence()
        if fault.kind is FaultKind.RESET:
            return Reset()
        if fault.kind is FaultKind.GARBAGE:
            return Response(PAGE, media_type="text/html")
        if verdict.partial and fault.kind is FaultKind.ROW_MISSING:
            self.drop_row(verdict.document)
        if verdict.partial and fault.kind is FaultKind.MISCOUNT:
            self.miscount(verdict.document)
        answer = JsonAnswer(verdict.document, verdict.status, {**verdict.headers, **fault.headers})
        if fault.kind is FaultKind.TRUNCATED:
            return truncated(answer)
        return Reset(midway=answer) if fault.kind is FaultKind.RESET_MIDWAY else answer


def _incoming(request: Request, body: bytes, at: float) -> Incoming:
    raw_path = request.scope.get("raw_path") or request.url.path.encode()
    return Incoming(
        method=request.method,
        raw_path=raw_path.decode("latin-1"),
        parameters=request.path_params,
        query=request.query_params.multi_items(),
        headers=request.headers,
        body=body,
        at=at,
    )
