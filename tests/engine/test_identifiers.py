"""From the ledger to a marketplace and back: listings are named as the marketplace knows them."""

import asyncio
import random
from contextlib import closing
from dataclasses import replace

import httpx
import pytest
from shops import Guarded
from virtual_time import EPOCH, run_virtually

from connectors import memory
from connectors.contract import Surroundings
from connectors.discovery import load_plugin
from connectors.errors import BatchRefused, ChannelRefused
from connectors.sandbox import Listing, Sandbox
from state.database import Database
from state.ledger import Ledger
from state.plans import encode
from state.registry import Registry
from syncd.clock import Clock
from syncd.core.batches import choose_batch
from syncd.core.pacing import Pacer
from syncd.core.progress import Progress
from syncd.delivery import Delivery, LaneParts
from syncd.lane_watch import LaneWatch
from syncd.metrics.counting import Metrics

LONG = "L" * 51
TO_TOKOPEDIA = {
    encode("sku", "A"): ("A", 1),
    encode("sku", "THEIRS"): ("A", 2),
    encode("product_id", "77"): ("A", 3),
    encode("product_id", "78"): ("A", 4),
    encode("sku", "B"): ("B", 5),
    encode("product_id", "79"): (LONG, 6),
}
TO_TOCO = {
    encode("sku", "A"): ("A", 1),
    encode("sku", "THEIRS"): ("A", 2),
    encode("id", "77"): ("A", 3),
    encode("externalId", "77"): ("A", 4),
    encode("sku", LONG): (LONG, 6),
}


class Post:
    """One channel: its ledger, filled by hand, and what delivers it."""

    def __init__(self, folder, capabilities, connector):
        self.database = Database(folder / "state.db")
        registry = Registry(self.database)
        loop = asyncio.get_running_loop()
        clock = Clock(wall=lambda: EPOCH + loop.time(), monotonic=loop.time)
        self.channel = registry.register_channel("shop", "account", clock.now()).channel_id
        self.capabilities, self.clock = capabilities, clock
        self.ledger = Ledger(self.database)
        self.delivery = Delivery(
            LaneParts(
                channel_id=self.channel,
                name="shop",
                warehouses=lambda: [""],
                capabilities=capabilities,
                connector=connector,
                pacer=Pacer(
                    capabilities.limits, rows_are_counted=capabilities.rows_are_counted, ceiling_is_set=True
                ),
                sharing=(self.channel,),
                in_flight=1,
                settling_ms=600_000,
                database=self.database,
                ledger=self.ledger,
                registry=registry,
                clock=clock,
                chance=random.Random(7).random,
                metrics=Metrics().channel("shop"),
                watch=LaneWatch(Progress(), clock, "shop", 30.0),
            )
        )

    def want(self, listings):
        """Put listings into the ledger: identifier to SKU and quantity."""
        rows = [
            (self.channel, identifier, "", sku, quantity, quantity, self.clock.now())
            for identifier, (sku, quantity) in listings.items()
        ]
        with self.database.write() as connection:
            connection.exec_driver_sql(
                "INSERT INTO listing (channel_id, identifier, warehouse, sku, desired, may_show, changed_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                rows,
            )

    async def push(self, limit=100):
        """Push what is due, once; give what that says against the channel."""

        def choose(due):
            return choose_batch(due, limit=limit, grouping=self.capabilities.grouping, credit=0).rows

        now = self.clock.now()
        return await self.delivery.deliver(
            self.ledger.begin_push(self.channel, [""], choose, now=now, limit=limit)
        )

    def standing(self):
        """Identifier to what is confirmed of it, and what was refused with which code."""
        with self.database.read() as connection:
            confirmed = connection.exec_driver_sql(
                "SELECT identifier, confirmed FROM listing WHERE uncertain = 0 AND confirmed IS NOT NULL"
            ).fetchall()
            refused = connection.exec_driver_sql(
                "SELECT identifier, code FROM listing JOIN failure USING (channel_id, identifier, warehouse)"
                " WHERE refusal IS NOT NULL"
            ).fetchall()
        return dict(confirmed), dict(refused)


@pytest.mark.parametrize(
    ("name", "listings", "unknown"),
    [
        ("tokopedia", TO_TOKOPEDIA, {encode("product_id", "80"): "Invalid Product ID.",
                                     encode("sku", "UNKNOWN-1"): "Invalid SKU."}),
        ("tocobagus", TO_TOCO, {encode("id", "80"): "INV_002", encode("externalId", "80"): "INV_002",
                                encode("sku", "UNKNOWN-1"): "INV_001"}),
    ],
)  # fmt: skip
def test_one_request_names_listings_in_every_way_and_each_gets_its_own_answer(
    tmp_path, name, listings, unknown
):
    async def story():
        loop = asyncio.get_running_loop()
        sandbox = Sandbox(now=lambda: EPOCH + loop.time(), apply_delay=0)
        market, plugin = sandbox.marketplaces[name], load_plugin(name)
        market.listings.name([Listing("S77", "77", "o77"), Listing("S78", "78", "77"), Listing("S79", "79")])
        settings = plugin.settings.model_validate(sandbox.channel_settings("https://sandbox.test")[name])
        transport = httpx.ASGITransport(app=sandbox.app)
        connector = plugin.connect(settings, Surroundings(lambda: EPOCH + loop.time(), 30.0, 4, transport))
        post = Post(tmp_path, plugin.capabilities, connector)
        with closing(post.database):
            post.want(listings | dict.fromkeys(unknown, ("A", 9)))
            assert await post.push() is None
            confirmed, refused = post.standing()
        await connector.aclose()

        assert confirmed == {identifier: quantity for identifier, (_, quantity) in listings.items()}
        assert refused == unknown
        assert sandbox.counters()[name]["push_requests"] == 1
        shown = {encode("product_id", "77"): "S77", encode("product_id", "78"): "S78",
                 encode("product_id", "79"): "S79", encode("id", "77"): "S77",
                 encode("externalId", "77"): "S78"}  # fmt: skip
        assert market.stock() == {
            shown.get(identifier, identifier): quantity for identifier, (_, quantity) in listings.items()
        }

    run_virtually(story())


def test_what_cannot_be_named_to_the_marketplace_is_refused_without_asking(tmp_path):
    capabilities = replace(
        memory.CAPABILITIES,
        max_sku_length=50,
        identifier_kinds=("sku", "id"),
        identifier_forms={"id": "[0-9]+"},
    )
    shop = memory.MemoryMarketplace(ids={"7": "SEVEN"})

    async def story():
        post = Post(tmp_path, capabilities, memory.MemoryConnector(shop))
        with closing(post.database):
            post.want(
                {
                    LONG: (LONG, 1),
                    encode("sku", LONG + "L"): ("short", 2),
                    encode("id", "7"): (LONG, 3),
                    encode("id", "seven"): ("B", 4),
                    encode("product_id", "7"): ("C", 5),
                    "fine": (LONG, 6),
                }
            )
            await post.push()
            confirmed, refused = post.standing()
            await asyncio.sleep(1)

        assert confirmed == {encode("id", "7"): 3, "fine": 6}
        assert refused == {
            LONG: "sku_too_long",
            LONG + "L": "sku_too_long",
            encode("id", "seven"): "identifier_form",
            encode("product_id", "7"): "identifier_kind",
        }

    run_virtually(story())

    assert shop.stock == {("SEVEN", ""): 3, ("fine", ""): 6}


def test_three_listings_of_one_sku_that_are_refused_alone_blame_the_channel_and_none_of_them(tmp_path):
    shop = Guarded(refuse=lambda _: BatchRefused("no", code="422"))

    async def story():
        post = Post(tmp_path, memory.CAPABILITIES, shop.connect())
        with closing(post.database):
            post.want({"A": ("A", 1), "THEIRS": ("A", 2), encode("id", "7"): ("A", 3)})
            found = [await post.push(limit=1) for _ in range(3)]
            _, refused = post.standing()

        assert found[:2] == [None, None]
        assert isinstance(found[2], ChannelRefused)
        assert refused == {}

    run_virtually(story())


def test_a_refused_row_is_told_with_what_it_is_called_there(tmp_path, capfd):
    shop = memory.MemoryMarketplace(unlisted={"A"})

    async def story():
        post = Post(tmp_path, memory.CAPABILITIES, memory.MemoryConnector(shop))
        with closing(post.database):
            post.want({"A": ("A", 1), encode("id", "7"): ("A", 1)})
            await post.push()

    run_virtually(story())

    lines = [line for line in "".join(capfd.readouterr()).splitlines() if "row_rejected" in line]
    assert ["id 7" in line for line in sorted(lines)] in ([True, False], [False, True])
    assert sum("identifier" in line for line in lines) == 1
