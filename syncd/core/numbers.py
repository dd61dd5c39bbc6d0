"""Numbers as exports write them, read without guessing.

Never through float, and never more than the text says: what is not plainly a number is an error, not zero.
"""

import re
from decimal import ROUND_FLOOR, Decimal
from typing import Final

LARGEST_QUANTITY: Final = 2**31 - 1
DUST: Final = Decimal("0.000001")
"""How near a whole number a value may lie to be that number: the traces of somebody's float arithmetic."""

_LONGEST: Final = 40
_STYLES: Final = {
    "1234": (re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?"), ""),
    "1.234,5": (re.compile(r"(-?)([1-9][0-9]{0,2}(?:\.[0-9]{3})+|[0-9]+)(?:,([0-9]+))?"), "."),
    "1,234.5": (re.compile(r"(-?)([1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+)(?:\.([0-9]+))?"), ","),
}
_EXPONENT: Final = re.compile(r"[-+]?[0-9][0-9.,]*[eE][-+]?[0-9]+")


class AmbiguousNumber(ValueError):
    """A text that is one number to one reader and another to the next, such as `1.234`."""

    def __init__(self, readings: tuple[int, ...]) -> None:
        super().__init__("can be read as " + " or as ".join(str(reading) for reading in readings))
        self.readings = readings


def parse_quantity(text: str, style: str) -> int | None:
    """The whole units that `text` says, decimals rounded down; None where it says nothing.

    `style` is a setting of `numbers`: "1234" (a decimal point, no thousands separators), "1.234,5",
    "1,234.5", or "auto": only what reads the same in every style that can read it at all.
    The result may be below zero, as the text may: the caller counts that and takes it for none left.

    Raises:
        AmbiguousNumber: the style is "auto" and the text has several readings.
        ValueError: it is not a number, or too large; the message says why.
    """
    text = text.strip()
    if not text:
        return None
    if len(text) > _LONGEST:
        raise ValueError("too long for a number")
    if style != "auto":
        return _read(text, style)
    readings = sorted({units for one in _STYLES if (units := _read_or_none(text, one)) is not None})
    if len(readings) > 1:
        raise AmbiguousNumber(tuple(readings))
    return readings[0] if readings else _read(text, "1234")


def whole_units(value: Decimal) -> int:
    """`value` without float dust, rounded down.

    Raises:
        ValueError: it is not finite, or beyond what a quantity can be.
    """
    if not value.is_finite():
        raise ValueError("not a number")
    if not -LARGEST_QUANTITY - 1 < value < LARGEST_QUANTITY + 1:  # first: 1E+999999999 is not written out
        raise ValueError(f"larger than {LARGEST_QUANTITY}")
    nearest = value.to_integral_value()
    is_dust = nearest - DUST <= value <= nearest + DUST  # comparing is exact; value - nearest may be rounded
    units = int(nearest if is_dust else value.to_integral_value(ROUND_FLOOR))
    if abs(units) > LARGEST_QUANTITY:
        raise ValueError(f"larger than {LARGEST_QUANTITY}")
    return units


def _read_or_none(text: str, style: str) -> int | None:
    pattern, _ = _STYLES[style]
    return _read(text, style) if pattern.fullmatch(text) else None


def _read(text: str, style: str) -> int:
    pattern, separator = _STYLES[style]
    found = pattern.fullmatch(text)
    if found is None:
        raise ValueError(_why_not(text, style))
    sign, whole, fraction = found.groups(default="0")
    return whole_units(Decimal(f"{sign}{whole.replace(separator, '') if separator else whole}.{fraction}"))


def _why_not(text: str, style: str) -> str:
    if _EXPONENT.fullmatch(text):
        return "an exponent: a spreadsheet or a program shortened the number"
    if text[0] == "+":
        return "a plus sign: it reads like a change, not like a stock"
    if not any(character.isdigit() for character in text):
        return "not a number"
    return f"not a number as {style} writes one"
