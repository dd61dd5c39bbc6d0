"""Which alerts stand, and what recipients are still to be told of them. Times in ms since the epoch.

An alert and what is to be told of its change are stored in one transaction: a restart neither repeats nor
forgets.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection
from sqlmodel import Field, Session, SQLModel, col, delete, func, select

from state.database import Database

MOST_WAITING = 1_000
"""For each recipient: beyond this the oldest are given up."""


class StandingAlert(SQLModel, table=True):
    """A trouble that was told and is not over."""

    __tablename__ = "alert"

    kind: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    severity: str
    message: str
    details: str
    """A JSON object."""
    since: int
    raised_at: int
    told_at: int
    """When it was last told, or reminded of."""
    calm: int
    """For how long it must not be seen to be over (ms)."""


class AlertNotice(SQLModel, table=True):
    """What one recipient is still to be told of one change."""

    __tablename__ = "alert_notice"

    id: int | None = Field(default=None, primary_key=True)
    recipient: str
    event: int
    """The same for all recipients of one change, and of no other: it grows with the time."""
    change: str
    kind: str
    subject: str
    severity: str
    message: str
    details: str
    since: int
    at: int
    attempts: int = 0
    """How often it was begun to be sent."""


@dataclass(frozen=True, slots=True)
class Told:
    """One change, as it is to be told: which one, of which alert, and when it came about."""

    change: str
    alert: StandingAlert
    at: int


class AlertBook:
    """Remembers them in the state database."""

    def __init__(self, database: Database) -> None:
        """Keep them in `database`."""
        self._database = database

    def standing(self) -> list[StandingAlert]:
        """List the alerts that stand."""
        with self._database.read() as connection:
            return standing_alerts(connection)

    def keep(
        self, standing: Sequence[StandingAlert], changes: Sequence[Told], recipients: Iterable[str]
    ) -> None:
        """Let exactly these alerts stand, and these changes wait to be told to each recipient."""
        with self._database.write() as connection, Session(connection) as session:
            session.exec(delete(StandingAlert))
            session.add_all(StandingAlert(**alert.model_dump()) for alert in standing)
            event = max([_last_event(session), *(told.at for told in changes)])
            for recipient in recipients:
                session.add_all(
                    _notice(recipient, event + number, told) for number, told in enumerate(changes, start=1)
                )
                session.flush()
                _give_up_oldest(session, recipient)
            session.commit()

    def begin(self, recipient: str, limit: int) -> list[AlertNotice]:
        """List what a recipient is still to be told, the oldest first; count one more attempt for each."""
        with self._database.read() as connection:
            waits = connection.exec_driver_sql(
                "SELECT 1 FROM alert_notice WHERE recipient = ? LIMIT 1", (recipient,)
            ).first()
        if waits is None:
            return []
        query = select(AlertNotice).where(AlertNotice.recipient == recipient).order_by(col(AlertNotice.id))
        with self._database.write() as connection, Session(connection, expire_on_commit=False) as session:
            notices = list(session.exec(query.limit(limit)))
            for notice in notices:
                notice.attempts += 1
            session.commit()
            session.expunge_all()
        return notices

    def settle(self, notices: Iterable[AlertNotice]) -> None:
        """Note that these were told, or given up."""
        with self._database.write() as connection:
            connection.exec_driver_sql(
                "DELETE FROM alert_notice WHERE id = ?", [(notice.id,) for notice in notices]
            )

    def forget_others(self, recipients: Collection[str]) -> int:
        """Let go of what waits for recipients that are not configured any more; return how many."""
        with self._database.write() as connection, Session(connection) as session:
            others = select(AlertNotice).where(col(AlertNotice.recipient).not_in(recipients))
            gone = list(session.exec(others))
            for notice in gone:
                session.delete(notice)
            session.commit()
        return len(gone)


def standing_alerts(connection: Connection) -> list[StandingAlert]:
    """List the alerts that stand, the oldest first."""
    with Session(connection) as session:
        order = (StandingAlert.raised_at, StandingAlert.kind, StandingAlert.subject)
        alerts = list(session.exec(select(StandingAlert).order_by(*map(col, order))))
        session.expunge_all()
    return alerts


def _last_event(session: Session) -> int:
    return session.exec(select(func.coalesce(func.max(AlertNotice.event), 0))).one()


def _notice(recipient: str, event: int, told: Told) -> AlertNotice:
    alert = told.alert
    return AlertNotice(
        recipient=recipient,
        event=event,
        change=told.change,
        kind=alert.kind,
        subject=alert.subject,
        severity=alert.severity,
        message=alert.message,
        details=alert.details,
        since=alert.since,
        at=told.at,
    )


def _give_up_oldest(session: Session, recipient: str) -> None:
    mine = select(AlertNotice).where(AlertNotice.recipient == recipient).order_by(col(AlertNotice.id).desc())
    for notice in session.exec(mine.offset(MOST_WAITING)):
        session.delete(notice)
