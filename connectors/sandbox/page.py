"""The sandbox for human eyes: both shops side by side, what arrived last, what is to go wrong."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from itertools import islice
from typing import Any

from connectors.sandbox.arrivals import Arrival
from connectors.sandbox.tocobagus import Tocobagus
from connectors.sandbox.tokopedia import Tokopedia

_SKUS_SHOWN = 300
_ARRIVALS_SHOWN = 30
_STYLE = """
:root { color-scheme: light dark; --line: #8883; --soft: #888; --good: #197a3e; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --good: #5fd38a; --bad: #ff8a80; } }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.05rem; margin: 2rem 0 .4rem; }
p, small { color: var(--soft); margin: .2rem 0; }
main { display: grid; gap: 0 3rem; grid-template-columns: repeat(auto-fit, minmax(24rem, 1fr)); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .5rem; text-align: left; }
th { color: var(--soft); font-weight: 500; } .n { text-align: right; } .none { color: var(--soft); }
.good { color: var(--good); } .bad { color: var(--bad); }
code, pre { font: 13px ui-monospace, monospace; } pre { overflow-x: auto; }
"""
_FAULT_HINT = """curl -X POST {base}/sandbox/faults -d '{{"kind": "hang", "marketplace": "tokopedia"}}'
curl -X POST {base}/sandbox/faults -d '{{"kind": "status", "status": 503, "rate": 0.2}}'
curl -X DELETE {base}/sandbox/faults"""


def render(
    tokopedia: Tokopedia,
    tocobagus: Tocobagus,
    *,
    arrivals: Sequence[Arrival],
    counters: Mapping[str, Mapping[str, int]],
    faults: Sequence[Mapping[str, Any]],
    base: str,
) -> str:
    """The page as HTML; whatever came from outside is escaped."""
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="2">
<meta name="viewport" content="width=device-width"><title>syncd sandbox</title><style>{_STYLE}</style></head>
<body><h1>syncd sandbox</h1><p>Two simulated marketplaces. Nothing here is real; this page renews itself.</p>
{_shops(tokopedia, tocobagus)}
<main><section><h2>Last arrivals</h2>{_arrivals(arrivals)}</section>
<section><h2>Counters</h2>{_counters(counters)}
<h2>Faults to come</h2>{_faults(faults)}<pre>{escape(_FAULT_HINT.format(base=base))}</pre></section></main>
</body></html>"""


def _shops(tokopedia: Tokopedia, tocobagus: Tocobagus) -> str:
    columns = [(f"Tokopedia {one}", tokopedia.stock(one)) for one in tokopedia.warehouses]
    columns.append(("Tocobagus", tocobagus.stock()))
    skus: dict[str, None] = {}
    for _, shown in columns:
        skus.update(dict.fromkeys(shown))
    first = sorted(islice(skus, _SKUS_SHOWN))
    body = _table(
        ["SKU", *(name for name, _ in columns)],
        ([_code(sku), *(_quantity(shown.get(sku)) for _, shown in columns)] for sku in first),
    )
    totals = " · ".join(
        f"{escape(name)}: {len(shown):,} SKUs, {sum(shown.values()):,} units" for name, shown in columns
    )
    waiting = tokopedia.waiting() + tocobagus.waiting()
    more = f" · the first {len(first)} of {len(skus):,} SKUs are shown" if len(skus) > len(first) else ""
    return f"<h2>Stock</h2><p>{totals} · {waiting:,} rows taken but not yet applied{more}</p>{body}"


def _arrivals(arrivals: Sequence[Arrival]) -> str:
    latest = list(reversed(arrivals[-_ARRIVALS_SHOWN:]))
    return _table(
        ["", "Time (UTC)", "Call", "Rows", "Answer"],
        (
            [
                f"{one.number}",
                f"{datetime.fromtimestamp(one.at, UTC):%H:%M:%S}",
                f"{one.marketplace} {one.call}",
                f'<span class="n">{len(one.rows) or ""}</span>',
                _answer(one),
            ]
            for one in latest
        ),
    )


def _answer(arrival: Arrival) -> str:
    good = arrival.status is not None and arrival.status < 400 and not arrival.fault  # noqa: PLR2004
    fault = f" ⚡ {escape(arrival.fault)}" if arrival.fault else ""
    status = "…" if arrival.status is None else str(arrival.status)
    return f'<span class="{"good" if good else "bad"}">{status}</span> {escape(arrival.said[:80])}{fault}'


def _counters(counters: Mapping[str, Mapping[str, int]]) -> str:
    names = sorted({name for counted in counters.values() for name in counted})
    return _table(
        ["", *map(escape, counters)],
        ([escape(name), *(f"{one.get(name, 0):,}" for one in counters.values())] for name in names),
    )


def _faults(faults: Sequence[Mapping[str, Any]]) -> str:
    if not faults:
        return "<p>None: all is well.</p>"
    return _table(["Fault"], ([_code(json.dumps(fault))] for fault in faults))


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    if not body:
        return "<p>Nothing yet.</p>"
    return f"<table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>{body}</table>"


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def _quantity(quantity: int | None) -> str:
    return '<span class="none">&ndash;</span>' if quantity is None else f"{quantity:,}"
