"""What reconciling came to, for people."""

from collections.abc import Sequence
from typing import Any

import click

from state import reports
from state.database import Reader, StateMissing
from syncd.cli.context import now_ms
from syncd.cli.output import cell, note, print_table
from syncd.config.model import Config
from syncd.times import ago, duration

_NUMBERS = ("sent", "accepted", "rejected", "deferred", "unknown", "requests")


def print_summary(summary: dict[str, Any]) -> None:
    """Print the result of a reconcile."""
    rows = [
        (name, *(channel[key] for key in _NUMBERS), f"{channel['in_sync']:,} of {channel['listings']:,}")
        for name, channel in summary["channels"].items()
    ]
    print_table(("channel", *_NUMBERS, "in sync"), rows, numbers=len(_NUMBERS) + 1)
    for name, channel in summary["channels"].items():
        if channel["trouble"]:
            click.echo(f"{name}: {cell(channel['trouble'])}")
        elif channel["in_sync"] + channel["paused"] < channel["listings"]:
            click.echo(f"{name}: `syncd failures --channel {name}` tells which rows failed, and why")
        if channel["paused"]:
            click.echo(f"{name}: {channel['paused']:,} are paused by a rule, and left alone")
    for source, reason in summary["failing_sources"].items():
        click.echo(f"source {source} cannot be read: {cell(reason)}")
    told = {entry["id"] for entry in summary["imports"]}
    for name, plan in summary["plans_held"].items():
        if plan["import"] in told:
            continue
        way = f"syncd imports approve {plan['import']}"
        click.echo(f"{name}: an edit of what it shows is held: {cell(plan['reason'])}")
        click.echo(f"  if it is right: {way}; if not: {way.replace('approve', 'reject')}")
    for name, problems in summary["plans_refused"].items():
        click.echo(f"{name}: what is configured of it is refused: {cell(problems[0])}")
    print_imports(summary["imports"])
    seconds = max((channel["seconds"] for channel in summary["channels"].values()), default=0.0)
    verdict = "everything is in sync" if summary["ok"] else "not everything is in sync"
    click.echo(f"{verdict}, after {duration(seconds)}")


def print_imports(imports: Sequence[dict[str, Any]]) -> None:
    """Print what came in, and what a person must decide."""
    for entry in imports:
        what = f"{cell(entry['name'])} from {entry['source']}: {entry['state']}"
        counts = f"{entry['rows']:,} rows, {entry['changed']:,} changed, {entry['bad']:,} bad"
        reason = f": {cell(entry['reason'])}" if entry["reason"] else ""
        click.echo(f"{what} ({counts}){reason}")
        if entry["state"] == "held" and entry["id"] is not None:
            way = f"syncd imports approve {entry['id']}"
            click.echo(f"  if it is right: {way}; if not: {way.replace('approve', 'reject')}")


def show_ages(config: Config, channels: Sequence[str]) -> None:
    """Say how old the data is that a full reconcile asserts, before anything newer is read."""
    meant = [channel for name, channel in config.channels.items() if not channels or name in channels]
    wanted = {source for channel in meant for source in channel.sources}
    known: dict[str, int | None] = {}
    try:
        with Reader(config.state.path) as reader, reader.read() as connection:
            known = {row.name: row.data_at for row in reports.sources(connection)}
    except StateMissing:
        pass
    for name in sorted(wanted):
        at = known.get(name)
        age = "nothing read yet" if at is None else f"as of {ago(at, now_ms())}"
        note(f"source {name}: data {age}; what is new there is read first" if at else f"source {name}: {age}")
