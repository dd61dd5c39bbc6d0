"""Storing many rows by few statements: with one for each row, SQLite takes twice as long."""

from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import Any, Final

from state.outlook import Run

MOST_AT_ONCE: Final = 128
"""Sizes are powers of two, so that a few statements, prepared once, serve for any number of rows."""


class Rows:
    """A statement that stores rows: `{rows}` stands where their values do."""

    def __init__(self, statement: str, values: str, *, same_for_all: int) -> None:
        """`values`: those of one row, `{}` where its own come; `same_for_all` parameters come before them."""
        self._statement = statement
        self._values = values
        self._same_for_all = same_for_all
        self._sql = cache(self._written)

    def run(self, run: Run, same_for_all: tuple[Any, ...], rows: Sequence[tuple[Any, ...]]) -> None:
        """Store rows."""
        start = 0
        while left := len(rows) - start:
            size = min(1 << left.bit_length() - 1, MOST_AT_ONCE)
            together = chain.from_iterable(rows[start : start + size])
            run(self._sql(size), (*same_for_all, *together))
            start += size

    def _written(self, rows: int) -> str:
        fields = self._values.count("{}")
        first = self._same_for_all + 1
        values = (
            self._values.format(*(f"?{number + field}" for field in range(fields)))
            for number in range(first, first + rows * fields, fields)
        )
        return self._statement.format(rows=", ".join(f"({one})" for one in values))
