"""The three connectors against what every connector must hold."""

import httpx
import pytest

from connectors import Identifier, StockUpdate, Surroundings, TryLater, memory, tocobagus, tokopedia
from connectors.conformance import ConnectorConformance
from connectors.sandbox import Sandbox

pytestmark = pytest.mark.anyio

BASE_URL = "https://market.example"


class TestMemory(ConnectorConformance):
    plugin = memory.plugin
    warehouses = ("", "2")

    @pytest.fixture(autouse=True)
    def marketplace(self):
        self.market = memory.MemoryMarketplace(unlisted={"nowhere"})

    def connect(self):
        plugin = memory.plugin_for(self.market)
        return plugin.connect(plugin.settings(), Surroundings(now=lambda: 0.0, timeout=1.0))

    async def stock(self, warehouse):
        return {sku: n for (sku, place), n in self.market.stock.items() if place == warehouse}

    def unlisted_sku(self):
        return "nowhere"

    def identifier(self, kind, sku):
        if kind == "sku":
            return super().identifier(kind, sku)
        self.market.ids[f"id of {sku}"] = sku
        return Identifier("id", f"id of {sku}")

    def unlisted_identifier(self, kind):
        return Identifier("id", "7") if kind == "id" else super().unlisted_identifier(kind)

    def failing_connectors(self):
        self.market.fail_next(TryLater("down"))
        return [self.connect()]


def failing_handlers(secrets):
    """Ways in which a marketplace can be out of order, telling secrets where it can."""
    leak = " ".join(secrets)

    def broken_door(request):
        raise httpx.ReadError(leak, request=request)

    def said(status, body):
        return lambda _request: httpx.Response(status, json=body, headers={"X-Echo": leak})

    yield broken_door
    for status in (200, 202, 204, 301, 400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503):
        yield said(status, leak)
        yield said(status, {"message": leak, "req_id": leak})
        yield said(status, {"header": {"messages": leak, "reason": leak, "error_code": leak}, "data": None})
        yield said(status, {"data": None, "status": leak, "error_message": [leak]})
        error = {"code": leak, "message": leak, "details": {"hint": leak, "context": {"reason": leak}}}
        yield said(status, {"success": False, "error": error, "requestId": leak})
    yield lambda _request: httpx.Response(200, content=b"<html>" + leak.encode())
    for status in (429, 503):
        for wait in ("-1", "nan", "inf", "1e999", "9" * 400, leak):
            yield told_to_wait(status, wait)


def told_to_wait(status, wait):
    names = ("Retry-After", "X-Ratelimit-Reset-After", "X-Ratelimit-Full-Reset-After", "X-Ratelimit-Limit")
    return lambda _request: httpx.Response(status, headers=dict.fromkeys(names, wait))


class RealConnector(ConnectorConformance):
    """What the connectors that speak HTTP have in common: the sandbox on virtual time."""

    __test__ = False
    hidden: tuple[str, ...]

    @pytest.fixture(autouse=True)
    def marketplace(self, clock):
        self.clock = clock
        self.sandbox = Sandbox(now=clock, tocobagus_warehouses=("wh_1", "wh_2"), apply_delay=0.0)
        settings = self.sandbox.channel_settings(BASE_URL)[self.name]
        self.settings = self.plugin.settings.model_validate(settings)

    @property
    def name(self):
        return self.plugin.settings.__module__.split(".")[1]

    def connect(self, transport=None):
        transport = transport or httpx.ASGITransport(self.sandbox.app)
        return self.plugin.connect(
            self.settings, Surroundings(now=self.clock, timeout=5.0, transport=transport)
        )

    async def push(self, connector, *updates):
        self.clock.at += 60  # the sandbox's buckets are full again
        return await super().push(connector, *updates)

    async def stock(self, warehouse):
        self.clock.at += 60
        return self.sandbox.marketplaces[self.name].stock(warehouse)

    def unlisted_sku(self):
        return "UNKNOWN-1"

    def identifier(self, kind, sku):
        listing = self.sandbox.marketplaces[self.name].listings.find(sku)
        names = {"sku": sku, "product_id": listing.id, "id": listing.id, "externalId": listing.external_id}
        return Identifier(kind, names[kind])

    def unlisted_identifier(self, kind):
        names = {"sku": self.unlisted_sku(), "product_id": "7"}
        return Identifier(kind, names.get(kind, "d4a8b8bc-de1d-40cb-98de-6783b3fdeab3"))

    def secrets(self):
        return self.hidden

    def failing_connectors(self):
        for handler in failing_handlers(self.hidden):
            yield self.connect(httpx.MockTransport(handler))


class TestTokopedia(RealConnector):
    __test__ = True
    plugin = tokopedia.plugin
    warehouses = ("1610", "1611")
    hidden = ("sandbox-client-secret", "c2FuZGJveC1jbGllbnQ6c2FuZGJveC1jbGllbnQtc2VjcmV0")

    async def test_without_a_warehouse_the_default_one_is_meant(self):
        connector = self.connect()

        await self.push(connector, StockUpdate("sku-1", "", 4))

        assert await self.stock("1610") == {"sku-1": 4}
        await connector.aclose()

    def failing_connectors(self):
        """Each failure once at the sign-in, and once after a sign-in that worked."""
        yield from super().failing_connectors()
        for handler in failing_handlers((*self.hidden, "running-token")):

            def signed_in(request, handler=handler):
                if request.url.path == "/token":
                    return httpx.Response(200, json={"access_token": "running-token", "expires_in": 60})
                return handler(request)

            yield self.connect(httpx.MockTransport(signed_in))

    def secrets(self):
        return (*self.hidden, "running-token")


class TestTocobagus(RealConnector):
    __test__ = True
    plugin = tocobagus.plugin
    warehouses = ("wh_1", "wh_2")
    hidden = ("sandbox-secret-key", "stkn_sandbox-store-token")

    async def test_without_a_warehouse_each_of_them_is_meant(self):
        connector = self.connect()

        await self.push(connector, StockUpdate("sku-1", "", 4))

        assert await self.stock("wh_1") == await self.stock("wh_2") == {"sku-1": 4}
        await connector.aclose()
