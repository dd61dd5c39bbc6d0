import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.contract import Grouping
from state.records import DueListing, Risk
from syncd.core.batches import choose_batch

RISKS = st.sampled_from(Risk)
listings = st.builds(
    DueListing,
    sku=st.sampled_from("ABCDEFGH"),
    warehouse=st.sampled_from(("10", "20")),
    desired=st.just(1),
    risk=RISKS,
    since=st.integers(0, 50),
    failures=st.just(0),
    batch_limit=st.sampled_from((None, None, None, 1, 2)),
    changed=st.just(True),
    identifier=st.sampled_from(("", "", " id 1", " id 2")),
)
dues = st.lists(listings, max_size=12, unique_by=lambda one: (one.identifier or one.sku, one.warehouse))


def due(sku, risk=Risk.INCREASE, since=0, warehouse="", *, batch_limit=None, identifier=""):
    return DueListing(sku, warehouse, 1, risk, since, 0, batch_limit, changed=True, identifier=identifier)


def skus(batch):
    return [row.sku for row in batch.rows]


@settings(max_examples=200)
@given(dues, st.integers(1, 6), st.sampled_from(Grouping), st.floats(0, 6))
def test_a_batch_keeps_every_promise_to_the_connector(found, limit, grouping, credit):
    batch = choose_batch(found, limit=limit, grouping=grouping, credit=credit)

    assert bool(batch.rows) == bool(found)
    assert len(batch.rows) <= limit
    assert len({(row.identifier or row.sku, row.warehouse) for row in batch.rows}) == len(batch.rows)
    assert set(batch.rows) <= set(found)
    assert len({row.batch_limit for row in batch.rows}) <= 1
    assert all(row.batch_limit is None or len(batch.rows) <= row.batch_limit for row in batch.rows)
    if grouping is Grouping.WAREHOUSE:
        assert len({row.warehouse for row in batch.rows}) <= 1
    assert batch.credit >= 0


@given(dues, st.integers(1, 6))
def test_without_credit_the_classes_are_strict_and_the_oldest_go_first(found, limit):
    found = [replace(one, warehouse="", batch_limit=None) for one in found]
    found = list({one.identifier or one.sku: one for one in found}.values())

    batch = choose_batch(found, limit=limit, grouping=Grouping.WAREHOUSE, credit=0)

    ranks = sorted((one.risk, one.since) for one in found)
    assert [(row.risk, row.since) for row in batch.rows] == ranks[:limit]


def test_credit_takes_the_oldest_of_any_lower_class_along():
    found = [due(f"zero{n}", Risk.TO_ZERO, since=n) for n in range(10)]
    found += [
        due("up", Risk.INCREASE, since=5),
        due("again", Risk.REPETITION, since=3),
        due("down", Risk.DECREASE, since=9),
    ]

    batch = choose_batch(found, limit=4, grouping=Grouping.WAREHOUSE, credit=1.2)

    assert skus(batch) == ["zero0", "zero1", "zero2", "again"]
    assert batch.credit == pytest.approx(1.2 - 1 + 0.4)


def test_no_credit_accrues_while_nothing_of_a_lower_class_waits():
    assert choose_batch([due("A")], limit=4, grouping=Grouping.WAREHOUSE, credit=0).credit == 0


def test_the_warehouses_of_one_sku_travel_together_where_they_share_a_row():
    found = [
        due("A", Risk.TO_ZERO, warehouse="10"),
        due("B", since=1, warehouse="10"),
        due("A", since=9, warehouse="20"),
    ]

    together = choose_batch(found, limit=2, grouping=Grouping.SKU, credit=0)
    apart = choose_batch(found, limit=5, grouping=Grouping.WAREHOUSE, credit=0)

    assert {(row.sku, row.warehouse) for row in together.rows} >= {("A", "10")}
    assert [(row.sku, row.warehouse) for row in apart.rows] == [("A", "10"), ("B", "10")]


def test_several_listings_of_one_sku_share_a_request_like_any_others():
    found = [
        due("A", Risk.TO_ZERO),
        due("A", since=1, identifier=" id 1"),
        due("A", since=2, identifier=" id 2"),
        due("B", since=9),
    ]

    for grouping in Grouping:
        assert list(choose_batch(found, limit=10, grouping=grouping, credit=0).rows) == found


def test_suspects_travel_with_their_like_and_no_more_than_their_limit():
    found = [due(f"S{n}", Risk.TO_ZERO, since=n, batch_limit=2) for n in range(4)] + [
        due("fine", Risk.TO_ZERO, since=9)
    ]

    assert skus(choose_batch(found, limit=10, grouping=Grouping.SKU, credit=0)) == ["S0", "S1"]


class Stream:
    """A marketplace that always has more of the dangerous class due than it can take."""

    def __init__(self, waiting, *, warehouses=("",), grouping=Grouping.SKU, limit=20):
        self.waiting = list(waiting)
        self.warehouses = warehouses
        self.grouping = grouping
        self.limit = limit
        self.credit = 0.0
        self.sent = 0
        self.lower = []
        self.serial = 0

    def urgent(self, warehouse):
        for _ in range(self.limit):
            self.serial += 1
            yield due(f"urgent{self.serial}", Risk.TO_ZERO, self.serial, warehouse)

    def run(self, requests):
        for _ in range(requests):
            found = [*self.waiting, *(one for warehouse in self.warehouses for one in self.urgent(warehouse))]
            batch = choose_batch(found, limit=self.limit, grouping=self.grouping, credit=self.credit)
            self.credit = batch.credit
            self.sent += len(batch.rows)
            self.lower += [row for row in batch.rows if row.risk is not Risk.TO_ZERO]
            self.waiting = [one for one in self.waiting if one not in batch.rows]
        return self


@pytest.mark.parametrize("limit", [1, 3, 20, 100])
@pytest.mark.parametrize("grouping", Grouping)
def test_lower_classes_get_a_tenth_of_what_is_sent_while_the_dangerous_one_never_ends(limit, grouping):
    risks = (Risk.DECREASE, Risk.INCREASE, Risk.REPETITION)
    waiting = [due(f"S{n}", risks[n % 3], since=-1000 + n) for n in range(600)]

    stream = Stream(waiting, limit=limit, grouping=grouping).run(max(1_200 // limit, 50))

    assert len(stream.lower) / stream.sent == pytest.approx(0.1, abs=0.012)
    assert stream.lower == sorted(stream.lower, key=lambda row: row.since), (
        "the oldest first, of whatever class"
    )


def test_a_lower_class_of_another_warehouse_gets_its_tenth():
    waiting = [due(f"S{n}", Risk.INCREASE, n, "20") for n in range(400)]

    stream = Stream(waiting, warehouses=("10",), grouping=Grouping.WAREHOUSE).run(150)

    assert len(stream.lower) / stream.sent == pytest.approx(0.1, abs=0.02)


def test_an_endless_lower_class_in_one_warehouse_does_not_starve_another():
    endless = [due(f"E{n}", Risk.INCREASE, since=n, warehouse="10") for n in range(600)]
    old = due("old", Risk.INCREASE, since=-1, warehouse="20")

    stream = Stream([old, *endless], warehouses=("10",), grouping=Grouping.WAREHOUSE).run(60)

    assert old in stream.lower
    assert len(stream.lower) / stream.sent == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize("grouping", Grouping)
def test_a_suspect_of_a_lower_class_does_not_starve(grouping):
    suspect = due("suspect", Risk.INCREASE, since=-1, batch_limit=1)

    assert suspect in Stream([suspect], grouping=grouping).run(60).lower


@pytest.mark.parametrize("grouping", Grouping)
@pytest.mark.parametrize("seed", range(5))
def test_nothing_starves_whatever_the_mixture(grouping, seed):
    dice = random.Random(seed)
    waiting = [
        due(
            f"S{n}", dice.choice((Risk.DECREASE, Risk.INCREASE, Risk.REPETITION)), since=-dice.randrange(1_000),
            warehouse=dice.choice(("10", "20", "30")), batch_limit=dice.choice((None, None, 1, 5, 10)),
        )
        for n in range(60)
    ]  # fmt: skip

    assert Stream(waiting, warehouses=("10", "20"), grouping=grouping).run(300).waiting == []


def requests_to_find(poison, count, batch=100):
    """Halve as the settling does: a refused batch travels on in halves, one refused alone is rejected."""
    found = {sku: due(sku, since=number) for number, sku in enumerate(f"S{n:03}" for n in range(count))}
    requests, blamed, taken = 0, [], []
    while found:
        rows = choose_batch(list(found.values()), limit=batch, grouping=Grouping.SKU, credit=0).rows
        requests += 1
        bad = [row.sku for row in rows if row.sku in poison]
        if bad and len(rows) == 1:
            blamed += bad
            del found[bad[0]]
        elif bad:
            half = (len(rows) + 1) // 2
            found |= {row.sku: replace(row, batch_limit=half) for row in rows}
        else:
            taken += [row.sku for row in rows]
            for row in rows:
                del found[row.sku]
    assert sorted(blamed) == sorted(poison)
    assert len(taken) == count - len(poison)
    return requests


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_halving_finds_the_culprits_in_few_requests(data):
    count = data.draw(st.integers(2, 100))
    numbers = data.draw(st.sets(st.integers(0, count - 1), max_size=6))
    poison = {f"S{n:03}" for n in numbers}

    requests = requests_to_find(poison, count)

    assert requests <= 1 + 2 * len(poison) * (count - 1).bit_length()
