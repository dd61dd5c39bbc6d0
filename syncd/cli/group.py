"""The `syncd` command: which commands there are, and how every one of them fails.

A command's module is imported when it is called, so that asking for help costs nothing.
"""

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from typing_extensions import override

from syncd import __version__
from syncd.cli.failing import told
from syncd.cli.options import remember_config

COMMANDS = {
    "run": "Run the daemon in the foreground.",
    "plan": "Show what an edited configuration would do, before it is applied.",
    "reload": "Let the running daemon take over a changed configuration.",
    "reconcile": "Read the sources now and push what is due.",
    "status": "Show how each channel and source is.",
    "failures": "List the listings that failed, and why.",
    "why": "Tell why each channel shows what it shows of one SKU.",
    "history": "Tell what was sent and answered, and how stock changed.",
    "retry": "Make failed listings due now.",
    "imports": "List what came in; approve or reject what is held.",
    "backup": "Copy the state to a file, beside a running daemon.",
    "check": "Find out what is wrong or missing before it hurts.",
    "init": "Write a commented syncd.toml to start from.",
    "demo": "Show it all against simulated marketplaces.",
    "sandbox": "Serve the simulated marketplaces.",
}
INTERRUPTED = 130


class LazyGroup(click.Group):
    """Knows its commands by name and one line each."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = import_module(f"syncd.cli.commands.{cmd_name}").command
        return found

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    @override
    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; whatever it raises becomes one message and an exit status."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            click.echo(err=True)
            ctx.exit(INTERRUPTED)
        except Exception as error:  # noqa: BLE001 (this is where all of them become words)
            raise told(error) from None


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="`syncd COMMAND --help` tells more, with examples. Start with `syncd demo`, then `syncd init`.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    callback=remember_config,
    expose_value=False,
    help="The configuration. Default: $SYNCD_CONFIG, ./syncd.toml, /etc/syncd/syncd.toml.",
)
@click.version_option(__version__, "-V", "--version", message="syncd %(version)s")
def syncd() -> None:
    """Keep the stock shown on online marketplaces equal to the stock you really have.

    Results go to stdout, logs to stderr. Exit status: 0 done; 1 done, but something is not in order;
    2 wrong usage; 75 try again later; 78 the configuration is wrong.
    """


def main() -> None:
    """Run the command line."""
    try:
        syncd(prog_name="syncd")
    finally:
        _flush_quietly()


def _flush_quietly() -> None:
    """Write what is left; whoever closed the pipe has seen enough."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
