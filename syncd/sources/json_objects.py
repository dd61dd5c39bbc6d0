"""JSON taken apart into its objects, one at a time, within bounds; numbers stay exact."""

import json
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from io import TextIOWrapper
from typing import Any, Final, TypeAlias

from syncd.sources.cells import Unusable
from syncd.sources.plain_text import LONGEST_RECORD, BoundedText
from syncd.sources.rows import SourceUnreadable, shown

_CHUNK: Final = 1 << 16
_SPACE: Final = " \t\r\n"
_LONGEST_NUMBER: Final = 40

Fields: TypeAlias = dict[str, Any]
Entry: TypeAlias = tuple[int, Fields | ValueError]
"""An object, or what is wrong with it, and in which line it stands; in an array: which one it is, from 1."""


def start_of(text: TextIOWrapper) -> tuple[str, int]:
    """Take the first character that is not white space; tell it, and how many lines came before.

    Raises:
        SourceUnreadable: no JSON of ours begins so.
    """
    before = 0
    while (sign := text.read(1)) and sign in _SPACE:
        before += sign == "\n"
    if not sign:
        raise SourceUnreadable("The file is empty. Export it again.")
    if sign not in {"[", "{"}:
        raise SourceUnreadable(
            f'A JSON file begins with "[" or "{{", and this one with "{shown(sign)}": it must be an array of '
            "objects, or have one object a line."
        )
    return sign, before


def lines(source: BoundedText, text: TextIOWrapper, before: int, sign: str) -> Iterator[Entry]:
    """Give the object of each line that is not blank; `before` and `sign` as `start_of` took them."""
    source.line = before
    for line in text:
        source.line += 1
        content, sign = (sign + line).strip(_SPACE), ""
        if content:
            yield source.line, _object_in(content)


def _object_in(line: str) -> Fields | ValueError:
    try:
        return _as_object(_DECODER.decode(line))
    except json.JSONDecodeError as error:
        return ValueError(f"not readable as JSON: {error.msg} at character {error.colno}")
    except RecursionError:
        return ValueError("nested too deeply")


def elements(source: BoundedText, text: TextIOWrapper) -> Iterator[Entry]:
    """Give each element of the array whose "[" was taken.

    Raises:
        SourceUnreadable: it ends in the middle, or is no array of JSON: nobody knows what is missing.
    """
    buffer = _Buffer(text)
    if buffer.sign() != "]":
        while True:
            source.line += 1
            yield source.line, _as_object(buffer.element(source.line))
            sign = buffer.sign()
            buffer.take()
            if sign == "]":
                break
            if sign != ",":
                raise SourceUnreadable(
                    f'After element {source.line}, "," or "]" must follow. Export it again.'
                )
            buffer.sign()
    else:
        buffer.take()
    if buffer.rest():
        raise SourceUnreadable("Something follows the end of the array. A JSON file holds one array.")


class _Buffer:
    """A stretch of the text: as much as the element needs that is being read."""

    def __init__(self, text: TextIOWrapper) -> None:
        self._text = text
        self._held, self._at = "", 0

    def sign(self) -> str:
        """The next character that is not white space; it stays.

        Raises:
            SourceUnreadable: there is none any more.
        """
        while True:
            while self._at < len(self._held):
                if self._held[self._at] not in _SPACE:
                    return self._held[self._at]
                self._at += 1
            if not self._more():
                raise SourceUnreadable("The array does not end: the file is cut off. Export it again.")

    def take(self) -> None:
        """Leave the next character behind."""
        self._at += 1

    def element(self, number: int) -> object:
        """Read one element."""
        while True:
            try:
                value, self._at = _DECODER.raw_decode(self._held, self._at)
            except json.JSONDecodeError as error:
                if len(self._held) - self._at > LONGEST_RECORD or not self._more():
                    raise SourceUnreadable(
                        f"Element {number} is not readable as JSON ({error.msg}), or the file is cut off "
                        "there. Export it again."
                    ) from None
            except RecursionError:
                raise SourceUnreadable(f"Element {number} is nested too deeply.") from None
            else:
                return value

    def rest(self) -> str:
        """What follows, but for white space; not all of it."""
        while not (found := self._held[self._at :].strip(_SPACE)):
            self._at = len(self._held)
            if not self._more():
                break
        return found

    def _more(self) -> bool:
        chunk = self._text.read(_CHUNK)
        self._held, self._at = self._held[self._at :] + chunk, 0
        return bool(chunk)


def _as_object(value: object) -> Fields | ValueError:
    return value if isinstance(value, dict | ValueError) else ValueError("not an object")


def _fields(pairs: list[tuple[str, Any]]) -> Fields | ValueError:
    """The object; where it names a key twice, nobody knows which is meant."""
    fields = dict(pairs)
    if len(fields) == len(pairs):
        return fields
    names = [name for name, _ in pairs]
    twice = next(name for name in names if names.count(name) > 1)
    return ValueError(f'the key "{shown(twice)}" stands twice')


def _whole(text: str) -> int | Unusable:
    return int(text) if len(text) <= _LONGEST_NUMBER else _no_number(text)


def _decimal(text: str) -> Decimal | Unusable:
    try:
        return Decimal(text) if len(text) <= _LONGEST_NUMBER else _no_number(text)
    except InvalidOperation:
        return _no_number(text)


def _no_number(text: str) -> Unusable:
    return Unusable(shown(text), "not a number that can be used")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_fields, parse_int=_whole, parse_float=_decimal, parse_constant=_no_number
)
