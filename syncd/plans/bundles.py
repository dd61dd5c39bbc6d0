"""The file of bundles: which SKUs are sold together as another one, and how many of each."""

from collections.abc import Iterator
from typing import Final

from state.plans import BundleRow
from syncd.plans.cells import read_sku, read_whole
from syncd.plans.columns import Asked, Cells
from syncd.plans.problems import Problems
from syncd.plans.tables import Table

MOST_UNITS: Final = 1_000_000

_COLUMNS: Final = ("bundle_sku", "component_sku", "units")
_BLANK: Final = "each row names a bundle, one component, and its units"
_ASKED: Final = Asked(_COLUMNS, needed=_COLUMNS)


def read_bundles(table: Table, problems: Problems) -> Iterator[BundleRow]:
    """Give its rows in the order of the file; what is wrong goes to `problems`."""
    for origin, cells in table.lines(_ASKED, problems):
        row = _row(origin, cells, problems)
        if row is not None:
            yield row


def _row(origin: str, cells: Cells, problems: Problems) -> BundleRow | None:
    column = ""
    try:
        column = "bundle_sku"
        bundle = read_sku(cells[0], _BLANK)
        column = "component_sku"
        component = read_sku(cells[1], _BLANK)
        if component == bundle:
            problems.add(origin, f"{column}: is the bundle itself: name what it is made of")
            return None
        column = "units"
        units = read_whole(cells[2], least=1, most=MOST_UNITS)
    except ValueError as error:
        problems.add(origin, f"{column}: {error}")
        return None
    return BundleRow(bundle, component, units, origin)
