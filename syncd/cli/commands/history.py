"""`syncd history`: what was sent and answered, how stock changed, who did what; for people and programs."""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

import click

from state.actions import ActionRow
from state.database import Reader
from state.history import History, LevelChange, PastAttempt, Span
from syncd.cli.commands.why import as_text
from syncd.cli.context import load, now_ms
from syncd.cli.options import channel_option, config_option, json_option, sku_option
from syncd.cli.output import cell, print_csv, print_table
from syncd.cli.spans import since_option, until_option
from syncd.errors import WrongUsage
from syncd.naming import identifier_as_json, identifier_as_text
from syncd.times import local, rfc3339

SHOWN = 50
OUTCOMES = ("accepted", "rejected", "deferred", "unknown", "in_flight")
EPILOG = """\b
Examples:
  syncd history                             the latest attempts
  syncd history --channel toco-main --since 24h --outcome rejected
  syncd history --since 2026-11-01 --until 2026-11-30 --csv > november.csv
  syncd history --levels --sku TS-RED-M     how its stock changed, and by which file and line
  syncd history --actions                   who approved, rejected, retried or reconciled what

The oldest first. People are shown the latest 50; with --csv or --json comes everything, however
much it is. How long it is remembered says [history] keep. Exit status: 0, also where nothing is
found; 1 nothing has run here yet; 2 wrong usage."""
ATTEMPT_FIELDS = (
    "at", "finished_at", "channel", "sku", "warehouse", "quantity", "outcome", "code", "message",
    "changed_at", "waited_seconds", "status", "attempt", "push", "request_id", "batch_id", "identifier",
)  # fmt: skip
LEVEL_FIELDS = ("at", "source", "sku", "location", "before", "after", "import", "import_name", "line")
ACTION_FIELDS = ("at", "actor", "action", "detail", "result")


@click.command("history", epilog=EPILOG)
@channel_option
@sku_option
@since_option
@until_option
@click.option(
    "--outcome",
    "outcomes",
    type=click.Choice(OUTCOMES),
    multiple=True,
    help="Only attempts that came to this.",
)
@click.option("--levels", is_flag=True, help="Changes of stock levels instead of attempts.")
@click.option("--actions", "by_people", is_flag=True, help="What people did instead of attempts.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"Only the latest so many.  [default: {SHOWN} for people, all for programs]",
)
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, for a spreadsheet.")
@config_option
def command(
    *,
    channels: tuple[str, ...],
    skus: tuple[str, ...],
    since: int | None,
    until: int | None,
    outcomes: tuple[str, ...],
    levels: bool,
    by_people: bool,
    limit: int | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Tell what was sent to the marketplaces and what they answered.

    Or how stock levels changed (--levels), or who did what, by command or on the status page (--actions). It
    only reads, beside a running daemon or without one.
    """
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other")
    if levels and by_people:
        raise click.UsageError("--levels and --actions exclude each other")
    if (levels or by_people) and (channels or outcomes):
        raise click.UsageError(
            "only attempts have a channel and an outcome: leave --channel and --outcome away"
        )
    if by_people and skus:
        raise click.UsageError("--actions takes no --sku: `--json` and a filter find one")
    span = Span(channels, tuple(map(as_text, skus)), outcomes, since or 0, until)
    with Reader(load().state.path) as reader:
        history = History(reader)
        _require_channels(channels, history.channels())
        newest = limit if as_json or as_csv else limit or SHOWN
        named = identifier_as_json if as_json else identifier_as_text
        fields, found = _asked(history, span, newest, levels=levels, by_people=by_people, named=named)
        if as_json:
            _print_json(fields, found)
        elif as_csv:
            print_csv(fields, found)
        else:
            _print(fields, list(found), limit or SHOWN)


def _asked(
    history: History,
    span: Span,
    newest: int | None,
    *,
    levels: bool,
    by_people: bool,
    named: Callable[[str, str], object],
) -> tuple[tuple[str, ...], Iterator[tuple[Any, ...]]]:
    """Give the columns, and the rows as they are read; `named` says what the marketplace calls a SKU."""
    if by_people:
        return ACTION_FIELDS, map(_action, history.actions(span, newest))
    if levels:
        return LEVEL_FIELDS, map(_level, history.levels(span, newest))
    return ATTEMPT_FIELDS, (
        (*_attempt(one), named(one.sku, one.identifier)) for one in history.attempts(span, newest)
    )


def _require_channels(asked: Iterable[str], there: list[str]) -> None:
    """Refuse the name of a channel that never ran; one that is not configured any more has a history."""
    for name in asked:
        if name not in there:
            raise WrongUsage(
                f"no channel called {cell(name)} has ever run; there is: {', '.join(there) or 'none'}"
            )


def _attempt(one: PastAttempt) -> tuple[Any, ...]:
    waited = None
    if one.outcome == "accepted" and one.changed_at is not None and one.finished_at is not None:
        waited = max(one.finished_at - one.changed_at, 0) / 1000
    return (
        rfc3339(one.started_at), _time(one.finished_at), one.channel, one.sku, one.warehouse, one.quantity,
        one.outcome or "in_flight", one.code, one.message, _time(one.changed_at), waited, one.status, one.id,
        one.push_id, one.request_id, one.batch_id,
    )  # fmt: skip


def _level(one: LevelChange) -> tuple[Any, ...]:
    return (
        rfc3339(one.at), one.source, one.sku, one.location, one.before, one.after, one.import_id,
        one.import_name, one.line,
    )  # fmt: skip


def _action(one: ActionRow) -> tuple[Any, ...]:
    return (rfc3339(one.at), one.actor, one.action, one.detail, one.result)


def _time(at: int | None) -> str | None:
    return None if at is None else rfc3339(at)


def _print_json(fields: tuple[str, ...], rows: Iterator[tuple[Any, ...]]) -> None:
    """Print one list, an entry a line, without ever having all of it."""
    before = "[\n"
    for row in rows:
        click.echo(before + json.dumps(dict(zip(fields, row, strict=True)), ensure_ascii=False), nl=False)
        before = ",\n"
    click.echo("[]" if before == "[\n" else "\n]")


def _print(fields: tuple[str, ...], rows: list[tuple[Any, ...]], limit: int) -> None:
    if not rows:
        click.echo("nothing of that is remembered")
        return
    entries = [dict(zip(fields, row, strict=True)) for row in rows]
    columns = _COLUMNS[fields](entries)
    told = {header: column for header, column in columns.items() if any(text != "" for text in column)}
    shown = [
        ["-" if text in {"", None} else text for text in row] for row in zip(*told.values(), strict=True)
    ]
    print_table(
        tuple(told),
        shown,
        numbers=2 if fields is LEVEL_FIELDS else 0,
        foldable="what came of it" if fields is ACTION_FIELDS else "why",
    )
    if len(rows) == limit:
        click.echo(
            f"the latest {limit}; --limit shows more, --since and --until another time, --csv everything"
        )


def _attempt_columns(entries: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {
        "began": [_local(one["at"]) for one in entries],
        "channel": [one["channel"] for one in entries],
        "SKU": [one["sku"] for one in entries],
        "listed as": [one["identifier"] for one in entries],
        "warehouse": [one["warehouse"] for one in entries],
        "quantity": [str(one["quantity"]) for one in entries],
        "outcome": [one["outcome"].replace("_", " ") for one in entries],
        "why": [_said(one["code"], one["message"]) for one in entries],
    }


def _level_columns(entries: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {
        "changed": [_local(one["at"]) for one in entries],
        "source": [one["source"] for one in entries],
        "SKU": [one["sku"] for one in entries],
        "location": [one["location"] for one in entries],
        "by import": [
            f"{one['import']}: {one['import_name']}" if one["import_name"] else str(one["import"])
            for one in entries
        ],
        "line": ["" if one["line"] is None else str(one["line"]) for one in entries],
        "from": [one["before"] for one in entries],
        "to": [one["after"] for one in entries],
    }


def _action_columns(entries: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {
        "when": [_local(one["at"]) for one in entries],
        "who": [one["actor"] for one in entries],
        "did": [one["action"] for one in entries],
        "on": [one["detail"] for one in entries],
        "what came of it": [one["result"] or "not finished" for one in entries],
    }


_COLUMNS = {
    ATTEMPT_FIELDS: _attempt_columns,
    LEVEL_FIELDS: _level_columns,
    ACTION_FIELDS: _action_columns,
}


def _said(code: str, message: str) -> str:
    """Give the marketplace's own words, its code once."""
    return message if message.startswith(code) else f"{code} {message}".strip()


def _local(time: str) -> str:
    return local(int(datetime.fromisoformat(time).timestamp() * 1000), now_ms())
