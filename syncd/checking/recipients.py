"""Who is told of alerts, and whether that can work; sends each a test where that is asked for."""

import time
from collections.abc import AsyncIterator, Iterator

from syncd.alerts.message import Message, trial_message
from syncd.alerts.recipient import NotDelivered, Recipient
from syncd.alerts.recipients import recipients_of, this_host
from syncd.checking.findings import Finding, Kind, note, problem, problem_in_words
from syncd.config.model import Config


def look_at_recipients(config: Config) -> Iterator[Finding]:
    """Say who is told, and whether that can work, without sending anything."""
    recipients = recipients_of(config)
    for recipient in recipients:
        about, fault = f"alerts by {recipient.name}", recipient.fault()
        if fault:
            yield problem_in_words(Kind.RECIPIENT_UNUSABLE, about, fault, "correct it under [alerts]")
        else:
            yield Finding(Kind.RECIPIENT, about, "`syncd check --alerts` sends it a test")
    if not recipients:
        yield note(
            Kind.NOBODY_TOLD,
            "alerts",
            "[alerts] names no recipient, so nobody is told when something is wrong",
            "name a command, a webhook or apprise URLs there: docs/alerts.md has examples",
        )


async def check_recipients(config: Config) -> AsyncIterator[Finding]:
    """Send a test to each recipient, one after the other."""
    recipients = recipients_of(config)
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
