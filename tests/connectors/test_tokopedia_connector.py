"""What the Tokopedia connector sends, and how it signs in."""

import asyncio
import json

import httpx
import pytest
from pydantic import ValidationError

from connectors import (
    AnswerUnusable,
    AuthenticationExpired,
    ChannelRefused,
    ConnectorError,
    Effect,
    OutcomeKind,
    StockUpdate,
    Surroundings,
    Throttled,
    TryLater,
    WarehouseRefused,
)
from connectors.tokopedia import plugin

pytestmark = pytest.mark.anyio

SETTINGS = {"fs_id": 13004, "shop_id": 479573, "client_id": "client", "client_secret": "hush"}
UPDATE = [StockUpdate("a", "", 1)]
ALL_TAKEN = {"header": {"messages": "ok"}, "data": {"succeed_rows": 1, "failed_rows": 0}}


class Market:
    """Answers sign-ins and calls from scripts, and remembers the requests."""

    def __init__(self, clock, **settings):
        self.clock = clock
        self.requests = []
        self.signed_in = 0
        self.sign_in = lambda: httpx.Response(
            200,
            json={"access_token": f"c:token-{self.signed_in}", "expires_in": 2592000, "token_type": "Bearer"},
        )
        self.call = lambda _request: httpx.Response(200, json=ALL_TAKEN)
        self.connector = plugin.connect(
            plugin.settings.model_validate(SETTINGS | settings),
            Surroundings(now=clock, timeout=1.0, transport=httpx.MockTransport(self.handle)),
        )

    async def handle(self, request):
        self.requests.append(request)
        await asyncio.sleep(0)
        if request.url.path != "/token":
            return self.call(request)
        self.signed_in += 1
        return self.sign_in()

    @property
    def calls(self):
        return [request for request in self.requests if request.url.path != "/token"]


@pytest.fixture
def market(clock):
    return Market(clock)


async def test_the_sign_in_is_as_documented(market):
    await market.connector.push(UPDATE)

    request = market.requests[0]
    assert str(request.url) == "https://accounts.tokopedia.com/token?grant_type=client_credentials"
    assert request.method == "POST"
    assert request.headers["authorization"] == "Basic Y2xpZW50Omh1c2g="
    assert request.headers["content-length"] == "0"
    assert "user-agent" in request.headers


async def test_the_overwrite_is_as_documented(market):
    await market.connector.push([StockUpdate("YS1234", "", 20), StockUpdate("ABC1234", "", 30)])

    (request,) = market.calls
    assert str(request.url) == "https://fs.tokopedia.net/inventory/v1/fs/13004/stock/update?shop_id=479573"
    assert request.method == "POST"
    assert request.headers["authorization"] == "Bearer c:token-1"
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.content) == [
        {"sku": "YS1234", "new_stock": 20},
        {"sku": "ABC1234", "new_stock": 30},
    ]


async def test_a_warehouse_and_the_bypass_are_query_parameters(clock):
    market = Market(clock, bypass_update_product_status=True)

    await market.connector.push([StockUpdate("a", "1610", 1)])

    assert dict(market.calls[0].url.params) == {
        "shop_id": "479573",
        "warehouse_id": "1610",
        "bypass_update_product_status": "true",
    }


@pytest.mark.parametrize("warehouse", ["JKT", "-1", "1.0", " 1", "1&shop_id=2", "١٢", "9" * 20])
async def test_a_warehouse_that_is_no_number_is_refused_before_anything_is_sent(market, warehouse):
    with pytest.raises(WarehouseRefused, match="is not a Tokopedia warehouse_id") as raised:
        await market.connector.push([StockUpdate("a", warehouse, 1)])

    assert raised.value.warehouse == warehouse
    assert market.requests == []


async def test_a_token_is_kept_until_shortly_before_it_expires(market, clock):
    await market.connector.push(UPDATE)
    clock.at += 2592000 - 61
    await market.connector.push(UPDATE)
    assert market.signed_in == 1

    clock.at += 2
    await market.connector.push(UPDATE)

    assert market.signed_in == 2
    assert market.calls[-1].headers["authorization"] == "Bearer c:token-2"


@pytest.mark.parametrize(
    ("expires_in", "kept"),
    [
        (10, 4.9),
        (0, None),
        (-5, None),
        (None, 10**9),
        ("soon", 10**9),
        (True, 10**9),
        (10**400, 10**9),
        (-(10**400), 10**9),
    ],
)
async def test_odd_token_lives_are_survived(market, clock, expires_in, kept):
    market.sign_in = lambda: httpx.Response(200, json={"access_token": "t", "expires_in": expires_in})
    await market.connector.push(UPDATE)
    clock.at += kept or 0
    await market.connector.push(UPDATE)

    assert market.signed_in == (2 if kept is None else 1)


async def test_calls_at_the_same_time_share_one_sign_in(market):
    await asyncio.gather(*(market.connector.push(UPDATE) for _ in range(4)))

    assert market.signed_in == 1


async def test_renewals_at_the_same_time_share_one_sign_in(market):
    await market.connector.push(UPDATE)

    await asyncio.gather(*(market.connector.renew() for _ in range(4)))

    assert market.signed_in == 2


async def test_a_renewal_is_never_answered_from_the_cache(market):
    await market.connector.push(UPDATE)
    await market.connector.renew()
    await market.connector.renew()
    await market.connector.push(UPDATE)

    assert market.signed_in == 3
    assert market.calls[-1].headers["authorization"] == "Bearer c:token-3"


async def test_an_expired_token_asks_for_renewal_and_is_not_retried_here(market):
    market.call = lambda _request: httpx.Response(401, json={"message": "invalid_token"})

    with pytest.raises(AuthenticationExpired):
        await market.connector.push(UPDATE)

    assert (market.signed_in, len(market.calls)) == (1, 1)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_a_refused_sign_in_stops_the_channel_and_names_the_keys(market, status):
    market.sign_in = lambda: httpx.Response(
        status, json={"status": "ERROR", "message": "Client ID not found hush"}
    )

    with pytest.raises(ChannelRefused, match="client_id and client_secret") as raised:
        await market.connector.push(UPDATE)

    assert "Client ID not found" in raised.value.message
    assert "hush" not in raised.value.message


@pytest.mark.parametrize(
    "response",
    [
        lambda: httpx.Response(200, text="<html>"),
        lambda: httpx.Response(200, json={}),
        lambda: httpx.Response(200, json=[]),
        lambda: httpx.Response(200, json={"access_token": ""}),
        lambda: httpx.Response(200, json={"access_token": "a\r\nX-Evil: 1"}),
        lambda: httpx.Response(200, json={"access_token": 7}),
        lambda: httpx.Response(502),
        lambda: httpx.Response(503),
        lambda: (_ for _ in ()).throw(httpx.ReadTimeout("slow")),
    ],
)
async def test_a_sign_in_that_fails_has_never_touched_any_stock(market, response):
    market.sign_in = response

    with pytest.raises(TryLater) as raised:
        await market.connector.push(UPDATE)

    assert raised.value.effect is Effect.NONE
    assert market.calls == []


async def test_a_throttled_sign_in_waits_as_told(market):
    market.sign_in = lambda: httpx.Response(429, headers={"Retry-After": "9"})

    with pytest.raises(Throttled) as raised:
        await market.connector.push(UPDATE)

    assert raised.value.retry_after == 9.0


async def test_a_sign_in_that_is_down_waits_as_told(market):
    market.sign_in = lambda: httpx.Response(503, headers={"Retry-After": "9"})

    with pytest.raises(TryLater) as raised:
        await market.connector.push(UPDATE)

    assert (raised.value.retry_after, raised.value.effect) == (9.0, Effect.NONE)


async def test_a_time_out_of_the_overwrite_stays_ambiguous(market):
    def slow(_request):
        raise httpx.ReadTimeout("slow")

    market.call = slow
    with pytest.raises(TryLater) as raised:
        await market.connector.push(UPDATE)

    assert raised.value.effect is Effect.AMBIGUOUS


async def test_an_echoed_token_is_hidden_also_after_its_renewal(market):
    await market.connector.push(UPDATE)
    await market.connector.renew()
    leak = {"header": {"messages": "c:token-1 c:token-2 Y2xpZW50Omh1c2g=", "error_code": "X"}, "data": None}
    market.call = lambda _request: httpx.Response(200, json=leak)

    with pytest.raises(AnswerUnusable) as raised:
        await market.connector.push(UPDATE)

    assert not any(s in raised.value.message for s in ("token-1", "token-2", "Y2xpZ"))


async def test_check_asks_for_the_shop_and_names_its_warehouses(market):
    shop = {
        "header": {},
        "data": [{"warehouses": [{"warehouse_id": 1610}, {"warehouse_id": 1611}, {"x": 1}, 3]}],
    }
    headers = {"X-Ratelimit-Limit": "5 req/s (burst 5)", "Date": "Tue, 24 Nov 2026 23:00:00 GMT"}
    market.call = lambda _request: httpx.Response(200, json=shop, headers=headers)

    told = await market.connector.check()

    assert str(market.calls[0].url) == ("https://fs.tokopedia.net/v1/shop/fs/13004/shop-info?shop_id=479573")
    assert market.calls[0].method == "GET"
    assert told.said == "signed in; shop 479573 answers; warehouses: 1610, 1611"
    assert told.warehouses == ("1610", "1611")
    assert (told.allowance.per_second, told.server_time) == (5, 1_795_561_200)
    assert told.may_update is None


@pytest.mark.parametrize(
    "data", [{}, [], [1], [{"warehouses": {}}], [{"warehouses": [{"warehouse_id": "x"}]}]]
)
async def test_check_survives_any_shape_of_shop(market, data):
    market.call = lambda _request: httpx.Response(200, json={"header": {}, "data": data})

    told = await market.connector.check()

    assert told.said.endswith("none named")
    assert told.warehouses is None


async def test_check_raises_what_the_account_is_refused_for(market):
    market.call = lambda _request: httpx.Response(
        403, json={"header": {"error_code": "RBAC_MDLW_001", "messages": "m"}, "data": None}
    )

    with pytest.raises(ChannelRefused, match="TikTok Shop"):
        await market.connector.check()


async def test_the_answer_is_read_row_by_row(market):
    answer = await market.connector.push(UPDATE)

    assert [outcome.kind for outcome in answer.outcomes] == [OutcomeKind.ACCEPTED]


async def test_after_a_failed_sign_in_the_next_call_signs_in_again(market):
    works = market.sign_in
    market.sign_in = lambda: httpx.Response(503)
    with pytest.raises(ConnectorError):
        await market.connector.push(UPDATE)
    market.sign_in = works

    await market.connector.push(UPDATE)

    assert market.signed_in == 2


@pytest.mark.parametrize(
    "change",
    [
        {"fs_id": 0},
        {"shop_id": "x"},
        {"client_id": "a:b"},
        {"client_id": "a b"},
        {"client_secret": ""},
        {"base_url": "http://fs.tokopedia.net"},
        {"token_url": "https://u:p@accounts.tokopedia.com/token"},
        {"client_secrte": "x"},
    ],
    ids=repr,
)
def test_settings_that_cannot_work_are_refused_without_showing_them(change):
    with pytest.raises(ValidationError) as raised:
        plugin.settings.model_validate(SETTINGS | change)

    assert "hush" not in str(raised.value)


def test_the_account_is_the_shop_and_where_it_answers():
    settings = plugin.settings.model_validate(SETTINGS)

    assert plugin.account(settings) == "https://fs.tokopedia.net shop 479573"
