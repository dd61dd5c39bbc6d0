"""What is configured of a channel's plan, and not in force: why it waits."""

from dataclasses import replace
from typing import Any

from state.explaining import ChannelRecord
from state.followed_plans import FollowedPlan
from state.plan_standing import RefusedPlan
from state.plans import ChannelPlan
from syncd.config.model import ChannelConfig, Config
from syncd.config.rules import ORIGIN, channel_rules, own_rules


def edit_of(
    config: Config, channel: ChannelConfig, record: ChannelRecord | None, sku: str, *, reloaded: bool
) -> dict[str, Any] | None:
    """Tell what keeps an edit of a channel's plan from being in force; None where nothing waits.

    Of syncd.toml only what concerns the SKU is compared. `reloaded`: the daemon that runs, if one does, runs
    with the configuration as it is now.
    """
    if record is None or record.followed is None:
        return _edit("not_read", "no plan of this channel is in force yet")
    edit = None
    if record.held is not None:
        edit = _edit("held", record.held.reason, record.held.import_id)
    elif record.refused is not None:
        edit = _edit("rejected" if record.refused.by_hand else "refused", _problems(record.refused))
    elif not record.followed.planned:
        edit = _edit("being_applied", "its listings are planned anew")
    elif _says_otherwise(config, channel, record.followed, sku):
        edit = _edit("not_read", "syncd.toml says otherwise than what is in force")
    elif not reloaded:
        edit = _edit("not_reloaded", "the daemon runs with another configuration than syncd.toml says now")
    return edit


def _problems(refused: RefusedPlan) -> str:
    more = refused.count - 1
    return "; ".join((*refused.problems[:1], *((f"and {more:,} more",) if more > 0 else ())))


def _edit(state: str, reason: str, import_id: int | None = None) -> dict[str, Any]:
    return {"state": state, "import": import_id, "reason": reason}


def _says_otherwise(config: Config, channel: ChannelConfig, followed: FollowedPlan, sku: str) -> bool:
    """Tell whether syncd.toml leads to another plan for the SKU, its files being what they were."""
    own = followed.basis.rules
    of_files = [row for row in own if not _is_ours(row.origin)]
    configured = {row[:4] for row in own_rules(config.rules, channel.name) if row.sku == sku}
    return (
        _configured(config, channel, followed.plan).effect != followed.plan.effect
        or configured != {row[:4] for row in own if _is_ours(row.origin)}
        or bool(of_files and config.rules.file is None)
        or bool(followed.listed and channel.listings is None)
        or bool((followed.components or followed.bundles) and config.bundles is None)
    )


def _configured(config: Config, channel: ChannelConfig, plan: ChannelPlan) -> ChannelPlan:
    """Give the plan that syncd.toml leads to, with the rules of the file that are in force."""
    of_file = [rule for rule in plan.rules if not _is_ours(rule.origin) and config.rules.file is not None]
    return replace(
        plan,
        sources=channel.sources,
        locations=channel.warehouses,
        counted=channel.locations,
        rules=(*channel_rules(config.rules, channel.rules, channel.name), *of_file),
        only_listed=channel.only_listed,
        longest_sku=channel.plugin.capabilities.max_sku_length,
    )


def _is_ours(origin: str) -> bool:
    """Tell whether a rule stands in syncd.toml itself."""
    return origin.startswith(f"{ORIGIN} ")
