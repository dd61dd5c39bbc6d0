"""The report that lies beside a rejected file, for the person who made the export."""

from collections.abc import Iterator
from datetime import UTC, datetime

from syncd.sources.rows import BadRow, ReadReport


def render_rejection(*, name: str, at: datetime, reason: str, report: ReadReport) -> str:
    """Plain text: what was rejected, why, and each bad row that is known.

    `name`, `reason` and the report come from this package and are safe to show. Text out of the file is
    always quoted, and never begins a line, so no program takes it for a formula.
    """
    return "\n".join(_lines(name, at, reason, report)) + "\n"


def _lines(name: str, at: datetime, reason: str, report: ReadReport) -> Iterator[str]:
    yield f"Rejected: {name}"
    yield f"At:       {at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    if report.format:
        yield f"Read as:  {report.format}"
    yield ""
    yield reason
    yield ""
    yield "Nothing of this file was applied; the stock is what it was before."
    yield "Correct what is named here and drop the file again."
    if report.bad:
        yield ""
        yield f"Bad rows: {report.bad} of {report.rows}" if report.rows else f"Bad rows so far: {report.bad}"
        yield from map(_bad_row, report.bad_rows)
        if report.bad > len(report.bad_rows):
            yield f"  … and {report.bad - len(report.bad_rows)} more"


def _bad_row(row: BadRow) -> str:
    cell = f', column "{row.column}"' if row.column else ""
    value = f' "{row.value}":' if row.value else ""
    return f"  line {row.line}{cell}:{value} {row.reason}"
