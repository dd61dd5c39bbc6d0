"""How one Tokopedia shop is reached."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from connectors.secrets import Secret
from connectors.transport import BaseUrl


class TokopediaSettings(BaseModel):
    """A shop and the app that acts on it (developer.tokopedia.com, Guides, Authentication)."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    fs_id: PositiveInt
    """The app."""
    shop_id: PositiveInt
    """The shop."""
    client_id: Annotated[str, Field(pattern=r"^[^\s:]+$", max_length=200)]
    """The app's client id."""
    client_secret: Secret
    """The app's secret."""
    bypass_update_product_status: bool = False
    """Keep the status of a product whose stock goes to or comes from zero."""
    base_url: BaseUrl = "https://fs.tokopedia.net"
    """Where stock is pushed to."""
    token_url: BaseUrl = "https://accounts.tokopedia.com/token"  # noqa: S105
    """Where the app signs in."""
