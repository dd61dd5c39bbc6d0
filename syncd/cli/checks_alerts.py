"""What `syncd check --alerts` does: it sends a test to each recipient, and says how that went."""

import time

from syncd.alerts.message import Message, trial_message
from syncd.alerts.recipient import NotDelivered, Recipient
from syncd.alerts.recipients import recipients_of, this_host
from syncd.cli.checks import Finding
from syncd.config.model import Config


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
