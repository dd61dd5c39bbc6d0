"""Zipped XML from a stranger: bounded, streamed, and without document type definitions."""

import pyexpat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final, cast

from syncd.sources.files import DiskFile
from syncd.sources.rows import SourceUnreadable

MOST_MEMBERS: Final = 10_000
MOST_BYTES: Final = 768 << 20
"""Unpacked, all members together."""

_CHUNK: Final = 1 << 16
DAMAGED: Final = (
    "The workbook is damaged or cut off. Export it again, and wait until it is written completely."
)
_DAMAGE: Final = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, ValueError,
    OSError,  # a place before the beginning
    LookupError,  # an encoding of XML that nobody knows
)  # fmt: skip
ENCRYPTED: Final = "The workbook is encrypted. Save it without a password."


class Package:
    """An open workbook file.

    Raises:
        SourceUnreadable: it is damaged, encrypted or too large.
        SourceUnreachable: it cannot be read now, which is no damage.
    """

    def __init__(self, file: BinaryIO) -> None:
        with damage_named():
            self._archive = zipfile.ZipFile(cast("BinaryIO", DiskFile(file)))
        members = self._archive.infolist()
        if len(members) > MOST_MEMBERS or sum(member.file_size for member in members) > MOST_BYTES:
            raise SourceUnreadable(
                f"The workbook unpacks to more than {MOST_BYTES >> 20} MiB or {MOST_MEMBERS} parts. "
                "Export fewer rows or columns, or a CSV file."
            )
        if any(member.flag_bits & 1 for member in members):
            raise SourceUnreadable(ENCRYPTED)
        self.names = frozenset(self._archive.namelist())

    def read(self, name: str, tags: "Tags") -> Iterator[None]:
        """Parse a part: `tags` is told what it has; yields between pieces, so that rows can be taken."""
        parser = pyexpat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.StartElementHandler = lambda tag, given: tags.start(_local(tag), given)
        parser.EndElementHandler = lambda tag: tags.end(_local(tag))
        parser.CharacterDataHandler = tags.text
        with damage_named():
            if name not in self.names:
                raise SourceUnreadable(DAMAGED)
            with self._archive.open(name) as part:
                while chunk := part.read(_CHUNK):
                    parser.Parse(chunk, False)
                    yield
                parser.Parse(b"", True)
        yield

    def read_whole(self, name: str, tags: "Tags") -> None:
        """Parse a part to its end."""
        for _ in self.read(name, tags):
            pass


class Tags:
    """What is done about each tag of a part; names are without their namespaces."""

    def start(self, tag: str, given: dict[str, str]) -> None:
        """An element begins."""

    def end(self, tag: str) -> None:
        """An element ends."""

    def text(self, text: str) -> None:
        """Text, perhaps a piece of it."""


@contextmanager
def damage_named() -> Iterator[None]:
    """Whatever the libraries say of a damaged file, in words for whoever made the export."""
    try:
        yield
    except pyexpat.ExpatError as error:
        if error.code == pyexpat.errors.codes[pyexpat.errors.XML_ERROR_NO_MEMORY]:
            raise MemoryError from error
        raise SourceUnreadable(DAMAGED) from error
    except _DAMAGE as error:
        raise SourceUnreadable(DAMAGED) from error


def attribute(given: dict[str, str], name: str) -> str | None:
    """An attribute by its name without namespace."""
    for key, value in given.items():
        if key == name or key.endswith(f" {name}"):
            return value
    return None


def _local(tag: str) -> str:
    return tag.rpartition(" ")[2]


def _refuse_doctype(*_: object) -> None:
    raise SourceUnreadable(
        "The workbook declares entities of its own, as no spreadsheet does. Export it again."
    )
