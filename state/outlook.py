"""What is to change on a channel, and what is asked and decided to find it."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from state.plans import RuleRow


class Run(Protocol):
    """Runs one statement with its parameters; what it returns can be fetched."""

    def __call__(self, sql: str, parameters: tuple[Any, ...], /) -> Any:
        """Run it."""
        ...


Decision = Callable[[str, str, int, int, Sequence[RuleRow]], tuple[int, bool]]
"""Says what a listing shows, and whether it is left alone.

From SKU, warehouse, its stock there and on the whole channel, and the SKU's own rules.
"""


class Wanted(NamedTuple):
    """A listing as it should be. `before` is None where there is none yet; flags are numbers.

    `taken_over`: it has shown another SKU until now.
    """

    identifier: str
    warehouse: str
    sku: str
    desired: int
    paused: int
    before: int | None
    was_paused: int
    taken_over: int


class Unwanted(NamedTuple):
    """A listing that the channel should not have any more. `may_show`: what may be shown there still."""

    identifier: str
    warehouse: str
    sku: str
    desired: int
    may_show: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is to change: listings to be made or to be different, and those to be forgotten."""

    wanted: list[Wanted]
    unwanted: list[Unwanted]


class Scope(NamedTuple):
    """Some SKUs. `matches` has `{}` where the column's name belongs."""

    matches: str
    parameters: tuple[str, ...]

    @classmethod
    def of(cls, skus: Iterable[str]) -> "Scope":
        """Mean just these."""
        return cls("{} IN (SELECT value FROM json_each(?))", (json.dumps(sorted(skus)),))

    @classmethod
    def between(cls, after: str, last: str | None) -> "Scope":
        """Mean all behind `after`, up to `last`, which None leaves open."""
        if last is None:
            return cls("{} > ?", (after,))
        return cls("{0} > ? AND {0} <= ?", (after, last))

    def where(self, column: str) -> str:
        """Write the condition for a column."""
        return self.matches.format(column)
