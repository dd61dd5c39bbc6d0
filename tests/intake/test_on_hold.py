"""`on_hold = "decreases"`: what is held lowers stock, as far as that is plausible, and does nothing else."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state.records import ImportState
from syncd import intake
from tests.intake.conftest import OFF, STRICT, Site

APPLIED, HELD, REJECTED = ImportState.APPLIED, ImportState.HELD, ImportState.REJECTED
SHOP = {f"S{number:03}": 5 for number in range(100)}
HALF = list(SHOP)[:50]
"""Without the other half a snapshot is held: too many are missing."""


def table(quantities: dict[str, int]) -> str:
    return "\n".join(["sku,quantity", *(f"{sku},{quantity}" for sku, quantity in quantities.items()), ""])


@pytest.fixture
def lowering(site):
    """A shop of 100 SKUs at 5 each, in a file and in a database of its own, told an hour and more ago."""
    site.judge_by(guard=STRICT, lower_on_hold=True)
    return site


def taken(site, quantities=SHOP):
    site.drop(table(quantities))
    assert site.states() == [APPLIED]
    site.seconds += 4000
    return site


def half(quantity: int, **more: int) -> dict[str, int]:
    return dict.fromkeys(HALF, quantity) | more


def lowered(site, before=SHOP) -> dict[str, int]:
    """What differs from before."""
    return {sku: quantity for sku, quantity in site.levels().items() if before.get(sku) != quantity}


def test_without_the_setting_nothing_of_it_applies(guarded):
    taken(guarded).drop(table(half(4)), at=1)

    assert guarded.states() == [HELD]
    assert lowered(guarded) == {}


def test_decreases_apply_and_nothing_else(lowering):
    taken(lowering).drop(table(half(5, S000=0, S001=3, S002=9, new=7)), at=1)

    (verdict,) = lowering.look()

    assert (verdict.state, verdict.decreased) == (HELD, 2)
    assert lowered(lowering) == {"S000": 0, "S001": 3}
    assert lowered(lowering) == {k: v for k, v in lowering.desired().items() if v != 5}, "and is pushed"
    assert lowering.rows("SELECT count(*) FROM stock WHERE missed OR missing_at") == [(0,)]


def test_where_too_many_would_go_to_zero_the_others_are_lowered(lowering):
    to_zero = dict.fromkeys(HALF[:30], 0)
    taken(lowering).drop(table(half(4) | to_zero), at=1)

    (verdict,) = lowering.look()

    assert (verdict.state, verdict.decreased) == (HELD, 20)
    assert lowered(lowering) == dict.fromkeys(HALF[30:], 4)


def test_where_too_many_units_would_go_nothing_is_lowered(lowering):
    taken(lowering).drop(table(dict.fromkeys(SHOP, 1)), at=1)

    (verdict,) = lowering.look()

    assert (verdict.state, verdict.decreased) == (HELD, 0)
    assert lowered(lowering) == {}
    assert "meanwhile" not in verdict.reason


def test_what_went_to_zero_within_the_hour_counts_for_decreases_too(lowering):
    taken(lowering).drop(table(SHOP | dict.fromkeys(HALF[:9], 0)), at=1)
    assert lowering.states() == [APPLIED]
    lowering.drop(table(half(4) | dict.fromkeys(HALF[:9], 0) | dict.fromkeys(HALF[9:20], 0)), at=2)

    (verdict,) = lowering.look()

    assert (verdict.state, verdict.decreased) == (HELD, 30), "9 and 11 are more than a tenth"
    assert {sku: lowering.levels()[sku] for sku in HALF[9:20]} == dict.fromkeys(HALF[9:20], 5)


def test_changes_that_are_held_lower_what_they_may(site):
    site.judge_by(guard=STRICT, lower_on_hold=True, contents="changes")
    taken(site).drop(table(dict.fromkeys(HALF[:30], 0) | {"S040": 4, "S041": 6, "new": 1}), at=1)

    (verdict,) = site.look()

    assert (verdict.state, verdict.decreased) == (HELD, 1)
    assert lowered(site) == {"S040": 4}
    site.imports.approve(2, site.now())
    assert site.states() == [APPLIED]
    assert lowered(site) == dict.fromkeys(HALF[:30], 0) | {"S040": 4, "S041": 6, "new": 1}


def poll(site):
    (verdict,) = site.look(site.poll, thoroughly=True)
    return verdict


def test_each_poll_that_is_held_again_lowers_what_it_may(lowering):
    lowering.tell(**SHOP)
    poll(lowering)
    lowering.seconds += 4000
    for step, quantities in enumerate((half(4), half(4), half(3, S049=5)), 1):
        lowering.tell(**quantities)
        verdict = poll(lowering)
        assert (verdict.state, verdict.import_id) == (HELD, 2), step
    assert lowered(lowering) == half(3) | {"S049": 4}, "S049 went up again: that is not for a held one"

    assert lowering.recorded() == [(1, "applied"), (2, "held")]
    ((decreased, reason),) = lowering.rows("SELECT decreased, reason FROM import WHERE id = 2")
    assert (decreased, reason.count("meanwhile")) == (99, 1)
    assert reason.endswith("; 99 decreases applied meanwhile")

    lowering.imports.approve(2, lowering.now())
    assert poll(lowering).state is APPLIED
    assert lowering.levels()["S049"] == 5


def test_polls_lower_no_more_in_sum_than_the_guards_allow(lowering):
    lowering.tell(**SHOP)
    poll(lowering)
    lowering.seconds += 4000
    for quantity in (4, 3, 2, 1, 0):
        lowering.tell(**half(5), **dict.fromkeys(list(SHOP)[50:70], quantity))
        poll(lowering)
        lowering.tell(**half(quantity))
        poll(lowering)

    assert sum(lowering.levels().values()) >= 250, "half of all units"
    assert lowering.rows("SELECT state FROM import WHERE id > 1 AND state <> 'held'") == []


def test_a_good_file_takes_back_what_a_held_one_lowered(lowering):
    taken(lowering).drop(table(half(4)), at=1)
    lowering.look()
    lowering.drop(table(SHOP), at=2)

    assert lowering.states() == [APPLIED], "what was applied last is not in effect any more"
    assert lowered(lowering) == {}
    assert lowering.recorded()[1] == (2, "superseded")
    lowering.drop(table(SHOP), at=3)
    assert lowering.states() == [ImportState.UNCHANGED]


def slices_of(monkeypatch, rows: int) -> None:
    monkeypatch.setattr(intake, "FIRST_SLICE", rows)


@pytest.mark.parametrize("cuts", [(1,), (2,), (3,), (4,), (1, 1, 1), (2, 1)])
def test_a_crash_in_any_slice_lowers_the_rest_afterwards(lowering, monkeypatch, power_cut, cuts):
    taken(lowering)
    slices_of(monkeypatch, 13)
    lowering.drop(table(half(4, S000=0, new=3)), at=1)
    for cut in cuts:
        lowering.cut_after = lowering.slices + cut
        with pytest.raises(power_cut):
            lowering.look()
        lowering.kill()
    assert 0 < len(lowered(lowering)) <= 50

    (verdict,) = lowering.look()

    assert (verdict.state, verdict.import_id) == (HELD, 2)
    assert lowered(lowering) == half(4, S000=0)
    assert lowering.look() == []
    ((decreased, reason, state),) = lowering.rows("SELECT decreased, reason, state FROM import WHERE id = 2")
    assert (decreased, state, reason.count("meanwhile")) == (50, "held", 1)

    lowering.kill()
    lowering.imports.approve(2, lowering.now())
    assert lowering.states() == [APPLIED]
    assert lowering.levels()["new"] == 3


QUANTITIES = st.dictionaries(st.sampled_from([f"S{n}" for n in range(30)]), st.integers(0, 9))


@settings(max_examples=40, deadline=None)
@given(QUANTITIES, QUANTITIES, st.booleans())
def test_a_held_import_never_raises_adds_or_forgets(before, said, whole):
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder))
        try:
            site.judge_by(guard=OFF, contents="snapshot" if whole else "changes", lower_on_hold=True)
            site.drop(table(before | {"kept": 100}))
            site.look()
            site.judge_by(guard=STRICT, contents="snapshot" if whole else "changes")
            first = site.levels()
            site.drop(table(said), at=1)
            (verdict,) = site.look()
            if verdict.state is HELD:
                after = site.levels()
                assert after.keys() == first.keys()
                assert all(after[sku] == first[sku] or after[sku] == said[sku] < first[sku] for sku in first)
                assert sum(after.values()) * 2 >= sum(first.values())
        finally:
            site.stop()
