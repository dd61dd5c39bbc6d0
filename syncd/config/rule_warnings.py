"""Rules of syncd.toml that can be followed, but hardly say what is meant."""

from collections.abc import Iterable, Iterator, Mapping

from state.plans import ChannelPlan, RuleRow
from syncd.config.model import ChannelConfig
from syncd.config.rules import RulesConfig, RuleTable, channel_rules, own_rules
from syncd.core.shares import overcommitted


def share_warnings(rules: RulesConfig, channels: Mapping[str, ChannelConfig]) -> list[str]:
    """Say where channels together are given more than all of one stock, as far as syncd.toml says."""
    selling = [channel for channel in channels.values() if channel.enabled]
    return overcommitted(
        [_plan(rules, channel) for channel in selling],
        sorted(_own(rules, selling), key=lambda entry: entry[1].sku),
    )


def last_units_warnings(rules: RulesConfig, channels: Mapping[str, ChannelConfig]) -> Iterator[str]:
    """Say which last units nobody shows."""
    tables: list[RuleTable] = [rules, *rules.for_, *(channel.rules for channel in channels.values())]
    named = [table.last_units_channel for table in tables if table.last_units_channel is not None]
    for name in dict.fromkeys(named):
        if name in channels and not channels[name].enabled:
            yield (
                f'the last units are left to channel "{name}", which is not enabled, so nobody shows them: '
                "name another last_units_channel"
            )


def _plan(rules: RulesConfig, channel: ChannelConfig) -> ChannelPlan:
    return ChannelPlan(
        name=channel.name,
        account="",
        sources=channel.sources,
        locations=channel.warehouses,
        counted=channel.locations,
        rules=channel_rules(rules, channel.rules, channel.name),
    )


def _own(rules: RulesConfig, channels: Iterable[ChannelConfig]) -> Iterator[tuple[str, RuleRow]]:
    for channel in channels:
        for row in own_rules(rules, channel.name):
            yield channel.name, row
