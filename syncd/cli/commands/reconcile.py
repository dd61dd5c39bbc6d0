"""`syncd reconcile`: read the sources now, push what is due, say what came of it."""

import sys
from dataclasses import asdict
from typing import Any

import click

from syncd.cli.asking import ask_daemon, daemon_socket
from syncd.cli.context import config_path, load, load_to_push, require_something_to_do
from syncd.cli.options import channel_option, config_option, json_option, sku_option
from syncd.cli.output import note, print_json
from syncd.cli.progress import watched
from syncd.cli.reconciling import reconcile_here
from syncd.cli.rehearsing import show_plan
from syncd.cli.summary import print_summary, show_ages
from syncd.config.model import Config
from syncd.reconciling import Wish

EPILOG = """\b
Examples:
  syncd reconcile                           what changed, now
  syncd reconcile --dry-run                 what would be sent; nothing is
  syncd reconcile --full --channel toco-main
  syncd reconcile --full --sku A-1 --sku A-2
  syncd reconcile --json | jq .ok

Exit status: 0 all in scope is in sync; 1 something is not, and the summary says what; 75 another command is
at work: try again later."""


@click.command("reconcile", epilog=EPILOG)
@click.option("--full", is_flag=True, help="Assert every listing anew, also what seems in sync.")
@channel_option
@sku_option
@click.option("--dry-run", is_flag=True, help="Show the plan; send nothing, change nothing.")
@click.option("--stale-ok", is_flag=True, help="Let --full assert data older than max_age.")
@json_option
@config_option
def command(
    *,
    full: bool,
    channels: tuple[str, ...],
    skus: tuple[str, ...],
    dry_run: bool,
    stale_ok: bool,
    as_json: bool,
) -> None:
    """Read the sources now and push what is due, until nothing more can be.

    Beside a running daemon, the daemon does the pushing. --full overwrites whatever the marketplaces show,
    also sales that your system has not heard of: it refuses data older than max_age, unless --stale-ok says
    otherwise.
    """
    config = load()
    require_something_to_do(config, config_path())
    wish = Wish(full=full, channels=channels, skus=skus or None, stale_ok=stale_ok)
    if dry_run:
        show_plan(config, wish, as_json=as_json)
        return
    if full:
        show_ages(config, channels)
    summary, status = _reconcile(config, asdict(wish))
    if as_json:
        print_json(summary)
    else:
        print_summary(summary)
    sys.exit(status)


def _reconcile(config: Config, wish: dict[str, Any]) -> tuple[dict[str, Any], int]:
    socket = daemon_socket(config)
    if socket is None:
        return reconcile_here(load_to_push(), wish)
    try:
        with watched(config) as hear:
            summary = ask_daemon(socket, "reconcile", wish, hear)
    except KeyboardInterrupt:
        note("syncd: no longer followed; the daemon goes on pushing")
        raise
    return summary, 0 if summary["ok"] else 1
