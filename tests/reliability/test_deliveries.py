"""What delivery keeps to whatever the marketplaces do: on virtual time, with the real state."""

import asyncio
from collections import Counter
from dataclasses import replace

import httpx
import pytest
from rig import DROP, Rig, many
from shops import Guarded, Slow
from virtual_time import EPOCH, run_virtually

from connectors import StockUpdate, Surroundings, tocobagus, tokopedia
from connectors.contract import Allowance, Outcome, OutcomeKind, Reason
from connectors.errors import BatchRefused, Effect, Throttled, TryLater
from connectors.memory import MemoryConnector

TWO = '[channels.one]\nconnector = "one"\n[channels.two]\nconnector = "two"\n'


class Interleaving(Guarded):
    """Answers each call after another while, and minds which listings are under way meanwhile."""

    def __init__(self, dice):
        super().__init__()
        self.dice = dice
        self.under_way = Counter()
        self.most = 0
        self.twice = []

    def connect(self):
        return _Interleaved(self)


class _Interleaved(MemoryConnector):
    async def push(self, updates, /):
        shop = self.marketplace
        listings = [(update.sku, update.warehouse) for update in updates]
        shop.twice += [listing for listing in listings if shop.under_way[listing]]
        shop.under_way.update(listings)
        shop.most = max(shop.most, len(+shop.under_way))
        try:
            await asyncio.sleep(shop.dice.choice((0.01, 0.5, 7.0)))
            answer = await super().push(updates)
            if shop.dice.random() < 0.2:
                raise TryLater("the answer was lost", effect=Effect.AMBIGUOUS)
            return answer
        finally:
            shop.under_way.subtract(listings)


def test_no_listing_is_ever_under_way_twice_however_requests_overlap(tmp_path):
    rig = Rig(tmp_path / "site")
    shop = Interleaving(rig.dice)
    rig.plugins = {"memory": shop.plugin()}

    async def story():
        async with rig.running():
            for _ in range(30):
                rig.drop({sku: rig.dice.randrange(3) for sku in many(150)})
                await rig.look()
                await asyncio.sleep(3)
            rig.drop(many(150))
            await rig.look()
            await asyncio.sleep(4000)
            assert rig.counts().in_sync == 150

    run_virtually(story())

    assert shop.twice == []
    assert shop.most > 100, "several requests were under way at once"
    assert set(shop.stock.values()) == {5}


def test_a_channel_that_hangs_delays_no_other(tmp_path):
    hanging, sound = Slow(seconds=600), Guarded()
    plugins = {"one": hanging.plugin("one"), "two": sound.plugin("two")}
    rig = Rig(tmp_path / "site", DROP + TWO, plugins=plugins)

    async def story():
        async with rig.running():
            for quantity in range(1, 6):
                rig.drop(many(20, quantity))
                await rig.look()
                await asyncio.sleep(1)
                assert set(sound.stock.values()) == {quantity}
            assert hanging.stock == {}

    run_virtually(story())


def test_a_storm_of_server_errors_is_met_with_a_few_probes_and_costs_no_row_anything(tmp_path):
    stormy, sound = Guarded(refuse=lambda _: TryLater("500")), Guarded()
    plugins = {"one": stormy.plugin("one"), "two": sound.plugin("two")}
    rig = Rig(tmp_path / "site", DROP + TWO, plugins=plugins)

    async def story():
        async with rig.running():
            rig.drop(many(1000))
            await rig.look()
            await asyncio.sleep(3600)
            assert rig.counts("two").in_sync == 1000
            assert rig.counts("one").rejected == 0
            assert rig.failures() == []
            stormy.refuse = lambda _: None
            await asyncio.sleep(200)
            assert rig.counts("one").in_sync == 1000

    run_virtually(story())

    in_storm = [rows for when, rows in stormy.arrivals if when < 3600]
    assert len(in_storm) < 200
    assert max(in_storm[4:]) <= 5


def test_where_headers_promise_more_than_a_429_allows_the_429_wins(tmp_path):
    """Several limits hold at once, per account and per application: the headers show one of them."""
    shop = Promising()
    one_at_a_time = DROP + '[channels.shop]\nconnector = "memory"\nlimits = { in_flight = 1 }\n'
    rig = Rig(tmp_path / "site", one_at_a_time, plugins={"memory": shop.plugin()})

    async def story():
        async with rig.running():
            rig.drop(many(500))
            await rig.look()
            await asyncio.sleep(600)
            assert rig.counts().in_sync == 500

    run_virtually(story())

    waits = [after - before for before, after in zip(shop.refused, shop.next_after_refusal, strict=True)]
    assert len(waits) == 2
    assert min(waits) >= 60


class Promising(Guarded):
    """Says in each answer that a thousand a second may come, and refuses every third call."""

    def __init__(self):
        super().__init__(refuse=self._refuse)
        self.refused, self.next_after_refusal = [], []

    def _refuse(self, _updates):
        now = asyncio.get_running_loop().time()
        if len(self.next_after_refusal) < len(self.refused):
            self.next_after_refusal.append(now)
        if len(self.arrivals) % 3 == 0 and len(self.refused) < 2:
            self.refused.append(now)
            return Throttled("the application's limit", retry_after=60, allowance=GENEROUS)
        return None

    def connect(self):
        return _Promising(self)


class _Promising(MemoryConnector):
    async def push(self, updates, /):
        return replace(await super().push(updates), allowance=GENEROUS)


GENEROUS = Allowance(per_second=1000.0, burst=1000, remaining=1000, reset_after=0.0)


def test_a_row_too_large_even_alone_is_rejected_and_the_next_requests_are_large_again(tmp_path):
    shop = Guarded(refuse=lambda updates: sum(u.quantity for u in updates) > 900 and BatchRefused("413"))
    rig = Rig(tmp_path / "site", plugins={"memory": shop.plugin()})

    async def story():
        async with rig.running():
            rig.drop(many(60) | {"X": 400, "Y": 400, "Z": 901})
            await rig.look()
            await asyncio.sleep(300)
            assert {failure.sku for failure in rig.failures()} == {"Z"}
            assert rig.counts().in_sync == 62
            shop.arrivals.clear()
            rig.drop(many(60, 4), name="later.csv")
            await rig.look()
            await asyncio.sleep(300)

    run_virtually(story())

    assert [rows for _, rows in shop.arrivals] == [60]


def test_a_process_that_was_paused_before_sending_ends_with_the_newest(tmp_path):
    """What was read before the pause may still go out; nothing newer was sent before it, and the newest follows."""
    shop = Slow(seconds=0)
    rig = Rig(tmp_path / "site", plugins={"memory": shop.plugin()})

    async def story():
        await rig.bring({"A": 5, "B": 5})
        shop.received.clear()
        async with rig.running():
            shop.seconds = 3600
            rig.drop({"A": 4, "B": 4})
            await rig.look()
            await asyncio.sleep(1)
            rig.wall_offset += 86_400
            shop.seconds = 0
            rig.drop({"A": 0, "B": 4})
            await rig.look()
            await asyncio.sleep(4000)
            assert rig.counts().in_sync == 2

    run_virtually(story())

    sent = [(u.sku, u.quantity) for call in shop.received for u in call]
    assert sent == [("A", 4), ("B", 4), ("A", 0)]
    assert {sku: quantity for (sku, _), quantity in shop.stock.items()} == {"A": 0, "B": 4}


def test_hours_of_outage_leave_one_due_row_a_listing_and_zeros_go_first(tmp_path):
    shop = Guarded()
    rig = Rig(tmp_path / "site", plugins={"memory": shop.plugin()})
    count = 120

    async def story():
        await rig.bring(many(count, 9))
        shop.refuse = lambda _: TryLater("down")
        async with rig.running():
            for hour in range(3):
                rig.drop({sku: 1 + (hour + place) % 7 for place, sku in enumerate(many(count))})
                await rig.look()
                await asyncio.sleep(3600)
                assert rig.counts().due <= count
            last = {sku: 0 if place % 10 == 0 else 8 for place, sku in enumerate(many(count))}
            rig.drop(last)
            await rig.look()
            shop.received.clear()
            shop.refuse = lambda _: None
            await asyncio.sleep(300)
            assert rig.counts().in_sync == count

    run_virtually(story())

    sent = [update.quantity for call in shop.received for update in call]
    assert sent[: count // 20] == [0] * (count // 20)
    assert Counter(update.sku for call in shop.received for update in call).most_common(1)[0][1] <= 2


@pytest.mark.parametrize("plugin", [tokopedia.plugin, tocobagus.plugin], ids=["tokopedia", "tocobagus"])
def test_a_repeated_quantity_carries_no_mark_that_could_replay_an_old_answer(plugin):
    """No idempotency key: a marketplace that remembered one would answer 5, 0, 5 with what it said to the first."""
    requests = []

    def handle(request):
        requests.append(request)
        if request.url.path == "/token":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 10**6})
        return httpx.Response(503)

    settings = {
        "tokopedia": {"fs_id": 1, "shop_id": 2, "client_id": "c", "client_secret": "hush"},
        "tocobagus": {
            "partner_client_id": "p", "secret_key": "k", "store_client_id": "s", "store_token": "t",
        },
    }[plugin.settings.__module__.split(".")[1]]  # fmt: skip

    async def story():
        connector = plugin.connect(
            plugin.settings.model_validate(settings),
            Surroundings(lambda: EPOCH + len(requests), 5.0, transport=httpx.MockTransport(handle)),
        )
        for quantity in (5, 0, 5):
            with pytest.raises(TryLater):
                await connector.push([StockUpdate("A", "", quantity)])
        await connector.aclose()

    run_virtually(story())

    first, between, again = [request for request in requests if request.url.path != "/token"]
    moving = {"x-timestamp", "x-signature"}
    headers = [
        {name: value for name, value in request.headers.items() if name not in moving}
        for request in (first, again)
    ]
    assert first.content == again.content != between.content
    assert first.url == again.url
    assert headers[0] == headers[1]
    known = {
        "host", "user-agent", "accept", "accept-encoding", "connection", "content-type", "content-length",
        "authorization", "x-partner-client-id", "x-store-client-id", "x-store-token",
    }  # fmt: skip
    assert set(headers[0]) <= known


def test_rows_that_a_200_throttles_are_no_failures_however_often(tmp_path):
    shop = HalfThrottling()
    rig = Rig(tmp_path / "site", plugins={"memory": shop.plugin()})

    async def story():
        async with rig.running():
            rig.drop(many(30))
            await rig.look()
            await asyncio.sleep(3600)
            assert rig.counts().in_sync == 30
            assert rig.failures() == []

    run_virtually(story())


class HalfThrottling(Guarded):
    """Takes the first row of each call and throttles the rest."""

    def receive(self, updates):
        taken = super().receive(updates[:1])
        self.received[-1] = tuple(updates)
        return taken + tuple(Outcome(u, OutcomeKind.DEFERRED, Reason.THROTTLED) for u in updates[1:])


def test_a_server_whose_clock_flips_costs_two_requests_and_holds_the_channel(tmp_path):
    """A pool of servers with different clocks, one of which is far ahead: no endless signing anew."""
    ahead, sent = [0.0, 600.0], []
    configuration = f"""{DROP}
[channels.toco]
connector = "tocobagus"
partner_client_id = "p"
secret_key = "k"
store_client_id = "s"
store_token = "t"
warehouses = "single"
"""
    rig = Rig(tmp_path / "site", configuration, plugins={"tocobagus": tocobagus.plugin})

    def refuse(request):
        sent.append(request)
        server = EPOCH + asyncio.get_running_loop().time() + ahead[len(sent) % 2]
        error = {"code": "AUTH_003", "details": {"context": {"currentTime": round(server * 1000)}}}
        return httpx.Response(401, json={"success": False, "error": error})

    rig.transport = httpx.MockTransport(refuse)

    async def story():
        async with rig.running():
            rig.drop({"A": 3})
            await rig.look()
            await asyncio.sleep(800)
            assert len(sent) == 2
            assert rig.counts("toco").held == 1
            await asyncio.sleep(10 * 3600)

    run_virtually(story())

    assert len(sent) <= 2 + 41  # one a quarter of an hour from then on
