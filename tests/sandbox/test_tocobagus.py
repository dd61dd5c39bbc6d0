import json

import pytest

from connectors.sandbox import Limits, Listing, Sandbox

pytestmark = pytest.mark.anyio

DOCUMENTED = (
    b'{"items":[{"sku":"SKU-MRON-L","stock":55,"warehouses":["2026012714314318226016"]},'
    b'{"id":"c16785c6-f55a-4b1d-943c-621db1296357","stock":99,"warehouses":["2026012714314318226016"]},'
    b'{"sku":"SKU-BLK-XL","warehouses":[{"stock":8,"clientId":"wh_wh8-HpRcn3ZH"},'
    b'{"stock":12,"clientId":"wh_Xv53JrfSpHh7"},{"stock":2,"clientId":"wh_Xv53JrfSp37s"}]},'
    b'{"sku":"SKU-GRY-XL","stock":200},{"id":"d4a8b8bc-de1d-40cb-98de-6783b3fdeab3","stock":18}]}'
)
WAREHOUSES = ("2026012714314318226016", "wh_wh8-HpRcn3ZH", "wh_Xv53JrfSpHh7", "wh_Xv53JrfSp37s")
PARENT = ("8ae500ea-9b4d-4edb-a18f-b99f1d4aa955", "946b3ffa-5f9e-412e-acf4-eea306736e63")
SIMPLE = ("c16785c6-f55a-4b1d-943c-621db1296357", "bee2f8e5-ed8c-4b8e-97dc-208e45521909")


def code(answer):
    return answer.json()["error"]["code"]


@pytest.mark.parametrize("limits", [{"tocobagus_warehouses": WAREHOUSES}])
async def test_the_documented_example_request_gives_the_documented_answer(client):
    # The documented answer to row 1 carries another id than was asked for; the sandbox returns its own.
    client.sandbox.tocobagus.listings.only(
        [Listing("SKU-MRON-L", *PARENT), Listing("SKU-GRY-XL", *PARENT), Listing("SIMPLE", *SIMPLE)]
    )

    answer = await client.update_stocks(DOCUMENTED)

    document = answer.json()
    assert answer.status_code == 200
    assert list(document) == ["success", "message", "requestId", "meta", "data"]
    assert (document["success"], document["message"]) == (True, "Stock update completed successfully")
    assert document["meta"]["timestamp"] == "2026-02-04T19:26:36.936Z"
    assert list(document["meta"]) == ["timestamp", "durationMs", "dispatch"]
    assert document["data"]["summary"] == {"total": 5, "failed": 2, "pending": 3}
    parent = {"id": PARENT[0], "externalId": PARENT[1]}
    assert document["data"]["acceptedRows"] == [
        {"rowIndex": 0, "target": "variant", **parent, "sku": "SKU-MRON-L"},
        {"rowIndex": 1, "target": "product", "id": SIMPLE[0], "externalId": SIMPLE[1]},
        {"rowIndex": 3, "target": "variant", **parent, "sku": "SKU-GRY-XL"},
    ]
    assert document["data"]["errors"] == [
        {
            "code": "INV_001",
            "message": "Invalid SKU",
            "rowIndex": 2,
            "sku": "SKU-BLK-XL",
            "details": {"context": {"reason": "Product SKU not found"}},
        },
        {
            "code": "INV_002",
            "message": "Invalid Product ID",
            "rowIndex": 4,
            "id": "d4a8b8bc-de1d-40cb-98de-6783b3fdeab3",
            "details": {"context": {"reason": "Product ID not found"}},
        },
    ]
    assert len(document["data"]["batchId"]) == len(document["requestId"]) == 36


async def test_the_documented_expired_timestamp_gives_the_documented_context(client):
    answer = await client.update_stocks([{"sku": "A", "stock": 1}], x_timestamp="1770230415283")

    error = answer.json()["error"]
    assert answer.status_code == 401
    assert answer.json()["success"] is False
    assert error == {
        "code": "AUTH_003",
        "message": "Expired or invalid timestamp",
        "details": {
            "timestamp": "2026-02-04T19:26:36.936Z",
            "hint": "Request timestamp must be within 300 seconds",
            "context": {
                "providedTimestamp": 1770230415283,
                "currentTime": 1770233196936,
                "ageSeconds": 2781,
            },
        },
    }


async def test_a_wrong_signature_gives_the_documented_failure(client):
    answer = await client.update_stocks([{"sku": "A", "stock": 1}], key=b"wrong")

    assert answer.status_code == 401
    assert answer.json()["error"] == {
        "code": "AUTH_010",
        "message": "Invalid signature",
        "details": {
            "timestamp": "2026-02-04T19:26:36.936Z",
            "hint": "Invalid HMAC signature",
            "context": {"partnerClientId": "ptnr_sandbox"},
        },
    }
    assert client.sandbox.tocobagus.waiting() == 0


async def test_the_signature_covers_the_very_bytes_of_the_body(client):
    headers = client.signed("PATCH", "/partner/stores/inventory", b'{"items":[{"sku":"A","stock":1}]}')

    answer = await client.update_stocks(b'{"items": [{"sku": "A", "stock": 1}]}', headers=headers)

    assert code(answer) == "AUTH_010"


async def test_a_signature_without_its_prefix_or_over_the_base_path_is_wrong(client):
    body = b'{"items":[{"sku":"A","stock":1}]}'
    based = client.signed("PATCH", "/api/v1/partner/stores/inventory", body)

    bare = await client.update_stocks(body, prefix="")
    over_base = await client.update_stocks(body, headers=based)

    assert (code(bare), code(over_base)) == ("AUTH_010", "AUTH_010")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("x_partner_client_id", "ptnr_other", "AUTH_004"),
        ("x_store_client_id", "str_other", "AUTH_005"),
        ("x_store_token", "stkn_other", "AUTH_006"),
        ("x_store_token", "", "AUTH_001"),
        ("x_timestamp", "soon", "AUTH_003"),
        ("x_timestamp", "1770233196.936", "AUTH_003"),
    ],
)
async def test_each_header_is_checked(client, name, value, expected):
    answer = await client.update_stocks([{"sku": "A", "stock": 1}], **{name: value})

    assert (answer.status_code, code(answer)) == (401, expected)


@pytest.mark.parametrize(
    ("off_by_ms", "status"), [(300_000, 200), (-300_000, 200), (300_001, 401), (-300_001, 401)]
)
async def test_the_timestamp_may_be_off_by_300_seconds_and_no_more(client, off_by_ms, status):
    timestamp = str(round(client.clock() * 1000) + off_by_ms)

    answer = await client.update_stocks([{"sku": "A", "stock": 1}], x_timestamp=timestamp)

    assert answer.status_code == status


@pytest.mark.parametrize(
    "entry",
    [
        {"stock": 1},
        {"sku": "A"},
        {"sku": "A", "id": "B", "stock": 1},
        {"sku": "", "stock": 1},
        {"sku": 5, "stock": 1},
        {"sku": "A", "stock": 1.0},
        {"sku": "A", "stock": True},
        {"sku": "A", "stock": -1},
        {"sku": "A", "stock": "1"},
        {"sku": "A", "stock": 1, "price": 1},
        {"sku": "A", "stock": 1, "warehouses": []},
        {"sku": "A", "warehouses": ["wh_sandbox"]},
        {"sku": "A", "stock": 1, "warehouses": [{"clientId": "wh_sandbox", "stock": 1}]},
        {"sku": "A", "stock": 1, "warehouses": ["wh_sandbox", "wh_sandbox"]},
        {"sku": "A", "warehouses": [{"clientId": "wh_sandbox"}]},
        {"sku": "A", "warehouses": [{"clientId": "wh_sandbox", "stock": 1.5}]},
        {"sku": "A", "warehouses": "wh_sandbox", "stock": 1},
        "A",
    ],
)
async def test_an_entry_that_is_not_as_documented_refuses_the_whole_request(client, entry):
    answer = await client.update_stocks([{"sku": "GOOD", "stock": 1}, entry])

    assert (answer.status_code, code(answer)) == (400, "REQ_001")
    assert client.sandbox.tocobagus.waiting() == 0


@pytest.mark.parametrize(
    "body",
    [b"", b"[", b"[]", b"{}", b'{"items":[]}', b'{"items":{}}', b'{"items":[],"more":1}', b"[" * 100_000],
)
async def test_a_body_without_a_list_of_entries_is_refused(client, body):
    answer = await client.update_stocks(body)

    assert (answer.status_code, code(answer)) == (400, "REQ_001")


async def test_the_same_product_twice_is_refused_even_by_two_identifiers(client):
    await client.update_stocks([{"sku": "A", "stock": 1}])
    product = (await client.read_tocobagus("/partner/stores/products/sku/A")).json()["data"]

    by_sku = await client.update_stocks([{"sku": "A", "stock": 1}, {"sku": "A", "stock": 2}])
    by_both = await client.update_stocks([{"sku": "A", "stock": 1}, {"id": product["id"], "stock": 2}])

    assert (code(by_sku), code(by_both)) == ("REQ_001", "REQ_001")


async def test_more_entries_than_allowed_are_too_large(client):
    answer = await client.update_stocks([{"sku": f"A{number}", "stock": 1} for number in range(101)])

    assert answer.status_code == 413


async def test_another_content_type_is_refused(client):
    answer = await client.update_stocks([{"sku": "A", "stock": 1}], content_type="text/plain")

    assert answer.status_code == 415


async def test_an_accepted_row_takes_effect_after_the_delay_and_not_before(client):
    await client.update_stocks([{"sku": "A", "stock": 5}])

    assert client.sandbox.tocobagus.stock() == {}
    client.clock.at += 1.9
    assert client.sandbox.tocobagus.stock() == {}
    client.clock.at += 0.2
    assert client.sandbox.tocobagus.stock() == {"A": 5}


@pytest.mark.parametrize("limits", [{"tocobagus_warehouses": ("w1", "w2"), "apply_delay": 0}])
async def test_the_three_stock_forms_reach_the_warehouses_they_name(client):
    tocobagus = client.sandbox.tocobagus

    await client.update_stocks([{"sku": "ALL", "stock": 5}])
    await client.update_stocks([{"sku": "ONE", "stock": 3, "warehouses": ["w2"]}])
    each = [{"clientId": "w1", "stock": 1}, {"clientId": "w2", "stock": 2}]
    await client.update_stocks([{"sku": "EACH", "warehouses": each}])

    assert tocobagus.stock("w1") == {"ALL": 5, "EACH": 1}
    assert tocobagus.stock("w2") == {"ALL": 5, "ONE": 3, "EACH": 2}
    assert tocobagus.stock() == {"ALL": 10, "ONE": 3, "EACH": 3}


@pytest.mark.parametrize("limits", [{"tocobagus_warehouses": (), "apply_delay": 0}])
async def test_a_store_without_warehouses_takes_global_stock_only(client):
    answer = await client.update_stocks(
        [{"sku": "A", "stock": 5}, {"sku": "B", "stock": 5, "warehouses": ["w1"]}]
    )

    assert [error["code"] for error in answer.json()["data"]["errors"]] == ["INV_003"]
    assert client.sandbox.tocobagus.stock() == {"A": 5}


async def test_each_identifier_reaches_its_product_and_an_unknown_one_fails_alone(client):
    client.sandbox.tocobagus.listings.only(["A", Listing("B", "1", "2"), Listing("C", "2", "1")])

    answer = await client.update_stocks(
        [
            {"sku": "A", "stock": 1},
            {"id": "1", "stock": 2},
            {"externalId": "1", "stock": 3},
            {"id": "A", "stock": 4},
            {"externalId": "3", "stock": 5},
        ]
    )
    client.clock.at += 5

    errors = answer.json()["data"]["errors"]
    assert [(error["rowIndex"], error["code"]) for error in errors] == [(3, "INV_002"), (4, "INV_002")]
    assert (errors[0]["id"], errors[1]["externalId"]) == ("A", "3")
    assert client.sandbox.tocobagus.stock() == {"A": 1, "B": 2, "C": 3}


async def test_an_id_that_variants_share_is_refused(client):
    client.sandbox.tocobagus.listings.only([Listing("A", *PARENT), Listing("B", *PARENT)])

    answer = await client.update_stocks(
        [{"id": PARENT[0], "stock": 1}, {"externalId": PARENT[1], "stock": 1}]
    )

    assert [error["code"] for error in answer.json()["data"]["errors"]] == ["INV_002", "INV_002"]


async def test_a_product_reads_back_with_stock_and_warehouses(client):
    await client.update_stocks([{"sku": "A/1", "stock": 5}])
    client.clock.at += 2

    one = await client.read_tocobagus("/partner/stores/products/sku/A%2F1")
    page = await client.read_tocobagus("/partner/stores/products", page="1", limit="10")

    assert one.json()["data"]["stock"] == 5
    assert one.json()["data"]["warehouses"] == [{"clientId": "wh_sandbox", "stock": 5}]
    assert page.json()["data"] == [one.json()["data"]]
    assert page.json()["pagination"] == {"page": 1, "limit": 10, "total": 1}


async def test_an_unknown_sku_is_not_found_when_read(client):
    answer = await client.read_tocobagus("/partner/stores/products/sku/UNKNOWN-1")

    assert (answer.status_code, answer.json()["success"]) == (404, False)


async def test_a_limit_is_told_with_or_without_retry_after(client):
    tocobagus = client.sandbox.tocobagus
    tocobagus.limit(Limits(rows_per_request=100, requests_per_second=0.5, request_burst=1))
    await client.update_stocks([{"sku": "A", "stock": 1}])

    told = await client.update_stocks([{"sku": "A", "stock": 2}])
    tocobagus.tells_retry_after = False
    untold = await client.update_stocks([{"sku": "A", "stock": 2}])

    assert (told.status_code, told.headers["retry-after"]) == (429, "2")
    assert (untold.status_code, "retry-after" in untold.headers) == (429, False)


async def test_the_same_seed_gives_the_same_ids(client, clock):
    again = Sandbox(now=clock, sleep=clock.sleep)
    first = await client.update_stocks([{"sku": "A", "stock": 1}])

    client.http._transport.app = again.app
    second = await client.update_stocks([{"sku": "A", "stock": 1}])

    assert json.loads(first.text) == json.loads(second.text)
