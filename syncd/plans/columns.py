"""Which column of a plan's table is which, by its header."""

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final, NamedTuple, TypeAlias

from syncd.sources.identifiers import trimmed
from syncd.sources.rows import shown

Cells: TypeAlias = tuple[str, ...]
Line: TypeAlias = tuple[str, Cells]
"""One row: where it stands, for people, and its cells in the order of the columns asked for. A plain tuple,
because a million of them pass."""

_SEPARATORS: Final = re.compile(r"[\s_\-]+")
_MOST_SHOWN: Final = 20
_LEAST_LIKE: Final = 0.6


@dataclass(frozen=True, slots=True)
class Asked:
    """The columns that a table may have, by the names that we have for them, and those that it must have."""

    names: tuple[str, ...]
    needed: tuple[str, ...]

    def known(self, headers: Sequence[str]) -> int:
        """Count the headers that mean something here."""
        ours = {_plain(name) for name in self.names}
        return sum(_plain(header) in ours for header in headers)


class Found(NamedTuple):
    """Where the columns stand. `pick` takes a row with one blank cell added behind it."""

    width: int
    pick: Callable[[Sequence[str]], Cells]
    unnamed: tuple[int, ...]
    """Columns without a header: nothing may stand in them."""


def find_columns(headers: Sequence[str], asked: Asked) -> Found | list[str]:
    """Tell where each column stands, or everything that is wrong with the headers.

    Case does not matter, nor blanks, underscores and hyphens.
    """
    ours = {_plain(name): name for name in asked.names}
    places: dict[str, int] = {}
    wrong: list[str] = []
    unnamed = []
    for place, header in enumerate(headers):
        name = ours.get(_plain(header))
        if not trimmed(header):
            unnamed.append(place)
        elif name is None:
            wrong.append(_unknown(header, asked.names))
        elif name in places:
            wrong.append(f'two columns are called "{name}": keep one')
        else:
            places[name] = place
    wrong += _missing(headers, [name for name in asked.needed if name not in places])
    if wrong:
        return wrong
    width = len(headers)
    at = [places.get(name, width) for name in asked.names]
    return Found(width, _picking(at), tuple(unnamed))


def _picking(at: list[int]) -> Callable[[Sequence[str]], Cells]:
    if len(at) == 1:
        [only] = at
        return lambda row: (row[only],)
    return itemgetter(*at)


def _plain(header: str) -> str:
    return _SEPARATORS.sub("", trimmed(header).casefold())


def _unknown(header: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(_plain(header)[:100], map(_plain, names), n=1, cutoff=_LEAST_LIKE)
    meant = next((name for name in names if near and _plain(name) == near[0]), None)
    if meant is not None:
        return f'unknown column "{shown(header)}"; did you mean "{meant}"?'
    return f'unknown column "{shown(header)}"; known here: {", ".join(names)}'


def _missing(headers: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    got = ", ".join(f'"{shown(header)}"' for header in headers[:_MOST_SHOWN])
    if len(headers) > _MOST_SHOWN:
        got += f" and {len(headers) - _MOST_SHOWN} more"
    for name in names:
        yield f'no column is called "{name}": the headers are {got or "not there"}'
