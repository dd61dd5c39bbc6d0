import sqlite3
from contextlib import closing

import pytest

from state.records import ImportState
from syncd.core.slices import FIRST_SLICE

APPLIED, HELD, REJECTED = ImportState.APPLIED, ImportState.HELD, ImportState.REJECTED


def shop(quantity: int, count: int = 100) -> dict[str, int]:
    return {f"S{number:05}": quantity for number in range(count)}


def poll(site, **more):
    return [verdict.state for verdict in site.look(site.poll, **more)]


def test_a_poll_that_changes_something_is_recorded(site):
    site.tell(A=5, B=0)

    assert poll(site) == [APPLIED]
    assert site.levels() == site.desired() == {"A": 5, "B": 0}
    assert site.rows("SELECT name, state, rows, changed FROM import") == [("poll", "applied", 2, 2)]


def test_a_poll_that_finds_nothing_new_leaves_no_record(site):
    site.tell(A=5)
    poll(site)

    assert poll(site) == [], "the database has not changed"
    assert poll(site, thoroughly=True) == [APPLIED]
    site.tell(A=5)
    assert poll(site) == [APPLIED]
    assert site.recorded() == [(1, "applied")]


def test_a_database_that_is_missing_is_unknown_and_not_empty(site):
    site.tell(A=5)
    poll(site)
    site.pos.rename(site.pos.with_name("elsewhere.db"))

    assert poll(site) == []
    assert "cannot be found" in site.poll.failure
    assert site.source("pos").failing_since == site.now()
    assert (site.levels(), site.recorded()) == ({"A": 5}, [(1, "applied")])

    site.pos.with_name("elsewhere.db").rename(site.pos)
    poll(site)
    assert (site.poll.failure, site.source("pos").failing_since) == (None, None)


def test_a_locked_database_is_read_once_it_is_free(site):
    site.tell(A=5)
    poll(site)
    site.tell(A=6)
    with closing(sqlite3.connect(site.pos, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert poll(site) == []
        assert "locked" in site.poll.failure
        other.execute("ROLLBACK")
    assert site.levels() == {"A": 5}

    assert poll(site) == [APPLIED]
    assert (site.levels(), site.poll.failure) == ({"A": 6}, None)


def test_the_same_failure_is_noted_once_since_when_it_lasts(site):
    poll(site)
    first = site.source("pos").failing_since
    poll(site)

    assert site.source("pos").failing_since == first


def test_a_query_that_gives_the_wrong_columns_is_rejected_once(site):
    with closing(sqlite3.connect(site.pos)) as connection, connection:
        connection.execute("CREATE VIEW stock AS SELECT 'A' AS sku, 'many' AS quantity")
    site.judge_by(guard=site.terms["guard"].__class__(None, None, None, 0))

    assert poll(site, thoroughly=True) == [REJECTED]
    assert poll(site, thoroughly=True) == [REJECTED]
    assert site.recorded() == [(1, "rejected")]


def test_a_poll_that_would_empty_the_shop_is_held_once(guarded):
    guarded.tell(**shop(5))
    poll(guarded)
    guarded.tell(**shop(0))

    assert poll(guarded) == [HELD]
    assert poll(guarded, thoroughly=True) == [HELD]
    assert guarded.recorded() == [(1, "applied"), (2, "held")]
    assert set(guarded.levels().values()) == {5}


def test_a_hold_survives_a_restart_and_an_approval_lets_it_through(guarded):
    guarded.tell(**shop(5))
    poll(guarded)
    guarded.tell(**shop(0))
    poll(guarded)
    guarded.kill()
    assert poll(guarded) == [HELD]
    assert guarded.recorded() == [(1, "applied"), (2, "held")]

    guarded.imports.approve(2, guarded.now())

    assert poll(guarded) == [APPLIED]
    assert guarded.recorded() == [(1, "applied"), (2, "applied")]
    assert set(guarded.levels().values()) == {0}


def test_a_poll_that_is_held_again_says_so_in_the_record_of_the_first(guarded):
    guarded.tell(**shop(5))
    poll(guarded)
    guarded.tell(**shop(0))
    poll(guarded)
    guarded.tell(**shop(5, 10))

    assert poll(guarded) == [HELD]
    assert guarded.recorded() == [(1, "applied"), (2, "held")]


def test_a_plausible_poll_ends_the_hold(guarded):
    guarded.tell(**shop(5))
    poll(guarded)
    guarded.tell(**shop(0))
    poll(guarded)
    guarded.tell(**shop(5))

    assert poll(guarded) == [APPLIED]
    assert guarded.rows("SELECT state, reason FROM import WHERE id = 2") == [
        ("superseded", "replaced by a later poll")
    ]


def test_data_that_is_held_does_not_look_fresh(guarded):
    guarded.tell(**shop(5))
    poll(guarded)
    taken = guarded.source("pos").data_at
    guarded.tell(**shop(0))
    poll(guarded)
    guarded.seconds += 3_600

    poll(guarded)
    assert guarded.source("pos").data_at == taken

    guarded.tell(**shop(4))
    poll(guarded)
    guarded.seconds += 3_600
    poll(guarded)
    assert guarded.source("pos").data_at == guarded.now(), "what is unchanged is as of now"


def test_a_poll_that_was_cut_off_is_made_good_by_the_next(site, power_cut):
    site.tell(**shop(5, FIRST_SLICE + 1))
    site.cut_after = 1
    with pytest.raises(power_cut):
        site.look(site.poll)
    assert len(site.levels()) == FIRST_SLICE

    site.kill()

    assert poll(site) == [APPLIED]
    assert len(site.desired()) == FIRST_SLICE + 1
    assert "applying" not in [state for _, state in site.recorded()]


def test_after_a_fault_the_database_is_read_again_though_it_has_not_changed(site, power_cut):
    site.tell(A=5)
    site.cut_after = 1
    with pytest.raises(power_cut):
        site.look(site.poll)

    assert poll(site) == [APPLIED]


def test_a_poll_without_any_row_removes_nothing_even_if_all_guards_are_off(site):
    site.judge_by(zero_missing=True)
    site.tell(A=5)
    poll(site)
    site.tell()

    assert [poll(site), poll(site, thoroughly=True)] == [[HELD], [HELD]]
    assert site.levels() == {"A": 5}
