"""A query on somebody else's SQLite database that gives rows of a plan: read, never written."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from syncd.plans.columns import Asked, Line, find_columns
from syncd.plans.problems import Problems
from syncd.sources.database import DatabaseSource, Values
from syncd.sources.identifiers import trimmed
from syncd.sources.rows import SourceUnreachable, shown


class TableQuery:
    """The rows of one query; whole numbers and text are cells as they stand, NULL is a blank one."""

    def __init__(self, path: Path, query: str, label: str) -> None:
        self.label = shown(label, 100)
        self._path = path
        self._query = query

    def lines(self, asked: Asked, problems: Problems) -> Iterator[Line]:
        """Give the rows that say something. See `syncd.plans.tables.Table`."""
        try:
            with closing(DatabaseSource(self._path, self._query)) as source:
                yield from self._lines(source, asked, problems)
        except SourceUnreachable as error:
            problems.add(self.label, str(error), passing=True)

    def may_hold(self, signs: bytes) -> bool:  # noqa: ARG002 (as `Table` asks)
        """Say yes: that would take the query. See `syncd.plans.tables.Table`."""
        return True

    def _lines(self, source: DatabaseSource, asked: Asked, problems: Problems) -> Iterator[Line]:
        number = 0
        for columns, block in source.blocks():
            found = find_columns(columns, asked)
            if isinstance(found, list):
                for wrong in found:
                    problems.add(self.label, f"{wrong}: name the columns of `query` with AS")
                return
            for values in block:
                number += 1
                origin = f"{self.label} row {number}"
                cells = self._cells(values, columns, origin, problems)
                if cells is not None:
                    cells.append("")
                    picked = found.pick(cells)
                    if any(map(trimmed, picked)):
                        yield origin, picked

    def _cells(self, values: Values, columns: list[str], origin: str, problems: Problems) -> list[str] | None:
        cells = []
        for value, column in zip(values, columns, strict=True):
            if isinstance(value, str):
                cells.append(value)
            elif value is None or isinstance(value, int):
                cells.append("" if value is None else str(value))
            else:
                kind = type(value).__name__
                problems.add(
                    origin, f"{shown(column)}: neither text nor a whole number, but {kind}: CAST it to TEXT"
                )
                return None
        return cells
