"""Of a large file, what must be read: where most of its lines stand in the file before it, only the others.

Lines are compared as bytes. That is safe only where each line is one row and means the same in both files;
whatever makes that doubtful gives None, and the file is read as a whole.
"""

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count, islice, zip_longest
from typing import BinaryIO, Final, NamedTuple

from syncd.sources.files import OwnFile, or_unreachable
from syncd.sources.judge import FileTerms
from syncd.sources.plain_text import LONGEST_RECORD
from syncd.sources.reading import read_file
from syncd.sources.rows import KnownSkus, ReadReport, Row, SourceUnreadable

MOST_DIFFERENT: Final = 100_000
"""Lines of both files that differ: with more, reading the whole costs little more."""
_FIRST_LINES: Final = 60
"""How a file is written shows in these: see `read_delimited`."""
_COMPARED_AT_ONCE: Final = 100
"""Lines that are compared by one comparison of lists: most are all the same."""
_MOVED_EVERY: Final = 1_000 * _COMPARED_AT_ONCE
_CHUNK: Final = 1 << 18
_TEXTS: Final = ("CSV; ", "TSV; ")
_ENCODINGS: Final = ("; UTF-8; ", "; UTF-8 with BOM; ")


class Line(NamedTuple):
    """A line of a file without its line feed; `number` counts from 1."""

    number: int
    text: bytes


@dataclass(frozen=True, slots=True)
class FileRead:
    """A file that was read as a whole, or by its excerpt: its hash, and what came of it."""

    sha256: str
    report: ReadReport

    @property
    def is_clean(self) -> bool:
        """Tell whether nothing of it was bad, blank or remarkable."""
        return not (self.report.bad or self.report.blank or self.report.notes)

    @property
    def is_text(self) -> bool:
        """Tell whether it is one whose lines can be compared as bytes."""
        form = self.report.format
        return form.startswith(_TEXTS) and any(encoding in form for encoding in _ENCODINGS)


@dataclass(frozen=True, slots=True)
class Excerpt:
    """How a file differs from the one before: rows that this had and it has not, and rows that are its own.

    `listed`: how many rows the file before has; `report`: as if the whole file had been read.
    """

    gone: list[Row]
    rows: list[Row]
    listed: int
    report: ReadReport


class _Read(NamedTuple):
    """Lines that were read: their rows, and how many quantities were below zero."""

    rows: list[Row]
    negative: int


@dataclass(frozen=True, slots=True)
class Succession:
    """A file, and `before`, the one that it follows, of which `was` tells if it still is that file."""

    before: OwnFile
    was: FileRead
    file: OwnFile
    terms: FileTerms

    def excerpt(self, known: KnownSkus, moved: Callable[[], None]) -> Excerpt | None:
        """Read what differs; None where the file must be read as a whole. `moved` is called now and then."""
        if not (self.was.is_text and self.was.is_clean) or self.terms.trailer is not None:
            return None
        try:
            return self._excerpt(known, moved)
        except SourceUnreadable:
            return None  # reading the whole says it, where it is so

    def _excerpt(self, known: KnownSkus, moved: Callable[[], None]) -> Excerpt | None:
        with self.before.open() as old, self.file.open() as new, or_unreachable("They cannot be compared"):
            if not _has_a_row_in_each_line(old, self.was):
                return None
            first = next(_lines(old))
            head = list(islice(_lines(new), _FIRST_LINES))
            if head[:1] != [first] or self._read(head, known) is None:
                return None
            lines = differing_lines(_lines(old), _lines(new), moved=moved)
        if lines is None:
            return None
        gone, come = (self._read([first, *(line.text for line in some)], known) for some in lines)
        return None if gone is None or come is None else self._joined(gone, come, lines[1])

    def _read(self, lines: Sequence[bytes], known: KnownSkus) -> _Read | None:
        """Read headers and lines; None unless each is one good row, written as those of the file before."""
        if any(b"\r" in text.removesuffix(b"\r") for text in lines):
            return None
        report = ReadReport()
        text = io.BytesIO(b"".join(chain.from_iterable((line, b"\n") for line in lines)))
        rows = list(read_file(text, self.file.name, self.terms, known, report))
        is_as_before = report.format == self.was.report.format and FileRead("", report).is_clean
        return _Read(rows, report.negative) if is_as_before and report.rows == len(lines) - 1 else None

    def _joined(self, gone: _Read, come: _Read, lines: Sequence[Line]) -> Excerpt:
        rows = [(*row[:3], line.number) for row, line in zip(come.rows, lines, strict=True)]
        was = self.was.report
        report = ReadReport(
            format=was.format,
            rows=was.rows - len(gone.rows) + len(rows),
            negative=was.negative - gone.negative + come.negative,
        )
        return Excerpt(gone.rows, rows, was.rows, report)


def differing_lines(
    before: Iterable[bytes], after: Iterable[bytes], *, moved: Callable[[], None]
) -> tuple[list[Line], list[Line]] | None:
    """Find the lines of one that the other has not, wherever they stand, each way in the order of its file.

    None where they are more than `MOST_DIFFERENT`, or one of them stands twice in its file.
    """
    gone: dict[bytes, int] = {}
    come: dict[bytes, int] = {}
    old, new = iter(before), iter(after)
    for first in count(1, _COMPARED_AT_ONCE):
        was, now = list(islice(old, _COMPARED_AT_ONCE)), list(islice(new, _COMPARED_AT_ONCE))
        if not was and not now:
            break
        if was != now and not _cancel_out(enumerate(zip_longest(was, now), first), gone, come):
            return None
        if first % _MOVED_EVERY == 1:
            moved()
    return _in_order(gone), _in_order(come)


def _cancel_out(
    pairs: Iterable[tuple[int, tuple[bytes | None, bytes | None]]],
    gone: dict[bytes, int],
    come: dict[bytes, int],
) -> bool:
    """Note which lines of these pairs differ; tell whether all stand once, and are not too many."""
    for number, (was, now) in pairs:
        if was != now and not (_cancel(was, number, gone, come) and _cancel(now, number, come, gone)):
            return False
    return len(gone) + len(come) <= MOST_DIFFERENT


def _cancel(text: bytes | None, number: int, own: dict[bytes, int], other: dict[bytes, int]) -> bool:
    """Let a line cancel out with the same one of the other file, or wait for it; not twice in one file."""
    if text is None or other.pop(text, None) is not None:
        return True
    return own.setdefault(text, number) == number


def _in_order(found: dict[bytes, int]) -> list[Line]:
    return sorted(Line(number, text) for text, number in found.items())


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Give the lines of a file, each without its line feed, from its beginning.

    Raises:
        SourceUnreadable: one has no end.
    """
    return chain.from_iterable(_pages(file))


def _pages(file: BinaryIO) -> Iterator[list[bytes]]:
    file.seek(0)
    rest = b""
    while chunk := file.read(_CHUNK):
        *lines, rest = (rest + chunk).split(b"\n")
        yield lines
        if len(rest) > LONGEST_RECORD:
            break
    if rest:
        raise SourceUnreadable("A line has no end.")


def _has_a_row_in_each_line(file: BinaryIO, was: FileRead) -> bool:
    """Tell whether it is the file that was read, and each line of it, after the headers, was one row.

    A row takes one line at least: where there are as many lines as rows, none is blank or part of another.
    """
    digest, feeds, returns, pairs, last = hashlib.sha256(), 0, 0, 0, b""
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
        feeds += chunk.count(b"\n")
        returns += chunk.count(b"\r")
        pairs += chunk.count(b"\r\n") + (last + chunk[:1] == b"\r\n")
        last = chunk[-1:]
    return digest.hexdigest() == was.sha256 and returns == pairs and feeds == was.report.rows + 1
