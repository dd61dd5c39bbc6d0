"""What `syncd why` says, against state that the whole application has made."""

import asyncio
from contextlib import contextmanager
from dataclasses import replace
from itertools import product

import httpx
import pytest
from click.testing import CliRunner
from rig import DROP, SHOP, Rig
from shops import Guarded
from sqlalchemy import event
from virtual_time import EPOCH, run_virtually

from connectors.discovery import load_plugin
from connectors.errors import ChannelRefused, TryLater, WarehouseRefused
from connectors.memory import CAPABILITIES
from connectors.sandbox import Sandbox
from state import reports
from state.database import Database, Reader
from state.explaining import ListingState, nearest_skus, read_sku, state_of
from state.registry import Registry
from syncd.cli.explanation_page import print_explanation
from syncd.config.load import load_config
from syncd.core.rules import decide
from syncd.explaining import explanation_of

RULES = 'rules = { safety_stock = 2, share = "50%", max_shown = 6 }\n'
UNGUARDED = '[rules.guard]\nmax_missing = "off"\nmax_zeroed = "off"\nmax_drop = "off"\n'
MAPPED = 'warehouses = { JKT = "1610", BDG = "1611", SBY = "1610" }\n'


def at(rig):
    return int((EPOCH + asyncio.get_running_loop().time()) * 1000)


def why(rig, sku, *, attempts=10):
    """What is told about a SKU at this instant."""
    config = load_config(rig.folder / "syncd.toml", environ={}, load_plugin=rig.plugins.__getitem__)
    with Reader(config.state.path) as reader:
        record = read_sku(reader, sku, config.channels, attempts, decide=decide)
    return {"running": True, **explanation_of(config, record, sku, tuple(config.channels), at(rig))}


def listing(rig, sku, *, channel="shop", warehouse="", **options):
    found = why(rig, sku, **options)["channels"][channel]["listings"]
    return next(one for one in found if one["warehouse"] == warehouse)


def page(rig, sku, *, whole=False):
    """What a person reads."""
    explanation, now = why(rig, sku), at(rig)
    with CliRunner().isolation() as (out, *_):
        print_explanation(explanation, now, whole=whole)
        return out.getvalue().decode()


def located(*rows):
    return "sku,location,quantity\n" + "".join(f"{','.join(map(str, row))}\n" for row in rows)


def outcomes(told):
    return [(attempt["quantity"], attempt["outcome"]) for attempt in told["attempts"]]


def test_from_the_line_of_a_file_to_the_answer(tmp_path):
    async def story():
        rig = Rig(tmp_path / "a", DROP + SHOP + RULES)
        await rig.bring({"A": 1, "B": 9})
        told = why(rig, "B")

        [level] = told["levels"]
        assert (level["source"], level["quantity"], level["line"], level["missed"]) == ("erp", 9, 3, 0)
        assert (level["import"]["name"], level["import"]["state"]) == ("export-1.csv", "applied")
        [one] = told["channels"]["shop"]["listings"]
        assert (one["stock"], one["computed"], one["desired"], one["confirmed"]) == (9, 3, 3, 3)
        assert one["arithmetic"] == "min(6, floor((9 - 2) x 50%)) = 3"
        assert (one["state"], one["verified"], one["plan"]) == ("in_sync", True, "in_effect")
        assert outcomes(one) == [(3, "accepted")]
        assert one["attempts"][0]["status"] == 200
        assert "in sync, verified by its answer" in page(rig, "B")

    run_virtually(story())


def test_after_there_and_back_every_attempt_is_told_newest_first(tmp_path):
    async def story():
        rig = Rig(tmp_path / "a")
        for quantity in (5, 7, 5):
            await rig.bring({"A": quantity})
            await asyncio.sleep(1)

        assert outcomes(listing(rig, "A")) == [(5, "accepted"), (7, "accepted"), (5, "accepted")]
        assert outcomes(listing(rig, "A", attempts=1)) == [(5, "accepted")]
        assert listing(rig, "A")["state"] == "in_sync"

    run_virtually(story())


def test_a_lost_answer_leaves_a_listing_that_is_not_known_for_sure_though_it_equals_its_confirmed(tmp_path):
    async def story():
        rig = Rig(tmp_path / "a")
        await rig.bring({"A": 5})
        rig.shop.fail_next(TryLater("lost", effect="ambiguous"), takes_effect=True)
        rig.drop({"A": 7})
        async with rig.opened() as app:
            await rig.look()
            await app.lanes["shop"]._push_one(10)
            rig.drop({"A": 5})
            await rig.look()
            one = listing(rig, "A")
            assert (one["state"], one["uncertain"], one["verified"]) == ("due", True, False)
            assert (one["desired"], one["confirmed"], one["risk"]) == (5, 5, "decrease")
            assert "what is shown is not known for sure" in page(rig, "A")
            assert outcomes(one) == [(7, "unknown"), (5, "accepted")]
            assert one["attempts"][0]["message"] == "lost"
            await rig.reconcile()
            again = listing(rig, "A")
            assert (again["state"], again["verified"]) == ("in_sync", True)
            assert again["reassert_at"] is not None
            assert "once more in 10 min" in page(rig, "A")
            await asyncio.sleep(605)
            ripe = listing(rig, "A")
            assert (ripe["state"], ripe["risk"], ripe["since"]) == ("due", "repetition", again["reassert_at"])

    run_virtually(story())


def test_a_refused_listing_tells_its_code_and_what_wakes_it(tmp_path):
    async def story():
        rig = Rig(tmp_path / "a")
        rig.shop.unlisted = {"A"}
        await rig.bring({"A": 5})
        one = listing(rig, "A")
        assert (one["state"], one["refusal"], one["confirmed"]) == ("rejected", "not_listed", None)
        assert (one["failure"]["code"], one["failure"]["attempts"]) == ("unlisted", 1)
        assert one["next_attempt_at"].endswith("Z")
        assert "rejected: unlisted unknown SKU; asked again in 1 d 0 h, or on `syncd retry`" in page(rig, "A")
        assert "confirmed  never" in page(rig, "A")

    run_virtually(story())


def test_a_deferred_listing_tells_until_when_and_what_failed(tmp_path):
    async def story():
        shop = Guarded()
        shop.refuse = lambda _: TryLater("out of order", code="E503", status=503)
        rig = Rig(tmp_path / "a", plugins={"memory": shop.plugin()})
        rig.drop({"A": 5})
        async with rig.opened() as app:
            await rig.look()
            with app.database.write() as connection:
                connection.exec_driver_sql("UPDATE listing SET not_before = ?", (at(rig) + 30_000,))
            one = listing(rig, "A")
            assert (one["state"], one["next_attempt_at"] is None) == ("deferred", False)
            assert "deferred, the next attempt in 30 s" in page(rig, "A")
            await asyncio.sleep(31)
            assert listing(rig, "A")["state"] == "due"
            await app.lanes["shop"]._push_one(10)
            [attempt] = listing(rig, "A")["attempts"]
            assert (attempt["outcome"], attempt["code"], attempt["status"]) == ("unknown", "E503", 503)

    run_virtually(story())


def test_a_held_channel_holds_what_differs_and_says_why(tmp_path):
    async def story():
        rig = Rig(tmp_path / "a")
        await rig.bring({"A": 5, "B": 5})
        rig.shop.fail_next(ChannelRefused("the shop moved away", code="AUTH_010"))
        await rig.bring({"A": 4, "B": 5})
        assert listing(rig, "A")["state"] == "held"
        assert listing(rig, "B")["state"] == "in_sync"
        assert why(rig, "A")["channels"]["shop"]["hold"]["code"] == "AUTH_010"
        assert "held: the channel is, since 0 s ago: AUTH_010 the shop moved away" in page(rig, "A")

    run_virtually(story())


def test_a_held_warehouse_holds_its_own_listings_only(tmp_path):
    async def story():
        rig = Rig(tmp_path / "a", DROP + SHOP + MAPPED)
        rig.shop.fail_next(WarehouseRefused("closed", warehouse="1611", code="PRD_USC_010"))
        await rig.bring(located(("A", "BDG", 5)))
        rig.drop(located(("A", "BDG", 5), ("A", "JKT", 5)))
        await rig.open_and_reconcile()
        assert listing(rig, "A", warehouse="1610")["state"] == "in_sync"
        assert listing(rig, "A", warehouse="1611")["state"] == "held"
        assert "warehouse 1611: held: the warehouse is, since " in page(rig, "A")
        assert "PRD_USC_010 closed" in page(rig, "A")

    run_virtually(story())


def test_what_is_in_flight_says_so(tmp_path):
    async def story():
        rig = Rig(tmp_path / "a")
        rig.drop({"A": 5})
        async with rig.opened() as app:
            await rig.look()
            app.lanes["shop"]._begin(10)
            one = listing(rig, "A")
            assert (one["state"], outcomes(one)) == ("in_flight", [(5, "in_flight")])
            assert "in flight: its answer is awaited" in page(rig, "A")

    run_virtually(story())


def test_locations_are_added_up_by_warehouse_and_one_that_is_not_mapped_is_not_sold_there(tmp_path):
    async def story():
        rig = Rig(tmp_path / "a", DROP + SHOP + MAPPED)
        rows = ("A", "JKT", 5), ("A", "SBY", 2), ("A", "MES", 9)
        await rig.bring(located(*rows))
        channel = why(rig, "A")["channels"]["shop"]
        first, second = channel["listings"]
        assert (first["warehouse"], first["stock"], first["desired"]) == ("1610", 7, 7)
        assert [level["location"] for level in first["levels"]] == ["JKT", "SBY"]
        assert (second["warehouse"], second["stock"], second["desired"], second["state"]) == (
            "1611", None, None, None,
        )  # fmt: skip
        [left] = channel["not_sold"]
        assert (left["location"], left["quantity"], left["because"]) == ("MES", 9, "location")
        text = page(rig, "A")
        assert (
            "erp MES has 9: not sold here: the channel's `warehouses` (or `locations`) do not name that location"
            in text
        )
        assert "shop, warehouse 1611: not listed: no stock level counts here" in text
        assert "7 = 5 (erp JKT) + 2 (erp SBY)" in text

    run_virtually(story())


def test_a_channel_says_which_source_it_does_not_take(tmp_path):
    async def story():
        (tmp_path / "a" / "other").mkdir(parents=True)
        other = '[sources.pos]\ntype = "drop"\npath = "other"\nsettle = "1s"\n'
        rig = Rig(tmp_path / "a", DROP + other + SHOP + 'sources = ["erp"]\n')
        rig.drop({"A": 5}, source="other")
        await rig.open_and_look()
        [left] = why(rig, "A")["channels"]["shop"]["not_sold"]
        assert (left["source"], left["because"]) == ("pos", "source")
        assert "this channel does not take that source" in page(rig, "A")

    run_virtually(story())


def test_a_configuration_that_the_ledger_does_not_follow_yet_is_told(tmp_path):
    async def story():
        rig = Rig(tmp_path / "a")
        await rig.bring({"A": 9})
        rig.configure(DROP + UNGUARDED + SHOP + RULES)
        one = listing(rig, "A")
        assert (one["computed"], one["desired"], one["plan"]) == (9, 9, "not_in_effect")
        assert why(rig, "A")["channels"]["shop"]["edit"]["state"] == "not_read"
        assert "plan       not in effect" in page(rig, "A")
        assert "syncd.toml was edited, and that is not in force: `syncd reload`" in page(rig, "A")
        async with rig.opened() as app:
            one = listing(rig, "A")
            assert (one["computed"], one["desired"], one["plan"]) == (3, 3, "in_effect")
            assert why(rig, "A")["channels"]["shop"]["edit"] is None
            with app.database.write() as connection:
                connection.exec_driver_sql("UPDATE listing SET desired = 9")
                connection.exec_driver_sql("UPDATE channel SET planned = 0")
            one = listing(rig, "A")
            assert (one["computed"], one["desired"], one["plan"]) == (3, 9, "being_applied")
            assert "until then the listing keeps what it was given before" in page(rig, "A")

    run_virtually(story())


def test_what_went_missing_is_kept_and_said_so(tmp_path):
    async def story():
        rig = Rig(tmp_path / "a")
        await rig.bring({"A": 9, "B": 1})
        await rig.bring({"B": 1})
        [level] = why(rig, "A")["levels"]
        assert (level["missed"], level["line"], level["import"]["name"]) == (1, 2, "export-1.csv")
        assert "missing from the last snapshot" in page(rig, "A")

    run_virtually(story())


def test_no_line_is_told_for_what_went_to_zero_because_it_was_missing(tmp_path):
    async def story():
        rig = Rig(tmp_path / "a", DROP + 'missing = "zero"\n' + SHOP)
        for stock in ({"A": 9, "B": 1}, {"B": 1}, {"B": 2}):
            await rig.bring(stock)
        [level] = why(rig, "A")["levels"]
        assert (level["quantity"], level["line"], level["import"]["name"]) == (0, None, "export-3.csv")

    run_virtually(story())


def test_an_import_that_is_held_does_not_count_and_is_named(tmp_path):
    async def story():
        guarded = '[sources.erp]\ntype = "drop"\npath = "inbox"\nsettle = "1s"\n'
        rig = Rig(tmp_path / "a", guarded + SHOP)
        await rig.bring({f"S{n}": 9 for n in range(40)})
        await rig.bring({"S0": 1})
        told = why(rig, "S0")
        assert [level["quantity"] for level in told["levels"]] == [9]
        assert [held["name"] for held in told["held_imports"]] == ["export-2.csv"]
        assert "is held: what it says does not count" in page(rig, "S0")

    run_virtually(story())


class Toco:
    """A rig whose channel is the sandbox's Tocobagus."""

    def __init__(self, folder):
        loop = asyncio.get_running_loop()
        self.sandbox = Sandbox(now=lambda: EPOCH + loop.time())
        tables = self.sandbox.configuration("https://sandbox.test")
        channel = tables[tables.index("[channels.tocobagus-sandbox]") :]
        self.rig = Rig(folder, DROP + channel, plugins={"tocobagus": load_plugin("tocobagus")})
        self.rig.transport = httpx.ASGITransport(app=self.sandbox.app)


def test_accepted_is_told_apart_from_verified_with_the_request_and_the_batch(tmp_path):
    async def story():
        toco = Toco(tmp_path / "a")
        await toco.rig.bring({"A": 5, "UNKNOWN-1": 3})
        one = listing(toco.rig, "A", channel="tocobagus-sandbox")
        assert (one["state"], one["verified"]) == ("in_sync", False)
        [attempt] = one["attempts"]
        assert attempt["request_id"]
        assert attempt["batch_id"]
        text = page(toco.rig, "A")
        assert "in sync, as far as is said" in text
        assert "accepted   5" in text
        assert "applies it later, and offers no way to ask" in text
        whole = page(toco.rig, "A", whole=True)
        assert attempt["request_id"] in whole
        assert attempt["batch_id"] in whole
        refused = listing(toco.rig, "UNKNOWN-1", channel="tocobagus-sandbox")["attempts"][0]
        async with toco.rig.opened():
            [failure] = toco.rig.failures()
        assert (failure.request_id, failure.batch_id) == (refused["request_id"], refused["batch_id"])
        assert failure.request_id == attempt["request_id"]
        async with toco.rig.opened() as app:
            app.registry.wake(app.channel_ids["tocobagus-sandbox"])
            await toco.rig.reconcile()
            [failure] = toco.rig.failures()
        latest, first = listing(toco.rig, "UNKNOWN-1", channel="tocobagus-sandbox")["attempts"]
        assert latest["request_id"] != first["request_id"] == attempt["request_id"]
        assert (failure.request_id, failure.batch_id) == (latest["request_id"], latest["batch_id"])

    run_virtually(story())


def test_text_that_does_not_print_is_escaped(tmp_path):
    async def story():
        rig = Rig(tmp_path / "a")
        sku = "x\x1b[31m\ny"
        rig.drop({"A": 5})
        async with rig.opened() as app:
            await rig.look()
            with app.database.write() as connection:
                connection.exec_driver_sql("UPDATE stock SET sku = ?, location = ?", (sku, "J\nK\x07"))
                connection.exec_driver_sql(
                    "UPDATE listing SET sku = ?, identifier = ?, refusal = 'quantity'", (sku, sku)
                )
                connection.exec_driver_sql(
                    "INSERT INTO failure(channel_id, identifier, warehouse, sku, outcome, reason, code, message,"
                    " attempts, first_failed_at, last_failed_at)"
                    " VALUES (1, ?, '', ?, 'rejected', '', 'E', ?, 1, 1, 1)",
                    (sku, sku, "\x1b]0;"),
                )
            app.lanes["shop"]._begin(10)
        text = page(rig, sku)
        assert "SKU x\\x1b[31m\\ny\n" in text
        assert "\\x1b]0;" in text
        assert "5 = 5 (erp J\\nK\\x07)" in text
        assert "\x1b" not in text
        assert why(rig, sku)["sku"] == sku

    run_virtually(story())


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("ts-red-m", "TS-RED-M"),
        ("Ts Red-m", None),
        ("TS-RED-N", "TS-RED-M"),
        ("tsredm", "TS-RED-M"),
        ("12345", "0012345"),
        ("00012345", "0012345"),
        ("KAOS Polos", "Kaos  polos"),
        ("kaospolos", "Kaos  polos"),
        ("STRASSE", None),
        ("SKU0500000", "SKU-0500000"),
        ("TS_RED_M", "TS-RED-M"),
        ("IPHONE-CASE", "iPhone-Case"),
        ("zzz", None),
        ("", None),
        ("0", None),
    ],
)
def test_an_unknown_sku_is_answered_with_the_nearest(tmp_path, asked, meant):
    database = Database(tmp_path / "state.db")
    known = ["TS-RED-M", "TS-BLU-M", "0012345", "0999999", "Kaos  polos", "straße"]
    known += ["iPhone-Case", *(f"i{letter}-{n}" for n in range(300) for letter in "MQ")]
    known += [f"SKU-{n:07}" for n in range(499_000, 501_000)]
    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO source(id, name, active, failure) VALUES (1, 'erp', 1, '')")
        connection.exec_driver_sql(
            "INSERT INTO stock(sku, location, source_id, quantity, import_id, line) VALUES (?, '', 1, 1, 1, 1)",
            [(sku,) for sku in known],
        )
        found = nearest_skus(connection, asked)
    database.close()
    assert found[:1] == [meant] if meant else set(found) <= set(known)


NOW = 1_000
TIMES = (None, NOW - 1, NOW, NOW + 1)
OTHER_TIMES = (*TIMES, NOW + 2)  # one more: what mistakes one time for the other counts differently
EVERY_LISTING = list(
    product(
        ("", "w"), (None, 5, 6), (0, 1), (False, True), (None, "not_listed", "quantity"), TIMES, OTHER_TIMES
    )
)


@pytest.mark.parametrize("channel", [False, True])
@pytest.mark.parametrize("warehouse", [False, True])
def test_every_listing_is_in_the_state_that_it_is_counted_in(tmp_path, channel, warehouse):
    database = Database(tmp_path / "state.db")
    registry = Registry(database)
    channel_id = registry.register_channel("shop", "shop", 1).channel_id
    if channel:
        registry.hold_channel(channel_id, "E", "held", 1)
    if warehouse:
        registry.hold_warehouse(channel_id, "w", "E", "held", now=1, probe_at=2)
    with database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO listing(channel_id, identifier, sku, warehouse, desired, confirmed, may_show, uncertain,"
            " attempt_id, refusal, not_before, reassert_at, changed_at)"
            " VALUES (?, ?, ?, ?, 5, ?, 6, ?, ?, ?, ?, ?, 1)",
            [
                (
                    channel_id,
                    str(n),
                    str(n),
                    place,
                    confirmed,
                    uncertain,
                    n if flying else None,
                    refusal,
                    wait,
                    again,
                )
                for n, (place, confirmed, uncertain, flying, refusal, wait, again) in enumerate(EVERY_LISTING)
            ],
        )
        counts = reports.count_listings(connection, channel_id, NOW)
    told = dict.fromkeys(ListingState, 0)
    with Reader(database.path) as reader:
        for n, (place, *_) in enumerate(EVERY_LISTING):
            record = read_sku(reader, str(n), {"shop"}, 1, decide=decide).channels["shop"]
            held = record.channel.held_at is not None or place in record.warehouse_holds
            told[state_of(record.listings[str(n), place], held=held, now=NOW)] += 1
    database.close()
    assert told == {state: getattr(counts, state.value) for state in ListingState}


LARGE = (
    "stock", "listing", "attempt", "push", "failure", "rule", "listed", "bundle",
    "k", "l", "a", "p", "f", "b",
)  # fmt: skip

FOUND_BY = ("sku", "identifier", "rowid=")


@contextmanager
def traced(reader):
    statements = []

    def note(_connection, _cursor, sql, parameters, _context, _many):
        statements.append((sql, tuple(parameters)))

    event.listen(reader._engine, "before_cursor_execute", note)
    yield statements
    event.remove(reader._engine, "before_cursor_execute", note)


@pytest.mark.parametrize("analysed", [False, True])
def test_no_question_scans_a_table_that_grows(tmp_path, analysed):
    async def story():
        rig = Rig(tmp_path / "a")
        rig.shop.unlisted = {"SKU-7"}
        for quantity in range(3):
            await rig.bring({f"SKU-{n}": quantity for n in range(300)})
        async with rig.opened() as app:
            if analysed:
                with app.database.write() as connection:
                    connection.exec_driver_sql("ANALYZE")
            with Reader(rig.folder / "state.db") as reader, traced(reader) as statements:
                for sku in ("SKU-7", "sku-7", "0", "nothing like it"):
                    read_sku(reader, sku, {"shop"}, 10, decide=decide)
            asked = len(statements)
            assert asked < 4 * 200
            with app.database.read() as connection:
                for sql, parameters in set(statements):
                    if sql.startswith("SELECT"):
                        steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall()
                        looks = [
                            step[3] for step in steps if step[3].split()[1:2] and step[3].split()[1] in LARGE
                        ]
                        assert all(look.startswith("SEARCH") for look in looks), (sql, looks)
                        assert all(any(one in look for one in FOUND_BY) for look in looks), (sql, looks)
                        assert not [
                            step for step in steps if "TEMP B-TREE" in step[3] and "FROM attempt" in sql
                        ]

    run_virtually(story())


def test_a_marketplace_that_applies_later_is_told_by_its_capabilities(tmp_path):
    async def story():
        late = Guarded()
        plugin = late.plugin(capabilities=replace(CAPABILITIES, asynchronous=True))
        rig = Rig(tmp_path / "a", plugins={"memory": plugin})
        for quantity in (5, 6):
            await rig.bring({"A": quantity})
        one = listing(rig, "A")
        assert (one["verified"], why(rig, "A")["channels"]["shop"]["asynchronous"]) == (False, True)
        assert one["reassert_at"] is not None

    run_virtually(story())
