"""Edits of plans among all else that goes on, against planning from nothing.

Between any two steps of an edit stock may come, requests may leave and be answered, and the process may end.
Whatever happened, in the end the ledger says what a new database would say that plans the same from nothing.
"""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from plan_model import (
    LOCATIONS,
    SKUS,
    SOURCES,
    Wish,
    bundle_rows,
    difference,
    emptied,
    listed_rows,
    own_rules,
    plans,
)
from planned import WHOLE, follow_plan, planning_of

from state.database import Database
from state.ledger import Ledger
from state.plan_staging import PlanStaging
from state.plans import BundleRow, ChannelPlan, ListedRow, PlanRows
from state.records import After, PushEnd, Refusal, Settlement
from state.registry import Registry
from state.staging import StockChange
from state.stock import StockBook

CHANNELS = ("shop", "another")
WAREHOUSES = ("", "10", "20")
ENDS = (
    (After.CONFIRMED, None),
    (After.UNTOUCHED, None),
    (After.UNTOUCHED, Refusal.NOT_LISTED),
    (After.UNTOUCHED, Refusal.QUANTITY),
    (After.AMBIGUOUS, None),
)
channels = st.sampled_from(CHANNELS)
quantities_said = st.dictionaries(
    st.tuples(st.sampled_from(SKUS), st.sampled_from(LOCATIONS)), st.integers(0, 12), min_size=1, max_size=8
)


def rows_of(database, sql, parameters=()):
    with database.read() as connection:
        return connection.exec_driver_sql(sql, parameters).fetchall()


class Replanning(RuleBasedStateMachine):
    """Two channels of one stock, each with its plan."""

    def __init__(self, folder, fresh):
        super().__init__()
        self.path = folder / "state.db"
        self.fresh = fresh
        self.slices = pytest.MonkeyPatch()
        for module in ("state.plan_staging", "state.stock"):
            self.slices.setattr(f"{module}.SLICE_ROWS", 2)
        self.now = 1
        self.stock = {}
        self.wishes = {name: Wish(replace(WHOLE, name=name, account=name)) for name in CHANNELS}
        self.edit, self.edited, self.begun, self.undisturbed = None, None, None, False
        self.retired, self.handed_over = None, False
        self.flights = []
        self.confirmed = {}
        self.database = emptied(Database(self.path))
        self.start()
        self.expected = {name: {} for name in CHANNELS}
        for name in CHANNELS:
            self.begin_edit(name)
            self.go_on_to_the_end()
        self.say({(sku, place): 5 for sku in SKUS[1:] for place in LOCATIONS[1:]}, None)

    def start(self):
        """What the application does as it starts, up to the planners' first look."""
        self.registry = Registry(self.database)
        self.ids = self.registry.register_sources(list(SOURCES))
        self.ledger = Ledger(self.database)
        self.ledger.recover(self.now)
        self.book = StockBook(self.database, {})
        self.in_force = {}
        for name in CHANNELS:
            found = self.registry.register_channel(name, name, self.now)
            self.in_force[name] = found
            if found.text:
                plan = ChannelPlan.from_text(found.text, name=name, account=name)
                self.book.plannings[found.channel_id] = planning_of(self.registry, found.channel_id, plan)

    def teardown(self):
        if self.edit is not None:
            self.edit.close()
        self.database.close()
        self.slices.undo()

    # What happens beside edits.

    @rule(said=quantities_said, by=st.sampled_from((None, None, *SOURCES)))
    def say(self, said, by):
        """Stock comes, from the source that each level is of, or all of it from one."""
        self.now += 1
        self.undisturbed = False
        for source in SOURCES:
            changes = [
                StockChange(*key, quantity, 1, 0)
                for key, quantity in said.items()
                if source == (by or self.owner(key))
            ]
            if changes:
                self.book.apply(1, self.ids[source], changes, self.now)
            for change in changes:
                key = (change.sku, change.location)
                owner = self.owner(key) if key in self.stock else source
                if owner != source and owner == self.retired:
                    self.handed_over = True
                if owner in {source, self.retired}:
                    self.stock[key] = (source, change.quantity)

    def owner(self, key):
        return self.stock[key][0] if key in self.stock else SOURCES[len(key[1]) % 5 == 0]

    @rule(source=st.sampled_from((None, *SOURCES)))
    def retire(self, source):
        """A source that is configured no longer lets others say its SKUs."""
        self.retired = source
        self.registry.register_sources([name for name in SOURCES if name != source])

    @rule(name=channels, most=st.integers(1, 5))
    def push(self, name, most):
        self.now += 1
        channel_id = self.in_force[name].channel_id
        push = self.ledger.begin_push(
            channel_id, WAREHOUSES, lambda due: due[:most], now=self.now, limit=most
        )
        if push is not None:
            leaving = {(name, attempt.identifier, attempt.warehouse) for attempt in push.attempts}
            assert len(leaving) == len(push.attempts)
            assert not leaving & self.in_flight(), "two requests with one listing are under way"
            self.flights.append((name, push))
            self.undisturbed = False

    def in_flight(self):
        return {
            (name, attempt.identifier, attempt.warehouse)
            for name, push in self.flights
            for attempt in push.attempts
        }

    @precondition(lambda self: self.flights)
    @rule(data=st.data())
    def answer(self, data):
        self.now += 1
        self.undisturbed = False
        name, push = self.flights.pop(data.draw(st.integers(0, len(self.flights) - 1)))
        settled = []
        for attempt in push.attempts:
            after, refusal = data.draw(st.sampled_from(ENDS))
            settled.append(Settlement(attempt, after, "told", refusal=refusal, charged=bool(refusal)))
            if after is After.CONFIRMED:
                self.confirmed[name, attempt.identifier, attempt.warehouse] = attempt.quantity
        self.ledger.settle(push, settled, PushEnd(), now=self.now, settling=9, asynchronous=False)

    # Edits.

    def idle(self):
        return self.edit is None

    @precondition(idle)
    @rule(name=channels, plan=plans)
    def edit_plan(self, name, plan):
        self.wishes[name] = replace(self.wishes[name], plan=replace(plan, name=name, account=name))
        self.begin_edit(name)

    @precondition(idle)
    @rule(name=channels, rules=own_rules)
    def edit_rules(self, name, rules):
        self.wishes[name] = replace(self.wishes[name], rules=rules)
        self.begin_edit(name)

    @precondition(idle)
    @rule(name=channels, listed=listed_rows)
    def edit_names(self, name, listed):
        self.wishes[name] = replace(self.wishes[name], listed=listed)
        self.begin_edit(name)

    @precondition(idle)
    @rule(name=channels, bundles=bundle_rows)
    def edit_bundles(self, name, bundles):
        self.wishes[name] = replace(self.wishes[name], bundles=bundles)
        self.begin_edit(name)

    @precondition(idle)
    @rule(name=channels, plan=plans, rules=own_rules, listed=listed_rows, bundles=bundle_rows)
    def edit_all(self, name, plan, rules, listed, bundles):
        self.wishes[name] = Wish(replace(plan, name=name, account=name), {}, rules, listed, bundles)
        self.begin_edit(name)

    @precondition(lambda self: self.edit is not None)
    @rule(steps=st.integers(1, 6))
    def go_on(self, steps):
        for _ in range(steps):
            if self.edit is not None:
                self.take_step()

    @precondition(lambda self: self.edit is not None)
    @rule()
    def go_on_to_the_end(self):
        while self.edit is not None:
            self.take_step()

    @rule()
    def crash(self):
        """The process ends and begins anew; the edit that was under way begins again."""
        self.now += 1
        if self.edit is not None:
            self.edit.close()
        self.edit = None
        self.flights.clear()
        self.database.close()
        self.database = Database(self.path)
        self.start()
        self.retired = None
        cut_off = self.edited
        for name in CHANNELS:
            if name != cut_off and not self.in_force[name].planned:
                self.begin_edit(name)
                self.go_on_to_the_end()
        if cut_off is not None:
            self.begin_edit(cut_off)

    def note_planned(self, name):
        channel_id, plan = self.in_force[name].channel_id, self.wishes[name].plan
        self.registry.follow_plan(channel_id, plan, planned=not self.book.lingers(channel_id))
        self.in_force[name] = replace(self.in_force[name], text=plan.as_text(), planned=True)

    def forget_lingering(self, name):
        """What the planner does at each look."""
        channel_id = self.in_force[name].channel_id
        if self.book.lingers(channel_id):
            self.book.forget_lingering(channel_id, self.now)
            self.note_planned(name)

    def begin_edit(self, name):
        self.now += 1
        self.edited, self.begun = name, self.ledger_rows(name)
        self.promised = replace(self.wishes[name], stock=dict(self.stock)).listings()
        self.undisturbed = self.begun.keys() <= self.expected[name].keys()
        self.handed_over = False
        self.edit = self.steps(name)
        self.take_step()

    def take_step(self):
        self.now += 1
        try:
            next(self.edit)
        except StopIteration as ended:
            name, self.edit, self.edited = self.edited, None, None
            self.check_edit(name, ended.value)

    def steps(self, name):
        """What the planner does, up to the end or the next place where all else may come between."""
        channel_id, wish = self.in_force[name].channel_id, self.wishes[name]
        planning = planning_of(self.registry, channel_id, wish.plan)
        book, text = self.book, self.in_force[name].text
        book.watch(channel_id)
        yield
        try:
            with PlanStaging(self.path, channel_id) as staging:
                staging.load(wish.rows(f"now {self.now}"))
                assert staging.problems() == []
                touched = staging.touch()
                known = text and ChannelPlan.from_text(text, name=name, account=name).effect
                whole = not self.in_force[name].planned or known != wish.plan.effect
                if not whole and not touched:
                    for change in staging.row_changes():
                        book.store_rows(*change)
                        yield
                    self.note_planned(name)
                    return None
                comparison, _ = staging.compare(planning, whole=whole)
                yield
                self.registry.follow_plan(channel_id, wish.plan, planned=False)
                book.follow(planning)
                for change in staging.row_changes():
                    yield
                    book.store_rows(*change)
                for wanted in staging.wanted():
                    yield
                    book.store_planned(channel_id, wanted, self.now)
                for gone in staging.unwanted():
                    yield
                    book.forget(channel_id, gone, self.now)
                yield
                for _ in book.finish(channel_id, self.now):
                    yield
                self.note_planned(name)
                if whole:
                    self.registry.wake(channel_id)
                return comparison
        finally:
            book.unwatch(channel_id)

    # What must hold.

    def ledger_rows(self, name):
        """All that the ledger says of a channel, by identifier and warehouse."""
        return {
            (row.identifier, row.warehouse): row
            for row in rows_of(
                self.database,
                "SELECT * FROM listing WHERE channel_id = ?",
                (self.in_force[name].channel_id,),
            )
        }

    def check_edit(self, name, comparison):
        """After an edit: told figures are true, and no listing is other than it should be for it."""
        self.forget_lingering(name)
        after = self.ledger_rows(name)
        wish = replace(self.wishes[name], stock=self.stock)
        assert as_lists(wish.listings()) == planned_from_nothing(emptied(self.fresh), wish)
        if self.undisturbed and comparison is not None:
            flying = {key for key, row in after.items() if row.attempt_id is not None} - self.promised.keys()
            told = difference(says(self.begun), says(after, but=flying))
            assert {key: getattr(comparison, key) for key in told} == told
        if self.undisturbed:
            self.check_unconcerned(after)
        kept = self.begun.keys() & self.promised.keys()
        if not self.handed_over:
            for key in kept:
                assert after[key].confirmed == self.confirmed.get((name, *key))
        for key in after.keys() - kept | (after.keys() if self.handed_over else set()):
            # It may have been forgotten, and made again for stock that came meanwhile.
            if after[key].confirmed is None:
                self.confirmed.pop((name, *key), None)

    def check_unconcerned(self, after):
        for key in self.begun.keys() & after.keys():
            before, now = self.begun[key], after[key]
            if before.refusal is not None or before.not_before is not None:
                continue  # an edit of the configuration wakes what waits
            if (before.desired, before.paused) == (now.desired, now.paused) and before.sku == now.sku:
                assert before == now, "an edit that does not concern a listing changed it"
            if not before.changed and before.desired == now.desired:
                assert not now.changed

    @invariant()
    def the_ledger_says_what_planning_from_nothing_says(self):
        self.check_failures()
        if self.edit is not None:
            return
        for name in CHANNELS:
            self.forget_lingering(name)
            wanted = replace(self.wishes[name], stock=self.stock).listings()
            self.expected[name] = wanted
            there = self.ledger_rows(name)
            for key in there.keys() - wanted.keys():
                assert there[key].attempt_id is not None, f"{key} should have been forgotten"
            assert says(there, but=there.keys() - wanted.keys()) == as_lists(wanted)
            for key in [key for key in self.confirmed if key[0] == name and key[1:] not in there]:
                del self.confirmed[key]
            for key, row in there.items():
                assert row.confirmed == self.confirmed.get((name, *key))

    def check_failures(self):
        orphans = rows_of(
            self.database,
            "SELECT identifier FROM failure LEFT JOIN listing USING (channel_id, identifier, warehouse)"
            " WHERE listing.sku IS NULL",
        )
        assert orphans == []


def says(rows, but=()):
    return {key: [row.sku, row.desired, row.paused] for key, row in rows.items() if key not in but}


def planned_from_nothing(database, wish):
    registry, book = Registry(database), StockBook(database, {})
    ids = registry.register_sources(list(SOURCES))
    for (sku, location), (source, quantity) in wish.stock.items():
        book.apply(1, ids[source], [StockChange(sku, location, quantity, 1, 0)], 1)
    channel_id = registry.register_channel(wish.plan.name, wish.plan.account, 1).channel_id
    follow_plan(database, book, planning_of(registry, channel_id, wish.plan), wish.rows())
    rows = rows_of(database, "SELECT identifier, warehouse, sku, desired, paused FROM listing")
    return {(identifier, warehouse): rest for identifier, warehouse, *rest in map(tuple, rows)}


def as_lists(listings):
    return {key: list(said) for key, said in listings.items()}


def test_whatever_happens_the_ledger_says_what_planning_from_nothing_says(tmp_path):
    fresh = Database(tmp_path / "fresh.db")
    run_state_machine_as_test(
        lambda: Replanning(tmp_path, fresh),
        settings=settings(
            max_examples=20,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
    fresh.close()


class Edit:
    """An edit of one shop's plan, step by step by hand."""

    def __init__(self, database):
        self.database, self.registry = database, Registry(database)
        self.ids = self.registry.register_sources(["erp"])
        self.channel = self.registry.register_channel("shop", "acc", 1).channel_id
        self.book = StockBook(database, {})
        follow_plan(database, self.book, planning_of(self.registry, self.channel))

    def say(self, stock):
        changes = [StockChange(sku, place, quantity, 1, 0) for (sku, place), quantity in stock.items()]
        self.book.apply(1, self.ids["erp"], changes, 2)

    def make(self, plan, rows=None, **between):
        """Apply a plan; `between`: the stock that comes after the step of that name."""
        planning = planning_of(self.registry, self.channel, plan)

        def after(step):
            if step in between:
                self.say(between.pop(step))

        self.book.watch(self.channel)
        with PlanStaging(self.database.path, self.channel) as staging:
            staging.load(rows or PlanRows())
            staging.touch()
            staging.compare(planning, whole=True)
            after("compared")
            self.book.follow(planning)
            after("followed")
            for change in staging.row_changes():
                self.book.store_rows(*change)
            after("stored")
            for wanted in staging.wanted():
                self.book.store_planned(self.channel, wanted, 3)
            after("planned")
            for gone in staging.unwanted():
                self.book.forget(self.channel, gone, 3)
            after("forgotten")
        for _ in self.book.finish(self.channel, 3):
            after("finishing")
        self.book.unwatch(self.channel)
        assert not between

    def shown(self):
        rows = rows_of(self.database, "SELECT identifier, warehouse, desired FROM listing")
        return {(identifier, warehouse): desired for identifier, warehouse, desired in rows}


STEPS = ("compared", "followed", "stored", "planned", "forgotten")
SET = PlanRows(bundles=[BundleRow("SET", "CUP", 1, "here")])


@pytest.mark.parametrize("step", STEPS)
def test_a_component_that_is_sold_while_its_bundle_is_made_known(database, step):
    edit = Edit(database)
    edit.say({("CUP", ""): 9})

    edit.make(WHOLE, SET, **{step: {("CUP", ""): 1}})

    assert edit.shown() == {("CUP", ""): 1, ("SET", ""): 1}


@pytest.mark.parametrize("step", STEPS)
def test_a_sku_that_is_sold_while_its_listing_gets_another_name(database, step):
    edit = Edit(database)
    edit.say({("A", ""): 9, ("B", ""): 9})

    edit.make(WHOLE, PlanRows(listed=[ListedRow("A", "", "B", "here")]), **{step: {("A", ""): 1}})

    assert edit.shown() == {("B", ""): 1}


@pytest.mark.parametrize("step", STEPS)
def test_stock_comes_to_a_listing_that_was_to_be_forgotten(database, step):
    """What was known of it is known still, unless it was forgotten before."""
    edit = Edit(database)
    edit.make(replace(WHOLE, locations={"JKT": "10"}))
    edit.say({("A", "JKT"): 9})
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE listing SET confirmed = 9")

    edit.make(replace(WHOLE, locations={"BDG": "10"}), **{step: {("A", "BDG"): 4}})

    assert edit.shown() == {("A", "10"): 4}
    known = 9 if step != "forgotten" else None
    assert rows_of(database, "SELECT confirmed FROM listing") == [(known,)]


def test_stock_comes_to_a_listing_that_was_to_be_forgotten_while_other_stock_is_planned(
    database, monkeypatch
):
    monkeypatch.setattr("state.stock.SLICE_ROWS", 1)
    edit = Edit(database)
    edit.make(replace(WHOLE, locations={"JKT": "10"}))
    edit.say({("A", "JKT"): 9, ("B", "JKT"): 9})

    edit.make(
        replace(WHOLE, locations={"BDG": "10"}),
        planned={("A", "JKT"): 8, ("B", "JKT"): 8},
        finishing={("A", "BDG"): 4},
    )

    assert edit.shown() == {("A", "10"): 4}
