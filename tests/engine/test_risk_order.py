"""The dangerous direction goes first, however much else is due, waits or is in trouble; and nothing starves."""

import asyncio
import random
from dataclasses import replace

import pytest
from rig import DROP, SHOP, Rig
from shops import Guarded
from structlog.testing import capture_logs
from virtual_time import run_virtually

from connectors.contract import Grouping
from connectors.errors import Effect, TryLater
from connectors.memory import CAPABILITIES, MemoryConnector
from state.ledger import due_listings
from state.records import Risk
from state.staging import StockChange

LISTINGS = 20_000
ROWS = 100
IN_FLIGHT = 4
LIMITS = replace(
    CAPABILITIES.limits, rows_per_request=ROWS, requests_per_second=10.0, burst=1, in_flight=IN_FLIGHT
)
CHANGES = DROP.replace('settle = "1s"', 'settle = "1s"\ncontents = "changes"')
RISKS = "CASE {} WHEN 0 THEN 0 WHEN 1 THEN 40 WHEN 2 THEN 60 ELSE 50 END"


class Distant(Guarded):
    """Takes some time for every answer; where it `hangs`, until the time-out, and then there is none."""

    def __init__(self):
        super().__init__()
        self.hangs = False
        self.begun = 0
        self.sold_out: set[str] = set()

    def connect(self):
        return _Distant(self)


class _Distant(MemoryConnector):
    async def push(self, updates, /):
        self.marketplace.begun += 1
        self.marketplace.sold_out |= {update.sku for update in updates if not update.quantity}
        if self.marketplace.hangs:
            await asyncio.sleep(30)
            raise TryLater("no answer in time", effect=Effect.AMBIGUOUS)
        await asyncio.sleep(0.3)
        return await super().push(updates)


class Crowded(Rig):
    """So many listings, each confirmed at 50; and what the ledger says of when something was chosen."""

    def __init__(self, folder, *, listings=LISTINGS, grouping=Grouping.WAREHOUSE, warehouses=()):
        self.distant = Distant()
        capabilities = replace(CAPABILITIES, grouping=grouping, limits=LIMITS)
        named = ", ".join(f'L{one} = "{one}"' for one in warehouses)
        text = CHANGES + SHOP + (f"warehouses = {{ {named} }}\n" if named else "")
        super().__init__(folder, text, plugins={"memory": self.distant.plugin(capabilities=capabilities)})
        self.locations = [f"L{one}" for one in warehouses] or [""]
        self.skus = [f"SKU-{number:07}" for number in range(listings)]
        self.dice = random.Random(listings)

    async def fill(self) -> None:
        header = "sku,location,quantity\n"
        self.drop(header + "".join(f"{sku},{place},50\n" for sku in self.skus for place in self.locations))
        await self.look()
        self.change("confirmed = desired, confirmed_at = 1, changed_at = 1")

    def change(self, what: str, where: str = "1") -> None:
        with self.app.database.write() as connection:
            connection.exec_driver_sql(f"UPDATE listing SET {what} WHERE {where}")

    def say(self, *skus: str, quantity: int = 0, location: str | None = None) -> int:
        """Let the source say a quantity at this very moment; give the last push that was chosen before."""
        last = self.ask("SELECT coalesce(max(id), 0) FROM push")
        source = self.app.feeds["erp"].terms.source_id
        place = self.locations[-1] if location is None else location
        changes = [StockChange(sku, place, quantity, 0, 0) for sku in skus]
        self.app.book.apply(0, source, changes, self.app.world.clock.now())
        self.app.wake_lanes()
        return last

    def pushes_later(self, sku: str, last: int, quantity: int = 0) -> int:
        """How many pushes after `last` it was chosen; 1 = by the very next."""
        chosen = self.ask(
            f"SELECT min(push_id) FROM attempt WHERE sku = '{sku}' AND quantity = {quantity} AND push_id > {last}"
        )
        return 10**9 if chosen is None else chosen - last

    def chosen(self) -> list[tuple[int, str]]:
        """The pushes and the SKUs they carry, in the order in which they were chosen."""
        with self.app.database.read() as connection:
            return [
                tuple(row)
                for row in connection.exec_driver_sql("SELECT push_id, sku FROM attempt ORDER BY id")
            ]


def live(rig, story):
    async def whole():
        async with rig.running():
            await rig.fill()
            await story()

    with capture_logs():
        run_virtually(whole())


@pytest.fixture
def rig(tmp_path):
    return Crowded(tmp_path / "site")


def test_a_full_reconcile_delays_a_sold_out_sku_by_no_more_than_what_is_in_flight(rig):
    async def story():
        await rig.app.assert_anew(["shop"])
        for _ in range(8):
            await asyncio.sleep(rig.dice.uniform(0.1, 0.4))
            with rig.app.database.read() as connection:
                idle = connection.exec_driver_sql(
                    "SELECT sku FROM listing WHERE attempt_id IS NULL AND desired > 0"
                )
                sku = rig.dice.choice(idle.scalars().all())
            begun, last = rig.distant.begun, rig.say(sku)
            while sku not in rig.distant.sold_out:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            assert rig.pushes_later(sku, last) == 1
            assert rig.distant.begun - begun <= IN_FLIGHT
            await asyncio.sleep(0.4)
            assert rig.ask(f"SELECT confirmed FROM listing WHERE sku = '{sku}'") == 0
        assert rig.counts().due > LISTINGS / 4, "it was over too early to show anything"

    live(rig, story)


def test_a_sku_that_sells_out_while_it_is_on_the_way_is_in_the_next_request_after_its_answer(rig):
    async def story():
        await rig.app.assert_anew(["shop"])
        await asyncio.sleep(2.05)
        sku = rig.ask("SELECT sku FROM listing WHERE attempt_id IS NOT NULL")
        last = rig.say(sku)
        await asyncio.sleep(2)
        assert rig.pushes_later(sku, last) <= IN_FLIGHT + 1

    live(rig, story)


def test_while_the_marketplace_hangs_what_sells_out_is_in_the_next_probe(rig):
    async def story():
        await rig.app.assert_anew(["shop"])
        await asyncio.sleep(2)
        rig.distant.hangs = True
        await asyncio.sleep(300)
        for sku in rig.dice.sample(rig.skus[LISTINGS // 2 :], 5):
            await asyncio.sleep(rig.dice.uniform(1, 100))
            last = rig.say(sku)
            await asyncio.sleep(60 + 30)
            assert rig.pushes_later(sku, last) == 1
        rig.distant.hangs = False
        last = rig.say(rig.skus[-1])
        await asyncio.sleep(60 + 30)
        assert rig.pushes_later(rig.skus[-1], last) <= 2, "only what hung still may have left before"

    live(rig, story)


@pytest.mark.parametrize(
    "waiting",
    [
        "not_before = {at}, uncertain = 1, failures = 3",
        "reassert_at = {at}",
        "not_before = {at}, refusal = 'not_listed'",
        "not_before = {at}, uncertain = 1, batch_limit = 1, failures = 5",
    ],
)
def test_thousands_that_wait_for_a_time_delay_nothing_that_sells_out(rig, waiting):
    async def story():
        ripe = rig.app.world.clock.now() + 60_000
        rig.change(waiting.format(at=ripe))
        last = rig.say(sku := rig.skus[7], rig.skus[8])
        if "refusal" in waiting:
            rig.app.registry.wake(rig.app.channel_ids["shop"], [sku])
        rig.app.wake_lanes()
        await asyncio.sleep(1)
        assert rig.pushes_later(sku, last) == 1
        await asyncio.sleep(60.5)
        for sku in ("NEW-1", rig.skus[-1]):  # now all of them are ripe, and pushed
            last = rig.say(sku, quantity=3)
            last = rig.say(sku)
            if "refusal" in waiting:
                rig.app.registry.wake(rig.app.channel_ids["shop"], [sku])
                rig.app.wake_lanes()
            await asyncio.sleep(2)
            assert rig.pushes_later(sku, last) <= 2

    live(rig, story)


def a_bit_of_each(rig, *, of_each: int) -> dict[str, Risk]:
    """Make so many due of each class, the oldest of them in the middle of the SKUs."""
    skus = rig.skus[: 4 * of_each]
    risks = {sku: Risk(number % 4) for number, sku in enumerate(skus)}
    number = "CAST(substr(sku, 5) AS INTEGER)"
    rig.change(
        f"desired = {RISKS.format(f'{number} % 4')},"
        f" changed_at = 1000000 + abs({number} - {2 * of_each}),"
        f" reassert_at = CASE WHEN {number} % 4 = 3 THEN 1000000 + abs({number} - {2 * of_each}) END",
        f"{number} < {4 * of_each}",
    )
    return risks


def test_to_zero_comes_before_decreases_before_increases_before_repetitions_the_oldest_first(tmp_path):
    rig = Crowded(tmp_path / "site", listings=4_000)
    of_each = 1_000

    async def story():
        risks = a_bit_of_each(rig, of_each=of_each)
        rig.app.wake_lanes()
        await asyncio.sleep(2 * 4 * of_each / ROWS / 10)
        chosen = rig.chosen()
        order = [risks[sku] for _, sku in chosen]
        assert len(order) == len(risks)
        for risk in (Risk.TO_ZERO, Risk.DECREASE, Risk.INCREASE):
            urgent = sum(one <= risk for one in order)
            last = max(place for place, one in enumerate(order) if one <= risk)
            assert last <= urgent / 0.9 + ROWS
        for risk in Risk:
            pushes = [(push, abs(int(sku[4:]) - 2 * of_each)) for push, sku in chosen if risks[sku] is risk]
            ages = [age for _, age in sorted(pushes)]
            assert ages == sorted(ages)

    live(rig, story)


def test_a_flood_of_sold_out_skus_starves_no_lower_class(tmp_path):
    """The k-th oldest of all lower classes goes by when a tenth of what was sent has paid for it."""
    rig = Crowded(tmp_path / "site", listings=8_000)
    lower = 300

    async def story():
        rig.change("desired = 0, changed_at = 2000000")
        number = "CAST(substr(sku, 5) AS INTEGER)"
        rig.change(
            f"desired = {RISKS.format(f'{number} % 3 + 1')}, changed_at = 1000000 + {number},"
            f" reassert_at = CASE WHEN {number} % 3 = 2 THEN 1000000 + {number} END",
            f"{number} < {lower}",
        )
        rig.app.wake_lanes()
        await asyncio.sleep(lower / 0.1 / ROWS / 10 + 1)
        waited = {sku: place for place, (_, sku) in enumerate(rig.chosen())}
        for rank, sku in enumerate(rig.skus[:lower], 1):
            assert waited.get(sku, 10**9) <= rank / 0.1 + 2 * ROWS
        assert sum(sku in rig.skus[:lower] for sku in waited) <= 0.1 * len(waited) + ROWS
        last = rig.say("NEW-1", quantity=3)
        await asyncio.sleep(20)
        assert rig.pushes_later("NEW-1", last, quantity=3) < 10**9

    live(rig, story)


def test_while_the_reserved_tenth_is_spent_what_sells_out_is_still_in_the_next_request(rig):
    async def story():
        rig.change("desired = 40, changed_at = 2000000", "CAST(substr(sku, 5) AS INTEGER) % 2")
        rig.change("desired = 60, changed_at = 1000000", "CAST(substr(sku, 5) AS INTEGER) % 2 = 0")
        rig.app.wake_lanes()
        for number in range(1, 12):
            await asyncio.sleep(0.35)
            last = rig.say(sku := rig.skus[-number])
            await asyncio.sleep(0.7)
            assert rig.pushes_later(sku, last) == 1

    live(rig, story)


@pytest.mark.parametrize("grouping", list(Grouping))
@pytest.mark.parametrize("suspects", [False, True])
def test_other_warehouses_and_suspects_delay_what_sells_out_by_one_request(tmp_path, grouping, suspects):
    rig = Crowded(tmp_path / "site", listings=5_000, grouping=grouping, warehouses=("1", "2"))

    async def story():
        if suspects:
            rig.change("batch_limit = 1, failures = 4", "CAST(substr(sku, 5) AS INTEGER) % 50 = 0")
        await rig.app.assert_anew(["shop"])
        for number in range(1, 12):
            await asyncio.sleep(rig.dice.uniform(0.1, 1))
            sku = rig.skus[-number * 7]
            last = rig.say(sku)
            await asyncio.sleep(0.7)
            assert rig.pushes_later(sku, last) <= 2

    live(rig, story)


def test_choosing_costs_what_a_request_carries_and_not_what_is_due(tmp_path):
    def steps(listings):
        rig = Crowded(tmp_path / str(listings), listings=listings)
        counted = 0

        def step():
            nonlocal counted
            counted += 1
            return 0

        async def story():
            async with rig.opened() as app:
                await rig.fill()
                a_bit_of_each(rig, of_each=listings // 4)
                with app.database.read() as connection:
                    driver = connection.connection.driver_connection
                    driver.set_progress_handler(step, 1)
                    due = due_listings(connection, app.channel_ids["shop"], [""], app.world.clock.now(), ROWS)
                    assert len(list(due)) == 4 * ROWS
                    driver.set_progress_handler(None, 0)

        with capture_logs():
            run_virtually(story())
        return counted

    assert steps(20_000) <= 1.05 * steps(2_000)
