"""What a request costs beside the bare one, and what arrives beside other ways to bring it.

The daemon is the real one, on Tokopedia alone, 100 rows a request, beside the sandbox over HTTP; its work is
all that its process does while it pushes: choosing, the intent and the outcomes (two commits with
`synchronous=FULL`), the request, the answer. The bare request has the same rows, writes and reads the same
JSON. Then all rows are brought once, without faults and with one request in twenty going wrong.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from benchmarks.delivery_ways import ROWS
from benchmarks.lives import Life, ServedSandbox, eventually_long
from benchmarks.measuring import Case, Measured, in_turns, python
from benchmarks.report import Plot, Table, times
from benchmarks.watched import usage_of
from connectors.sandbox import tokopedia
from connectors.sandbox.buckets import Limits
from connectors.sandbox.faults import Effect, Fault, FaultKind

WIDE = Limits(rows_per_request=ROWS, rows_per_second=100_000, row_burst=100_000)
CHANNEL = "tokopedia"
WARM_UP_REQUESTS = 50
PACE = 2_000
FAULTS = (
    (0.02, Fault(kind=FaultKind.STATUS, status=503)),
    (0.02, Fault(kind=FaultKind.RESET)),
    (0.01, Fault(kind=FaultKind.GARBAGE, effect=Effect.NONE)),
)


@dataclass(slots=True)
class Listener:
    """Stands before the sandbox, keeps the shape of a push, and counts."""

    app: Any
    shape: dict[str, Any] = field(default_factory=dict)
    requests: int = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Note a request, and let it through."""
        if scope["path"].endswith("/stock/update"):
            self.requests += 1
            kept = (b"authorization", b"content-type", b"accept")
            headers = {name.decode(): value.decode() for name, value in scope["headers"] if name in kept}
            host, port = scope["server"]
            query = scope["query_string"].decode()
            self.shape = {"url": f"http://{host}:{port}{scope['path']}?{query}", "headers": headers}
        await self.app(scope, receive, send)


def _listened(limits: Limits) -> tuple[ServedSandbox, Listener]:
    served = ServedSandbox(**{f"{CHANNEL}_limits": limits})
    listener = served.sandbox.app = Listener(served.sandbox.app)
    return served, listener


def compare_requests(rows: int, rounds: int) -> Table:
    """Measure the processor time of a request."""
    served, listener = _listened(WIDE)
    daemons: list[float] = []
    bare: dict[str, list[Measured]] = {"httpx": [], "aiohttp": []}
    with tempfile.TemporaryDirectory() as name, served:
        shape = Path(name) / "shape.json"
        for number in range(rounds):
            with Life(Path(name) / str(number), served, rows, only=CHANNEL) as life:
                daemons.append(_pushing(life, listener))
            shape.write_text(json.dumps(listener.shape))
            requests = rows // ROWS
            cases = {tool: Case(python("benchmarks.delivery_ways", tool, shape, requests)) for tool in bare}
            for tool, measured in in_turns(cases, rounds=1, seed=number).items():
                bare[tool].append(measured)
    each = {tool: sorted(one.cpu / requests for one in of) for tool, of in bare.items()}
    each["syncd"] = sorted(daemons)
    middle = {name: of[len(of) // 2] for name, of in each.items()}
    lines = [
        (
            name, f"{middle[name] * 1000:.2f}", f"{of[0] * 1000:.2f}-{of[-1] * 1000:.2f}",
            f"{middle[name] / ROWS * 1e6:.0f}", times(middle[name], middle["httpx"]),
        )
        for name, of in each.items()
    ]  # fmt: skip
    own = (middle["syncd"] - middle["httpx"]) / middle["httpx"]
    note = (
        f"The daemon's own work, beyond the request, is {own:.2f} times the bare httpx request (bound: 1.5)."
    )
    columns = ("", "CPU ms a request", "spread", "µs a row", "beside httpx")
    return Table(f"A request of {ROWS} rows", columns, lines, note)


def _pushing(life: Life, listener: Listener) -> float:
    """Let a daemon push all it has; give the seconds of processor time for a request."""
    life.import_and_stop(confirm=False)
    before = listener.requests
    process = life.site.started()
    eventually_long(lambda: listener.requests >= before + WARM_UP_REQUESTS)
    first, cpu = listener.requests, usage_of(process.pid).cpu
    eventually_long(lambda: life.left_to_push() == 0)
    seconds = usage_of(process.pid).cpu - cpu
    life.site.terminate()
    return seconds / (listener.requests - first)


def compare_arrivals(rows: int, *, faulty: bool) -> Table:
    """Bring all rows once in each way, and look at what arrived."""
    ways: dict[str, Callable[[Path, Listener, ServedSandbox], None]] = {
        "syncd": lambda folder, _, served: _by_syncd(folder, served, rows),
        "asyncio loop": lambda folder, listener, _: _by("loop", folder, listener, rows),
        "drt-core": lambda folder, listener, _: _by("drt", folder, listener, rows),
    }
    lines = []
    shape: dict[str, Any] = {}
    for name, bring in ways.items():
        served, listener = _listened(Limits(rows_per_request=ROWS, rows_per_second=PACE, row_burst=PACE))
        with tempfile.TemporaryDirectory() as folder, served:
            if faulty:
                for rate, fault in FAULTS:
                    served.ask(lambda sandbox, r=rate, f=fault: sandbox.faults.at_random(r, f))
            if shape:
                listener.shape = _for_another(shape, served)
            began = time.monotonic()
            bring(Path(folder), listener, served)
            seconds = time.monotonic() - began
            shape = shape or listener.shape
            lines.append(_arrived(name, served, listener, rows, seconds))
    columns = ("", "requests", "refused", "rows taken", "rows wrong in the end", "seconds", "the least")
    title = f"{rows:,} rows at {PACE:,} a second, " + (
        "one request in twenty fails" if faulty else "no faults"
    )
    return Table(
        title, columns, lines, "Seconds are from start to end, start-up and reading the file included."
    )


def _for_another(shape: dict[str, Any], served: ServedSandbox) -> dict[str, Any]:
    """Give the same request for another sandbox: at its address, with a token of its own."""
    client = (tokopedia.CLIENT_ID, tokopedia.CLIENT_SECRET)
    answer = httpx.post(f"{served.url}/token?grant_type=client_credentials", auth=client)
    token = f"Bearer {answer.json()['access_token']}"
    url = httpx.URL(served.url).copy_with(raw_path=httpx.URL(shape["url"]).raw_path)
    return {"url": str(url), "headers": {**shape["headers"], "authorization": token}}


def _by_syncd(folder: Path, served: ServedSandbox, rows: int) -> None:
    with Life(folder / "site", served, rows, only=CHANNEL) as life:
        life.drop()
        life.site.started()
        eventually_long(lambda: life.events("import_applied") and life.left_to_push() == 0)
        life.site.terminate()


def _by(way: str, folder: Path, listener: Listener, rows: int) -> None:
    shape = folder / "shape.json"
    shape.write_text(json.dumps(listener.shape))
    in_turns({way: Case(python("benchmarks.delivery_ways", way, shape, rows, PACE))}, rounds=1)


def _arrived(name: str, served: ServedSandbox, listener: Listener, rows: int, seconds: float) -> list[str]:
    counters, stock = served.ask(lambda s: (s.counters()[CHANNEL], s.marketplaces[CHANNEL].stock()))
    truth = {f"SKU-{number:07}": 10 + number % 50 for number in range(rows)}
    wrong = sum(stock.get(sku) != quantity for sku, quantity in truth.items())
    refused = counters.get("requests_throttled", 0) + counters.get("rows_throttled", 0)
    least = max(0, rows - PACE) / PACE
    figures = (listener.requests, refused, counters["rows_taken"], wrong)
    return [name, *(f"{one:,}" for one in figures), f"{seconds:.1f}", f"{least:.1f}"]


def run(*, full: bool) -> Iterator[Table | Plot]:
    """Measure; in short with fewer rows."""
    yield compare_requests(50_000 if full else 20_000, 5 if full else 2)
    for faulty in (False, True):
        yield compare_arrivals(50_000 if full else 20_000, faulty=faulty)
