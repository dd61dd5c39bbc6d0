"""A histogram that takes many values at once: a batch settles a thousand rows in one step of the loop."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import HistogramMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override


class Waits:
    """How long some things took, in seconds."""

    def __init__(self, bounds: Sequence[float]) -> None:
        """`bounds`: up to where each bucket counts, rising."""
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, seconds: Iterable[float]) -> None:
        """Take in so many."""
        for value in seconds:
            self._counts[bisect_left(self._bounds, value)] += 1
            self._sum += value

    def buckets(self) -> tuple[list[tuple[str, float]], float]:
        """Give how many took up to each bound, and the sum of all."""
        names = [*(str(float(bound)) for bound in self._bounds), "+Inf"]
        return list(zip(names, map(float, accumulate(self._counts)), strict=True)), self._sum


class WaitFamily(Collector):
    """The waits of each channel."""

    def __init__(
        self, name: str, meaning: str, bounds: Sequence[float], *, registry: CollectorRegistry
    ) -> None:
        """Make it known to `registry`."""
        self._name, self._meaning, self._bounds = name, meaning, bounds
        self._waits: dict[str, Waits] = {}
        registry.register(self)

    def of(self, channel: str) -> Waits:
        """Give those of one channel; what was counted of it before goes on."""
        return self._waits.setdefault(channel, Waits(self._bounds))

    @override
    def collect(self) -> Iterator[HistogramMetricFamily]:
        family = HistogramMetricFamily(self._name, self._meaning, labels=["channel"])
        for channel, waits in list(self._waits.items()):
            buckets, total = waits.buckets()
            family.add_metric([channel], buckets, total)
        yield family
