"""The rules of syncd.toml: what of its stock a listing shows, for all channels, for one, for some SKUs."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from state.plans import PlanRule, Rounding, RuleRank, RuleRow, RuleSettings, Selling
from syncd.config.lines import KeyPath
from syncd.config.report import Report
from syncd.config.table import Table
from syncd.config.values import PARTS_PER_MILLION, GuardShare, LocalPath, Share, Texts
from syncd.core.patterns import is_pattern

ORIGIN = "syncd.toml"
_PERCENT = PARTS_PER_MILLION // 100
_MOST_UNITS = 1_000_000_000


class RuleTable(Table):
    """Quantity shown = min(max_shown, floor((stock - safety_stock) x share)), never below 0.

    What is left out is left to the wider rule: defaults, then channel, SKU pattern, SKU, listing.
    """

    safety_stock: int | None = Field(default=None, ge=0, le=_MOST_UNITS)
    """Units that are never shown; default: 0."""
    share: Share | None = None
    """Of what is left after the safety stock; default: `"100%"`."""
    max_shown: int | None = Field(default=None, ge=0, le=_MOST_UNITS)
    """The most that is ever shown."""
    min_shown: int | None = Field(default=None, ge=0, le=_MOST_UNITS)
    """Fewer than this are shown as zero; default: 0."""
    last_units: int | None = Field(default=None, ge=0, le=_MOST_UNITS)
    """Where a SKU has fewer units than this on a channel, only `last_units_channel` shows any; default: 0."""
    last_units_channel: str | None = Field(default=None, min_length=1)
    """The channel that sells the last units."""
    rounding: Literal["down", "nearest", "up"] | None = None
    """What becomes of a part of a unit; default: `"down"`."""
    selling: Literal["normal", "paused", "stopped"] | None = None
    """`"paused"`: left alone, nothing is sent. `"stopped"`: zero, whatever the stock. Default: `"normal"`."""

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        if self.max_shown is not None and self.min_shown is not None and self.min_shown > self.max_shown:
            raise ValueError(
                f"min_shown ({self.min_shown}) is above max_shown ({self.max_shown}): nothing would ever be"
                ' shown; write selling = "stopped" if that is meant'
            )
        return self

    def settings(self) -> RuleSettings:
        """Give what it says."""
        return RuleSettings(
            safety_stock=self.safety_stock,
            share_ppm=self.share,
            max_shown=self.max_shown,
            min_shown=self.min_shown,
            last_units=self.last_units,
            last_units_channel=self.last_units_channel,
            rounding=None if self.rounding is None else Rounding(self.rounding),
            selling=None if self.selling is None else Selling(self.selling),
        )


class SkuRuleTable(RuleTable):
    """A rule for one SKU, or for all that match a pattern."""

    sku: str
    """The SKU, exactly; or a pattern in which `*` stands for any text and `?` for one character."""
    channels: Texts | None = None
    """Where it holds; default: everywhere."""
    warehouse: str | None = Field(default=None, min_length=1)
    """Only in this warehouse of the marketplace; only for one SKU on one channel."""

    @field_validator("sku")
    @classmethod
    def _is_a_sku(cls, sku: str) -> str:
        if not sku or sku != sku.strip() or not sku.isprintable():
            raise ValueError('must be a SKU, or a pattern such as "SALE-*", without blanks at its ends')
        return sku

    @model_validator(mode="after")
    def _says_something_of_something(self) -> Self:
        if self.channels is not None and not self.channels:
            raise ValueError("channels must name at least one; left out, it means all")
        if self.settings() == RuleSettings():
            raise ValueError("says nothing: give it a setting, such as max_shown = 5")
        on_one_channel = self.channels is not None and len(self.channels) == 1
        if self.warehouse is not None and (self.is_pattern or not on_one_channel):
            raise ValueError("warehouse needs one SKU, no pattern, and channels with the one it belongs to")
        return self

    @property
    def is_pattern(self) -> bool:
        """Whether it may hold for many SKUs."""
        return is_pattern(self.sku)

    @property
    def rank(self) -> RuleRank:
        """How narrow it is."""
        if self.is_pattern:
            return RuleRank.PATTERN
        if self.warehouse is not None:
            return RuleRank.WAREHOUSE
        return RuleRank.SKU if self.channels is None else RuleRank.LISTING


class PlanGuardConfig(Table):
    """Shares of a channel's listings above zero beyond which an edit is held; `off` turns a guard off."""

    max_missing: GuardShare = 20 * _PERCENT
    """Those that the channel would not have any more."""
    max_zeroed: GuardShare = 10 * _PERCENT
    """Those going to zero."""
    max_drop: GuardShare = 50 * _PERCENT
    """Of all units shown, those gone."""


class RulesConfig(RuleTable):
    """The rules that hold where nothing narrower says otherwise."""

    file: LocalPath | None = None
    """A CSV or TSV file of rules, read anew whenever it changes: one row a SKU or pattern."""
    for_: tuple[SkuRuleTable, ...] = Field(default=(), alias="for")
    """Rules for some SKUs: `[[rules.for]]`."""
    guard: PlanGuardConfig = PlanGuardConfig()

    @field_validator("for_", mode="before")
    @classmethod
    def _are_many(cls, rules: object) -> object:
        if not isinstance(rules, list):
            raise ValueError("must be tables of the form [[rules.for]]")
        return tuple(rules)


def channel_rules(common: RulesConfig, own: RuleTable, channel: str) -> tuple[PlanRule, ...]:
    """Give the rules of a channel that may hold for many SKUs, from the widest to the narrowest."""
    patterns = [rule for rule in common.for_ if rule.is_pattern and _concerns(rule, channel)]
    patterns.sort(key=lambda rule: rule.channels is not None)
    wide = [
        PlanRule(RuleRank.DEFAULT, common.settings(), f"{ORIGIN} [rules]"),
        PlanRule(RuleRank.CHANNEL, own.settings(), f"{ORIGIN} [channels.{channel}.rules]"),
    ]
    return (
        *(rule for rule in wide if rule.settings != RuleSettings()),
        *(
            PlanRule(RuleRank.PATTERN, rule.settings(), f'{ORIGIN} rule for "{rule.sku}"', rule.sku)
            for rule in patterns
        ),
    )


def own_rules(common: RulesConfig, channel: str) -> Iterator[RuleRow]:
    """Give the rules of a channel for single SKUs."""
    for rule in common.for_:
        if not rule.is_pattern and _concerns(rule, channel):
            origin = f'{ORIGIN} rule for "{rule.sku}"'
            yield RuleRow(rule.sku, rule.warehouse or "", rule.rank, rule.settings().as_text(), origin)


def _concerns(rule: SkuRuleTable, channel: str) -> bool:
    return rule.channels is None or channel in rule.channels


def check_rules(
    common: RulesConfig,
    channels: Mapping[str, RuleTable],
    warehouses: Mapping[str, Iterable[str]],
    report: Report,
) -> None:
    """Report what cannot be meant: names that stand for nothing, and rules that never show anything.

    `warehouses`: those of each channel, none where it is one stock.
    """
    tables: list[tuple[KeyPath, RuleTable]] = [(("rules",), common)]
    for name, own in channels.items():
        tables.append((("channels", name, "rules"), own))
        _check_least(common, own, name, report)
    for number, rule in enumerate(common.for_):
        path: KeyPath = ("rules", "for", str(number))
        tables.append((path, rule))
        for name in rule.channels or ():
            if name not in channels:
                report.add_unknown_name((*path, "channels"), name, channels)
            elif rule.warehouse is not None:
                _check_warehouse((*path, "warehouse"), rule.warehouse, name, warehouses.get(name), report)
    for path, table in tables:
        if table.last_units_channel is not None and table.last_units_channel not in channels:
            report.add_unknown_name((*path, "last_units_channel"), table.last_units_channel, channels)
    _check_last_units(common, tables, report)


def _check_least(common: RulesConfig, own: RuleTable, channel: str, report: Report) -> None:
    """Of the rules for all SKUs, each may be sound and both together show nothing."""
    least = common.min_shown if own.min_shown is None else own.min_shown
    most = common.max_shown if own.max_shown is None else own.max_shown
    together = own.min_shown is None or own.max_shown is None
    if together and least is not None and most is not None and least > most:
        key, other = ("min_shown", "max_shown") if own.max_shown is None else ("max_shown", "min_shown")
        report.add(
            ("channels", channel, "rules", key),
            f"does not go with {other} in [rules]: fewer than {least} are never shown and more than {most}"
            f" neither, so nothing would be; set {other} here too",
        )


def _check_warehouse(
    path: KeyPath, warehouse: str, channel: str, known: Iterable[str] | None, report: Report
) -> None:
    names = None if known is None else list(known)
    if names is not None and not names:
        report.add(path, f'channel "{channel}" is one stock for the whole shop: leave warehouse out')
    elif names is not None and warehouse not in names:
        report.add_unknown_name(path, warehouse, names)


def _check_last_units(
    common: RulesConfig, tables: Iterable[tuple[KeyPath, RuleTable]], report: Report
) -> None:
    """Last units that no channel at all shows would lie there for ever; the rules file may name one."""
    tables = list(tables)
    if common.file is not None or any(table.last_units_channel is not None for _, table in tables):
        return
    for path, table in tables:
        if table.last_units:
            report.add(
                (*path, "last_units"),
                "needs last_units_channel, the channel that goes on showing them: without, nobody would",
            )
