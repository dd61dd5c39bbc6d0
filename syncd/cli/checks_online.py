"""What `syncd check --online` asks the marketplaces. Nothing there is changed."""

import time

from connectors.contract import Connector, Surroundings
from connectors.errors import AuthenticationExpired, ConnectorError
from syncd.cli.checks import Finding
from syncd.config.model import ChannelConfig, Config


async def check_channels(config: Config) -> list[Finding]:
    """Ask each enabled channel's marketplace how it answers the account."""
    return [await _check(channel) for channel in config.channels.values() if channel.enabled]


async def _check(channel: ChannelConfig) -> Finding:
    what = f"channel {channel.name}"
    connector = channel.plugin.connect(channel.settings, Surroundings(time.time, channel.limits.timeout))
    try:
        return Finding(what, said=await _answer(connector))
    except ConnectorError as error:
        code = f"{error.code}: " if error.code else ""
        return Finding(what, problem=f"{code}{error.message}")
    finally:
        await connector.aclose()


async def _answer(connector: Connector) -> str:
    """Ask; where the authorisation has to be renewed first (a clock that is off), ask again."""
    try:
        return await connector.check()
    except AuthenticationExpired:
        await connector.renew()
        return await connector.check()
