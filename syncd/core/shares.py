"""Shares of one stock that add up to more than there is."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from state.plans import ChannelPlan, RuleRow
from syncd.core.rules import MILLION, Cascade

_PER_PERCENT = 10_000
_ELSEWHERE = None


def overcommitted(plans: Sequence[ChannelPlan], own: Mapping[str, Sequence[RuleRow]]) -> Iterator[str]:
    """Say where channels together are given more than all of a stock, with the figures.

    Only where somebody divides it: of channels that all show everything, none is meant to leave room. `own`:
    rules of single SKUs, by channel. One message for all other SKUs, and one for each pattern and SKU that
    has a share of its own.
    """
    cascades = {plan.name: Cascade(plan) for plan in plans}
    groups = _groups(plans)
    rows: dict[tuple[str, str], list[RuleRow]] = {}
    for name, rules in own.items():
        for row in rules:
            rows.setdefault((name, row.sku), []).append(row)
    for sku in ("", *_with_shares(plans, own)):
        for names in groups:
            shares = [
                (name, cascades[name].of(sku, "", rows.get((name, sku), [])).share_ppm) for name in names
            ]
            total = sum(share for _, share in shares)
            if total > MILLION and any(share < MILLION for _, share in shares):
                summands = " + ".join(f"{name} {share / _PER_PERCENT:g}%" for name, share in shares)
                whose = f'of "{sku}"' if sku else "of SKUs without a share of their own"
                yield (
                    f"channels are given more than all of the stock {whose}: {summands}"
                    f" = {total / _PER_PERCENT:g}%"
                )


def _with_shares(plans: Iterable[ChannelPlan], own: Mapping[str, Sequence[RuleRow]]) -> list[str]:
    patterns = [
        rule.pattern
        for plan in plans
        for rule in plan.rules
        if rule.pattern and rule.settings.share_ppm is not None
    ]
    skus = [row.sku for rows in own.values() for row in rows if '"share_ppm"' in row.settings]
    return list(dict.fromkeys([*patterns, *skus]))


def _groups(plans: Sequence[ChannelPlan]) -> list[tuple[str, ...]]:
    """Find the channels that show the same stock: for each source and location, those that count it."""
    sources = dict.fromkeys(source for plan in plans for source in plan.sources)
    named = {place for plan in plans for place in _locations(plan) or ()}
    groups = {
        tuple(plan.name for plan in plans if source in plan.sources and _counts(plan, place))
        for source in sources
        for place in (*named, _ELSEWHERE)
    }
    kept = [one for one in groups if not any(set(one) < set(other) for other in groups)]
    return sorted(one for one in kept if len(one) > 1)


def _locations(plan: ChannelPlan) -> Iterable[str] | None:
    """Give the locations that a channel counts; None = all."""
    return plan.locations if plan.locations is not None else plan.counted


def _counts(plan: ChannelPlan, place: str | None) -> bool:
    """Tell whether a channel counts a location; None = one that no channel names."""
    locations = _locations(plan)
    return locations is None or (place is not None and place in locations)
