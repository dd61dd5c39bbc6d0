"""Telling one recipient what waits for it: again until it is taken, ever more patiently, not for ever.

What waits is stored, and each attempt is counted before it is made: so a message whose end a crash hid is
sent once more, and one that brings the process down is given up in the end.
"""

import asyncio
from collections.abc import Sequence

from state.alerts import AlertBook, AlertNotice
from state.database import DatabaseError
from syncd.alerts.message import MOST_IN_ONE, message_of
from syncd.alerts.recipient import NotDelivered, Recipient
from syncd.logs import get_logger
from syncd.state_trouble import is_passing

MOST_ATTEMPTS = 20
FIRST_WAIT_SECONDS = 5.0
LONGEST_WAIT_SECONDS = 1800.0
"""With these it is tried for about six hours."""
UNSTORED_WAIT_SECONDS = 60.0
"""Until it is tried again where the state could not be written."""


class Postman:
    """Brings one recipient its messages, one after the other."""

    def __init__(self, recipient: Recipient, book: AlertBook, *, host: str, state: str) -> None:
        """`host` and `state`: see `message_of`."""
        self._recipient = recipient
        self._book = book
        self._host = host
        self._state = state
        self._news = asyncio.Event()
        self._log = get_logger("alerts").bind(recipient=recipient.name)
        self._failures = 0

    def wake(self) -> None:
        """There is something new to tell; what waits after a failure goes with it at its time."""
        self._news.set()

    async def run(self) -> None:
        """Tell whatever is stored, until cancelled."""
        while True:
            self._news.clear()
            try:
                notices = self._book.begin(self._recipient.name, MOST_IN_ONE)
                taken = not notices or await self._tell(notices)
            except DatabaseError as fault:
                if not is_passing(fault):
                    raise
                await asyncio.sleep(UNSTORED_WAIT_SECONDS)
                continue
            if not taken:
                await asyncio.sleep(_wait(self._failures))
            elif not notices:
                await self._news.wait()

    async def _tell(self, notices: Sequence[AlertNotice]) -> bool:
        """Tell these, in one message; tell whether it was taken."""
        message = message_of(notices, host=self._host, state=self._state)
        try:
            await self._recipient.send(message)
        except NotDelivered as trouble:
            self._failed(notices, str(trouble))
            return False
        except Exception as fault:  # noqa: BLE001 (no recipient may stop the others, nor the daemon)
            self._failed(notices, f"telling it failed ({type(fault).__name__})")
            return False
        self._book.settle(notices)
        self._failures = 0
        self._log.info("alert_sent", alerts=len(notices))
        return True

    def _failed(self, notices: Sequence[AlertNotice], reason: str) -> None:
        """Note a failure. Logged at each doubling: a mail server that is down for a day is one fault."""
        self._failures += 1
        if self._failures & (self._failures - 1) == 0:
            self._log.warning("alert_undelivered", failures=self._failures, reason=reason)
        if given_up := [notice for notice in notices if notice.attempts >= MOST_ATTEMPTS]:
            self._book.settle(given_up)
            self._log.error("alert_dropped", alerts=len(given_up), attempts=MOST_ATTEMPTS, reason=reason)


def _wait(failures: int) -> float:
    return min(FIRST_WAIT_SECONDS * 2.0 ** min(failures - 1, 20), LONGEST_WAIT_SECONDS)
