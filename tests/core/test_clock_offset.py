import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.clock_offset import LONGEST_ROUND_TRIP_SECONDS, SAMPLES, ClockOffset


def test_nothing_heard_is_nothing_known():
    assert ClockOffset().seconds is None


@given(st.floats(-1e6, 1e6), st.lists(st.tuples(st.floats(0, 30), st.floats(0, 1)), min_size=1, max_size=20))
def test_it_is_off_by_no_more_than_half_a_second_and_half_of_the_round_trips(offset, trips):
    clock = ClockOffset()
    for at, (trip, share) in enumerate(trips):
        sent = 1_700_000_000.3 + 60 * at
        answered = sent + trip * share + offset
        clock.heard(float(int(answered)), sent=sent, received=sent + trip)

    longest = max(trip for trip, _ in trips)
    assert abs(clock.seconds - offset) <= 0.5 + longest / 2 + 1e-3


def test_one_stray_answer_is_no_news_and_a_clock_that_was_mended_is():
    clock = ClockOffset()
    for at in range(SAMPLES):
        clock.heard(1000.0 + at, sent=1000.0 + at, received=1001.0 + at)
    clock.heard(5000.0, sent=1010.0, received=1011.0)
    assert clock.seconds == pytest.approx(0)

    for at in range(SAMPLES // 2 + 1):
        clock.heard(2000.0 + at, sent=1020.0 + at, received=1021.0 + at)
    assert clock.seconds == pytest.approx(980)


def test_a_slow_answer_and_one_while_the_clock_was_set_back_prove_nothing():
    clock = ClockOffset()
    clock.heard(1000.0, sent=1000.0, received=1001.0 + LONGEST_ROUND_TRIP_SECONDS)
    clock.heard(1000.0, sent=1000.0, received=999.0)
    assert clock.seconds is None


def test_what_is_forgotten_is_not_known():
    clock = ClockOffset()
    clock.heard(1000.0, sent=1000.0, received=1001.0)
    clock.forget()
    assert clock.seconds is None
