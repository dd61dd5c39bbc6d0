"""Whether the daemon lives and is ready, as those who watch over it ask."""

from collections.abc import Callable

from syncd.core.progress import Progress

PATIENCE_SECONDS = 60.0
"""By so much must something be late to count as standing still."""


class Vitals:
    """What is asked is empty where all is well, else the reasons why it is not."""

    def __init__(self, progress: Progress, monotonic: Callable[[], float]) -> None:
        """`progress` knows what should move."""
        self._progress = progress
        self._monotonic = monotonic
        self.looked = False
        """Whether each source has been looked at once."""
        self.stopping = False

    def troubles(self) -> list[str]:
        """Tell what stands still of what a restart may mend; a source that does is told as one that fails."""
        return [
            f"{one.name} is {one.seconds:.0f} s late"
            for one in self._progress.standstills(self._monotonic(), PATIENCE_SECONDS)
            if one.vital
        ]

    def unready(self) -> list[str]:
        """Tell what is still to come, or over already."""
        if self.stopping:
            return ["it is stopping"]
        return [] if self.looked else ["the sources have not been looked at yet"]
