"""`syncd why`: what one SKU shows on each channel, and what that follows from."""

import sys
from pathlib import Path

import click

from state.database import Reader, holder_socket
from state.explaining import read_sku
from syncd.cli.asking import about_daemon
from syncd.cli.commands.failures import require_channel
from syncd.cli.context import load, now_ms
from syncd.cli.explanation_page import print_explanation
from syncd.cli.options import channel_option, config_option, json_option
from syncd.cli.output import cell, print_json
from syncd.cli.spans import since_option
from syncd.config.model import Config
from syncd.core.rules import decide
from syncd.errors import WrongUsage
from syncd.explaining import explanation_of

LATEST = 10
LATEST_LEVELS = 3
EVERYTHING = 2**31 - 1
EPILOG = """\b
Examples:
  syncd why TS-RED-M
  syncd why TS-RED-M --channel toco-main --attempts 50
  syncd why TS-RED-M --since 24h            all attempts and stock levels since then
  syncd why TS-RED-M --all                  all that is remembered
  syncd why TS-RED-M --json | jq '.channels[].listings[].state'
  syncd why -- -1020                        a SKU that begins with a dash

How long attempts and stock levels are remembered says [history] keep. `syncd history` has all SKUs."""


@click.command("why", epilog=EPILOG)
@click.argument("sku")
@channel_option
@click.option(
    "--attempts",
    type=click.IntRange(min=0),
    metavar="N",
    help=f"The latest so many of each listing.  [default: {LATEST}]",
)
@since_option
@click.option("--all", "everything", is_flag=True, help="All that is remembered of its past.")
@json_option
@config_option
def command(
    *,
    sku: str,
    channels: tuple[str, ...],
    attempts: int | None,
    since: int | None,
    everything: bool,
    as_json: bool,
) -> None:
    """Tell why each channel shows what it shows of one SKU.

    Source, file and line, the stock level, the rules, what should be shown, what was sent, and what the
    marketplace answered. It only reads, beside a running daemon or without one.
    """
    config = load()
    for name in channels:
        require_channel(config, name)
    names = tuple(dict.fromkeys(channels)) or tuple(config.channels)
    now, whole = now_ms(), everything or since is not None
    with Reader(config.state.path) as reader:
        record = read_sku(
            reader,
            as_text(sku),
            names,
            _or_default(attempts, LATEST, whole=whole),
            past=_or_default(None, LATEST_LEVELS, whole=whole),
            since=since or 0,
            decide=decide,
        )
    running, reloaded = _what_runs(config)
    explanation = {"running": running, **explanation_of(config, record, sku, names, now, reloaded=reloaded)}
    if as_json:
        print_json(explanation)
    elif record.is_empty:
        click.echo(_unknown(sku, record.nearest), err=True)
    else:
        print_explanation(explanation, now, whole=whole)
    sys.exit(1 if record.is_empty else 0)


def _what_runs(config: Config) -> tuple[bool, bool]:
    """Tell whether a daemon runs, and unless it says otherwise, that it does with this configuration."""
    socket = holder_socket(config.state.path)
    about = about_daemon(Path(socket)) if socket else None
    return bool(socket), about is None or about["configuration"] == config.fingerprint


def _or_default(asked: int | None, default: int, *, whole: bool) -> int:
    """Tell how many are shown: as many as asked for; else all of the time that is, or the latest few."""
    if asked is not None:
        return asked
    return EVERYTHING if whole else default


def as_text(sku: str) -> str:
    """Give a SKU as the database can be asked for it."""
    try:
        sku.encode()
    except UnicodeEncodeError:
        raise WrongUsage(f"the SKU {cell(sku)} is not valid UTF-8") from None
    return sku


def _unknown(sku: str, nearest: list[str]) -> str:
    meant = f"; there is: {', '.join(map(cell, nearest))}" if nearest else ""
    return f"syncd: no SKU {cell(sku)} is known{meant}"
