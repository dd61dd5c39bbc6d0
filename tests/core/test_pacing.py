import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.contract import Allowance, Limits
from syncd.core.pacing import (
    LONGEST_PAUSE_SECONDS,
    PAUSE_WHEN_UNTOLD_SECONDS,
    SLOWEST,
    Bucket,
    Pacer,
)

EDGE = 1e-6


def limits(rows=100, rows_per_second=5.0, requests_per_second=1.0, burst=5):
    return Limits(rows, rows_per_second, requests_per_second, burst, in_flight=4, timeout=30.0)


def pacer(*, counted=True, ceiling=True, **more):
    return Pacer(limits(**more), rows_are_counted=counted, ceiling_is_set=ceiling)


def requests_of(one: Pacer, start: float, seconds: float, dice: random.Random) -> list[tuple[float, int]]:
    """A lane that has something due at random times, and sends as soon as it may."""
    now, sent = start, []
    while now < start + seconds:
        rows = dice.randint(1, one.rows_per_request)
        now += one.wait(rows, now) + EDGE
        one.take(rows, now)
        sent.append((now, rows))
        now += dice.choice((0.0, 0.0, dice.expovariate(2.0), dice.expovariate(0.2)))
    return sent


def beyond(sent: list[tuple[float, int]], rate: float, burst: float) -> float:
    """By how much any window holds more than burst + rate * its length."""
    worst = float("-inf")
    for first, (start, _) in enumerate(sent):
        total = 0.0
        for at, amount in sent[first:]:
            total += amount
            worst = max(worst, total - burst - rate * (at - start))
    return worst


paces = st.builds(
    limits,
    rows_per_second=st.sampled_from((0.5, 2.0, 5.0, 33.0)),
    requests_per_second=st.sampled_from((0.2, 1.0, 7.0)),
    burst=st.integers(1, 60),
)


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False), paces, st.booleans(), st.integers(1, 5))
def test_no_window_holds_more_than_the_burst_and_the_rate(dice, pace, counted, lives):
    """Also across restarts: each begins with an empty bucket."""
    sent, start = [], 0.0
    for _ in range(lives):
        one = Pacer(pace, rows_are_counted=counted, ceiling_is_set=True)
        sent += requests_of(one, start, dice.choice((0.5, 5.0, 20.0)), dice)
        start = sent[-1][0]

    rows_burst = pace.burst if counted else max(pace.burst, pace.rows_per_request)
    slack = EDGE * (len(sent) + 1)
    requests = [(at, 1) for at, _ in sent]
    assert beyond(requests, pace.requests_per_second, pace.burst) <= slack * pace.requests_per_second
    assert beyond(sent, pace.rows_per_second, rows_burst) <= slack * pace.rows_per_second


def test_a_bucket_starts_empty_and_fills_no_higher_than_its_capacity():
    bucket = Bucket(rate=2.0, capacity=10.0)
    bucket.refill(100.0)
    assert bucket.wait(4) == 2.0

    bucket.refill(1_000.0)
    assert (bucket.tokens, bucket.wait(10), bucket.wait(1)) == (10.0, 0.0, 0.0)


def test_a_debt_is_paid_before_anything_leaves():
    """A probe leaves with more rows than it waited for."""
    one = pacer(rows_per_second=2.0, requests_per_second=None, burst=10)
    one.wait(1, 0.0)
    one.take(5, 0.5)

    assert one.wait(1, 0.5) == 2.5


def test_what_exceeds_the_capacity_waits_for_a_full_bucket_only():
    assert Bucket(rate=2.0, capacity=10.0, updated_at=0.0).wait(1_000) == 5.0


def test_a_clock_that_went_back_gives_nothing_and_takes_nothing():
    bucket = Bucket(rate=2.0, capacity=10.0, tokens=3.0, updated_at=50.0)
    bucket.refill(10.0)

    assert bucket.tokens == 3.0


def test_a_row_limit_is_used_to_the_full_in_the_long_run():
    one = pacer(rows_per_second=5.0, requests_per_second=None, burst=50)
    now, rows = 0.0, 0
    while now < 200:
        worth = one.worth_waiting_for(now)
        now += one.wait(worth, now)
        one.take(worth, now)
        rows += worth

    assert rows / (5.0 * now) == pytest.approx(1.0, abs=0.02)


def test_a_request_carries_no_more_rows_than_can_ever_be_paid_for():
    one = pacer(burst=30, rows=100)

    assert one.rows_per_request <= 30
    one.wait(one.rows_per_request, 0.0)
    assert one.wait(one.rows_per_request, 1_000.0) == 0


@pytest.mark.parametrize("burst", [1, 2, 9, 10, 60])
def test_where_rows_are_counted_a_request_always_carries_one(burst):
    assert 1 <= pacer(burst=burst).rows_per_request <= burst


def test_nothing_limits_what_has_no_limit():
    one = pacer(rows_per_second=None, requests_per_second=None, counted=False)
    one.take(100, 0.0)

    assert (one.wait(100, 0.0), one.rows_per_second, one.requests_per_second) == (0.0, None, None)
    assert one.seconds_for(1_000) is None
    assert one.worth_waiting_for(0.0) == one.rows_per_request == 100


def test_urgent_rows_do_not_wait_for_a_full_request():
    one = pacer(counted=False, rows_per_second=4.0, requests_per_second=None)
    one.wait(1, 0.0)
    assert one.worth_waiting_for(0.0) == 2, "half a second's worth"

    assert one.worth_waiting_for(10.0) == 40, "what has accrued leaves at once"
    assert one.worth_waiting_for(1_000.0) == 100, "but never more than a request may carry"


def test_where_requests_are_scarce_rows_wait_for_the_next_one():
    one = pacer(counted=False, rows_per_second=50.0, requests_per_second=1.0)
    one.wait(1, 0.0)

    assert one.worth_waiting_for(0.0) == 50


def test_a_refusal_slows_down_and_answers_speed_up_again_slowly():
    one = pacer()
    one.throttled(None, 0.0)
    assert one.rows_per_second == pytest.approx(3.5)

    one.answered(Allowance(), 10.0)
    assert one.rows_per_second == pytest.approx(3.6)
    for _ in range(100):
        one.answered(Allowance(), 10.0)
    assert one.rows_per_second == 5.0


def test_endless_refusals_never_stop_it_for_good():
    one = pacer()
    for _ in range(1_000):
        one.throttled(1.0, 0.0)

    assert one.rows_per_second == pytest.approx(5.0 * SLOWEST)


@pytest.mark.parametrize(
    ("told", "until"),
    [(30.0, 130.0), (0.0, 100.0), (-5.0, 100.0), (None, 100.0 + PAUSE_WHEN_UNTOLD_SECONDS),
     (1e12, 100.0 + LONGEST_PAUSE_SECONDS)],
)  # fmt: skip
def test_a_pause_is_what_the_marketplace_told_within_bounds(told, until):
    one = pacer()
    one.wait(1, 0.0)

    assert one.throttled(told, 100.0) == until


def test_nothing_leaves_during_a_pause_and_a_shorter_word_does_not_shorten_it():
    one = pacer(rows_per_second=1_000.0, requests_per_second=1_000.0)
    one.wait(1, 0.0)
    one.throttled(60.0, 100.0)
    one.throttled(5.0, 101.0)

    assert one.wait(1, 120.0) == 40.0
    assert one.wait(1, 161.0) == 0.0


def test_a_refusal_empties_the_bucket_but_forgives_no_debt():
    one = pacer(rows_per_second=1.0, requests_per_second=None, burst=10)
    one.wait(1, 0.0)
    one.take(5, 1_000.0)
    one.throttled(0.0, 1_000.0)
    assert one.wait(1, 1_000.0) == pytest.approx(1 / 0.7), "what was left is gone"

    one.take(5, 1_000.0)
    one.throttled(0.0, 1_000.0)
    assert one.wait(1, 1_000.0) == pytest.approx(6 / 0.7**2)


def test_throttled_rows_inside_an_answer_slow_it_down_too():
    one = pacer()
    one.answered(Allowance(reset_after=8.0), 100.0, throttled_rows=3)

    assert one.rows_per_second == pytest.approx(3.5)
    assert one.wait(1, 100.0) == 8.0


@pytest.mark.parametrize("counted", [True, False])
@given(
    allowances=st.lists(
        st.builds(
            Allowance,
            per_second=st.none() | st.floats(-1, 1e6),
            burst=st.none() | st.integers(-5, 10**6),
            remaining=st.none() | st.integers(-5, 10**6),
        ),
        max_size=5,
    )
)
def test_announced_limits_never_exceed_what_a_person_has_set(counted, allowances):
    one = pacer(counted=counted, rows_per_second=5.0, requests_per_second=2.0, burst=20)
    for allowance in allowances:
        one.answered(allowance, 0.0)

    assert 0 < one.rows_per_second <= 5.0
    assert 0 < one.requests_per_second <= 2.0
    assert 1 <= one.rows_per_request <= (20 if counted else 100)
    for bucket in (one._rows, one._requests):
        assert 1 <= bucket.capacity <= (20 if counted or bucket is one._requests else 100)
        assert bucket.tokens <= bucket.capacity


def test_announced_limits_raise_the_pace_where_nobody_set_it():
    one = pacer(ceiling=False)
    one.answered(Allowance(per_second=50.0, burst=500), 0.0)

    assert one.rows_per_second == 50.0
    assert one.rows_per_request == 100


def test_announced_limits_lower_the_pace():
    one = pacer(burst=50)
    one.answered(Allowance(per_second=0.5, burst=10), 0.0)

    assert one.rows_per_second == 0.5
    assert one.rows_per_request < 10


def test_what_remains_as_announced_is_all_that_may_leave_at_once():
    one = pacer(rows_per_second=1.0, requests_per_second=None, burst=50)
    one.wait(1, 0.0)
    one.answered(Allowance(remaining=3), 1_000.0)

    assert one.wait(3, 1_000.0) == 0
    assert one.wait(4, 1_000.0) == 1.0


def test_a_remainder_above_what_accrued_adds_nothing():
    one = pacer(rows_per_second=1.0, requests_per_second=None, burst=50)
    one.wait(1, 0.0)
    one.answered(Allowance(remaining=40), 1.0)

    assert one.wait(5, 1.0) == 4.0


def test_an_estimate_counts_the_scarcer_of_rows_and_requests():
    assert pacer(counted=False, rows_per_second=10.0, requests_per_second=1.0).seconds_for(1_000) == 100.0
    assert pacer(counted=False, rows_per_second=1_000.0, requests_per_second=0.1).seconds_for(1_000) == 100.0
    assert pacer(counted=False, rows_per_second=200.0, requests_per_second=1.0).requests_for(101) == 2
