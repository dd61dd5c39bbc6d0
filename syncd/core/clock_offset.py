"""How far a marketplace's clock is ahead of ours, from the times that it writes on its answers."""

from collections import deque
from statistics import median

SAMPLES = 5
LONGEST_ROUND_TRIP_SECONDS = 30.0
_MEAN_CUT_SECONDS = 0.5
"""A `Date` header has whole seconds, cut off: half a second is missing on average."""


class ClockOffset:
    """The middle of the last few samples: one stray answer, of a server that is off, is no news.

    One sample is exact to half a second and half of its round trip.
    """

    def __init__(self) -> None:
        """Nothing has been heard yet."""
        self._samples: deque[float] = deque(maxlen=SAMPLES)

    def heard(self, server_time: float, *, sent: float, received: float) -> None:
        """Take a sample; all times are seconds since the epoch, `sent` and `received` by our clock.

        One whose round trip took too long, or during which our clock was set back, proves nothing.
        """
        if 0 <= received - sent <= LONGEST_ROUND_TRIP_SECONDS:
            self._samples.append(server_time + _MEAN_CUT_SECONDS - (sent + received) / 2)

    def forget(self) -> None:
        """Begin anew: our own clock was set."""
        self._samples.clear()

    @property
    def seconds(self) -> float | None:
        """Seconds that the marketplace's clock is ahead of ours; None while that is not known."""
        return median(self._samples) if self._samples else None
