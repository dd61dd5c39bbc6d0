"""`syncd plan`: what an edited configuration would do, before it is applied."""

import asyncio
import sys

import click

from syncd.app import World
from syncd.cli.context import config_path, load, require_something_to_do
from syncd.cli.options import channel_option, config_option, json_option
from syncd.cli.output import cell, print_json
from syncd.cli.planning import patience, print_trials
from syncd.clock import system_clock
from syncd.plans.shares import share_warnings
from syncd.rehearsal import PlanTrial, rehearse_plans

EPILOG = """\b
Examples:
  syncd plan                                after an edit, before `syncd reload`
  syncd plan --channel toco-main
  syncd plan --json | jq '.channels[].changes.to_zero'

\b
An edit, step by step:
  1. edit syncd.toml (rules.csv, listings and bundles are followed at once: edit a copy, and name that)
  2. syncd plan                             read what would change
  3. syncd reload                           let the daemon take it over
  4. syncd imports approve ID               only if it is held

Exit status: 0 it would be applied, or says nothing new; 1 something would be refused or held; 78 the
configuration cannot be used."""


@click.command("plan", epilog=EPILOG)
@channel_option
@json_option
@config_option
def command(*, channels: tuple[str, ...], as_json: bool) -> None:
    """Show what the configuration as it stands now would change in what each channel shows.

    It reads syncd.toml and the files of rules, listings and bundles that it names, and compares what would be
    shown with what is shown now: how many listings go up, down and to zero, which are new, not sold any more,
    paused or resumed; the largest changes; whether a guard would hold it; the rows, requests and time that it
    takes. Stock is as syncd knows it: no source is read.

    Nothing is sent and nothing changes. It works on a copy of the state, beside a running daemon or without
    one; with a million SKUs that takes a minute, and room for the copy in $TMPDIR.
    """
    config = load()
    require_something_to_do(config, config_path())

    async def run() -> tuple[dict[str, PlanTrial], list[str]]:
        with patience() as hear:
            trials = await rehearse_plans(config, channels, World(clock=system_clock()), hear)
            hear("adding up the shares of each stock")
            return trials, [*config.warnings, *await asyncio.to_thread(share_warnings, config)]

    trials, doubts = asyncio.run(run())
    followed = all(one.outlook.is_followed for one in trials.values())
    if as_json:
        told = {name: one.as_json() for name, one in trials.items()}
        print_json({"ok": followed, "channels": told, "warnings": doubts})
    else:
        print_trials(trials)
        for doubt in doubts:
            click.echo(f"doubtful: {cell(doubt)}")
        click.echo("this is what would be: nothing was sent, nothing was changed")
    sys.exit(0 if followed else 1)
