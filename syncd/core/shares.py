"""Shares of one stock that add up to more than there is, in the words of a warning."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple

from state.plans import ChannelPlan, RuleRank, RuleRow, RuleSettings, Selling
from syncd.core.rules import MILLION, Cascade

MOST_TOLD: Final = 10
"""More warnings than this hide each other."""

_PER_PERCENT: Final = 10_000
_MOST_NAMED: Final = 3
_DECISIVE: Final = ("share_ppm", "selling")
_ELSEWHERE: Final = None
"""A location that no channel names."""


class _Portion(NamedTuple):
    """What one channel is given, in the warehouse that shows the stock in question."""

    channel: str
    warehouse: str


class _Promise(NamedTuple):
    """What several channels are given of one stock: channel and share each."""

    shares: tuple[tuple[str, int], ...]
    source: str


def overcommitted(
    plans: Sequence[ChannelPlan], own: Iterable[tuple[str, RuleRow]] = (), *, most: int = MOST_TOLD
) -> list[str]:
    """Say where channels together are given more than all of one stock, and after `most` how many more.

    One warning for all SKUs, and one for those that a pattern or a rule of their own gives other shares; SKUs
    with the same shares are told together. `own`: channel and rule of single SKUs, in the order of the SKUs.
    Only where somebody divides the stock: channels that all show everything leave no room on purpose. What
    is stopped promises nothing.
    """
    judge, found, untold = _Judge(plans), dict[_Promise, _Whose](), 0
    for sku, rows in _askable(plans, own):
        for promise in judge.broken(sku, rows):
            if promise in found or len(found) < most:
                found.setdefault(promise, _Whose()).add(sku)
            else:
                untold += 1
                break
    told = [_sentence(promise, whose) for promise, whose in found.items()]
    if untold:
        told.append(f"{untold:,} more SKUs and patterns have shares beyond 100% together: lower them too")
    return told


class _Judge:
    def __init__(self, plans: Sequence[ChannelPlan]) -> None:
        self._cascades = {plan.name: Cascade(plan) for plan in plans}
        self._pools = _pools(plans)

    def broken(self, sku: str, rows: Mapping[str, Sequence[RuleRow]]) -> Iterator[_Promise]:
        """Give the promises about a SKU that cannot be kept. `rows`: its own rules, by channel."""
        for portions, source in self._pools.items():
            shares = tuple(self._shares(portions, sku, rows))
            together = sum(share for _, share in shares)
            if together > MILLION and any(share < MILLION for _, share in shares):
                yield _Promise(shares, source)

    def _shares(
        self, portions: Sequence[_Portion], sku: str, rows: Mapping[str, Sequence[RuleRow]]
    ) -> Iterator[tuple[str, int]]:
        for channel, warehouse in portions:
            rules = self._cascades[channel].of(sku, warehouse, rows.get(channel, ()))
            if rules.selling is not Selling.STOPPED and rules.share_ppm:
                yield channel, rules.share_ppm


class _Whose:
    """SKUs and patterns that one warning is about: the first few by name, of the others how many."""

    def __init__(self) -> None:
        self.all = False
        self.first: list[str] = []
        self.count = 0
        self._last = ""

    def add(self, sku: str) -> None:
        self.all = self.all or not sku
        if sku == self._last:  # it is shown in several warehouses
            return
        self._last = sku
        self.count += 1
        if len(self.first) < _MOST_NAMED:
            self.first.append(sku)

    def words(self) -> str:
        if self.all:
            return "for all SKUs without a share of their own"
        named = ", ".join(f'"{sku}"' for sku in self.first)
        more = self.count - len(self.first)
        return f"for {named} and {more:,} more" if more else f"for {named}"


def _sentence(promise: _Promise, whose: _Whose) -> str:
    summands = " + ".join(f"{channel} {_percent(share)}" for channel, share in promise.shares)
    together = _percent(sum(share for _, share in promise.shares))
    return (
        f"{summands} = {together} of the stock of source {promise.source}, {whose.words()}, so one unit may"
        " be sold twice: lower the shares to 100% together"
    )


def _percent(ppm: int) -> str:
    return f"{ppm / _PER_PERCENT:.10g}%"


def _askable(
    plans: Iterable[ChannelPlan], own: Iterable[tuple[str, RuleRow]]
) -> Iterator[tuple[str, dict[str, list[RuleRow]]]]:
    """Give what may have shares of its own, with its own rules by channel; "" stands for all other SKUs."""
    yield "", {}
    rules = [rule for plan in plans for rule in plan.rules if rule.rank is RuleRank.PATTERN]
    for pattern in dict.fromkeys(rule.pattern for rule in rules if _is_decisive(rule.settings)):
        yield pattern, {}
    for sku, entries in groupby(own, key=lambda entry: entry[1].sku):
        rows: dict[str, list[RuleRow]] = {}
        for channel, row in entries:
            rows.setdefault(channel, []).append(row)
        if any(concerns_shares(row) for each in rows.values() for row in each):
            yield sku, rows


def _is_decisive(settings: RuleSettings) -> bool:
    return any(getattr(settings, name) is not None for name in _DECISIVE)


def concerns_shares(row: RuleRow) -> bool:
    """Tell whether a SKU's own rule may change what its channels are given."""
    return any(f'"{name}":' in row.settings for name in _DECISIVE)


def _pools(plans: Sequence[ChannelPlan]) -> dict[tuple[_Portion, ...], str]:
    """Find which channels show the same stock, each in which warehouse, and a source that it comes from.

    What is part of another with the same portions and more promises no more than that.
    """
    sources = dict.fromkeys(source for plan in plans for source in plan.sources)
    places = dict.fromkeys(place for plan in plans for place in (plan.locations or plan.counted or ()))
    found: dict[tuple[_Portion, ...], str] = {}
    for source in sources:
        for place in (*places, _ELSEWHERE):
            portions = tuple(
                _Portion(plan.name, warehouse)
                for plan in plans
                if source in plan.sources and (warehouse := _warehouse_of(plan, place)) is not None
            )
            if len(portions) > 1:
                found.setdefault(portions, source)
    sets = [set(portions) for portions in found]
    kept = [portions for portions in found if not any(set(portions) < other for other in sets)]
    return dict(sorted(((portions, found[portions]) for portions in kept), key=itemgetter(1)))


def _warehouse_of(plan: ChannelPlan, place: str | None) -> str | None:
    """Tell in which warehouse a channel shows what lies at a location; None = it does not."""
    if plan.locations is not None:
        return None if place is None else plan.locations.get(place)
    return "" if plan.counted is None or (place is not None and place in plan.counted) else None
