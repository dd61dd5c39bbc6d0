"""What a workbook stores in a cell, and what that says in a column of identifiers or of quantities."""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final, NamedTuple, Protocol, TypeAlias

from syncd.sources.cells import Cell, Unusable
from syncd.sources.identifiers import trimmed
from syncd.sources.rows import shown
from syncd.sources.workbooks.shown_number import EXACT_BELOW, is_date, is_percentage, shown_by

MOST_ROWS: Final = 1_100_000
MOST_COLUMNS: Final = 2_000

_LITERAL: Final = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,400})?(?:[eE][-+]?[0-9]{1,4})?", re.ASCII)


class Number(NamedTuple):
    """A stored number: its digits, and how it is shown: by a number format, or where `text` says it."""

    digits: str
    number_format: str = ""
    text: str | None = None


class Other(NamedTuple):
    """Neither text nor a number: `what` it is in words, `remedy` what to do about it."""

    what: str
    text: str
    remedy: str = "enter it again"


Raw: TypeAlias = str | Number | Other
RawRow: TypeAlias = tuple[int, Mapping[int, Raw]]
"""The row number from 1, and its cells that are not blank by column from 0."""


class Workbook(Protocol):
    """An open workbook."""

    def sheets(self) -> list[tuple[str, bool]]:
        """Their names in order, and whether each is visible."""
        ...

    def rows(self, sheet: str) -> Iterator[RawRow]:
        """The rows of a sheet that are not blank, in order."""
        ...


def identifier(raw: Raw | None, row: int, column: int) -> Cell:
    """What a cell says in the column of SKUs or locations."""
    if raw is None or isinstance(raw, str):
        return raw
    remedy = "format the column as text and enter the SKU or code again"
    if isinstance(raw, Other):
        return _unusable(raw.what, raw.text, row, column, remedy)
    try:
        value = _value(raw.digits)
        if raw.text is None:
            return shown_by(value, raw.number_format)
        return _shown_text(value, raw.text)
    except ValueError as error:
        return _unusable(str(error), raw.text or raw.digits, row, column, remedy)


def quantity(raw: Raw | None, row: int, column: int) -> Cell:
    """What a cell says in the column of quantities."""
    if raw is None or isinstance(raw, str):
        return raw
    if isinstance(raw, Other):
        return _unusable(raw.what, raw.text, row, column, raw.remedy)
    try:
        return _units(raw)
    except ValueError as error:
        return _unusable(str(error), raw.digits, row, column, "enter a number of units")


def _units(raw: Number) -> int | Decimal:
    if is_date(raw.number_format):
        raise ValueError("a date or time")
    if is_percentage(raw.number_format):
        raise ValueError("a percentage")
    if raw.text is not None and _is_word(raw.text):
        raise ValueError(f"the number {raw.digits} that is shown as {raw.text}")
    value = _value(raw.digits)
    if not -EXACT_BELOW < value < EXACT_BELOW:
        raise ValueError("a number of more than 15 digits")
    return value


def _is_word(text: str) -> bool:
    """Whether it is a word, as of a truth value, and no number: accounting shows zero as a dash."""
    return any(map(str.isalpha, text)) and not any(letter.isdigit() or letter == "-" for letter in text)


def header(raw: Raw | None) -> str:
    """The text of a cell as a header."""
    if raw is None or isinstance(raw, str):
        return raw or ""
    return (raw.text or raw.digits) if isinstance(raw, Number) else raw.text


def address(row: int, column: int) -> str:
    """Where a cell stands, as spreadsheets say it: column from 0, row from 1."""
    letters = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{row}"


def _unusable(what: str, text: str, row: int, column: int, remedy: str) -> Unusable:
    return Unusable(shown(text), f"{shown(what, 120)} in cell {address(row, column)}: {remedy}")


def _value(digits: str) -> int | Decimal:
    """The number that a spreadsheet means: it keeps binary floating point, so the shortest that is equal."""
    if not _LITERAL.fullmatch(digits):
        raise ValueError("not a number")
    if digits.lstrip("-").isdigit():
        return int(digits)
    stored = float(digits)
    if not abs(stored) < float("inf"):
        raise ValueError("not a number")
    return int(stored) if stored.is_integer() else Decimal(repr(stored))


def _shown_text(value: int | Decimal, text: str) -> str:
    """The text that a number is shown as, where all its digits are there and nothing else looks like one."""
    if not -EXACT_BELOW < value < EXACT_BELOW:
        raise ValueError("a number of more than 15 digits, of which spreadsheets keep 15")
    if isinstance(value, Decimal):
        exact = text == f"{value:f}"
    else:
        digits = "".join(letter for letter in text if letter.isdigit())
        exact = digits.isascii() and digits != "" and int(digits) == abs(value)
        exact = exact and not re.search(r"[0-9][.,'\s][0-9]|%|[^0-9]\.[0-9]|[0-9][eE][-+]?[0-9]", text)
        exact = exact and (value >= 0 or trimmed(text).startswith("-"))
    if not exact:
        raise ValueError(f"the number {value} that is shown as {text}")
    return text
