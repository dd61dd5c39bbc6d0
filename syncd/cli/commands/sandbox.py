"""`syncd sandbox`: the simulated marketplaces as a server, and a configuration that points at them."""

import asyncio
import os
import signal
import time
from pathlib import Path

import click

from connectors.sandbox import Limits, Sandbox, serve
from connectors.sandbox.sandbox import TOCOBAGUS_LIMITS, TOKOPEDIA_LIMITS
from syncd.cli.sandbox_files import prepare_directory
from syncd.errors import SyncdError

EPILOG = """\b
Examples:
  syncd sandbox
  syncd sandbox --port 9000 --directory /tmp/try

Its page shows what arrives. POST /sandbox/faults makes it misbehave, GET /sandbox/stock tells what it
shows, GET /sandbox/listings under which ids."""


@click.command("sandbox", epilog=EPILOG)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=9321, show_default=True, help="0 takes a free one."
)
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("syncd-sandbox"),
    show_default=True,
    help="Where the configuration and the drop folder go.",
)
@click.option(
    "--rows-per-second",
    type=click.FloatRange(0, min_open=True),
    default=TOKOPEDIA_LIMITS.rows_per_second,
    show_default=True,
    help="What simulated Tokopedia allows.",
)
@click.option(
    "--requests-per-second",
    type=click.FloatRange(0, min_open=True),
    default=TOCOBAGUS_LIMITS.requests_per_second,
    show_default=True,
    help="What simulated Tocobagus allows.",
)
def command(*, port: int, directory: Path, rows_per_second: float, requests_per_second: float) -> None:
    """Serve simulated marketplaces on this machine until Ctrl-C, and write a configuration for them.

    They check signatures and tokens, keep their limits, refuse single rows (SKUs that begin with UNKNOWN-),
    and apply late where the real one does. Nothing leaves this machine.
    """
    burst = max(1, round(rows_per_second))
    sandbox = Sandbox(
        now=time.time,
        tokopedia_limits=Limits(
            rows_per_request=TOKOPEDIA_LIMITS.rows_per_request,
            rows_per_second=rows_per_second,
            row_burst=burst,
        ),
        tocobagus_limits=Limits(
            rows_per_request=TOCOBAGUS_LIMITS.rows_per_request,
            requests_per_second=requests_per_second,
            request_burst=max(1, round(requests_per_second)),
        ),
    )
    asyncio.run(_serve(sandbox, port, directory))


async def _serve(sandbox: Sandbox, port: int, directory: Path) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        async with serve(sandbox, port=port) as url:
            config = prepare_directory(directory, sandbox.configuration(url))
            _tell(url, config, directory)
            await stop.wait()
    except OSError as error:
        raise SyncdError(f"port {port} cannot be had ({error.strerror}): --port takes another") from None


def _tell(url: str, config: Path, directory: Path) -> None:
    click.echo(f"Simulated Tokopedia and Tocobagus: {url}/ (Ctrl-C ends them, and all they remember)")
    click.echo("In a second terminal, the daemon:")
    click.echo(f"  syncd --config {config} run")
    click.echo("In a third, a new export of stock, and how things are:")
    click.echo(f"  cp {directory / 'sample.csv'} {directory / 'inbox'}{os.sep}")
    click.echo(f"  syncd --config {config} status")
    click.echo(f"  curl -s {url}/sandbox/counters")
