"""The table `[alerts]`: whom to tell when something is wrong, and from when on it is."""

import re
from importlib.util import find_spec
from ipaddress import ip_address
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, SecretStr, ValidationInfo, field_validator, model_validator

from connectors.secrets import Secret
from syncd.config.secrets import unread_secret
from syncd.config.table import Table
from syncd.config.values import PARTS_PER_MILLION, BytesOrOff, GuardShare, Seconds, SecondsOrOff, Texts

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://.")
_SHORTEST_PART = 12
"""A shorter part of a URL gives nobody access, and hidden it would hide too much else."""
_MISSING = (
    "needs the library apprise, which is not installed: install syncd[apprise] in place of syncd, into the "
    "same environment"
)


def _urls(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


class AlertsConfig(Table):
    """Whom to tell when something is wrong, and from when on it is; `off` turns a bound off."""

    command: Texts = ()
    """A program and its arguments, run without a shell; the first may be relative to the file."""
    webhook: Secret | None = None
    """A URL that takes a POST of JSON: whoever knows it may post there."""
    webhook_token: Secret | None = None
    """Sent as `Authorization: Bearer`."""
    webhook_secret: Secret | None = None
    """Signs what is posted, with HMAC-SHA256."""
    apprise: Annotated[tuple[Secret, ...], BeforeValidator(_urls)] = ()
    """URLs of apprise: mail, Telegram, Slack and many more."""
    timeout: Seconds = 30.0
    """How long telling one recipient may take."""
    reminder: SecondsOrOff = 24 * 3600.0
    """How often what still stands is told again."""
    failed_share: GuardShare = PARTS_PER_MILLION // 10
    """Of a channel's listings, those that the marketplace refused."""
    sold_out_wait: SecondsOrOff = 15 * 60.0
    """How long a sold-out listing may still be shown as available."""
    unreachable_wait: SecondsOrOff = 10 * 60.0
    """How long a marketplace may be down."""
    clock_offset: SecondsOrOff = 30.0
    """How far this machine's clock may be from a marketplace's."""
    disk_free: BytesOrOff = 500_000_000
    """What must be free on the disk where the state lies."""

    @field_validator("command")
    @classmethod
    def _can_be_run(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        if any("\0" in part for part in command) or (command and not command[0].strip()):
            raise ValueError('must be a program and its arguments, such as ["/usr/local/bin/tell", "alerts"]')
        return command

    @field_validator("webhook")
    @classmethod
    def _is_safe_to_post_to(cls, webhook: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if webhook is not None and not _is_unread(webhook, info):
            _check_url(webhook.get_secret_value())
        return webhook

    @field_validator("apprise")
    @classmethod
    def _apprise_is_there(cls, urls: tuple[SecretStr, ...], info: ValidationInfo) -> tuple[SecretStr, ...]:
        if urls and find_spec("apprise") is None:
            raise ValueError(_MISSING)
        written = [url.get_secret_value() for url in urls if not _is_unread(url, info)]
        if not all(map(_SCHEME.match, written)):
            raise ValueError('must be URLs as apprise has them, such as "tgram://BOT_TOKEN/CHAT_ID"')
        return urls

    @model_validator(mode="after")
    def _have_somewhere_to_go(self) -> Self:
        if self.webhook is None and (self.webhook_token or self.webhook_secret):
            raise ValueError("webhook_token and webhook_secret need webhook, and it is missing")
        return self


def secrets_of_alerts(alerts: AlertsConfig) -> list[str]:
    """Return every secret that the table holds, and what of a URL alone gives it away."""
    given = (alerts.webhook, alerts.webhook_token, alerts.webhook_secret, *alerts.apprise)
    secrets = [secret.get_secret_value() for secret in given if secret is not None]
    urls = [alerts.webhook, *alerts.apprise]
    behind = [_behind_the_scheme(url.get_secret_value()) for url in urls if url is not None]
    return secrets + [part for part in behind if len(part) >= _SHORTEST_PART]


def _behind_the_scheme(url: str) -> str:
    """What a library may quote of a URL: the path and all behind it of https, else all but the scheme."""
    scheme, _, rest = url.partition("://")
    return "/" + rest.partition("/")[2] if scheme.lower() in ("http", "https") else rest


def _is_unread(secret: SecretStr, info: ValidationInfo) -> bool:
    unread = (info.context or {}).get("secrets") is unread_secret
    return unread and secret.get_secret_value() == unread_secret({})


def _check_url(url: str) -> None:
    """Raise where alerts cannot safely be posted to it. Nothing of it is quoted: it is a secret."""
    if not url.isascii() or not url.isprintable() or any(mark in url for mark in " \\#"):
        raise ValueError("must be a plain URL without fragment or unusual characters")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("is not a URL") from None
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user or password: webhook_token is sent as a bearer token")
    if not host or parts.scheme not in ("http", "https") or port == 0:
        raise ValueError("must begin with https:// and name a host")
    if parts.scheme == "http" and not _is_this_machine(host):
        raise ValueError("must begin with https:// (plain http:// is for this machine only)")


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
