"""Which encoding a text file is in: told by its mark or its bytes, and strictly held to.

Nothing is replaced and nothing skipped: a byte that does not fit refuses the file. UTF-8 damaged in places
must not pass for Windows-1252, where nearly every byte means something: SKUs would change their letters.
"""

import codecs
from collections.abc import Iterator
from typing import Final, NamedTuple

from syncd.sources.files import Bytes, or_unreachable
from syncd.sources.rows import SourceUnreadable

_CHUNK: Final = 1 << 18
_REMEDY: Final = 'Save it as "CSV UTF-8".'
_LEAST_LATIN: Final = 0.7
"""Share of characters of the first lines below U+0100 that makes UTF-16 without a mark believable."""


class Encoding(NamedTuple):
    """`codec` is Python's name, `label` the one for people; the text begins at byte `start`."""

    codec: str
    label: str
    start: int


class _Misfit(NamedTuple):
    """Where bytes do not fit an encoding; `byte` is None for a NUL, which no text has.

    `not_otherwise`: letters beyond ASCII came before, or the file ends within one: it is no other encoding.
    """

    offset: int
    line: int
    byte: int | None
    not_otherwise: bool


_WITH_NUL: Final = (Encoding("utf-16-le", "UTF-16", 2), Encoding("utf-16-be", "UTF-16 (big-endian)", 2))
_MARKS: Final = (
    (codecs.BOM_UTF8, Encoding("utf-8", "UTF-8 with BOM", 3)),
    (codecs.BOM_UTF32_LE, None),
    (codecs.BOM_UTF32_BE, None),
    (codecs.BOM_UTF16_LE, _WITH_NUL[0]),
    (codecs.BOM_UTF16_BE, _WITH_NUL[1]),
)
_UTF_8: Final = Encoding("utf-8", "UTF-8", 0)
_WINDOWS: Final = Encoding("cp1252", "Windows-1252", 0)


def detect(file: Bytes) -> Encoding:
    """Tell the encoding of the whole file, which is read to its end.

    Raises:
        SourceUnreadable: it is in none that is known; the message says where it does not fit.
    """
    file.seek(0)
    encoding = _marked_or_likely(file.read(4096))
    misfit = _misfit(file, encoding)
    if misfit is None:
        return encoding
    if encoding != _UTF_8 or misfit.not_otherwise or _has_foreign(file, misfit.offset):
        raise _refusal(encoding, misfit)
    misfit = _misfit(file, _WINDOWS)
    if misfit is not None:
        raise _refusal(_WINDOWS, misfit)
    return _WINDOWS


def _marked_or_likely(head: bytes) -> Encoding:
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            if encoding is None:
                raise SourceUnreadable(f"This file is in UTF-32. {_REMEDY}")
            return encoding
    if b"\0" not in head:
        return _UTF_8
    for encoding in _WITH_NUL:
        if _is_likely(head, encoding.codec):
            return encoding._replace(label=f"{encoding.label} without BOM", start=0)
    raise _with_nul(head.count(b"\n", 0, head.index(b"\0")) + 1)


def _is_likely(head: bytes, codec: str) -> bool:
    text = head[: len(head) // 2 * 2].decode(codec, errors="replace")
    return "\0" not in text and sum(" " <= sign < "\u0100" for sign in text) >= _LEAST_LATIN * len(text)


def _misfit(file: Bytes, encoding: Encoding) -> _Misfit | None:
    """Find the first bytes that are not of this encoding, or a NUL."""
    decoder = codecs.getincrementaldecoder(encoding.codec)()
    offset, line, foreign = encoding.start, 1, False
    for chunk in _chunks(file, encoding.start):
        pending = decoder.getstate()[0]
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(encoding.codec)
            found = _Misfit(
                offset - len(pending) + error.start,
                line + before.count("\n"),
                error.object[error.start],
                not_otherwise=foreign or not before.isascii() or not chunk,
            )
            return _nul(before, line, found.offset) or found
        nul = _nul(text, line, offset)
        if nul is not None:
            return nul
        offset += len(chunk)
        line += text.count("\n")
        foreign = foreign or not text.isascii()
    return None


def _nul(text: str, line: int, offset: int) -> _Misfit | None:
    at = text.find("\0")
    return None if at < 0 else _Misfit(offset, line + text.count("\n", 0, at), None, not_otherwise=True)


def _has_foreign(file: Bytes, offset: int) -> bool:
    """Whether what follows `offset` has letters beyond ASCII that are good UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="ignore")
    return any(not decoder.decode(chunk, final=not chunk).isascii() for chunk in _chunks(file, offset))


def _chunks(file: Bytes, start: int) -> Iterator[bytes]:
    """The bytes from `start` on, at last an empty one."""
    file.seek(start)
    while True:
        with or_unreachable("The file cannot be read"):
            chunk = file.read(_CHUNK)
        yield chunk
        if not chunk:
            return


def _refusal(encoding: Encoding, misfit: _Misfit) -> SourceUnreadable:
    if misfit.byte is None:
        return _with_nul(misfit.line)
    where = f"line {misfit.line} has the byte 0x{misfit.byte:02X} at offset {misfit.offset}"
    if encoding == _WINDOWS:
        return SourceUnreadable(f"Neither UTF-8 nor Windows-1252: {where}. {_REMEDY}")
    return SourceUnreadable(f"Not {encoding.label.removesuffix(' with BOM')}: {where}. {_REMEDY}")


def _with_nul(line: int) -> SourceUnreadable:
    return SourceUnreadable(f"Line {line} has a NUL byte: not a text file. {_REMEDY}")
