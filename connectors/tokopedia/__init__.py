"""Tokopedia Open API: stock of one shop, one warehouse a request, rows by SKU or product id."""

from connectors.contract import Capabilities, Grouping, Limits, Plugin
from connectors.tokopedia.connector import TokopediaConnector
from connectors.tokopedia.rows import PRODUCT_ID
from connectors.tokopedia.settings import TokopediaSettings

CAPABILITIES = Capabilities(
    grouping=Grouping.WAREHOUSE,
    max_rows_per_request=100,
    max_sku_length=50,
    rows_are_counted=True,
    asynchronous=False,
    whole_shop_by_default=True,
    limits=Limits(
        rows_per_request=5,
        rows_per_second=5,
        requests_per_second=None,
        burst=5,
        in_flight=4,
        timeout=30,
    ),
    identifier_kinds=("sku", PRODUCT_ID),
    identifier_forms={PRODUCT_ID: "[1-9][0-9]{0,18}"},
)
"""Rows, identifiers and SKU length: page Update Stock. Each row counts as one request: Guides, Rate Limit,
Bulk Request Rate Adjustment. The rate of this endpoint is not published: the limits are the documented
example, `X-Ratelimit-Limit: 5 req/s (burst 5)`, until an answer says otherwise."""

EXAMPLE = """\
[channels.tokopedia-main]
connector = "tokopedia"
fs_id = 13004                   # the app's number, from developer.tokopedia.com
shop_id = 479573
client_id = "..."
client_secret = { credential = "tokopedia-client-secret" }
bypass_update_product_status = false    # true: a product keeps its status when its stock becomes 0
# warehouses = { JKT = "1610" } # location = warehouse_id; without it all locations add up to one stock
"""


def _account(settings: TokopediaSettings) -> str:
    return f"{settings.base_url} shop {settings.shop_id}"


def _addresses(settings: TokopediaSettings) -> tuple[str, ...]:
    return (settings.token_url, settings.base_url)


plugin = Plugin(
    settings=TokopediaSettings,
    capabilities=CAPABILITIES,
    account=_account,
    connect=TokopediaConnector,
    example=EXAMPLE,
    addresses=_addresses,
)
