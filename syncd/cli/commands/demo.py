"""`syncd demo`: the whole thing against simulated marketplaces."""

import asyncio
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import click

from syncd.cli.demonstration.screen import Screen
from syncd.cli.demonstration.story import play
from syncd.times import duration

TERMINATED = 128 + signal.SIGTERM
EPILOG = """\b
Examples:
  syncd demo
  syncd demo --keep                         leaves the folder, to look around in it

Exit status: 0 both marketplaces show exactly what the last export says; 1 something differs, and it says
what."""


@click.command("demo", epilog=EPILOG)
@click.option("--keep", is_flag=True, help="Keep the temporary folder.")
def command(*, keep: bool) -> None:
    """Show it all in about a minute: a new shop, a few changes, a refused row, a power cut.

    The real daemon runs in a temporary folder against simulated marketplaces on this machine. It needs no
    credentials, and nothing leaves this machine.
    """
    folder = Path(tempfile.mkdtemp(prefix="syncd-demo-"))
    started = time.monotonic()
    try:
        good = asyncio.run(_play(folder))
    except asyncio.CancelledError:
        sys.exit(TERMINATED)
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    click.echo()
    took = duration(time.monotonic() - started)
    if good:
        click.secho(f"Everything matches, after {took}. Next: syncd init", fg="green", bold=True)
    else:
        click.secho(f"Something does not match, after {took}: see ✗ above.", fg="red", bold=True)
    if keep:
        click.echo(f"The folder is kept: {folder}")
    sys.exit(0 if good else 1)


async def _play(folder: Path) -> bool:
    """Play it; where it is told to end, end the daemon too."""
    loop, playing = asyncio.get_running_loop(), asyncio.ensure_future(play(folder, Screen()))
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, playing.cancel)
    return await playing
