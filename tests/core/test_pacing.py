import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.contract import Allowance, Limits
from state.records import Pace
from syncd.core.pacing import (
    CLOCKS_DIFFER,
    LONGEST_PAUSE_SECONDS,
    PAUSE_WHEN_UNTOLD_SECONDS,
    SLOWEST,
    SLOWEST_BELIEVED,
    Bucket,
    Pacer,
)

EDGE = 1e-6
dices = st.integers(0, 2**32).map(random.Random)


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
numbers = (
    st.none() | st.sampled_from((0, -0.0, -1, 1e-12, 1e9, 1e300, math.inf, -math.inf, math.nan)) | st.floats()
)
counts = st.none() | st.sampled_from((0, -1, 1, 10**9, 10**30)) | st.integers(-5, 200)
announcements = st.builds(Allowance, numbers | st.floats(0.1, 50), counts, counts, numbers)


def mistreat(one: Pacer, dice: random.Random, said: Allowance, now: float) -> None:
    """Let the marketplace say something, of a request sent a while ago."""
    sent_at = now - dice.uniform(0, 5)
    match dice.randrange(4):
        case 0:
            one.answered(said, now, sent_at=sent_at)
        case 1:
            one.answered(said, now, sent_at=sent_at, throttled_rows=1)
        case 2:
            one.throttled(
                dice.choice((None, 0.0, 1.5, -1.0, math.nan, math.inf)), now, sent_at=sent_at, allowance=said
            )
        case _:
            pass


@settings(max_examples=100, deadline=None)
@given(
    dices,
    paces,
    st.booleans(),
    st.integers(1, 4),
    st.lists(announcements, min_size=1),
)
def test_no_window_holds_more_than_the_burst_and_the_rate_whatever_is_said(dice, pace, counted, lives, said):
    """Also across restarts: each begins with an empty bucket, at the pace that was learnt."""
    sent, now, learnt = [], 0.0, Pace()
    for _ in range(lives):
        one = Pacer(pace, rows_are_counted=counted, ceiling_is_set=True)
        one.recall(learnt)
        for _ in range(dice.choice((3, 10, 25))):
            rows = dice.randint(1, one.rows_per_request)
            while (delay := one.wait(rows, now)) > 0:
                assert delay < 2 * LONGEST_PAUSE_SECONDS, "it never stops for ever"
                now += delay + EDGE
            one.take(rows, now)
            sent.append((now, rows))
            mistreat(one, dice, dice.choice(said), now)
            assert SLOWEST <= one.pace.factor <= 1.0
            now += dice.choice((0.0, 0.0, dice.expovariate(2.0), dice.expovariate(0.2)))
        learnt = one.pace

    rows_burst = pace.burst if counted else 2 * pace.rows_per_request
    slack = EDGE * (len(sent) + 1)
    requests = [(at, 1) for at, _ in sent]
    assert beyond(requests, pace.requests_per_second, pace.burst) <= slack * pace.requests_per_second
    assert beyond(sent, pace.rows_per_second, rows_burst) <= slack * pace.rows_per_second


@given(st.sampled_from((0.5, 1.0, 5.0, 60.0)), st.integers(2, 200), st.floats(0, 1))
def test_jitter_on_the_way_never_makes_more_than_the_burst_arrive_at_once(rate, burst, share):
    """After an idle hour as much leaves as may; the first of it is so late that all arrives together."""
    one = pacer(rows_per_second=rate, requests_per_second=None, burst=burst)
    jitter = share * min(1.0, burst / 2 / rate)
    one.wait(1, 0.0)
    now, together = 3600.0, 0
    while True:
        rows = one.worth_waiting_for(now)
        now += one.wait(rows, now)
        if now > 3600.0 + jitter:
            break
        one.take(rows, now)
        together += rows

    assert together <= burst


@settings(max_examples=60, deadline=None)
@given(announcements, st.booleans(), st.booleans())
def test_no_announcement_stops_it_for_ever(said, counted, ceiling):
    one = pacer(counted=counted, ceiling=ceiling)
    one.wait(1, 0.0)
    one.answered(said, 1.0, sent_at=0.5)

    assert one.wait(1, 1.0) <= 2 / SLOWEST_BELIEVED
    assert math.isfinite(one.rows_per_second)
    assert math.isfinite(one.requests_per_second)


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

    assert one.wait(1, 0.5) == pytest.approx(2.5 / CLOCKS_DIFFER, rel=0.01)


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


def test_a_clock_that_runs_faster_than_the_marketplaces_exceeds_nothing():
    one = pacer(rows_per_second=5.0, requests_per_second=None, burst=20)
    sent = requests_of(one, 0.0, 3_000.0, random.Random(1))

    slower = 5.0 * 0.996
    busy = [(at, rows) for at, rows in sent if at < 3_000.0]
    assert beyond(busy[::-1][:400][::-1], slower, 20) <= 0
    assert sum(rows for _, rows in busy) <= 20 + slower * 3_000.0


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

    assert one.worth_waiting_for(10.0) == 39, "what has accrued leaves at once"
    assert one.worth_waiting_for(1_000.0) == 100, "but never more than a request may carry"


def test_where_requests_are_scarce_rows_wait_for_the_next_one():
    one = pacer(counted=False, rows_per_second=50.0, requests_per_second=1.0)
    one.wait(1, 0.0)

    assert one.worth_waiting_for(0.0) == 50


def test_a_refusal_slows_down_and_answers_speed_up_again_slowly():
    one = pacer()
    one.throttled(None, 0.0, sent_at=0.0)
    assert one.rows_per_second == pytest.approx(3.5)

    one.answered(Allowance(), 10.0, sent_at=9.0)
    assert one.rows_per_second == pytest.approx(3.55), "a thousandth a second"
    one.answered(Allowance(), 10.0, sent_at=9.0)
    assert one.rows_per_second == pytest.approx(3.55), "not with each of many answers"
    one.answered(Allowance(), 10_000.0, sent_at=9_999.0)
    assert one.rows_per_second == pytest.approx(3.65), "and not by having been idle"
    for second in range(10_000, 10_400):
        one.answered(Allowance(), second, sent_at=second)
    assert one.rows_per_second == 5.0


def test_requests_that_were_refused_together_slow_down_once():
    one = pacer()
    for _ in range(4):
        one.throttled(2.0, 10.0, sent_at=9.0)
    assert one.rows_per_second == pytest.approx(3.5)
    one.answered(Allowance(), 10.5, sent_at=9.0)
    assert one.rows_per_second == pytest.approx(3.5), "an answer to what left before says nothing of it"

    one.throttled(2.0, 13.0, sent_at=12.5)
    assert one.rows_per_second == pytest.approx(2.45)


def test_a_refusal_wins_over_the_headers_that_come_with_it():
    one = pacer(ceiling=False, burst=50)
    one.wait(1, 0.0)
    one.throttled(3.0, 100.0, sent_at=99.0, allowance=Allowance(per_second=80.0, burst=500, remaining=40))
    assert one.rows_per_second == pytest.approx(3.5)
    assert one.wait(1, 100.0) == 3.0
    assert one.wait(30, 100.0) == pytest.approx(30 / 3.5, rel=0.01), "what was said to remain is not there"

    one.throttled(None, 200.0, sent_at=199.0, allowance=Allowance(per_second=1.0, burst=10, reset_after=7.0))
    assert one.rows_per_second == pytest.approx(0.49), "what lowers the pace is learnt"
    assert one.wait(0, 200.0) == 7.0


def test_endless_refusals_never_stop_it_for_good():
    one = pacer()
    for second in range(1_000):
        one.throttled(1.0, second, sent_at=second)

    assert one.rows_per_second == pytest.approx(5.0 * SLOWEST)


@pytest.mark.parametrize(
    ("told", "until"),
    [(30.0, 130.0), (0.0, 100.0), (-5.0, 100.0), (None, 100.0 + PAUSE_WHEN_UNTOLD_SECONDS),
     (1e12, 100.0 + LONGEST_PAUSE_SECONDS), (math.inf, 100.0 + PAUSE_WHEN_UNTOLD_SECONDS),
     (math.nan, 100.0 + PAUSE_WHEN_UNTOLD_SECONDS)],
)  # fmt: skip
def test_a_pause_is_what_the_marketplace_told_within_bounds(told, until):
    one = pacer()
    one.wait(1, 0.0)

    assert one.throttled(told, 100.0, sent_at=99.0) == until


def test_nothing_leaves_during_a_pause_and_a_shorter_word_does_not_shorten_it():
    one = pacer(rows_per_second=1_000.0, requests_per_second=1_000.0)
    one.wait(1, 0.0)
    one.throttled(60.0, 100.0, sent_at=99.0)
    one.throttled(5.0, 101.0, sent_at=99.0)

    assert one.wait(1, 120.0) == 40.0
    assert one.wait(1, 161.0) == 0.0


def test_a_refusal_empties_the_bucket_but_forgives_no_debt():
    one = pacer(rows_per_second=1.0, requests_per_second=None, burst=10)
    one.wait(1, 0.0)
    one.take(5, 1_000.0)
    one.throttled(0.0, 1_000.0, sent_at=1_000.0)
    assert one.wait(1, 1_000.0) == pytest.approx(1 / 0.7 / CLOCKS_DIFFER), "what was left is gone"

    one.take(5, 1_000.0)
    one.throttled(0.0, 1_000.0, sent_at=1_000.0)
    assert one.wait(1, 1_000.0) == pytest.approx(6 / 0.7**2 / CLOCKS_DIFFER)


def test_throttled_rows_inside_an_answer_slow_it_down_too():
    one = pacer()
    one.answered(Allowance(reset_after=8.0), 100.0, sent_at=99.0, throttled_rows=3)

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
        one.answered(allowance, 0.0, sent_at=0.0)

    assert 0 < one.rows_per_second <= 5.0
    assert 0 < one.requests_per_second <= 2.0
    assert 1 <= one.rows_per_request <= (20 if counted else 100)
    for bucket in (one._rows, one._requests):
        assert 1 <= bucket.capacity <= (20 if counted or bucket is one._requests else 200)
        assert bucket.tokens <= bucket.capacity


def test_announced_limits_raise_the_pace_where_nobody_set_it():
    one = pacer(ceiling=False)
    one.answered(Allowance(per_second=50.0, burst=500), 0.0, sent_at=0.0)

    assert one.rows_per_second == 50.0
    assert one.rows_per_request == 100


def test_announced_limits_lower_the_pace():
    one = pacer(burst=50)
    one.answered(Allowance(per_second=0.5, burst=10), 0.0, sent_at=0.0)

    assert one.rows_per_second == 0.5
    assert one.rows_per_request < 10


def test_what_remains_as_announced_is_all_that_may_leave_at_once():
    one = pacer(rows_per_second=1.0, requests_per_second=None, burst=50)
    one.wait(1, 0.0)
    one.answered(Allowance(remaining=3), 1_000.0, sent_at=1_000.0)

    assert one.wait(3, 1_000.0) == 0
    assert one.wait(4, 1_000.0) == pytest.approx(1.0 / CLOCKS_DIFFER)


def test_what_came_back_since_the_remainder_was_counted_may_leave_too():
    one = pacer(rows_per_second=2.0, requests_per_second=None, burst=50)
    one.wait(1, 0.0)
    one.answered(Allowance(remaining=3), 1_001.0, sent_at=1_000.0)

    assert one.wait(5, 1_001.0) == 0


def test_a_remainder_above_what_accrued_adds_nothing():
    one = pacer(rows_per_second=1.0, requests_per_second=None, burst=50)
    one.wait(1, 0.0)
    one.answered(Allowance(remaining=40), 1.0, sent_at=1.0)

    assert one.wait(5, 1.0) == pytest.approx(4.0 / CLOCKS_DIFFER, rel=0.01)


def test_a_pace_is_recalled_within_what_is_allowed_now_and_the_most_cautious_wins():
    one = pacer(burst=20, requests_per_second=None)
    one.recall(Pace(per_second=50.0, burst=500, factor=0.5))
    assert one.rows_per_second == 2.5
    assert one.wait(1, 0.0) > 0, "the bucket begins empty"

    one.recall(Pace(per_second=2.0, burst=6, factor=0.8))
    assert (one.rows_per_second, one.pace) == (1.0, Pace(2.0, 6, 0.5))

    one.recall(Pace(per_second=math.nan, burst=0, factor=math.nan))
    assert one.pace == Pace(2.0, 6, 0.5)


def test_only_news_of_the_pace_are_worth_writing_down():
    one = pacer(requests_per_second=None)
    assert one.news() is None
    one.answered(Allowance(per_second=4.0, burst=9), 0.0, sent_at=0.0)
    assert one.news() == Pace(4.0, 9, 1.0)
    for second in range(100):
        one.answered(Allowance(per_second=4.0, burst=9), second, sent_at=second)
        assert one.news() is None

    one.throttled(1.0, 100.0, sent_at=99.5)
    assert one.news().factor == pytest.approx(0.7)
    written = []
    for second in range(100, 500):
        one.answered(Allowance(), second, sent_at=second)
        written += [news.factor for news in (one.news(),) if news]
    assert len(written) == 6
    assert written[-1] == 1.0


def leaving(one: Pacer, wanted: dict[str, int], seconds: float) -> list[tuple[float, str]]:
    """Lanes that always have so many rows due, each asleep until it may leave; the later asked first."""
    now, sent, wakes = 0.0, [], dict.fromkeys(wanted, 0.0)
    while now < seconds:
        lane = min(reversed(wakes), key=wakes.__getitem__)
        now = max(now, wakes[lane])
        rows = min(wanted[lane], one.rows_per_request)
        if (delay := one.wait(rows, now, lane)) > 0:
            wakes[lane] = now + delay + EDGE
        else:
            one.take(rows, now, lane)
            sent.append((now, lane))
    return sent


def test_lanes_that_share_a_pace_leave_in_turn():
    one = pacer(rows_per_second=10.0, requests_per_second=None, burst=40)
    sent = [lane for _, lane in leaving(one, {"greedy": 30, "small": 1, "other": 5}, 200.0)]

    assert set(sent) == {"greedy", "small", "other"}
    for first, second in zip(sent[3:], sent[6:], strict=False):
        assert first == second


def test_a_lane_that_does_not_come_when_it_is_its_turn_delays_no_other():
    one = pacer(rows_per_second=10.0, requests_per_second=None, burst=40)
    one.wait(20, 0.0, "held later")
    first = one.wait(1, 0.0, "other")
    assert first == pytest.approx(2.1 / CLOCKS_DIFFER), "it came later"

    assert one.wait(1, first + EDGE, "other") == 0.0
    one.take(1, first + EDGE, "other")
    assert one.wait(10, first + 0.1, "other") == 0.0, "the place of the absent is gone"


def test_an_estimate_counts_the_scarcer_of_rows_and_requests():
    assert pacer(counted=False, rows_per_second=10.0, requests_per_second=1.0).seconds_for(1_000) == 100.0
    assert pacer(counted=False, rows_per_second=1_000.0, requests_per_second=0.1).seconds_for(1_000) == 100.0
    assert pacer(counted=False, rows_per_second=200.0, requests_per_second=1.0).requests_for(101) == 2
