"""What is counted of the imports of each source."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from state.records import ImportState

IMPORT_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
CONCLUDED = tuple(state for state in ImportState if state is not ImportState.APPLYING)


class SourceFamilies:
    """The families of all sources."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Make them known to `registry`."""

        def counter(name: str, meaning: str, *labels: str) -> Counter:
            return Counter(name, meaning, ("source", *labels), registry=registry)

        self.imports = counter("syncd_imports", "Files and polls by what became of them", "state")
        self.rows = counter("syncd_import_rows", "Rows that were read")
        self.bad_rows = counter("syncd_import_bad_rows", "Rows that could not be used")
        self.changed = counter("syncd_stock_levels_changed", "Stock levels that applied imports changed")
        self.seconds = Histogram(
            "syncd_import_duration_seconds",
            "From the beginning to read an import until it was applied, held or rejected",
            ("source",),
            buckets=IMPORT_SECONDS,
            registry=registry,
        )


class SourceMetrics:
    """Counts what one source says."""

    def __init__(self, families: SourceFamilies, source: str) -> None:
        """Count under this name; what was counted under it before goes on."""
        self._imports: dict[ImportState, Counter] = {
            state: families.imports.labels(source, state.value) for state in CONCLUDED
        }
        self._rows = families.rows.labels(source)
        self._bad_rows = families.bad_rows.labels(source)
        self._changed = families.changed.labels(source)
        self._seconds = families.seconds.labels(source)

    def read(self, seconds: float, rows: int, bad: int) -> None:
        """Count what was read of one import, whatever became of it."""
        self._seconds.observe(max(seconds, 0.0))
        self._rows.inc(rows)
        self._bad_rows.inc(bad)

    def concluded(self, state: ImportState, changed: int) -> None:
        """Count an import by what became of it, and the stock levels that it changed if it was applied."""
        self._imports[state].inc()
        if state is ImportState.APPLIED:
            self._changed.inc(changed)
