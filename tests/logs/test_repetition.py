"""How often a line is repeated: decided by itself, and a bad day lived through on virtual time."""

import asyncio
import io
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rig import DROP, SHOP, Rig, many
from shops import Guarded
from virtual_time import run_virtually

from connectors.contract import Answer, Outcome, OutcomeKind
from connectors.errors import Effect, TryLater
from connectors.memory import CAPABILITIES, MemoryConnector
from syncd import logs
from syncd.generation import Generation
from syncd.logs import repetition
from syncd.logs.repetition import AT_ONCE, MOST_CODES, MOST_PER_DAY, QUARTER_SECONDS, Repetition, Ruling

DAY = 86_400
LOOK_EVERY_MINUTES = 30
MEMORY = Path("/dev/shm")  # noqa: S108 (only to be fast)


@pytest.fixture
def tmp_path(tmp_path):
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else tmp_path) as folder:
        yield Path(folder)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def bounds(clock):
    return Repetition(clock)


def ruled(bounds, event="row_rejected", **facts):
    return bounds.rule(event, facts, serious=True)


class TestRulings:
    def test_some_are_written_at_once_and_the_last_of_them_says_so(self, bounds):
        found = [ruled(bounds) for _ in range(AT_ONCE + 5)]

        assert found == [Ruling.WRITE] * (AT_ONCE - 1) + [Ruling.LAST] + [Ruling.WITHHOLD] * 5

    def test_then_one_each_quarter_of_an_hour(self, bounds, clock):
        for _ in range(AT_ONCE):
            ruled(bounds)
        found = []
        for second in range(1, 4 * 900 + 1):
            clock.now = float(second)
            found.append(ruled(bounds))

        assert found.count(Ruling.WRITE) == 4
        assert found.count(Ruling.LAST) == 0

    @pytest.mark.parametrize("fact", ["channel", "source", "warehouse", "code", "subject"])
    def test_lines_about_other_things_are_counted_by_themselves(self, bounds, fact):
        for _ in range(AT_ONCE + 1):
            ruled(bounds, **{fact: "a"})

        assert ruled(bounds, **{fact: "a"}) is Ruling.WITHHOLD
        assert ruled(bounds, **{fact: "b"}) is Ruling.WRITE
        assert ruled(bounds, "channel_held", **{fact: "a"}) is Ruling.WRITE

    def test_what_differs_only_in_sku_or_words_is_the_same(self, bounds):
        found = [ruled(bounds, sku=f"S-{n}", reason=f"r {n}") for n in range(100)]

        assert found.count(Ruling.WITHHOLD) == 100 - AT_ONCE

    def test_a_marketplace_that_puts_the_sku_into_its_code_gets_no_budget_for_each(self, bounds):
        found = [ruled(bounds, channel="toco", code=f"E-{n}") for n in range(10_000)]

        assert len(found) - found.count(Ruling.WITHHOLD) <= MOST_CODES + AT_ONCE

    def test_things_without_number_get_no_budget_each(self, bounds):
        found = [ruled(bounds, subject=f"s{n}") for n in range(repetition.MOST_KINDS + 10_000)]

        assert len(found) - found.count(Ruling.WITHHOLD) <= repetition.MOST_KINDS + AT_ONCE

    def test_it_is_told_after_a_quarter_of_an_hour_with_the_sums_and_only_once(self, bounds, clock):
        facts = {"channel": "toco", "rows": 100, "accepted": 98, "rejected": 2, "deferred": 0, "unknown": 0}
        for _ in range(AT_ONCE + 7):
            bounds.rule("batch_pushed", facts, serious=False)
        clock.now = QUARTER_SECONDS - 1
        assert bounds.due() == []
        clock.now = QUARTER_SECONDS

        [told] = bounds.due()
        assert told.facts == {
            "of": "batch_pushed",
            "channel": "toco",
            "count": 7,
            "seconds": 900,
            "rows": 700,
            "accepted": 686,
            "rejected": 14,
            "deferred": 0,
            "unknown": 0,
        }
        assert not told.serious
        assert bounds.due(everything=True) == []

    @given(st.lists(st.floats(0, 3_000), min_size=1, max_size=300))
    def test_no_line_is_uncounted_and_no_day_has_more_than_the_bound(self, pauses):
        clock = Clock()
        bounds = Repetition(clock)
        written, told = 0, []
        for pause in pauses:
            clock.now += pause
            told += bounds.due()
            written += ruled(bounds) is not Ruling.WITHHOLD
        told += bounds.due(everything=True)

        assert written + sum(one.facts["count"] for one in told) == len(pauses)
        days = 1 + clock.now / DAY
        assert written + len(told) <= days * MOST_PER_DAY

    def test_the_bound_holds_where_a_line_comes_each_second(self, bounds, clock):
        lines = 0
        for second in range(DAY):
            clock.now = float(second)
            lines += len(bounds.due()) + (ruled(bounds) is not Ruling.WITHHOLD)

        assert lines <= MOST_PER_DAY
        assert lines > MOST_PER_DAY / 2


class TestWritten:
    def lines(self, write, level="info"):
        stream, clock = io.StringIO(), Clock()
        logs.configure("json", level, stream=stream, environ={}, monotonic=clock)
        write(logs.get_logger("syncd.tests"), clock)
        return [json.loads(line) for line in stream.getvalue().splitlines()]

    def test_the_next_line_of_whatever_kind_tells_what_was_withheld(self):
        def write(log, clock):
            for _ in range(AT_ONCE + 3):
                log.warning("row_rejected", channel="toco", code="X")
            clock.now = QUARTER_SECONDS
            log.info("daemon_stopping")

        *shown, told, last = self.lines(write)
        assert [entry["event"] for entry in shown] == ["row_rejected"] * AT_ONCE
        assert "withheld" in shown[-1]["further"]
        assert "further" not in shown[0]
        assert (told["event"], told["level"], told["of"]) == ("lines_withheld", "warning", "row_rejected")
        assert (told["channel"], told["code"], told["count"]) == ("toco", "X", 3)
        assert last["event"] == "daemon_stopping"

    def test_it_carries_nothing_that_is_bound_where_it_happens_to_be_told(self):
        def write(log, clock):
            for _ in range(AT_ONCE + 3):
                log.info("x_seen")
            clock.now = QUARTER_SECONDS
            with logs.bound(channel="other", push=7):
                log.info("y_seen")

        *_, told, last = self.lines(write)
        assert (told["event"], told.keys() & {"channel", "push"}) == ("lines_withheld", set())
        assert (last["channel"], last["push"]) == ("other", 7)

    def test_where_nothing_happens_any_more_it_is_told_when_asked(self):
        def write(log, clock):
            for _ in range(AT_ONCE + 3):
                log.info("x_seen")
            clock.now = QUARTER_SECONDS
            logs.tell_withheld()

        assert self.lines(write)[-1]["count"] == 3

    def test_at_the_level_debug_every_line_is_written(self):
        def write(log, _):
            for _ in range(500):
                log.info("x_seen")

        assert len(self.lines(write, "debug")) == 500

    def test_a_library_is_bounded_too(self):
        def write(_, __):
            for number in range(500):
                logs.writing.logging.getLogger("library").warning(f"slow {number}")

        assert len(self.lines(write)) == AT_ONCE

    def test_configured_anew_it_tells_what_was_withheld_before(self):
        def write(log, _):
            for _ in range(AT_ONCE + 3):
                log.info("x_seen")
            logs.configure("json", "info", stream=io.StringIO(), environ={})

        assert self.lines(write)[-1]["count"] == 3


class BadDay(Guarded):
    """Marketplaces of one bad day: `down`, or one that knows no SKU."""

    def __init__(self):
        super().__init__()
        self.mood = ""

    def connect(self):
        return _Moody(self)


class _Moody(MemoryConnector):
    async def push(self, updates, /):
        mood = self.marketplace.mood
        if mood == "down":
            raise TryLater("503 service unavailable", status=503, code="503")
        if mood == "silent":
            await asyncio.sleep(30)
            raise TryLater("no answer in time", effect=Effect.AMBIGUOUS)
        if mood == "stranger":
            return Answer(
                tuple(
                    Outcome(update, OutcomeKind.REJECTED, code="INV_001", message=f"no {update.sku} here")
                    for update in updates
                )
            )
        return await super().push(updates)


def day(tmp_path, moods, stock, *, each=None, text=DROP):
    """Live a day with two channels in these moods; give its log lines, and the rig."""
    stream = io.StringIO()
    shops = {f"memory-{number}": BadDay() for number in range(len(moods))}
    capabilities = replace(
        CAPABILITIES,
        limits=replace(CAPABILITIES.limits, requests_per_second=1, burst=5, rows_per_request=100),
    )
    channels = "".join(
        f'[channels.shop-{number}]\nconnector = "memory-{number}"\n' for number in range(len(moods))
    )
    rig = Rig(
        tmp_path,
        text + channels,
        plugins={name: shop.plugin(name, capabilities=capabilities) for name, shop in shops.items()},
    )

    async def live():
        loop = asyncio.get_running_loop()
        logs.configure("json", "info", stream=stream, environ={}, monotonic=loop.time)
        async with rig.running() as app:
            for shop, mood in zip(shops.values(), moods, strict=True):
                shop.mood = mood
            rig.drop(stock)
            generation = Generation(app, lambda fault: pytest.fail(str(fault)))
            for minute in range(0, 24 * 60, LOOK_EVERY_MINUTES):
                if each is not None:
                    each(rig, minute)
                for feed in app.feeds.values():
                    await generation.look(feed)
                logs.tell_withheld()
                await asyncio.sleep(60 * LOOK_EVERY_MINUTES)
            rejected = sum(
                len([row for row in rig.failures() if row.channel == f"shop-{number}"])
                for number in range(len(moods))
            )
        logs.tell_withheld(everything=True)
        return rejected

    rejected = run_virtually(live())
    return [json.loads(line) for line in stream.getvalue().splitlines()], rejected


def accounted(lines, event):
    """Count an event, with those that were withheld."""
    withheld = sum(line["count"] for line in lines if line.get("of") == event)
    return withheld + sum(line["event"] == event for line in lines)


def test_two_marketplaces_that_are_down_all_day_write_few_lines(tmp_path):
    def change(rig, minute):
        rig.drop({**many(20), "SKU-0001": minute})

    lines, _ = day(tmp_path, ["down", "silent"], many(20), each=change)

    counts = Counter(line["event"] for line in lines)
    assert len(lines) < 2_000, counts.most_common(5)
    assert accounted(lines, "batch_failed") > 2_500
    assert {line["channel"] for line in lines if line["event"] == "channel_unreachable"} == {
        "shop-0",
        "shop-1",
    }


def test_thousands_of_unknown_skus_write_few_lines_and_each_is_a_failure_to_ask_for(tmp_path):
    lines, rejected = day(tmp_path, ["stranger"], many(2_500))

    assert rejected == 2_500
    assert len(lines) < 1_000, Counter(line["event"] for line in lines).most_common(5)
    assert accounted(lines, "row_rejected") >= 2_500


def test_a_source_that_cannot_be_read_is_said_once_and_when_it_works_again(tmp_path):
    poll = '[sources.pos]\ntype = "sqlite"\npath = "pos.db"\nquery = "SELECT sku, quantity FROM stock"\n'
    lines, _ = day(tmp_path, [""], many(3), text=DROP + poll)

    assert Counter(line["event"] for line in lines)["source_failed"] == 1
    assert len(lines) < 100


def test_a_concurrent_push_does_not_leak_its_number_into_another(tmp_path):
    stream = io.StringIO()
    limits = replace(CAPABILITIES.limits, requests_per_second=50, burst=9, in_flight=4, rows_per_request=5)
    shop = BadDay()

    class Slow(_Moody):
        async def push(self, updates, /):
            await asyncio.sleep(1 + len(self.marketplace.received) % 3)
            return await super().push(updates)

    shop.connect = lambda: Slow(shop)
    shop.mood = "stranger"
    rig = Rig(
        tmp_path,
        DROP + SHOP,
        plugins={"memory": shop.plugin(capabilities=replace(CAPABILITIES, limits=limits))},
    )

    async def live():
        logs.configure("json", "debug", stream=stream, environ={})
        rig.drop(many(100))
        async with rig.running():
            await rig.look()
            await asyncio.sleep(300)

    run_virtually(live())
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    rows = {line["sku"]: line["push"] for line in lines if line["event"] == "row_rejected"}
    sent = {sku: rig.ask(f"SELECT min(push_id) FROM attempt WHERE sku = '{sku}'") for sku in rows}
    assert len(rows) == 100
    assert len(set(rows.values())) == 20
    assert rows == sent
    assert all(
        "push" in line and line["channel"] == "shop" for line in lines if line["event"] == "batch_pushed"
    )
    assert all("push" not in line for line in lines if line["event"].startswith("import_"))
    assert all(line["source"] == "erp" for line in lines if line["event"].startswith("import_"))
