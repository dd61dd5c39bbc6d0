"""How an import differs from what its source said before: what the guards judge by."""

from dataclasses import dataclass

from state.losses import Earlier


@dataclass(frozen=True, slots=True)
class Comparison:
    """How an import differs from what its source said before; counts of SKU and location pairs.

    `known` is what the source last listed, `known_shown` of it above zero, `known_units` its total;
    `units_after` the total if what is missing counts for nothing. `missing` of the known are not in the
    import; `missing_shown` counts all above zero that are not, however long. `relisted` were missing, and are
    back with the same quantity. `rows` are the import's own; `levels` all that the source ever said.
    """

    levels: int
    known: int
    known_shown: int
    known_units: int
    units_after: int
    rows: int
    missing: int
    missing_shown: int
    new: int
    up: int
    down: int
    zeroed: int
    relisted: int
    earlier: Earlier

    @property
    def changed(self) -> int:
        """How many stock levels will be new or different."""
        return self.new + self.up + self.down + self.zeroed

    @property
    def says_something(self) -> bool:
        """Tell whether anything is different: a quantity, or what is listed."""
        return bool(self.changed or self.missing or self.relisted)
