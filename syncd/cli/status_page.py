"""How everything stands, for people: what `syncd status` prints."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import click

from syncd.cli.output import cell, print_table
from syncd.times import ago, duration

_COUNTS = ("listings", "in_sync", "due", "in_flight", "deferred", "rejected", "held")


def print_standing(standing: dict[str, Any], now: int) -> None:
    """Print how each channel and source is, and below what a person should know or do."""
    channels, sources = standing["channels"], standing["sources"]
    click.echo("the daemon runs" if standing["running"] else "no daemon runs: nothing is pushed by itself")
    _print_notes(_alert_notes(standing, now))
    click.echo()
    print_table(
        ("channel", "last push", *(name.replace("_", " ") for name in _COUNTS)),
        [
            (name, _ago(channel["pushed_at"], now), *(channel[key] for key in _COUNTS))
            for name, channel in channels.items()
        ],
        numbers=len(_COUNTS),
    )
    _print_notes(note for name, channel in channels.items() for note in _channel_notes(name, channel, now))
    click.echo()
    print_table(
        ("source", "data as of", "last read", "stock levels", "missing", "imports held"),
        [
            (name, _ago(source["data_at"], now), _ago(source["read_at"], now), source["levels"],
             source["missed"], source["imports_held"])
            for name, source in sources.items()
        ],
        numbers=3,
    )  # fmt: skip
    _print_notes(note for name, source in sources.items() for note in _source_notes(name, source, now))
    _print_notes(_refusal(standing["configuration"]["refused"], now))


def _print_notes(notes: Iterator[str]) -> None:
    for note in notes:
        click.echo(f"  {note}")


def _alert_notes(standing: dict[str, Any], now: int) -> Iterator[str]:
    if standing["alerts"] and not standing["running"]:
        yield "the alerts are as they stood when it last ran:"
    for alert in standing["alerts"]:
        yield f"{alert['severity']} since {_ago(alert['since'], now)}: {cell(alert['message'])}"


def _channel_notes(name: str, channel: dict[str, Any], now: int) -> Iterator[str]:
    if not channel["enabled"]:
        yield f"{name}: not enabled, nothing is sent"
    if channel["hold"] is not None:
        hold = channel["hold"]
        yield (
            f"{name}: held since {_ago(hold['since'], now)}: {_reason(hold)}"
            f" (mend that; then `syncd retry --channel {name}` tries at once)"
        )
    for hold in channel["held_warehouses"]:
        where, since = cell(hold["warehouse"]), _ago(hold["since"], now)
        yield f"{name}: warehouse {where} held since {since}: {_reason(hold)}"
    yield from _plan_notes(name, channel["plan"], now)
    if channel["paused_until"] is not None:
        yield f"{name}: the marketplace asked to wait {_until(channel['paused_until'], now)} more"
    if channel["rows_per_second"]:
        yield f"{name}: {channel['rows_per_second']:,.1f} rows a second over the last minute"
    yield from _count_notes(name, channel, now)


def _plan_notes(name: str, plan: dict[str, Any], now: int) -> Iterator[str]:
    number = plan["import"]
    if number is not None:
        yield (
            f"{name}: an edit of what it shows is held: `syncd imports show {number}` tells what it would do;"
            f" then `syncd imports approve {number}`, or reject it"
        )
    if plan["state"] != "refused":
        return
    since = _ago(plan["since"], now)
    if not plan["problems"]:
        yield f"{name}: an edit of what it shows was rejected {since}, and is still configured: take it back"
        return
    yield f"{name}: what is configured of it is refused since {since}, and what it showed before stays:"
    yield from (f"  {cell(problem)}" for problem in plan["problems"])
    if plan["problem_count"] > len(plan["problems"]):
        yield f"  and {plan['problem_count'] - len(plan['problems']):,} more"


def _count_notes(name: str, channel: dict[str, Any], now: int) -> Iterator[str]:
    if channel["due"]:
        risks = [f"{n:,} {risk.replace('_', ' ')}" for risk, n in channel["due_by_risk"].items() if n]
        yield f"{name}: due are {', '.join(risks)}; the oldest since {_ago(channel['oldest_due_at'], now)}"
    if channel["deferred"]:
        yield f"{name}: the next deferred row goes in {_until(channel['next_attempt_at'], now)}"
    if channel["accepted"]:
        yield (
            f"{name}: {channel['accepted']:,} in sync are accepted: taken, to be applied later by the"
            " marketplace, which offers no way to ask whether they were"
        )
    if channel["repetitions"]:
        yield f"{name}: {channel['repetitions']:,} in sync are asserted once more later, to be sure"
    if channel["paused"]:
        yield f"{name}: {channel['paused']:,} of those held are paused by a rule: they are left alone"
    if channel["rejected"]:
        yield f"{name}: `syncd failures --channel {name}` tells why rows are rejected"


def _source_notes(name: str, source: dict[str, Any], now: int) -> Iterator[str]:
    if source["failing_since"] is not None:
        yield f"{name}: cannot be read since {_ago(source['failing_since'], now)}: {cell(source['failure'])}"
    if source["data_at"] is None:
        yield f"{name}: nothing has come in yet"
    elif source["too_old"]:
        yield f"{name}: its data is older than max_age: bring in newer"
    if source["imports_held"]:
        yield f"{name}: an import waits for a person: see `syncd imports`"
    if source["missed"]:
        yield f"{name}: {source['missed']:,} stock levels are missing from its last snapshot, and kept"


def _reason(hold: dict[str, Any]) -> str:
    return cell(" ".join(text for text in (hold["code"], hold["message"]) if text))


def _refusal(refused: dict[str, Any] | None, now: int) -> Iterator[str]:
    if refused is not None:
        yield f"the daemon refused a changed configuration {_ago(refused['at'], now)}, and keeps the old one:"
        yield from (f"  {problem}" for problem in refused["problems"])


def _ago(time: str | None, now: int) -> str:
    return "never" if time is None else ago(_ms(time), now)


def _until(time: str, now: int) -> str:
    return duration((_ms(time) - now) / 1000)


def _ms(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp() * 1000)
