"""`syncd run`: the daemon."""

import asyncio
import gc
import os
from functools import partial
from pathlib import Path

import click

from syncd.app import World
from syncd.cli.context import config_path, load_again, load_to_push
from syncd.cli.options import config_option
from syncd.clock import system_clock
from syncd.config.model import Config
from syncd.daemon import run_daemon
from syncd.errors import SyncdError
from syncd.logs import catch_strays, get_logger
from syncd.notify import Notifier
from syncd.signals import Signals

EPILOG = """\b
Examples:
  syncd run                                 with ./syncd.toml or /etc/syncd/syncd.toml
  syncd --config /srv/shop/syncd.toml run

SIGTERM or Ctrl-C finishes what is in flight and ends it; a second one ends it at once. Whatever was not
finished is pushed after the next start. SIGHUP, or `syncd reload`, takes over a changed configuration."""


@click.command("run", epilog=EPILOG)
@config_option
def command() -> None:
    """Run the daemon in the foreground.

    It watches the sources, pushes what changed within each marketplace's limits, and retries what failed,
    until it is stopped. `syncd status` beside it shows how things are.
    """
    notifier = Notifier.taken_from(os.environ, os.getpid())
    signals = Signals()
    path = config_path().absolute()
    catch_strays()
    try:
        config = load_to_push(whole_log=True)
    except SyncdError as error:
        notifier.status(f"not started: {error}")
        raise
    try:
        asyncio.run(_run(config, path, signals, notifier))
    except SyncdError:
        raise
    except Exception:
        get_logger("daemon").exception("daemon_failed")
        raise


async def _run(config: Config, path: Path, signals: Signals, notifier: Notifier) -> None:
    # All that is imported stays: without this, each full collection looks at it again, 50 ms and more.
    gc.freeze()
    await run_daemon(
        config,
        World(clock=system_clock()),
        partial(load_again, path),
        signals=signals,
        notifier=notifier,
        runtime_directory=os.environ.get("RUNTIME_DIRECTORY"),
    )
