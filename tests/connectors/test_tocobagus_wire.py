"""Toco's answers, as its page shows them and as nobody should send them; and the signature."""

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors import (
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
)
from connectors.tocobagus import wire
from connectors.tocobagus.signing import base_string, signature
from connectors.transport import Response

NOW = 1_700_000_000.0
ACCEPTED, REJECTED, DEFERRED, UNKNOWN = (
    OutcomeKind.ACCEPTED,
    OutcomeKind.REJECTED,
    OutcomeKind.DEFERRED,
    OutcomeKind.UNKNOWN,
)
SIGNED = {
    "x-partner-client-id": "2025112512510620439726",
    "x-store-client-id": "638765489981529612495",
    "x-store-token": "stkn_Dd26kxQ7obYAdAvo",
    "x-timestamp": "1758100350458",
}


def read(response, sent):
    return wire.read_stock_answer(response, sent, wire.group_by_identifier(sent), NOW)


def kinds(response, sent):
    return [outcome.kind for outcome in read(response, sent).outcomes]


def failure(response, sent):
    with pytest.raises(ConnectorError) as raised:
        read(response, sent)
    return raised.value


def rows(accepted=(), errors=(), **summary):
    counts = {"total": len(accepted) + len(errors), "failed": len(errors), "pending": len(accepted)}
    data = {"summary": counts | summary, "acceptedRows": list(accepted), "errors": list(errors)}
    return {"success": True, "requestId": "r-1", "data": {**data, "batchId": "b-1"}}


def taken(*indexes):
    return [{"rowIndex": index} for index in indexes]


# Vectors of our own over the documented layout: the guide publishes no key beside a signature.


def test_a_body_is_signed_as_the_guide_lays_out():
    body = (Path(__file__).parent / "fixtures/tocobagus/documented_request.json").read_bytes()

    text = base_string("PATCH", "/partner/stores/inventory", SIGNED, body)

    assert text == (
        "PATCH\n/partner/stores/inventory\nx-partner-client-id:2025112512510620439726\n"
        "x-store-client-id:638765489981529612495\nx-store-token:stkn_Dd26kxQ7obYAdAvo\n"
        "x-timestamp:1758100350458\ndca114b0e72d97ea34f41084e196020238d2b64b1734bec9058dc7f5405f9373"
    )
    assert (
        signature("test-secret-not-from-docs", "PATCH", "/partner/stores/inventory", SIGNED, body)
        == "ab0b3d262e6c21b9158b7252271193424599501bd748ed1883c70816c35f0dca"
    )


def test_a_request_without_body_is_signed_with_the_hash_of_nothing():
    assert (
        signature(
            "test-secret-not-from-docs", "GET", "/partner/stores/products/sku/SKU-KCM-HITAM-2", SIGNED, b""
        )
        == "87d14f616d2a542b50016329d10267a5863749cb98f7a9c98e1cad0dd283770e"
    )
    assert base_string("GET", "/", SIGNED, b"").endswith(hashlib.sha256(b"").hexdigest())


def test_a_stock_of_the_whole_shop_has_no_warehouses():
    entries = wire.group_by_identifier([StockUpdate("SKU-GRY-XL", "", 200)])

    assert wire.stock_body(entries) == b'{"items":[{"sku":"SKU-GRY-XL","stock":200}]}'


def test_the_warehouses_of_a_sku_share_one_item():
    entries = wire.group_by_identifier(
        [StockUpdate("x", "wh_1", 8), StockUpdate("y", "wh_1", 0), StockUpdate("x", "wh_2", 12)]
    )

    assert json.loads(wire.stock_body(entries)) == {
        "items": [
            {"sku": "x", "warehouses": [{"clientId": "wh_1", "stock": 8}, {"clientId": "wh_2", "stock": 12}]},
            {"sku": "y", "warehouses": [{"clientId": "wh_1", "stock": 0}]},
        ]
    }


def test_each_identifier_has_an_item_of_its_own_whatever_the_sku():
    entries = wire.group_by_identifier(
        [
            StockUpdate("x", "wh_1", 8, Identifier("id", "7")),
            StockUpdate("x", "wh_1", 5),
            StockUpdate("y", "wh_1", 4, Identifier("externalId", "7")),
            StockUpdate("x", "wh_2", 12, Identifier("id", "7")),
            StockUpdate("y", "wh_2", 3, Identifier("sku", "x")),
        ]
    )

    assert json.loads(wire.stock_body(entries)) == {
        "items": [
            {"id": "7", "warehouses": [{"clientId": "wh_1", "stock": 8}, {"clientId": "wh_2", "stock": 12}]},
            {"sku": "x", "warehouses": [{"clientId": "wh_1", "stock": 5}, {"clientId": "wh_2", "stock": 3}]},
            {"externalId": "7", "warehouses": [{"clientId": "wh_1", "stock": 4}]},
        ]
    }


DOCUMENTED = [
    StockUpdate("one", "2026012714314318226016", 55, Identifier("sku", "SKU-MRON-L")),
    StockUpdate(
        "two", "2026012714314318226016", 99, Identifier("id", "c16785c6-f55a-4b1d-943c-621db1296357")
    ),
    StockUpdate("SKU-BLK-XL", "wh_wh8-HpRcn3ZH", 8),
    StockUpdate("two", "", 200, Identifier("sku", "SKU-GRY-XL")),
    StockUpdate("two", "", 18, Identifier("id", "d4a8b8bc-de1d-40cb-98de-6783b3fdeab3")),
]
"""What the documented answer is about, here of three SKUs; it has other ids than were sent."""


def test_the_documented_answer_to_skus_and_ids_is_understood(answered, document):
    answer = read(answered(document("tocobagus/partly_accepted.json")), DOCUMENTED)

    assert [outcome.update for outcome in answer.outcomes] == DOCUMENTED
    assert [outcome.kind for outcome in answer.outcomes] == [ACCEPTED, ACCEPTED, REJECTED, ACCEPTED, REJECTED]
    assert [(o.code, o.reason) for o in answer.outcomes if o.kind is REJECTED] == [
        ("INV_001", Reason.NOT_LISTED),
        ("INV_002", Reason.NOT_LISTED),
    ]


def test_the_ids_of_an_answer_prove_nothing_and_its_sku_only_for_what_was_sent_by_sku(answered):
    named = {"rowIndex": 0, "sku": "another", "id": "another", "externalId": "another"}

    by_id = [StockUpdate("x", "", 1, Identifier("id", "7"))]
    by_sku = [StockUpdate("another", "", 1, Identifier("sku", "x"))]

    assert kinds(answered(rows([named])), by_id) == [ACCEPTED]
    assert kinds(answered(rows([named])), by_sku) == [UNKNOWN]


@pytest.mark.parametrize("warehouses", [("", "wh_1"), ("wh_1", ""), ("", ""), ("wh_1", "wh_1")])
def test_contradicting_updates_of_a_sku_are_the_callers_fault(warehouses):
    with pytest.raises(ValueError, match="contradicting"):
        wire.group_by_identifier([StockUpdate("x", warehouse, 1) for warehouse in warehouses])


def test_the_documented_answer_is_correlated_by_row_index_alone(answered, document, updates):
    # Rows 1 and 4 of the example were sent by id: the SKUs here stand in for them.
    sent = updates({"SKU-MRON-L": 55, "one": 99, "SKU-BLK-XL": 8, "SKU-GRY-XL": 200, "four": 18})

    answer = read(answered(document("tocobagus/partly_accepted.json")), sent)

    assert [outcome.update for outcome in answer.outcomes] == sent
    assert [o.kind for o in answer.outcomes] == [ACCEPTED, ACCEPTED, REJECTED, ACCEPTED, REJECTED]
    assert [o.code for o in answer.outcomes] == ["", "", "INV_001", "", "INV_002"]
    assert answer.outcomes[2].reason is answer.outcomes[4].reason is Reason.NOT_LISTED
    assert answer.outcomes[2].message == "Invalid SKU (Product SKU not found)"
    assert answer.request_id == "b9ac96d2-7ce7-4473-bb86-0ed2e8c7846a"
    assert answer.batch_id == "05c66098-f4b1-4274-81ef-84a1a2916511"


def test_an_item_speaks_for_all_its_warehouses_in_the_order_sent(answered):
    sent = [StockUpdate("x", "wh_1", 1), StockUpdate("y", "wh_1", 2), StockUpdate("x", "wh_2", 3)]
    value = rows(taken(1), [{"rowIndex": 0, "code": "INV_001", "message": "Invalid SKU"}])

    answer = read(answered(value), sent)

    assert [outcome.update for outcome in answer.outcomes] == sent
    assert [outcome.kind for outcome in answer.outcomes] == [REJECTED, ACCEPTED, REJECTED]


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        ("INV_001", REJECTED, Reason.NOT_LISTED),
        ("INV_002", REJECTED, Reason.NOT_LISTED),
        ("INV_077", REJECTED, Reason.QUANTITY),
        ("NEW_001", REJECTED, Reason.QUANTITY),
        (None, REJECTED, Reason.QUANTITY),
        ("RATE_001", DEFERRED, Reason.THROTTLED),
        ("INV_THROTTLED", DEFERRED, Reason.THROTTLED),
        ("TOO_MANY_REQUESTS", DEFERRED, Reason.THROTTLED),
    ],
)
def test_the_code_of_a_row_decides_what_may_wake_it(answered, updates, code, kind, reason):
    value = rows((), [{"rowIndex": 0, "code": code, "message": "m"}])

    (outcome,) = read(answered(value), updates({"a": 1})).outcomes

    assert (outcome.kind, outcome.reason, outcome.code) == (kind, reason, code or "")


@pytest.mark.parametrize("index", [True, 1.0, "1", None, -1, 3, 10**30, [1]])
def test_a_row_with_a_useless_index_proves_nothing_for_any_row(answered, updates, index):
    value = rows([{"rowIndex": 0}, {"rowIndex": index}, {"rowIndex": 2}])

    assert kinds(answered(value), updates({"a": 1, "b": 2, "c": 3})) == [UNKNOWN] * 3


@pytest.mark.parametrize(
    ("accepted", "errors", "expected"),
    [
        ((0, 1), (1,), [UNKNOWN, REJECTED]),
        ((0,), (), [UNKNOWN, UNKNOWN]),
        ((0, 0), (), [UNKNOWN, UNKNOWN]),
        ((0, 1, 1), (), [UNKNOWN, UNKNOWN]),
        ((0,), (1, 1), [UNKNOWN, REJECTED]),
        ((), (), [UNKNOWN, UNKNOWN]),
    ],
    ids=["in both", "in neither", "twice", "twice beside", "failed twice", "none"],
)
def test_rows_named_otherwise_than_once_are_not_accepted(answered, updates, accepted, errors, expected):
    value = rows(taken(*accepted), [{"rowIndex": index, "code": "INV_9"} for index in errors], total=2)

    assert kinds(answered(value), updates({"a": 1, "b": 2})) == expected


def test_a_row_named_twice_does_not_stand_in_for_one_that_is_missing(answered, updates):
    value = rows(taken(0, 1), [{"rowIndex": 1, "code": "INV_9"}])

    assert kinds(answered(value), updates({"a": 1, "b": 2, "c": 3})) == [UNKNOWN, REJECTED, UNKNOWN]


@pytest.mark.parametrize(
    "summary",
    [{"total": 3}, {"pending": 2}, {"failed": 0}, {"total": None}, {"total": 2.0}, {"failed": True}],
    ids=repr,
)
def test_counts_that_do_not_add_up_leave_accepted_rows_unknown(answered, updates, summary):
    value = rows(taken(0), [{"rowIndex": 1, "code": "INV_001"}], **summary)

    assert kinds(answered(value), updates({"a": 1, "b": 2})) == [UNKNOWN, REJECTED]


@pytest.mark.parametrize("summary", [None, [], "3", {}])
def test_without_a_summary_nothing_is_accepted(answered, updates, summary):
    value = rows(taken(0))
    value["data"]["summary"] = summary

    assert kinds(answered(value), updates({"a": 1})) == [UNKNOWN]


@pytest.mark.parametrize("sku", ["B", "", None, 1])
def test_a_row_that_names_another_sku_is_unknown(answered, updates, sku):
    value = rows([{"rowIndex": 0, "sku": "a"}, {"rowIndex": 1, "sku": sku}])

    assert kinds(answered(value), updates({"a": 1, "b": 2})) == [ACCEPTED, UNKNOWN]


def test_a_missing_list_is_an_empty_one(answered, updates):
    value = rows(taken(0))
    value["data"]["errors"] = None

    assert kinds(answered(value), updates({"a": 1})) == [ACCEPTED]


@pytest.mark.parametrize("status", [200, 201, 202])
def test_any_2xx_is_a_success(answered, updates, status):
    assert kinds(answered(rows(taken(0)), status), updates({"a": 1})) == [ACCEPTED]


@pytest.mark.parametrize("success", [False, None, 1, "true", "True"])
def test_success_must_be_exactly_true(answered, updates, success):
    value = rows(taken(0)) | {"success": success}

    assert type(failure(answered(value), updates({"a": 1}))) is AnswerUnusable


@pytest.mark.parametrize("error", [{"code": "SRV_001"}, {}, "odd", []])
def test_a_success_with_an_error_beside_it_is_none(answered, updates, error):
    assert type(failure(answered(rows(taken(0)) | {"error": error}), updates({"a": 1}))) is AnswerUnusable


@pytest.mark.parametrize("status", [302, 400, 401, 403, 429, 500, 502])
def test_rows_under_a_failing_status_prove_nothing(answered, updates, status):
    assert failure(answered(rows(taken(0)), status), updates({"a": 1})).status == status


@pytest.mark.parametrize("status", [200, 400, 401, 403, 500])
def test_a_refused_timestamp_asks_for_renewal(answered, document, updates, status):
    error = failure(answered(document("tocobagus/auth_003.json"), status), updates({"a": 1}))

    assert (type(error), error.code) == (AuthenticationExpired, "AUTH_003")
    assert "within 300 seconds" in error.message


@pytest.mark.parametrize("status", [200, 400, 401, 500])
def test_a_refused_signature_stops_the_channel_with_advice(answered, document, updates, status):
    error = failure(answered(document("tocobagus/auth_010.json"), status), updates({"a": 1}))

    assert (type(error), error.code) == (ChannelRefused, "AUTH_010")
    assert all(key in error.message for key in ("secret_key", "signature_prefix", "sign_base_path"))


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("AUTH_006", 200, ChannelRefused),
        ("AUTH_006", 401, ChannelRefused),
        ("RATE_001", 200, Throttled),
        ("RATE_001", 429, Throttled),
        ("REQ_TOO_MANY", 400, Throttled),
        ("INV_001", 200, BatchRefused),
        ("INV_009", 400, BatchRefused),
        ("SRV_001", 200, AnswerUnusable),
        ("SRV_001", 400, BatchRefused),
        ("SRV_001", 401, ChannelRefused),
        ("SRV_001", 404, ChannelRefused),
        ("SRV_001", 429, Throttled),
        ("SRV_001", 503, TryLater),
        (None, 500, TryLater),
    ],
)
def test_a_failure_is_read_by_its_code_and_else_by_its_status(answered, updates, code, status, kind):
    value = {"success": False, "error": {"code": code, "message": "m"}, "requestId": "r"}

    assert type(failure(answered(value, status), updates({"a": 1}))) is kind


def test_an_unexplained_401_stops_the_channel_because_a_store_token_cannot_be_renewed(answered, updates):
    error = failure(answered(b"", 401), updates({"a": 1}))

    assert type(error) is ChannelRefused
    assert "store_token" in error.message


def test_a_throttled_call_waits_as_told(answered, updates):
    value = {"success": False, "error": {"code": "RATE_001", "message": "m"}}

    assert failure(answered(value, 429, Retry_After="2"), updates({"a": 1})).retry_after == 2.0


@pytest.mark.parametrize("code", ["AUTH_003", "AUTH_006", "AUTH_010", "INV_001", "SRV_001", None])
def test_a_429_is_about_the_pace_whatever_its_code_says(answered, updates, code):
    value = {"success": False, "error": {"code": code, "message": "m"}}

    error = failure(answered(value, 429, Retry_After="2"), updates({"a": 1}))

    assert (type(error), error.retry_after) == (Throttled, 2.0)


def test_a_service_that_is_down_may_say_how_long(answered, updates):
    value = {"success": False, "error": {"code": "SRV_001", "message": "m"}}

    error = failure(answered(value, 503, Retry_After="30"), updates({"a": 1}))

    assert (type(error), error.retry_after) == (TryLater, 30.0)


def test_a_gateway_time_out_is_ambiguous(answered, updates):
    error = failure(answered(b"<html>", 504), updates({"a": 1}))

    assert (type(error), error.effect) == (TryLater, Effect.AMBIGUOUS)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"null", b'{"success":true,"da', b'{"success":true}']
)
def test_a_success_that_cannot_be_read_is_unusable(answered, updates, body):
    assert type(failure(answered(body), updates({"a": 1}))) is AnswerUnusable


def test_the_servers_clock_is_told_in_milliseconds_or_by_the_date(answered, document):
    value = document("tocobagus/auth_003.json")
    date = "Tue, 14 Nov 2023 22:13:20 GMT"

    assert wire.server_time(answered(value, Date=date)) == 1770233196.936
    for useless in (None, True, 1.5, "1770233196936", -1, 0, 10**15):
        value["error"]["details"]["context"]["currentTime"] = useless
        assert wire.server_time(answered(value, Date=date)) == NOW
        assert wire.server_time(answered(value)) is None
    assert wire.server_time(answered(b"<html>", Date="yesterday")) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
row = json_values | st.fixed_dictionaries(
    {"rowIndex": st.integers(-1, 2) | json_values},
    optional={
        "sku": st.sampled_from(["a", "b"]) | json_values,
        "code": st.sampled_from(["INV_001", "RATE_1"]) | json_values,
        "details": json_values,
    },
)
counts = st.integers(0, 2) | json_values
answers = json_values | st.fixed_dictionaries(
    {"success": st.just(True) | json_values},
    optional={
        "error": json_values,
        "requestId": json_values,
        "data": json_values
        | st.fixed_dictionaries(
            {},
            optional={
                "summary": json_values
                | st.fixed_dictionaries({"total": counts, "failed": counts, "pending": counts}),
                "acceptedRows": st.lists(row, max_size=3) | json_values,
                "errors": st.lists(row, max_size=3) | json_values,
                "batchId": json_values,
            },
        ),
    },
)


@given(answers, st.sampled_from([200, 202, 302, 400, 401, 429, 500]))
@example(rows(taken(0, 1)), 200)
def test_whatever_comes_a_row_is_accepted_only_by_a_positive_and_consistent_answer(value, status):
    sent = [StockUpdate("a", "", 1), StockUpdate("b", "", 2)]

    try:
        outcomes = read(Response(status, {}, json.dumps(value).encode()), sent).outcomes
    except ConnectorError:
        return

    assert [outcome.update for outcome in outcomes] == sent
    accepted = [place for place, outcome in enumerate(outcomes) if outcome.kind is ACCEPTED]
    if accepted:
        data = value["data"]
        assert value["success"] is True
        assert 200 <= status < 300
        named = [one["rowIndex"] for one in data["acceptedRows"]]
        failed = [one["rowIndex"] for one in data.get("errors") or ()]
        assert sorted(named + failed) == [0, 1]
        assert set(accepted) <= set(named) - set(failed)
        assert data["summary"] == {"total": 2, "failed": len(failed), "pending": len(named)}


@given(st.binary(max_size=200), st.integers(100, 599))
def test_whatever_bytes_come_only_a_connector_error_is_raised(body, status):
    with pytest.raises(ConnectorError):
        read(Response(status, {}, body), [StockUpdate("a", "", 1)])
