"""What recipients get: one message about all that they are still to be told, for people and for programs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from state.alerts import AlertNotice
from syncd.core.alerting import Change, Severity
from syncd.times import duration, rfc3339

FORM = 1
"""Of the JSON: it grows by keys only, or else this does."""
MOST_IN_ONE = 50
_ORDER = (Change.RAISED, Change.REMINDER, Change.TEST, Change.OVER)
_HEADINGS = {Change.RAISED: "", Change.REMINDER: "still: ", Change.TEST: "", Change.OVER: "over: "}


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `change` and `severity`: the most pressing of those told."""

    title: str
    text: str
    change: Change
    severity: Severity
    document: dict[str, Any]
    """What programs get: see docs/alerts.md."""

    @property
    def body(self) -> bytes:
        """The document as JSON."""
        return json.dumps(self.document).encode()


def message_of(notices: Sequence[AlertNotice], *, host: str, state: str) -> Message:
    """Put notices into one message. `state`: the identity of the state that numbers the events."""
    notices = sorted(notices, key=lambda notice: (_ORDER.index(Change(notice.change)), notice.at, notice.id))
    change = Change(notices[0].change)
    pressing = {Severity(notice.severity) for notice in notices if notice.change == change}
    severity = Severity.ERROR if Severity.ERROR in pressing else Severity.WARNING
    title = f"syncd on {host}: {_summary(notices)}"
    text = "\n".join(map(_line, notices))
    document = {
        "version": FORM,
        "host": host,
        "change": change,
        "severity": severity,
        "title": title,
        "text": text,
        "alerts": [_entry(notice, state) for notice in notices],
    }
    return Message(title, text, change, severity, document)


def trial_message(*, host: str, now: int) -> Message:
    """Make a message that only shows that messages arrive."""
    notice = AlertNotice(
        id=0,
        recipient="",
        event=now,
        change=Change.TEST,
        kind="test",
        subject="test",
        severity=Severity.WARNING,
        message="this is a test: alerts of syncd arrive here",
        details="{}",
        since=now,
        at=now,
    )
    return message_of([notice], host=host, state="test")


def _summary(notices: Sequence[AlertNotice]) -> str:
    if len(notices) == 1:
        (notice,) = notices
        return f"{_HEADINGS[Change(notice.change)]}{notice.kind.replace('_', ' ')} ({notice.subject})"
    over = sum(notice.change == Change.OVER for notice in notices)
    counts = {"alerts": len(notices) - over, "over": over}
    return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)


def _line(notice: AlertNotice) -> str:
    stood = duration((notice.at - notice.since) / 1000)
    match Change(notice.change):
        case Change.OVER:
            return f"over after {stood}: {notice.message}"
        case Change.REMINDER:
            return f"still, for {stood}: {notice.message}"
        case _:
            return notice.message


def _entry(notice: AlertNotice, state: str) -> dict[str, Any]:
    return {
        "id": f"{state}-{notice.event}",
        "change": notice.change,
        "kind": notice.kind,
        "subject": notice.subject,
        "severity": notice.severity,
        "message": notice.message,
        "since": rfc3339(notice.since),
        "at": rfc3339(notice.at),
        "seconds": max(notice.at - notice.since, 0) // 1000,
        "details": json.loads(notice.details),
    }
