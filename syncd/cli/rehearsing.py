"""`syncd reconcile --dry-run`: showing the plan."""

import asyncio

import click

from state.records import Risk
from syncd.app import World
from syncd.cli.output import cell, print_json, print_table
from syncd.cli.planning import patience, print_outlooks
from syncd.cli.summary import print_imports
from syncd.clock import system_clock
from syncd.config.model import Config
from syncd.reconciling import Wish
from syncd.rehearsal import PlannedPushes, Rehearsal, rehearse
from syncd.times import duration


def show_plan(config: Config, wish: Wish, *, as_json: bool) -> None:
    """Print what reconciling would do."""

    async def run() -> Rehearsal:
        with patience() as hear:
            return await rehearse(config, wish, World(clock=system_clock()), hear)

    plan = asyncio.run(run())
    if as_json:
        print_json(plan.as_json())
    else:
        _print(plan)
    behind = any(not one.is_followed for one in plan.plans.values())
    if plan.failing_sources or behind:  # it is then made of what they, or the configuration, said before
        click.get_current_context().exit(1)


def _print(plan: Rehearsal) -> None:
    risks = [(risk, risk.name.lower().replace("_", " ")) for risk in Risk]
    print_table(
        ("channel", *(words for _, words in risks), "rows", "requests", "takes"),
        [
            (
                name,
                *(channel.rows[risk] for risk, _ in risks),
                channel.total,
                channel.requests,
                _takes(channel),
            )
            for name, channel in plan.channels.items()
        ],
        numbers=len(risks) + 3,
    )
    for name, channel in plan.channels.items():
        _print_channel(name, channel)
    edited = {name: one for name, one in plan.plans.items() if one.says_something or not one.is_followed}
    if edited:
        click.echo(
            "what the configuration changes of what is shown, and is counted in above if it is applied:"
        )
        print_outlooks(edited)
    for source, reason in plan.failing_sources.items():
        click.echo(f"source {source} cannot be read: {cell(reason)}")
    print_imports(plan.imports)
    click.echo("a dry run: nothing was sent, nothing was changed")


def _print_channel(name: str, channel: PlannedPushes) -> None:
    if channel.hold:
        click.echo(f"{name} is held, so that only a probe would leave: {cell(channel.hold)}")
    if channel.largest:
        click.echo(f"\n{name}, the largest changes:")
        print_table(
            ("SKU", "warehouse", "shown", "would show"),
            [(one.sku, one.warehouse or "-", one.confirmed, one.desired) for one in channel.largest],
            numbers=2,
        )
        click.echo()


def _takes(channel: PlannedPushes) -> str:
    return "-" if channel.seconds is None else duration(channel.seconds)
