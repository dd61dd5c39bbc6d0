"""How one store on Toco is reached."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr

from connectors.secrets import Secret
from connectors.transport import BaseUrl, HeaderText


def _sendable(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError("may hold visible ASCII characters only, because it is sent as a header")
    return secret


class TocobagusSettings(BaseModel):
    """A partner and the store that delegated to it (partners.toco.id, Guides, Authentication)."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    partner_client_id: HeaderText
    """The partner."""
    secret_key: Secret
    """The partner's key, with which requests are signed."""
    store_client_id: HeaderText
    """The store."""
    store_token: Annotated[Secret, AfterValidator(_sendable)]
    """What the store gave the partner."""
    base_url: BaseUrl = "https://partners-api.tocobagus.net/api/v1"
    """Where stock is pushed to."""
    signature_prefix: Literal["sha256=", ""] = "sha256="
    """The guide writes `sha256=<hex>`, its samples the bare digits."""
    sign_base_path: bool = False
    """Sign the path with that of `base_url` (`/api/v1`) before it; the guide's example has it without."""
