"""What every source hands over: rows, a report on the reading, or the reason why nothing was read."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol, TypeAlias

KEPT_BAD_ROWS: Final = 1_000

Row: TypeAlias = tuple[str, str, int | None, int]
"""SKU, location, quantity, line. A plain tuple, because a million of them pass.

The quantity is zero or more; None says that the row names the SKU but gives no usable quantity (blank, or a
bad row whose SKU is readable). Such a SKU is not missing and not zero: its stock stays what it was.
"""


class KnownSkus(Protocol):
    """The SKUs whose stock levels are known."""

    def knows(self, sku: str) -> bool:
        """Tell whether this very SKU is among them."""
        ...

    def digits_between(self, low: str, high: str) -> list[str]:
        """Give the first two that are digits only, as many as `low`, and lie between, both included."""
        ...


class NothingKnown:
    """No SKU is known: nothing has come in yet, or nobody looks."""

    def knows(self, sku: str) -> bool:  # noqa: ARG002 (as `KnownSkus` asks)
        """Say no."""
        return False

    def digits_between(self, low: str, high: str) -> list[str]:  # noqa: ARG002 (as `KnownSkus` asks)
        """Give none."""
        return []


class SourceUnreadable(Exception):
    """Nothing of this file or database can be used.

    The message says what is wrong, where, and what to do, in words for whoever made the export. It is safe
    to show: text of foreign origin is shortened and escaped.
    """


class SourceUnreachable(SourceUnreadable):
    """The trouble is with the machine or the moment, not with the content: keep the file and try again."""


class BadRow(NamedTuple):
    """One row that could not be used. `line` counts from 1; `value` is safe to show."""

    line: int
    column: str
    value: str
    reason: str


@dataclass(slots=True)
class ReadReport:
    """What came of one reading. Complete once the rows are read to their end."""

    format: str = ""
    """How it was read: `CSV; semicolon; UTF-8 with BOM; sku=Kode Barang, quantity=Stok`."""
    notes: list[str] = field(default_factory=list)
    """What a person should know of how it was read; safe to show."""
    rows: int = 0
    """Rows that said something: usable, blank and bad ones together."""
    blank: int = 0
    """Rows without a quantity."""
    negative: int = 0
    """Rows with a quantity below zero, taken as zero."""
    bad: int = 0
    unidentified: int = 0
    """Bad rows whose SKU is unreadable too: any SKU that seems to be missing may be one of them."""
    bad_rows: list[BadRow] = field(default_factory=list)
    """The first `KEPT_BAD_ROWS` of the bad ones."""

    def add_bad(self, row: BadRow, *, identified: bool) -> None:
        """Count a bad row. `identified`: its SKU is known all the same."""
        self.bad += 1
        self.unidentified += not identified
        if len(self.bad_rows) < KEPT_BAD_ROWS:
            self.bad_rows.append(row)


def shown(text: str, longest: int = 60) -> str:
    """`text` made safe to show: one line, escapes for what does not print, at most `longest` characters."""
    safe = "".join(
        character
        if character.isprintable() and character != "\\"
        else character.encode("unicode_escape").decode()
        for character in text[: longest + 1]
    )
    return safe if len(safe) <= longest else safe[: longest - 1] + "…"
