"""When trouble becomes an alert, and when that is over. Times in ms, lengths of time too.

Only changes are told: a trouble is raised once it has stood for its `wait`, and is over once it has not been
seen for its `calm`. So a value that flaps about its bound is told once, and not each minute.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

Key = tuple[str, str]
"""Kind and subject: there is one alert of each."""


class Severity(StrEnum):
    """How much it matters."""

    ERROR = "error"
    """Something stands still, or is shown wrongly, until a person acts."""
    WARNING = "warning"
    """It wants a look, today or tomorrow."""


class Change(StrEnum):
    """What is told of an alert."""

    RAISED = "raised"
    OVER = "over"
    REMINDER = "reminder"
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something wrong, as it is seen at one moment.

    `message` is one sentence that says what to do. `since`: when it began, as far as is known. `raises`
    False: not bad enough to raise an alert, too bad to end one (between the two bounds of a value).
    """

    kind: str
    subject: str
    severity: Severity
    message: str
    since: int
    wait: int = 0
    calm: int = 0
    raises: bool = True
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """Tell it from all others."""
        return self.kind, self.subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A trouble that was told and is not over. `told_at`: when it was last told or reminded of."""

    kind: str
    subject: str
    severity: Severity
    message: str
    since: int
    raised_at: int
    told_at: int
    calm: int = 0
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """Tell it from all others."""
        return self.kind, self.subject


@dataclass(frozen=True, slots=True)
class News:
    """What changed: an alert, and how."""

    change: Change
    alert: Alert


class Watch:
    """Turns what is seen, look by look, into news. Starts from the alerts that stood when syncd last ran."""

    def __init__(self, standing: Iterable[Alert] = ()) -> None:
        """Go on from these."""
        self._standing = {alert.key: alert for alert in standing}
        self._first_seen: dict[Key, int] = {}
        self._calm_since: dict[Key, int] = {}

    @property
    def standing(self) -> list[Alert]:
        """The alerts that stand, the oldest first."""
        return sorted(self._standing.values(), key=lambda alert: (alert.raised_at, alert.key))

    def look(self, troubles: Iterable[Trouble], now: int, unknown: Collection[Key] = ()) -> list[News]:
        """Take in all that is wrong at this moment; tell what is new since the last look.

        `unknown`: of these it is not known whether they are wrong; what stands of them stays.
        """
        seen = {trouble.key: trouble for trouble in troubles}
        bad = {key for key, trouble in seen.items() if trouble.raises}
        self._first_seen = {key: min(self._first_seen.get(key, now), now) for key in bad}
        news = [News(Change.RAISED, alert) for key in sorted(bad) if (alert := self._raised(seen[key], now))]
        for key, alert in list(self._standing.items()):
            if key in seen:
                self._calm_since.pop(key, None)
                self._standing[key] = _refreshed(alert, seen[key])
            elif key in unknown:
                self._calm_since.pop(key, None)
            elif self._is_over(alert, now):
                del self._standing[key], self._calm_since[key]
                news.append(News(Change.OVER, alert))
        return news

    def remind(self, every: int | None, now: int) -> list[News]:
        """Tell again all that stands, where something of it was not told for `every`; None = never."""
        if every is None or all(0 <= now - alert.told_at < every for alert in self._standing.values()):
            return []
        for key, alert in self._standing.items():
            self._standing[key] = replace(alert, told_at=now)
        return [News(Change.REMINDER, alert) for alert in self.standing]

    def _raised(self, trouble: Trouble, now: int) -> Alert | None:
        began = min(trouble.since, self._first_seen[trouble.key])
        if trouble.key in self._standing or now - began < trouble.wait:
            return None
        alert = Alert(
            kind=trouble.kind,
            subject=trouble.subject,
            severity=trouble.severity,
            message=trouble.message,
            since=began,
            raised_at=now,
            told_at=now,
            calm=trouble.calm,
            details=trouble.details,
        )
        self._standing[trouble.key] = alert
        return alert

    def _is_over(self, alert: Alert, now: int) -> bool:
        # A clock that was set back counts the calm anew.
        calm_since = self._calm_since[alert.key] = min(self._calm_since.get(alert.key, now), now)
        return now - calm_since >= alert.calm


def _refreshed(alert: Alert, trouble: Trouble) -> Alert:
    """What is told again later is what is so then."""
    return replace(
        alert,
        severity=trouble.severity,
        message=trouble.message,
        calm=trouble.calm,
        details=trouble.details,
    )
