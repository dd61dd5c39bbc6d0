"""What is wrong, as stored: each figure right, found by index."""

import pytest

from state import troubles
from state.troubles import HeldBack, HeldImports, SoldOut, SourceHealth

NOW = 1_000_000


@pytest.fixture
def ask(database):
    """Ask something of the state that the statements before it have made."""
    with database.write() as connection:
        run = connection.exec_driver_sql
        run("INSERT INTO source(id, name, active, failure) VALUES (1, 'erp', 1, ''), (2, 'gone', 0, 'x')")
        run(
            "INSERT INTO channel(id, account, name, active, plan, hold_code, hold_message)"
            " VALUES (1, 'a', 'toko', 1, '', '', ''), (2, 'b', 'toco', 1, '', '', ''), (3, 'c', 'old', 0, '', '', '')"
        )

    def ask(question, *arguments, after=()):
        with database.write() as connection:
            for statement in after:
                connection.exec_driver_sql(statement)
        with database.read() as connection:
            return question(connection, *arguments)

    return ask


def listing(
    sku,
    *,
    desired,
    may_show,
    changed_at=0,
    refusal=None,
    not_before=None,
    channel=1,
    warehouse="",
    confirmed=9,
    paused=0,
):
    values = (
        paused,
        channel,
        f"'{sku}'",
        f"'{sku}'",
        f"'{warehouse}'",
        desired,
        confirmed,
        may_show,
        changed_at,
    )
    more = (f"'{refusal}'" if refusal else "NULL", "NULL" if not_before is None else not_before)
    return (
        "INSERT INTO listing(paused, channel_id, identifier, sku, warehouse, desired, confirmed, may_show, changed_at, refusal, not_before)"
        f" VALUES ({', '.join(map(str, values + more))})"
    )


def test_holds_of_channels_and_warehouses_that_are_configured(ask):
    held = ask(
        troubles.held_back,
        after=[
            "UPDATE channel SET held_at = 5, hold_code = 'C', hold_message = 'why' WHERE id IN (1, 3)",
            "INSERT INTO warehouse_hold VALUES (2, '1610', 6, 7, 'W', 'where'), (3, 'x', 6, 7, 'W', 'where')",
        ],
    )

    assert held == [HeldBack("toco", "1610", "W", "where", 6), HeldBack("toko", None, "C", "why", 5)]


def test_held_imports_by_the_newest_of_each_source(ask):
    columns = "source_id, id, name, state, reason, at, held_at, contents, data_at, sha256, format, rows, changed, bad, blank, negative, missing, zeroed, units_after, claimed"
    rest = "'snapshot', 0, '', '', 0, 0, 0, 0, 0, 0, 0, 0, ''"
    held = ask(
        troubles.held_imports,
        after=[
            (
                f"INSERT INTO import({columns}) VALUES (1, 1, 'a', 'held', 'ra', 10, 11, {rest}),"
                f" (1, 2, 'b', 'held', 'rb', 20, NULL, {rest}), (1, 3, 'c', 'applied', '', 30, NULL, {rest}),"
                f" (2, 4, 'd', 'held', 'rd', 40, NULL, {rest})"
            )
        ],
    )

    assert held == [HeldImports("erp", 2, 2, "b", "rb", 11)]


def test_sources_that_are_configured(ask):
    assert ask(
        troubles.source_health,
        after=["UPDATE source SET data_at = 3, failing_since = 4, failure = 'locked'"],
    ) == [SourceHealth("erp", 3, 4, "locked")]


def sold_out(ask, *listings, before=NOW, warehouses=("",)):
    return ask(troubles.sold_out_since, 1, warehouses, before, after=listings)


def test_sold_out_listings_that_wait_ready_or_deferred(ask):
    found = sold_out(
        ask,
        listing("ready", desired=0, may_show=3, changed_at=700),
        listing("later", desired=0, may_show=3, changed_at=600, not_before=NOW * 2),
        listing("fresh", desired=0, may_show=3, changed_at=NOW + 1),
        listing("fresh and later", desired=0, may_show=3, changed_at=NOW + 1, not_before=5),
        listing("lower", desired=1, may_show=3),
        listing("not shown", desired=0, may_show=0),
        listing("elsewhere", desired=0, may_show=3, channel=2),
        listing("left alone", desired=0, may_show=3, paused=1),
        listing("refused, left alone", desired=0, may_show=3, paused=1, refusal="quantity"),
        listing("in sync", desired=0, may_show=0, confirmed=0),
    )

    assert found == SoldOut(2, 600, 0)


def test_sold_out_listings_that_are_refused_count_where_the_marketplace_knows_them(ask):
    found = sold_out(
        ask,
        listing("refused", desired=0, may_show=3, changed_at=800, refusal="quantity"),
        listing("unknown there", desired=0, may_show=3, changed_at=100, refusal="not_listed"),
        listing("not sold out", desired=2, may_show=3, changed_at=100, refusal="quantity"),
        listing("refused just now", desired=0, may_show=3, changed_at=NOW + 1, refusal="quantity"),
    )

    assert found == SoldOut(1, 800, 1)


def test_all_warehouses_count(ask):
    rows = [listing("x", desired=0, may_show=3, changed_at=50, warehouse=name) for name in ("a", "b", "c")]

    assert sold_out(ask, *rows, warehouses=("a", "b")) == SoldOut(2, 50, 0)


def test_nothing_sold_out_waits(ask):
    assert sold_out(ask, listing("lower", desired=1, may_show=3)) is None


@pytest.mark.parametrize(("most", "listings"), [(200_000, None), (199_999, 10), (100_000, 10), (0, 10)])
def test_a_share_of_refused_listings_is_told_beyond_its_bound_only(ask, most, listings):
    rows = [listing(f"r{n}", desired=2, may_show=3, refusal="quantity") for n in range(2)]
    rows += [listing(f"g{n}", desired=2, may_show=2, confirmed=2) for n in range(8)]
    rows += [listing(f"o{n}", desired=2, may_show=2, confirmed=2, channel=2) for n in range(8)]

    assert ask(troubles.refused_share, 1, most, after=rows) == (2, listings)


def test_without_refusals_nothing_is_counted(ask):
    assert ask(troubles.refused_share, 1, 0, after=[listing("a", desired=2, may_show=2)]) == (0, None)


def test_none_of_it_reads_all_listings_or_all_imports(ask, database):
    """Of a million, each look would cost a second."""
    statements = []

    class Watched:
        def __init__(self, connection):
            self._connection = connection

        def exec_driver_sql(self, sql, parameters=()):
            statements.append((sql, parameters))
            return self._connection.exec_driver_sql(sql, parameters)

    with database.read() as connection:
        watched = Watched(connection)
        troubles.held_back(watched)
        troubles.held_imports(watched)
        troubles.sold_out_since(watched, 1, ("",), NOW)
        troubles.refused_share(watched, 1, 100_000)
        for sql, parameters in statements:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters)
            for row in plan:
                assert not row[3].startswith(("SCAN listing", "SCAN import")), (sql, row[3])
    assert len(statements) == 7
