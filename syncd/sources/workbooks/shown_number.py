"""The text that a person sees where a spreadsheet shows a number."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

EXACT_BELOW: Final[int] = 10**15
"""Spreadsheets keep 15 digits: the end of a longer number is already lost."""

_TOKEN: Final = re.compile(r'"([^"]*)"|\\(.)|\[([^\]]*)\]|(.)', re.DOTALL)
_PLAIN: Final = frozenset(("", "general", "@"))
_LITERAL: Final = frozenset("-+() :!&'~{}<>=")
_DATE: Final = frozenset("dmyhsDMYHS")


def shown_by(value: int | Decimal, number_format: str) -> str:
    """`value` as a spreadsheet shows it by `number_format`, where that is exact.

    Raises:
        ValueError: the number as shown may not be the number as meant; the message says why.
    """
    if not -EXACT_BELOW < value < EXACT_BELOW:
        raise ValueError("a number of more than 15 digits, of which spreadsheets keep 15")
    if number_format.strip().casefold() in _PLAIN:
        return f"{value:f}" if isinstance(value, Decimal) else str(value)
    if is_date(number_format):
        raise ValueError("a date or time")
    if isinstance(value, Decimal):
        raise ValueError(f"a number that the format {number_format} does not show as it is")
    section, sign = _section(list(_tokens(number_format)), value)
    return sign + _filled(section, str(abs(value)), number_format)


def is_date(number_format: str) -> bool:
    """Whether a number with this format is a date or a time."""
    if number_format.strip().casefold() in _PLAIN:
        return False
    for token, literal in _tokens(number_format):
        if not literal and (token in _DATE or re.fullmatch(r"\[[hms]+\]", token, re.IGNORECASE)):
            return True
    return False


def is_percentage(number_format: str) -> bool:
    """Whether a number with this format is shown a hundredfold."""
    return ("%", False) in _tokens(number_format)


def _tokens(number_format: str) -> Iterator[tuple[str, bool]]:
    """The parts of a format, and whether each is shown as it stands."""
    for found in _TOKEN.finditer(number_format):
        quoted, escaped, bracket, other = found.groups()
        if quoted is not None or escaped is not None:
            yield quoted or escaped or "", True
        elif bracket is not None:
            yield f"[{bracket}]", False
        else:
            yield other, other in _LITERAL


def _section(tokens: list[tuple[str, bool]], value: int) -> tuple[list[tuple[str, bool]], str]:
    """The part of the format that is for this value, and the sign before it."""
    sections: list[list[tuple[str, bool]]] = [[]]
    for token in tokens:
        if token == (";", False):
            sections.append([])
        else:
            sections[-1].append(token)
    if value < 0:
        return (sections[0], "-") if len(sections) == 1 else (sections[1], "")
    zero = 2
    return (sections[zero] if value == 0 and len(sections) > zero else sections[0]), ""


def _filled(section: list[tuple[str, bool]], digits: str, number_format: str) -> str:
    """The digits, put from the right into the places that the format has for them."""
    places = [token for token, literal in section if not literal]
    inner = "".join("x" if literal else token for token, literal in section if token).strip("x")
    if not places or not re.fullmatch("#*0*|0[0x]*", inner) or (digits == "0" and "0" not in places):
        raise ValueError(f"a number with the format {number_format}")
    digits = digits.zfill(places.count("0"))
    first = True
    spare = max(0, len(digits) - len(places))
    left = iter(digits)
    shown: list[str] = []
    absent = len(places) - (len(digits) - spare)
    for token, literal in section:
        if literal:
            shown.append(token)
        elif absent:
            absent -= 1
        else:
            shown.extend(next(left) for _ in range(1 + (spare if first else 0)))
            first = False
    return "".join(shown)
