"""Alerts as the state keeps them, and a recipient that keeps what it is told."""

import asyncio

from state.alerts import StandingAlert, Told
from syncd.alerts.recipient import NotDelivered


def alert(
    subject="toko", message="it is held: mend it", *, severity="error", kind="channel_held", since=1_000
):
    return StandingAlert(
        kind=kind, subject=subject, severity=severity, message=message, details='{"code": "X"}',
        since=since, raised_at=2_000, told_at=2_000, calm=0,
    )  # fmt: skip


def told(*subjects, change="raised", at=5_000):
    return [Told(change, alert(subject), at) for subject in subjects]


class Recorder:
    """A recipient that fails as often as it is told to."""

    name = "recorder"

    def __init__(self, fails=0, fault=None):
        self.fails = fails
        self.fault = fault or NotDelivered("no route")
        self.messages = []
        self.times = []

    def fault(self):
        return ""

    async def send(self, message):
        self.times.append(asyncio.get_running_loop().time())
        if len(self.times) <= self.fails:
            raise self.fault
        self.messages.append(message)

    def told(self):
        return [(e["change"], e["subject"]) for m in self.messages for e in m.document["alerts"]]
