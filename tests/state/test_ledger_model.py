"""The ledger against a small model of it, under every order of events, with crashes between any two.

The model says in a few lines of Python what the database derives; a marketplace that applies requests late,
twice or never says whether law 3 holds: in the end it shows what was wanted. What a SKU is called there, and
whether it is left alone, may change at any time.
"""

import shutil
import tempfile
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from planned import follow_plan

from state import reports
from state.by_sku import CALLED
from state.database import Database
from state.ledger import Ledger, next_wait
from state.planning import Planning
from state.plans import ChannelPlan, ListedRow, PlanRows
from state.records import After, PushEnd, Refusal, Risk, Settlement
from state.registry import Registry
from state.staging import StockChange
from state.stock import StockBook

SETTLING = 100
SKUS = ("A", "B", "C")
NAMES = (" id 1", " id 2", "C")
"""What a marketplace may call a SKU, besides its own name; one of them is another SKU's."""
PLANS = (
    ChannelPlan("sync", "acc-1", ("erp",)),
    ChannelPlan("async", "acc-2", ("erp",), {"JKT": "10", "BDG": "20"}),
)
ASYNCHRONOUS = {"sync": False, "async": True}


def shown_of(plan: ChannelPlan, stock: int) -> int:
    """The one keeps a unit back, the other shows two at most."""
    return max(stock - 1, 0) if plan.locations is None else min(2, stock)


class Wanted(NamedTuple):
    sku: str
    quantity: int
    paused: bool


class Mapping:
    """What the SKUs of a channel are called, and which of them are left alone."""

    def __init__(self):
        self.sku_of: dict[str, str] = {}
        self.paused: set[str] = set()

    def names(self, sku: str) -> list[str]:
        own = [name for name, named in self.sku_of.items() if named == sku]
        return own or ([] if sku in self.sku_of else [sku])


def wanted(
    plan: ChannelPlan, stock: dict[tuple[str, str], int], mapping: Mapping
) -> dict[tuple[str, str], Wanted]:
    totals: dict[tuple[str, str], int] = {}
    for (sku, location), quantity in stock.items():
        warehouse = "" if plan.locations is None else plan.locations[location]
        totals[sku, warehouse] = totals.get((sku, warehouse), 0) + quantity
    return {
        (name, warehouse): Wanted(sku, shown_of(plan, total), sku in mapping.paused)
        for (sku, warehouse), total in totals.items()
        for name in mapping.names(sku)
    }


@dataclass
class Listing:
    sku: str
    desired: int
    possible: list[int]
    """What the marketplace may be showing, as far as can be known."""
    confirmed: int | None = None
    confirmed_at: int | None = None
    uncertain: bool = False
    ambiguous: bool = False
    refusal: Refusal | None = None
    not_before: int | None = None
    reassert_at: int | None = None
    batch_limit: int | None = None
    failures: int = 0
    failed: bool = False
    flight: object = None
    paused: bool = False
    was_uncertain: bool = False
    shown: int | None = None
    """What the marketplace really shows."""
    arrivals: list[tuple[int, int]] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return self.uncertain or self.desired != self.confirmed

    def risk(self) -> Risk:
        if self.refusal or not self.changed:
            return Risk.REPETITION
        if self.desired < max(self.possible):
            return Risk.DECREASE if self.desired else Risk.TO_ZERO
        if self.confirmed is None or self.desired > self.confirmed:
            return Risk.INCREASE
        return Risk.REPETITION

    def may_go(self, now: int) -> bool:
        if self.flight is not None or self.paused:
            return False
        if self.refusal:
            return self.not_before is not None and self.not_before <= now
        if self.changed:
            return self.not_before is None or self.not_before <= now
        return self.reassert_at is not None and self.reassert_at <= now

    def state(self, now: int, held: bool) -> str:
        if self.flight is not None:
            return "in_flight"
        if self.refusal:
            return "rejected"
        if self.paused:
            return "held"
        if self.may_go(now):
            return "held" if held else "due"
        if self.changed:
            return "held" if held else "deferred"
        return "in_sync"

    def want(self, one: Wanted) -> None:
        if one.sku != self.sku:
            self.uncertain = self.uncertain or self.refusal is Refusal.NOT_LISTED
            self.failed = False
            self.refusal = self.not_before = None
            self.failures = 0
        elif one.quantity != self.desired and self.refusal != Refusal.NOT_LISTED:
            self.refusal = self.not_before = None
        self.sku, self.desired, self.paused = one

    def depart(self, attempt) -> None:
        self.flight, self.was_uncertain = attempt, self.uncertain
        self.uncertain = True
        self.possible.append(attempt.quantity)

    def assert_anew(self) -> None:
        self.uncertain = self.was_uncertain = True
        self.refusal = self.not_before = None

    def wake(self) -> None:
        if self.refusal:
            self.assert_anew()
        elif self.changed and not self.paused:
            self.not_before = None

    def settle(self, row: Settlement, now: int, started: int, asynchronous: bool) -> None:
        quantity = row.attempt.quantity
        self.flight = None
        if row.after is After.CONFIRMED:
            overtaking = (
                asynchronous and self.confirmed_at is not None and self.confirmed_at + SETTLING > started
            )
            if self.ambiguous or overtaking:
                self.reassert_at = now + SETTLING
            elif self.reassert_at is not None and self.reassert_at <= started:
                self.reassert_at = None
            self.confirmed, self.confirmed_at, self.possible = quantity, now, [quantity]
            self.uncertain = self.ambiguous = self.failed = False
            self.refusal = self.not_before = self.batch_limit = None
            self.failures = 0
            return
        moved = self.desired != quantity
        self.failures += row.charged
        self.failed = self.failed or row.charged or row.refusal is not None
        self.batch_limit = row.batch_limit or self.batch_limit
        if row.after is After.UNTOUCHED:
            self.uncertain = self.was_uncertain
            self.possible.pop()
            if row.refusal is Refusal.QUANTITY and moved:
                self.refusal = self.not_before = None
            elif row.refusal is not None:
                self.refusal, self.not_before = row.refusal, row.not_before
            elif self.refusal is None:
                self.not_before = None if moved else row.not_before
        else:
            self.ambiguous = self.ambiguous or asynchronous or row.after is After.AMBIGUOUS
            self.refusal, self.not_before = None, None if moved else row.not_before


AFTERS = {
    "confirmed": {"after": After.CONFIRMED, "outcome": "accepted"},
    "deferred": {"after": After.UNTOUCHED, "outcome": "deferred"},
    "refused": {
        "after": After.UNTOUCHED,
        "outcome": "rejected",
        "charged": True,
        "refusal": Refusal.QUANTITY,
    },
    "unlisted": {
        "after": After.UNTOUCHED,
        "outcome": "rejected",
        "charged": True,
        "refusal": Refusal.NOT_LISTED,
    },
    "uncarriable": {
        "after": After.UNTOUCHED,
        "outcome": "rejected",
        "charged": True,
        "refusal": Refusal.NOT_LISTED,
    },
    "unknown": {"after": After.UNCERTAIN, "outcome": "unknown", "charged": True},
    "uncertain": {"after": After.UNCERTAIN, "outcome": "unknown"},
    "ambiguous": {"after": After.AMBIGUOUS, "outcome": "unknown"},
}
WAITS = {"unlisted": 60, "unknown": 30}
SPLITTING = {"deferred", "unknown"}


def settlement(attempt, after: str, now: int, batch_limit: int | None) -> Settlement:
    return Settlement(
        attempt,
        **AFTERS[after],
        not_before=now + WAITS[after] if after in WAITS else None,
        batch_limit=batch_limit if after in SPLITTING else None,
    )


class LedgerMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="syncd-ledger-"))
        self.lives = 0
        self.now = 1_000
        self.stock: dict[tuple[str, str], int] = {}
        self.listings: dict[int, dict[tuple[str, str], Listing]] = {}
        self.pushes = []
        self.settled = []
        self.held: set[int] = set()
        self.held_warehouses: set[tuple[int, str]] = set()
        self.database = None

    @initialize()
    def start(self):
        self.database = Database(self.folder / "0.db")
        registry = Registry(self.database)
        self.source = registry.register_sources(["erp"])["erp"]
        self.plans = {
            registry.register_channel(plan.name, plan.account, 1).channel_id: plan for plan in PLANS
        }
        self.listings = {channel: {} for channel in self.plans}
        self.mappings = {channel: Mapping() for channel in self.plans}
        self.lingering: dict[int, set[str]] = {channel: set() for channel in self.plans}
        self.open()

    def open(self):
        self.registry = Registry(self.database)
        plannings = {channel: self.planning(channel, plan) for channel, plan in self.plans.items()}
        self.book = StockBook(self.database, plannings)
        self.ledger = Ledger(self.database)

    def planning(self, channel: int, plan: ChannelPlan) -> Planning:
        def decide(sku, _warehouse, units, _sku_stock, _own_rules):
            return shown_of(plan, units), sku in self.mappings[channel].paused

        return Planning(channel, plan, frozenset([self.source]), decide)

    def wanted(self, channel: int) -> dict[tuple[str, str], Wanted]:
        return wanted(self.plans[channel], self.stock, self.mappings[channel])

    def teardown(self):
        if self.database is not None:
            self.calm()
            self.database.close()
        shutil.rmtree(self.folder)

    def pass_time(self, ms: int) -> None:
        self.now += ms
        for listing in self.all_listings():
            for at, quantity in sorted(listing.arrivals):
                if at <= self.now:
                    listing.shown = quantity
            listing.arrivals = [arrival for arrival in listing.arrivals if arrival[0] > self.now]

    def all_listings(self):
        return [listing for listings in self.listings.values() for listing in listings.values()]

    def open_warehouses(self, channel: int) -> list[str]:
        warehouses = self.plans[channel].warehouses
        return [warehouse for warehouse in warehouses if (channel, warehouse) not in self.held_warehouses]

    @rule(
        changes=st.dictionaries(
            st.tuples(st.sampled_from(SKUS), st.sampled_from(("JKT", "BDG"))),
            st.integers(0, 3),
            min_size=1,
            max_size=4,
        )
    )
    def stock_changes(self, changes):
        self.stock |= changes
        rows = [StockChange(sku, location, quantity, 1, 0) for (sku, location), quantity in changes.items()]
        self.book.apply(1, self.source, rows, self.now)
        for channel in self.plans:
            self.want(channel)
            self.forget(channel, {sku for sku, _ in changes})

    def forget(self, channel: int, skus: Collection[str]) -> None:
        """What is not sold any more goes as soon as it is planned again, but for what is in flight."""
        right = self.wanted(channel)
        self.listings[channel] = {
            key: one
            for key, one in self.listings[channel].items()
            if key in right or one.flight is not None or one.sku not in skus
        }
        self.lingering[channel] |= {
            one.sku for key, one in self.listings[channel].items() if key not in right and one.sku in skus
        }

    def want(self, channel: int) -> None:
        for key, one in self.wanted(channel).items():
            known = self.listings[channel].setdefault(key, Listing(one.sku, one.quantity, [one.quantity]))
            known.want(one)

    @precondition(lambda self: self.listings)
    @rule(
        channel=st.sampled_from((1, 2)),
        sku_of=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(SKUS)),
        paused=st.sets(st.sampled_from(SKUS), max_size=2),
    )
    def a_channel_is_planned_anew(self, channel, sku_of, paused):
        """Its SKUs are called otherwise from now on, or left alone, or not any more."""
        self.mappings[channel].sku_of, self.mappings[channel].paused = sku_of, paused
        self.plan_anew(channel)

    def plan_anew(self, channel: int) -> None:
        listed = [ListedRow(sku, "", name, "") for name, sku in self.mappings[channel].sku_of.items()]
        planning = self.book.plannings[channel]
        follow_plan(self.database, self.book, planning, PlanRows(listed=listed), now=self.now)
        self.want(channel)
        self.forget(channel, SKUS)

    @rule(ms=st.sampled_from((1, 10, 30, 60, 99, 100, 101)))
    def time_passes(self, ms):
        self.pass_time(ms)

    @rule(
        data=st.data(),
        channel=st.sampled_from((1, 2)),
        scope=st.none() | st.sets(st.sampled_from(SKUS), min_size=1),
    )
    def a_push_begins(self, data, channel, scope):
        def choose(due):
            expected = {
                key for key, listing in self.listings[channel].items()
                if listing.may_go(self.now)
                and (scope is None or listing.sku in scope)
                and key[1] in self.open_warehouses(channel)
            }  # fmt: skip
            assert {(one.identifier, one.warehouse) for one in due} == expected
            assert len(due) == len(expected)
            for one in due:
                listing = self.listings[channel][one.identifier, one.warehouse]
                assert (one.sku, one.desired) == (listing.sku, listing.desired)
                assert one.risk == listing.risk()
                assert one.changed == listing.changed
                assert (one.failures, one.batch_limit) == (listing.failures, listing.batch_limit)
            ordered = sorted(due, key=lambda one: (one.identifier, one.warehouse))
            return data.draw(st.lists(st.sampled_from(ordered), unique=True, min_size=1)) if ordered else []

        skus = None if scope is None else sorted(scope) * 2
        push = self.ledger.begin_push(
            channel, self.open_warehouses(channel), choose, now=self.now, limit=100, skus=skus
        )
        if push is None:
            return
        assert not {a.id for a in push.attempts} & {
            a.id for p in self.pushes + self.settled for a in p.attempts
        }
        right = self.wanted(channel)
        for attempt in push.attempts:
            key = (attempt.identifier, attempt.warehouse)
            if key in right:  # what is not sold any more was in flight when that was said
                assert (attempt.sku, attempt.quantity) == right[key][:2], "only what the rules give is sent"
            self.listings[channel][key].depart(attempt)
        self.pushes.append(push)

    @precondition(lambda self: self.pushes)
    @rule(data=st.data())
    def a_push_ends(self, data):
        push = self.pushes.pop(data.draw(st.integers(0, len(self.pushes) - 1)))
        rows, fates = [], []
        for attempt in push.attempts:
            after = data.draw(st.sampled_from(sorted(AFTERS)))
            rows.append(settlement(attempt, after, self.now, data.draw(st.sampled_from((None, 1, 2)))))
            fates.append(data.draw(st.none() | st.integers(0, SETTLING)))
        self.finish(push, rows, fates)

    def finish(self, push, rows, fates):
        asynchronous = ASYNCHRONOUS[self.plans[push.channel_id].name]
        self.ledger.settle(push, rows, PushEnd(), now=self.now, settling=SETTLING, asynchronous=asynchronous)
        for row, fate in zip(rows, fates, strict=True):
            listing = self.listings[push.channel_id][row.attempt.identifier, row.attempt.warehouse]
            assert listing.flight == row.attempt
            listing.settle(row, self.now, push.started_at, asynchronous)
            self.arrive(listing, row.attempt.quantity, row.after, fate, asynchronous)
        self.settled.append(push)

    def arrive(self, listing, quantity, after, fate, asynchronous):
        """What the marketplace really does with a request: at once, later or never."""
        if after is After.CONFIRMED and not asynchronous:
            listing.shown = quantity
        elif after is After.CONFIRMED:
            listing.arrivals.append((self.now + (fate or 0), quantity))
        elif after is After.UNCERTAIN and not asynchronous and fate is not None:
            listing.shown = quantity
        elif after in {After.UNCERTAIN, After.AMBIGUOUS} and fate is not None:
            listing.arrivals.append((self.now + fate, quantity))

    def an_outcome_comes_too_late(self, data):
        if not self.settled:
            return
        push, after = data.draw(st.sampled_from(self.settled)), data.draw(st.sampled_from(sorted(AFTERS)))
        rows = [settlement(attempt, after, self.now, None) for attempt in push.attempts]
        before = self.rows()
        self.ledger.settle(push, rows, PushEnd(), now=self.now, settling=SETTLING, asynchronous=False)
        assert self.rows() == before

    @rule(data=st.data())
    def it_is_killed(self, data):
        """What survives are the files as they are; another process goes on with them."""
        self.lives += 1
        old, new = self.folder / f"{self.lives - 1}.db", self.folder / f"{self.lives}.db"
        for suffix in ("", "-wal", ".marker"):
            if Path(f"{old}{suffix}").exists():
                shutil.copy(f"{old}{suffix}", f"{new}{suffix}")
        self.database.close()
        self.database = Database(new)
        assert not self.database.rewound
        self.open()
        in_flight = [listing for listing in self.all_listings() if listing.flight is not None]
        assert self.ledger.recover(self.now) == len(in_flight)
        for listing in in_flight:
            fate = data.draw(st.none() | st.integers(0, SETTLING))
            self.arrive(listing, listing.flight.quantity, After.AMBIGUOUS, fate, False)
            listing.flight, listing.uncertain, listing.ambiguous = None, True, True
        self.settled += self.pushes
        self.pushes = []
        for channel in self.plans:  # as the planner does, where not all was forgotten
            if self.lingering[channel]:
                self.lingering[channel] = set()
                self.plan_anew(channel)

    @rule(data=st.data())
    def something_rarer_happens(self, data):
        """Few rules, so that pushes and what becomes of them are most of each example."""
        channel = data.draw(st.sampled_from((1, 2)))
        skus = data.draw(st.none() | st.lists(st.sampled_from(SKUS), min_size=1, unique=True))
        match data.draw(st.integers(0, 5)):
            case 0:
                self.an_outcome_comes_too_late(data)
            case 1:
                self.everything_is_asserted_anew(channel, skus)
            case 2:
                self.a_person_says_retry(channel, skus)
            case 3:
                self.a_channel_is_held_or_released(channel)
            case 5:
                self.what_was_in_flight_is_forgotten_too(channel)
            case 4:
                self.a_warehouse_is_held_or_released(data.draw(st.sampled_from(("10", "20"))))

    def everything_is_asserted_anew(self, channel, skus):
        touched = sum(self.registry.make_uncertain(channel, self.now, skus))
        listings = [one for one in self.listings[channel].values() if skus is None or one.sku in skus]
        assert touched == len(listings)
        for listing in listings:
            listing.assert_anew()

    def what_was_in_flight_is_forgotten_too(self, channel):
        skus, self.lingering[channel] = self.lingering[channel], set()
        self.book.forget_lingering(channel, self.now)
        self.forget(channel, skus)
        assert self.book.lingers(channel) == bool(self.lingering[channel])
        assert self.lingering[channel] or self.listings[channel].keys() <= self.wanted(channel).keys()

    def a_person_says_retry(self, channel, skus):
        self.registry.wake(channel, skus)
        for listing in self.listings[channel].values():
            if (skus is None or listing.sku in skus) and (listing.flight is None or listing.refusal):
                listing.wake()

    def a_channel_is_held_or_released(self, channel):
        if channel in self.held:
            self.registry.release_channel(channel)
        else:
            self.registry.hold_channel(channel, "X", "why", self.now)
        self.held ^= {channel}

    def a_warehouse_is_held_or_released(self, warehouse):
        if (2, warehouse) in self.held_warehouses:
            self.registry.release_warehouse(2, warehouse)
        else:
            self.registry.hold_warehouse(2, warehouse, "X", "why", now=self.now, probe_at=self.now + 10)
        self.held_warehouses ^= {(2, warehouse)}

    def rows(self):
        with self.database.read() as connection:
            return [
                connection.exec_driver_sql(f"SELECT * FROM {table}").fetchall()
                for table in ("listing", "failure", "attempt", "push", "channel")
            ]

    @invariant()
    def each_listing_is_in_exactly_one_state_and_the_counts_add_up(self):
        for channel, listings in self.listings.items():
            with self.database.read() as connection:
                counts = reports.count_listings(connection, channel, self.now)
                left, in_flight = reports.work_left(connection, channel, self.now)
            states = [
                listing.state(self.now, channel in self.held or (channel, key[1]) in self.held_warehouses)
                for key, listing in listings.items()
            ]
            for state in ("due", "in_flight", "deferred", "rejected", "held", "in_sync"):
                assert getattr(counts, state) == states.count(state), state
            assert counts.listings == len(states)
            assert counts.paused == sum(
                listing.paused and not listing.flight and not listing.refusal for listing in listings.values()
            )
            assert in_flight == states.count("in_flight")
            assert left == sum(listing.may_go(self.now) for listing in listings.values())
            assert sum(counts.due_by_risk.values()) == counts.due

    @invariant()
    def what_waits_is_known(self):
        for channel, listings in self.listings.items():
            waits = [
                listing.reassert_at if not (listing.changed or listing.refusal) else listing.not_before
                for listing in listings.values()
                if listing.flight is None and not listing.paused
            ]
            with self.database.read() as connection:
                assert next_wait(connection, channel, self.plans[channel].warehouses) == min(
                    (wait for wait in waits if wait is not None), default=None
                )

    @invariant()
    def it_is_clean_only_after_a_positive_answer_to_its_latest_attempt(self):
        if self.database is None:
            return
        with self.database.read() as connection:
            clean = connection.exec_driver_sql(
                "SELECT l.channel_id, l.identifier, l.warehouse, l.desired, a.outcome, a.quantity FROM listing l"
                " JOIN attempt a ON a.id = (SELECT max(b.id) FROM attempt b WHERE b.channel_id = l.channel_id"
                f"   AND {CALLED.format('b')} = l.identifier AND b.warehouse = l.warehouse AND b.outcome NOT IN ('rejected', 'deferred'))"
                " WHERE NOT l.changed AND l.attempt_id IS NULL"
            ).fetchall()
        assert {tuple(row[:3]) for row in clean} == {
            (channel, *key) for channel, listings in self.listings.items()
            for key, listing in listings.items() if listing.flight is None and not listing.changed
        }  # fmt: skip
        for *_, desired, outcome, quantity in clean:
            assert (outcome, quantity) == ("accepted", desired)

    @invariant()
    def what_failed_is_recorded(self):
        if self.database is None:
            return
        with self.database.read() as connection:
            rows = list(reports.failures(connection))
        names = {plan.name: channel for channel, plan in self.plans.items()}
        assert {(names[row.channel], row.sku, row.identifier, row.warehouse) for row in rows} == {
            (channel, listing.sku, *key) for channel, listings in self.listings.items()
            for key, listing in listings.items() if listing.failed and (listing.refusal or listing.changed)
        }  # fmt: skip

    def calm(self):
        """No more faults, the source stands still: everything gets in sync, and really is."""
        for channel in list(self.held):
            self.a_channel_is_held_or_released(channel)
        for _, warehouse in list(self.held_warehouses):
            self.a_warehouse_is_held_or_released(warehouse)
        for push in self.pushes:
            rows = [settlement(attempt, "ambiguous", self.now, None) for attempt in push.attempts]
            self.finish(push, rows, [SETTLING] * len(rows))
        self.pushes = []
        for channel in self.plans:
            self.mappings[channel].paused = set()
            self.plan_anew(channel)
        for _ in range(5):
            for channel in self.plans:
                self.a_person_says_retry(channel, None)
                push = self.ledger.begin_push(
                    channel, self.open_warehouses(channel), lambda due: due, now=self.now, limit=100
                )
                if push is None:
                    continue
                for attempt in push.attempts:
                    self.listings[channel][attempt.identifier, attempt.warehouse].depart(attempt)
                rows = [settlement(attempt, "confirmed", self.now, None) for attempt in push.attempts]
                self.finish(push, rows, [SETTLING * (row.attempt.id % 2) for row in rows])
            self.pass_time(SETTLING)
            self.each_listing_is_in_exactly_one_state_and_the_counts_add_up()
        for channel, listings in self.listings.items():
            with self.database.read() as connection:
                counts = reports.count_listings(connection, channel, self.now)
                assert list(reports.failures(connection, self.plans[channel].name)) == []
            assert counts.in_sync == counts.listings
            assert counts.repetitions == 0
            assert {key: one.shown for key, one in listings.items()} == {
                key: one.quantity for key, one in self.wanted(channel).items()
            }


LedgerMachine.TestCase.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
test_the_ledger_does_what_the_model_says = LedgerMachine.TestCase
