"""`syncd status`: how each channel and source is."""

import click

from state.database import Reader, holder_socket
from syncd.cli.context import load, now_ms
from syncd.cli.options import config_option, json_option
from syncd.cli.output import print_json
from syncd.cli.status_page import print_standing
from syncd.standing import standing_of

EPILOG = """\b
Examples:
  syncd status
  syncd status --json | jq '.channels[].due'
  watch -c -n 2 syncd status"""


@click.command("status", epilog=EPILOG)
@json_option
@config_option
def command(*, as_json: bool) -> None:
    """Show how each channel and source is: in sync, due, deferred, rejected, held; how old its data is.

    It only reads, beside a running daemon or without one.
    """
    config = load()
    now = now_ms()
    with Reader(config.state.path) as reader:
        standing = {"running": bool(holder_socket(config.state.path)), **standing_of(config, reader, now)}
    if as_json:
        print_json(standing)
    else:
        print_standing(standing, now)
