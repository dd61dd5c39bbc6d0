import pytest

from syncd.core.progress import Progress, Standstill


@pytest.fixture
def progress():
    return Progress()


def test_what_waits_as_long_as_it_said_is_well(progress):
    progress.expect("channel a", now=100, seconds=60)

    assert progress.standstills(now=165, patience=5) == []


def test_what_does_not_come_back_from_its_wait_stands_still(progress):
    progress.expect("channel a", now=100, seconds=60)

    assert progress.standstills(now=166, patience=5) == [Standstill("channel a", 6, vital=True)]


def test_each_move_counts_anew_and_the_last_announcement_counts(progress):
    progress.expect("channel a", now=100, seconds=60)
    progress.expect("channel a", now=101, seconds=1)

    assert progress.standstills(now=108, patience=5) == [Standstill("channel a", 6, vital=True)]
    progress.moved("channel a", 108)
    assert progress.standstills(now=110, patience=5) == []


def test_what_belongs_to_others_is_told_as_not_vital(progress):
    progress.expect("source erp", now=100, seconds=0, vital=False)
    progress.moved("source erp", 102)

    assert progress.standstills(now=112, patience=5) == [Standstill("source erp", 10, vital=False)]
    assert progress.silence("source erp", 112) == 10
    assert progress.silence("source pos", 112) == 0


def test_nothing_is_expected_of_what_rests_or_was_never_there(progress):
    progress.expect("channel a", now=100, seconds=0)
    progress.rest("channel a")
    progress.moved("channel a", 101)
    progress.rest("channel a")

    assert progress.standstills(now=1_000, patience=0) == []


def test_calls_of_one_name_are_watched_one_by_one_and_end(progress):
    with progress.during("request", now=0, seconds=10):
        with progress.during("request", now=8, seconds=10):
            assert progress.standstills(now=16, patience=5) == [Standstill("request", 6, vital=True)]
        assert progress.standstills(now=30, patience=5) == [Standstill("request", 20, vital=True)]

    assert progress.standstills(now=99, patience=5) == []


def test_a_call_that_fails_is_not_watched_any_more(progress):
    with pytest.raises(KeyError), progress.during("request", now=0, seconds=10):
        raise KeyError

    assert progress.standstills(now=99, patience=5) == []


def test_a_time_in_which_nothing_could_move_does_not_count(progress):
    progress.expect("channel a", now=100, seconds=60)
    progress.forgive(3_600)

    assert progress.standstills(now=3_700, patience=5) == []
    assert progress.standstills(now=3_766, patience=5) == [Standstill("channel a", 6, vital=True)]


def test_the_longest_standstill_is_told_first(progress):
    progress.expect("b", now=0, seconds=0)
    progress.expect("c", now=50, seconds=0)
    progress.expect("a", now=50, seconds=0)

    assert [one.name for one in progress.standstills(now=100, patience=1)] == ["b", "a", "c"]
