"""What a cell's text says, decided from the written rules alone: an oracle that shares no code with syncd."""

from fractions import Fraction

STYLES = ("auto", "1234", "1.234,5", "1,234.5")
_SIGNS = {"1234": (".", ""), "1.234,5": (",", "."), "1,234.5": (".", ",")}
_DIGITS = frozenset("0123456789")
_LONGEST = 40


def units(text, style):
    """Whole units, None for a blank cell, "bad", or the set of readings of what is ambiguous."""
    text = text.strip()
    if not text:
        return None
    if len(text) > _LONGEST:
        return "bad"
    if style != "auto":
        return _in_style(text, *_SIGNS[style])
    readings = [_in_style(text, *signs) for signs in _SIGNS.values()]
    readings = {reading for reading in readings if reading != "bad"}
    if len(readings) > 1:
        return readings
    return readings.pop() if readings else "bad"


def _in_style(text, point, separator):
    negative, text = text[0] == "-", text.removeprefix("-")
    whole, *fraction = text.split(point)
    groups = whole.split(separator) if separator else [whole]
    if len(groups) > 1 and not (
        1 <= len(groups[0]) <= 3 and groups[0][0] != "0" and {*map(len, groups[1:])} == {3}
    ):
        return "bad"
    if len(fraction) > 1 or not all(part and set(part) <= _DIGITS for part in (*groups, *fraction)):
        return "bad"
    value = Fraction("".join(groups) + "." + "".join(fraction or ["0"]))
    return in_units(-value if negative else value)


def in_units(value):
    """A number without float dust, rounded down; "bad" beyond what a quantity can be."""
    nearest = round(value)
    whole = nearest if abs(value - nearest) <= Fraction(1, 10**6) else value.__floor__()
    return whole if abs(whole) < 2**31 else "bad"
