import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sandbox import Limits
from connectors.sandbox.buckets import Bucket

pytestmark = pytest.mark.anyio


async def test_rows_come_back_exactly_as_the_clock_goes_on(client):
    client.sandbox.tokopedia.limit(Limits(rows_per_request=100, rows_per_second=5, row_burst=5))
    rows = [{"sku": f"A{number}", "new_stock": number} for number in range(10)]
    succeeded = []

    for seconds in (0, 0, 0.2, 0.1, 0.1, 3600):
        client.clock.at += seconds
        answer = await client.update_stock(rows)
        succeeded.append(answer.json()["data"]["succeed_rows"])

    assert succeeded == [5, 0, 1, 0, 1, 5]


async def test_requests_beyond_their_bucket_get_429_and_spend_nothing(client):
    client.sandbox.tokopedia.limit(Limits(rows_per_request=100, requests_per_second=2, request_burst=2))
    statuses = []

    for seconds in (0, 0, 0, 0, 0.5, 0):
        client.clock.at += seconds
        statuses.append((await client.update_stock([{"sku": "A", "new_stock": 1}])).status_code)

    assert statuses == [200, 200, 429, 429, 200, 429]
    assert client.sandbox.counters()["tokopedia"]["requests_throttled"] == 3


async def test_the_headers_speak_the_documented_text_form(client):
    client.sandbox.tokopedia.limit(Limits(rows_per_request=100, rows_per_second=5, row_burst=5))

    some = await client.update_stock([{"sku": "A", "new_stock": 1}, {"sku": "B", "new_stock": 1}])
    none = await client.update_stock([{"sku": f"A{number}", "new_stock": 1} for number in range(4)])

    def quota(answer):
        return {name: value for name, value in answer.headers.items() if name.startswith("x-ratelimit")}

    assert quota(some) == {
        "x-ratelimit-limit": "5 req/s (burst 5)",
        "x-ratelimit-remaining": "3",
        "x-ratelimit-reset-after": "-0.000000",
        "x-ratelimit-full-reset-after": "0.400000",
    }
    assert quota(none)["x-ratelimit-remaining"] == "0"
    assert quota(none)["x-ratelimit-reset-after"] == "0.200000"


async def test_reading_does_not_spend_what_pushing_may(client):
    client.sandbox.tocobagus.limit(Limits(rows_per_request=100, requests_per_second=1, request_burst=1))

    read = await client.read_tocobagus("/partner/stores/products/sku/A")
    pushed = await client.update_stocks([{"sku": "A", "stock": 1}])

    assert (read.status_code, pushed.status_code) == (200, 200)


@given(
    st.floats(0.1, 1000),
    st.integers(1, 200),
    st.lists(st.tuples(st.floats(0, 5), st.integers(0, 50)), max_size=40),
)
def test_no_window_ever_sees_more_than_the_burst_and_the_rate_times_its_length(rate, burst, steps):
    at = [1_770_000_000.0]
    bucket = Bucket(rate, burst, lambda: at[0])
    taken = []

    for seconds, wanted in steps:
        at[0] += seconds
        taken += [at[0] for _ in range(wanted) if bucket.take()]

    for first in range(0, len(taken), 7):
        allowed = burst + rate * (taken[-1] - taken[first]) + rate * 1e-5 + 1e-6
        assert len(taken) - first <= allowed


@pytest.mark.parametrize(
    "wrong",
    [
        {"rows_per_request": 0},
        {"rows_per_request": 1, "rows_per_second": 0},
        {"rows_per_request": 1, "row_burst": 0},
    ],
)
def test_limits_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=r"above zero|at least 1"):
        Limits(**wrong)
