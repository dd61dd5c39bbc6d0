"""The time that stands in a file's name: as of when its data is, by whoever made the export."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_DIGITS: Final = {
    "Y": "[0-9]{4}",
    "y": "[0-9]{2}",
    "m": "[0-9]{2}",
    "d": "[0-9]{2}",
    "H": "[0-9]{2}",
    "M": "[0-9]{2}",
    "S": "[0-9]{2}",
    "f": "[0-9]{1,6}",
    "j": "[0-9]{3}",
}
_NEEDS: Final = {"m": "d", "d": "m", "M": "H", "S": "M", "f": "S"}
_TOKEN: Final = re.compile(r"%(.?)|[^%]+")
_YEARS: Final = range(2000, 3000)
"""A time outside is a mistake: no export was made then."""
_EXAMPLE: Final = datetime(2026, 12, 31, 23, 59, 58, tzinfo=UTC)


class TimeInName:
    """Finds the time that a name holds somewhere, written as `text` says: strptime directives and other text.

    Each directive stands for all its digits, leading zeros too. Raises `ValueError` for a `text` that does
    not name a day, or names a part of the time twice.
    """

    def __init__(self, text: str) -> None:
        """Look for what `text` describes."""
        _check(text)
        self._text = text
        self._pattern = re.compile(f"(?=({_expression(text)}))")

    def read(self, name: str) -> datetime:
        """Give the time in the name, which is in no stated zone.

        Raises:
            ValueError: there is none, or an impossible one, or two that differ. Quotes the name: show it.
        """
        matches = {match[1]: match.groupdict() for match in self._pattern.finditer(name)}
        if not matches:
            raise ValueError(f'no time such as "{_EXAMPLE.strftime(self._text)}" is in the name')
        if len(matches) > 1:
            first, second, *_ = matches
            raise ValueError(
                f'two times are in the name, "{first}" and "{second}": which one holds is unclear'
            )
        [(text, parts)] = matches.items()
        try:
            return _as_time(parts)
        except ValueError:
            raise ValueError(f'"{text}" in the name is no possible time') from None


def _check(text: str) -> None:
    if not text.isprintable() or set(text) & set("/\\"):
        raise ValueError('must be text as it stands in file names, without "/"')
    directives = [match[1] for match in _TOKEN.finditer(text) if match[0][0] == "%" and match[1] != "%"]
    for one in directives:
        if one not in _DIGITS:
            known = " ".join(f"%{each}" for each in _DIGITS)
            raise ValueError(f'has "%{one}", and may have {known}, and %% for a percent sign')
        if directives.count(one) > 1:
            raise ValueError(f"has %{one} twice")
        if one in _NEEDS and _NEEDS[one] not in directives:
            raise ValueError(f"has %{one} without %{_NEEDS[one]}")
    if len({"Y", "y"} & set(directives)) != 1 or len({"m", "j"} & set(directives)) != 1:
        raise ValueError('must name a day once, by year, month and day, such as "%Y%m%d-%H%M%S"')


def _expression(text: str) -> str:
    tokens = list(_TOKEN.finditer(text))
    # Digits beside it make it part of something longer, of which the format says nothing.
    before = "(?<![0-9])" if _is_digit(tokens[0], 0) else ""
    behind = "(?![0-9])" if _is_digit(tokens[-1], -1) else ""
    return before + "".join(_part(match[0], match[1]) for match in tokens) + behind


def _is_digit(token: re.Match[str], end: int) -> bool:
    return token[1] in _DIGITS or token[0][end] in "0123456789"


def _part(token: str, directive: str | None) -> str:
    if directive is None:
        return re.escape(token)
    return "%" if directive == "%" else f"(?P<{directive}>{_DIGITS[directive]})"


def _as_time(parts: dict[str, str]) -> datetime:
    year = int(parts["Y"]) if "Y" in parts else 2000 + int(parts["y"])
    hour, minute, second = (int(parts.get(key, "0")) for key in "HMS")
    microsecond = int(parts.get("f", "0").ljust(6, "0"))
    if year not in _YEARS:
        raise ValueError(year)
    if "j" not in parts:
        return datetime(year, int(parts["m"]), int(parts["d"]), hour, minute, second, microsecond)  # noqa: DTZ001
    day = datetime(year, 1, 1, hour, minute, second, microsecond) + timedelta(int(parts["j"]) - 1)  # noqa: DTZ001
    if day.year != year:
        raise ValueError(parts["j"])
    return day
