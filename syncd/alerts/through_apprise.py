"""The door to apprise, which is optional: mail, Telegram, Slack and many more by their URLs.

It blocks, so it runs in a thread, one at most for each recipient. It logs URLs, so its lines are silenced.
"""

import asyncio
import logging
import re
import threading
from contextlib import suppress
from typing import Any

from syncd.alerts.message import Message
from syncd.alerts.recipient import NotDelivered
from syncd.core.alerting import Change, Severity
from syncd.logs import hide_secrets

UNKNOWN = "apprise does not know such a URL, or it lacks a part"
_PARTS = re.compile(r"[^:/?&=@]{4,}")
_TALKATIVE = ("apprise", "urllib3", "requests", "requests_oauthlib", "markdown", "smtplib")
_TYPES = {Severity.ERROR: "failure", Severity.WARNING: "warning"}


class AppriseRecipient:
    """Tells one URL of apprise."""

    def __init__(self, url: str, *, number: int, timeout: float) -> None:
        """`number` is its place in the list, from 1."""
        self._url = url
        self._scheme = url.partition("://")[0]
        self._timeout = timeout
        self._under_way: asyncio.Future[str] | None = None
        self.name = f"apprise {number} ({self._scheme})"

    def fault(self) -> str:
        """Say that apprise does not know such a URL."""
        return "" if self._told() else UNKNOWN

    async def send(self, message: Message) -> None:
        """Let apprise deliver it."""
        if self._under_way is not None and not self._under_way.done():
            raise NotDelivered("apprise has not come back from the last message yet")
        self._under_way = _in_a_thread(self._notify, message)
        done, _ = await asyncio.wait([self._under_way], timeout=self._timeout)
        if not done:
            raise NotDelivered(f"apprise did not come back within {self._timeout:g} s")
        if trouble := self._under_way.result():
            raise NotDelivered(self._without_secrets(trouble))

    def _notify(self, message: Message) -> str:
        """Deliver it; return what went wrong, "" = nothing."""
        told = self._told()
        if told is None:
            return UNKNOWN
        kind = "success" if message.change is Change.OVER else _TYPES[message.severity]
        if told.notify(title=message.title, body=message.text, notify_type=kind):
            return ""
        return "apprise could not deliver it: see whether the URL is right, and the service takes it"

    def _told(self) -> Any:
        """Give what apprise makes of the URL; None where it can make nothing of it."""
        import apprise  # noqa: PLC0415 (optional, and slow to load)

        _silence()
        asset = apprise.AppriseAsset(app_id="syncd", app_desc="syncd", app_url="", async_mode=False)
        told = apprise.Apprise(asset=asset)
        return told if told.add(self._url) else None

    def _without_secrets(self, said: str) -> str:
        for part in _PARTS.findall(self._url.partition("://")[2]):
            said = said.replace(part, "***")
        return hide_secrets(said)


def _silence() -> None:
    """Let no line of these get anywhere, nor of what lies below them: they hold paths and tokens."""
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        logger.propagate, logger.handlers = False, [logging.NullHandler()]


def _in_a_thread(work: Any, message: Message) -> asyncio.Future[str]:
    """Run it in a thread that a process at its end does not wait for."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[str] = loop.create_future()

    def settle(trouble: str) -> None:
        if not future.done():
            future.set_result(trouble)

    def run() -> None:
        try:
            trouble = work(message)
        except Exception as fault:  # noqa: BLE001 (whatever it raises: its text may hold the URL)
            trouble = f"apprise failed ({type(fault).__name__})"
        with suppress(RuntimeError):  # the loop may have ended meanwhile
            loop.call_soon_threadsafe(settle, trouble)

    threading.Thread(target=run, name="apprise", daemon=True).start()
    return future
