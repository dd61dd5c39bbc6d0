from hypothesis import given
from hypothesis import strategies as st

from connectors.sandbox.arrivals import Journal, Row


def rows(number):
    return tuple(Row(f"A{place}", "", place) for place in range(number))


def test_only_the_latest_arrivals_are_kept_but_all_are_counted():
    journal = Journal(lambda: 0.0, arrivals_kept=2)

    for _ in range(3):
        journal.fill(journal.open("tokopedia", "push"), rows(1), "")

    assert [arrival.number for arrival in journal.since()] == [2, 3]
    assert journal.counters["tokopedia"]["requests"] == 3


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=60))
def test_the_rows_kept_are_bounded_whatever_order_the_calls_end_in(calls):
    journal = Journal(lambda: 0.0, arrivals_kept=5, rows_kept=12)
    held_back = []

    for size, waits in calls:
        arrival = journal.open("tokopedia", "push")
        if waits:
            held_back.append((arrival, size))
        else:
            journal.fill(arrival, rows(size), "")
    for arrival, size in held_back:
        journal.fill(arrival, rows(size), "")

    kept = journal.since()
    assert sum(len(arrival.rows) for arrival in kept) <= 12
    assert journal._rows == sum(len(arrival.rows) for arrival in kept)


def test_what_is_filled_after_a_reset_is_not_remembered():
    journal = Journal(lambda: 0.0, rows_kept=2)
    arrival = journal.open("tokopedia", "push")
    journal.clear()

    journal.fill(arrival, rows(3), "")

    assert journal.since() == []
