"""`syncd init`: a configuration to start from."""

import os
from pathlib import Path

import click

from connectors.discovery import installed, load_plugin
from syncd.config.example import example_configuration
from syncd.errors import SyncdError

PRIVATE = 0o600
EPILOG = """\b
Examples:
  syncd init
  syncd init /etc/syncd/syncd.toml"""


@click.command("init", epilog=EPILOG)
@click.argument("path", type=click.Path(path_type=Path), default=Path("syncd.toml"))
def command(path: Path) -> None:
    """Write a commented syncd.toml to PATH (default: ./syncd.toml), readable only by you.

    It explains every key and has a channel for each installed connector. A file that exists is never touched.
    """
    text = example_configuration({name: load_plugin(name) for name in installed()})
    target = path / "syncd.toml" if path.is_dir() else path
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
    except FileExistsError:
        raise SyncdError(f"{target} exists, and is left as it is") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    named = "" if target == Path("syncd.toml") else f" --config {target}"
    click.echo(f"{target} is written. Next:")
    for step, why in (
        (f"edit {target}", "adjust one source, and one channel for each shop"),
        (f"syncd check{named}", "tells what is wrong or missing"),
        (f"syncd check --online{named}", "signs in to each shop, and changes nothing there"),
        (f"syncd reconcile --dry-run{named}", "shows what would be sent, and sends nothing"),
        (f"syncd run{named}", "keeps at it"),
    ):
        click.echo(f"  {step}   # {why}")
