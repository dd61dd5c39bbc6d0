"""Whose turn it is where several lanes share one pace: first come, first served."""

from dataclasses import dataclass

LATE_SECONDS = 0.05
"""A lane that does not come by so long after its turn has lost it."""


@dataclass(slots=True)
class _Place:
    rows: int
    due_at: float


class Turns:
    """The lanes that wait, in the order in which they began to; each has one place."""

    def __init__(self) -> None:
        """Nobody waits yet."""
        self._places: dict[str, _Place] = {}

    def ahead_of(self, lane: str, rows: int, now: float) -> tuple[int, int]:
        """Give the rows and requests that leave before this lane, which now waits for so many rows.

        Those ahead who did not come when it was their turn (held, stopped, nothing left to send) are dropped.
        """
        self._places.setdefault(lane, _Place(rows, now)).rows = rows
        ahead = 0, 0
        for other, place in list(self._places.items()):
            if other == lane:
                break
            if now > place.due_at + LATE_SECONDS:
                del self._places[other]
            else:
                ahead = ahead[0] + place.rows, ahead[1] + 1
        return ahead

    def expect(self, lane: str, at: float) -> None:
        """Note when this lane's turn comes."""
        self._places[lane].due_at = at

    def served(self, lane: str) -> None:
        """Let the next lane come forward: this one has left, and queues anew."""
        self._places.pop(lane, None)
