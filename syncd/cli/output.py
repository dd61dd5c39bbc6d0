"""How results look: tables on a terminal, aligned text on a pipe, JSON and CSV for programs.

SKUs, file names and marketplaces' messages are of foreign origin: what does not print is escaped.
"""

import csv
import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Final

import click

from syncd.sources.rows import shown

_LONGEST_CELL: Final = 300
_LEAST_FOLDED: Final = 20
_GAP: Final = 2
_FORMULA: Final = ("=", "+", "-", "@")


def print_json(value: object) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def print_csv(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print CSV that a spreadsheet takes for text and numbers, never for formulas."""
    # Ends its lines with CR LF (RFC 4180): only so does the writer quote a lone CR in a value.
    writer = csv.writer(sys.stdout)
    writer.writerow(headers)
    for row in rows:
        writer.writerow([_harmless(value) for value in row])


def _harmless(value: object) -> object:
    """Make a spreadsheet show a text that it would otherwise compute."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return value
    risky = value.lstrip().startswith(_FORMULA) or (value[:1] < " " and value != "")
    return f"'{value}" if risky else value


def print_table(
    headers: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: int = 0, foldable: str = ""
) -> None:
    """Print a table; the last `numbers` columns stand to the right, `foldable` may take several lines."""
    cells = [[cell(value) for value in row] for row in rows]
    left = len(headers) - numbers
    widths = [max(len(row[at]) for row in [list(headers), *cells]) for at in range(len(headers))]
    if sys.stdout.isatty() and _fits(headers, widths, foldable):
        _print_rich(headers, cells, left, foldable)
    else:
        _print_plain(headers, cells, left, widths)


def _fits(headers: Sequence[str], widths: Sequence[int], foldable: str) -> bool:
    """Tell whether a table fits the terminal; where none does, long lines are easier to read than scraps."""
    least = (
        min(width, _LEAST_FOLDED) if header == foldable else width
        for header, width in zip(headers, widths, strict=True)
    )
    return sum(least) + _GAP * len(headers) <= shutil.get_terminal_size().columns


def _print_plain(
    headers: Sequence[str], cells: Sequence[Sequence[str]], left: int, widths: Sequence[int]
) -> None:
    for row in [headers, *cells]:
        texts = (
            text.ljust(width) if at < left else text.rjust(width)
            for at, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        click.echo((" " * _GAP).join(texts).rstrip())


def cell(value: object) -> str:
    """Write a value for people."""
    if value is None:
        return "-"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return shown(str(value), _LONGEST_CELL)


def _print_rich(headers: Sequence[str], cells: Sequence[Sequence[str]], left: int, foldable: str) -> None:
    from rich import box  # noqa: PLC0415 (only terminals need it)
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, padding=(0, _GAP, 0, 0))
    for at, header in enumerate(headers):
        table.add_column(
            Text(header),
            justify="left" if at < left else "right",
            overflow="fold",
            no_wrap=header != foldable,
        )
    for row in cells:
        table.add_row(*(Text(text) for text in row))
    Console().print(table)


def note(text: str) -> None:
    """Say something to the person at the terminal; results stay clean of it."""
    click.echo(text, err=True)
