"""Questions about plans find rows through an index: without one, a million rows would be compared with a million."""

import pytest
from planned import WHOLE, planning_of

from state.followed_plans import followed_plan
from state.outlook import Scope
from state.plan_staging import PlanStaging
from state.registry import Registry
from state.reports import channels


@pytest.fixture
def shop(database):
    registry = Registry(database)
    registry.register_sources(["erp"])
    channel_id = registry.register_channel("shop", "acc", 1).channel_id
    registry.follow_plan(channel_id, WHOLE, planned=True)
    return planning_of(registry, channel_id)


def steps(run, sql, parameters=()):
    return [row[3] for row in run(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall()]


def test_the_bundles_of_components_are_found_by_the_components(database, shop):
    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO bundle VALUES (?, 'SET', 'A', 2, '')", (shop.channel_id,))
        asked = []

        def run(sql, parameters):
            asked.append((sql, parameters))
            return connection.exec_driver_sql(sql, parameters)

        assert shop.bundles_of(run, Scope.of(["A"])) == {"SET"}
        question = asked[-1]
        looks = [step for step in steps(connection.exec_driver_sql, *question) if " bundle " in step]
    assert looks
    assert all("component_sku=?" in look for look in looks), looks


def test_a_listing_that_shows_another_sku_is_found_by_its_name_however_many_are_renamed(database, shop):
    asked = []
    with database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO listing(channel_id, identifier, warehouse, sku, desired, may_show, changed_at)"
            " VALUES (?, 'A', '', 'B', 1, 0, 1)",
            (shop.channel_id,),
        )

        def run(sql, parameters):
            asked.append((sql, parameters))
            return connection.exec_driver_sql(sql, parameters)

        assert shop.named(run, Scope.of(["A"])) == {"A"}
        assert shop.named(run, Scope.of(["B"])) == {"B"}
        [question, _] = [one for one in asked if "UNION ALL" in one[0]]
        looks = [step for step in steps(connection.exec_driver_sql, *question) if " listing " in step]
    assert len(looks) == 2
    assert "sku=?" in looks[0]
    assert "PRIMARY KEY (channel_id=? AND identifier=?" in looks[1], looks


def test_two_skus_with_one_listing_are_found_by_the_listing(database, shop):
    with PlanStaging(database.path, shop.channel_id) as staging:
        asked = []
        staging._connection.set_trace_callback(asked.append)
        assert staging.problems() == []
        staging._connection.set_trace_callback(None)
        [question] = [sql for sql in asked if "FROM temp.listed" in sql]
        looks = steps(staging._connection.execute, question)
    assert any("identifier=?" in look for look in looks), looks


def test_what_concerns_one_sku_is_found_by_that_sku(database, shop):
    asked = []
    with database.read() as connection:
        [channel] = channels(connection)
        connection.connection.driver_connection.set_trace_callback(asked.append)
        followed_plan(connection, channel, "A", lambda _: lambda *_: [])
        connection.connection.driver_connection.set_trace_callback(None)
        rows = [sql for sql in asked if any(f"FROM {table}" in sql for table in ("rule", "listed", "bundle"))]
        assert len(rows) > 6
        for sql in rows:
            looks = [step for step in steps(connection.exec_driver_sql, sql) if "channel_id=?" in step]
            assert looks
            assert all("sku=?" in look or "identifier=?" in look for look in looks), (sql, looks)
