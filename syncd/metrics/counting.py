"""What a process counts where it happens, from its start on.

A `Metrics` is handed in: nothing is global. Values of labels are names of the configuration or words of ours:
no marketplace and no file can make another series. Children are found once, so that counting costs
microseconds.
"""

import platform
import sqlite3
import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector
from typing_extensions import override

from syncd import __version__
from syncd.metrics.channels import ChannelFamilies, ChannelMetrics
from syncd.metrics.sources import SourceFamilies, SourceMetrics

LAG_SECONDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 5, 30)


class Metrics:
    """All that one process counts."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.registry = CollectorRegistry()
        self._channels = ChannelFamilies(self.registry)
        self._sources = SourceFamilies(self.registry)
        self._lag = Histogram(
            "syncd_event_loop_lag_seconds",
            "By how much a pulse of the event loop came late",
            buckets=LAG_SECONDS,
            registry=self.registry,
        )
        self._reloads = Counter(
            "syncd_config_reloads", "Reloads of the configuration", ("result",), registry=self.registry
        )
        self._reloaded = Gauge(
            "syncd_config_last_reload_successful",
            "1: the last reload of the configuration was taken; 0: it was refused and the old one stays",
            registry=self.registry,
        )
        self._reloaded_at = Gauge(
            "syncd_config_last_reload_success_timestamp_seconds",
            "When a configuration was last taken, at start or by a reload",
            registry=self.registry,
        )
        for result in ("taken", "refused"):
            self._reloads.labels(result)
        self._reloaded.set(1)
        self._reloaded_at.set(time.time())
        build = Gauge(
            "syncd_build_info", "1; what runs", ("version", "python", "sqlite"), registry=self.registry
        )
        build.labels(__version__, platform.python_version(), sqlite3.sqlite_version).set(1)

    def channel(self, name: str) -> ChannelMetrics:
        """Give what counts a channel's pushes."""
        return ChannelMetrics(self._channels, name)

    def source(self, name: str) -> SourceMetrics:
        """Give what counts a source's imports."""
        return SourceMetrics(self._sources, name)

    def pulsed(self, late: float) -> None:
        """Note by how many seconds the event loop came late."""
        self._lag.observe(max(late, 0.0))

    def configuration_taken(self, now: float) -> None:
        """Note a reload that took effect (seconds since the epoch)."""
        self._reloads.labels("taken").inc()
        self._reloaded.set(1)
        self._reloaded_at.set(now)

    def configuration_refused(self) -> None:
        """Note a reload that was refused: the configuration before it stays."""
        self._reloads.labels("refused").inc()
        self._reloaded.set(0)

    def watch_process(self, proc: str = "/proc") -> None:
        """Tell of this process, too: memory, processor time, open files, start."""
        ProcessFigures(proc=proc, registry=self.registry)


class ProcessFigures(ProcessCollector):
    """The standard figures of a process, also where the unit hides all of /proc but processes."""

    @override
    def _boot_time(self) -> float:
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
