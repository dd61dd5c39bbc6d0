"""`syncd retry`: failed listings become due now."""

import click

from syncd.cli.asking import do
from syncd.cli.context import load
from syncd.cli.options import channel_option, config_option, sku_option

EPILOG = """\b
Examples:
  syncd retry --sku A-1 --sku A-2           after listing them on the marketplace
  syncd retry --channel toco-main           also lets a held channel try again
  syncd retry --all

Beside a running daemon, the daemon pushes them at once."""


@click.command("retry", epilog=EPILOG)
@channel_option
@sku_option
@click.option("--all", "everything", is_flag=True, help="All failed listings of all channels.")
@config_option
def command(*, channels: tuple[str, ...], skus: tuple[str, ...], everything: bool) -> None:
    """Make failed listings due now, and let held channels and warehouses try again.

    Meant for when the cause is mended: what is merely deferred is retried by itself.
    """
    if not (channels or skus or everything):
        raise click.UsageError("say which: --channel NAME, --sku SKU or --all")
    if everything and (channels or skus):
        raise click.UsageError("--all is everything: leave out --channel and --sku")
    config = load()
    result, by_daemon = do(config, "retry", {"channels": list(channels), "skus": list(skus) or None})
    woken = result["woken"]
    click.echo(f"{woken:,} failed listing{'' if woken == 1 else 's'} made due")
    if not by_daemon:
        click.echo("no daemon runs: `syncd reconcile` pushes them, or `syncd run`")
