"""What is wrong with the files of a plan, collected while they are read."""

from typing import Final

MOST_KEPT: Final = 100


class Problems:
    """Counts all problems and keeps the first `MOST_KEPT`; each says where it is, and what to do."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.count = 0
        self.passing = False
        """Whether one of them lies with the moment: reading again may help though nothing was edited."""

    def add(self, where: str, what: str, *, passing: bool = False) -> None:
        """Note one. `where` and `what` are safe to show."""
        self.count += 1
        self.passing = self.passing or passing
        if len(self.kept) < MOST_KEPT:
            self.kept.append(f"{where}: {what}")
