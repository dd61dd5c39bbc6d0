"""A query on somebody else's SQLite database: read, never written, never created."""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from stat import S_ISREG
from typing import Final, TypeAlias, cast
from urllib.parse import quote

from syncd.core.numbers import LARGEST_QUANTITY
from syncd.sources.cells import Cell, Unusable
from syncd.sources.identifiers import LONGEST_IDENTIFIER
from syncd.sources.judge import FileTerms, Judge
from syncd.sources.rows import KnownSkus, ReadReport, Row, SourceUnreachable, SourceUnreadable, shown

BUSY_SECONDS: Final = 5.0
QUERY_SECONDS: Final = 60.0
"""What a query may take in all, not counting the time its rows wait to be taken."""

_ROWS_AT_ONCE: Final = 1_000
_STEPS_BETWEEN_CHECKS: Final = 20_000
_COLUMNS: Final = ("sku", "quantity", "location")
_READING: Final = frozenset(
    (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)
)
_WRITABLE_FOLDER: Final = (
    "Reading it needs write access to it and its folder: it is in WAL mode, or a program ended in the middle "
    "of writing. Give the user that syncd runs as that access; under systemd, name the folder in "
    "ReadWritePaths=."
)
_REMEDIES: Final = {
    "SQLITE_BUSY": "Another program keeps it locked. Nothing to do if that ends soon.",
    "SQLITE_LOCKED": "Another program keeps it locked. Nothing to do if that ends soon.",
    "SQLITE_NOTADB": "It is not an SQLite database, or an encrypted one. Check `path`.",
    "SQLITE_CORRUPT": "It is damaged. Restore it from a backup.",
    "SQLITE_READONLY": _WRITABLE_FOLDER,
    "SQLITE_PERM": "Give the user that syncd runs as the right to read it.",
    "SQLITE_AUTH": "The query may only read: one SELECT, nothing else.",
    "SQLITE_ERROR": "Check `query` against the tables and columns of this database.",
}
Values: TypeAlias = tuple[object, ...]
"""A row, of whatever type SQLite has in each column."""


class DatabaseSource:
    """One query on one database. All methods block; call them from one thread at a time.

    `location`: all that it says lies there; "" = where its rows say. `clock` gives monotonic seconds.
    """

    def __init__(
        self,
        path: Path,
        query: str,
        *,
        location: str = "",
        query_seconds: float = QUERY_SECONDS,
        busy_seconds: float = BUSY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self.query = query
        self._terms = FileTerms(numbers="1234", location=location)
        self._query_seconds = query_seconds
        self._busy_seconds = busy_seconds
        self._clock = clock
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._read_version: int | None = None
        self._deadline = 0.0

    def changed(self) -> bool:
        """Whether the database may say something else than when `rows` last came to its end.

        Cheap. True too where that cannot be told: `rows` then says why.
        """
        try:
            return self._read_version is None or self._version() != self._read_version
        except SourceUnreadable:
            return True

    def forget(self) -> None:
        """What was read was not kept: `changed` is true until `rows` comes to its end again."""
        self._read_version = None

    def close(self) -> None:
        """Let go of the database; the next call opens it anew."""
        if self._connection is not None:
            self._connection.close()
        self._connection = self._read_version = None

    def rows(self, known: KnownSkus, report: ReadReport) -> Iterator[Row]:
        """What the query says now, in one read transaction; `line` counts its rows from 1.

        `known` as `syncd.sources.reading.read_file` takes it. Bad rows go to `report`, which is complete once
        the iterator ends.

        Raises:
            SourceUnreachable: at once or while iterating: the database cannot be read now.
            SourceUnreadable: the query does not give a sku and a quantity.
        """
        reader: _RowReader | None = None
        for columns, block in self.blocks():
            if reader is None:
                order = _order(columns)
                report.format = f"SQLite; columns {', '.join(name for name in _COLUMNS if name in order)}"
                reader = _RowReader(order, self._terms, known, report)
            yield from reader.rows(block)
        if reader is not None:
            version, self._read_version = self._read_version, None
            reader.finish()
            self._read_version = version

    def blocks(self) -> Iterator[tuple[list[str], list[Values]]]:
        """What the query says now as it stands, in one read transaction: names of columns, and some rows.

        The first block has no rows. Text that is not UTF-8 has surrogates.

        Raises:
            SourceUnreachable: at once or while iterating: the database cannot be read now.
        """
        self._read_version = None
        version = self._version()
        connection = self._connected()
        remaining = self._query_seconds
        try:
            started = self._clock()
            self._deadline = started + remaining
            with closing(connection.execute(self.query)) as cursor:
                columns = [str(column[0]) for column in cursor.description or ()]
                block: list[Values] = []
                while True:
                    remaining -= self._clock() - started
                    yield columns, block
                    started = self._clock()
                    self._deadline = started + remaining
                    block = cursor.fetchmany(_ROWS_AT_ONCE)
                    if not block:
                        break
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise self._refusal(error) from error
        self._read_version = version

    def _version(self) -> int:
        """SQLite's own word for it: differs as soon as another connection has committed something."""
        try:
            self._deadline = self._clock() + self._query_seconds
            version: int = self._connected().execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.Error as error:
            raise self._refusal(error) from error
        return version

    def _connected(self) -> sqlite3.Connection:
        """The kept connection; a new one where the path leads to another file than before."""
        try:
            status = self.path.stat()
        except OSError as error:
            self.close()
            raise SourceUnreachable(
                f"The database {self.path} cannot be found: {error.strerror}. Check `path`, and that the "
                "user that syncd runs as may enter its folder. It is never created."
            ) from error
        if not S_ISREG(status.st_mode):
            raise SourceUnreachable(f"{self.path} is not a file. Check `path`.")
        file = status.st_dev, status.st_ino
        if self._connection is not None and file != self._file:
            self.close()
        if self._connection is None:
            self._connection, self._file = self._connect(), file
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quote(os.fsencode(self.path.absolute()))}?mode=ro",
            uri=True,
            timeout=self._busy_seconds,
            isolation_level=None,
            check_same_thread=False,
        )
        # A cell that is not UTF-8 must cost its own row only, not the whole query.
        connection.text_factory = lambda cell: cell.decode("utf-8", "surrogateescape")
        connection.set_authorizer(_authorize)
        connection.set_progress_handler(lambda: self._clock() > self._deadline, _STEPS_BETWEEN_CHECKS)
        return connection

    def _refusal(self, error: Exception) -> SourceUnreachable:
        code = str(getattr(error, "sqlite_errorname", ""))
        what = f"The database {self.path} cannot be read: {shown(str(error), 200)}."
        if code == "SQLITE_INTERRUPT":
            what = f"The query on {self.path} took longer than {self._query_seconds:g} s."
            return SourceUnreachable(f"{what} Make it faster: an index, or fewer rows.")
        if code.startswith("SQLITE_CANTOPEN"):
            remedy = self._why_not_open()
        else:
            base = "_".join(code.split("_")[:2])
            remedy = _REMEDIES.get(base, "`query` must be one SELECT.")
        return SourceUnreachable(f"{what} {remedy}")

    def _why_not_open(self) -> str:
        if not os.access(self.path, os.R_OK, effective_ids=True):
            return "Give the user that syncd runs as the right to read it."
        return _WRITABLE_FOLDER


def _authorize(action: int, first: str | None, second: str | None, *_: object) -> int:
    """What a query may do. That the file is opened read-only does not keep it from attaching another."""
    allowed = (
        action in _READING
        or (action == sqlite3.SQLITE_PRAGMA and first == "data_version" and second is None)
        # SQLite asks this for every table-valued function; the schema itself stays out of reach.
        or (action == sqlite3.SQLITE_UPDATE and first == "sqlite_master")
    )
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _order(got: list[str]) -> dict[str, int]:
    """Where the columns we need stand in the result."""
    names = [name.casefold() for name in got]
    if "sku" not in names or "quantity" not in names or any(names.count(name) > 1 for name in _COLUMNS):
        raise SourceUnreadable(
            "The query must give columns named sku and quantity, and may give location, each once; it gives "
            f"{', '.join(shown(name) for name in got) or 'none'}. "
            "Name them: SELECT code AS sku, stock AS quantity …"
        )
    return {name: names.index(name) for name in _COLUMNS if name in names}


class _RowReader:
    """Takes the values of a database for what they are; SQLite gives any type in any column."""

    def __init__(self, order: dict[str, int], terms: FileTerms, known: KnownSkus, report: ReadReport) -> None:
        self._sku, self._quantity = order["sku"], order["quantity"]
        self._location = order.get("location")
        names = ("sku", "quantity", "" if self._location is None else "location")
        self._judge = Judge(names, terms, known, report)
        self._line = 0
        self._good = 0

    def rows(self, block: list[Values]) -> Iterator[Row]:
        """The rows that these values make: at once where they are plainly good, else after a closer look."""
        location: str | None = self._judge.place
        locations = cast("dict[object, str]", self._judge.locations)  # only text: 1 is not taken for 1.0
        for values in block:
            self._line += 1
            sku, quantity = values[self._sku], values[self._quantity]
            if self._location is not None:
                location = locations.get(values[self._location])
            if (
                type(quantity) is int
                and 0 <= quantity <= LARGEST_QUANTITY
                and type(sku) is str
                and sku.isprintable()
                and 0 < len(sku) <= LONGEST_IDENTIFIER
                and sku == sku.strip()
                and "+" not in sku
                and sku[-2:] != ".0"
                and location is not None
            ):
                self._good += 1
                yield sku, location, quantity, self._line
            elif (row := self._judged(values)) is not None:
                yield row

    def _judged(self, values: Values) -> Row | None:
        location = None if self._location is None else _identifier(values[self._location])
        sku, quantity = _identifier(values[self._sku]), _number(values[self._quantity])
        row = self._judge.row(sku, location, quantity, self._line)
        self._good += row is not None and row[2] is not None
        return row

    def finish(self) -> None:
        """All rows are read."""
        self._judge.finish(self._good)


def _identifier(value: object) -> Cell:
    if value is None or isinstance(value, str | int):
        return value
    return Unusable(shown(str(value)), f"neither text nor a whole number ({type(value).__name__})")


def _number(value: object) -> Cell:
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return Decimal(value)
    return Unusable(shown(str(value)), f"neither a number nor text ({type(value).__name__})")
