"""What syncd.toml itself says of rules, until the configuration does: only a channel's own rules."""

from pathlib import Path

from state.plans import PlanRule, RuleRank, RuleRow, RuleSettings
from syncd.config.model import ChannelConfig, Config


def rules_file(config: Config) -> Path | None:
    """Give the file of rules."""
    found: Path | None = getattr(getattr(config, "rules", None), "file", None)
    return found


def channel_rules(config: Config, channel: ChannelConfig) -> tuple[PlanRule, ...]:  # noqa: ARG001
    """Give the rules that may hold for many SKUs."""
    rules = channel.rules
    settings = RuleSettings(safety_stock=rules.safety_stock, share_ppm=rules.share, max_shown=rules.max_shown)
    return (PlanRule(RuleRank.CHANNEL, settings, "syncd.toml"),)


def own_rules(config: Config, channel: ChannelConfig) -> list[RuleRow]:  # noqa: ARG001
    """Give the rules of single SKUs."""
    return []
