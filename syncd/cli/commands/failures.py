"""`syncd failures`: a row for each listing that failed."""

from collections.abc import Iterator
from typing import Any

import click

from state import reports
from state.database import Reader
from state.records import Refusal
from state.reports import FailureRow
from syncd.cli.context import load, now_ms
from syncd.cli.options import config_option, json_option
from syncd.cli.output import print_csv, print_json, print_table
from syncd.config.model import Config
from syncd.errors import WrongUsage
from syncd.naming import identifier_as_json, identifier_as_text
from syncd.times import ago, duration, rfc3339

FIELDS = (
    "channel", "sku", "warehouse", "desired", "outcome", "code", "message", "attempts",
    "first_failed_at", "next_attempt_at", "request_id", "batch_id", "identifier",
)  # fmt: skip
EPILOG = """\b
Examples:
  syncd failures
  syncd failures --channel toco-main --csv > failures.csv
  syncd failures --json | jq -r '.[] | select(.code == "INV_001") | .sku'

`syncd retry` makes failed listings due at once."""


@click.command("failures", epilog=EPILOG)
@click.option("--channel", metavar="NAME", help="Only this channel.")
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, for a spreadsheet.")
@config_option
def command(*, channel: str | None, as_json: bool, as_csv: bool) -> None:
    """List the listings that failed since they were last accepted: what, why, since when, when next."""
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other")
    config = load()
    require_channel(config, channel)
    with Reader(config.state.path) as reader, reader.read() as connection:
        failed = reports.failures(connection, channel)
        if as_json:
            print_json(list(map(as_fields, failed)))
        elif as_csv:
            print_csv(FIELDS, (tuple(_as_text(row).values()) for row in failed))
        else:
            _print(list(failed), now_ms())


def require_channel(config: Config, name: str | None) -> None:
    """Refuse the name of a channel that is not configured."""
    if name is not None and name not in config.channels:
        there = ", ".join(config.channels) or "none"
        raise WrongUsage(f"no channel is called {name}; there is: {there}")


def as_fields(row: FailureRow) -> dict[str, Any]:
    """Give a failure in the form that is printed for programs."""
    next_at = row.next_attempt_at
    told = {
        "first_failed_at": rfc3339(row.first_failed_at),
        "next_attempt_at": None if next_at is None else rfc3339(next_at),
        "identifier": identifier_as_json(row.sku, row.identifier),
    }
    return {name: told[name] if name in told else getattr(row, name) for name in FIELDS}


def _as_text(row: FailureRow) -> dict[str, Any]:
    return {**as_fields(row), "identifier": identifier_as_text(row.sku, row.identifier)}


def _print(rows: list[FailureRow], now: int) -> None:
    if not rows:
        click.echo("nothing has failed")
        return
    headers = (
        "channel", "SKU", "listed as", "warehouse", "outcome", "why", "since", "next attempt", "attempts",
        "desired",
    )  # fmt: skip
    columns = list(zip(headers, *_cells(rows, now), strict=True))
    told = [column for column in columns if column[0] != "listed as" or any(column[1:])]
    headers, *cells = zip(*told, strict=True)
    print_table(headers, cells, numbers=2, foldable="why")


def _cells(rows: list[FailureRow], now: int) -> Iterator[tuple[object, ...]]:
    for row in rows:
        why = row.message if row.message.startswith(row.code) else f"{row.code} {row.message}"
        since = ago(row.first_failed_at, now)
        yield (
            row.channel, row.sku, identifier_as_text(row.sku, row.identifier), row.warehouse or "-",
            row.outcome, why, since, next_attempt(row, now), row.attempts, row.desired,
        )  # fmt: skip


def next_attempt(row: FailureRow, now: int) -> str:
    """Tell in words when it is tried again."""
    if row.next_attempt_at is not None:
        wait = (row.next_attempt_at - now) / 1000
        return f"in {duration(wait)}" if wait > 0 else "now"
    if row.outcome != "rejected":
        return "now"
    return "on `syncd retry`" if row.reason == Refusal.NOT_LISTED else "when its quantity changes"
