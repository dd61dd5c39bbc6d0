"""The sandbox's reading of the Tocobagus partner API: HMAC, Update Stocks, reading products back.

Documented on partners.toco.id: Authentication (guide), Update Stocks (Inventory), Get Product by SKU and List
Products. What is signed: method, path without `/api/v1` and without the query string, as it stands on the
wire, the four headers, and the SHA-256 of the raw body; `x-signature` is `sha256=` and lower-case hex.

Where the documents are silent, the sandbox decides:

* HTTP status: 200 wherever rows are reported, even if all of them failed; 401 with `AUTH_*`; 400, 413 (too
  many entries, or above 1 MiB) and 415 with `REQ_001`; 404 with `PRD_001`; 429 with `RATE_001`.
* Codes beside `AUTH_003`, `AUTH_010`, `INV_001` and `INV_002` are made up: `AUTH_001` a header is missing,
  `AUTH_004` unknown partner, `AUTH_005` unknown store, `AUTH_006` store token wrong or expired, `INV_003`
  unknown warehouse. An `externalId` that is not known is `INV_002`.
* The order of checks: headers, timestamp, partner, signature, store, store token, request limit.
* An id that several variants share is refused, as the prices page says of its own rows.
* With warehouses, a stock without warehouses goes to each of them, and the whole shop is their sum.
* An empty list, a repeated product, an unknown key and a negative stock refuse the whole request.
* Read-back documents; only that they hold stock and the warehouses' inventories is known.
"""

import hashlib
import hmac
import math
import re
import uuid
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import override

from connectors.sandbox import tocobagus_checks as checks
from connectors.sandbox.arrivals import Row
from connectors.sandbox.buckets import Limits
from connectors.sandbox.faults import Call, Fault, FaultKind
from connectors.sandbox.listings import Listing, Listings
from connectors.sandbox.marketplace import Incoming, Judge, Marketplace, Refused, Verdict, World

BASE_PATH = "/api/v1"
PARTNER_CLIENT_ID = "ptnr_sandbox"
SECRET_KEY = "sandbox-secret-key"  # noqa: S105 - the sandbox's, fake and public
STORE_CLIENT_ID = "str_sandbox"
STORE_TOKEN = "stkn_sandbox-store-token"  # noqa: S105 - the sandbox's, fake and public

_SIGNED = ("x-partner-client-id", "x-store-client-id", "x-store-token", "x-timestamp")
_EPOCH_MS = re.compile(r"[0-9]{1,15}")
_WINDOW_MS = 300_000
_REASONS = {
    "INV_001": ("Invalid SKU", "Product SKU not found"),
    "INV_002": ("Invalid Product ID", "Product ID not found"),
    "INV_003": ("Invalid Warehouse", "Warehouse not found"),
}


def _derive(sku: str) -> Listing:
    digest = hashlib.sha256(sku.encode("utf-8", "replace")).digest()
    return Listing(sku, str(uuid.UUID(bytes=digest[:16])), str(uuid.UUID(bytes=digest[16:])))


class Tocobagus(Marketplace):
    """One store on Tocobagus. Accepted rows take effect `apply_delay` seconds later."""

    name = "tocobagus"

    def __init__(
        self, world: World, limits: Limits, *, warehouses: tuple[str, ...], apply_delay: float
    ) -> None:
        super().__init__(world, limits, Listings(_derive))
        self.warehouses = warehouses
        self.apply_delay = apply_delay
        self.tells_retry_after = True

    def routes(self) -> list[Route]:
        """The endpoints, at the paths that the documents name."""
        store = BASE_PATH + "/partner/stores"
        return [
            Route(store + "/inventory", self._serve_update, methods=["PATCH"]),
            Route(store + "/products/sku/{sku:path}", self._serve_product, methods=["GET"]),
            Route(store + "/products", self._serve_products, methods=["GET"]),
        ]

    def stock(self, warehouse: str = "") -> dict[str, int]:
        """SKU to quantity in one warehouse; "" for the whole shop, which is the sum of its warehouses."""
        if warehouse or not self.warehouses:
            return self._stock.levels(warehouse)
        total: dict[str, int] = {}
        for one in self.warehouses:
            for sku, quantity in self._stock.levels(one).items():
                total[sku] = total.get(sku, 0) + quantity
        return total

    async def _serve_update(self, request: Request) -> Response:
        return await self.exchange(request, Call.PUSH, self._admitted(Call.PUSH, self._update_stocks))

    async def _serve_product(self, request: Request) -> Response:
        return await self.exchange(request, Call.READ, self._admitted(Call.READ, self._read_product))

    async def _serve_products(self, request: Request) -> Response:
        return await self.exchange(request, Call.READ, self._admitted(Call.READ, self._read_products))

    # Authentication

    def _admitted(self, call: Call, judge: Judge) -> Judge:
        def judged(incoming: Incoming, fault: Fault) -> Verdict:
            self._authenticate(incoming, fault)
            self._keep_limit(call)
            try:
                return judge(incoming, fault)
            except checks.Invalid as invalid:
                return self.failure(invalid.status, "REQ_001", str(invalid))

        return judged

    def _authenticate(self, incoming: Incoming, fault: Fault) -> None:
        headers = incoming.headers
        if missing := [name for name in (*_SIGNED, "x-signature") if not headers.get(name)]:
            raise self._unauthorised("AUTH_001", "Missing header", f"{missing[0]} is required", {})
        self._check_timestamp(headers["x-timestamp"], incoming.at)
        partner = headers["x-partner-client-id"]
        named = {"partnerClientId": partner}
        if partner != PARTNER_CLIENT_ID:
            raise self._unauthorised("AUTH_004", "Unknown partner", "Unknown x-partner-client-id", named)
        given = headers["x-signature"].encode("latin-1")
        if not hmac.compare_digest(given, _signature(incoming).encode()):
            raise self._unauthorised("AUTH_010", "Invalid signature", "Invalid HMAC signature", named)
        if headers["x-store-client-id"] != STORE_CLIENT_ID:
            raise self._unauthorised("AUTH_005", "Unknown store", "Unknown x-store-client-id", named)
        token = headers["x-store-token"].encode("latin-1")
        if fault.kind is FaultKind.TOKEN_EXPIRED or not hmac.compare_digest(token, STORE_TOKEN.encode()):
            raise self._unauthorised("AUTH_006", "Invalid store token", "Wrong or expired", named)

    def _check_timestamp(self, given: str, at: float) -> None:
        provided = int(given) if _EPOCH_MS.fullmatch(given) else None
        current = round(at * 1000)
        if provided is not None and abs(current - provided) <= _WINDOW_MS:
            return
        context: dict[str, object] = {"providedTimestamp": provided, "currentTime": current}
        if provided is not None:
            context["ageSeconds"] = (current - provided) // 1000
        hint = "Request timestamp must be within 300 seconds"
        raise self._unauthorised("AUTH_003", "Expired or invalid timestamp", hint, context, at)

    def _unauthorised(
        self, code: str, message: str, hint: str, context: dict[str, Any], at: float | None = None
    ) -> Refused:
        details = {"timestamp": self._moment(at), "hint": hint, "context": context}
        return Refused(self._failed(401, {"code": code, "message": message, "details": details}))

    def _keep_limit(self, call: Call) -> None:
        bucket = self._bucket_of_requests(call)
        if bucket.take():
            return
        refusal = self.failure(429, "RATE_001", "Too many requests")
        if self.tells_retry_after:
            refusal.headers = {"Retry-After": str(math.ceil(bucket.seconds_until(1)))}
        raise Refused(refusal)

    @override
    def failure(self, status: int, code: str, message: str) -> Verdict:
        """The documented failure envelope."""
        details = {"timestamp": self._moment()}
        return self._failed(
            status, {"code": code or "SRV_001", "message": message or "Error", "details": details}
        )

    def _failed(self, status: int, error: dict[str, Any]) -> Verdict:
        document = {"success": False, "error": error, "requestId": self._uuid()}
        return Verdict(document, status, said=f"{error['code']} {error['message']}")

    # Update Stocks

    def _update_stocks(self, incoming: Incoming, fault: Fault) -> Verdict:
        if incoming.query:
            raise checks.Invalid("query parameters: none")
        orders = checks.orders(incoming.headers, incoming.body, self.limits.rows_per_request)
        accepted: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        asked: list[Row] = []
        taken: list[Row] = []
        touched: set[str] = set()
        for index, order in enumerate(orders):
            listing, code = self._order_verdict(order, fault)
            sku = listing.sku if listing else order.value
            asked.extend(Row(sku, warehouse, quantity) for warehouse, quantity in order.quantities)
            if code or listing is None:
                errors.append(_error(index, order, code, fault))
                continue
            if sku in touched:
                raise checks.Invalid("items must not name the same product twice")
            touched.add(sku)
            accepted.append(_accepted(index, order, listing))
            taken.extend(self._spread(listing.sku, order))
        return Verdict(
            self._summary(accepted, errors),
            said=f"{len(accepted)} pending, {len(errors)} failed",
            rows=tuple(asked),
            taken=tuple(taken),
            refused=len(errors),
            partial=True,
        )

    def _order_verdict(self, order: checks.Order, fault: Fault) -> tuple[Listing | None, str]:
        if order.identifier == "sku":
            listing = self.listings.find(order.value)
        elif order.identifier == "id":
            listing = self.listings.find_by_id(order.value)
        else:
            listing = self.listings.find_by_external_id(order.value)
        if listing is None:
            return None, "INV_001" if order.identifier == "sku" else "INV_002"
        if fault.kind is FaultKind.ROWS_REFUSED:
            return listing, fault.code or "INV_001"
        if any(warehouse and warehouse not in self.warehouses for warehouse, _ in order.quantities):
            return listing, "INV_003"
        return listing, ""

    def _spread(self, sku: str, order: checks.Order) -> list[Row]:
        return [
            Row(sku, one, quantity)
            for warehouse, quantity in order.quantities
            for one in ([warehouse] if warehouse else self.warehouses or [""])
        ]

    def _summary(self, accepted: list[dict[str, Any]], errors: list[dict[str, Any]]) -> dict[str, Any]:
        total = len(accepted) + len(errors)
        return {
            **self._success("Stock update completed successfully"),
            "data": {
                "summary": {"total": total, "failed": len(errors), "pending": len(accepted)},
                "acceptedRows": accepted,
                "errors": errors,
                "batchId": self._uuid(),
            },
        }

    @override
    def drop_row(self, document: Any) -> None:
        """Leave the last row out, and out of its count."""
        data = document["data"]
        rows, count = ("acceptedRows", "pending") if data["acceptedRows"] else ("errors", "failed")
        data[rows].pop()
        data["summary"][count] -= 1

    @override
    def miscount(self, document: Any) -> None:
        """Claim one failure that no row accounts for."""
        document["data"]["summary"]["failed"] += 1

    # Reading back

    def _read_product(self, incoming: Incoming, _fault: Fault) -> Verdict:
        listing = self.listings.find(str(incoming.parameters["sku"]))
        if listing is None:
            return self.failure(404, "PRD_001", "Product not found")
        return Verdict({**self._success("Product found"), "data": self._product(listing)}, said="1 read")

    def _read_products(self, incoming: Incoming, _fault: Fault) -> Verdict:
        named = dict(incoming.query)
        page, limit = checks.number(named, "page", 1), checks.number(named, "limit", 20)
        if unknown := set(named) - {"page", "limit"}:
            raise checks.Invalid(f"not served here: {', '.join(sorted(unknown))}")
        skus = self.listings.skus()
        found = [self.listings.find(sku) for sku in skus[(page - 1) * limit : page * limit]]
        products = [self._product(listing) for listing in found if listing is not None]
        meta = {"page": page, "limit": limit, "total": len(skus)}
        document = {**self._success("Products found"), "data": products, "pagination": meta}
        return Verdict(document, said=f"{len(products)} read")

    def _product(self, listing: Listing) -> dict[str, Any]:
        places = self.warehouses or ("",)
        quantities = {place: self._stock.quantity(listing.sku, place) for place in places}
        return {
            "id": listing.id,
            "externalId": listing.external_id,
            "sku": listing.sku,
            "stock": sum(quantities.values()),
            "warehouses": [
                {"clientId": place, "stock": quantity} for place, quantity in quantities.items() if place
            ],
        }

    # Small documents

    def _success(self, message: str) -> dict[str, Any]:
        duration = self._world.dice.randint(5, 1000)
        meta = {"timestamp": self._moment(), "durationMs": duration, "dispatch": True}
        return {"success": True, "message": message, "requestId": self._uuid(), "meta": meta}

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._world.dice.getrandbits(128), version=4))

    def _moment(self, at: float | None = None) -> str:
        moment = datetime.fromtimestamp(self._world.now() if at is None else at, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _signature(incoming: Incoming) -> str:
    """`x-signature` as the guide builds it, over the bytes that came."""
    path = incoming.raw_path.removeprefix(BASE_PATH)
    named = [f"{name}:{incoming.headers[name]}" for name in _SIGNED]
    text = "\n".join([incoming.method, path, *named, hashlib.sha256(incoming.body).hexdigest()])
    return "sha256=" + hmac.new(SECRET_KEY.encode(), text.encode("latin-1"), hashlib.sha256).hexdigest()


def _accepted(index: int, order: checks.Order, listing: Listing) -> dict[str, Any]:
    by_sku = order.identifier == "sku"
    row: dict[str, Any] = {"rowIndex": index, "target": "variant" if by_sku else "product"}
    row |= {"id": listing.id, "externalId": listing.external_id}
    return {**row, "sku": order.value} if by_sku else row


def _error(index: int, order: checks.Order, code: str, fault: Fault) -> dict[str, Any]:
    message, reason = _REASONS.get(code, ("Rejected", "Rejected"))
    if fault.kind is FaultKind.ROWS_REFUSED and fault.message:
        message = reason = fault.message
    error = {"code": code, "message": message, "rowIndex": index, order.identifier: order.value}
    return {**error, "details": {"context": {"reason": reason}}}
