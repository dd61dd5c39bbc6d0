import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.backoff import channel_delay, full_jitter, listing_delay

chances = st.floats(0, 1, exclude_max=True)


@given(st.integers(0, 10**9), chances)
def test_a_wait_lies_between_nothing_and_its_bound_however_many_failures(failures, chance):
    assert 0 <= channel_delay(failures, chance) < 60
    assert 2.5 <= listing_delay(failures, chance) < 902.5


@pytest.mark.parametrize(
    ("failures", "bound"), [(0, 0.5), (1, 0.5), (2, 1.0), (3, 2.0), (7, 32.0), (8, 60.0), (99, 60.0)]
)
def test_the_bound_doubles_with_each_failure(failures, bound):
    assert channel_delay(failures, 0.5) == bound / 2


@given(st.integers(1, 100), chances, chances)
def test_jitter_is_full_and_even(failures, one, other):
    waits = [full_jitter(failures, base=1, most=10, chance=chance) for chance in sorted((one, other))]

    assert waits == sorted(waits)
    assert full_jitter(failures, base=1, most=10, chance=0) == 0
