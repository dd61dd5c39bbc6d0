"""`syncd check`: what is wrong or missing, each with what to do."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator

import click

from syncd.checking import examination
from syncd.checking.configuration import unusable
from syncd.checking.findings import Finding, Weight
from syncd.cli.context import config_path, load, require_something_to_do
from syncd.cli.finding_page import Page
from syncd.cli.options import config_option, json_option
from syncd.config.model import Config
from syncd.errors import ConfigError

EPILOG = """\b
Examples:
  syncd check
  sudo syncd check --online          as the user of the service; also signs in
  syncd check --alerts               also sends a test to each recipient of alerts
  syncd check --json | jq '.findings[] | select(.weight == "problem")'

\b
✓ is fine, ! is worth knowing, ✗ is to be mended; → says what to do.
All kinds are explained in docs/checks.md.

Run it as the user that syncd runs as: permissions are that user's.

Exit status: 0 all is well; 1 something is to be mended; 78 the configuration cannot be used."""
CANNOT_BE_USED = ConfigError.exit_status


@click.command("check", epilog=EPILOG)
@click.option(
    "--online", is_flag=True, help="Also go the way to each marketplace and sign in; changes nothing there."
)
@click.option("--alerts", is_flag=True, help="Also send a test to each recipient of alerts.")
@json_option
@config_option
def command(*, online: bool, alerts: bool, as_json: bool) -> None:
    """Find out what is wrong or missing before it hurts.

    It looks at the configuration, secrets, permissions, folders, queries, the disk, SQLite, the machine's
    limits and clock, the systemd unit and the daemon that runs; with --online at the network, the sign-in,
    warehouses and limits of each account. It works beside a running daemon, and changes nothing.
    """
    path = config_path()
    page = Page(as_json=as_json)
    config, mistakes = _loaded()
    for finding in mistakes:
        page.add(finding)
    if config is not None:
        for finding in examination.examine(config, path, os.environ, whole=not mistakes):
            page.add(finding)
        if online and not mistakes:
            asyncio.run(_ask(config, page))
        if alerts and not mistakes:
            asyncio.run(_tell(config, page))
    page.end()
    if mistakes:
        sys.exit(CANNOT_BE_USED)
    sys.exit(1 if page.worst is Weight.PROBLEM else 0)


def _loaded() -> tuple[Config | None, list[Finding]]:
    """Give the configuration, without its secrets where only they are missing, and all its mistakes."""
    try:
        config = load(read_secrets=True)
        require_something_to_do(config, config_path())
    except ConfigError as error:
        mistakes = list(unusable(error))
    else:
        return config, []
    try:
        config = load()
        require_something_to_do(config, config_path())
    except ConfigError:
        return None, mistakes
    return config, mistakes


async def _ask(config: Config, page: Page) -> None:
    from syncd.checking.online import check_channels  # noqa: PLC0415 (loads the connectors' transport)

    findings: AsyncIterator[Finding] = check_channels(config)
    async for finding in findings:
        page.add(finding)


async def _tell(config: Config, page: Page) -> None:
    from syncd.checking.recipients import check_recipients  # noqa: PLC0415 (loads the transport)

    async for finding in check_recipients(config):
        page.add(finding)
