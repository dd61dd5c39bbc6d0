"""What `syncd check` says of the recipients of alerts; with --alerts it sends each a test."""

import time
from collections.abc import Iterator

from syncd.alerts.message import Message, trial_message
from syncd.alerts.recipient import NotDelivered, Recipient
from syncd.alerts.recipients import recipients_of, this_host
from syncd.cli.checks import Finding
from syncd.config.model import Config


def look_at_recipients(config: Config) -> Iterator[Finding]:
    """Say who is told, and whether that can work, without sending anything."""
    recipients = recipients_of(config)
    for recipient in recipients:
        what, fault = f"alerts by {recipient.name}", recipient.fault()
        yield Finding(what, problem=fault) if fault else Finding(what, said="`--alerts` sends it a test")
    if not recipients:
        yield Finding("alerts", said="nobody is told when something is wrong: [alerts] names no recipient")


async def check_recipients(config: Config) -> list[Finding]:
    """Send a test to each recipient, one after the other."""
    recipients = recipients_of(config)
    if not recipients:
        return [Finding("alerts", problem="there is no recipient: [alerts] names none, so nobody is told")]
    message = trial_message(host=this_host(), now=int(time.time() * 1000))
    return [await _try(recipient, message) for recipient in recipients]


async def _try(recipient: Recipient, message: Message) -> Finding:
    what = f"alerts by {recipient.name}"
    try:
        await recipient.send(message)
    except NotDelivered as trouble:
        return Finding(what, problem=f"the test did not get through: {trouble}")
    return Finding(what, said="the test was taken: look whether it has arrived")
