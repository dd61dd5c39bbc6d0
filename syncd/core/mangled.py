"""SKUs that a spreadsheet took for numbers, and what they may have been.

Excel writes 1234567890123 as `1.23E+12` and 12345 as `12345.0`, drops leading zeros, and reads `12E5` as a
number. What a text was before cannot be computed, only what it may have been: candidates to look for among
the SKUs that are known.
"""

import re
from collections.abc import Iterator
from typing import Final

_MANGLED: Final = re.compile(r"([0-9])(?:[.,]([0-9]+))?[eE]\+([0-9]{1,3})|([0-9]+)\.0")
_LONGEST_ORIGINAL: Final = 20
"""Digits of a SKU that is a number, with its leading zeros."""


def looks_mangled(sku: str) -> bool:
    """Whether a spreadsheet may have taken this SKU for a number: `1.23E+12`, `12345.0`."""
    return _MANGLED.fullmatch(sku) is not None


def originals(mangled: str) -> list[tuple[str, str]]:
    """What the SKU may have been, as ranges of digits of equal length, and as single texts (low = high)."""
    found = _MANGLED.fullmatch(mangled)
    if found is None:
        return []
    first, decimals, exponent, whole = found.groups()
    if whole is not None:
        return list(_padded(whole, whole))
    mantissa, shift = first + (decimals or ""), int(exponent) - len(decimals or "")
    ranges = [(text, text) for text in _with_exponent(mantissa, shift)]
    for low, high in _same_length(*_rounded_to(int(mantissa), shift)):
        ranges += _padded(str(low), str(high))
    return ranges


def _rounded_to(mantissa: int, shift: int) -> tuple[int, int]:
    """The smallest and the largest whole number shown with this mantissa; low > high where none is."""
    if shift > _LONGEST_ORIGINAL:
        return 1, 0
    if shift > 0:
        half = 5 * 10 ** (shift - 1)
        return mantissa * 10**shift - half, mantissa * 10**shift + half - 1
    whole, rest = divmod(mantissa, 10**-shift)
    return (1, 0) if rest else (whole, whole)


def _same_length(low: int, high: int) -> Iterator[tuple[int, int]]:
    """Cut a range where the numbers in it get a digit more."""
    while low <= high:
        end = min(high, 10 ** len(str(low)) - 1)
        yield low, end
        low = end + 1


def _padded(low: str, high: str) -> Iterator[tuple[str, str]]:
    """The range with every number of leading zeros that the spreadsheet may have dropped."""
    for zeros in range(max(0, _LONGEST_ORIGINAL - len(low)) + 1):
        yield "0" * zeros + low, "0" * zeros + high


def _with_exponent(mantissa: str, shift: int) -> Iterator[str]:
    """SKUs such as `12E5`, which a spreadsheet reads as numbers, with the same value."""
    digits = mantissa.rstrip("0") or "0"
    shift += len(mantissa) - len(digits)
    for zeros in range(min(shift, _LONGEST_ORIGINAL) + 1):
        yield f"{digits}{'0' * zeros}E{shift - zeros}"
