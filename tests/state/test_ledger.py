"""Single rules of the ledger, said one by one; test_ledger_model.py has them all at once."""

from dataclasses import replace
from typing import Self

import pytest
from sqlalchemy import event

from state import ledger as statements
from state import reports
from state.by_sku import of_skus, these_skus
from state.database import Database
from state.housekeeping import forget_imports, forget_pushes, optimize
from state.imports import Imports
from state.ledger import Ledger, due_listings, due_listings_of, next_wait
from state.planning import Planning
from state.plans import ChannelPlan
from state.records import After, PushEnd, Refusal, Risk, Settlement
from state.registry import Registry
from state.staging import StockChange
from state.stock import StockBook
from state.tables import Import
from state.waking import make_uncertain

SETTLING = 600
PLAN = ChannelPlan("shop", "acc", ("erp",))


class Shop:
    """One channel that shows its whole stock, but for the SKUs that are `paused`."""

    def __init__(
        self,
        database: Database,
        plan: ChannelPlan = PLAN,
        *,
        asynchronous: bool = False,
        beside: Self | None = None,
    ):
        self.database = database
        self.asynchronous = asynchronous
        self.registry = Registry(database)
        self.source = self.registry.register_sources(["erp"])["erp"]
        self.channel = self.registry.register_channel(plan.name, plan.account, 1).channel_id
        self.plan = plan
        self.paused: set[str] = set()
        planning = Planning(self.channel, plan, frozenset([self.source]), self.decide)
        self.book = StockBook(database, {}) if beside is None else beside.book
        self.book.plannings[self.channel] = planning
        self.ledger = Ledger(database)

    def decide(self, sku, _warehouse, units, _sku_stock, _own_rules):
        return units, sku in self.paused

    def call(self, sku: str, *identifiers: str, warehouse: str = "") -> None:
        """Let the marketplace call a SKU so; it holds for what is planned from now on."""
        with self.database.write() as connection:
            connection.exec_driver_sql("DELETE FROM listed WHERE sku = ?", (sku,))
            for identifier in identifiers:
                connection.exec_driver_sql(
                    "INSERT INTO listed VALUES (?, ?, ?, ?, '')", (self.channel, sku, warehouse, identifier)
                )

    def stock(self, now: int, **quantities: int) -> None:
        rows = [StockChange(sku, "", quantity, 1, 0) for sku, quantity in quantities.items()]
        self.book.apply(1, self.source, rows, now)

    def begin(self, now: int):
        return self.ledger.begin_push(self.channel, [""], lambda due: due, now=now, limit=100)

    def end(self, push, now: int, after: After, **more) -> None:
        rows = [Settlement(attempt, after, "accepted", **more) for attempt in push.attempts]
        self.ledger.settle(push, rows, PushEnd(), now=now, settling=SETTLING, asynchronous=self.asynchronous)

    def push(self, now: int, after: After = After.CONFIRMED, **more) -> list[tuple[str, int]]:
        push = self.begin(now)
        if push is None:
            return []
        self.end(push, now, after, **more)
        return [(attempt.sku, attempt.quantity) for attempt in push.attempts]

    def due(self, now: int) -> list[tuple[str, Risk]]:
        with self.database.read() as connection:
            return [(one.sku, one.risk) for one in due_listings(connection, self.channel, [""], now, 100)]

    def one(self, column: str):
        with self.database.read() as connection:
            return connection.exec_driver_sql(f"SELECT {column} FROM listing").scalar_one()

    def counts(self, now: int) -> dict[str, int]:
        """How many listings are in which state, without those that none is in."""
        with self.database.read() as connection:
            counts = reports.count_listings(connection, self.channel, now)
        states = ("in_sync", "due", "in_flight", "deferred", "rejected", "held")
        return {state: count for state in states if (count := getattr(counts, state))}


@pytest.fixture
def shop(database):
    return Shop(database)


@pytest.fixture
def asynchronous_shop(database):
    return Shop(database, asynchronous=True)


def test_an_attempt_knows_since_when_its_listing_had_differed(shop):
    shop.stock(10, A=5)
    shop.push(20)
    shop.stock(30, A=4)
    shop.stock(40, A=3)

    (attempt,) = shop.begin(50).attempts

    assert attempt.changed_at == 30


def test_what_is_only_asserted_anew_has_not_changed(shop):
    shop.stock(10, A=5)
    shop.push(20)
    list(shop.registry.make_uncertain(shop.channel, 30))

    (attempt,) = shop.begin(50).attempts

    assert attempt.changed_at is None


def test_an_unknown_end_leaves_the_time_of_the_change(shop):
    shop.stock(10, A=5)
    shop.push(20, After.AMBIGUOUS, not_before=25)

    (attempt,) = shop.begin(50).attempts

    assert attempt.changed_at == 10


def test_an_intent_is_committed_before_it_is_acted_on(shop):
    shop.stock(1, A=5)
    push = shop.begin(2)

    with shop.database.read() as connection:
        assert connection.exec_driver_sql("SELECT id, quantity, outcome FROM attempt").fetchall() == [
            (push.attempts[0].id, 5, None)
        ]
    assert shop.one("uncertain") == 1


def test_a_push_that_chooses_nothing_leaves_nothing(shop):
    shop.stock(1, A=5)

    assert shop.ledger.begin_push(shop.channel, [""], lambda due: [], now=2, limit=10) is None
    with shop.database.read() as connection:
        assert reports.last_push(connection) == 0


def test_what_was_killed_in_flight_is_sent_again_though_the_source_went_back(shop):
    shop.stock(1, A=5)
    shop.push(2)
    shop.stock(3, A=7)
    shop.begin(4)
    shop.stock(5, A=5)

    assert Ledger(shop.database).recover(6) == 1
    assert shop.push(7) == [("A", 5)]


def test_what_was_killed_in_flight_may_still_arrive_and_is_repeated(shop):
    shop.stock(1, A=5)
    shop.begin(2)
    shop.ledger.recover(3)
    shop.push(4)

    assert shop.push(4 + SETTLING) == [("A", 5)]
    assert shop.push(4 + 10 * SETTLING) == []


def test_the_confirmed_quantity_is_the_one_that_the_attempt_carried(shop):
    shop.stock(1, A=5)
    push = shop.begin(2)
    shop.stock(3, A=7)
    shop.end(push, 4, After.CONFIRMED)

    assert (shop.one("confirmed"), shop.one("changed_at")) == (5, 4)
    assert shop.push(5) == [("A", 7)]


def test_attempts_are_numbered_on_after_a_restart(shop):
    shop.stock(1, A=5)
    first = shop.begin(2)
    again = Ledger(shop.database)
    again.recover(3)

    second = again.begin_push(shop.channel, [""], lambda due: due, now=4, limit=10)

    assert second.attempts[0].id > first.attempts[0].id


def test_an_ambiguous_row_is_repeated_once_a_settling_time_after_the_next_positive_answer(shop):
    shop.stock(1, A=5)
    assert shop.push(10, After.AMBIGUOUS) == [("A", 5)]
    assert shop.push(20) == [("A", 5)], "the next positive answer"

    assert shop.push(20 + SETTLING - 1) == []
    assert shop.push(20 + SETTLING) == [("A", 5)], "the repetition"
    assert shop.push(20 + 10 * SETTLING) == [], "only one"


def test_a_newer_quantity_does_not_wait_for_a_repetition_nor_cancel_it(shop):
    shop.stock(1, A=5)
    shop.push(10, After.AMBIGUOUS)
    shop.push(20)
    shop.stock(30, A=3)

    assert shop.push(31) == [("A", 3)]
    assert shop.push(20 + SETTLING) == [("A", 3)]
    assert shop.push(20 + 10 * SETTLING) == []


def test_a_repetition_that_was_sent_too_early_does_not_count(shop):
    shop.stock(1, A=5)
    shop.push(10, After.AMBIGUOUS)
    shop.push(20)
    shop.stock(30, A=3)
    push = shop.begin(20 + SETTLING - 1)
    shop.end(push, 20 + SETTLING + 5, After.CONFIRMED)

    assert shop.push(20 + SETTLING + 6) == [("A", 3)]


def test_a_row_of_unknown_but_ended_fate_is_not_repeated_after_its_answer(shop):
    shop.stock(1, A=5)
    shop.push(10, After.UNCERTAIN)
    assert shop.push(20) == [("A", 5)]

    assert shop.push(20 + 10 * SETTLING) == []


def test_two_batches_taken_within_a_settling_time_may_overtake_each_other(asynchronous_shop):
    shop = asynchronous_shop
    shop.stock(1, A=5)
    shop.push(10)
    shop.stock(11, A=3)
    shop.push(10 + SETTLING - 1)

    assert shop.push(10 + 2 * SETTLING - 1) == [("A", 3)]
    assert shop.push(10 + 20 * SETTLING) == []


def test_batches_a_settling_time_apart_are_not_repeated(asynchronous_shop):
    shop = asynchronous_shop
    shop.stock(1, A=5)
    shop.push(10)
    shop.stock(11, A=3)
    shop.push(10 + SETTLING)

    assert shop.push(10 + 20 * SETTLING) == []


def test_where_taken_is_applied_nothing_is_repeated(shop):
    shop.stock(1, A=5)
    shop.push(10)
    shop.stock(11, A=3)
    shop.push(12)

    assert shop.push(12 + 20 * SETTLING) == []


def test_what_was_in_flight_at_a_crash_is_settled_by_the_next_attempt_only(shop):
    shop.stock(1, A=5)
    old = shop.begin(2)
    shop.ledger.recover(3)
    new = shop.begin(4)

    shop.end(old, 5, After.CONFIRMED)

    assert (shop.one("attempt_id"), shop.one("confirmed")) == (new.attempts[0].id, None)


@pytest.mark.parametrize("after", After)
def test_an_attempt_that_was_settled_already_settles_nothing_more(shop, after):
    def everything():
        with shop.database.read() as connection:
            return [
                connection.exec_driver_sql(f"SELECT * FROM {table}").fetchall()
                for table in ("listing", "failure", "attempt", "push", "channel")
            ]

    shop.stock(1, A=5)
    push = shop.begin(2)
    shop.end(push, 3, After.UNTOUCHED, refusal=Refusal.QUANTITY, charged=True)
    before = everything()

    shop.end(push, 4, after, charged=True)

    assert everything() == before


def test_classes_of_risk_come_from_what_the_marketplace_may_show(shop):
    shop.stock(1, to_zero=5, less=5, more=5, same=5, zero=0)
    shop.push(2)
    shop.stock(3, to_zero=0, less=2, more=9, new=4, new_zero=0)
    for _ in shop.registry.make_uncertain(shop.channel, 4, ["same", "zero"]):
        pass

    assert sorted(shop.due(5)) == [
        ("less", Risk.DECREASE),
        ("more", Risk.INCREASE),
        ("new", Risk.INCREASE),
        ("new_zero", Risk.INCREASE),
        ("same", Risk.REPETITION),
        ("to_zero", Risk.TO_ZERO),
        ("zero", Risk.REPETITION),
    ]


def test_an_increase_of_unknown_fate_makes_the_way_back_a_decrease(shop):
    shop.stock(1, A=5)
    shop.push(2)
    shop.stock(3, A=8)
    shop.push(4, After.UNCERTAIN)
    shop.stock(5, A=5)
    assert shop.due(6) == [("A", Risk.DECREASE)]

    shop.stock(7, A=0)
    assert shop.due(8) == [("A", Risk.TO_ZERO)]


def test_an_increase_that_certainly_failed_leaves_the_way_back_in_sync(shop):
    shop.stock(1, A=5)
    shop.push(2)
    shop.stock(3, A=8)
    shop.push(4, After.UNTOUCHED)
    shop.stock(5, A=5)

    assert shop.due(6) == []


def test_an_increase_that_certainly_failed_is_not_what_the_marketplace_may_show(shop):
    shop.stock(1, A=5)
    shop.push(2)
    shop.stock(3, A=8)
    shop.push(4, After.UNTOUCHED)
    shop.stock(5, A=6)

    assert shop.due(6) == [("A", Risk.INCREASE)]


def test_a_full_reconcile_reaches_what_is_in_flight_even_if_that_has_no_effect(shop):
    shop.stock(1, A=5)
    shop.push(2)
    shop.stock(3, A=8)
    push = shop.begin(4)
    shop.stock(5, A=5)
    assert sum(shop.registry.make_uncertain(shop.channel, 6)) == 1

    shop.end(push, 7, After.UNTOUCHED)

    assert shop.push(8) == [("A", 5)]


def test_a_probe_that_was_only_deferred_leaves_the_listing_refused(shop):
    shop.stock(1, A=5)
    shop.push(2, After.UNTOUCHED, refusal=Refusal.NOT_LISTED, not_before=100, charged=True)
    assert shop.due(99) == []
    assert shop.due(100) == [("A", Risk.REPETITION)]

    shop.push(100, After.UNTOUCHED)

    assert shop.due(101) == [("A", Risk.REPETITION)]
    assert shop.one("refusal") == "not_listed"


def test_a_changed_quantity_wakes_what_was_refused_for_its_value_and_not_the_unlisted(shop):
    shop.stock(1, A=5, B=5)
    push = shop.begin(2)
    refusals = {"A": (Refusal.QUANTITY, None), "B": (Refusal.NOT_LISTED, 1_000)}
    rows = [
        Settlement(
            attempt, After.UNTOUCHED, "rejected", charged=True,
            refusal=refusals[attempt.sku][0], not_before=refusals[attempt.sku][1],
        )
        for attempt in push.attempts
    ]  # fmt: skip
    shop.ledger.settle(push, rows, PushEnd(), now=3, settling=SETTLING, asynchronous=False)

    shop.stock(4, A=6, B=6)

    assert shop.due(5) == [("A", Risk.INCREASE)]
    assert shop.due(1_000) == [("A", Risk.INCREASE), ("B", Risk.REPETITION)], "its probe"


@pytest.mark.parametrize("after", [After.UNTOUCHED, After.UNCERTAIN])
def test_a_quantity_that_moved_while_its_attempt_failed_does_not_wait(shop, after):
    shop.stock(1, A=5)
    push = shop.begin(2)
    shop.stock(3, A=0)

    shop.end(push, 4, after, not_before=1_000, charged=True)

    assert shop.push(5) == [("A", 0)]


def test_a_deferred_suspect_stays_a_suspect_until_it_is_taken(shop):
    shop.stock(1, A=5)
    shop.push(2, After.UNTOUCHED, batch_limit=2)
    shop.push(3, After.UNTOUCHED)
    assert shop.one("batch_limit") == 2

    shop.push(4)
    assert shop.one("batch_limit") is None


def test_a_listing_asked_for_twice_is_sent_once(shop):
    shop.stock(1, A=5)

    push = shop.ledger.begin_push(
        shop.channel, [""], lambda due: due, now=2, limit=10, skus=["A", "A", "unknown"]
    )

    assert [attempt.sku for attempt in push.attempts] == ["A"]


def test_the_oldest_of_each_class_come_first_and_no_more_than_asked_for(shop):
    for number in range(5):
        shop.stock(10 - number, **{f"S{number}": 1})

    with shop.database.read() as connection:
        found = list(due_listings(connection, shop.channel, [""], 20, 3))

    assert [(one.sku, one.since) for one in found] == [("S4", 6), ("S3", 7), ("S2", 8)]


def test_what_is_due_keeps_its_age_while_its_quantity_moves_on(shop):
    shop.stock(1, A=5)
    shop.stock(9, A=6)

    assert shop.one("changed_at") == 1


LARGE_SCANS = tuple(f"SCAN {table}" for table in ("listing", "l", "stock", "k", "attempt", "push"))


def traced(database: Database, act) -> list[tuple[str, tuple | dict]]:
    """Every statement that `act` runs."""
    found = []
    listeners = []
    for engine in (database._reader, database._writer):

        def note(_connection, _cursor, sql, parameters, _context, executemany):
            one = parameters[0] if executemany else parameters
            found.append((sql, one if isinstance(one, dict) else tuple(one)))

        event.listen(engine, "before_cursor_execute", note)
        listeners.append((engine, note))
    act()
    for engine, note in listeners:
        event.remove(engine, "before_cursor_execute", note)
    return found


def plan_of(database: Database, sql: str, parameters: tuple | dict) -> list[str]:
    with database.write() as connection:  # which knows the temporary table of touched SKUs
        return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters)]


def everyday(shop: Shop) -> None:
    """All that happens to a listing while nobody looks, and all that status pages ask."""
    for quantity, after in enumerate(After):
        shop.stock(1, A=quantity, B=quantity)
        shop.push(2, after)
    shop.push(3, After.UNTOUCHED, refusal=Refusal.NOT_LISTED, not_before=9, charged=True)
    push = shop.ledger.begin_push(shop.channel, [""], lambda due: due, now=9, limit=10, skus=["A"])
    shop.end(push, 10, After.UNTOUCHED)
    shop.registry.wake(shop.channel)
    shop.registry.wake(shop.channel, ["A"])
    list(shop.registry.make_uncertain(shop.channel, 11, ["A"]))
    shop.registry.absolve(shop.channel, ["A"], 12)
    with shop.database.read() as connection:
        next_wait(connection, shop.channel, [""])
        reports.count_listings(connection, shop.channel, 10)
        reports.count_listings_of(connection, shop.channel, ["A", "B"])
        reports.work_left(connection, shop.channel, 10)
        reports.push_totals(connection, shop.channel, 0)
        reports.last_push(connection)
        reports.last_import(connection)
        list(reports.failures(connection, "shop"))


@pytest.mark.parametrize("analysed", [False, True])
def test_no_everyday_statement_scans_or_sorts_the_listings(shop, analysed):
    """Also where the planner knows the sizes of the tables: it must not find a scan cheaper."""
    if analysed:
        shop.stock(1, **{f"S{number}": 1 for number in range(300)})
        for now in range(2, 60):
            shop.push(now, After.UNCERTAIN)
        optimize(shop.database)
        with shop.database.write() as connection:
            connection.exec_driver_sql("ANALYZE")
    used = set()
    for sql, parameters in traced(shop.database, lambda: everyday(shop)):
        if not sql.lstrip().startswith(("SELECT", "UPDATE", "INSERT", "DELETE", "WITH")):
            continue
        steps = plan_of(shop.database, sql, parameters)
        used |= {word for step in steps for word in step.split() if word.startswith("listing_")}
        scans = [step for step in steps if step.startswith(LARGE_SCANS)]
        assert all("INDEX listing_" in step for step in scans), (sql, steps)
        sorts = [step for step in steps if "TEMP B-TREE" in step]
        assert not sorts or not sql.startswith("SELECT sku") or "FROM listing" not in sql, (sql, steps)

    assert used == {
        "listing_ready", "listing_waiting", "listing_in_flight", "listing_refused", "listing_renamed",
        "listing_paused",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "index", "parameters"),
    [
        ("_READY", "listing_ready", (1, "", 0, 10)),
        ("_RIPE", "listing_waiting", (1, "", 0, 5, 10)),
        ("_NEXT_WAIT", "listing_waiting", (1, "", 0)),
    ],
)
def test_the_next_batch_is_found_by_one_range_of_a_partial_index(shop, name, index, parameters):
    (step,) = plan_of(shop.database, getattr(statements, name), parameters)

    assert f"INDEX {index} (channel_id=? AND warehouse=? AND risk=?" in step
    assert step.startswith("SEARCH listing")


def test_old_pushes_are_forgotten_but_never_the_newest(shop):
    shop.stock(1, A=5)
    for now in (2, 3, 4):
        shop.push(now, After.UNCERTAIN)
    open_push = shop.begin(5)

    assert sum(forget_pushes(shop.database, 4, 1_000)) == 2

    with shop.database.read() as connection:
        pushes = connection.exec_driver_sql("SELECT id FROM push").scalars().all()
        attempts = connection.exec_driver_sql("SELECT id FROM attempt").scalars().all()
    assert pushes == attempts == [3, open_push.id]
    shop.end(open_push, 6, After.CONFIRMED)
    assert sum(forget_pushes(shop.database, 1_000, 1_000)) == 1


def add_import(shop: Shop, number: int, state: str, claimed: str = "") -> None:
    entry = Import(
        id=number, source_id=shop.source, name="f", contents="snapshot", state=state, at=number, data_at=number,
        claimed=claimed,
    )  # fmt: skip
    Imports(shop.database).record(entry)


def test_records_of_imports_are_forgotten_once_nothing_comes_from_them(shop):
    states = ["applied", "applied", "held", "applying", "rejected", "superseded", "applied", "applied"]
    for number, state in enumerate(states, 1):
        add_import(shop, number, state, claimed="file" if number == 7 else "")
    shop.book.apply(2, shop.source, [StockChange("A", "", 1, 1, 0)], 1)

    assert sum(forget_imports(shop.database, 1_000)) == 3

    with shop.database.read() as connection:
        left = connection.exec_driver_sql("SELECT id, state FROM import ORDER BY id").fetchall()
    assert [row[0] for row in left] == [2, 3, 4, 7, 8], (
        "in use, held, applying, not put away, the last applied"
    )


def test_records_of_imports_younger_than_asked_for_stay(shop):
    for number in (1, 2, 3):
        add_import(shop, number, "applied")

    assert sum(forget_imports(shop.database, 2)) == 1


def test_a_channel_of_another_name_keeps_its_own_listings(database):
    one = Shop(database)
    other = Shop(database, replace(PLAN, name="other", account="other"), beside=one)
    one.stock(1, A=5)
    one.push(2)

    assert (one.due(3), other.due(3)) == ([], [("A", Risk.INCREASE)])


def test_what_is_due_of_some_skus_is_all_that_it_is_called(shop):
    shop.call("B", " product_id 1", " product_id 2")
    shop.stock(1, A=5, B=6, C=7)
    with shop.database.read() as connection:
        found = list(due_listings_of(connection, shop.channel, [""], ["B", "A"], 2))

    assert sorted((one.sku, one.identifier, one.desired) for one in found) == [
        ("A", "A", 5), ("B", " product_id 1", 6), ("B", " product_id 2", 6),
    ]  # fmt: skip


def test_each_listing_of_a_sku_is_settled_by_itself(shop):
    shop.call("A", " product_id 1", " product_id 2")
    shop.stock(1, A=5)
    push = shop.begin(2)
    rows = [
        Settlement(push.attempts[0], After.CONFIRMED, "accepted"),
        Settlement(push.attempts[1], After.UNTOUCHED, "rejected", charged=True, refusal=Refusal.NOT_LISTED),
    ]

    shop.ledger.settle(push, rows, PushEnd(), now=3, settling=SETTLING, asynchronous=False)

    taken, refused = (attempt.identifier for attempt in push.attempts)
    with shop.database.read() as connection:
        listings = dict(
            connection.exec_driver_sql("SELECT identifier, coalesce(confirmed, -1) FROM listing").fetchall()
        )
        (failure,) = reports.failures(connection)
    assert listings == {taken: 5, refused: -1}
    assert (failure.sku, failure.identifier) == ("A", refused)
    assert shop.counts(4) == {"in_sync": 1, "rejected": 1}


def test_an_attempt_settles_its_listing_though_that_shows_another_sku_by_then(shop):
    """At most one attempt is in flight for a listing, whatever it stands for."""
    shop.call("A", " product_id 1")
    shop.stock(1, A=5, B=7)
    push = shop.ledger.begin_push(shop.channel, [""], lambda due: due, now=2, limit=9, skus=["A"])
    shop.call("A")
    shop.call("B", " product_id 1")
    shop.stock(3, A=5, B=7)
    with shop.database.read() as connection:
        shown = dict(connection.exec_driver_sql("SELECT identifier, sku FROM listing").fetchall())
    assert shown[" product_id 1"] == "B"

    shop.end(push, 4, After.CONFIRMED)

    with shop.database.read() as connection:
        found = connection.exec_driver_sql(
            "SELECT sku, confirmed, desired, uncertain, attempt_id FROM listing WHERE identifier <> sku"
        ).one()
    assert tuple(found) == ("B", 5, 7, 0, None)
    with shop.database.read() as connection:
        due = {one.identifier: one for one in due_listings_of(connection, shop.channel, [""], ["B"], 5)}
    assert (due[" product_id 1"].desired, due[" product_id 1"].differs_since) == (7, 4)


def test_what_failed_under_another_sku_is_told_of_the_one_that_it_shows(shop):
    shop.call("A", " product_id 1")
    shop.stock(1, A=5, B=7)
    push = shop.ledger.begin_push(shop.channel, [""], lambda due: due, now=2, limit=9, skus=["A"])
    shop.call("A")
    shop.call("B", " product_id 1")
    shop.stock(3, A=5, B=7)

    shop.end(push, 4, After.UNCERTAIN, charged=True)

    with shop.database.read() as connection:
        (failure,) = reports.failures(connection)
    assert (failure.sku, failure.identifier, failure.desired) == ("B", " product_id 1", 7)


def test_a_paused_listing_is_left_alone_and_counts_as_held(shop):
    shop.paused = {"A"}
    shop.stock(1, A=5, B=5)

    assert shop.push(2) == [("B", 5)]
    assert shop.counts(3) == {"held": 1, "in_sync": 1}
    with shop.database.read() as connection:
        counts = reports.count_listings(connection, shop.channel, 3)
        assert reports.count_listings_of(connection, shop.channel, ["A", "B"]) == (2, 1, 1)
    assert (counts.held, counts.paused) == (1, 1)


def test_a_pause_while_it_is_in_flight_does_not_keep_the_answer_away(shop):
    shop.stock(1, A=5)
    push = shop.begin(2)
    shop.paused = {"A"}
    shop.stock(3, A=6)
    assert shop.counts(3) == {"in_flight": 1}

    shop.end(push, 4, After.CONFIRMED)

    assert shop.one("confirmed") == 5
    assert shop.counts(5) == {"held": 1}
    shop.paused = set()
    shop.stock(6, A=6)
    assert shop.push(7) == [("A", 6)]


def test_a_paused_listing_that_shows_what_it_should_is_held_as_well(shop):
    shop.stock(1, A=5)
    shop.push(2)
    shop.paused = {"A"}
    shop.stock(3, A=5)

    assert shop.counts(4) == {"held": 1}
    with shop.database.read() as connection:
        assert reports.count_listings_of(connection, shop.channel, ["A"]) == (1, 0, 1)


def test_a_probe_in_flight_is_in_flight_though_it_was_refused_and_is_paused_since(shop):
    shop.stock(1, A=5)
    shop.push(2, After.UNTOUCHED, refusal=Refusal.NOT_LISTED, not_before=9, charged=True)
    push = shop.begin(9)
    shop.paused = {"A"}
    shop.stock(10, A=6)
    assert shop.counts(11) == {"in_flight": 1}

    shop.end(push, 12, After.UNTOUCHED, refusal=Refusal.NOT_LISTED, not_before=20)

    assert shop.counts(13) == {"rejected": 1}


def test_waking_reaches_a_probe_that_turns_out_to_have_had_no_effect(shop):
    shop.stock(1, A=5)
    shop.push(2)
    shop.stock(3, A=8)
    shop.push(4, After.UNTOUCHED, refusal=Refusal.NOT_LISTED, not_before=9, charged=True)
    push = shop.begin(9)
    shop.stock(10, A=5)
    shop.registry.wake(shop.channel)

    shop.end(push, 11, After.UNTOUCHED)

    assert shop.push(12) == [("A", 5)]


def test_each_listing_becomes_uncertain_once_wherever_a_slice_ends(database):
    places = {"JKT": "10", "BDG": "20", "SBY": "30"}
    shop = Shop(database, replace(PLAN, locations=places))
    rows = [StockChange(sku, place, 5, 1, 0) for sku in ("A", "B", "C") for place in places]
    shop.book.apply(1, shop.source, rows, 1)

    assert list(make_uncertain(database, shop.channel, 2, most=2)) == [2, 2, 2, 2, 1]
    assert list(make_uncertain(database, shop.channel, 2, ["C", "A"], most=4)) == [4, 2]


def test_what_lies_in_a_held_warehouse_is_not_due_by_its_sku_either(shop):
    shop.stock(1, A=5)

    with shop.database.read() as connection:
        assert list(due_listings_of(connection, shop.channel, ["10"], ["A"], 2)) == []


def test_a_refused_listing_that_is_paused_is_rejected_until_it_is_woken_and_still_paused_then(shop):
    shop.stock(1, A=5, B=5)
    shop.push(2, After.UNTOUCHED, refusal=Refusal.NOT_LISTED, not_before=100, charged=True)
    shop.paused = {"A"}
    shop.stock(3, A=6, B=6)
    assert shop.counts(4) == {"rejected": 2}
    assert [sku for sku, _ in shop.due(100)] == ["B"]

    assert shop.registry.wake(shop.channel) == 1, "only what is due now"

    assert shop.counts(5) == {"held": 1, "due": 1}
    with shop.database.read() as connection:
        assert {row.sku for row in reports.failures(connection)} == {"A", "B"}, "what failed stays visible"


def test_a_paused_listing_becomes_uncertain_and_is_not_sent_before_its_pause_ends(shop):
    shop.stock(1, A=5)
    shop.push(2)
    shop.paused = {"A"}
    shop.stock(3, A=5)

    assert sum(shop.registry.make_uncertain(shop.channel, 4)) == 1
    assert shop.one("uncertain") == 1
    assert shop.counts(5) == {"held": 1}
    assert shop.begin(5) is None

    shop.paused = set()
    shop.stock(6, A=5)
    assert shop.push(7) == [("A", 5)]


@pytest.mark.parametrize("skus", [None, ["A"]])
def test_what_is_said_of_a_sku_reaches_all_that_it_is_called(shop, skus):
    shop.call("A", " product_id 1", " product_id 2")
    shop.stock(1, A=5, B=5)
    shop.push(2, After.UNTOUCHED, refusal=Refusal.NOT_LISTED, charged=True)
    assert shop.counts(3) == {"rejected": 3}

    assert shop.registry.wake(shop.channel, skus) == (3 if skus is None else 2)
    push = shop.ledger.begin_push(shop.channel, [""], lambda due: due, now=4, limit=9, skus=skus)
    assert sum(shop.registry.make_uncertain(shop.channel, 5, skus)) == len(push.attempts)

    shop.end(push, 6, After.UNTOUCHED)
    assert len(shop.due(7)) == len(push.attempts), "what is in flight is asserted anew too"


def test_absolving_a_sku_takes_back_all_refusals_of_its_listings_and_no_others(shop):
    shop.call("A", " product_id 1", " product_id 2")
    shop.stock(1, A=5, B=5)
    shop.push(2, After.UNTOUCHED, refusal=Refusal.NOT_LISTED, charged=True)

    shop.registry.absolve(shop.channel, ["A"], 50)

    assert shop.counts(49) == {"deferred": 2, "rejected": 1}
    with shop.database.read() as connection:
        assert [row.sku for row in reports.failures(connection)] == ["B"]


def test_all_that_a_sku_is_called_is_found_by_two_searches_never_by_a_scan(shop):
    query = of_skus("identifier, warehouse", "due = 1")
    for analysed in (False, True):
        if analysed:
            shop.call("X", *(f" product_id {number}" for number in range(300)))
            shop.stock(1, X=1, **{f"S{number}": 1 for number in range(300)})
            with shop.database.write() as connection:
                connection.exec_driver_sql("ANALYZE")
        with shop.database.read() as connection:
            steps = [
                row[3]
                for row in connection.exec_driver_sql(
                    f"EXPLAIN QUERY PLAN {query}", these_skus(shop.channel, ["A", "B"])
                )
                if "listing" in row[3]
            ]
        assert steps == [
            "SEARCH listing USING PRIMARY KEY (channel_id=? AND identifier=?)",
            "SEARCH listing USING INDEX listing_renamed (channel_id=? AND sku=?)",
        ]
