"""What a plan would change, in figures: for the guards, and for people."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Self

from state.planning import Outlook
from state.plans import PlanComparison


class LargestChange(NamedTuple):
    """One of a plan's largest changes. `before` None = a new listing; `after` None = it is sold no longer."""

    units: int
    sku: str
    warehouse: str
    before: int | None
    after: int | None

    @classmethod
    def all_of(cls, outlook: Outlook) -> Iterator[Self]:
        """Give every change."""
        for one in outlook.wanted:
            yield cls(abs(one.desired - (one.before or 0)), one.sku, one.warehouse, one.before, one.desired)
        for other in outlook.unwanted:
            yield cls(other.desired, other.sku, other.warehouse, other.desired, None)


@dataclass(slots=True)
class Figures:
    """Counts of listings, added up from outlook to outlook."""

    up: int = 0
    down: int = 0
    to_zero: int = 0
    new: int = 0
    gone: int = 0
    gone_shown: int = 0
    paused: int = 0
    resumed: int = 0
    units: int = 0
    """By how many the shown units rise."""

    def add(self, outlook: Outlook) -> None:
        """Count what an outlook changes."""
        for one in outlook.wanted:
            before = one.before or 0
            self.units += one.desired - before
            self.new += one.before is None
            self.up += one.before is not None and one.desired > before
            self.down += 0 < one.desired < before
            self.to_zero += one.desired == 0 and before > 0
            self.paused += one.paused > one.was_paused
            self.resumed += one.paused < one.was_paused
        for other in outlook.unwanted:
            self.gone += 1
            self.gone_shown += other.desired > 0
            self.units -= other.desired

    def comparison(self, listings: int, shown: int, units: int) -> PlanComparison:
        """Set them against what the channel has now."""
        return PlanComparison(
            listings=listings,
            shown=shown,
            units_before=units,
            units_after=units + self.units,
            up=self.up,
            down=self.down,
            to_zero=self.to_zero,
            new=self.new,
            gone=self.gone,
            gone_shown=self.gone_shown,
            paused=self.paused,
            resumed=self.resumed,
        )
