"""`syncd backup`: a copy of the state, beside a running daemon or without one."""

import sys
from pathlib import Path

import click

from state.backup import BackupDamaged, BackupRefused, back_up
from state.database import Reader
from syncd.cli.context import load
from syncd.cli.failing import FAULT, Failure
from syncd.cli.options import config_option
from syncd.cli.output import cell, note
from syncd.errors import WrongUsage

EPILOG = """\b
Examples:
  syncd backup /backup/syncd-$(date +%F).db
  syncd backup --force /backup/syncd.db     replace the last one

The state can also be lost: all is then read and pushed anew. A backup keeps the history, and what
each marketplace confirmed. Exit status: 0 the copy is complete and sound; 1 there is none.

To restore one: stop the daemon, put the copy in the place of the state (and delete state.db-wal and
state.db-shm), start it. syncd notices that it is an older copy and says so (`state_restored`): the
sources are read anew, and every listing is asserted once more before it counts as in sync."""


@click.command("backup", epilog=EPILOG)
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE")
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@config_option
def command(*, target: Path, force: bool) -> None:
    """Copy the state database to FILE, complete, checked and readable by you alone.

    It works beside a running daemon, which goes on, and without one.
    """
    state = load().state.path
    with Reader(state):
        pass  # tells where there is none, or where it is of another version
    shown = -1

    def progress(done: int, pages: int) -> None:
        nonlocal shown
        percent = 100 * done // max(pages, 1)
        if sys.stderr.isatty() and percent != shown:
            shown = percent
            click.echo(f"\rcopied {percent} %", err=True, nl=percent == 100)  # noqa: PLR2004 (all of it)

    try:
        size = back_up(state, target, replace=force, progress=progress)
    except BackupRefused as refused:
        raise WrongUsage(str(refused)) from None
    except BackupDamaged as damaged:
        raise Failure(
            f"the copy is not sound ({damaged}), and was deleted: the state itself may be damaged;"
            " the next start of the daemon checks it",
            FAULT,
        ) from None
    note(f"{cell(str(target))}: {size:,} bytes, complete and sound")
