"""Patterns of SKUs: `*` stands for any text, `?` for one character, all else for itself."""

import re
from collections.abc import Sequence
from typing import Final

_ANY: Final = {"*": ".*", "?": "."}


def is_pattern(sku: str) -> bool:
    """Tell whether a SKU in a rule may stand for many."""
    return "*" in sku or "?" in sku


def matcher(pattern: str) -> re.Pattern[str]:
    """Read a pattern for `fullmatch`."""
    # Two stars in a row say the same as one, and would only be slow.
    once = re.sub(r"\*+", "*", pattern)
    return re.compile("".join(_ANY.get(sign, re.escape(sign)) for sign in once), re.DOTALL)


class SkuPatterns:
    """Finds which of many patterns a SKU matches, at the cost of those that begin or end like it."""

    def __init__(self, patterns: Sequence[str]) -> None:
        """Sort the patterns by their literal beginnings, or else ends."""
        self._begins: dict[int, dict[str, list[tuple[int, re.Pattern[str]]]]] = {}
        self._ends: dict[int, dict[str, list[tuple[int, re.Pattern[str]]]]] = {}
        self._others: list[tuple[int, re.Pattern[str]]] = []
        for number, pattern in enumerate(patterns):
            begin, end = re.split(r"[*?]", pattern, maxsplit=1)[0], re.split(r"[*?]", pattern)[-1]
            entry = number, matcher(pattern)
            if begin:
                self._begins.setdefault(len(begin), {}).setdefault(begin, []).append(entry)
            elif end:
                self._ends.setdefault(len(end), {}).setdefault(end, []).append(entry)
            else:
                self._others.append(entry)

    def matching(self, sku: str) -> tuple[int, ...]:
        """Give the places of the patterns that a SKU matches, in their order."""
        found = [number for number, pattern in self._others if pattern.fullmatch(sku)]
        for length, begins in self._begins.items():
            found += [number for number, one in begins.get(sku[:length], ()) if one.fullmatch(sku)]
        for length, ends in self._ends.items():
            found += [number for number, one in ends.get(sku[-length:], ()) if one.fullmatch(sku)]
        return tuple(sorted(found)) if len(found) > 1 else tuple(found)
