"""The file of rules: for the many SKUs that have one of their own, and for patterns of SKUs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from state.plans import Rounding, RuleRank, RuleSettings, Selling
from syncd.plans.cells import read_choice, read_name, read_share, read_sku, read_whole
from syncd.plans.columns import Asked, Cells
from syncd.plans.problems import Problems
from syncd.plans.tables import Table
from syncd.sources.identifiers import trimmed
from syncd.sources.rows import shown

MOST_PATTERNS: Final = 1_000
"""Each is compared with every SKU; rules for single SKUs cost nothing."""
MOST_UNITS: Final = 1_000_000_000

_REMEMBERED: Final = 10_000
_PLACE: Final = ("sku", "channel", "warehouse")
_SETTINGS: Final = (
    "safety_stock",
    "share",
    "max_shown",
    "min_shown",
    "last_units",
    "last_units_channel",
    "rounding",
    "selling",
)
_ASKED: Final = Asked((*_PLACE, *_SETTINGS), needed=("sku",))
_NOTHING: Final = RuleSettings()


class FileRule(NamedTuple):
    """One row. `channel` and `warehouse` "" = all; `text` is what `settings` write down."""

    sku: str
    channel: str
    warehouse: str
    settings: RuleSettings
    text: str
    origin: str

    @property
    def is_pattern(self) -> bool:
        """Whether it may hold for many SKUs."""
        return is_pattern(self.sku)

    @property
    def rank(self) -> RuleRank:
        """How narrow it is."""
        if self.is_pattern:
            return RuleRank.PATTERN
        if self.warehouse:
            return RuleRank.WAREHOUSE
        return RuleRank.LISTING if self.channel else RuleRank.SKU


def is_pattern(sku: str) -> bool:
    """Whether `sku` stands for many."""
    return "*" in sku or "?" in sku


class RulesFile:
    """Reads a file of rules. `warehouses`: those of each channel that there is."""

    def __init__(self, table: Table, warehouses: Mapping[str, Sequence[str]]) -> None:
        self.label = table.label
        self._table = table
        self._warehouses = warehouses
        self._said: dict[Cells, tuple[RuleSettings, str]] = {}

    def rules(self, problems: Problems) -> Iterator[FileRule]:
        """Give its rules in the order of the file; what is wrong goes to `problems`."""
        patterns = 0
        for origin, cells in self._table.lines(_ASKED, problems):
            rule = self._rule(origin, cells, problems)
            if rule is None:
                continue
            if rule.is_pattern:
                patterns += 1
                if patterns == MOST_PATTERNS + 1:
                    problems.add(
                        origin,
                        f"more than {MOST_PATTERNS:,} rows with * or ?: each is compared with every SKU; "
                        "write SKUs out, or make fewer and wider patterns",
                    )
                if patterns > MOST_PATTERNS:
                    continue
            yield rule

    def patterns(self) -> list[FileRule]:
        """Give its patterns only, without a word on what is wrong: `rules` tells."""
        found: list[FileRule] = []
        unheard = Problems()
        for origin, cells in self._table.lines(_ASKED, unheard):
            if is_pattern(cells[0]) and len(found) < MOST_PATTERNS:
                rule = self._rule(origin, cells, unheard)
                if rule is not None:
                    found.append(rule)
        return found

    def _rule(self, origin: str, cells: Cells, problems: Problems) -> FileRule | None:
        """Read a row; None where it says nothing, or nothing that can be meant."""
        before = problems.count

        def told(column: str, error: ValueError) -> None:
            problems.add(origin, f"{column}: {error}")

        sku = channel = warehouse = ""
        column = "sku"
        try:
            sku = read_sku(cells[0], 'name one, or "*" for all')
            column = "channel"
            channel = self._channel(cells[1])
            column = "warehouse"
            warehouse = self._warehouse(cells[2], sku, channel)
        except ValueError as error:
            told(column, error)
        said = cells[3:]
        known = self._said.get(said)
        settings, text = known or self._settings(said, told)
        if problems.count > before:
            return None
        if known is None and len(self._said) < _REMEMBERED:
            self._said[said] = settings, text
        return None if settings == _NOTHING else FileRule(sku, channel, warehouse, settings, text, origin)

    def _channel(self, cell: str) -> str:
        return read_name(cell, self._warehouses, "channel") if trimmed(cell) else ""

    def _warehouse(self, cell: str, sku: str, channel: str) -> str:
        if not trimmed(cell):
            return ""
        if not channel:
            raise ValueError(f'"{shown(trimmed(cell))}" needs a channel: each has warehouses of its own')
        if is_pattern(sku):
            raise ValueError("needs one SKU, written out: a pattern holds for all warehouses of a channel")
        return read_warehouse(cell, channel, self._warehouses[channel])

    def _settings(self, cells: Cells, told: Callable[[str, ValueError], None]) -> tuple[RuleSettings, str]:
        said: dict[str, object] = {}
        for column, cell in zip(_SETTINGS, cells, strict=True):
            if trimmed(cell):
                try:
                    said["share_ppm" if column == "share" else column] = self._setting(column, cell)
                except ValueError as error:
                    told(column, error)
        settings = RuleSettings(**said)  # type: ignore[arg-type] # each is what its column gives
        if settings.max_shown is not None and (settings.min_shown or 0) > settings.max_shown:
            told(
                "min_shown",
                ValueError(
                    f"{settings.min_shown} is above max_shown, which is {settings.max_shown}: it would "
                    "always show zero; to show none, write selling = stopped"
                ),
            )
        return settings, settings.as_text()

    def _setting(self, column: str, cell: str) -> object:
        if column == "share":
            return read_share(cell)
        if column == "rounding":
            return Rounding(read_choice(cell, Rounding))
        if column == "selling":
            return Selling(read_choice(cell, Selling))
        if column == "last_units_channel":
            return read_name(cell, self._warehouses, "channel")
        return read_whole(cell, least=0, most=MOST_UNITS)


def read_warehouse(cell: str, channel: str, warehouses: Sequence[str]) -> str:
    """Read a warehouse that the channel has.

    Raises:
        ValueError: it has none, or not this one.
    """
    if tuple(warehouses) == ("",):
        raise ValueError(f'channel "{channel}" is one stock for the whole shop: leave the warehouse blank')
    return read_name(cell, warehouses, f'warehouse of channel "{channel}"')
