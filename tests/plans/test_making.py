"""What a configuration and its files make of one channel."""

import contextlib
import os
import sqlite3

from state.plans import BundleRow, ListedRow, RuleRank
from syncd.plans.making import SETTLE_SECONDS, may_be_half_written, plan_of, stamp


def candidate(config, name="toko"):
    """A candidate of which all rows were taken."""
    found = plan_of(config, config.channels[name])
    rows = [list(found.rows.rules), list(found.rows.listed), list(found.rows.bundles)]
    return found, rows


def test_a_configuration_without_files_is_a_plan_without_rows(shops):
    config = shops.load(toco='locations = ["JKT"]\n')

    found, rows = candidate(config)
    toco, _ = candidate(config, "toco")

    assert (rows, found.problems, found.names) == ([[], [], []], [], "syncd.toml")
    assert (found.plan.locations, found.plan.counted) == ({"JKT": "1610", "BDG": "1611"}, None)
    assert (toco.plan.locations, toco.plan.counted) == (None, ("JKT",))
    assert (found.plan.longest_sku, toco.plan.only_listed) == (50, False)
    assert found.plan.rules == ()


def test_rows_come_out_of_all_files_with_their_origins(shops):
    (shops.at / "lists").mkdir()
    (shops.at / "lists" / "toko.csv").write_text("sku,product_id\nA,12\nB,\n")
    (shops.at / "bundles.csv").write_text("bundle_sku,component_sku,units\nSET,A,2\n")
    config = shops.load(
        toko='only_listed = true\n[channels.toko.listings]\nfile = "lists/toko.csv"\n',
        more='[bundles]\nfile = "bundles.csv"\n',
    )

    found, (rules, listed, bundles) = candidate(config)
    _, (_, unlisted, too) = candidate(config, "toco")

    assert found.plan.only_listed
    assert (found.names, found.problems, rules) == ("syncd.toml, lists/toko.csv, bundles.csv", [], [])
    assert [row.identifier for row in listed] == [" product_id 12", "B"]
    assert listed[0] == ListedRow("A", "", " product_id 12", "lists/toko.csv line 2")
    assert bundles == too == [BundleRow("SET", "A", 2, "bundles.csv line 2")]
    assert unlisted == []


RULES = """
[rules]
safety_stock = 1
file = "rules.csv"

[[rules.for]]
sku = "A*"
channels = ["toko"]
max_shown = 2

[[rules.for]]
sku = "A*"
max_shown = 1

[[rules.for]]
sku = "A1"
max_shown = 3
"""


def test_rules_follow_each_other_as_they_hold(shops):
    (shops.at / "rules.csv").write_text(
        "sku,channel,warehouse,max_shown\nA*,toko,,5\nB*,,,4\nC*,toco,,6\nA1,toko,1610,7\nA1,toco,,8\nA1,,,9\n"
    )
    config = shops.load(toko="[channels.toko.rules]\nmax_shown = 0\n", more=RULES)

    found, (own, _, _) = candidate(config)

    assert found.problems == []
    assert [(rule.rank, rule.pattern, rule.settings.max_shown) for rule in found.plan.rules] == [
        (RuleRank.DEFAULT, "", None),
        (RuleRank.CHANNEL, "", 0),
        (RuleRank.PATTERN, "A*", 1),
        (RuleRank.PATTERN, "B*", 4),
        (RuleRank.PATTERN, "A*", 2),
        (RuleRank.PATTERN, "A*", 5),
    ]
    assert found.plan.rules[-1].origin == "rules.csv line 2"
    assert [(row.sku, row.warehouse, row.rank, row.settings) for row in own] == [
        ("A1", "", RuleRank.SKU, '{"max_shown":3}'),
        ("A1", "1610", RuleRank.WAREHOUSE, '{"max_shown":7}'),
        ("A1", "", RuleRank.SKU, '{"max_shown":9}'),
    ]


def test_a_row_for_another_channel_is_judged_all_the_same(shops):
    (shops.at / "rules.csv").write_text("sku,channel,warehouse,max_shown\nA,toco,1610,5\n")
    config = shops.load(more='[rules]\nfile = "rules.csv"\n')

    assert candidate(config)[0].problems == candidate(config, "toco")[0].problems != []


def test_problems_of_all_files_are_collected(shops):
    (shops.at / "toko.csv").write_text("sku,product_id\nA,x\n")
    config = shops.load(
        toko='[channels.toko.listings]\nfile = "toko.csv"\n', more='[bundles]\nfile = "bundles.csv"\n'
    )

    found, rows = candidate(config)

    assert rows == [[], [], []]
    assert [problem.split(": ")[0] for problem in found.problems] == ["toko.csv line 2", "bundles.csv"]
    assert found.problem_count == 2
    assert found.passing  # a file that is not there may come


def test_listings_come_out_of_a_query(shops):
    with contextlib.closing(sqlite3.connect(shops.at / "erp.db")) as connection, connection:
        connection.execute("CREATE TABLE article (code, number)")
        connection.execute("INSERT INTO article VALUES ('A', 9)")
    query = "SELECT code AS sku, number AS product_id FROM article"
    config = shops.load(toko=f'[channels.toko.listings]\npath = "erp.db"\nquery = "{query}"\n')

    found, (_, listed, _) = candidate(config)

    assert listed == [ListedRow("A", "", " product_id 9", "erp.db row 1")]
    assert found.names == "syncd.toml, erp.db"


def test_the_stamp_differs_when_a_file_may_say_something_else(shops):
    path = shops.at / "toko.csv"
    config = shops.load(toko='[channels.toko.listings]\nfile = "toko.csv"\n')
    channel = config.channels["toko"]
    seen = [stamp(config, channel)]

    path.write_text("sku\nA\n")
    seen.append(stamp(config, channel))
    path.write_text("sku\nAB\n")
    seen.append(stamp(config, channel))
    (shops.at / "new").write_text("sku\nAC\n")
    (shops.at / "new").rename(path)
    seen.append(stamp(config, channel))
    path.chmod(0o600)
    seen.append(stamp(config, channel))

    assert len(set(seen)) == len(seen)
    assert stamp(config, channel) == seen[-1]
    assert stamp(config, config.channels["toco"]) == ()


def test_the_stamp_differs_when_a_database_may_say_something_else(shops):
    query = "SELECT code AS sku FROM article"
    config = shops.load(toko=f'[channels.toko.listings]\npath = "erp.db"\nquery = "{query}"\n')
    channel = config.channels["toko"]
    with contextlib.closing(sqlite3.connect(shops.at / "erp.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute("CREATE TABLE article (code)")
        before = stamp(config, channel)
        connection.execute("INSERT INTO article VALUES ('A')")
        after = stamp(config, channel)
        assert candidate(config)[1][1] != []
        read = stamp(config, channel)

    assert before != after
    assert after == read  # looking changes nothing


def test_a_query_of_a_database_at_rest_leaves_its_stamp(shops):
    query = "SELECT code AS sku FROM article"
    config = shops.load(toko=f'[channels.toko.listings]\npath = "erp.db"\nquery = "{query}"\n')
    channel = config.channels["toko"]
    with contextlib.closing(sqlite3.connect(shops.at / "erp.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute("CREATE TABLE article (code)")
    before = stamp(config, channel)

    found, _ = candidate(config)

    assert found.problems == []
    assert stamp(config, channel) == before


def test_a_file_may_be_half_written_shortly_after_it_was_written(shops):
    path = shops.at / "toko.csv"
    config = shops.load(toko='[channels.toko.listings]\nfile = "toko.csv"\n')
    channel = config.channels["toko"]
    assert not may_be_half_written(config, channel, 1000.0)  # there is none

    path.write_text("sku\nA\n")
    os.utime(path, (1000.0, 1000.0))

    assert may_be_half_written(config, channel, 1000.0)
    assert may_be_half_written(config, channel, 1000.0 + SETTLE_SECONDS - 0.1)
    assert not may_be_half_written(config, channel, 1000.0 + SETTLE_SECONDS)
    assert not may_be_half_written(config, channel, 990.0)  # a clock that is off must not hold it up
    assert not may_be_half_written(config, config.channels["toco"], 1000.0)
