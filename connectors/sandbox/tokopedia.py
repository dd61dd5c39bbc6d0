"""The sandbox's reading of the Tokopedia Open API: token, Update Stock, product info, shop info.

Documented on developer.tokopedia.com: Authentication (and the note of 22 October 2021 that a running token is
given again), Update Stock, Rate Limit, Bulk Request Rate Adjustment, Get Product Info, Get Shop Info.

Where the documents are silent, the sandbox decides:

* HTTP status: 400 with `PRD_DLV_*` and `PRD_USC_*`, 401 with `invalid_token`, 403 with `RBAC_MDLW_001` (a
  shop or fs_id that is not this client's), 200 wherever rows are reported, 413 above 1 MiB.
* A wrong client at the token endpoint: 401 `{"status":"ERROR","message":"Client ID not found"}`; another
  grant type: 400.
* An unknown or repeated query parameter, an unknown key in a row, the same SKU or product twice (also once by
  its SKU and once by its id), an empty array and a negative stock are refused with `PRD_DLV_042`; another
  content type with `PRD_DLV_015`.
* An id that several listings share is an `Invalid Product ID.`
* A row spends the row limit whether or not its SKU is known. A request refused with 429 spends nothing.
* The `X-Ratelimit-*` headers speak of rows where there is a row limit, else of requests.
* A product that does not exist reads back as `"data": null`.
"""

import base64
import hashlib
import hmac
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import override

from connectors.sandbox import tokopedia_checks as checks
from connectors.sandbox import tokopedia_reading as reading
from connectors.sandbox.arrivals import Row
from connectors.sandbox.buckets import Bucket, Limits
from connectors.sandbox.faults import Call, Fault, FaultKind
from connectors.sandbox.listings import Listing, Listings
from connectors.sandbox.marketplace import Incoming, Judge, Marketplace, Refused, Verdict, World

CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-client-secret"  # noqa: S105 - the sandbox's, fake and public
FS_ID = 13004
SHOP_ID = 479573
TOKEN_LIFETIME = 2_592_000
PRICE = 27_000

_DONE = "Your request has been processed successfully"


def _derive(sku: str) -> Listing:
    # 48 bits: real product ids exceed 32.
    number = int.from_bytes(hashlib.blake2b(sku.encode("utf-8", "replace"), digest_size=6).digest(), "big")
    return Listing(sku, str(number or 1))


class Tokopedia(Marketplace):
    """One shop on Tokopedia. The first of `warehouses` is its default."""

    name = "tokopedia"

    def __init__(
        self,
        world: World,
        limits: Limits,
        *,
        warehouses: tuple[str, ...],
        warehouse_required: bool = False,
        token_lifetime: float = TOKEN_LIFETIME,
    ) -> None:
        super().__init__(world, limits, Listings(_derive))
        self.warehouses = warehouses
        self.warehouse_required = warehouse_required
        self.token_lifetime = token_lifetime
        self._token = ""
        self._token_ends = 0.0

    def routes(self) -> list[Route]:
        """The endpoints, at the paths that the documents name."""
        stock = "stock/update"
        return [
            Route("/token", self._serve_token, methods=["POST"]),
            Route("/inventory/v1/fs/{fs_id}/" + stock, self._serve_update, methods=["POST"]),
            Route("/inventory/v1/fs//" + stock, self._serve_update, methods=["POST"]),
            Route("/inventory/v1/fs/{fs_id}/product/info", self._serve_products, methods=["GET"]),
            Route("/v1/shop/fs/{fs_id}/shop-info", self._serve_shop, methods=["GET"]),
        ]

    def stock(self, warehouse: str = "") -> dict[str, int]:
        """SKU to quantity in one warehouse, "" for the default one."""
        return self._stock.levels(warehouse or self.warehouses[0])

    @override
    def expire_token(self) -> None:
        """Make the token given out so far invalid."""
        self._token = ""

    @override
    def clear(self) -> None:
        """Back to an empty shop, full buckets, no token given out."""
        super().clear()
        self.expire_token()

    async def _serve_token(self, request: Request) -> Response:
        return await self.exchange(request, Call.TOKEN, self._give_token)

    async def _serve_update(self, request: Request) -> Response:
        return await self.exchange(request, Call.PUSH, self._admitted(Call.PUSH, self._update_stock))

    async def _serve_products(self, request: Request) -> Response:
        return await self.exchange(request, Call.READ, self._admitted(Call.READ, self._read_products))

    async def _serve_shop(self, request: Request) -> Response:
        return await self.exchange(request, Call.READ, self._admitted(Call.READ, self._read_shop))

    # Authentication

    def _give_token(self, incoming: Incoming, _fault: Fault) -> Verdict:
        expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        given = incoming.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Basic {expected}".encode()):
            wrong = {"status": "ERROR", "message": "Client ID not found"}
            raise Refused(Verdict(wrong, 401, said="wrong client"))
        form = parse_qsl(incoming.body.decode("latin-1")) if incoming.body else []
        if [*incoming.query, *form] != [("grant_type", "client_credentials")]:
            wrong = {"status": "ERROR", "message": "unsupported grant_type"}
            raise Refused(Verdict(wrong, 400, said="grant_type"))
        if not self._token or incoming.at >= self._token_ends:
            self._token = base64.b64encode(self._world.dice.randbytes(16)).decode().rstrip("=")
            self._token_ends = incoming.at + self.token_lifetime
        left = int(self._token_ends - incoming.at)
        return Verdict({"access_token": self._token, "expires_in": left, "token_type": "Bearer"})

    def _admitted(self, call: Call, judge: Judge) -> Judge:
        def judged(incoming: Incoming, fault: Fault) -> Verdict:
            self._admit(incoming, call)
            try:
                verdict = judge(incoming, fault)
            except checks.Invalid as invalid:
                verdict = self.failure(invalid.status, invalid.code, str(invalid))
            verdict.headers = self._quota_now(call)
            return verdict

        return judged

    def _admit(self, incoming: Incoming, call: Call) -> None:
        given = incoming.headers.get("authorization", "").encode()
        running = self._token and incoming.at < self._token_ends
        if not running or not hmac.compare_digest(given, f"Bearer {self._token}".encode()):
            raise Refused(Verdict({"message": "invalid_token"}, 401, said="invalid_token"))
        bucket = self._bucket_of_requests(call)
        if not bucket.take():
            refusal = self.failure(429, "", "Too Many Requests")
            refusal.headers = _quota(bucket)
            raise Refused(refusal)

    @override
    def failure(self, status: int, code: str, message: str) -> Verdict:
        """The documented envelope, or without a code the gateway's bare message."""
        if not code:
            return Verdict({"message": message or "error"}, status, said=f"{status} {message}".strip())
        header = {**self._header(message), "reason": message, "error_code": code}
        return Verdict({"header": header, "data": None}, status, said=f"{code} {message}".strip())

    def _header(self, messages: str) -> dict[str, Any]:
        return {"process_time": round(self._world.dice.random() / 10, 9), "messages": messages}

    def _quota_now(self, call: Call) -> dict[str, str]:
        counts_rows = call is Call.PUSH and self.limits.rows_per_second is not None
        return _quota(self._rows if counts_rows else self._bucket_of_requests(call))

    # Update Stock

    def _update_stock(self, incoming: Incoming, fault: Fault) -> Verdict:
        named = checks.named_once(incoming.query, {"shop_id", "warehouse_id", "bypass_update_product_status"})
        self._check_address(incoming, named)
        warehouse = self._warehouse(named)
        checks.boolean("bypass_update_product_status", named.get("bypass_update_product_status", "true"))
        orders = checks.rows(incoming.headers, incoming.body, self.limits.rows_per_request)
        self._check_products(orders)
        verdict = Verdict(None, warehouse=named.get("warehouse_id", ""), partial=True)
        succeeded, failed, asked, taken = [], [], [], []
        for order in orders:
            listing, message = self._row_verdict(order, fault)
            sku = listing.sku if listing else order.get("sku") or str(order["product_id"])
            row = Row(sku, warehouse, order["new_stock"])
            asked.append(row)
            if listing is not None and not message:
                taken.append(row)
                succeeded.append(self._succeeded(listing, row))
            else:
                failed.append(_failed(order, message))
                throttled = message == "ERR_TOO_MANY_REQUEST"
                verdict.throttled += throttled
                verdict.refused += not throttled
        data: dict[str, Any] = {"total_data": len(orders), "succeed_rows": len(succeeded)}
        data |= {"succeed_rows_data": succeeded, "failed_rows": len(failed), "failed_rows_data": failed}
        verdict.document = {"header": self._header(_DONE), "data": data}
        verdict.rows, verdict.taken = tuple(asked), tuple(taken)
        verdict.said = f"{len(succeeded)} taken, {len(failed)} failed"
        return verdict

    def _row_verdict(self, order: dict[str, Any], fault: Fault) -> tuple[Listing | None, str]:
        if not self._rows.take():
            return None, "ERR_TOO_MANY_REQUEST"
        listing = self._listing(order)
        if fault.kind is FaultKind.ROWS_REFUSED:
            return listing, fault.message or "Invalid SKU."
        if listing is None:
            return None, "Invalid SKU." if order.get("sku") else "Invalid Product ID."
        return listing, ""

    def _listing(self, order: Mapping[str, Any]) -> Listing | None:
        sku = order.get("sku")
        return self.listings.find(sku) if sku else self.listings.find_by_id(str(order["product_id"]))

    def _check_products(self, orders: Sequence[Mapping[str, Any]]) -> None:
        """Refuse a product that is named by its SKU in one row and by its id in another."""
        if len({bool(order.get("sku")) for order in orders}) < 2:  # noqa: PLR2004 - both ways of naming
            return
        found = [listing.sku for order in orders if (listing := self._listing(order)) is not None]
        if twice := [sku for sku, times in Counter(found).items() if times > 1]:
            raise checks.malformed("sku", twice[0], "given once")

    def _succeeded(self, listing: Listing, row: Row) -> dict[str, int]:
        entry = {"productID": int(listing.id), "warehouseID": int(row.warehouse), "shopID": SHOP_ID}
        # Zero values are left out, as the real answers do.
        if row.quantity:
            entry["stock"] = row.quantity
        return {**entry, "price": PRICE}

    def _check_address(self, incoming: Incoming, named: Mapping[str, str]) -> None:
        fs_id = checks.integer(incoming.parameters.get("fs_id", ""), "fs_id", ("PRD_DLV_001", "PRD_DLV_002"))
        shop_id = checks.integer(named.get("shop_id", ""), "shop_id", ("PRD_DLV_016", "PRD_DLV_003"))
        if (fs_id, shop_id) != (FS_ID, SHOP_ID):
            raise checks.Invalid("RBAC_MDLW_001", "shop is not connected to this app", 403)

    def _warehouse(self, named: Mapping[str, str]) -> str:
        if "warehouse_id" not in named:
            if self.warehouse_required:
                raise checks.Invalid("PRD_DLV_052", "warehouse_id cannot be empty")
            return self.warehouses[0]
        codes = ("PRD_DLV_019", "PRD_DLV_019")
        warehouse = str(checks.integer(named["warehouse_id"], "warehouse_id", codes))
        if warehouse not in self.warehouses:
            raise checks.Invalid("PRD_USC_021", "Warehouse Data Not Found")
        return warehouse

    @override
    def drop_row(self, document: Any) -> None:
        """Leave the last row out, and out of its count."""
        data = document["data"]
        kind = "succeed" if data["succeed_rows"] else "failed"
        data[f"{kind}_rows_data"].pop()
        data[f"{kind}_rows"] -= 1

    @override
    def miscount(self, document: Any) -> None:
        """Claim one failure that no row accounts for."""
        document["data"]["failed_rows"] += 1

    # Reading back

    def _read_products(self, incoming: Incoming, _fault: Fault) -> Verdict:
        allowed = {"product_id", "sku", "shop_id", "page", "per_page", "sort"}
        named = checks.named_once(incoming.query, allowed)
        asked = checks.one_of(named, ("product_id", "sku", "shop_id"))
        if asked == "shop_id":
            self._check_address(incoming, named)
            found = self._page(named)
        else:
            self._check_address(incoming, {"shop_id": str(SHOP_ID)})
            found = self._found(asked, named[asked])
        products = [self._product(listing) for listing in found]
        document = {"header": self._header(_DONE), "data": products or None}
        return Verdict(document, said=f"{len(products)} read")

    def _product(self, listing: Listing) -> dict[str, Any]:
        shown = {warehouse: self._stock.quantity(listing.sku, warehouse) for warehouse in self.warehouses}
        return reading.product(listing, shown, SHOP_ID, PRICE)

    def _found(self, asked: str, value: str) -> list[Listing]:
        if asked == "sku":
            listings = [self.listings.find(value)]
        else:
            listings = [self.listings.find_by_id(one) for one in value.split(",")]
        return [listing for listing in listings if listing is not None]

    def _page(self, named: Mapping[str, str]) -> list[Listing]:
        page = checks.number("page", named.get("page", ""), highest=1_000_000)
        per_page = checks.number("per_page", named.get("per_page", ""), highest=50)
        checks.number("sort", named.get("sort", "1"), highest=10)
        skus = self.listings.skus()[(page - 1) * per_page : page * per_page]
        return [listing for listing in map(self.listings.find, skus) if listing is not None]

    def _read_shop(self, incoming: Incoming, _fault: Fault) -> Verdict:
        named = checks.named_once(incoming.query, {"shop_id", "page", "per_page"})
        self._check_address(incoming, named)
        shop = reading.shop(SHOP_ID, self.warehouses)
        return Verdict({"header": self._header(_DONE), "data": [shop]}, said="shop read")


def _failed(order: Mapping[str, Any], message: str) -> dict[str, Any]:
    """A failed row in the documented form: the throttled one is shorter, and one by id has an empty sku."""
    by_sku = bool(order.get("sku"))
    row: dict[str, Any] = {"sku": order["sku"]} if by_sku else {"product_id": order["product_id"]}
    if message != "ERR_TOO_MANY_REQUEST":
        row |= {"product_url": ""} if by_sku else {"sku": "", "product_url": ""}
    return {**row, "new_stock": order["new_stock"], "message": message}


def _quota(bucket: Bucket) -> dict[str, str]:
    if bucket.rate is None:
        return {}
    # The documents show a negative zero for as long as something is left.
    reset_after = -0.0 if bucket.level() >= 1 else bucket.seconds_until(1)
    return {
        "X-Ratelimit-Limit": f"{bucket.rate:g} req/s (burst {bucket.burst})",
        "X-Ratelimit-Remaining": str(max(0, int(bucket.level()))),
        "X-Ratelimit-Reset-After": f"{reset_after:.6f}",
        "X-Ratelimit-Full-Reset-After": f"{bucket.seconds_until(bucket.burst):.6f}",
    }
