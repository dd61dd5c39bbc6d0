"""Progress: what should move, when each last did, and what stands still.

Whatever waits says for how long. So a lane that waits for its pacer, for a hold or for something to do is
well, however long that takes; one that does not come back from there is not.

Most of it is ours, and vital: where it stands still, a restart may help. A source is not: what it reads
belongs to others, and costs that source only.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class _Mover:
    name: str
    since: float
    within: float
    vital: bool = True


@dataclass(frozen=True, slots=True)
class Standstill:
    """Something that should have moved `seconds` ago at the latest, and did not.

    `vital`: nothing works without it.
    """

    name: str
    seconds: float
    vital: bool


class Progress:
    """Keeps when each thing last moved. Times are seconds of a clock that never goes back."""

    def __init__(self) -> None:
        """Expect nothing yet."""
        self._movers: dict[object, _Mover] = {}

    def expect(self, name: str, now: float, seconds: float, *, vital: bool = True) -> None:
        """Note that `name` moves at this moment, and will again within so many seconds."""
        self._movers[name] = _Mover(name, now, seconds, vital)

    def moved(self, name: str, now: float) -> None:
        """Note that `name` moves, if anything is expected of it. Any thread may."""
        mover = self._movers.get(name)
        if mover is not None:
            mover.since = now

    def rest(self, name: str) -> None:
        """Expect nothing more of `name`: it waits for what is watched by itself, or has ended."""
        self._movers.pop(name, None)

    @contextmanager
    def during(self, name: str, now: float, seconds: float) -> Iterator[None]:
        """Expect the end of what is done inside, called `name`, within so many seconds."""
        call = object()
        self._movers[call] = _Mover(name, now, seconds)
        try:
            yield
        finally:
            del self._movers[call]

    def forgive(self, seconds: float) -> None:
        """Leave out a time in which nothing at all could move: the whole process stood still."""
        for mover in list(self._movers.values()):
            mover.since += seconds

    def silence(self, name: str, now: float) -> float:
        """Tell how many seconds ago `name` should have moved; 0 where nothing is expected of it."""
        mover = self._movers.get(name)
        return 0.0 if mover is None else max(now - mover.since - mover.within, 0.0)

    def standstills(self, now: float, patience: float) -> list[Standstill]:
        """Tell what is overdue by more than `patience` seconds, the longest first."""
        overdue = [
            Standstill(mover.name, now - mover.since - mover.within, mover.vital)
            for mover in list(self._movers.values())
            if now - mover.since - mover.within > patience
        ]
        return sorted(overdue, key=lambda one: (-one.seconds, one.name))
