"""Sends a test to each recipient of alerts, and says how that went."""

import time
from collections.abc import AsyncIterator

from syncd.alerts.message import Message, trial_message
from syncd.alerts.recipient import NotDelivered, Recipient
from syncd.alerts.recipients import recipients_of, this_host
from syncd.checking.findings import Finding, Kind, note, problem
from syncd.config.model import Config


async def check_recipients(config: Config) -> AsyncIterator[Finding]:
    """Send a test to each recipient, one after the other."""
    recipients = recipients_of(config)
    if not recipients:
        yield note(
            Kind.NOBODY_TOLD,
            "alerts",
            "[alerts] names no recipient, so nobody is told when something is wrong",
            "name a command, a webhook or apprise URLs there: docs/alerts.md has examples",
        )
    message = trial_message(host=this_host(), now=int(time.time() * 1000))
    for recipient in recipients:
        yield await _try(recipient, message)


async def _try(recipient: Recipient, message: Message) -> Finding:
    about = f"alerts by {recipient.name}"
    try:
        await recipient.send(message)
    except NotDelivered as trouble:
        return problem(
            Kind.TEST_NOT_DELIVERED,
            about,
            f"the test did not get through: {trouble}",
            "correct its keys under [alerts], or what it names",
        )
    return Finding(Kind.TEST_DELIVERED, about, "the test was taken: look whether it has arrived")
