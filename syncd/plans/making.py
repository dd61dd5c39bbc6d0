"""The plan that a configuration and the files it names make for one channel."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from state.plans import BundleRow, ChannelPlan, ListedRow, PlanRows, PlanRule, RuleRow
from syncd.config.model import ChannelConfig, Config
from syncd.config.rules import channel_rules, own_rules
from syncd.plans.bundles import read_bundles
from syncd.plans.listings import Listings, ListingTerms
from syncd.plans.opening import database_fingerprint, fingerprint
from syncd.plans.problems import Problems
from syncd.plans.queries import TableQuery
from syncd.plans.rules_file import FileRule, RulesFile
from syncd.plans.tables import Table, TableFile

CONFIGURATION = "syncd.toml"


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
    patterns = [] if rules is None else [one for one in rules.patterns() if one.channel in {"", channel.name}]
    plan = ChannelPlan(
        name=channel.name,
        account=channel.account,
        sources=channel.sources,
        locations=channel.warehouses,
        counted=channel.locations,
        rules=(*channel_rules(config.rules, channel.rules, channel.name), *_pattern_rules(patterns)),
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
    rules, listings = config.rules.file, channel.listings
    seen: list[object] = []
    if rules is not None:
        seen.append(fingerprint(rules))
    if listings is not None and listings.file is not None:
        seen.append(fingerprint(listings.file))
    if listings is not None and listings.path is not None:
        seen.append(database_fingerprint(listings.path))
    if config.bundles is not None:
        seen.append(fingerprint(config.bundles.file))
    return tuple(seen)


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


def _pattern_rules(patterns: list[FileRule]) -> Iterator[PlanRule]:
    """Give the patterns in the order in which they hold: one that names a channel counts as later."""
    for rule in sorted(patterns, key=lambda rule: bool(rule.channel)):
        yield PlanRule(rule.rank, rule.settings, rule.origin, rule.sku)


def _rule_rows(
    config: Config, channel: ChannelConfig, rules: RulesFile | None, found: Problems
) -> Iterator[RuleRow]:
    yield from own_rules(config.rules, channel.name)
    if rules is None:
        return
    for rule in rules.rules(found):
        if rule.channel in {"", channel.name} and not rule.is_pattern:
            yield RuleRow(rule.sku, rule.warehouse, rule.rank, rule.text, rule.origin)


def _listed_rows(
    table: Table, plan: ChannelPlan, channel: ChannelConfig, found: Problems
) -> Iterator[ListedRow]:
    kinds = channel.plugin.capabilities.identifier_kinds
    terms = ListingTerms(channel.name, kinds, plan.warehouses, plan.longest_sku)
    return Listings(table, terms).rows(found)


def _bundle_rows(table: Table, found: Problems) -> Iterator[BundleRow]:
    return read_bundles(table, found)
