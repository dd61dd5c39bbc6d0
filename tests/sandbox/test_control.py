import json
import tomllib

import pytest

from connectors.sandbox import Limits

pytestmark = pytest.mark.anyio


async def test_stock_is_shown_for_each_warehouse(client):
    await client.update_stock([{"sku": "A", "new_stock": 1}], warehouse_id="1611")
    await client.update_stocks([{"sku": "A", "stock": 2}])
    client.clock.at += 5

    stock = (await client.http.get("/sandbox/stock")).json()

    assert stock == {
        "tokopedia": {"1610": {}, "1611": {"A": 1}},
        "tocobagus": {"": {"A": 2}, "wh_sandbox": {"A": 2}},
    }


async def test_arrivals_are_told_in_order_from_a_number_on(client):
    await client.update_stock([{"sku": "A", "new_stock": 1}])
    await client.update_stocks([{"sku": "UNKNOWN-1", "stock": 2}])

    arrivals = (await client.http.get("/sandbox/arrivals", params={"since": 1})).json()

    assert [(one["number"], one["marketplace"], one["call"], one["status"]) for one in arrivals] == [
        (2, "tokopedia", "push", 200),
        (3, "tocobagus", "push", 200),
    ]
    assert arrivals[1]["rows"] == [{"sku": "UNKNOWN-1", "warehouse": "", "quantity": 2}]
    assert arrivals[1]["said"] == "0 pending, 1 failed"


async def test_counters_tell_requests_rows_and_refusals(client):
    client.sandbox.tokopedia.limit(Limits(rows_per_request=100, rows_per_second=1, row_burst=2))
    await client.update_stock([{"sku": sku, "new_stock": 1} for sku in ("A", "UNKNOWN-1", "C")])
    await client.update_stock([{}])

    counters = (await client.http.get("/sandbox/counters")).json()

    assert counters["tokopedia"] == {
        "requests": 3,
        "token_requests": 1,
        "push_requests": 2,
        "rows": 3,
        "rows_taken": 1,
        "rows_refused": 1,
        "rows_throttled": 1,
        "requests_refused": 1,
    }
    assert counters["tocobagus"] == {}


async def test_faults_can_be_scripted_seen_and_taken_away(client):
    script = [{"kind": "status", "status": 500, "marketplace": "tokopedia"}, {"kind": "lie", "rate": 0.5}]
    pending = (await client.http.post("/sandbox/faults", json=script)).json()
    answer = await client.update_stock([{"sku": "A", "new_stock": 1}])
    left = (await client.http.get("/sandbox/faults")).json()
    healed = (await client.http.delete("/sandbox/faults")).json()

    assert pending == [
        {"kind": "status", "status": 500, "marketplace": "tokopedia"},
        {"rate": 0.5, "kind": "lie"},
    ]
    assert answer.status_code == 500
    assert (left, healed) == ([{"rate": 0.5, "kind": "lie"}], [])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/sandbox/faults", "["),
        ("/sandbox/faults", '[{"kind": "hang"}, {"kind": "wrong"}]'),
        ("/sandbox/faults", '{"kind": "hang", "rate": 2}'),
        ("/sandbox/listings", '{"ebay": {"only": []}}'),
        ("/sandbox/listings", '{"tokopedia": {"some": []}}'),
        ("/sandbox/listings", '{"tokopedia": {"everything_but": "("}}'),
        ("/sandbox/listings", '{"tokopedia": {"only": [{"sku": "A", "id": "x"}]}}'),
        ("/sandbox/limits", '{"tokopedia": {"rows_per_second": -1}}'),
        ("/sandbox/limits", '{"tokopedia": 5}'),
    ],
)
async def test_a_wrong_wish_is_refused_and_changes_nothing(client, path, body):
    answer = await client.http.post(path, content=body)

    assert answer.status_code == 400
    assert answer.json()["error"]
    assert client.sandbox.faults.pending() == []


async def test_listings_can_be_named_one_by_one_or_excluded_by_pattern(client):
    wanted = {
        "tokopedia": {"only": ["A", {"sku": "B", "id": "77"}]},
        "tocobagus": {"everything_but": "OLD-"},
    }
    await client.http.post("/sandbox/listings", json=wanted)

    rows = [{"sku": "A", "new_stock": 1}, {"product_id": 77, "new_stock": 2}, {"sku": "C", "new_stock": 3}]
    tokopedia = (await client.update_stock(rows)).json()["data"]
    entries = [{"sku": sku, "stock": 1} for sku in ("UNKNOWN-1", "OLD-1")]
    tocobagus = (await client.update_stocks(entries)).json()["data"]

    assert [row["sku"] for row in tokopedia["failed_rows_data"]] == ["C"]
    assert [row["sku"] for row in tocobagus["errors"]] == ["OLD-1"]


async def test_listings_tell_their_ids_so_that_they_can_be_named_by_them(client):
    await client.http.post("/sandbox/listings", json={"tokopedia": {"only": [{"sku": "B", "id": "77"}]}})
    await client.update_stocks([{"sku": "A", "stock": 1}, {"sku": "OLD-1", "stock": 1}])
    await client.http.post("/sandbox/listings", json={"tocobagus": {"everything_but": "OLD-"}})

    told = (await client.http.get("/sandbox/listings")).json()
    (toco,) = told["tocobagus"]
    entries = [{"id": toco["id"], "stock": 7}]
    answer = (await client.update_stocks(entries)).json()["data"]

    assert told["tokopedia"] == [{"sku": "B", "id": "77", "external_id": ""}]
    assert toco["sku"] == "A"
    assert answer["summary"]["pending"] == 1


async def test_limits_change_from_now_on(client):
    answer = await client.http.post(
        "/sandbox/limits", json={"tokopedia": {"rows_per_second": 1, "row_burst": 1}}
    )
    pushed = await client.update_stock([{"sku": "A", "new_stock": 1}, {"sku": "B", "new_stock": 1}])

    assert answer.json()["tokopedia"]["rows_per_second"] == 1
    assert pushed.json()["data"]["succeed_rows"] == 1


async def test_a_reset_starts_again(client):
    await client.update_stock([{"sku": "A", "new_stock": 1}])
    await client.update_stocks([{"sku": "A", "stock": 1}])
    await client.http.post("/sandbox/faults", json={"kind": "hang", "times": None})

    await client.http.post("/sandbox/reset")
    client.clock.at += 10

    assert client.sandbox.tokopedia.stock() == client.sandbox.tocobagus.stock() == {}
    assert client.sandbox.arrivals() == []
    assert (await client.update_stock([{"sku": "A", "new_stock": 1}])).status_code == 401


async def test_the_page_shows_both_shops_and_trusts_nothing_that_came_in(client):
    await client.update_stock([{"sku": "<script>alert(1)</script>", "new_stock": 41}])
    await client.update_stocks([{"sku": "BLUE", "stock": 42}, {"sku": "\ud800", "stock": 1}])
    client.clock.at += 5
    await client.http.post("/sandbox/faults", json={"kind": "hang", "sku": "<b>"})

    page = (await client.http.get("/")).text

    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in page
    assert "<b>" not in page
    assert ">41<" in page
    assert ">42<" in page
    assert "hang" in page


def test_the_configuration_names_what_a_channel_needs(sandbox):
    channels = tomllib.loads(sandbox.configuration("http://127.0.0.1:1"))["channels"]

    settings = sandbox.channel_settings("http://127.0.0.1:1")
    tokopedia, tocobagus = channels["tokopedia-sandbox"], channels["tocobagus-sandbox"]
    assert settings["tokopedia"].items() <= tokopedia.items()
    assert settings["tocobagus"].items() <= tocobagus.items()
    assert (tokopedia["connector"], tocobagus["connector"]) == ("tokopedia", "tocobagus")
    assert tocobagus["warehouses"] == "single"
    assert "sandbox" in json.dumps(settings)


@pytest.mark.parametrize(
    "limits", [{"tokopedia_limits": Limits(rows_per_request=100, rows_per_second=5, row_burst=20)}]
)
def test_the_configuration_keeps_the_limits_of_the_sandbox(sandbox):
    channels = tomllib.loads(sandbox.configuration("http://127.0.0.1:1"))["channels"]

    limits = channels["tokopedia-sandbox"]["limits"]
    assert (limits["rows_per_request"], limits["rows_per_second"], limits["burst"]) == (20, 5, 20)
