"""`syncd run`: the daemon."""

import asyncio
import os

import click

from syncd.app import World
from syncd.cli.context import load_to_push
from syncd.cli.options import config_option
from syncd.clock import system_clock
from syncd.config.model import Config
from syncd.daemon import run_daemon
from syncd.errors import SyncdError
from syncd.logs import get_logger

EPILOG = """\b
Examples:
  syncd run                                 with ./syncd.toml or /etc/syncd/syncd.toml
  syncd --config /srv/shop/syncd.toml run

SIGTERM or Ctrl-C finishes what is in flight and ends it; a second one ends it at once. Whatever was not
finished is pushed after the next start."""


@click.command("run", epilog=EPILOG)
@config_option
def command() -> None:
    """Run the daemon in the foreground.

    It watches the sources, pushes what changed within each marketplace's limits, and retries what failed,
    until it is stopped. `syncd status` beside it shows how things are.
    """
    config = load_to_push(whole_log=True)
    try:
        asyncio.run(_run(config))
    except SyncdError:
        raise
    except Exception:
        get_logger("daemon").exception("daemon_failed")
        raise


async def _run(config: Config) -> None:
    await run_daemon(config, World(clock=system_clock()), os.environ)
