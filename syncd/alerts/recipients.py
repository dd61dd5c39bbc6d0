"""The recipients that a configuration names."""

import os
import socket
from collections.abc import Mapping

from pydantic import SecretStr

from syncd.alerts.command import CommandRecipient
from syncd.alerts.recipient import Recipient
from syncd.alerts.through_apprise import AppriseRecipient
from syncd.alerts.webhook import WebhookRecipient
from syncd.config.model import Config


def recipients_of(config: Config, environ: Mapping[str, str] = os.environ) -> list[Recipient]:
    """Make all of them. Nothing is run or asked yet."""
    alerts = config.alerts
    found: list[Recipient] = []
    if alerts.command:
        found.append(
            CommandRecipient(
                alerts.command, folder=config.base_directory, timeout=alerts.timeout, environ=environ
            )
        )
    if alerts.webhook is not None:
        found.append(
            WebhookRecipient(
                alerts.webhook.get_secret_value(),
                timeout=alerts.timeout,
                token=_text(alerts.webhook_token),
                secret=_text(alerts.webhook_secret),
            )
        )
    found += [
        AppriseRecipient(url.get_secret_value(), number=number, timeout=alerts.timeout)
        for number, url in enumerate(alerts.apprise, start=1)
    ]
    return found


def this_host() -> str:
    """Tell the name of this machine, by which people tell several apart."""
    return socket.gethostname()


def _text(secret: SecretStr | None) -> str:
    return "" if secret is None else secret.get_secret_value()
