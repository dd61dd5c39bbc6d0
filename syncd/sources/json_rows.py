"""JSON: an object a line, or one array of objects."""

import itertools
import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

from syncd.sources.cells import Cell, Unusable
from syncd.sources.columns import find_columns
from syncd.sources.files import Bytes
from syncd.sources.json_objects import Entry, Fields, elements, lines, start_of
from syncd.sources.judge import FileTerms, Judge
from syncd.sources.plain_text import BoundedText, changed_meanwhile
from syncd.sources.rows import KnownSkus, ReadReport, Row, SourceUnreadable, shown

_FIRST_OBJECTS: Final = 100
"""Keys may differ from object to object: those of so many are the headers."""


def read_json(file: Bytes, terms: FileTerms, known: KnownSkus, report: ReadReport) -> Iterator[Row]:
    """The rows of a JSON file, one at a time, in the order of the file; otherwise as `read_delimited`.

    Raises:
        SourceUnreadable: at once or while iterating: the file as a whole cannot be used.
    """
    if terms.trailer is not None:
        raise SourceUnreadable("`trailer` is set for this source, and a JSON file cannot have one.")
    source = BoundedText(file)
    text = source.text()
    try:
        sign, before = start_of(text)
        is_array = sign == "["
        entries = elements(source, text) if is_array else lines(source, text, before, sign)
        first = list(itertools.islice(entries, _FIRST_OBJECTS))
    except UnicodeDecodeError:
        raise changed_meanwhile() from None
    keys = list(dict.fromkeys(key for _, entry in first if isinstance(entry, dict) for key in entry))
    if not keys:
        raise _without_keys(first)
    columns = find_columns(keys, terms.columns)
    kind = "JSON array" if is_array else "JSON Lines"
    report.format += f"{kind}; {source.encoding.label}; {columns.described()}"
    judge = Judge(columns.names, terms, known, report)
    wanted = [keys[at] for at in (columns.sku, columns.quantity, columns.location) if at is not None]
    return _rows(itertools.chain(first, entries), wanted, judge, None if is_array else source)


def _rows(
    entries: Iterator[Entry], wanted: Sequence[str], judge: Judge, lines_of: BoundedText | None
) -> Iterator[Row]:
    sku_key, quantity_key, *more = wanted
    good = 0
    try:
        for line, entry in entries:
            if isinstance(entry, ValueError):
                judge.bad(line, "", "", str(entry))
                continue
            location = _cell(entry, more[0]) if more else None
            row = judge.row(_cell(entry, sku_key), location, _cell(entry, quantity_key), line)
            if row is not None:
                good += row[2] is not None
                yield row
    except UnicodeDecodeError:
        raise changed_meanwhile() from None
    judge.finish(good, cut_off=lines_of is not None and lines_of.ends_in_mid_line)


def _cell(fields: Fields, key: str) -> Cell:
    value = fields.get(key)
    if value is None or isinstance(value, str | Decimal | Unusable) or type(value) is int:
        return value
    return Unusable(shown(json.dumps(value, ensure_ascii=False, default=str)), "neither text nor a number")


def _without_keys(first: Sequence[Entry]) -> SourceUnreadable:
    why = next((f": {entry}" for _, entry in first if isinstance(entry, ValueError)), "")
    return SourceUnreadable(
        f"No object with keys is in this file{why}. It must be an array of objects, or have one object a "
        "line."
    )
