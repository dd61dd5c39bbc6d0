import base64

import pytest

from connectors.sandbox import Limits, Listing

pytestmark = pytest.mark.anyio

DONE = "Your request has been processed successfully"


def code(answer):
    return answer.json()["header"]["error_code"]


async def test_the_documented_example_request_succeeds_with_three_rows(client):
    client.sandbox.tokopedia.listings.only(["YS1234", "ABC1234", Listing("BY-ID", "15123699")])
    rows = [
        {"sku": "YS1234", "new_stock": 20},
        {"sku": "ABC1234", "new_stock": 30},
        {"product_id": 15123699, "new_stock": 40},
    ]

    answer = await client.update_stock(rows)

    assert answer.status_code == 200
    assert answer.json()["header"]["messages"] == DONE
    data = answer.json()["data"]
    assert {key: data[key] for key in ("failed_rows", "failed_rows_data", "succeed_rows")} == {
        "failed_rows": 0,
        "failed_rows_data": [],
        "succeed_rows": 3,
    }
    assert client.sandbox.tokopedia.stock() == {"YS1234": 20, "ABC1234": 30, "BY-ID": 40}


async def test_rows_that_are_not_listed_fail_as_in_the_documented_error_example(client):
    client.sandbox.tokopedia.listings.only([])
    rows = [
        {"product_id": 151231699, "new_stock": 40},
        {"sku": "ABC12314", "new_stock": 30},
        {"sku": "YS11234", "new_stock": 20},
    ]

    answer = await client.update_stock(rows)

    assert answer.status_code == 200
    assert answer.json()["header"]["messages"] == DONE
    assert answer.json()["data"] == {
        "total_data": 3,
        "succeed_rows": 0,
        "succeed_rows_data": [],
        "failed_rows": 3,
        "failed_rows_data": [
            {
                "product_id": 151231699,
                "sku": "",
                "product_url": "",
                "new_stock": 40,
                "message": "Invalid Product ID.",
            },
            {"sku": "ABC12314", "product_url": "", "new_stock": 30, "message": "Invalid SKU."},
            {"sku": "YS11234", "product_url": "", "new_stock": 20, "message": "Invalid SKU."},
        ],
    }


async def test_a_row_beyond_the_limit_fails_alone_as_the_rate_limit_page_shows(client):
    tokopedia = client.sandbox.tokopedia
    tokopedia.listings.only([Listing("A", "15362362"), Listing("B", "15362365")])
    tokopedia.limit(Limits(rows_per_request=100, rows_per_second=1, row_burst=1))

    answer = await client.update_stock(
        [{"product_id": 15362362, "new_stock": 45}, {"product_id": 15362365, "new_stock": 45}],
        warehouse_id="1610",
    )

    assert answer.json()["data"] == {
        "total_data": 2,
        "succeed_rows": 1,
        "succeed_rows_data": [
            {"productID": 15362362, "warehouseID": 1610, "shopID": 479573, "stock": 45, "price": 27000}
        ],
        "failed_rows": 1,
        "failed_rows_data": [{"product_id": 15362365, "new_stock": 45, "message": "ERR_TOO_MANY_REQUEST"}],
    }
    assert tokopedia.stock() == {"A": 45}


async def test_a_stock_of_zero_is_taken_and_left_out_of_the_answer(client):
    answer = await client.update_stock([{"sku": "A", "new_stock": 0}])

    assert "stock" not in answer.json()["data"]["succeed_rows_data"][0]
    assert client.sandbox.tokopedia.stock() == {"A": 0}


async def test_the_same_product_by_its_sku_and_by_its_id_refuses_the_whole_request(client):
    tokopedia = client.sandbox.tokopedia
    tokopedia.listings.only([Listing("A", "15"), Listing("B", "16")])
    tokopedia.limit(Limits(rows_per_request=100, rows_per_second=1, row_burst=2))

    twice = await client.update_stock([{"sku": "A", "new_stock": 1}, {"product_id": 15, "new_stock": 2}])
    apart = await client.update_stock([{"sku": "A", "new_stock": 1}, {"product_id": 16, "new_stock": 2}])

    assert (twice.status_code, code(twice)) == (400, "PRD_DLV_042")
    assert apart.json()["data"]["succeed_rows"] == 2
    assert tokopedia.stock() == {"A": 1, "B": 2}


async def test_an_id_is_found_once_its_product_is_known_and_not_after_it_is_sold_no_more(client):
    listings = client.sandbox.tokopedia.listings
    rows = [{"product_id": int(listings._derive("OLD-1").id), "new_stock": 5}]

    before = await client.update_stock(rows)
    await client.update_stock([{"sku": "OLD-1", "new_stock": 1}])
    known = await client.update_stock(rows)
    listings.everything(unknown="OLD-")
    after = await client.update_stock(rows)

    taken = [answer.json()["data"]["succeed_rows"] for answer in (before, known, after)]
    assert taken == [0, 1, 0]
    assert after.json()["data"]["failed_rows_data"][0]["message"] == "Invalid Product ID."


async def test_the_sku_wins_over_the_product_id(client):
    await client.update_stock([{"sku": "A", "product_id": 1, "new_stock": 5}])

    assert client.sandbox.tokopedia.stock() == {"A": 5}


@pytest.mark.parametrize(
    "row",
    [
        {"sku": "A", "new_stock": True},
        {"sku": "A", "new_stock": 1.0},
        {"sku": "A", "new_stock": "1"},
        {"sku": "A", "new_stock": -1},
        {"sku": "A", "new_stock": None},
        {"sku": "A"},
        {"new_stock": 1},
        {"sku": "", "new_stock": 1},
        {"sku": 5, "new_stock": 1},
        {"sku": "A" * 51, "new_stock": 1},
        {"product_id": "15", "new_stock": 1},
        {"product_id": True, "new_stock": 1},
        {"product_id": 0, "new_stock": 1},
        {"product_id": 2**63, "new_stock": 1},
        {"sku": "A", "new_stock": 1, "stock": 1},
        ["A", 1],
        "A",
    ],
)
async def test_a_row_that_is_not_as_documented_refuses_the_whole_request(client, row):
    answer = await client.update_stock([{"sku": "GOOD", "new_stock": 1}, row])

    assert answer.status_code == 400
    assert code(answer) == "PRD_DLV_042"
    assert answer.json()["data"] is None
    assert client.sandbox.tokopedia.stock() == {}


async def test_a_sku_of_fifty_characters_is_allowed(client):
    answer = await client.update_stock([{"sku": "A" * 50, "new_stock": 1}])

    assert answer.json()["data"]["succeed_rows"] == 1


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "PRD_DLV_015"),
        (b"[", "PRD_DLV_015"),
        (b"\xff", "PRD_DLV_015"),
        (b"[" * 100_000, "PRD_DLV_015"),
        (b"[]", "PRD_DLV_042"),
        (b'{"sku": "A", "new_stock": 1}', "PRD_DLV_042"),
        (b'[{"sku": "A", "new_stock": 1}, {"sku": "A", "new_stock": 2}]', "PRD_DLV_042"),
    ],
)
async def test_a_body_that_is_not_an_array_of_distinct_rows_is_refused(client, body, expected):
    answer = await client.update_stock(body)

    assert (answer.status_code, code(answer)) == (400, expected)


async def test_a_hundred_rows_are_allowed_and_one_more_is_not(client):
    rows = [{"sku": f"A{number}", "new_stock": number} for number in range(101)]

    allowed = await client.update_stock(rows[:100])
    refused = await client.update_stock(rows)

    assert allowed.json()["data"]["succeed_rows"] == 100
    assert (refused.status_code, code(refused)) == (400, "PRD_DLV_018")
    assert refused.json()["header"]["messages"] == "Max allowed products per-update are 100 products"


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"shop_id": ""}, "PRD_DLV_016"),
        ({"shop_id": "x"}, "PRD_DLV_003"),
        ({"shop_id": "1"}, "RBAC_MDLW_001"),
        ({"warehouse_id": ""}, "PRD_DLV_019"),
        ({"warehouse_id": "x"}, "PRD_DLV_019"),
        ({"warehouse_id": "99"}, "PRD_USC_021"),
        ({"bypass_update_product_status": "yes"}, "PRD_DLV_042"),
        ({"request_id": "1"}, "PRD_DLV_042"),
        ({"path": "/inventory/v1/fs//stock/update"}, "PRD_DLV_001"),
        ({"path": "/inventory/v1/fs/x/stock/update"}, "PRD_DLV_002"),
        ({"path": "/inventory/v1/fs/1/stock/update"}, "RBAC_MDLW_001"),
    ],
)
async def test_a_wrong_address_is_refused_with_its_code(client, params, expected):
    answer = await client.update_stock([{"sku": "A", "new_stock": 1}], **params)

    assert code(answer) == expected
    assert answer.status_code == (403 if expected.startswith("RBAC") else 400)
    assert client.sandbox.tokopedia.stock() == {}


async def test_a_warehouse_holds_its_own_stock_and_none_named_means_the_default(client):
    await client.update_stock([{"sku": "A", "new_stock": 1}])
    await client.update_stock([{"sku": "A", "new_stock": 2}], warehouse_id="1611")

    tokopedia = client.sandbox.tokopedia
    assert (tokopedia.stock(), tokopedia.stock("1610"), tokopedia.stock("1611")) == (
        {"A": 1},
        {"A": 1},
        {"A": 2},
    )


@pytest.mark.parametrize("limits", [{"warehouse_required": True}])
async def test_a_shop_may_insist_on_a_warehouse(client):
    answer = await client.update_stock([{"sku": "A", "new_stock": 1}])

    assert code(answer) == "PRD_DLV_052"


async def test_a_running_token_is_given_again_with_the_time_it_has_left(client):
    first = (await client.sign_in()).json()
    client.clock.at += 1_000
    again = (await client.sign_in()).json()
    client.clock.at += first["expires_in"]
    renewed = (await client.sign_in()).json()

    assert first == {"access_token": first["access_token"], "expires_in": 2592000, "token_type": "Bearer"}
    assert again == {**first, "expires_in": 2592000 - 1_000}
    assert renewed["access_token"] != first["access_token"]


async def test_the_grant_type_may_stand_in_the_form(client):
    answer = await client.http.post(
        "/token",
        data={"grant_type": "client_credentials"},
        auth=("sandbox-client", "sandbox-client-secret"),
    )

    assert answer.status_code == 200


async def test_a_wrong_client_gets_no_token(client):
    answer = await client.sign_in(secret="wrong")

    assert answer.status_code == 401
    assert answer.json() == {"status": "ERROR", "message": "Client ID not found"}


async def test_credentials_with_the_line_break_of_echo_get_no_token(client):
    encoded = base64.b64encode(b"sandbox-client:sandbox-client-secret\n").decode()
    answer = await client.http.post(
        "/token?grant_type=client_credentials", headers={"Authorization": f"Basic {encoded}"}
    )

    assert answer.status_code == 401


async def test_another_grant_type_gets_no_token(client):
    answer = await client.http.post("/token", auth=("sandbox-client", "sandbox-client-secret"))

    assert answer.status_code == 400


async def test_a_token_that_is_wrong_or_has_expired_is_refused(client):
    wrong = await client.update_stock([{"sku": "A", "new_stock": 1}], token="wrong")
    client.clock.at += 2592000
    expired = await client.update_stock([{"sku": "A", "new_stock": 1}])

    assert [(one.status_code, one.json()) for one in (wrong, expired)] == [
        (401, {"message": "invalid_token"}),
        (401, {"message": "invalid_token"}),
    ]


async def test_another_content_type_is_refused(client):
    await client.sign_in()
    answer = await client.http.post(
        "/inventory/v1/fs/13004/stock/update?shop_id=479573",
        content=b'[{"sku":"A","new_stock":1}]',
        headers={"Authorization": f"Bearer {client.token}", "Content-Type": "text/plain"},
    )

    assert code(answer) == "PRD_DLV_015"


async def test_a_product_reads_back_with_the_stock_that_was_set(client):
    answer = await client.update_stock([{"sku": "A", "new_stock": 7}])
    product_id = answer.json()["data"]["succeed_rows_data"][0]["productID"]

    by_sku = await client.read_tokopedia("/inventory/v1/fs/13004/product/info", sku="A")
    by_id = await client.read_tokopedia("/inventory/v1/fs/13004/product/info", product_id=product_id)
    by_page = await client.read_tokopedia(
        "/inventory/v1/fs/13004/product/info", shop_id="479573", page="1", per_page="50"
    )

    assert by_sku.json()["data"] == by_id.json()["data"] == by_page.json()["data"]
    product = by_sku.json()["data"][0]
    assert product["basic"]["productID"] == product_id
    assert product["stock"]["value"] == product["main_stock"] == 7
    assert product["other"]["sku"] == "A"
    assert [one.get("value") for one in (stock["stock"] for stock in product["warehouses"])] == [7, None]


async def test_a_page_beyond_the_last_and_an_unknown_sku_read_back_as_null(client):
    beyond = await client.read_tokopedia(
        "/inventory/v1/fs/13004/product/info", shop_id="479573", page="2", per_page="50"
    )
    unknown = await client.read_tokopedia("/inventory/v1/fs/13004/product/info", sku="UNKNOWN-1")

    assert beyond.json()["data"] is None
    assert unknown.json()["data"] is None


async def test_the_shop_names_its_warehouses_and_the_default(client):
    answer = await client.read_tokopedia("/v1/shop/fs/13004/shop-info", shop_id="479573")

    warehouses = answer.json()["data"][0]["warehouses"]
    assert [(one["warehouse_id"], one["is_default"]) for one in warehouses] == [(1610, 1), (1611, 0)]


async def test_product_ids_exceed_32_bits(client):
    answer = await client.update_stock([{"sku": f"A{number}", "new_stock": 1} for number in range(100)])

    ids = [row["productID"] for row in answer.json()["data"]["succeed_rows_data"]]
    assert max(ids) > 2**32
    assert len(set(ids)) == 100


async def test_a_request_above_one_mebibyte_is_too_large(client):
    answer = await client.update_stock(b" " * 1_048_577)

    assert answer.status_code == 413
