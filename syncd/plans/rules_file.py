"""The file of rules: for the many SKUs that have one of their own, and for patterns of SKUs."""

from collections.abc import Iterator, Mapping, Sequence
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

_SIGNS: Final = b"*?"
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
_NOTHING: Final = RuleSettings().as_text()


class FileRule(NamedTuple):
    """One row. `channel` and `warehouse` "" = all; `text` is what `settings` write down."""

    rank: RuleRank
    sku: str
    channel: str
    warehouse: str
    settings: RuleSettings
    text: str
    origin: str


def is_pattern(sku: str) -> bool:
    """Whether `sku` stands for many."""
    return "*" in sku or "?" in sku


def _rank(sku: str, channel: str, warehouse: str) -> RuleRank:
    if is_pattern(sku):
        return RuleRank.PATTERN
    if warehouse:
        return RuleRank.WAREHOUSE
    return RuleRank.LISTING if channel else RuleRank.SKU


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
            if rule.rank is RuleRank.PATTERN:
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
        if not self._table.may_hold(_SIGNS):
            return found
        for origin, cells in self._table.lines(_ASKED, unheard):
            if is_pattern(cells[0]) and len(found) < MOST_PATTERNS:
                rule = self._rule(origin, cells, unheard)
                if rule is not None:
                    found.append(rule)
        return found

    def _rule(self, origin: str, cells: Cells, problems: Problems) -> FileRule | None:
        """Read a row; None where it says nothing, or nothing that can be meant."""
        before = problems.count
        settings, text = self._said.get(cells[3:]) or self._settings(cells[3:], origin, problems)
        sku = channel = warehouse = ""
        column = "sku"
        try:
            sku = read_sku(cells[0], 'name one, or "*" for all')
            column = "channel"
            channel = self._channel(cells[1])
            column = "warehouse"
            warehouse = self._warehouse(cells[2], sku, channel)
        except ValueError as error:
            problems.add(origin, f"{column}: {error}")
        if problems.count > before or text == _NOTHING:
            return None
        return FileRule(_rank(sku, channel, warehouse), sku, channel, warehouse, settings, text, origin)

    def _channel(self, cell: str) -> str:
        if not cell or not trimmed(cell):
            return ""
        return read_name(cell, self._warehouses, "channel")

    def _warehouse(self, cell: str, sku: str, channel: str) -> str:
        if not cell or not trimmed(cell):
            return ""
        if not channel:
            raise ValueError(f'"{shown(trimmed(cell))}" needs a channel: each has warehouses of its own')
        if is_pattern(sku):
            raise ValueError("needs one SKU, written out: a pattern holds for all warehouses of a channel")
        return read_warehouse(cell, channel, self._warehouses[channel])

    def _settings(self, cells: Cells, origin: str, problems: Problems) -> tuple[RuleSettings, str]:
        """Read what it sets; remembered where nothing is wrong, because few rows set what no other does."""
        before = problems.count
        said: dict[str, object] = {}
        for column, cell in zip(_SETTINGS, cells, strict=True):
            if trimmed(cell):
                try:
                    said["share_ppm" if column == "share" else column] = self._setting(column, cell)
                except ValueError as error:
                    problems.add(origin, f"{column}: {error}")
        settings = RuleSettings(**said)  # type: ignore[arg-type] # each is what its column gives
        if settings.max_shown is not None and (settings.min_shown or 0) > settings.max_shown:
            problems.add(
                origin,
                f"min_shown: {settings.min_shown} is above max_shown, which is {settings.max_shown}: it "
                "would always show zero; to show none, write selling = stopped",
            )
        read = settings, settings.as_text()
        if problems.count == before and len(self._said) < _REMEMBERED:
            self._said[cells] = read
        return read

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
