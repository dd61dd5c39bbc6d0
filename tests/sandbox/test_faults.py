import asyncio
import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sandbox import Call, Effect, Fault, FaultKind, Faults
from connectors.transport import parse_http_date

pytestmark = pytest.mark.anyio

ROWS = [{"sku": "A", "new_stock": 5}, {"sku": "B", "new_stock": 6}]
ENTRIES = [{"sku": "A", "stock": 5}, {"sku": "B", "stock": 6}]


@pytest.fixture(params=["tokopedia", "tocobagus"])
def marketplace(request, client):
    return getattr(client.sandbox, request.param)


@pytest.fixture
def push(client, marketplace):
    async def pushed():
        if marketplace.name == "tokopedia":
            return await client.update_stock(ROWS)
        return await client.update_stocks(ENTRIES)

    return pushed


@pytest.fixture
def shown(client, marketplace):
    def levels():
        client.clock.at += marketplace.apply_delay + 0.001
        return marketplace.stock()

    return levels


def rows_of(document):
    data = document["data"]
    named = ("succeed_rows_data", "failed_rows_data", "acceptedRows", "errors")
    return sum(len(data.get(name, [])) for name in named)


def counted(document):
    data = document["data"]
    summary = data.get("summary", {})
    return sum(
        data.get(n, 0) + summary.get(n, 0) for n in ("succeed_rows", "failed_rows", "pending", "failed")
    )


@pytest.mark.parametrize("body", ["json", "html", "empty"])
async def test_a_status_comes_with_its_body_and_nothing_takes_effect(client, push, shown, body):
    client.sandbox.faults.next(Fault(kind=FaultKind.STATUS, status=503, body=body))

    answer = await push()

    assert answer.status_code == 503
    assert {"json": b"{", "html": b"<", "empty": b""}[body] == answer.content[:1]
    assert shown() == {}


async def test_a_fault_hits_once_and_the_next_call_is_well(client, push, shown):
    client.sandbox.faults.next(Fault(kind=FaultKind.STATUS, status=500))

    statuses = [(await push()).status_code for _ in range(2)]

    assert statuses == [500, 200]
    assert shown() == {"A": 5, "B": 6}


async def test_a_gateway_may_fail_although_the_request_took_effect(client, push, shown):
    client.sandbox.faults.next(Fault(kind=FaultKind.STATUS, status=502, body="html", effect=Effect.NOW))

    assert (await push()).status_code == 502
    assert shown() == {"A": 5, "B": 6}


async def test_a_refusal_carries_the_code_in_the_form_of_each_marketplace(client, marketplace, push):
    client.sandbox.faults.next(
        Fault(kind=FaultKind.STATUS, status=500, code="PRD_GRPC_001", message="Failed Send GRPC Request")
    )

    document = (await push()).json()

    told = document["header"]["error_code"] if marketplace.name == "tokopedia" else document["error"]["code"]
    assert told == "PRD_GRPC_001"


async def test_a_throttling_answer_may_carry_any_headers(client, push):
    client.sandbox.faults.next(
        Fault(kind=FaultKind.STATUS, status=429, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
        Fault(kind=FaultKind.STATUS, status=429, headers={"X-Ratelimit-Reset-After": "soon"}),
    )

    first, second = await push(), await push()

    assert first.headers["retry-after"].startswith("Wed")
    assert second.headers["x-ratelimit-reset-after"] == "soon"


@pytest.mark.parametrize(
    ("kind", "after"), [(FaultKind.RESET, {}), (FaultKind.RESET_MIDWAY, {"A": 5, "B": 6})]
)
async def test_without_a_connection_a_reset_is_the_error_that_httpx_would_raise(
    client, push, shown, kind, after
):
    client.sandbox.faults.next(Fault(kind=kind))

    with pytest.raises(httpx.ReadError):
        await push()
    assert shown() == after


async def test_a_lost_answer_leaves_the_client_waiting_and_the_stock_set(client, push, shown):
    client.sandbox.faults.next(Fault(kind=FaultKind.HANG))

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await push()
    assert shown() == {"A": 5, "B": 6}


async def test_garbage_is_a_200_that_is_no_json(client, push):
    client.sandbox.faults.next(Fault(kind=FaultKind.GARBAGE))

    answer = await push()

    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


async def test_a_truncated_answer_ends_in_the_middle_of_its_json(client, push):
    client.sandbox.faults.next(Fault(kind=FaultKind.TRUNCATED))

    answer = await push()

    assert answer.status_code == 200
    assert answer.text.startswith("{")
    with pytest.raises(json.JSONDecodeError):
        answer.json()


async def test_a_missing_row_is_in_neither_the_lists_nor_the_counts(client, push, shown):
    client.sandbox.faults.next(Fault(kind=FaultKind.ROW_MISSING))

    document = (await push()).json()

    assert (rows_of(document), counted(document)) == (1, 1)
    assert shown() == {"A": 5, "B": 6}


async def test_a_miscount_contradicts_the_rows(client, push):
    client.sandbox.faults.next(Fault(kind=FaultKind.MISCOUNT))

    document = (await push()).json()

    assert (rows_of(document), counted(document)) == (2, 3)


async def test_all_rows_can_be_refused_with_a_message(client, push, shown):
    client.sandbox.faults.next(Fault(kind=FaultKind.ROWS_REFUSED, code="INV_009", message="No such luck"))

    data = (await push()).json()["data"]

    failed = data.get("failed_rows_data") or data["errors"]
    assert [row["message"] for row in failed] == ["No such luck", "No such luck"]
    assert shown() == {}


async def test_a_poison_sku_sinks_each_batch_that_carries_it(client):
    client.sandbox.faults.next(
        Fault(kind=FaultKind.STATUS, status=400, code="PRD_DLV_042", sku="B", times=None)
    )

    statuses = [(await client.update_stock(rows)).status_code for rows in (ROWS, ROWS[1:], ROWS[:1])]

    assert statuses == [400, 400, 200]
    assert client.sandbox.tokopedia.stock() == {"A": 5}


async def test_an_expired_token_is_refused_until_a_new_one_is_fetched(client):
    await client.sign_in()
    client.sandbox.faults.next(Fault(kind=FaultKind.TOKEN_EXPIRED, marketplace="tokopedia"))

    statuses = [(await client.update_stock(ROWS)).status_code for _ in range(2)]
    await client.sign_in()
    statuses.append((await client.update_stock(ROWS)).status_code)

    assert statuses == [401, 401, 200]


async def test_an_expired_store_token_is_refused(client):
    client.sandbox.faults.next(Fault(kind=FaultKind.TOKEN_EXPIRED, marketplace="tocobagus"))

    answer = await client.update_stocks(ENTRIES)

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "AUTH_006")


async def test_a_skewed_clock_says_what_time_it_thinks_it_is(client):
    client.sandbox.faults.next(Fault(kind=FaultKind.CLOCK_SKEW, skew=900, times=2))
    sent = round(client.clock() * 1000)

    refused = await client.update_stocks(ENTRIES)
    context = refused.json()["error"]["details"]["context"]
    taken = await client.update_stocks(ENTRIES, x_timestamp=str(context["currentTime"]))

    assert (context["currentTime"] - sent, context["ageSeconds"]) == (900_000, 900)
    assert parse_http_date(refused.headers["date"]) == int(client.clock() + 900)
    assert taken.status_code == 200


async def test_a_lie_is_answered_as_usual_and_never_applied(client, push, shown):
    client.sandbox.faults.next(Fault(kind=FaultKind.LIE))

    document = (await push()).json()

    assert (rows_of(document), counted(document)) == (2, 2)
    assert shown() == {}


async def test_a_late_request_overtakes_the_one_that_came_after_it(client):
    client.sandbox.faults.next(Fault(kind=FaultKind.LATE, delay=30))
    seen = []

    await client.update_stock([{"sku": "A", "new_stock": 1}])
    seen.append(client.sandbox.tokopedia.stock())
    await client.update_stock([{"sku": "A", "new_stock": 2}])
    seen.append(client.sandbox.tokopedia.stock())
    client.clock.at += 31
    seen.append(client.sandbox.tokopedia.stock())

    assert seen == [{}, {"A": 2}, {"A": 1}]


async def test_a_duplicated_request_is_applied_a_second_time(client):
    client.sandbox.faults.next(Fault(kind=FaultKind.TWICE, delay=30))
    await client.update_stock([{"sku": "A", "new_stock": 1}])
    first = client.sandbox.tokopedia.stock()
    await client.update_stock([{"sku": "A", "new_stock": 2}])
    client.clock.at += 31

    assert (first, client.sandbox.tokopedia.stock()) == ({"A": 1}, {"A": 1})


async def test_two_batches_of_the_asynchronous_marketplace_can_change_places(client):
    client.sandbox.faults.next(Fault(kind=FaultKind.LATE, delay=5, marketplace="tocobagus"))
    await client.update_stocks([{"sku": "A", "stock": 1}])
    await client.update_stocks([{"sku": "A", "stock": 2}])
    client.clock.at += 3
    between = client.sandbox.tocobagus.stock()
    client.clock.at += 10

    assert (between, client.sandbox.tocobagus.stock()) == ({"A": 2}, {"A": 1})


async def test_latency_before_taking_effect_delays_the_effect(client, push, marketplace):
    began = client.clock()
    client.sandbox.faults.next(Fault(kind=FaultKind.LATENCY, before=3, after=4))

    answer = await push()

    assert answer.status_code == 200
    assert client.clock() - began == pytest.approx(7)
    assert client.sandbox.arrivals()[-1].at == pytest.approx(began)


async def test_a_fault_for_one_marketplace_or_call_leaves_the_others_alone(client):
    client.sandbox.faults.next(
        Fault(kind=FaultKind.STATUS, marketplace="tocobagus"), Fault(kind=FaultKind.STATUS, call=Call.READ)
    )

    assert (await client.update_stock(ROWS)).status_code == 200
    assert (await client.update_stocks(ENTRIES)).status_code == 503
    assert (await client.read_tocobagus("/partner/stores/products")).status_code == 503


def test_a_scripted_queue_is_used_up_in_order():
    faults = Faults()
    faults.next(Fault(kind=FaultKind.RESET, times=2), Fault(kind=FaultKind.HANG))

    kinds = [faults.take("tokopedia", Call.PUSH, lambda _: False).kind for _ in range(4)]

    assert kinds == [FaultKind.RESET, FaultKind.RESET, FaultKind.HANG, FaultKind.NONE]


@given(st.integers())
def test_chances_fall_the_same_way_for_the_same_seed(seed):
    runs = []
    for _ in range(2):
        faults = Faults(seed)
        faults.at_random(0.3, Fault(kind=FaultKind.RESET))
        faults.at_random(0.3, Fault(kind=FaultKind.HANG))
        runs.append([faults.take("tokopedia", Call.PUSH, lambda _: False).kind for _ in range(50)])

    assert runs[0] == runs[1]


def test_chances_hit_about_as_often_as_they_say():
    faults = Faults(1)
    faults.at_random(0.2, Fault(kind=FaultKind.RESET))

    hits = sum(
        faults.take("tokopedia", Call.PUSH, lambda _: False).kind is FaultKind.RESET for _ in range(5000)
    )

    assert 900 < hits < 1100


faults_of_any_kind = st.builds(
    Fault,
    kind=st.sampled_from(FaultKind),
    marketplace=st.sampled_from(["", "tokopedia", "tocobagus"]),
    call=st.sampled_from(Call),
    sku=st.text(),
    times=st.none() | st.integers(1, 9),
    effect=st.none() | st.sampled_from(Effect),
    before=st.floats(0, 9),
    delay=st.floats(0, 9),
    skew=st.floats(-999, 999),
    status=st.integers(200, 599),
    body=st.sampled_from(["json", "html", "empty"]),
    headers=st.dictionaries(st.text(), st.text(), max_size=2),
)


@given(faults_of_any_kind)
def test_a_fault_survives_its_own_json(fault):
    assert Fault.parse(json.loads(json.dumps(fault.document()))) == fault


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        {},
        {"kind": "unheard of"},
        {"kind": "hang", "marketplace": "ebay"},
        {"kind": "hang", "spelled": "wrong"},
        {"kind": "status", "status": 99},
        {"kind": "status", "body": "xml"},
        {"kind": "late", "delay": -1},
        {"kind": "hang", "times": 0},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match=r"."):
        Fault.parse(wrong)
