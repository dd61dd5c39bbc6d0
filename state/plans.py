"""What a channel's desired quantities are computed with, as plain values: its plan.

A plan has a part that is kept whole, with the channel (`ChannelPlan`), and rows that are kept one by one
(`PlanRows`), because there may be a million of them. Shares are in millionths.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple, Self


class Selling(StrEnum):
    """Whether a listing follows its stock."""

    NORMAL = "normal"
    PAUSED = "paused"
    """It is left alone: nothing is sent for it."""
    STOPPED = "stopped"
    """It shows zero, whatever the stock."""


class Rounding(StrEnum):
    """What becomes of a part of a unit."""

    DOWN = "down"
    NEAREST = "nearest"
    UP = "up"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSettings:
    """What one rule says; None = it leaves that to the rule above it.

    `safety_stock`: units never shown. `share_ppm`: of what is left. `max_shown`: the most that is shown.
    `min_shown`: fewer are shown as zero. `last_units`: where the SKU has fewer units than this on the
    channel, only `last_units_channel` (a channel's name) shows any.
    """

    safety_stock: int | None = None
    share_ppm: int | None = None
    max_shown: int | None = None
    min_shown: int | None = None
    last_units: int | None = None
    last_units_channel: str | None = None
    rounding: Rounding | None = None
    selling: Selling | None = None

    def as_text(self) -> str:
        """Write down what it says, the same text for the same settings."""
        said = {name: value for name, value in asdict(self).items() if value is not None}
        return json.dumps(said, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read what `as_text` wrote."""
        said: dict[str, Any] = json.loads(text)
        if "rounding" in said:
            said["rounding"] = Rounding(said["rounding"])
        if "selling" in said:
            said["selling"] = Selling(said["selling"])
        return cls(**said)


class RuleRank(IntEnum):
    """How narrow a rule is: of two that say the same thing, the narrower holds; of one rank, the later."""

    DEFAULT = 0
    CHANNEL = 1
    PATTERN = 2
    SKU = 3
    LISTING = 4
    """One SKU on one channel, in all its warehouses."""
    WAREHOUSE = 5
    """One SKU in one warehouse of one channel."""


@dataclass(frozen=True, slots=True)
class PlanRule:
    """A rule that may hold for many SKUs. `pattern` (with `*` and `?`) is "" where it holds for all.

    `origin` says where it stands, for people: `syncd.toml`, `rules.csv line 12`.
    """

    rank: RuleRank
    settings: RuleSettings
    origin: str
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class ChannelPlan:
    """What a channel's desired quantities are computed with, but for its rows.

    `locations`: location → warehouse; None = the whole shop. `counted`: of the whole shop, the locations that
    add up; None = all. `rules` from the widest to the narrowest, no SKU's own among them. `only_listed`: only
    SKUs that `PlanRows.listed` names are sold here. `longest_sku`: the marketplace carries none longer.
    """

    name: str
    account: str
    sources: tuple[str, ...]
    locations: Mapping[str, str] | None = None
    counted: tuple[str, ...] | None = None
    rules: tuple[PlanRule, ...] = ()
    only_listed: bool = False
    longest_sku: int | None = None

    @property
    def warehouses(self) -> tuple[str, ...]:
        """All warehouses that this channel's listings can be in."""
        return ("",) if self.locations is None else tuple(dict.fromkeys(self.locations.values()))

    @property
    def effect(self) -> str:
        """Tell apart plans that may lead to different desired quantities, wherever their rules stand."""
        return replace(self, rules=tuple(replace(rule, origin="") for rule in self.rules)).as_text()

    def as_text(self) -> str:
        """Write down what desired quantities follow from, the same text for the same plan."""
        return json.dumps(
            {
                "name": self.name,
                "sources": sorted(self.sources),
                "locations": None if self.locations is None else dict(sorted(self.locations.items())),
                "counted": None if self.counted is None else sorted(self.counted),
                "rules": [
                    [rule.rank, rule.pattern, rule.settings.as_text(), rule.origin] for rule in self.rules
                ],
                "only_listed": self.only_listed,
                "longest_sku": self.longest_sku,
            },
            separators=(",", ":"),
        )

    @classmethod
    def from_text(cls, text: str, *, name: str, account: str) -> Self:
        """Read what `as_text` wrote. `name`: where the text says none, as earlier ones did."""
        said = json.loads(text)
        return cls(
            name=said.get("name", name),
            account=account,
            sources=tuple(said["sources"]),
            locations=said["locations"],
            counted=None if said["counted"] is None else tuple(said["counted"]),
            rules=tuple(
                PlanRule(RuleRank(rank), RuleSettings.from_text(settings), origin, pattern)
                for rank, pattern, settings, origin in said["rules"]
            ),
            only_listed=said["only_listed"],
            longest_sku=said["longest_sku"],
        )


class RuleRow(NamedTuple):
    """A rule for one SKU. `warehouse` "" = all; `settings` as `RuleSettings.as_text` writes them."""

    sku: str
    warehouse: str
    rank: int
    settings: str
    origin: str


class ListedRow(NamedTuple):
    """What a SKU is called on the channel. `warehouse` "" = in all of them; `identifier`: see `encode`."""

    sku: str
    warehouse: str
    identifier: str
    origin: str


class BundleRow(NamedTuple):
    """One bundle takes `units` of one component."""

    bundle_sku: str
    component_sku: str
    units: int
    origin: str


@dataclass(frozen=True, slots=True)
class PlanRows:
    """The rows of a channel's plan. They are read once, as they are taken."""

    rules: Iterable[RuleRow] = field(default=())
    listed: Iterable[ListedRow] = field(default=())
    bundles: Iterable[BundleRow] = field(default=())


@dataclass(frozen=True, slots=True)
class PlanComparison:
    """What a plan would change on its channel, in listings.

    `listings` there are, `shown` of them above zero; `units_before` and `units_after` add up what they show.
    `gone`: the channel would not have them any more, `gone_shown` of them above zero. `paused` would be left
    alone from now on, `resumed` no longer.
    """

    listings: int
    shown: int
    units_before: int
    units_after: int
    up: int
    down: int
    to_zero: int
    new: int
    gone: int
    gone_shown: int
    paused: int
    resumed: int

    @property
    def changed(self) -> int:
        """How many listings would be new, or show another quantity."""
        return self.new + self.up + self.down + self.to_zero

    @property
    def says_something(self) -> bool:
        """Tell whether anything would be different."""
        return bool(self.changed or self.gone or self.paused or self.resumed)


SETTINGS = tuple(one.name for one in fields(RuleSettings))
"""The names of all that a rule can say."""


def encode(kind: str, value: str) -> str:
    """Write the marketplace's identifier of a listing as the ledger keeps it.

    `kind` is the marketplace's own word for what `value` is (`product_id`). A SKU stands as it is; what is no
    SKU begins with a space, which no SKU does.
    """
    return value if kind == "sku" else f" {kind} {value}"


def decode(identifier: str) -> tuple[str, str]:
    """Read what `encode` wrote: kind and value."""
    if not identifier.startswith(" "):
        return "sku", identifier
    kind, _, value = identifier[1:].partition(" ")
    return kind, value
