"""What one cell of a table says, before anybody decides what that means."""

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Unusable:
    """A cell that says something else than text or a number: `text` is it, safe to show.

    `reason` tells, in words for whoever made the export, what it is, where, and what to do.
    """

    text: str
    reason: str


Cell: TypeAlias = str | int | Decimal | Unusable | None
"""Text; a number; what says nothing usable; None = blank."""
