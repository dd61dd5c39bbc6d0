"""`syncd imports`: what came in, and deciding on what is held."""

import sys
from dataclasses import asdict
from typing import Any

import click

from state import reports
from state.database import Reader
from state.import_details import effect_of, import_detail
from state.plan_standing import PLAN
from syncd.cli.asking import do
from syncd.cli.context import load, now_ms
from syncd.cli.options import config_option, json_option
from syncd.cli.output import cell, print_json, print_table
from syncd.errors import WrongUsage
from syncd.reconciling import import_as_json
from syncd.times import ago, rfc3339

EPILOG = """\b
Examples:
  syncd imports
  syncd imports --json | jq '.[] | select(.state == "held")'
  syncd imports show 12                     what it does, or would do
  syncd imports approve 12                  it is right: let it through
  syncd imports reject 12                   it is wrong: discard it"""
_IN_EFFECT = {"applied", "unchanged"}
_OF_A_PLAN = {
    "known": "listings", "new": "new", "up": "up", "down": "down", "zeroed": "to zero",
    "newly_missing": "not sold any more", "missing": "of these above zero", "units_before": "units shown",
    "units_after": "then",
}  # fmt: skip
"""What the counts of an edit are called: it changes listings, and no stock."""


@click.group("imports", invoke_without_command=True, epilog=EPILOG)
@json_option
@config_option
@click.pass_context
def command(context: click.Context, *, as_json: bool) -> None:
    """List the files, polls and edits that came in, newest first; approve or reject a held one.

    An import that looks wrong (far fewer units, many SKUs missing or going to zero) is held: nothing of it
    applies until a person decides, or a plausible one replaces it. So is an edit of the configuration, rules,
    listings or bundles that would do the like to what a channel shows; its source is "plan of CHANNEL".
    """
    if context.invoked_subcommand is not None:
        return
    config = load()
    with Reader(config.state.path) as reader, reader.read() as connection:
        entries = reports.imports(connection)
        effects = {entry.id: effect_of(connection, entry.id) for entry in entries if entry.state == "held"}
    if as_json:
        print_json(
            [
                import_as_json(entry) | ({"effect": effects[entry.id]} if entry.id in effects else {})
                for entry in entries
            ]
        )
        return
    if not entries:
        click.echo("nothing has come in yet")
        return
    now = now_ms()
    rows = [
        (e.id, ago(e.at, now), e.source, e.name, e.state, e.reason, e.rows, e.changed, e.bad) for e in entries
    ]
    print_table(
        ("id", "when", "source", "name", "state", "reason", "rows", "changed", "bad"),
        rows,
        numbers=3,
        foldable="reason",
    )
    for entry in entries:
        if entry.state == "held":
            click.echo(
                f"import {entry.id} waits: `syncd imports approve {entry.id}` or `… reject {entry.id}`;"
                f" `… show {entry.id}` tells what it would do"
            )


@command.command("show")
@click.argument("import_id", type=int, metavar="ID")
@json_option
@config_option
def show(import_id: int, *, as_json: bool) -> None:
    """Show how an import was read, and what it does, or would do."""
    with Reader(load().state.path) as reader, reader.read() as connection:
        detail = import_detail(connection, import_id)
        effect = effect_of(connection, import_id)
    if detail is None:
        raise WrongUsage(f"there is no import {import_id}: `syncd imports` lists them")
    if as_json:
        notes = detail.notes.splitlines()
        print_json({**asdict(detail), "at": rfc3339(detail.at), "notes": notes, "effect": effect})
        return
    click.echo(f"import {detail.id}, {cell(detail.name)} from {detail.source}: {detail.state}")
    for what, text in (("reason", detail.reason), ("format", detail.format)):
        if text:
            click.echo(f"{what}: {cell(text)}")
    for note in detail.notes.splitlines():
        click.echo(f"note: {cell(note)}")
    if not detail.is_plan:
        print_table(
            ("rows", "bad", "blank", "negative"),
            [(detail.rows, detail.bad, detail.blank, detail.negative)],
            numbers=4,
        )
    _print_effect(effect, detail.contents)
    if detail.state == "held":
        click.echo(f"if it is right: syncd imports approve {import_id}")
        click.echo(f"if not:         syncd imports reject {import_id}")


def _print_effect(effect: dict[str, Any], contents: str) -> None:
    """Print counts, and the largest changes where they were kept."""
    counts = {name.replace("_", " "): count for name, count in effect.items() if name != "largest"}
    place, gone = "location", "missing"
    if contents == PLAN:
        counts = {words: effect[name] for name, words in _OF_A_PLAN.items()}
        place, gone = "warehouse", "not sold any more"
    print_table(list(counts), [list(counts.values())], numbers=len(counts))
    if effect["largest"]:
        click.echo("the largest changes:")
        print_table(
            ("SKU", place, "", "before", "after"),
            [
                (one["sku"], one["location"] or "-", gone if one["missing"] else "",
                 one["before"], one["after"])
                for one in effect["largest"]
            ],
            numbers=2,
        )  # fmt: skip


@command.command("approve")
@click.argument("import_id", type=int, metavar="ID")
@config_option
def approve(import_id: int) -> None:
    """Let a held import through: it is right, however it looks."""
    state = _decide("approve", import_id)
    sys.exit(0 if state in _IN_EFFECT else 1)


@command.command("reject")
@click.argument("import_id", type=int, metavar="ID")
@config_option
def reject(import_id: int) -> None:
    """Discard a held import; its file goes to rejected/.

    What is held of an edit is not applied; the edit itself stands where it was made until you take it back.
    """
    _decide("reject", import_id)


def _decide(verb: str, import_id: int) -> str:
    """Let it be done, tell what came of it, return the import's state."""
    config = load()
    result, by_daemon = do(config, verb, {"id": import_id})
    state: str = result["state"]
    if "effect" in result:
        _print_effect(result["effect"], result.get("contents", ""))
    reason = f" ({cell(result['reason'])})" if result["reason"] else ""
    click.echo(f"import {import_id}, {cell(result['name'])} from {result['source']}: {state}{reason}")
    if state in _IN_EFFECT and not by_daemon:
        click.echo("no daemon runs: `syncd reconcile` pushes what changed, or `syncd run`")
    if verb == "reject" and result.get("contents") == PLAN:
        click.echo("what was in force before stays; take the edit back where it was made, or edit it again")
    return state
