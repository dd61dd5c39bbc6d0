"""Telling by a POST of JSON to a URL, signed where a secret is shared with whoever takes it."""

import hashlib
import hmac
import time

from connectors.contract import Surroundings
from connectors.errors import ConnectorError
from connectors.transport import HttpClient
from syncd.alerts.message import Message
from syncd.alerts.recipient import NotDelivered
from syncd.logs import hide_secrets

SIGNATURE_HEADER = "X-Syncd-Signature"
TIME_HEADER = "X-Syncd-Timestamp"


class WebhookRecipient:
    """Posts each message. No redirect is followed: what is posted must not end up elsewhere."""

    name = "webhook"

    def __init__(self, url: str, *, timeout: float, token: str = "", secret: str = "") -> None:
        """`token` is sent as a bearer token, `secret` signs; "" = without."""
        self._url = url
        self._timeout = timeout
        self._token = token
        self._secret = secret

    def fault(self) -> str:
        """Say nothing: whether it is taken shows when it is sent."""
        return ""

    async def send(self, message: Message) -> None:
        """Post it; any 2xx is well."""
        client = HttpClient(Surroundings(time.time, self._timeout, 1), "")
        try:
            answer = await client.request(
                "POST", self._url, headers=self._headers(message.body), content=message.body
            )
        except ConnectorError as error:
            raise NotDelivered(hide_secrets(error.message)) from None
        finally:
            await client.aclose()
        if not answer.succeeded:
            moved = ": it is redirected, name the final URL" if 300 <= answer.status < 400 else ""  # noqa: PLR2004
            raise NotDelivered(f"it answered HTTP {answer.status}{moved}")

    def _headers(self, body: bytes) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if self._secret:
            now = str(int(time.time()))
            signed = hmac.new(self._secret.encode(), f"{now}.".encode() + body, hashlib.sha256)
            headers |= {TIME_HEADER: now, SIGNATURE_HEADER: f"sha256={signed.hexdigest()}"}
        return headers
