"""Why each channel shows what it shows of one SKU, for people: what `syncd why` prints."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import click

from syncd.cli.output import cell, print_table
from syncd.cli.plan_page import plan_notes, rule_steps, where
from syncd.times import ago, duration, local

_RISKS = {
    "to_zero": "sold out, goes first",
    "decrease": "fewer than it may show",
    "increase": "more than it shows, or new",
    "repetition": "a repetition",
}
_TAKEN = "the marketplace took it, applies it later, and offers no way to ask whether it has"


def print_explanation(explanation: dict[str, Any], now: int, *, whole: bool = False) -> None:
    """Print what is known of one SKU, from its stock levels to the marketplaces' answers.

    `whole`: with the ids that the marketplaces gave, of every attempt.
    """
    click.echo(f"SKU {cell(explanation['sku'])}")
    click.echo()
    if explanation["levels"]:
        _print_levels(explanation["levels"], now)
    else:
        click.echo("no source says a stock level")
    for held in explanation["held_imports"]:
        click.echo(
            f"  import {held['id']}, {cell(held['name'])} from {held['source']}, is held:"
            " what it says does not count until `syncd imports approve`"
        )
    for name, channel in explanation["channels"].items():
        click.echo()
        for note in _channel_notes(channel, now):
            click.echo(f"{name}: {note}")
        for number, listing in enumerate(channel["listings"]):
            if number:
                click.echo()
            _print_listing(name, channel, listing, now, whole=whole)
    if not explanation["running"]:
        click.echo()
        click.echo("no daemon runs: nothing is pushed by itself")


def _print_levels(levels: list[dict[str, Any]], now: int) -> None:
    print_table(
        ("source", "location", "import", "state", "came in", "line", "quantity"),
        [
            (_source(level), level["location"] or "-", _import(level["import"]), level["import"]["state"],
             _ago(level["import"]["at"], now), _plain(level["line"]), level["quantity"])
            for level in levels
        ],
        numbers=2,
    )  # fmt: skip
    for level in levels:
        if level["missed"]:
            click.echo(f"  {where(level)}: missing from the last snapshot of its source")
    past = [(level, *step) for level in levels for step in _past(level)]
    if past:
        click.echo()
        _print_told(
            {
                "changed": [_when(before["until"], now) for _, before, _ in past],
                "location": [level["location"] for level, _, _ in past],
                "by import": [_import(said["import"]) for _, _, said in past],
                "line": [_plain(said["line"]) for _, _, said in past],
                "from": [cell(before["quantity"]) for _, before, _ in past],
                "to": [cell(said["quantity"]) for _, _, said in past],
            },
            numbers=2,
        )


def _past(level: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Give each value that a stock level had, with what replaced it; the latest first."""
    after = level
    for before in level["past"]:
        yield before, after
        after = before


def _source(level: dict[str, Any]) -> str:
    return str(level["source"]) if level["configured"] else f"{level['source']} (not configured)"


def _import(entry: dict[str, Any]) -> str:
    return f"{entry['id']}: {entry['name']}" if entry["name"] is not None else str(entry["id"])


def _print_listing(
    name: str, channel: dict[str, Any], listing: dict[str, Any], now: int, *, whole: bool
) -> None:
    place = f"{name}, warehouse {cell(listing['warehouse'])}" if listing["warehouse"] else name
    if listing["identifier"] is not None:
        place += f", {cell(' '.join(listing['identifier'].values()))}"
    click.echo(f"{place}: {_standing(channel, listing, now)}")
    for step in _steps(channel, listing, now):
        click.echo(f"  {step}")
    if listing["attempts"]:
        _print_attempts(listing["attempts"], now, whole=whole)


def _channel_notes(channel: dict[str, Any], now: int) -> Iterator[str]:
    yield from plan_notes(channel)
    if not channel["enabled"]:
        yield "the channel is not enabled: nothing is sent"
    if channel["paused_until"] is not None:
        yield f"the marketplace asked to wait {_until(channel['paused_until'], now)} more"


def _standing(channel: dict[str, Any], listing: dict[str, Any], now: int) -> str:
    """Tell the state in a word, and its reason."""
    match listing["state"]:
        case "in_sync":
            words = f"in sync, {'verified by its answer' if listing['verified'] else 'as far as is said'}"
        case "due":
            words = f"due since {_ago(listing['since'], now)}: {_why_due(listing)}"
        case "in_flight":
            words = "in flight: its answer is awaited"
        case "deferred":
            words = f"deferred, the next attempt {_in(listing['next_attempt_at'], now)}{_failure(listing)}"
        case "rejected":
            words = f"rejected{_failure(listing)}; {_wakes(listing, now)}"
        case "held":
            words = f"held: {_hold(channel, listing, now)}"
        case _:
            words = _not_listed(channel, listing)
    return words


def _not_listed(channel: dict[str, Any], listing: dict[str, Any]) -> str:
    if listing["computed"] is not None:
        return "not listed yet"
    if (channel["edit"] or {}).get("state") == "not_read":
        return "not listed: the plan that is configured is not in force yet"
    if listing["stock"] is None:
        return "not listed: no stock level counts here"
    return "not listed here"


def _hold(channel: dict[str, Any], listing: dict[str, Any], now: int) -> str:
    if listing["paused"]:
        return "a rule pauses it, and it is left alone"
    hold = channel["hold"] or listing["warehouse_hold"]
    what = "the channel" if channel["hold"] else "the warehouse"
    return f"{what} is, since {_ago(hold['since'], now)}: {cell(_said(hold))}"


def _why_due(listing: dict[str, Any]) -> str:
    doubt = "; what is shown is not known for sure" if listing["uncertain"] else ""
    return f"{_RISKS[listing['risk']]}{doubt}{_failure(listing)}"


def _failure(listing: dict[str, Any]) -> str:
    """Tell what failed last."""
    failure = listing["failure"]
    return "" if failure is None else f": {cell(_said(failure) or failure['outcome'])}"


def _said(by: dict[str, Any]) -> str:
    """Give the marketplace's own words, its code once."""
    code, message = by["code"], by["message"]
    return str(message if message.startswith(code) else f"{code} {message}".strip())


def _wakes(listing: dict[str, Any], now: int) -> str:
    if listing["refusal"] == "quantity":
        return "sent again when its quantity changes, or on `syncd retry`"
    if listing["next_attempt_at"] is None:
        return "sent again on `syncd retry`"
    return f"asked again {_in(listing['next_attempt_at'], now)}, or on `syncd retry`"


def _steps(channel: dict[str, Any], listing: dict[str, Any], now: int) -> Iterator[str]:
    """Give the way from the stock to what the marketplace took, a line each."""
    yield from rule_steps(channel, listing)
    if listing["desired"] is None:
        return
    yield f"desired    {listing['desired']}"
    word = "accepted " if channel["asynchronous"] else "confirmed"
    if listing["confirmed"] is None:
        yield f"{word}  never"
    else:
        what = f": {_TAKEN}" if channel["asynchronous"] else ""
        yield f"{word}  {listing['confirmed']}, {_ago(listing['confirmed_at'], now)}{what}"
    if listing["reassert_at"] is not None:
        again = _in(listing["reassert_at"], now)
        yield f"repeated   once more {again}: a request before may still be under way there"


def _print_attempts(attempts: list[dict[str, Any]], now: int, *, whole: bool) -> None:
    """Print the attempts; the marketplace's own ids where something went wrong, or all is asked for."""
    columns = {
        "began": [_when(attempt["at"], now) for attempt in attempts],
        "quantity": [_plain(attempt["quantity"]) for attempt in attempts],
        "outcome": [attempt["outcome"].replace("_", " ") for attempt in attempts],
        "why": [_said(attempt) for attempt in attempts],
        "waited": [_waited(attempt) for attempt in attempts],
        "HTTP": [_plain(attempt["status"]) for attempt in attempts],
        "push": [_plain(attempt["push"]) for attempt in attempts],
    }
    if whole or any(attempt["outcome"] != "accepted" for attempt in attempts):
        columns |= {key: [attempt[key] for attempt in attempts] for key in ("request_id", "batch_id")}
    _print_told(columns, foldable="why")


def _print_told(columns: dict[str, list[str]], *, numbers: int = 0, foldable: str = "") -> None:
    """Print the columns that say something."""
    told = {header: column for header, column in columns.items() if any(column)}
    rows = [[text or "-" for text in row] for row in zip(*told.values(), strict=True)]
    print_table(tuple(told), rows, numbers=numbers, foldable=foldable)


def _waited(attempt: dict[str, Any]) -> str:
    """Tell how long what was accepted had differed; "" where it was only asserted anew."""
    if attempt["outcome"] != "accepted" or attempt["changed_at"] is None or attempt["finished_at"] is None:
        return ""
    return duration((_ms(attempt["finished_at"]) - _ms(attempt["changed_at"])) / 1000)


def _plain(number: int | None) -> str:
    """Write a number that counts nothing: a line, a status, an identifier."""
    return "-" if number is None else str(number)


def _ago(time: str | None, now: int) -> str:
    return "-" if time is None else ago(_ms(time), now)


def _when(time: str, now: int) -> str:
    return f"{local(_ms(time), now)}, {_ago(time, now)}"


def _in(time: str | None, now: int) -> str:
    wait = 0.0 if time is None else (_ms(time) - now) / 1000
    return f"in {duration(wait)}" if wait > 0 else "now"


def _until(time: str, now: int) -> str:
    return duration((_ms(time) - now) / 1000)


def _ms(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp() * 1000)
