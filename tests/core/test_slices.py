"""How much is stored at once."""

from hypothesis import given
from hypothesis import strategies as st

from syncd.core.slices import FIRST_SLICE, LEAST_ROWS, MOST_ROWS, SECONDS_AIMED_AT, next_slice

rows = st.integers(LEAST_ROWS, MOST_ROWS)


@given(rows, st.floats(0, 1e6))
def test_a_slice_stays_within_its_bounds(rows, seconds):
    assert LEAST_ROWS <= next_slice(rows, seconds) <= MOST_ROWS


@given(st.floats(SECONDS_AIMED_AT / MOST_ROWS, SECONDS_AIMED_AT / LEAST_ROWS))
def test_slices_come_to_take_as_long_as_they_should_on_any_machine(seconds_per_row):
    size = FIRST_SLICE
    for _ in range(10):
        size = next_slice(size, size * seconds_per_row)

    assert 0.95 * SECONDS_AIMED_AT - seconds_per_row <= size * seconds_per_row <= SECONDS_AIMED_AT


def test_where_no_time_passes_the_size_stays():
    assert next_slice(FIRST_SLICE, 0) == FIRST_SLICE


def test_one_slow_slice_makes_the_next_small_and_one_fast_slice_no_more_than_twice_as_large():
    assert next_slice(1_000, 10 * SECONDS_AIMED_AT) == 100
    assert next_slice(200, SECONDS_AIMED_AT / 1_000) == 400
