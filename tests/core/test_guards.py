from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.comparison import Comparison
from state.losses import Earlier
from state.plans import PlanComparison
from syncd.core.guards import Guard, PlanGuard, looks_wrong, plan_looks_wrong, too_many_bad

OFF = Guard(None, None, None, None)
CALM = Comparison(
    levels=1_000, relisted=0, earlier=Earlier(), known=1_000, known_shown=1_000, known_units=10_000, units_after=10_000, rows=1_000,
    missing=0, missing_shown=0, new=0, up=0, down=0, zeroed=0,
)  # fmt: skip
FIRST = Comparison(
    levels=0, relisted=0, earlier=Earlier(), known=0, known_shown=0, known_units=0, units_after=50, rows=10, missing=0, missing_shown=0,
    new=10, up=0, down=0, zeroed=0,
)  # fmt: skip


def judged(guard: Guard, *, whole=True, **figures) -> str | None:
    return looks_wrong(replace(CALM, **figures), guard, whole=whole)


def test_nothing_unusual_passes_all_guards():
    assert judged(Guard(1, 1, 1, 1)) is None


@pytest.mark.parametrize(("missing", "held"), [(199, False), (200, False), (201, True), (1_000, True)])
def test_too_many_missing_skus_are_held(missing, held):
    found = judged(replace(OFF, max_missing=200_000), missing=missing)

    assert (found is not None) is held
    assert not held or found == f"{missing:,} of 1,000 known SKUs are missing (max_missing = 20%)"


@pytest.mark.parametrize(("zeroed", "held"), [(99, False), (100, False), (101, True)])
def test_too_many_skus_going_to_zero_are_held(zeroed, held):
    found = judged(replace(OFF, max_zeroed=100_000), zeroed=zeroed)

    assert (found is not None) is held
    assert not held or found == f"{zeroed} of 1,000 SKUs above zero go to zero (max_zeroed = 10%)"


def test_the_share_going_to_zero_is_of_those_above_zero():
    assert judged(replace(OFF, max_zeroed=100_000), zeroed=50, known_shown=400) is not None


@pytest.mark.parametrize(("zeroed", "held"), [(19, False), (20, True)])
def test_a_few_skus_going_to_zero_are_everyday_life_in_a_small_shop(zeroed, held):
    assert (judged(replace(OFF, max_zeroed=0), zeroed=zeroed) is not None) is held


@pytest.mark.parametrize(
    ("after", "held"), [(5_001, False), (5_000, False), (4_999, True), (0, True), (20_000, False)]
)
def test_far_fewer_units_are_held(after, held):
    found = judged(replace(OFF, max_drop=500_000), units_after=after)

    assert (found is not None) is held
    assert not held or found == f"units fall from 10,000 to {after:,} (max_drop = 50%)"


def test_every_reason_is_named():
    found = judged(Guard(0, 0, 0, 0), missing=1, zeroed=20, units_after=9_999)

    assert found.count(";") == 2


def test_guards_that_are_off_hold_nothing():
    assert judged(OFF, missing=1_000, zeroed=1_000, units_after=0) is None


def test_a_share_finer_than_a_percent_is_kept():
    guard = replace(OFF, max_missing=2_500)

    assert judged(guard, missing=2) is None
    assert "0.25%" in judged(guard, missing=3)


@pytest.mark.parametrize("whole", [True, False])
def test_changes_are_guarded_as_well(whole):
    assert judged(replace(OFF, max_zeroed=100_000), zeroed=101, whole=whole) is not None


@pytest.mark.parametrize("guard", [OFF, Guard(200_000, 100_000, 500_000, 50_000)])
def test_a_first_snapshot_must_show_some_stock(guard):
    assert looks_wrong(FIRST, guard, whole=True) is None
    assert "zero for all its 10 SKUs" in looks_wrong(replace(FIRST, units_after=0), guard, whole=True)
    assert "lists no SKU" in looks_wrong(replace(FIRST, rows=0, units_after=0, new=0), guard, whole=True)


def test_first_changes_may_be_all_zero():
    assert looks_wrong(replace(FIRST, units_after=0), OFF, whole=False) is None


@pytest.mark.parametrize(
    ("bad", "rows", "limit", "rejected"),
    [(5, 100, 50_000, False), (6, 100, 50_000, True), (0, 0, 0, False), (1, 1_000_000, 0, True), (1, 1, None, False),
     (1, 1, 1_000_000, False)],
)  # fmt: skip
def test_a_file_with_too_many_bad_rows_is_rejected(bad, rows, limit, rejected):
    assert (too_many_bad(bad, rows, replace(OFF, max_bad_rows=limit)) is not None) is rejected


def test_the_reason_says_how_many_and_how_many_are_allowed():
    assert too_many_bad(1_200, 10_000, replace(OFF, max_bad_rows=50_000)) == (
        "1,200 of 10,000 rows are bad, more than max_bad_rows allows (5%)"
    )


def test_an_import_that_loses_nothing_is_not_held_for_what_others_lost():
    earlier = Earlier(zeroed=900, missing=900, units=1_000_000, last_units=10_000)

    assert judged(Guard(1, 1, 1, 1), earlier=earlier) is None


def test_units_are_compared_with_an_hour_ago_too():
    found = judged(replace(OFF, max_drop=500_000), units_after=9_000, earlier=Earlier(units=20_000))

    assert found == "units fall from 20,000 to 9,000 within an hour (max_drop = 50%)"


def test_a_snapshot_without_a_sku_takes_nothing_away_even_if_all_guards_are_off():
    assert "lists no SKU at all" in judged(OFF, rows=0, missing=1_000, units_after=0)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=12), st.integers(0, 1_000_000))
def test_what_is_cut_into_pieces_loses_no_more_than_at_once(pieces, limit):
    """Zeroed and missing alike: the sum that is let through would be let through at once."""
    guard = Guard(limit, limit, None, None)
    through = 0
    for piece in pieces:
        rest = 1_000 - through
        found = replace(
            CALM, known=rest, known_shown=rest, zeroed=piece, missing=piece,
            earlier=Earlier(zeroed=through, missing=through),
        )  # fmt: skip
        if looks_wrong(found, guard, whole=True) is None:
            through += piece

    assert judged(guard, zeroed=through, missing=through) is None


FIGURES = st.tuples(*[st.integers(0, 1_000)] * 2, st.integers(0, 10_000))


@given(FIGURES, FIGURES, st.builds(Earlier, *[st.integers(0, 500)] * 2, st.integers(0, 20_000)))
def test_what_loses_more_is_never_let_through_where_what_loses_less_is_held(one, other, earlier):
    def held(missing, zeroed, lost):
        return judged(
            Guard(200_000, 100_000, 500_000, 0), missing=missing, zeroed=zeroed, units_after=10_000 - lost,
            earlier=earlier,
        )  # fmt: skip

    worse = tuple(map(max, one, other))

    assert held(*one) is None or held(*worse) is not None


SHOP = PlanComparison(
    listings=1_200, shown=1_000, units_before=10_000, units_after=10_000, up=0, down=0, to_zero=0, new=0, gone=0, gone_shown=0, paused=0,
    resumed=0,
)  # fmt: skip
USUAL = PlanGuard(max_missing=200_000, max_zeroed=100_000, max_drop=500_000)


def edit(guard=USUAL, **figures) -> str | None:
    return plan_looks_wrong(replace(SHOP, **figures), guard)


@pytest.mark.parametrize(("to_zero", "held"), [(0, False), (100, False), (101, True), (1_000, True)])
def test_an_edit_that_shows_zero_for_too_many_is_held(to_zero, held):
    assert (edit(to_zero=to_zero) is not None) == held


@pytest.mark.parametrize(("gone", "held"), [(200, False), (201, True)])
def test_an_edit_that_takes_too_many_out_of_the_shop_is_held(gone, held):
    assert (edit(gone=gone, gone_shown=gone) is not None) == held
    assert edit(gone=1_200) is None, "those that show zero may all go"


@pytest.mark.parametrize(("after", "held"), [(5_000, False), (4_999, True), (0, True), (20_000, False)])
def test_an_edit_that_halves_what_is_shown_is_held(after, held):
    assert (edit(down=900, units_after=after) is not None) == held


def test_each_guard_of_edits_names_what_it_found_and_its_limit():
    assert edit(to_zero=500, gone=400, gone_shown=300, down=1, units_after=1_000) == (
        "500 of 1,000 listings above zero go to zero (max_zeroed = 10%); "
        "300 of 1,000 listings above zero are not sold any more (max_missing = 20%); "
        "units shown fall from 10,000 to 1,000 (max_drop = 50%)"
    )


@pytest.mark.parametrize("off", ["max_missing", "max_zeroed", "max_drop"])
def test_a_guard_of_edits_that_is_off_holds_nothing(off):
    found = {"to_zero": 500, "gone": 400, "gone_shown": 400, "units_after": 1_000}

    reason = edit(replace(USUAL, **{off: None}), **found)

    assert reason is not None
    assert off not in reason
    assert edit(PlanGuard(None, None, None), **found) is None


@given(
    st.builds(PlanGuard, *[st.none() | st.integers(0, 1_000_000)] * 3), st.integers(0, 9), st.integers(0, 999)
)
def test_a_shop_that_shows_nothing_can_be_edited_at_will(guard, new, units):
    assert (
        edit(guard, shown=0, units_before=0, units_after=units, new=new, up=5, gone=900, paused=100) is None
    )


def test_pausing_rising_and_new_listings_hold_nothing():
    assert edit(PlanGuard(0, 0, 0), up=1_000, new=5_000, units_after=99_000, paused=1_200, resumed=7) is None


@pytest.mark.parametrize(("to_zero", "held"), [(19, False), (20, True)])
def test_an_edit_of_a_few_listings_is_never_held(to_zero, held):
    few = {"shown": 30, "units_before": 300, "units_after": 100}

    assert (edit(to_zero=to_zero, **few) is not None) == held
    assert (edit(down=to_zero, **few) is not None) == held
    assert (edit(gone=to_zero, gone_shown=to_zero, **few) is not None) == held
