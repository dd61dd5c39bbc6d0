"""Alerts at work: a look at what is wrong every few seconds, and what is new about it told to people."""

import asyncio
import json
from collections.abc import Sequence

from state.alerts import AlertBook, StandingAlert, Told
from state.database import DatabaseError
from syncd.alerts.conditions import troubles, unknown
from syncd.alerts.delivery import Postman
from syncd.alerts.observing import Observer
from syncd.alerts.recipient import Recipient
from syncd.alerts.recipients import recipients_of, this_host
from syncd.app import App
from syncd.core.alerting import Alert, Change, News, Severity, Watch
from syncd.logs import get_logger
from syncd.state_trouble import is_passing

LOOK_SECONDS = 5.0
REST = 50
"""After a look comes a rest of so many times what it took: looking costs two percent of the time."""
LONGEST_REST_SECONDS = 20.0
"""A look that took long on a machine that stood still must not put off the next for minutes."""
KEEP_EVERY_MS = 60_000
"""How often what is only worded anew is stored."""


class Alerting:
    """Watches over one app. What stands, and what is to be told, is remembered in its state."""

    def __init__(self, app: App, recipients: Sequence[Recipient] | None = None) -> None:
        """Go on from what is stored; `recipients` None = those of the configuration."""
        self._app = app
        self._log = get_logger("alerts")
        self._book = AlertBook(app.database)
        self._watch = Watch(map(_alert, self._book.standing()))
        self._kept = self._watch.standing
        self._observer = Observer(app)
        self._kept_at = app.world.clock.now()
        self._unkept: list[News] = []
        self._last_fault = ""
        self._postmen = {
            recipient.name: Postman(recipient, self._book, host=this_host(), state=app.database.identity)
            for recipient in (recipients_of(app.config) if recipients is None else recipients)
        }

    async def run(self) -> None:
        """Look and tell, until cancelled. Only a fault of the state database ends it by itself."""
        forgotten = self._book.forget_others(list(self._postmen))
        if forgotten:
            self._log.warning(
                "alert_dropped", alerts=forgotten, reason="their recipient is configured no more"
            )
        tasks = [asyncio.ensure_future(self._look_on()), *map(_running, self._postmen.values())]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def look(self) -> list[News]:
        """Look once; store what is new and let it be told."""
        observed = await self._observer.observe()
        wrong = troubles(observed, self._app.config.alerts)
        news = self._watch.look(wrong, observed.now, unknown(observed))
        reminder = self._app.config.alerts.reminder
        news += self._watch.remind(None if reminder is None else int(reminder * 1000), observed.now)
        for one in news:
            self._report(one, observed.now)
        self._unkept += news
        self._keep(observed.now)
        return news

    async def _look_on(self) -> None:
        clock = self._app.world.clock
        while True:
            began = clock.monotonic()
            try:
                await self.look()
            except DatabaseError as fault:
                if not is_passing(fault):
                    raise
                self._note(str(fault.orig))
            except Exception as fault:  # noqa: BLE001 (a fault of ours in looking must not end the daemon)
                self._note(f"the look at what is wrong failed ({type(fault).__name__})", fault)
            else:
                self._last_fault = ""
            rest = REST * (clock.monotonic() - began)
            await asyncio.sleep(min(max(LOOK_SECONDS, rest), LONGEST_REST_SECONDS))

    def _note(self, reason: str, fault: Exception | None = None) -> None:
        """Log what kept a look from its end, once while it lasts: looks come every few seconds."""
        if self._last_fault != reason:
            self._last_fault = reason
            write = self._log.warning if fault is None else self._log.exception
            write("alerts_failed", reason=reason)

    def _keep(self, now: int) -> None:
        """Store what is new, and let it be told; what cannot be stored now waits for the next look."""
        standing = self._watch.standing
        reworded = standing != self._kept and not 0 <= now - self._kept_at < KEEP_EVERY_MS
        if not self._unkept and not reworded:
            return
        told = [Told(one.change, _stored(one.alert), now) for one in self._unkept]
        self._book.keep([_stored(alert) for alert in standing], told, self._postmen)
        self._kept, self._kept_at, self._unkept = standing, now, []
        for postman in self._postmen.values():
            postman.wake()

    def _report(self, news: News, now: int) -> None:
        alert = news.alert
        about = {"kind": alert.kind, "subject": alert.subject}
        match news.change:
            case Change.RAISED:
                write = self._log.error if alert.severity is Severity.ERROR else self._log.warning
                write("alert_raised", **about, reason=alert.message)
            case Change.OVER:
                self._log.info("alert_ended", **about, seconds=max(now - alert.since, 0) // 1000)
            case _:
                self._log.info("alert_reminded", **about)


def _running(postman: Postman) -> "asyncio.Task[None]":
    return asyncio.ensure_future(postman.run())


def _stored(alert: Alert) -> StandingAlert:
    return StandingAlert(
        kind=alert.kind,
        subject=alert.subject,
        severity=alert.severity,
        message=alert.message,
        details=json.dumps(dict(alert.details)),
        since=alert.since,
        raised_at=alert.raised_at,
        told_at=alert.told_at,
        calm=alert.calm,
    )


def _alert(stored: StandingAlert) -> Alert:
    return Alert(
        kind=stored.kind,
        subject=stored.subject,
        severity=Severity(stored.severity),
        message=stored.message,
        since=stored.since,
        raised_at=stored.raised_at,
        told_at=stored.told_at,
        calm=stored.calm,
        details=json.loads(stored.details),
    )
