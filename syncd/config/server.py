"""The table `[server]`: where the status page is served, and what lets people act there."""

from ipaddress import ip_address

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from connectors.secrets import Secret
from syncd.config.secrets import unread_secret
from syncd.config.table import Table

_SHORTEST_TOKEN = 16
_HIGHEST_PORT = 65535


class ServerConfig(Table):
    """Where the status page is served, and what lets people act there."""

    token: Secret | None = None
    """Needed to act on the page, and beyond this machine to see it; without one nobody may."""
    listen: str = Field(default="127.0.0.1:9320", validate_default=True)
    """HOST:PORT; `""` = nowhere."""

    @property
    def host(self) -> str:
        """The host of `listen`, without brackets."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port of `listen`."""
        return int(self.listen.rpartition(":")[2])

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return _is_loopback(self.host)

    @field_validator("token")
    @classmethod
    def _cannot_be_guessed(cls, token: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        unread = (info.context or {}).get("secrets") is unread_secret
        if token is not None and not unread and len(token.get_secret_value()) < _SHORTEST_TOKEN:
            raise ValueError(
                f"must have {_SHORTEST_TOKEN} characters or more, so that it cannot be guessed: "
                '"openssl rand -hex 16" makes one'
            )
        return token

    @field_validator("listen")
    @classmethod
    def _is_an_address(cls, listen: str, info: ValidationInfo) -> str:
        host, _, port = listen.rpartition(":")
        if listen and not (host and port.isascii() and port.isdigit() and 0 < int(port) <= _HIGHEST_PORT):
            raise ValueError('must be HOST:PORT, such as "127.0.0.1:9320", or ""')
        if listen and not _is_loopback(host.strip("[]")) and info.data.get("token", "") is None:
            raise ValueError(
                "is an address that other machines reach: it needs server.token too, a secret that whoever"
                ' looks must know; or keep to this machine with "127.0.0.1:9320"'
            )
        return listen


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
