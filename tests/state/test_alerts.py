"""What stands and what is to be told: stored together, sent at least once, given up in the end."""

import pytest
from alerts_told import alert, told
from sqlalchemy import text

from state import alerts
from state.alerts import AlertBook, standing_alerts
from state.database import Database, Reader


@pytest.fixture
def book(database):
    return AlertBook(database)


def subjects(notices):
    return [notice.subject for notice in notices]


def test_what_stands_is_what_was_kept_last(book, database):
    book.keep([alert("a"), alert("b")], [], [])
    book.keep([alert("b", message="worse"), alert("c")], [], [])

    assert [(one.subject, one.message) for one in book.standing()] == [
        ("b", "worse"),
        ("c", "it is held: mend it"),
    ]
    with Reader(database.path) as reader, reader.read() as connection:
        assert len(standing_alerts(connection)) == 2


def test_each_recipient_is_told_of_each_change_with_the_same_number(book):
    book.keep([alert("a")], told("a", "b"), ["one", "other"])

    one, other = book.begin("one", 9), book.begin("other", 9)
    assert subjects(one) == subjects(other) == ["a", "b"]
    assert [notice.event for notice in one] == [notice.event for notice in other]
    assert book.begin("nobody", 9) == []


def test_what_was_told_to_one_still_waits_for_the_other(book):
    book.keep([], told("a"), ["one", "other"])
    book.settle(book.begin("one", 9))

    assert book.begin("one", 9) == []
    assert subjects(book.begin("other", 9)) == ["a"]


def test_no_number_comes_twice_even_after_all_was_told(book):
    numbers = []
    for at in (5_000, 5_000, 9_000, 13_000):
        book.keep([], told("a", "b", at=at), ["one"])
        notices = book.begin("one", 9)
        numbers += [notice.event for notice in notices]
        if len(numbers) > 2:
            book.settle(notices)

    # The second look finds what the first left waiting, under the same numbers.
    assert numbers[:2] == numbers[2:4]
    assert len(set(numbers)) == len(numbers) - 2


def test_attempts_are_counted_before_they_are_made_and_outlast_a_crash(tmp_path):
    database = Database(tmp_path / "state.db")
    AlertBook(database).keep([], told("a"), ["one"])
    AlertBook(database).begin("one", 9)
    database.close()

    again = Database(tmp_path / "state.db")
    assert [notice.attempts for notice in AlertBook(again).begin("one", 9)] == [2]
    again.close()


def test_what_waits_for_one_that_is_gone_is_let_go(book):
    book.keep([], told("a", "b"), ["one", "other"])

    assert book.forget_others(["other"]) == 2
    assert book.begin("one", 9) == []
    assert subjects(book.begin("other", 9)) == ["a", "b"]


def test_what_waits_is_bounded_and_the_newest_stays(book, monkeypatch):
    monkeypatch.setattr(alerts, "MOST_WAITING", 3)
    book.keep([], told("a", "b"), ["one", "other"])
    book.keep([], told("c", "d"), ["one"])

    assert subjects(book.begin("one", 9)) == ["b", "c", "d"]
    assert subjects(book.begin("other", 9)) == ["a", "b"]


def test_a_change_and_what_is_told_of_it_are_kept_together_or_not_at_all(book, database):
    with database.write() as connection:
        connection.execute(text("DROP TABLE alert_notice"))

    with pytest.raises(Exception, match="alert_notice"):
        book.keep([alert("a")], told("a"), ["one"])

    assert book.standing() == []
