"""What happened is read in order and in portions, found by index, while others write."""

import pytest

from state import history
from state.database import Reader
from state.history import History, Span
from state.records import After, PushEnd, Settlement
from state.staging import StockChange
from tests.state.test_ledger import Shop, plan_of


@pytest.fixture
def shop(database):
    return Shop(database)


@pytest.fixture
def told(shop):
    with Reader(shop.database.path) as reader:
        yield History(reader)


def push(
    shop: Shop, now: int, outcome: str = "accepted", after: After = After.CONFIRMED, **stock: int
) -> None:
    shop.stock(now, **stock)
    begun = shop.begin(now)
    rows = [Settlement(attempt, after, outcome, code="E1", message="said") for attempt in begun.attempts]
    end = PushEnd(status=200, request_id=f"r{now}")
    shop.ledger.settle(begun, rows, end, now=now + 1, settling=1, asynchronous=False)


@pytest.fixture
def full(shop, monkeypatch):
    """Forty pushes of two SKUs, ten ms apart; a portion is of seven rows."""
    monkeypatch.setattr(history, "PORTION", 7)
    for number in range(1, 41):
        push(shop, number * 10, A=number, B=number * 2)
    return shop


def test_each_attempt_comes_once_the_oldest_first_with_its_request(full, told):
    found = list(told.attempts(Span()))

    assert [one.id for one in found] == list(range(1, 81))
    first = found[0]
    assert (first.channel, first.sku, first.quantity, first.outcome, first.code) == (
        "shop",
        "A",
        1,
        "accepted",
        "E1",
    )
    assert (first.started_at, first.finished_at, first.changed_at, first.status) == (10, 11, 10, 200)
    assert (first.request_id, first.push_id) == ("r10", 1)


@pytest.mark.parametrize("portion", [1, 2, 79, 80, 81])
def test_nothing_is_lost_between_portions(full, told, monkeypatch, portion):
    monkeypatch.setattr(history, "PORTION", portion)
    assert [one.id for one in told.attempts(Span())] == list(range(1, 81))
    assert len(list(told.levels(Span()))) == 78


def test_a_span_has_what_was_asked_for(full, told):
    def ids(**span):
        return [one.id for one in told.attempts(Span(**span))]

    assert ids(since=390) == [77, 78, 79, 80]
    assert ids(since=390, until=400) == [77, 78]
    assert ids(skus=("B",), since=380) == [76, 78, 80]
    assert ids(skus=("A", "B"), until=20) == [1, 2]
    assert ids(channels=("shop",), until=20) == [1, 2]
    assert ids(channels=("other",)) == []
    assert ids(outcomes=("rejected",)) == []
    assert ids(since=10_000) == []


def test_the_newest_are_the_last_of_what_was_asked_for(full, told):
    assert [one.id for one in told.attempts(Span(skus=("A",)), 3)] == [75, 77, 79]
    assert [one.id for one in told.attempts(Span(until=30), 3)] == [2, 3, 4]
    assert len(list(told.attempts(Span(), 1_000))) == 80


def test_outcomes_tell_what_is_under_way(shop, told):
    push(shop, 10, "unknown", After.UNCERTAIN, A=1)
    shop.begin(20)

    assert [one.outcome for one in told.attempts(Span())] == ["unknown", None]
    assert [one.id for one in told.attempts(Span(outcomes=("in_flight",)))] == [2]
    assert [one.id for one in told.attempts(Span(outcomes=("unknown", "in_flight")))] == [1, 2]


def test_what_is_written_while_it_is_read_ends_it_all_the_same(full, told):
    seen = 0
    for one in told.attempts(Span()):
        seen = one.id
        if one.id % 5 == 0:
            push(full, 1_000 + one.id, A=one.id + 100)

    assert seen == 80


def test_no_reader_holds_the_journal_between_portions(full, told):
    reading = told.attempts(Span())
    next(reading)
    assert full.database.truncate_wal()
    assert sum(1 for _ in reading) == 79


def test_a_change_tells_both_values_and_what_said_the_later(shop, told):
    for number, (quantity, line, missed) in enumerate([(5, 2, 0), (7, 3, 0), (0, 3, 1)], 1):
        shop.book.apply(number, shop.source, [StockChange("A", "JKT", quantity, line, missed)], number * 10)

    rows = [
        (one.at, one.location, one.before, one.after, one.import_id, one.line) for one in told.levels(Span())
    ]
    assert rows == [(20, "JKT", 5, 7, 2, 3), (30, "JKT", 7, 0, 3, None)]
    assert [one.source for one in told.levels(Span())] == ["erp", "erp"]
    assert [one.at for one in told.levels(Span(since=25))] == [30]
    assert [one.at for one in told.levels(Span(until=25), 5)] == [20]
    assert list(told.levels(Span(skus=("B",)))) == []


@pytest.mark.parametrize("analysed", [False, True])
@pytest.mark.parametrize(
    ("span", "what", "index"),
    [
        (Span(since=100), "_attempts_in", "INTEGER PRIMARY KEY"),
        (Span(skus=("A",)), "_attempts_in", "attempt_by_listing"),
        (Span(since=100), "_levels_in", "INTEGER PRIMARY KEY"),
        (Span(skus=("A",)), "_levels_in", "past_level_by_sku"),
    ],
)
def test_a_portion_is_found_by_index_and_comes_in_order(full, analysed, span, what, index):
    if analysed:
        with full.database.write() as connection:
            connection.exec_driver_sql("ANALYZE")
    question = getattr(history, what)(span)
    sql = (
        f"SELECT {question.columns} FROM {question.source} WHERE {question.key} > ? AND {question.key} <= ?"
        f" AND {question.condition} ORDER BY {question.key} LIMIT 7"
    )
    steps = plan_of(full.database, sql, (0, 80, *question.parameters))

    few = ("SCAN c", "SCAN s ")  # channels and sources
    assert not [step for step in steps if step.startswith("SCAN") and not step.startswith(few)], steps
    assert index in steps[0]
    if not span.skus:
        assert not [step for step in steps if "TEMP B-TREE" in step]


def test_a_channel_that_is_not_configured_any_more_is_named(full, told):
    full.registry.deactivate_others([])
    assert told.channels() == ["shop"]
    assert len(list(told.attempts(Span(channels=("shop",))))) == 80
