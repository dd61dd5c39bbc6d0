"""`syncd reload`: the running daemon reads its configuration anew."""

import click

from syncd.cli.asking import ask_daemon, daemon_socket
from syncd.cli.context import load
from syncd.cli.options import config_option
from syncd.errors import ConfigError, SyncdError

EPILOG = """\b
Examples:
  syncd reload                              after a change of syncd.toml, or of a secret
  systemctl reload syncd                    does the same, and waits for it

What cannot be used is refused whole, and the old configuration stays. Nothing in flight is lost."""


@click.command("reload", epilog=EPILOG)
@config_option
def command() -> None:
    """Let the running daemon take over a changed configuration.

    It checks the whole of it first. With a mistake in it, the old one stays in force, the mistakes are shown,
    and the exit status is 78.
    """
    config = load()
    socket = daemon_socket(config)
    if socket is None:
        raise SyncdError(
            f"no daemon works with {config.state.path}: the next one that starts reads the configuration"
        )
    result = ask_daemon(socket, "reload", {})
    if result["problems"]:
        raise SyncdRefused(result["problems"])
    click.echo("taken over" if result["changed"] else "nothing that matters has changed")


class SyncdRefused(SyncdError):
    """The daemon does not take over the configuration."""

    exit_status = ConfigError.exit_status

    def __init__(self, problems: list[str]) -> None:
        """Tell every problem."""
        told = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"the daemon refuses the configuration, and keeps the old one:\n{told}")
