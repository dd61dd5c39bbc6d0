"""An alert is told on a change only: raised, then over, then raised; never two of a kind without the other between."""

from hypothesis import given
from hypothesis import strategies as st

from syncd.core.alerting import Change, Severity, Trouble, Watch

WAIT, CALM = 60, 100


def trouble(subject="a", *, kind="k", since=0, wait=WAIT, calm=CALM, raises=True, message="m"):
    return Trouble(
        kind=kind, subject=subject, severity=Severity.ERROR, message=message, since=since, wait=wait, calm=calm, raises=raises
    )  # fmt: skip


def changes(news):
    return [(one.change, one.alert.subject) for one in news]


def test_trouble_is_told_once_it_has_stood_for_its_wait():
    watch = Watch()

    assert watch.look([trouble(since=1_000)], 1_000 + WAIT - 1) == []
    (raised,) = watch.look([trouble(since=1_000)], 1_000 + WAIT)
    assert (raised.change, raised.alert.since, raised.alert.raised_at) == (Change.RAISED, 1_000, 1_000 + WAIT)
    assert watch.look([trouble(since=1_000)], 9_000) == [], "and not again"


def test_what_does_not_know_its_beginning_is_timed_from_when_it_was_first_seen():
    watch = Watch()

    assert watch.look([trouble(since=1_000)], 1_000) == []
    assert watch.look([trouble(since=1_000 + WAIT)], 1_000 + WAIT) != []


def test_trouble_that_went_before_its_wait_was_over_begins_anew():
    watch = Watch()
    watch.look([trouble(since=0)], 0)
    watch.look([], WAIT - 1)

    assert watch.look([trouble(since=WAIT)], WAIT) == []


def test_it_is_over_once_it_was_not_seen_for_its_calm():
    watch = Watch()
    watch.look([trouble(wait=0)], 0)

    assert watch.look([], 10) == []
    assert watch.look([], 10 + CALM - 1) == []
    (over,) = watch.look([], 10 + CALM)
    assert (over.change, over.alert.subject, watch.standing) == (Change.OVER, "a", [])


def test_trouble_that_comes_back_in_the_calm_was_never_over():
    watch = Watch()
    watch.look([trouble(wait=0)], 0)
    watch.look([], 10)

    assert watch.look([trouble(wait=0)], 10 + CALM) == []
    assert watch.look([], 11 + CALM) == [], "and the calm begins anew"


def test_between_the_bounds_nothing_is_raised_and_nothing_is_over():
    watch = Watch()

    assert watch.look([trouble(wait=0, raises=False)], 0) == []
    watch.look([trouble(wait=0)], 1)
    assert watch.look([trouble(wait=0, raises=False)], 10_000) == []
    assert [alert.subject for alert in watch.standing] == ["a"]


def test_what_stands_is_worded_as_it_is_now():
    watch = Watch()
    watch.look([trouble(wait=0, message="3 listings")], 0)
    watch.look([trouble(wait=0, message="5 listings")], 1)

    assert [(alert.message, alert.since) for alert in watch.standing] == [("5 listings", 0)]


def test_a_restart_neither_repeats_nor_forgets():
    watch = Watch()
    watch.look([trouble(wait=0), trouble("b", wait=0)], 0)

    watch = Watch(watch.standing)

    assert watch.look([trouble(wait=0)], 10) == []
    assert changes(watch.look([trouble(wait=0)], 10 + CALM)) == [(Change.OVER, "b")]


def test_a_clock_that_was_set_back_ends_nothing_early_and_nothing_never():
    watch = Watch()
    watch.look([trouble(since=10_000, wait=0)], 10_000)
    watch.look([], 10_000)

    assert watch.look([], 500) == []
    assert changes(watch.look([], 500 + CALM)) == [(Change.OVER, "a")]


def test_trouble_of_a_future_that_is_gone_is_timed_from_now():
    watch = Watch()

    assert watch.look([trouble(since=99_000)], 1_000) == []
    assert changes(watch.look([trouble(since=99_000)], 1_000 + WAIT)) == [(Change.RAISED, "a")]


def test_all_that_stands_is_told_again_together():
    watch = Watch()
    watch.look([trouble(wait=0)], 0)
    watch.look([trouble(wait=0), trouble("b", wait=0)], 900)

    assert watch.remind(1_000, 999) == []
    assert changes(watch.remind(1_000, 1_000)) == [(Change.REMINDER, "a"), (Change.REMINDER, "b")]
    assert watch.remind(1_000, 1_999) == [], "also the later one, only after as long again"
    assert watch.remind(1_000, 2_000) != []
    assert watch.remind(None, 99_999) == []


def test_a_clock_that_was_set_back_does_not_end_the_reminders():
    watch = Watch()
    watch.look([trouble(wait=0)], 10_000_000)

    assert changes(watch.remind(1_000, 5_000)) == [(Change.REMINDER, "a")]
    assert watch.remind(1_000, 5_999) == []


LOOKS = st.lists(
    st.tuples(
        st.integers(0, 2 * CALM),
        st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["x", "y"]), st.booleans()), unique_by=lambda one: one[:2]),
        st.booleans(),
    ),
    max_size=40,
)  # fmt: skip


@given(LOOKS)
def test_never_two_of_a_kind_without_a_change_between_and_each_after_its_time(looks):
    watch, now = Watch(), 0
    last: dict[tuple[str, str], tuple[Change, int]] = {}
    for later, seen, restarts in looks:
        now += later
        if restarts:
            watch = Watch(watch.standing)
        troubles = [trouble(s, kind=k, since=now, raises=raises) for k, s, raises in seen]
        for one in watch.look(troubles, now):
            before, at = last.get(one.alert.key, (Change.OVER, -WAIT))
            assert one.change is (Change.RAISED if before is Change.OVER else Change.OVER)
            assert now - at >= (WAIT if one.change is Change.RAISED else CALM)
            last[one.alert.key] = one.change, now
        stands = {key for key, (change, _) in last.items() if change is Change.RAISED}
        assert {alert.key for alert in watch.standing} == stands
