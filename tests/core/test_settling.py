import pytest

from connectors.contract import Answer, Identifier, Outcome, OutcomeKind, Reason, StockUpdate
from connectors.errors import (
    AnswerUnusable,
    AuthenticationExpired,
    BatchRefused,
    ChannelRefused,
    Effect,
    Throttled,
    TryLater,
    WarehouseRefused,
)
from state.plans import decode, encode
from state.records import After, Attempt, Refusal
from syncd.core.settling import Moment, refuse_locally, settle_answer, settle_error

NOW = 1_000_000
DAY = 86_400_000
MOMENT = Moment(NOW, lambda: 0.5)


def attempt(number=1, sku="A", warehouse="", quantity=5, *, failures=0, identifier=""):
    return Attempt(number, sku, warehouse, quantity, failures, identifier=identifier)


def outcome(one, kind, reason=Reason.NONE, code="", message=""):
    identifier = Identifier(*decode(one.identifier)) if one.identifier else None
    update = StockUpdate(one.sku, one.warehouse, one.quantity, identifier)
    return Outcome(update, kind, reason, code, message)


def settled(kind, reason=Reason.NONE, failures=0, size=1):
    rows = [attempt(number, f"S{number}", failures=failures) for number in range(size)]
    answer = Answer(tuple(outcome(row, kind, reason, "C", "why") for row in rows))
    return settle_answer(rows, answer, MOMENT)[0]


def test_an_accepted_row_is_confirmed():
    row = settled(OutcomeKind.ACCEPTED)

    assert (row.after, row.outcome, row.charged, row.refusal, row.not_before) == (
        After.CONFIRMED, "accepted", False, None, None,
    )  # fmt: skip


@pytest.mark.parametrize("reason", [Reason.NOT_LISTED, Reason.WAREHOUSE])
def test_a_row_that_the_marketplace_does_not_know_is_probed_once_a_day(reason):
    row = settled(OutcomeKind.REJECTED, reason)

    assert (row.after, row.refusal, row.not_before) == (After.UNTOUCHED, Refusal.NOT_LISTED, NOW + DAY)
    assert (row.charged, row.code, row.message, row.reason) == (True, "C", "why", reason)


@pytest.mark.parametrize("reason", [Reason.QUANTITY, Reason.NONE, Reason.UNANSWERED])
def test_a_row_refused_for_its_value_waits_for_another_quantity(reason):
    row = settled(OutcomeKind.REJECTED, reason)

    assert (row.after, row.refusal, row.not_before, row.charged) == (
        After.UNTOUCHED, Refusal.QUANTITY, None, True,
    )  # fmt: skip


def test_a_throttled_row_is_due_again_and_no_failure_is_counted():
    row = settled(OutcomeKind.DEFERRED, Reason.THROTTLED)

    assert (row.after, row.charged, row.refusal, row.not_before, row.outcome) == (
        After.UNTOUCHED, False, None, None, "deferred",
    )  # fmt: skip


def test_an_unknown_row_backs_off_and_from_the_second_time_on_travels_in_smaller_batches():
    first = settled(OutcomeKind.UNKNOWN, size=9)
    assert (first.after, first.charged, first.batch_limit) == (After.UNCERTAIN, True, None)
    assert first.not_before == NOW + 5_000

    second = settled(OutcomeKind.UNKNOWN, failures=1, size=9)
    assert (second.batch_limit, second.not_before) == (4, NOW + 7_500)
    assert settled(OutcomeKind.UNKNOWN, failures=9, size=1).batch_limit == 1


def test_rows_are_matched_by_what_they_say_never_by_their_place():
    rows = [attempt(1, "A"), attempt(2, "B", quantity=7), attempt(3, "A", warehouse="10")]
    answer = Answer(
        (
            outcome(rows[2], OutcomeKind.DEFERRED),
            outcome(rows[1], OutcomeKind.REJECTED, Reason.NOT_LISTED),
            outcome(rows[0], OutcomeKind.ACCEPTED),
        )
    )

    found = settle_answer(rows, answer, MOMENT)

    assert [row.attempt for row in found] == rows
    assert [row.outcome for row in found] == ["accepted", "rejected", "deferred"]


def test_rows_of_one_sku_are_told_apart_by_what_the_marketplace_calls_them():
    rows = [
        attempt(1),
        attempt(2, identifier=encode("product_id", "7")),
        attempt(3, identifier=encode("product_id", "8")),
        attempt(4, identifier="B"),
    ]
    ends = (OutcomeKind.REJECTED, OutcomeKind.ACCEPTED, OutcomeKind.DEFERRED, OutcomeKind.UNKNOWN)
    outcomes = tuple(outcome(row, end) for row, end in zip(rows, ends, strict=True))

    found = settle_answer(rows, Answer(outcomes[::-1]), MOMENT)

    assert [row.attempt for row in found] == rows
    assert tuple(row.outcome for row in found) == ends


def test_a_connector_that_answers_for_the_sku_of_what_has_another_identifier_proves_nothing():
    row = attempt(identifier=encode("product_id", "7"))

    (found,) = settle_answer([row], Answer((outcome(attempt(), OutcomeKind.ACCEPTED),)), MOMENT)

    assert (found.after, found.outcome) == (After.UNCERTAIN, "unknown")


def test_what_is_called_by_its_own_sku_needs_no_identifier_in_the_answer():
    row = attempt(identifier="A")

    (found,) = settle_answer([row], Answer((outcome(attempt(), OutcomeKind.ACCEPTED),)), MOMENT)

    assert found.after is After.CONFIRMED


@pytest.mark.parametrize(
    "outcomes",
    [
        (),
        (outcome(attempt(sku="B"), OutcomeKind.ACCEPTED),),
        (outcome(attempt(warehouse="10"), OutcomeKind.ACCEPTED),),
        (outcome(attempt(sku="a"), OutcomeKind.ACCEPTED),),
        (outcome(attempt(quantity=6), OutcomeKind.ACCEPTED),),
        (outcome(attempt(), OutcomeKind.ACCEPTED),) * 2,
        (outcome(attempt(), OutcomeKind.ACCEPTED), outcome(attempt(), OutcomeKind.REJECTED)),
    ],
    ids=[
        "missing",
        "another SKU",
        "another warehouse",
        "another case",
        "another quantity",
        "twice",
        "contradicting",
    ],
)
def test_a_row_without_exactly_one_outcome_of_its_own_is_unknown(outcomes):
    (row,) = settle_answer([attempt()], Answer(outcomes), MOMENT)

    assert (row.after, row.outcome, row.charged) == (After.UNCERTAIN, "unknown", True)


@pytest.mark.parametrize(
    ("error", "after", "kind"),
    [
        (Throttled("429", retry_after=3.0), After.UNTOUCHED, "deferred"),
        (AuthenticationExpired("401"), After.UNTOUCHED, "deferred"),
        (ChannelRefused("403"), After.UNTOUCHED, "deferred"),
        (WarehouseRefused("closed", warehouse="10"), After.UNTOUCHED, "deferred"),
        (TryLater("refused to connect", effect=Effect.NONE), After.UNTOUCHED, "deferred"),
        (TryLater("500"), After.UNCERTAIN, "unknown"),
        (TryLater("timed out", effect=Effect.AMBIGUOUS), After.AMBIGUOUS, "unknown"),
    ],
    ids=str,
)
def test_a_call_that_failed_as_a_whole_charges_no_row(error, after, kind):
    rows = settle_error([attempt(1, "A"), attempt(2, "B")], error, MOMENT)

    assert len(rows) == 2
    for row in rows:
        assert (row.after, row.outcome) == (after, kind)
        assert (row.charged, row.refusal, row.not_before, row.batch_limit) == (False, None, None, None)


def test_an_unusable_answer_makes_each_row_uncertain_and_counts():
    first = settle_error([attempt(n, f"S{n}") for n in range(10)], AnswerUnusable("not JSON"), MOMENT)
    again = settle_error(
        [attempt(n, f"S{n}", failures=1) for n in range(10)], AnswerUnusable("not JSON"), MOMENT
    )

    assert {(row.after, row.charged, row.batch_limit) for row in first} == {(After.UNCERTAIN, True, None)}
    assert {row.batch_limit for row in again} == {5}
    assert all(row.not_before > NOW for row in [*first, *again])


@pytest.mark.parametrize(("size", "half"), [(2, 1), (3, 2), (100, 50)])
def test_a_refused_batch_is_split_in_halves_and_no_row_blamed(size, half):
    rows = settle_error([attempt(n, f"S{n}") for n in range(size)], BatchRefused("400", code="X"), MOMENT)

    assert {(row.after, row.outcome, row.charged, row.refusal, row.batch_limit) for row in rows} == {
        (After.UNTOUCHED, "deferred", False, None, half)
    }


def test_alone_the_culprit_is_rejected_with_the_words_of_the_marketplace():
    (row,) = settle_error([attempt()], BatchRefused("bad stock", code="PRD_DLV_018", status=400), MOMENT)

    assert (row.after, row.outcome, row.charged, row.refusal) == (
        After.UNTOUCHED, "rejected", True, Refusal.QUANTITY,
    )  # fmt: skip
    assert (row.code, row.message, row.not_before) == ("PRD_DLV_018", "bad stock", None)


def test_a_row_that_cannot_be_carried_is_refused_here_and_never_probed():
    row = refuse_locally(attempt(), "sku_too_long", "too long")

    assert (row.after, row.refusal, row.not_before, row.charged) == (
        After.UNTOUCHED, Refusal.NOT_LISTED, None, True,
    )  # fmt: skip
