"""What the cells of a plan's tables say. What cannot be meant is a ValueError that says what to do."""

import difflib
import re
from collections.abc import Iterable
from typing import Final

from syncd.config.values import parts_per_million
from syncd.core.mangled import looks_mangled
from syncd.sources.identifiers import read_identifier, trimmed
from syncd.sources.rows import shown

_WHOLE: Final = re.compile(r"[0-9]{1,10}", re.ASCII)
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./-]{1,200}", re.ASCII)
"""What needs no closer look, as nearly all SKUs: a million of them pass."""
_LEAST_LIKE: Final = 0.5
_MOST_NAMED: Final = 10


def read_sku(text: str, blank: str) -> str:
    """`text` as a SKU, or as a pattern of SKUs. `blank`: what to do where it is blank.

    Raises:
        ValueError: it cannot be one, or a spreadsheet has made another of it.
    """
    if _PLAIN.fullmatch(text):
        return text
    sku = read_identifier(text)
    if not sku:
        raise ValueError(f"is blank: {blank}")
    if "E+" in sku.upper() and looks_mangled(sku):
        raise ValueError(
            f'"{shown(sku)}" is what a spreadsheet makes of a long number: format the column as text and '
            "write the SKU again"
        )
    return sku


def read_whole(text: str, *, least: int, most: int) -> int:
    """`text` as a whole number within bounds.

    Raises:
        ValueError: it is not one.
    """
    plain = trimmed(text)
    number = int(plain) if _WHOLE.fullmatch(plain) else -1
    if not least <= number <= most:
        raise ValueError(f'must be a whole number from {least} to {most:,}, not "{shown(plain)}"')
    return number


def read_share(text: str) -> int:
    """`text` as a share, in parts per million.

    Raises:
        ValueError: it is not one.
    """
    plain = trimmed(text)
    try:
        return parts_per_million(plain)
    except ValueError:
        raise ValueError(f'must be a share from 0% to 100%, such as 60%, not "{shown(plain)}"') from None


def read_choice(text: str, choices: Iterable[str]) -> str:
    """`text` as one of these words, whatever its case.

    Raises:
        ValueError: it is none of them.
    """
    known = tuple(choices)
    word = trimmed(text).casefold()
    if word not in known:
        raise ValueError(f'must be {_or(known)}, not "{shown(trimmed(text))}"')
    return word


def read_name(text: str, known: Iterable[str], what: str) -> str:
    """`text` as one of these names, exactly. `what` they are the names of.

    Raises:
        ValueError: there is none of that name.
    """
    names = tuple(known)
    name = trimmed(text)
    if name in names:
        return name
    near = difflib.get_close_matches(name[:100], names, n=1, cutoff=_LEAST_LIKE)
    hint = f'did you mean "{shown(near[0])}"?' if near else f"there is {_or(names[:_MOST_NAMED])}"
    raise ValueError(f'"{shown(name)}" is no {what}; {hint}')


def _or(names: Iterable[str]) -> str:
    return " or ".join(f'"{shown(name)}"' for name in names)
