"""What the Toco connector sends, and how it learns the server's clock."""

import asyncio
import hashlib
import hmac
import json

import httpx
import pytest
from pydantic import ValidationError

from connectors import (
    AuthenticationExpired,
    ChannelRefused,
    OutcomeKind,
    StockUpdate,
    Surroundings,
    TryLater,
)
from connectors.tocobagus import plugin

pytestmark = pytest.mark.anyio

SETTINGS = {
    "partner_client_id": "ptnr_AbC123",
    "secret_key": "hush",
    "store_client_id": "str_9xyZ",
    "store_token": "stkn_1G_R3r_5QTvwr_0O",
}
UPDATE = [StockUpdate("a", "", 1)]
ACCEPTED = {
    "success": True,
    "requestId": "r",
    "data": {
        "summary": {"total": 1, "failed": 0, "pending": 1},
        "acceptedRows": [{"rowIndex": 0, "sku": "a"}],
        "errors": [],
        "batchId": "b",
    },
}


def refused_timestamp(server_seconds=None, **headers):
    context = {} if server_seconds is None else {"currentTime": round(server_seconds * 1000)}
    error = {"code": "AUTH_003", "message": "Expired or invalid timestamp", "details": {"context": context}}
    return httpx.Response(401, json={"success": False, "error": error}, headers=headers)


class Store:
    """Answers from a script and remembers the requests."""

    def __init__(self, clock, **settings):
        self.requests = []
        self.answer = lambda _request: httpx.Response(200, json=ACCEPTED)
        self.connector = plugin.connect(
            plugin.settings.model_validate(SETTINGS | settings),
            Surroundings(now=clock, timeout=1.0, transport=httpx.MockTransport(self.handle)),
        )

    async def handle(self, request):
        self.requests.append(request)
        await asyncio.sleep(0)
        return self.answer(request)

    async def refuse_timestamp(self, response):
        self.answer = lambda _request: response
        with pytest.raises(AuthenticationExpired):
            await self.connector.push(UPDATE)
        self.answer = lambda _request: httpx.Response(200, json=ACCEPTED)

    async def timestamp(self):
        await self.connector.push(UPDATE)
        return int(self.requests[-1].headers["x-timestamp"]) / 1000


@pytest.fixture
def store(clock):
    return Store(clock)


def expected_signature(request, path):
    signed = ("x-partner-client-id", "x-store-client-id", "x-store-token", "x-timestamp")
    lines = [request.method, path, *(f"{name}:{request.headers[name]}" for name in signed)]
    lines.append(hashlib.sha256(request.content).hexdigest())
    return hmac.new(b"hush", "\n".join(lines).encode(), hashlib.sha256).hexdigest()


async def test_the_update_is_as_documented(store, clock):
    await store.connector.push([StockUpdate("a", "", 1)])

    (request,) = store.requests
    assert str(request.url) == "https://partners-api.tocobagus.net/api/v1/partner/stores/inventory"
    assert request.method == "PATCH"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-partner-client-id"] == "ptnr_AbC123"
    assert request.headers["x-store-client-id"] == "str_9xyZ"
    assert request.headers["x-store-token"] == "stkn_1G_R3r_5QTvwr_0O"
    assert request.headers["x-timestamp"] == str(round(clock.at * 1000))
    assert json.loads(request.content) == {"items": [{"sku": "a", "stock": 1}]}


@pytest.mark.parametrize(
    ("settings", "prefix", "path"),
    [
        ({}, "sha256=", "/partner/stores/inventory"),
        ({"signature_prefix": ""}, "", "/partner/stores/inventory"),
        ({"sign_base_path": True}, "sha256=", "/api/v1/partner/stores/inventory"),
    ],
)
async def test_exactly_the_bytes_that_are_sent_are_signed(clock, settings, prefix, path):
    store = Store(clock, **settings)
    store.answer = lambda _request: httpx.Response(503)

    with pytest.raises(TryLater):
        await store.connector.push([StockUpdate('é"☕', "wh_1", 1), StockUpdate('é"☕', "wh_2", 0)])

    (request,) = store.requests
    assert request.headers["x-signature"] == prefix + expected_signature(request, path)


async def test_the_answer_is_read_row_by_row(store):
    answer = await store.connector.push(UPDATE)

    assert [outcome.kind for outcome in answer.outcomes] == [OutcomeKind.ACCEPTED]
    assert (answer.request_id, answer.batch_id) == ("r", "b")


@pytest.mark.parametrize("ahead", [2781.653, -2781.653, 400.0])
async def test_the_clock_of_the_server_is_learnt_and_adopted_on_renewal(store, clock, ahead):
    await store.refuse_timestamp(refused_timestamp(clock.at + ahead))
    assert await store.timestamp() == clock.at

    await store.connector.renew()

    assert await store.timestamp() == pytest.approx(clock.at + ahead, abs=0.002)
    clock.at += 1000
    assert await store.timestamp() == pytest.approx(clock.at + ahead, abs=0.002)


async def test_the_date_header_serves_where_the_body_tells_no_time(store, clock):
    clock.at = 1_700_000_000.0 - 3600

    await store.refuse_timestamp(refused_timestamp(Date="Tue, 14 Nov 2023 22:13:20 GMT"))
    await store.connector.renew()

    assert await store.timestamp() == 1_700_000_000.0


async def test_without_any_time_told_a_renewal_stops_the_channel(store):
    await store.refuse_timestamp(refused_timestamp())

    with pytest.raises(ChannelRefused, match="clock"):
        await store.connector.renew()


async def test_a_renewal_out_of_the_blue_stops_the_channel(store):
    with pytest.raises(ChannelRefused, match="clock"):
        await store.connector.renew()


@pytest.mark.parametrize("ahead", [86_401, -86_401, 10**9])
async def test_a_clock_beyond_a_day_is_not_believed(store, clock, ahead):
    await store.refuse_timestamp(refused_timestamp(clock.at + ahead))

    with pytest.raises(ChannelRefused):
        await store.connector.renew()


async def test_an_offset_that_changes_nothing_stops_the_channel(store, clock):
    await store.refuse_timestamp(refused_timestamp(clock.at + 600))
    await store.connector.renew()
    await store.refuse_timestamp(refused_timestamp(clock.at + 600.4))

    with pytest.raises(ChannelRefused, match="timedatectl"):
        await store.connector.renew()


async def test_renewals_at_the_same_time_all_succeed(store, clock):
    store.answer = lambda _request: refused_timestamp(clock.at + 600)
    errors = await asyncio.gather(*(store.connector.push(UPDATE) for _ in range(4)), return_exceptions=True)
    assert [type(error) for error in errors] == [AuthenticationExpired] * 4

    await asyncio.gather(*(store.connector.renew() for _ in range(4)))

    store.answer = lambda _request: httpx.Response(200, json=ACCEPTED)
    assert await store.timestamp() == pytest.approx(clock.at + 600, abs=0.002)


async def test_a_clock_that_was_set_right_later_is_learnt_anew(store, clock):
    await store.refuse_timestamp(refused_timestamp(clock.at + 600))
    await store.connector.renew()
    clock.at += 600
    await store.refuse_timestamp(refused_timestamp(clock.at))
    await store.connector.renew()

    assert await store.timestamp() == pytest.approx(clock.at, abs=0.002)


async def test_check_reads_and_changes_nothing(store):
    store.answer = lambda _request: httpx.Response(200, json={"success": True, "data": {"items": []}})

    told = await store.connector.check()

    (request,) = store.requests
    assert request.method == "GET"
    assert str(request.url) == "https://partners-api.tocobagus.net/api/v1/partner/stores/products"
    assert request.headers["x-signature"] == "sha256=" + expected_signature(
        request, "/partner/stores/products"
    )
    assert told.said == "signed in; store str_9xyZ answers"


async def test_check_learns_the_clock_too(store, clock):
    store.answer = lambda _request: refused_timestamp(clock.at + 600)
    with pytest.raises(AuthenticationExpired):
        await store.connector.check()

    await store.connector.renew()


async def test_a_callers_fault_is_not_sent(store):
    with pytest.raises(ValueError, match="contradicting"):
        await store.connector.push([StockUpdate("a", "", 1), StockUpdate("a", "wh_1", 1)])

    assert store.requests == []


@pytest.mark.parametrize(
    "change",
    [
        {"partner_client_id": "a\r\nb"},
        {"store_client_id": "é"},
        {"store_client_id": ""},
        {"store_token": "stkn é"},
        {"secret_key": " "},
        {"signature_prefix": "sha1="},
        {"base_url": "http://partners-api.tocobagus.net/api/v1"},
        {"store_tokn": "x"},
    ],
    ids=repr,
)
def test_settings_that_cannot_work_are_refused_without_showing_them(change):
    with pytest.raises(ValidationError) as raised:
        plugin.settings.model_validate(SETTINGS | change)

    assert not any(secret in str(raised.value) for secret in ("hush", "stkn_1G", "stkn é"))


def test_the_account_is_the_store_and_where_it_answers():
    settings = plugin.settings.model_validate(SETTINGS)

    assert plugin.account(settings) == "https://partners-api.tocobagus.net/api/v1 store str_9xyZ"
