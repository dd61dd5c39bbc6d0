"""Bytes from a stranger, on their way to becoming lines of text within bounds."""

import io
from typing import Final

from typing_extensions import override

from syncd.sources.encodings import Encoding, detect
from syncd.sources.files import Bytes, or_unreachable
from syncd.sources.rows import SourceUnreadable

LONGEST_RECORD: Final = 1 << 20
"""Bytes of one row. Without a bound, a file without line ends would be read into memory whole."""

_CHUNK: Final = 1 << 18


class BoundedText(io.RawIOBase):
    """The bytes of a file on their way to a decoder: refuses rows without end.

    `line` is set by the reader of the rows to the last line it has dealt with; a longer stretch of bytes
    than a row may have without a new value there means a row that is too long.
    """

    def __init__(self, file: Bytes) -> None:
        super().__init__()
        self.encoding: Encoding = detect(file)
        self._file = file
        self._passed = self._passed_at_line = self._line_seen = 0
        self._last = b""
        self.line = 0
        file.seek(self.encoding.start)

    def text(self) -> io.TextIOWrapper:
        """The text, line ends untouched. Strict: bytes that do not fit raise UnicodeDecodeError."""
        return io.TextIOWrapper(
            io.BufferedReader(self, _CHUNK), encoding=self.encoding.codec, errors="strict", newline=""
        )

    @override
    def readable(self) -> bool:
        """Always."""
        return True

    @override
    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """The next bytes.

        Raises:
            SourceUnreadable: the row that they continue is too long.
        """
        with or_unreachable("The file cannot be read"):
            data = self._file.read(len(buffer))
        if self.line != self._line_seen:
            self._line_seen, self._passed_at_line = self.line, self._passed
        elif self._passed - self._passed_at_line > LONGEST_RECORD + _CHUNK:
            raise SourceUnreadable(
                f"The row after line {self.line} is longer than {LONGEST_RECORD} bytes: a quote that is "
                "never closed, or a file without line ends."
            )
        self._passed += len(data)
        self._last = (self._last + data[-2:])[-2:]
        buffer[: len(data)] = data
        return len(data)

    @property
    def ends_in_mid_line(self) -> bool:
        """Whether the last line, once all is read, has no line end."""
        return self._last.strip(b"\0")[-1:] not in {b"\n", b"\r", b""}


def changed_meanwhile() -> SourceUnreadable:
    """Say that the text is no longer what it was when its encoding was told."""
    return SourceUnreadable("The file changed while it was being read. Drop it again when it is complete.")
