"""Bytes from a stranger, taken for UTF-8 text within bounds."""

import codecs
import io
from typing import BinaryIO, Final

from typing_extensions import override

from syncd.sources.files import or_unreachable
from syncd.sources.rows import SourceUnreadable

LONGEST_RECORD: Final = 1 << 20
"""Bytes of one row. Without a bound, a file without line ends would be read into memory whole."""

_CHUNK: Final = 1 << 18
_REMEDY: Final = 'Save it as "CSV UTF-8".'
_OTHER_FORMATS: Final = {
    b"PK\x03\x04": f"This is an Excel workbook or a ZIP archive, not a text file. {_REMEDY}",
    b"\xd0\xcf\x11\xe0": f"This is an old Excel workbook, not a text file. {_REMEDY}",
    b"\x1f\x8b": "This file is compressed (gzip). Unpack it first.",
    b"\xff\xfe": f"This file is in UTF-16. {_REMEDY}",
    b"\xfe\xff": f"This file is in UTF-16. {_REMEDY}",
}


class BoundedText(io.RawIOBase):
    """The bytes of a file on their way to a decoder: refuses NUL bytes and rows without end.

    `line` is set by the reader of the rows to the last line it has dealt with; a longer stretch of bytes
    than a row may have without a new value there means a row that is too long.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._passed = self._passed_at_line = 0
        self._lines_passed = self._line_seen = 0
        self.line = 0
        file.seek(0)
        head = file.read(4)
        for magic, message in _OTHER_FORMATS.items():
            if head.startswith(magic):
                raise SourceUnreadable(message)
        self.has_mark = head.startswith(codecs.BOM_UTF8)
        file.seek(len(codecs.BOM_UTF8) if self.has_mark else 0)

    def text(self) -> io.TextIOWrapper:
        """The text, line ends untouched. Strict: bytes that are not UTF-8 raise UnicodeDecodeError."""
        return io.TextIOWrapper(
            io.BufferedReader(self, _CHUNK), encoding="utf-8", errors="strict", newline=""
        )

    @override
    def readable(self) -> bool:
        """Always."""
        return True

    @override
    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """The next bytes.

        Raises:
            SourceUnreadable: there is a NUL among them, or the row that they continue is too long.
        """
        with or_unreachable("The file cannot be read"):
            data = self._file.read(len(buffer))
        nul = data.find(b"\0")
        if nul >= 0:
            line = self._lines_passed + data.count(b"\n", 0, nul) + 1
            raise SourceUnreadable(f"Line {line} has a NUL byte: not a text file, or UTF-16. {_REMEDY}")
        if self.line != self._line_seen:
            self._line_seen, self._passed_at_line = self.line, self._passed
        elif self._passed - self._passed_at_line > LONGEST_RECORD + _CHUNK:
            raise SourceUnreadable(
                f"The row after line {self.line} is longer than {LONGEST_RECORD} bytes: a quote that is "
                "never closed, or a file without line ends."
            )
        self._passed += len(data)
        self._lines_passed += data.count(b"\n")
        buffer[: len(data)] = data
        return len(data)

    def not_utf8(self) -> SourceUnreadable:
        """Where the file stops being UTF-8: read anew, because the decoder knows only its own chunk."""
        decoder = codecs.getincrementaldecoder("utf-8")()
        self._file.seek(0)
        offset, line = 0, 1
        while True:
            chunk = self._file.read(_CHUNK)
            pending = decoder.getstate()[0]
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                seen = (pending + chunk)[: error.start]
                line += seen.count(b"\n")
                return SourceUnreadable(
                    f"Not UTF-8: line {line} has the byte 0x{error.object[error.start]:02X} at offset "
                    f"{offset - len(pending) + error.start}. {_REMEDY}"
                )
            if not chunk:
                return SourceUnreadable(f"Not UTF-8. {_REMEDY}")
            offset += len(chunk)
            line += chunk.count(b"\n")
