"""Compressed files: gzip, and ZIP archives with one file in them, opened within bounds."""

import gzip
import io
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, BinaryIO, Final, Literal, TypeAlias, cast

from syncd.sources.files import Bytes, DiskFile, or_unreachable
from syncd.sources.rows import SourceUnreadable, shown

MOST_UNPACKED: Final = 1 << 30
"""Bytes that a packed file may become: forty times the largest export that syncd is made for."""

Kind: TypeAlias = Literal["text", "xlsx", "xls", "ods"]

_GZIP: Final = b"\x1f\x8b"
_ZIP: Final = b"PK"
_OLE: Final = b"\xd0\xcf\x11\xe0"
_LONGEST_DIRECTORY: Final = 1 << 20
"""Bytes of a ZIP archive's list of members, which is read into memory whole."""
_END: Final = struct.Struct("<4s8xI6x")
_END_MARK: Final = b"PK\x05\x06"
_LARGE_END: Final = struct.Struct("<4s36xQ8x4s16x")
"""What stands right before the end where numbers are too large for it, and its marks."""
_LARGE_END_MARKS: Final = (b"PK\x06\x06", b"PK\x06\x07")
_LONGEST_END: Final = _END.size + (1 << 16)
_PLAIN_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED: Final = 1
_DAMAGED: Final = (
    EOFError, zlib.error, OSError, zipfile.BadZipFile, struct.error, ValueError, NotImplementedError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds; a workbook is always a real file.

    `name` is that of what was packed, safe to show; `packing` tells how it was packed, "" = not at all.
    """

    file: Bytes
    kind: Kind
    name: str
    packing: str = ""


@contextmanager
def unpacked(file: BinaryIO, name: str) -> Iterator[Content]:
    """Open what the file called `name` holds, whether it is packed or not: its bytes tell.

    Raises:
        SourceUnreadable: it is packed in a way that is not understood, or damaged.
    """
    source = cast("BinaryIO", DiskFile(file))
    with ExitStack() as stack:
        kind = _kind_of(source)
        if kind == "gzip":
            stream = stack.enter_context(gzip.GzipFile(fileobj=source))
            yield _inner(_Unpacked(stream, "gzip file"), name.removesuffix(".gz"), "gzip", stack)
        elif kind == "zip":
            member = _only_member(source)
            with _undamaged("ZIP archive"):
                archive = stack.enter_context(zipfile.ZipFile(source))
                packed = stack.enter_context(archive.open(member))
            inside = shown(PurePosixPath(member.filename).name)
            yield _inner(_Unpacked(packed, "ZIP archive"), inside, f"ZIP: {inside}", stack)
        else:
            yield Content(source if kind == "text" else file, kind, name)


def _inner(stream: "_Unpacked", name: str, packing: str, stack: ExitStack) -> Content:
    """What was packed; a workbook is unpacked into a file, for it is read by another process."""
    head = stream.read(4)
    stream.seek(0)
    if not head.startswith((_GZIP, _ZIP, _OLE)):
        return Content(stream, "text", name, packing)
    with or_unreachable("There is no room to unpack a workbook"):
        file = stack.enter_context(cast("BinaryIO", tempfile.TemporaryFile()))  # noqa: SIM115 (it is entered)
        shutil.copyfileobj(stream, file)
        file.flush()
    kind = _kind_of(file)
    if kind == "gzip" or kind == "zip":  # noqa: PLR1714 (mypy follows it so)
        raise SourceUnreadable("What is packed in it is packed again. Pack it once, or not at all.")
    return Content(file, kind, name, packing)


def _kind_of(file: BinaryIO) -> Kind | Literal["gzip", "zip"]:
    file.seek(0)
    head = file.read(4)
    file.seek(0)
    if head.startswith(_GZIP):
        return "gzip"
    if head.startswith(_OLE):
        return "xls"
    if not head.startswith(_ZIP):
        return "text"
    names = {member.filename for member in _members(file)}
    if "xl/workbook.bin" in names:
        raise SourceUnreadable("This is a binary workbook (XLSB). Save it as XLSX or CSV.")
    if "xl/workbook.xml" in names:
        return "xlsx"
    return "ods" if {"mimetype", "content.xml"} <= names else "zip"


def _members(file: BinaryIO) -> list[zipfile.ZipInfo]:
    _require_small_directory(file)
    with _undamaged("ZIP archive"), zipfile.ZipFile(file) as archive:
        return archive.infolist()


def _require_small_directory(file: BinaryIO) -> None:
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _LONGEST_END))
    tail = file.read()
    at = tail.rfind(_END_MARK)
    with _undamaged("ZIP archive"):
        if at < 0:
            raise zipfile.BadZipFile("its end is missing")
        _, length = _END.unpack_from(tail, at)
        if at >= _LARGE_END.size:
            mark, large, locator = _LARGE_END.unpack_from(tail, at - _LARGE_END.size)
            length = large if (mark, locator) == _LARGE_END_MARKS else length
    if length > _LONGEST_DIRECTORY:
        raise SourceUnreadable("The ZIP archive has far too many members. Pack one export file in it.")


def _only_member(file: BinaryIO) -> zipfile.ZipInfo:
    """The one file in the archive; what macOS adds for itself does not count."""
    files = [
        m for m in _members(file) if not (m.filename.endswith("/") or m.filename.startswith("__MACOSX/"))
    ]
    if len(files) != 1:
        named = ", ".join(shown(one.filename) for one in files[:5])
        raise SourceUnreadable(
            f"The ZIP archive holds {len(files)} files ({named or 'none'}), not one. Pack one export file in "
            "it."
        )
    member = files[0]
    if member.flag_bits & _ENCRYPTED:
        raise SourceUnreadable("The ZIP archive is encrypted. Pack it without a password.")
    if member.compress_type not in _PLAIN_METHODS:
        raise SourceUnreadable(
            "The ZIP archive is packed in an unusual way. Use the common method (deflate)."
        )
    return member


class _Unpacked:
    """What is packed, as a file that is never longer than it may be; going back unpacks anew."""

    def __init__(self, stream: gzip.GzipFile | IO[bytes], what: str) -> None:
        self._stream = stream
        self._what = what

    def seek(self, offset: int, /) -> int:
        with _undamaged(self._what):
            return self._stream.seek(offset)

    def read(self, size: int = -1, /) -> bytes:
        with _undamaged(self._what):
            data = self._stream.read(size)
            length = self._stream.tell()
        if length > MOST_UNPACKED:
            raise SourceUnreadable(f"The {self._what} unpacks to more than {MOST_UNPACKED >> 20} MiB.")
        return data


@contextmanager
def _undamaged(what: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGED as error:
        raise SourceUnreadable(
            f"The {what} is cut off or damaged ({shown(str(error), 100)}). Drop it again when it is complete."
        ) from error
