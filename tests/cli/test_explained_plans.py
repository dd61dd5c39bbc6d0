"""What `syncd why` says of plans: which rule, file and row gave which step, and what does not count."""

import asyncio
import json

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from plan_model import SKUS, SOURCES, emptied, wishes
from planned import follow_plan, planning_of
from rig import DROP, SHOP, Rig
from virtual_time import EPOCH, run_virtually

from state.database import Database, Reader
from state.explaining import read_sku
from state.registry import Registry
from state.staging import StockChange
from state.stock import StockBook
from syncd.cli.explanation_page import print_explanation
from syncd.config.load import load_config
from syncd.core.rules import decide
from syncd.explaining import explanation_of

UNGUARDED = 'guard = { max_missing = "off", max_zeroed = "off", max_drop = "off" }\n'
MAPPED = 'warehouses = { JKT = "10", BDG = "20" }\n'


def asked(config, sku, now=0, **options):
    with Reader(config.state.path) as reader:
        record = read_sku(reader, sku, config.channels, 10, decide=decide)
    return {"running": True, **explanation_of(config, record, sku, tuple(config.channels), now, **options)}


def printed(told, now=0):
    with CliRunner().isolation() as (out, *_):
        print_explanation(told, now)
        return out.getvalue().decode()


class Asked(Rig):
    """A shop whose explanations are asked for."""

    def why(self, sku, **options):
        config = load_config(self.folder / "syncd.toml", environ={}, load_plugin=self.plugins.__getitem__)
        return asked(config, sku, self.now(), **options)

    def shop_of(self, sku):
        return self.why(sku)["channels"]["shop"]

    def listing(self, sku, warehouse=""):
        return next(one for one in self.shop_of(sku)["listings"] if one["warehouse"] == warehouse)

    def page(self, sku, **options):
        return printed(self.why(sku, **options), self.now())

    def now(self):
        return int((EPOCH + asyncio.get_running_loop().time()) * 1000)

    def write(self, name, *rows):
        (self.folder / name).write_text("".join(f"{row}\n" for row in rows))

    async def stock(self, *rows):
        await self.bring("sku,location,quantity\n" + "".join(f"{row}\n" for row in rows))


@pytest.fixture
def told(tmp_path):
    """Runs a story on a shop of its own."""

    def run(story, text):
        async def live():
            await story(Asked(tmp_path / "a", text))

        run_virtually(live())

    return run


@pytest.fixture
def database(tmp_path):
    one = Database(tmp_path / "state.db")
    yield one
    one.close()


@pytest.fixture
def config(tmp_path):
    rig = Rig(tmp_path / "config")
    return load_config(rig.folder / "syncd.toml", environ={}, load_plugin=rig.plugins.__getitem__)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wish=wishes)
def test_what_is_explained_is_what_the_ledger_has(database, config, wish):
    """Of random rules, names, bundles and stocks: no explanation ever disagrees with the plan."""
    registry, book = Registry(emptied(database)), StockBook(database, {})
    source_ids = registry.register_sources(list(SOURCES))
    channel_id = registry.register_channel("shop", "acc", 1).channel_id
    follow_plan(database, book, planning_of(registry, channel_id, wish.plan), wish.rows())
    for (sku, location), (source, quantity) in wish.stock.items():
        book.apply(1, source_ids[source], [StockChange(sku, location, quantity, 1, 0)], 1)
    with database.read() as connection:
        rows = connection.exec_driver_sql("SELECT sku, identifier, warehouse, desired, paused FROM listing")
        ledger = {tuple(row[:3]): (row[3], bool(row[4])) for row in rows}

    explained = {}
    for sku in SKUS:
        with Reader(database.path) as reader:
            record = read_sku(reader, sku, {"shop"}, 1, decide=decide)
        explanation = explanation_of(config, record, sku, ["shop"], 1)
        shop = explanation["channels"]["shop"]
        for (identifier, warehouse), listing in zip(
            record.channels["shop"].attempts, shop["listings"], strict=True
        ):
            if listing["computed"] is not None:
                explained[sku, identifier, warehouse] = (last_of(listing), listing["paused_by"] is not None)
            if listing["stock"] is not None:
                assert listing["stock"] == sum(parts_of(shop, listing)), listing
                assert listing["arithmetic"].endswith((f"= {last_of(listing)}", "(never below 0)")), listing
        counted = sum(
            len(at["levels"]) for at in {one["warehouse"]: one for one in shop["listings"]}.values()
        )
        assert counted + len(shop["not_sold"]) == len(explanation["levels"])
        unlisted = {one["warehouse"] for one in shop["unlisted"]}
        assert unlisted.isdisjoint(
            one["warehouse"] for one in shop["listings"] if one["computed"] is not None
        )
        assert printed({"running": True, **explanation})
    assert explained == ledger


def last_of(listing):
    return listing["steps"][-1]["quantity"] if listing["steps"] else listing["stock"]


def parts_of(shop, listing):
    if shop["bundle"] is None:
        return [level["quantity"] for level in listing["levels"]]
    here = [one for one in shop["bundle"]["locations"] if one["warehouse"] == listing["warehouse"]]
    return [one["makes"] for one in here if one["makes"] is not None]


def test_each_step_names_the_rule_that_gave_it(told):
    async def story(rig):
        rig.write("rules.csv", "sku,channel,safety_stock,max_shown", "TS-*,,3,", "TS-1,shop,,4")
        await rig.stock("TS-1,JKT,20", "TS-1,MES,5", "OTHER,JKT,20")

        one = rig.listing("TS-1", "10")
        assert [
            (step["setting"], step["value"], step["origin"], step["quantity"]) for step in one["steps"]
        ] == [
            ("safety_stock", 3, "rules.csv line 2", 17),
            ("share", "50%", "syncd.toml [channels.shop.rules]", 8),
            ("max_shown", 4, "rules.csv line 3", 4),
        ]
        assert (one["computed"], one["desired"], one["confirmed"], one["plan"]) == (4, 4, 4, "in_effect")
        assert rig.shop_of("TS-1")["rules"] == {
            "safety_stock": 1, "share": "50%", "max_shown": None, "min_shown": 0, "last_units": 0,
            "last_units_channel": None, "rounding": "down", "selling": "normal",
        }  # fmt: skip
        assert [step["origin"] for step in rig.listing("OTHER", "10")["steps"]] == [
            "syncd.toml [rules]",
            "syncd.toml [channels.shop.rules]",
        ]
        assert rig.shop_of("TS-1")["edit"] is None
        lines = rig.page("TS-1").splitlines()
        start = lines.index("  stock      20 = 20 (erp JKT)")
        assert lines[start : start + 5] == [
            "  stock      20 = 20 (erp JKT)",
            "  rules      min(4, floor((20 - 3) x 50%)) = 4",
            "             20 -> 17: safety_stock 3 (kept back), rules.csv line 2",
            "             17 -> 8: share 50% (of what is left), syncd.toml [channels.shop.rules]",
            "             8 -> 4: max_shown 4 (at most), rules.csv line 3",
        ]

    rules = f'[rules]\nfile = "rules.csv"\nsafety_stock = 1\n{UNGUARDED}'
    told(story, DROP + rules + SHOP + MAPPED + 'rules = { share = "50%" }\n')


def test_a_stopped_and_a_paused_sku_name_the_rule(told):
    async def story(rig):
        rig.write("rules.csv", "sku,selling,min_shown", "STOP,stopped,", "LEFT,paused,", "FEW,,5")
        await rig.stock("STOP,,9", "LEFT,,9", "FEW,,4")

        stopped, paused, few = rig.listing("STOP"), rig.listing("LEFT"), rig.listing("FEW")
        assert (stopped["computed"], stopped["arithmetic"]) == (0, "selling is stopped = 0")
        assert stopped["steps"] == [
            {"setting": "selling", "value": "stopped", "origin": "rules.csv line 2", "quantity": 0}
        ]
        assert (paused["state"], paused["paused_by"], paused["computed"]) == ("held", "rules.csv line 3", 9)
        assert "shop: held: a rule pauses it" in rig.page("LEFT")
        assert "  paused     left alone: selling = paused, rules.csv line 3" in rig.page("LEFT")
        assert few["arithmetic"] == "floor((4 - 0) x 100%) = 4, fewer than 5 = 0"
        assert rig.shop.received[0] != []

    told(story, DROP + '[rules]\nfile = "rules.csv"\n' + SHOP)


def test_the_last_units_name_the_channel_that_shows_them(told):
    async def story(rig):
        await rig.stock("A,,3", "B,,9", "C,,5")

        here, there = (rig.why("A")["channels"][name]["listings"][0] for name in ("shop", "second"))
        last = {"below": 5, "channel": "second", "origin": "syncd.toml [rules]"}
        assert (here["computed"], here["last_units"]) == (0, last)
        assert (there["computed"], there["last_units"]) == (3, last)
        assert here["arithmetic"] == "3 left here, fewer than 5, which only second shows = 0"
        assert rig.listing("B")["last_units"] is None
        assert rig.listing("C")["last_units"] is None
        assert (
            "last units fewer than 5 are left here: only second shows them, syncd.toml [rules]"
            in rig.page("A")
        )

    rules = '[rules]\nlast_units = 5\nlast_units_channel = "second"\n'
    told(story, DROP + rules + SHOP + '[channels.second]\nconnector = "memory"\nshop = "second"\n')


def test_the_last_units_are_those_of_all_warehouses(told):
    async def story(rig):
        await rig.stock("A,JKT,3", "A,BDG,4", "B,JKT,3", "B,BDG,1")
        assert [rig.listing("A", one)["last_units"] for one in ("10", "20")] == [None, None]
        assert [rig.listing("A", one)["desired"] for one in ("10", "20")] == [3, 4]
        assert rig.listing("B", "10")["last_units"] == {
            "below": 5,
            "channel": "second",
            "origin": "syncd.toml [rules]",
        }
        assert (
            rig.listing("B", "10")["arithmetic"] == "4 left here, fewer than 5, which only second shows = 0"
        )
        assert "only second shows them" in rig.page("B")

    rules = '[rules]\nlast_units = 5\nlast_units_channel = "second"\n'
    told(story, DROP + rules + SHOP + MAPPED + '[channels.second]\nconnector = "memory"\nshop = "second"\n')


def test_a_component_counts_only_from_the_sources_of_the_channel(told):
    async def story(rig):
        (rig.folder / "counter").mkdir()
        rig.write("bundles.csv", "bundle_sku,component_sku,units", "SET,CUP,1", "SET,POT,1")
        rig.drop({"POT": 5}, source="counter")
        await rig.open_and_look()
        await rig.stock("CUP,,9")
        assert rig.shop_of("POT")["not_sold"][0]["because"] == "source"
        [place] = rig.shop_of("SET")["bundle"]["locations"]
        assert (place["makes"], place["bottleneck"]) == (None, ["POT"])
        for sku in ("POT", "SET"):
            one = rig.listing(sku)
            assert (one["stock"], one["computed"], one["desired"]) == (None, None, None)

    pos = '[sources.pos]\ntype = "drop"\npath = "counter"\nsettle = "1s"\n'
    told(story, DROP + pos + '[bundles]\nfile = "bundles.csv"\n' + SHOP + 'sources = ["erp"]\n')


def test_a_bundle_tells_its_components_and_the_one_that_is_short(told):
    async def story(rig):
        rig.write("bundles.csv", "bundle_sku,component_sku,units", "SET,CUP,2", "SET,POT,1")
        await rig.stock("CUP,JKT,9", "POT,JKT,3", "CUP,BDG,8", "SET,JKT,100")

        shop = rig.shop_of("SET")
        assert [(one["sku"], one["units"], one["origin"]) for one in shop["bundle"]["components"]] == [
            ("CUP", 2, "bundles.csv line 2"),
            ("POT", 1, "bundles.csv line 3"),
        ]
        first, second = shop["bundle"]["locations"]
        assert (first["location"], first["makes"], first["bottleneck"]) == ("BDG", None, ["POT"])
        assert (second["location"], second["warehouse"], second["makes"], second["bottleneck"]) == (
            "JKT", "10", 3, ["POT"],
        )  # fmt: skip
        assert [(part["sku"], part["quantity"], part["makes"]) for part in second["components"]] == [
            ("CUP", 9, 4),
            ("POT", 3, 3),
        ]
        assert [(one["quantity"], one["because"]) for one in shop["not_sold"]] == [(100, "bundle")]
        text = rig.page("SET")
        assert "shop: a bundle of 2 x CUP + 1 x POT, bundles.csv line 2" in text
        assert "shop: bundles at BDG: none, for there is no stock level of POT" in text
        assert "shop: bundles at JKT: 3, by POT: 9 CUP make 4, 3 POT make 3" in text
        assert "stock      3 = 3 (bundles at JKT)" in text
        assert "erp JKT has 100: does not count: this SKU is a bundle here" in text
        assert rig.shop_of("CUP")["in_bundles"] == [
            {"sku": "SET", "units": 2, "origin": "bundles.csv line 2"}
        ]
        assert "shop: a component of SET (takes 2)" in rig.page("CUP")

    told(story, DROP + '[bundles]\nfile = "bundles.csv"\n' + SHOP + MAPPED)


def test_a_bundle_that_no_source_names_is_known_all_the_same(told):
    async def story(rig):
        rig.write("bundles.csv", "bundle_sku,component_sku,units", "SET,CUP,2")
        await rig.stock("OTHER,,1")
        with Reader(rig.folder / "state.db") as reader:
            assert not read_sku(reader, "SET", {"shop"}, 1, decide=decide).is_empty
        assert "no stock level of any component counts here" in rig.page("SET")

    told(story, DROP + '[bundles]\nfile = "bundles.csv"\n' + SHOP)


def test_what_a_listing_is_called_and_by_which_row(told):
    async def story(rig):
        rig.write("names.csv", "sku,id", "A,77", "A,78", "B,")
        await rig.stock("A,,5", "B,,6", "C,,7")

        first, second = rig.shop_of("A")["listings"]
        assert (first["identifier"], first["listed_by"]) == (
            {"kind": "id", "value": "77"},
            "names.csv line 2",
        )
        assert (second["identifier"]["value"], second["listed_by"]) == ("78", "names.csv line 3")
        assert (first["desired"], second["desired"]) == (5, 5)
        assert "  listed as  id 77, names.csv line 2" in rig.page("A")
        assert rig.listing("B")["identifier"] is None
        [place] = rig.shop_of("C")["unlisted"]
        assert place["because"] == "only_listed"
        assert "shop: not listed here" in rig.page("C")
        assert "only_listed = true, and the channel's listings do not name this SKU" in rig.page("C")

    told(story, DROP + SHOP + 'only_listed = true\nlistings = { file = "names.csv" }\n')


def test_a_name_that_stands_for_another_sku_is_told_with_that_sku(told):
    async def story(rig):
        rig.write("names.csv", "sku,marketplace_sku,warehouse", "OLD,NEW,", "HERE,,10")
        await rig.stock("OLD,JKT,5", "NEW,JKT,6", "HERE,BDG,7")

        [place] = rig.shop_of("NEW")["unlisted"]
        assert place == {
            "warehouse": "10",
            "because": "name_taken",
            "sku": "OLD",
            "origin": "names.csv line 2",
        }
        assert "this name is the listing of SKU OLD here (names.csv line 2)" in rig.page("NEW")
        assert rig.listing("OLD", "10")["listed_by"] == "names.csv line 2"
        [place] = rig.shop_of("HERE")["unlisted"]
        assert (place["warehouse"], place["because"]) == ("20", "listed_elsewhere")
        assert "warehouse 20: the channel's listings name this SKU in other warehouses only" in rig.page(
            "HERE"
        )

    told(story, DROP + SHOP + MAPPED + 'listings = { file = "names.csv" }\n')


def test_a_location_that_does_not_add_up_is_told(told):
    async def story(rig):
        await rig.stock("A,JKT,5", "A,MES,6")
        assert rig.listing("A")["stock"] == 5
        assert [(one["location"], one["because"]) for one in rig.shop_of("A")["not_sold"]] == [
            ("MES", "location")
        ]

    told(story, DROP + SHOP + 'locations = ["JKT"]\n')


def test_an_edit_that_is_held_waits_with_its_number(told):
    async def story(rig):
        rig.write("rules.csv", "sku,selling", "NOTHING,normal")
        await rig.stock(*(f"S{n},,9" for n in range(40)))
        rig.write("rules.csv", "sku,selling", "*,stopped")
        async with rig.opened():
            shop = rig.shop_of("S1")
            held = rig.ask("SELECT id FROM import WHERE state = 'held'")
            assert (shop["edit"]["state"], shop["edit"]["import"]) == ("held", held)
            [one] = shop["listings"]
            assert (one["computed"], one["desired"], one["steps"], one["plan"]) == (9, 9, [], "not_in_effect")
            assert f"the edit is held: `syncd imports approve {held}` lets it through" in rig.page("S1")
            assert rig.why("S1")["held_imports"] == [], "it is told once, with its channel"
            await rig.approve(held)
            assert rig.shop_of("S1")["edit"] is None
            assert (rig.listing("S1")["computed"], rig.listing("S1")["plan"]) == (0, "in_effect")

    told(story, DROP + '[rules]\nfile = "rules.csv"\n' + SHOP)


def test_what_is_refused_is_told_with_its_line(told):
    async def story(rig):
        rig.write("rules.csv", "sku,max_shown", "A,4")
        await rig.stock("A,,9")
        rig.write("rules.csv", "sku,max_shown", "A,2", "B,many", "C,few")
        async with rig.opened():
            shop = rig.shop_of("A")
            assert shop["edit"]["state"] == "refused"
            assert shop["edit"]["reason"].startswith("rules.csv line 3: max_shown:")
            assert shop["edit"]["reason"].endswith("; and 1 more")
            assert rig.listing("A")["computed"] == 4
            assert "what is configured is refused, and the plan before it stays in force" in rig.page("A")

    told(story, DROP + '[rules]\nfile = "rules.csv"\n' + SHOP)


@pytest.mark.parametrize(
    "edited",
    [
        SHOP + "rules = { max_shown = 3 }\n",
        SHOP + 'only_listed = true\nlistings = { file = "names.csv" }\n',
        SHOP + 'locations = ["JKT"]\n',
        SHOP + MAPPED,
        '[[rules.for]]\nsku = "A"\nmax_shown = 3\n' + SHOP,
        '[[rules.for]]\nsku = "?"\nmax_shown = 3\n' + SHOP,
    ],
)
def test_an_edit_of_the_configuration_that_nobody_has_read_is_told(told, edited):
    async def story(rig):
        rig.write("names.csv", "sku", "A")
        await rig.stock("A,JKT,9")
        assert rig.shop_of("A")["edit"] is None
        rig.configure(DROP + edited)
        assert rig.shop_of("A")["edit"]["state"] == "not_read"
        assert (rig.listing("A")["computed"], rig.listing("A")["plan"]) == (9, "not_in_effect")
        assert "`syncd reload`" in rig.page("A")

    told(story, DROP + SHOP)


@pytest.mark.parametrize("taken_away", ["rules", "names", "bundles", "for"])
def test_what_is_configured_no_longer_is_told_too(told, taken_away):
    parts = {
        "rules": '[rules]\nfile = "rules.csv"\n',
        "for": '[[rules.for]]\nsku = "A"\nchannels = ["shop"]\nmin_shown = 1\n',
        "bundles": '[bundles]\nfile = "bundles.csv"\n',
        "shop": SHOP,
        "names": 'listings = { file = "names.csv" }\n',
    }

    async def story(rig):
        rig.write("rules.csv", "sku,max_shown", "A,4")
        rig.write("names.csv", "sku,id", "A,1")
        rig.write("bundles.csv", "bundle_sku,component_sku,units", "SET,A,2")
        await rig.stock("A,,9")
        assert rig.shop_of("A")["edit"] is None
        rig.configure(DROP + "".join(text for part, text in parts.items() if part != taken_away))
        assert rig.shop_of("A")["edit"]["state"] == "not_read"

    told(story, DROP + "".join(parts.values()))


def test_a_daemon_with_another_configuration_is_told_and_blames_no_listing(told):
    async def story(rig):
        await rig.stock("A,,9")
        shop = rig.why("A", reloaded=False)["channels"]["shop"]
        assert (shop["edit"]["state"], shop["listings"][0]["plan"]) == ("not_reloaded", "in_effect")
        assert "syncd.toml was edited since the daemon read it" in rig.page("A", reloaded=False)
        json.dumps(shop)

    told(story, DROP + SHOP)
