"""The audit trail, failures by the page, and pushes by the half hour."""

import pytest

from state import actions, failure_search
from state.database import Database
from state.failure_search import find_failures
from state.push_history import _first_since, pushed_by_stretch


@pytest.fixture
def database(tmp_path):
    database = Database(tmp_path / "state.db")
    yield database
    database.close()


def listed(database, **how):
    with database.read() as connection:
        return actions.actions(connection, **how)


def test_what_is_done_is_recorded_before_and_after(database):
    number = actions.begin(database, 5, actor="anna", action="retry", detail="toko")
    assert [one.result for one in listed(database)] == [""]
    actions.end(database, number, "3 listings are due again")
    [one] = listed(database)
    assert (one.at, one.actor, one.action, one.detail) == (5, "anna", "retry", "toko")
    assert one.result == "3 listings are due again"


def test_the_newest_comes_first_and_none_before_the_time_asked_for(database):
    for at in (1, 2, 3):
        actions.begin(database, at, actor="a", action="retry", detail="")
    assert [one.at for one in listed(database, since=2)] == [3, 2]
    assert [one.at for one in listed(database, limit=1)] == [3]


def test_the_trail_is_bounded(database, monkeypatch):
    monkeypatch.setattr(actions, "MOST_KEPT", 3)
    for at in range(10):
        actions.begin(database, at, actor="a" * 10_000, action="retry", detail="d" * 10_000)
    assert [one.at for one in listed(database)] == [9, 8, 7]
    assert {len(one.actor) for one in listed(database)} == {actions.LONGEST_TEXT}


@pytest.fixture
def pushes(database):
    """A push every ten minutes for two days on channel 1, and as many on another between them."""
    with database.write() as connection:
        run = connection.exec_driver_sql
        for channel in (1, 2):
            run(
                "INSERT INTO channel(id, name, account, active, plan, hold_code, hold_message) VALUES (?, ?, ?, 1, '', '', '')",
                (channel, f"c{channel}", f"c{channel}"),
            )
        for number in range(288 * 2):
            at, channel = number // 2 * 600_000, number % 2 + 1
            run(
                "INSERT INTO push(channel_id, started_at, rows, accepted, rejected, deferred, unknown, code, message,"
                " request_id, batch_id, waited_rows, waited_total)"
                " VALUES (?, ?, 12, 8, 1, 2, 1, '', '', '', '', 8, 800)",
                (channel, at),
            )
    return database


def test_pushes_are_summed_up_by_stretch(pushes):
    with pushes.read() as connection:
        found = pushed_by_stretch(connection, 1, since=86_400_000, length=1_800_000)
    assert len(found) == 48
    assert {(one.requests, one.accepted, one.failed, one.put_off) for one in found} == {(3, 24, 6, 6)}
    assert {(one.waited_rows, one.waited_ms) for one in found} == {(24, 2_400)}
    assert [one.begin for one in found] == [86_400_000 + at * 1_800_000 for at in range(48)]


def test_only_the_pushes_of_that_time_are_looked_at(pushes):
    """A month of pushes must not cost more than the day that is shown."""
    with pushes.read() as connection:
        plan = connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT count(*) FROM push INDEXED BY push_by_channel WHERE channel_id = 1 AND id >= 5"
        ).fetchall()
        assert "channel_id=? AND id>?" in str(plan) or "channel_id=? AND rowid>?" in str(plan)
        first = _first_since(connection, 1, 86_400_000)
        [before, at] = connection.exec_driver_sql(
            "SELECT max(started_at) FILTER (WHERE id < ?), min(started_at) FILTER (WHERE id >= ?) FROM push"
            " WHERE channel_id = 1",
            (first, first),
        ).one()
    assert before < 86_400_000 <= at


def test_a_channel_that_never_pushed_has_nothing(pushes):
    with pushes.read() as connection:
        assert pushed_by_stretch(connection, 9, since=0, length=1_800_000) == []


def test_failures_are_found_in_order_of_what_exists_not_by_sorting_all(database):
    with database.read() as connection:
        assert find_failures(connection).rows == []
        plan = connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT f.sku"
            + failure_search._FROM
            + " ORDER BY f.channel_id, f.identifier, f.warehouse LIMIT 50",
            {"channel": "", "text": "", "like": "%%"},
        ).fetchall()
    assert "TEMP B-TREE" not in str(plan)
