"""The plan that a configuration and the files it names make for one channel."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from state.plans import BundleRow, ChannelPlan, ListedRow, PlanRows, PlanRule, RuleRank, RuleRow
from syncd.config.model import ChannelConfig, Config
from syncd.config.rules import channel_rules, own_rules
from syncd.plans.bundles import read_bundles
from syncd.plans.listings import Listings, ListingTerms
from syncd.plans.opening import database_fingerprint, fingerprint, modified_at
from syncd.plans.problems import Problems
from syncd.plans.queries import TableQuery
from syncd.plans.rules_file import FileRule, RulesFile
from syncd.plans.tables import Table, TableFile

CONFIGURATION = "syncd.toml"
SETTLE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plan that may follow the one in force. `names`: what it is read from, for people.

    `rows` are read from the files as they are taken, once. What is wrong is complete when all are taken.
    """

    plan: ChannelPlan
    rows: PlanRows
    names: str
    found: Problems

    @property
    def problems(self) -> list[str]:
        """What is wrong: the first problems, each with its file, its line and what to do."""
        return self.found.kept

    @property
    def problem_count(self) -> int:
        """How many problems there are in all."""
        return self.found.count

    @property
    def passing(self) -> bool:
        """Whether one lies with the moment: reading again may help though no `stamp` differs."""
        return self.found.passing


def plan_of(config: Config, channel: ChannelConfig) -> Candidate:
    """Give what the configuration and its files say of a channel. Blocks while it reads patterns of rules."""
    found = Problems()
    rules = _rules_file(config)
    listings = _listings_table(config, channel)
    bundles = None if config.bundles is None else _file(config, config.bundles.file)
    patterns = [] if rules is None else rules.patterns()
    plan = ChannelPlan(
        name=channel.name,
        account=channel.account,
        sources=channel.sources,
        locations=channel.warehouses,
        counted=channel.locations,
        rules=tuple(_rules_in_order(config, channel, patterns)),
        only_listed=channel.only_listed,
        longest_sku=channel.plugin.capabilities.max_sku_length,
    )
    rows = PlanRows(
        rules=_rule_rows(config, channel, rules, found),
        listed=() if listings is None else _listed_rows(listings, plan, channel, found),
        bundles=() if bundles is None else _bundle_rows(bundles, found),
    )
    tables = [one.label for one in (rules, listings, bundles) if one is not None]
    return Candidate(plan, rows, ", ".join((CONFIGURATION, *tables)), found)


def stamp(config: Config, channel: ChannelConfig) -> tuple[object, ...]:
    """Give what differs when a file or database of the plan may say something else. Cheap; it blocks."""
    seen: list[object] = [fingerprint(path) for path in _paths(config, channel)]
    listings = channel.listings
    if listings is not None and listings.path is not None:
        seen.append(database_fingerprint(listings.path))
    return tuple(seen)


def may_be_half_written(config: Config, channel: ChannelConfig, now: float) -> bool:
    """Tell whether a file of the plan was written within `SETTLE_SECONDS` before `now` (epoch). It blocks.

    Half a file of listings looks like a whole one: better look again soon.
    """
    return any(0 <= now - modified_at(path) < SETTLE_SECONDS for path in _paths(config, channel))


def _paths(config: Config, channel: ChannelConfig) -> list[Path]:
    """Give the files of the plan."""
    listings = None if channel.listings is None else channel.listings.file
    bundles = None if config.bundles is None else config.bundles.file
    return [path for path in (config.rules.file, listings, bundles) if path is not None]


def _rules_file(config: Config) -> RulesFile | None:
    path = config.rules.file
    if path is None:
        return None
    places = {name: _warehouses(channel) for name, channel in config.channels.items()}
    return RulesFile(_file(config, path), places)


def _listings_table(config: Config, channel: ChannelConfig) -> Table | None:
    listings = channel.listings
    if listings is None:
        return None
    if listings.file is not None:
        return _file(config, listings.file)
    if listings.path is None or listings.query is None:  # what is neither was refused with the configuration
        return None
    return TableQuery(listings.path, listings.query, _label(config, listings.path))


def _file(config: Config, path: Path) -> TableFile:
    return TableFile(path, _label(config, path))


def _label(config: Config, path: Path) -> str:
    """Call a file as syncd.toml does, where that is relative."""
    base = config.base_directory
    return str(path.relative_to(base)) if path.is_relative_to(base) else str(path)


def _warehouses(channel: ChannelConfig) -> tuple[str, ...]:
    return ("",) if channel.warehouses is None else tuple(dict.fromkeys(channel.warehouses.values()))


def _rules_in_order(config: Config, channel: ChannelConfig, patterns: list[FileRule]) -> Iterator[PlanRule]:
    """Give the rules for many SKUs as they follow each other: those that name channels come last.

    Of both kinds, those of syncd.toml stand before those of the file.
    """
    configured = channel_rules(config.rules, channel.rules, channel.name)
    naming = sum(
        rule.is_pattern and rule.channels is not None and channel.name in rule.channels
        for rule in config.rules.for_
    )
    yield from configured[: len(configured) - naming]
    yield from (_as_plan_rule(rule) for rule in patterns if not rule.channel)
    yield from configured[len(configured) - naming :]
    yield from (_as_plan_rule(rule) for rule in patterns if rule.channel == channel.name)


def _as_plan_rule(rule: FileRule) -> PlanRule:
    return PlanRule(rule.rank, rule.settings, rule.origin, rule.sku)


def _rule_rows(
    config: Config, channel: ChannelConfig, rules: RulesFile | None, found: Problems
) -> Iterator[RuleRow]:
    yield from own_rules(config.rules, channel.name)
    if rules is None:
        return
    for rule in rules.rules(found):
        if rule.channel in {"", channel.name} and rule.rank is not RuleRank.PATTERN:
            yield RuleRow(rule.sku, rule.warehouse, rule.rank, rule.text, rule.origin)


def _listed_rows(
    table: Table, plan: ChannelPlan, channel: ChannelConfig, found: Problems
) -> Iterator[ListedRow]:
    kinds = channel.plugin.capabilities.identifier_kinds
    terms = ListingTerms(channel.name, kinds, plan.warehouses, plan.longest_sku)
    return Listings(table, terms).rows(found)


def _bundle_rows(table: Table, found: Problems) -> Iterator[BundleRow]:
    return read_bundles(table, found)
