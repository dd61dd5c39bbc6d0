"""`syncd check`: what is wrong or missing, each with what to do."""

import asyncio
import sys

import click

from syncd.cli.checks import Finding, check_installation, check_sources, check_state
from syncd.cli.context import config_path, load, require_something_to_do
from syncd.cli.options import config_option
from syncd.cli.output import cell
from syncd.errors import ConfigError

EPILOG = """\b
Examples:
  syncd check
  syncd check --online                      also signs in to each enabled channel; changes nothing there
  syncd check --alerts                      also sends a test to each recipient of alerts

Run it as the user that syncd runs as: permissions are that user's.

Exit status: 0 all is well; 1 something was found; 78 the configuration cannot be used."""


@click.command("check", epilog=EPILOG)
@click.option("--online", is_flag=True, help="Ask each marketplace how it answers the account.")
@click.option("--alerts", is_flag=True, help="Send a test to each recipient of alerts.")
@config_option
def command(*, online: bool, alerts: bool) -> None:
    """Find out what is wrong or missing before it hurts.

    It looks at the configuration, credentials, permissions, folders and queries, and with --online at how
    each marketplace answers. All that is found is listed at once, each with what to do.
    """
    path = config_path()
    try:
        config = load(read_secrets=True)
        require_something_to_do(config)
    except ConfigError:
        _print([Finding("configuration", problem="it cannot be used: see below")])
        raise
    findings = [Finding("configuration", said=f"{path}: it and the credentials can be read")]
    findings += [Finding("configuration", problem=warning) for warning in config.warnings]
    findings += [*check_installation(), *check_state(config), *check_sources(config)]
    _print(findings)
    if online:
        from syncd.cli.checks_online import check_channels  # noqa: PLC0415 (loads the connectors' transport)

        for finding in asyncio.run(check_channels(config)):
            _print([finding])
            findings.append(finding)
    if alerts:
        from syncd.cli.checks_alerts import check_recipients  # noqa: PLC0415 (loads the transport)

        for finding in asyncio.run(check_recipients(config)):
            _print([finding])
            findings.append(finding)
    sys.exit(1 if any(finding.problem for finding in findings) else 0)


def _print(findings: list[Finding]) -> None:
    for finding in findings:
        mark = "✗" if finding.problem else "✓"
        click.echo(f"{mark} {finding.what}: {cell(finding.problem or finding.said)}")
