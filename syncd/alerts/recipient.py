"""What every recipient of alerts is."""

from typing import Protocol

from syncd.alerts.message import Message


class NotDelivered(Exception):
    """A message did not get through; says why, without a secret."""


class Recipient(Protocol):
    """One way to tell people. Its name tells it from the others, and is no secret."""

    @property
    def name(self) -> str:
        """The name that what waits for it is stored under."""
        ...

    def fault(self) -> str:
        """Say what would keep every message from it, as far as can be told without sending; "" = nothing."""
        ...

    async def send(self, message: Message) -> None:
        """Deliver a message within the time limit; raise `NotDelivered` where that fails."""
        ...
