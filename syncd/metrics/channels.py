"""What is counted of the pushes of each channel."""

from collections import Counter as Tally
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram

from connectors.contract import OutcomeKind
from connectors.errors import (
    AnswerUnusable,
    AuthenticationExpired,
    BatchRefused,
    ChannelRefused,
    ConnectorError,
    Throttled,
    TryLater,
    WarehouseRefused,
)
from state.records import Attempt, Settlement
from syncd.metrics.waits import WaitFamily

REQUEST_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
WAIT_SECONDS = (0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400, 86_400)
NO_ANSWER = "none"
TOLD_APART = frozenset({400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504})
"""Statuses with a series of their own; of others the class is counted: a marketplace may say anything."""
LOWEST_STATUS, HIGHEST_STATUS = 100, 599
OTHER = "other"
ERRORS: dict[type[ConnectorError], str] = {
    TryLater: "try_later",
    Throttled: "throttled",
    AuthenticationExpired: "authentication_expired",
    ChannelRefused: "channel_refused",
    WarehouseRefused: "warehouse_refused",
    BatchRefused: "batch_refused",
    AnswerUnusable: "answer_unusable",
}


class ChannelFamilies:
    """The families of all channels."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Make them known to `registry`."""

        def counter(name: str, meaning: str, *labels: str) -> Counter:
            return Counter(name, meaning, ("channel", *labels), registry=registry)

        self.attempts = counter("syncd_attempts", "Rows that were put into requests")
        self.retries = counter("syncd_retries", "Of these, rows whose attempt before had failed")
        self.rows = counter("syncd_rows", "Rows by what their attempts came to", "outcome")
        self.requests = counter("syncd_requests", "Requests with rows, by the status of the answer", "status")
        self.errors = counter("syncd_request_errors", "Requests that failed as a whole, by kind", "error")
        self.pauses = counter("syncd_pauses", "Times that the marketplace asked for a pause")
        self.request_seconds = Histogram(
            "syncd_request_duration_seconds",
            "From sending a request to its answer",
            ("channel",),
            buckets=REQUEST_SECONDS,
            registry=registry,
        )
        self.waits = WaitFamily(
            "syncd_change_to_confirmed_seconds",
            "From the change of a listing to its acceptance by the marketplace",
            WAIT_SECONDS,
            registry=registry,
        )


class ChannelMetrics:
    """Counts what one channel does."""

    def __init__(self, families: ChannelFamilies, channel: str) -> None:
        """Count under this name; what was counted under it before goes on."""
        self._attempts = families.attempts.labels(channel)
        self._retries = families.retries.labels(channel)
        self._rows = {kind.value: families.rows.labels(channel, kind.value) for kind in OutcomeKind}
        self._errors = {kind: families.errors.labels(channel, kind) for kind in (*ERRORS.values(), OTHER)}
        self._pauses = families.pauses.labels(channel)
        self._request_seconds = families.request_seconds.labels(channel)
        self._waits = families.waits.of(channel)
        self._requests = {"2xx": families.requests.labels(channel, "2xx")}
        self._families, self._channel = families, channel

    def begun(self, attempts: Sequence[Attempt]) -> None:
        """Count the rows of a push whose intent is committed."""
        self._attempts.inc(len(attempts))
        if retries := sum(attempt.failures > 0 for attempt in attempts):
            self._retries.inc(retries)

    def answered(self, seconds: float, status: int | None, error: ConnectorError | None) -> None:
        """Count a request that was answered, or never will be (`status` None), after so many seconds."""
        label = status_label(status)
        if label not in self._requests:
            self._requests[label] = self._families.requests.labels(self._channel, label)
        self._requests[label].inc()
        self._request_seconds.observe(max(seconds, 0.0))
        if error is not None:
            self._errors[error_label(error)].inc()

    def settled(self, settlements: Sequence[Settlement], waits: Sequence[int]) -> None:
        """Count rows by outcome, and how long each that is now confirmed had differed (ms)."""
        for outcome, rows in Tally(settlement.outcome for settlement in settlements).items():
            self._rows[outcome].inc(rows)
        self._waits.observe(wait / 1000 for wait in waits)

    def paused(self) -> None:
        """Count a pause that the marketplace asked for."""
        self._pauses.inc()


def status_label(status: int | None) -> str:
    """Give one of few words for an HTTP status, None = no answer came."""
    if status is None:
        return NO_ANSWER
    if status in TOLD_APART:
        return str(status)
    return f"{status // 100}xx" if LOWEST_STATUS <= status <= HIGHEST_STATUS else OTHER


def error_label(error: ConnectorError) -> str:
    """Give the word for a kind of error; a plug-in's own kind goes by what it derives from."""
    return next((word for kind, word in ERRORS.items() if isinstance(error, kind)), OTHER)
