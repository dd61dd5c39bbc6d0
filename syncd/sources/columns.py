"""Which column of a table holds what."""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from syncd.sources.identifiers import trimmed
from syncd.sources.rows import SourceUnreadable, shown

_KNOWN: Final[Mapping[str, frozenset[str]]] = {
    "sku": frozenset(
        (
            "sku", "kode sku", "sku code", "seller sku", "sku penjual", "kode", "code", "kode barang",
            "kode produk", "kode item", "item code", "item no", "item number", "product code", "no barang",
        )
    ),
    "quantity": frozenset(
        (
            "quantity", "qty", "kuantitas", "stok", "stock", "jumlah", "jumlah stok", "stok tersedia",
            "stok akhir", "sisa stok", "available", "available stock", "available quantity", "available qty",
            "stock quantity", "stock qty", "quantity available", "on hand", "quantity on hand", "qty on hand",
        )
    ),
    "location": frozenset(
        (
            "location", "lokasi", "location code", "kode lokasi", "gudang", "kode gudang", "warehouse",
            "warehouse code", "cabang", "kode cabang", "branch", "branch code",
        )
    ),
}  # fmt: skip
_SEPARATORS: Final = re.compile(r"[\s_\-]+")
_MOST_SHOWN: Final = 20


class Columns(NamedTuple):
    """Positions in a row, from 0; `location` is None where the table has none."""

    sku: int
    quantity: int
    location: int | None
    headers: tuple[str, ...]

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.headers)

    @property
    def names(self) -> tuple[str, str, str]:
        """The headers of SKU, quantity and location; the last is "" where the table has none."""
        location = "" if self.location is None else self.headers[self.location]
        return self.headers[self.sku], self.headers[self.quantity], location

    def described(self) -> str:
        """Which header was taken for what, safe to show."""
        named = [f"sku={shown(self.headers[self.sku])}", f"quantity={shown(self.headers[self.quantity])}"]
        if self.location is not None:
            named.append(f"location={shown(self.headers[self.location])}")
        return ", ".join(named)


class ColumnsMissing(SourceUnreadable):
    """The table has no column for something that is needed."""


def find_columns(headers: Sequence[str], names: Mapping[str, str] | None) -> Columns:
    """The columns of a table with these headers.

    `names` gives the header of a column exactly (our name = theirs); what it leaves out is recognised by
    the headers in common use, whatever their case.

    Raises:
        ColumnsMissing: no column for the SKU, the quantity, or one that `names` asks for.
        SourceUnreadable: several columns answer to one description.
    """
    headers = tuple(trimmed(header) for header in headers)
    names = names or {}
    taken = {trimmed(header) for header in names.values()}
    sku, quantity, location = (
        _named(headers, ours, names[ours]) if ours in names else _recognised(headers, ours, taken)
        for ours in _KNOWN
    )
    if sku is None or quantity is None:
        raise ColumnsMissing(_no_column("sku" if sku is None else "quantity", headers))
    return Columns(sku, quantity, location, headers)


def _named(headers: Sequence[str], ours: str, theirs: str) -> int:
    found = [position for position, header in enumerate(headers) if header == trimmed(theirs)]
    if not found:
        raise ColumnsMissing(_no_column(ours, headers, theirs))
    if len(found) > 1:
        raise SourceUnreadable(f"{len(found)} columns have the header {shown(theirs)!r}: rename all but one.")
    return found[0]


def _recognised(headers: Sequence[str], ours: str, taken: set[str]) -> int | None:
    found = [
        position
        for position, header in enumerate(headers)
        if header not in taken and _SEPARATORS.sub(" ", header).casefold() in _KNOWN[ours]
    ]
    if len(found) > 1:
        these = " and ".join(f'"{shown(headers[position])}"' for position in found)
        raise SourceUnreadable(
            f"The columns {these} may all be the {ours}. Name the right one in the settings of this source: "
            f'columns = {{ {ours} = "…" }}.'
        )
    return found[0] if found else None


def _no_column(ours: str, headers: Sequence[str], theirs: str | None = None) -> str:
    wanted = f'No column has the header "{shown(theirs)}"' if theirs else f"No column is known as the {ours}"
    got = ", ".join(f'"{shown(header)}"' for header in headers[:_MOST_SHOWN])
    if len(headers) > _MOST_SHOWN:
        got += f" and {len(headers) - _MOST_SHOWN} more"
    near = difflib.get_close_matches((theirs or ours).casefold(), [h.casefold()[:100] for h in headers], n=1)
    hint = f' The nearest is "{shown(near[0])}".' if near else ""
    return (
        f"{wanted}. The headers in the first row are {got}.{hint} Correct the header, or name the column "
        f'in the settings of this source: columns = {{ {ours} = "…" }}.'
    )
