"""How metrics are written out: the text that Prometheus reads, in the format that it asks for."""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from syncd.metrics.measures import MEASURES, Measure, Reading


def exposition(registry: CollectorRegistry, readings: Iterable[Reading], accept: str) -> tuple[bytes, str]:
    """Give what was counted and what was read, as text, and its content type."""
    encode, content_type = choose_encoder(accept)
    return encode(_Together(registry, readings)), content_type


class _Together(Collector):
    """What is counted, then what was read."""

    def __init__(self, registry: CollectorRegistry, readings: Iterable[Reading]) -> None:
        self._registry = registry
        self._families: dict[Measure, GaugeMetricFamily] = {
            measure: GaugeMetricFamily(measure.name, measure.meaning, labels=measure.labels)
            for measure in MEASURES
        }
        for reading in readings:
            self._families[reading.measure].add_metric(reading.labels, reading.value)

    @override
    def collect(self) -> Iterator[Metric]:
        for family in self._registry.collect():
            # When each series began would double their number, and process_start_time_seconds tells it.
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family
        yield from self._families.values()
