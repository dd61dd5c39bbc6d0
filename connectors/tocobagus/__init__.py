"""Toco partner API (Tocobagus): stock of one store, all warehouses of a SKU together, answered by row."""

from connectors.contract import Capabilities, Grouping, Limits, Plugin
from connectors.tocobagus.connector import TocobagusConnector
from connectors.tocobagus.settings import TocobagusSettings

CAPABILITIES = Capabilities(
    grouping=Grouping.SKU,
    max_rows_per_request=None,
    max_sku_length=None,
    rows_are_counted=False,
    asynchronous=True,
    whole_shop_by_default=False,
    limits=Limits(
        rows_per_request=100,
        rows_per_second=5,
        requests_per_second=1,
        burst=5,
        in_flight=4,
        timeout=30,
    ),
    identifier_kinds=("sku", "id", "externalId"),
)
"""The documents name neither a limit nor a largest request: the defaults are cautious, not known. Without
`warehouses`, a stock goes to each warehouse of the store (page Catalog Simple Sync)."""

EXAMPLE = """\
[channels.toco-main]
connector = "tocobagus"
partner_client_id = "..."
secret_key = { credential = "toco-secret-key" }
store_client_id = "..."
store_token = { credential = "toco-store-token" }
warehouses = "single"           # the store has one warehouse; with several, location = its clientId:
# warehouses = { JKT = "wh_..." }
# signature_prefix = ""         # if signatures are refused: bare digits instead of "sha256=..."
# sign_base_path = true         # if they still are: sign the path with /api/v1
"""


def _account(settings: TocobagusSettings) -> str:
    return f"{settings.base_url} store {settings.store_client_id}"


def _addresses(settings: TocobagusSettings) -> tuple[str, ...]:
    return (settings.base_url,)


plugin = Plugin(
    settings=TocobagusSettings,
    capabilities=CAPABILITIES,
    account=_account,
    connect=TocobagusConnector,
    example=EXAMPLE,
    addresses=_addresses,
)
