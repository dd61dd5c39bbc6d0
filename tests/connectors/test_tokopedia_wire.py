"""Tokopedia's answers, as its pages show them and as nobody should send them."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors import (
    Allowance,
    AnswerUnusable,
    AuthenticationExpired,
    BatchRefused,
    ChannelRefused,
    ConnectorError,
    Effect,
    Identifier,
    OutcomeKind,
    Reason,
    StockUpdate,
    Throttled,
    TryLater,
    WarehouseRefused,
)
from connectors.tokopedia import wire
from connectors.tokopedia.rows import stock_body
from connectors.tokopedia.wire import Reaction
from connectors.transport import Response

NOW = 1_700_000_000.0
ACCEPTED, REJECTED, DEFERRED, UNKNOWN = (
    OutcomeKind.ACCEPTED,
    OutcomeKind.REJECTED,
    OutcomeKind.DEFERRED,
    OutcomeKind.UNKNOWN,
)


def kinds(response, sent):
    return [outcome.kind for outcome in wire.read_stock_answer(response, sent, NOW).outcomes]


def failure(response, sent):
    with pytest.raises(ConnectorError) as raised:
        wire.read_stock_answer(response, sent, NOW)
    return raised.value


def rows(failed=(), succeed_rows=0, **more):
    return {
        "header": {"messages": "ok"},
        "data": {
            "failed_rows": len(failed),
            "failed_rows_data": list(failed),
            "succeed_rows": succeed_rows,
            **more,
        },
    }


def test_a_request_is_an_array_of_sku_and_new_stock(updates):
    body = stock_body(updates({"YS1234": 20, "ABC é": 0}))

    assert body == '[{"sku":"YS1234","new_stock":20},{"sku":"ABC é","new_stock":0}]'.encode()


def by_id(product_id, quantity, sku="s"):
    return StockUpdate(sku, "", quantity, Identifier("product_id", str(product_id)))


def by_sku(sku, quantity, own="s"):
    return StockUpdate(own, "", quantity, Identifier("sku", sku))


def test_a_row_has_the_one_identifier_that_the_shop_knows_the_listing_by():
    body = stock_body([StockUpdate("YS1234", "", 20), by_sku("ABC1234", 30), by_id(15123699, 40)])

    assert body == (
        b'[{"sku":"YS1234","new_stock":20},{"sku":"ABC1234","new_stock":30},'
        b'{"product_id":15123699,"new_stock":40}]'
    )


def test_a_product_id_beyond_every_float_arrives_to_the_last_digit():
    assert (
        stock_body([by_id(1729592969712207009, 1)]) == b'[{"product_id":1729592969712207009,"new_stock":1}]'
    )


MIXED = [by_id(151231699, 40), StockUpdate("ABC12314", "", 30), by_sku("YS11234", 20), by_id(7, 0)]
"""What the documented failures are about, and one row more; all of one SKU but the second."""


def test_failed_rows_are_found_by_whichever_identifier_was_sent(answered, document):
    value = document("tokopedia/all_failed.json")
    value["data"]["succeed_rows"] = 1

    outcomes = wire.read_stock_answer(answered(value), MIXED, NOW).outcomes

    assert [outcome.update for outcome in outcomes] == MIXED
    assert [outcome.kind for outcome in outcomes] == [REJECTED] * 3 + [ACCEPTED]
    assert [outcome.code for outcome in outcomes[:3]] == [
        "Invalid Product ID.",
        "Invalid SKU.",
        "Invalid SKU.",
    ]
    assert {outcome.reason for outcome in outcomes[:3]} == {Reason.NOT_LISTED}


def test_the_documented_throttled_row_is_deferred_where_its_product_id_was_sent(answered, document):
    sent = [by_id(15362362, 45, "a"), by_id(15362365, 45, "b")]

    assert kinds(answered(document("tokopedia/partly_throttled.json")), sent) == [ACCEPTED, DEFERRED]


@pytest.mark.parametrize(
    "row",
    [
        {"product_id": 7},
        {"product_id": 7, "sku": ""},
        {"product_id": 7, "sku": None},
        {"product_id": 7, "sku": "what the shop calls it"},
    ],
    ids=repr,
)
def test_a_failed_row_is_found_by_its_product_id_whatever_its_sku_says(answered, row):
    value = rows([{**row, "message": "no"}], 1)

    assert kinds(answered(value), [by_id(7, 1), StockUpdate("a", "", 2)]) == [REJECTED, ACCEPTED]


@pytest.mark.parametrize(
    "row",
    [
        {"product_id": 8},
        {"product_id": "7"},
        {"product_id": 7.0},
        {"product_id": True},
        {"product_id": None, "sku": "7"},
        {"product_id": 7, "sku": "a"},
        {"sku": "s"},
        {"sku": ""},
    ],
    ids=repr,
)
def test_a_failed_row_that_does_not_name_one_of_those_sent_proves_nothing(answered, row):
    """Neither by the seller's own SKU of what was sent by its product id, nor where two are named."""
    value = rows([{**row, "message": "no"}], 2)

    assert kinds(answered(value), [by_id(7, 1), by_id(1, 3), StockUpdate("a", "", 2)]) == [UNKNOWN] * 3


@pytest.mark.parametrize(
    "taken",
    [
        [{"productID": 7, "stock": 5}, {"productID": 99, "stock": 6}, {"productID": 8}],
        [{"productID": 8}, {"productID": 7, "stock": 5}, {"productID": 99, "stock": 6}],
        [{"productID": 7}, {"productID": 8}, {"productID": 99}],
        [{"productID": 7}, {"productID": 8}, {}],
        [{"stock": 6}, {"stock": 5}, {}],
        [{}, {}, {}],
        None,
    ],
    ids=repr,
)
def test_what_was_sent_by_product_id_is_taken_where_the_answer_names_it_or_names_none(answered, taken):
    sent = [by_id(7, 5), StockUpdate("a", "", 6), by_id(8, 0)]

    assert kinds(answered(rows([], 3, succeed_rows_data=taken)), sent) == [ACCEPTED] * 3


@pytest.mark.parametrize(
    "taken",
    [
        [{"productID": 7, "stock": 5}, {"productID": 99, "stock": 6}, {"productID": 9}],
        [{"productID": 7, "stock": 5}, {"productID": 99, "stock": 6}, {}],
        [{"productID": 7}, {"productID": 8, "stock": 5}, {"productID": 99, "stock": 6}],
        [{"productID": 7, "stock": 6}, {"productID": 8}, {"productID": 99, "stock": 5}],
        [{"productID": 7, "stock": 5}, {"productID": 7}, {"productID": 8, "stock": 6}],
        [{"productID": 7}, {"productID": 7}, {"productID": 8}],
        [{"productID": "7"}, {"productID": 8}, {"productID": 99}],
    ],
    ids=repr,
)
def test_an_answer_that_names_other_products_or_quantities_proves_nothing(answered, taken):
    sent = [by_id(7, 5), StockUpdate("a", "", 6), by_id(8, 0)]

    assert kinds(answered(rows([], 3, succeed_rows_data=taken)), sent) == [UNKNOWN] * 3


def test_the_documented_success_accepts_every_row(answered, document, updates):
    sent = updates({"a": 20, "b": 30, "c": 40})

    assert kinds(answered(document("tokopedia/all_taken.json")), sent) == [ACCEPTED] * 3


def test_failed_rows_are_found_by_sku_and_keep_the_order_sent(answered, document, updates):
    value = document("tokopedia/all_failed.json")
    del value["data"]["failed_rows_data"][0]
    value["data"] |= {"failed_rows": 2, "succeed_rows": 1}
    sent = updates({"YS11234": 20, "good": 1, "ABC12314": 30})

    answer = wire.read_stock_answer(answered(value), sent, NOW)

    assert [outcome.update for outcome in answer.outcomes] == sent
    assert [outcome.kind for outcome in answer.outcomes] == [REJECTED, ACCEPTED, REJECTED]
    assert answer.outcomes[0].reason is Reason.NOT_LISTED
    assert answer.outcomes[0].code == answer.outcomes[0].message == "Invalid SKU."


def test_a_failed_row_that_matches_nothing_sent_leaves_the_others_unknown(answered, document, updates):
    # The documented failure names one row by product_id only.
    sent = updates({"ABC12314": 30, "YS11234": 20, "third": 40})

    assert kinds(answered(document("tokopedia/all_failed.json")), sent) == [REJECTED, REJECTED, UNKNOWN]


def test_the_documented_throttled_row_has_no_sku_so_nothing_is_known(answered, document, updates):
    sent = updates({"a": 45, "b": 45})

    assert kinds(answered(document("tokopedia/partly_throttled.json")), sent) == [UNKNOWN, UNKNOWN]


def test_a_throttled_row_is_deferred_and_not_rejected(answered, updates):
    value = rows([{"sku": "b", "new_stock": 2, "message": "ERR_TOO_MANY_REQUEST"}], 1)

    outcomes = wire.read_stock_answer(answered(value), updates({"a": 1, "b": 2}), NOW).outcomes

    assert [outcome.kind for outcome in outcomes] == [ACCEPTED, DEFERRED]
    assert outcomes[1].reason is Reason.THROTTLED


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("Invalid SKU.", Reason.NOT_LISTED),
        ("Invalid SKU", Reason.NOT_LISTED),
        ("Invalid Product ID.", Reason.NOT_LISTED),
        ("Stock must not exceed 1000", Reason.QUANTITY),
        ("", Reason.QUANTITY),
        (None, Reason.QUANTITY),
    ],
)
def test_what_a_failed_row_says_decides_what_may_wake_it(answered, updates, message, reason):
    (outcome,) = wire.read_stock_answer(
        answered(rows([{"sku": "a", "message": message}])), updates({"a": 1}), NOW
    ).outcomes

    assert (outcome.kind, outcome.reason) == (REJECTED, reason)


@pytest.mark.parametrize(
    "changed",
    [
        {"succeed_rows": 1},
        {"succeed_rows": 3},
        {"succeed_rows": None},
        {"succeed_rows": "2"},
        {"succeed_rows": 2.0},
        {"failed_rows": 0},
        {"failed_rows": 2},
        {"failed_rows": True},
        {"total_data": 2},
        {"total_data": "3"},
        {"total_data": True},
        {"failed_rows_data": [{"sku": "b", "message": "x"}, {"sku": "b", "message": "x"}], "failed_rows": 2},
        {"failed_rows_data": [{"sku": "b", "message": "x"}, "Invalid SKU."], "failed_rows": 2},
        {"failed_rows_data": [{"sku": "b", "message": "x"}, {"product_id": 7}], "failed_rows": 1},
        {"failed_rows_data": [{"sku": "b", "message": "x"}, {"sku": "b", "message": "x"}]},
        {"failed_rows_data": [{"sku": "b", "message": "x"}, {"sku": "B"}], "failed_rows": 2},
        {"succeed_rows_data": []},
        {"succeed_rows_data": {}},
        {"succeed_rows_data": [1, 2]},
        {"succeed_rows_data": [{"stock": 1}, {"stock": 4}]},
        {"succeed_rows_data": [{"stock": 1}, {}]},
        {"succeed_rows_data": [{"stock": 1}, {"stock": "3"}]},
    ],
    ids=repr,
)
def test_an_answer_that_does_not_add_up_proves_only_what_it_names(answered, updates, changed):
    value = rows([{"sku": "b", "message": "x"}], 2) | {}
    value["data"] |= changed

    assert kinds(answered(value), updates({"a": 1, "b": 2, "c": 3})) == [UNKNOWN, REJECTED, UNKNOWN]


@pytest.mark.parametrize("named", ["nonsense", {}, 0, [], None], ids=repr)
def test_failures_that_are_counted_but_not_named_leave_all_rows_unknown(answered, updates, named):
    value = rows([], 1, failed_rows_data=named)
    value["data"]["failed_rows"] = 1

    assert kinds(answered(value), updates({"a": 1, "b": 2})) == [UNKNOWN, UNKNOWN]


@pytest.mark.parametrize(
    "data",
    [
        {"succeed_rows": 2, "failed_rows": 0, "failed_rows_data": None},
        {"succeed_rows": 2},
        {"succeed_rows": 2, "total_data": 2, "succeed_rows_data": None},
        {"succeed_rows": 2, "succeed_rows_data": [{"productID": 1}, {"productID": 2}]},
        {"succeed_rows": 2, "succeed_rows_data": [{"stock": 5}, {"productID": 2}]},
        {"succeed_rows": 2, "succeed_rows_data": [{"stock": 0}, {"stock": 5}]},
    ],
    ids=repr,
)
def test_dropped_zeros_and_missing_lists_are_read_as_documented_clients_do(answered, updates, data):
    assert kinds(answered({"header": {}, "data": data}), updates({"a": 5, "b": 0})) == [ACCEPTED, ACCEPTED]


@pytest.mark.parametrize("error_code", ["", 0, None])
def test_an_empty_error_code_is_no_error(answered, updates, error_code):
    value = rows([], 1)
    value["header"]["error_code"] = error_code

    assert kinds(answered(value), updates({"a": 1})) == [ACCEPTED]


@pytest.mark.parametrize("error_code", ["NEW_001", 17, True, ["x"], {"a": 1}])
def test_a_code_that_nobody_knows_is_never_a_success(answered, updates, error_code):
    value = rows([], 1)
    value["header"]["error_code"] = error_code

    assert type(failure(answered(value), updates({"a": 1}))) is AnswerUnusable
    assert type(failure(answered(value, 400), updates({"a": 1}))) is BatchRefused
    assert type(failure(answered(value, 403), updates({"a": 1}))) is ChannelRefused


def test_data_null_is_not_a_success_and_a_server_problem_is_tried_later(answered, document, updates):
    error = failure(answered(document("tokopedia/server_problem.json")), updates({"a": 1}))

    assert (type(error), error.effect) == (TryLater, Effect.UNCERTAIN)
    assert type(failure(answered({"header": {}, "data": None}), updates({"a": 1}))) is AnswerUnusable


def test_every_code_of_the_page_update_stock_is_classified():
    from pathlib import Path

    codes = (Path(__file__).parent / "fixtures/tokopedia/error_codes.txt").read_text().split()

    assert len(codes) == 24
    assert set(codes) <= set(wire.REACTIONS)


KIND_OF = {
    Reaction.TRY_LATER: (TryLater, Effect.UNCERTAIN),
    Reaction.UPSTREAM_LOST: (TryLater, Effect.AMBIGUOUS),
    Reaction.BATCH: (BatchRefused, Effect.NONE),
    Reaction.WAREHOUSE: (WarehouseRefused, Effect.NONE),
    Reaction.CHANNEL: (ChannelRefused, Effect.NONE),
}


@pytest.mark.parametrize("status", [200, 400, 401, 403, 500])
@pytest.mark.parametrize("code", sorted(wire.REACTIONS))
def test_a_known_code_decides_whatever_the_status(answered, updates, code, status):
    value = {"header": {"messages": "m", "reason": "r", "error_code": code}, "data": None}

    error = failure(answered(value, status), updates({"a": 1}, "1610"))

    assert (type(error), error.effect) == KIND_OF[wire.REACTIONS[code]]
    assert (error.code, error.status) == (code, status)
    if isinstance(error, WarehouseRefused):
        assert error.warehouse == "1610"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("PRD_GRPC_003", TryLater),
        ("PRD_API_001", TryLater),
        ("PRD_CACHE_002", TryLater),
        ("PRD_DB_009", TryLater),
        ("OPENAPI_DB_002", TryLater),
        ("SHP_GRPC_002", TryLater),
        ("PRD_DLV_055", BatchRefused),
        ("RBAC_USC_099", ChannelRefused),
    ],
)
def test_a_code_of_a_known_family_is_read_like_its_family(answered, updates, code, kind):
    value = {"header": {"error_code": code}, "data": None}

    assert type(failure(answered(value), updates({"a": 1}))) is kind


@pytest.mark.parametrize(
    ("message", "kind"),
    [("invalid_token", AuthenticationExpired), ("unauthorized_ip_address", ChannelRefused)],
)
@pytest.mark.parametrize("status", [200, 400, 401, 403, 500])
def test_the_gateway_is_understood_whatever_the_status(answered, updates, message, kind, status):
    error = failure(answered({"message": message, "req_id": "1"}, status), updates({"a": 1}))

    assert type(error) is kind
    assert error.code == message


def test_an_unlisted_address_comes_with_advice(answered, updates):
    error = failure(answered({"message": "unauthorized_ip_address"}, 403), updates({"a": 1}))

    assert "whitelist" in error.message


def test_the_old_envelope_is_judged_by_what_it_says(answered, document, updates):
    shop = failure(answered(document("tokopedia/old_envelope.json")), updates({"a": 1}))
    other = {"data": None, "status": "400 Bad Request", "error_message": ["Body is odd"]}

    assert type(shop) is ChannelRefused
    assert type(failure(answered(other), updates({"a": 1}))) is BatchRefused
    assert type(failure(answered(other | {"status": "503 Down"}), updates({"a": 1}))) is TryLater
    assert type(failure(answered(other | {"status": 7}), updates({"a": 1}))) is AnswerUnusable


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'"ok"', b'{"header":', b"{}"])
def test_a_success_that_cannot_be_read_is_unusable(answered, updates, body):
    assert type(failure(answered(body), updates({"a": 1}))) is AnswerUnusable


@pytest.mark.parametrize("data", [[], [1], "ok", 1, True])
def test_data_that_holds_no_rows_is_unusable(answered, updates, data):
    assert type(failure(answered({"header": {}, "data": data}), updates({"a": 1}))) is AnswerUnusable


@pytest.mark.parametrize("status", [201, 202, 207])
def test_any_2xx_is_a_success(answered, updates, status):
    assert kinds(answered(rows([], 1), status), updates({"a": 1})) == [ACCEPTED]


@pytest.mark.parametrize("status", [302, 400, 403, 404, 429, 500, 502, 503])
def test_rows_under_a_failing_status_prove_nothing(answered, updates, status):
    assert failure(answered(rows([], 1), status), updates({"a": 1})).status == status


def test_the_documented_limit_headers_become_an_allowance(answered, updates):
    response = answered(
        rows([], 1),
        X_Ratelimit_Full_Reset_After="0.200000",
        X_Ratelimit_Limit="5 req/s (burst 5)",
        X_Ratelimit_Remaining="3",
        X_Ratelimit_Reset_After="-0.000000",
    )

    answer = wire.read_stock_answer(response, updates({"a": 1}), NOW)

    assert answer.allowance == Allowance(per_second=5.0, burst=5, remaining=3, reset_after=0.0)
    assert str(answer.allowance.reset_after) == "0.0"


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x-ratelimit-limit", "unlimited"),
        ("x-ratelimit-limit", "0 req/s (burst 0)"),
        ("x-ratelimit-limit", "5 req/min (burst 5)"),
        ("x-ratelimit-limit", "9" * 400 + " req/s"),
        ("x-ratelimit-remaining", "many"),
        ("x-ratelimit-reset-after", "NaN"),
        ("x-ratelimit-reset-after", "inf"),
        ("x-ratelimit-reset-after", "1e9"),
    ],
)
def test_a_limit_header_that_makes_no_sense_says_nothing(header, value):
    assert wire.read_allowance({header: value}) == Allowance()


@given(st.text(), st.text(), st.text())
def test_limit_headers_never_fail_and_never_say_less_than_nothing(limit, remaining, reset):
    allowance = wire.read_allowance(
        {
            "x-ratelimit-limit": limit,
            "x-ratelimit-remaining": remaining,
            "x-ratelimit-reset-after": reset,
        }
    )

    for value in (allowance.per_second, allowance.burst):
        assert value is None or value > 0
    for value in (allowance.remaining, allowance.reset_after):
        assert value is None or 0 <= value < 10**9


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "3", "X_Ratelimit_Reset_After": "0.5"}, 3.0),
        ({"X_Ratelimit_Reset_After": "0.5", "X_Ratelimit_Full_Reset_After": "2.5"}, 0.5),
        ({"X_Ratelimit_Reset_After": "-0.000000", "X_Ratelimit_Full_Reset_After": "0.2"}, 0.2),
        ({"X_Ratelimit_Reset_After": "-0.000000"}, 0.0),
        ({"X_Ratelimit_Full_Reset_After": "nan"}, None),
        ({}, None),
    ],
)
def test_a_429_waits_as_the_headers_tell(answered, updates, headers, seconds):
    error = failure(answered({"message": "slow down"}, 429, **headers), updates({"a": 1}))

    assert (type(error), error.retry_after) == (Throttled, seconds)


def test_a_429_tells_its_limit_as_an_answer_does(answered, updates):
    told = {"X_Ratelimit_Limit": "5 req/s (burst 7)", "X_Ratelimit_Remaining": "0"}

    error = failure(answered({"message": "slow down"}, 429, **told), updates({"a": 1}))

    assert error.allowance == Allowance(per_second=5.0, burst=7, remaining=0)


@pytest.mark.parametrize("code", ["", "NEW_001", "PRD_API_007", "PRD_DLV_042", "PRD_USC_010", "RBAC_USC_012"])
@pytest.mark.parametrize("data", [None, {"succeed_rows": 1}])
def test_a_429_is_about_the_pace_whatever_its_body_says(answered, updates, code, data):
    value = {"header": {"error_code": code}, "data": data}

    error = failure(answered(value, 429, Retry_After="3"), updates({"a": 1}))

    assert (type(error), error.retry_after, error.code) == (Throttled, 3.0, code)


@pytest.mark.parametrize("code", ["PRD_API_007", "PRD_GRPC_001", ""])
def test_a_service_that_is_down_may_say_how_long(answered, updates, code):
    value = {"header": {"error_code": code}, "data": None}

    error = failure(answered(value, 503, Retry_After="120"), updates({"a": 1}))

    assert (type(error), error.retry_after) == (TryLater, 120.0)


def test_a_server_problem_under_a_200_may_say_how_long(answered, document, updates):
    error = failure(answered(document("tokopedia/server_problem.json"), Retry_After="4"), updates({"a": 1}))

    assert (type(error), error.retry_after) == (TryLater, 4.0)


def test_what_is_quoted_never_holds_a_secret_that_was_echoed(answered, updates):
    value = {"header": {"messages": "Bearer tok-1", "reason": "tok-1", "error_code": "tok-1"}, "data": None}
    row = rows([{"sku": "a", "message": "tok-1 is bad"}])

    with pytest.raises(ConnectorError) as raised:
        wire.read_stock_answer(answered(value), updates({"a": 1}), NOW, {"tok-1"})
    (outcome,) = wire.read_stock_answer(answered(row), updates({"a": 1}), NOW, {"tok-1"}).outcomes

    assert "tok-1" not in str(raised.value) + raised.value.code + outcome.code + outcome.message


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
failed_row = json_values | st.fixed_dictionaries(
    {},
    optional={
        "sku": st.sampled_from(["a", "b", "A", ""]) | json_values,
        "message": st.sampled_from(["Invalid SKU.", "ERR_TOO_MANY_REQUEST"]) | json_values,
    },
)
counts = st.integers(-1, 3) | json_values
data_values = json_values | st.fixed_dictionaries(
    {},
    optional={
        "failed_rows": counts,
        "succeed_rows": counts,
        "total_data": counts,
        "failed_rows_data": st.lists(failed_row, max_size=3) | json_values,
        "succeed_rows_data": st.lists(st.fixed_dictionaries({}, optional={"stock": counts}), max_size=3)
        | json_values,
    },
)
answers = json_values | st.fixed_dictionaries(
    {},
    optional={
        "header": json_values
        | st.fixed_dictionaries({}, optional={"error_code": json_values, "messages": json_values}),
        "data": data_values,
        "message": json_values,
        "status": json_values,
        "error_message": json_values,
    },
)


@given(answers, st.sampled_from([200, 202, 204, 302, 400, 401, 403, 429, 500, 502]))
@example({"data": {"succeed_rows": 2}}, 200)
def test_whatever_comes_a_row_is_accepted_only_by_a_positive_and_consistent_answer(value, status):
    sent = [StockUpdate("a", "", 1), StockUpdate("b", "", 2)]
    response = Response(status, {}, json.dumps(value).encode())

    try:
        outcomes = wire.read_stock_answer(response, sent, NOW).outcomes
    except ConnectorError:
        return

    assert [outcome.update for outcome in outcomes] == sent
    accepted = [outcome.update.sku for outcome in outcomes if outcome.kind is ACCEPTED]
    if accepted:
        data = value["data"]
        named = {row["sku"] for row in data.get("failed_rows_data") or ()}
        assert 200 <= status < 300
        assert data["succeed_rows"] == len(accepted)
        assert named | set(accepted) == {"a", "b"}
        assert not named & set(accepted)


ids = st.sampled_from([7, 7, 8, "7", True, 7.0, None])
mixed_answers = st.fixed_dictionaries(
    {"succeed_rows": st.sampled_from([0, 1, 2, 2, 3])},
    optional={
        "failed_rows": st.sampled_from([0, 1, 2]),
        "failed_rows_data": st.lists(
            st.fixed_dictionaries(
                {}, optional={"sku": st.sampled_from(["a", "b", "7", ""]), "product_id": ids}
            ),
            max_size=2,
        ),
        "succeed_rows_data": st.lists(
            st.fixed_dictionaries({}, optional={"productID": ids, "stock": st.sampled_from([1, 2, 2])}),
            max_size=2,
        ),
    },
)


@settings(max_examples=500)
@given(mixed_answers)
@example({"succeed_rows": 2, "succeed_rows_data": [{"productID": 7, "stock": 1}, {"stock": 2}]})
@example({"succeed_rows": 1, "failed_rows": 1, "failed_rows_data": [{"product_id": 7}]})
def test_whatever_a_mixed_answer_names_nothing_is_accepted_that_it_does_not_prove(data):
    sent = [by_id(7, 1, "a"), StockUpdate("b", "", 2)]
    response = Response(200, {}, json.dumps({"data": data}).encode())

    outcomes = wire.read_stock_answer(response, sent, NOW).outcomes

    assert [outcome.update for outcome in outcomes] == sent
    accepted = {outcome.update for outcome in outcomes if outcome.kind is ACCEPTED}
    for update, outcome in zip(sent, outcomes, strict=True):
        own = ("product_id", 7) if update is sent[0] else ("sku", "b")
        if outcome.kind is REJECTED:
            assert any(row.get(own[0]) == own[1] for row in data["failed_rows_data"])
    if accepted:
        failed = data.get("failed_rows_data") or []
        taken = data.get("succeed_rows_data") or []
        assert (data["succeed_rows"], len(failed)) == (len(accepted), 2 - len(accepted))
        if sent[0] in accepted and any("productID" in row for row in taken):
            (own,) = [row for row in taken if type(row.get("productID")) is int and row["productID"] == 7]
            assert own.get("stock", 0) == 1 or not any("stock" in row for row in taken)


@given(st.binary(max_size=200), st.integers(100, 599))
def test_whatever_bytes_come_only_a_connector_error_is_raised(body, status):
    with pytest.raises(ConnectorError):
        wire.read_stock_answer(Response(status, {}, body), [StockUpdate("a", "", 1)], NOW)
