"""Finding the bad rows of a refused batch, with the real ledger: few requests, and nobody else pays."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rig import Rig, many
from shops import Guarded
from virtual_time import run_virtually

from connectors.errors import BatchRefused


def refusing(poison):
    return Guarded(
        refuse=lambda updates: any(u.sku in poison for u in updates) and BatchRefused("bad row", code="400")
    )


def skus_at(places):
    return {f"SKU-{place:04d}" for place in places}


def pushed(count, poison):
    """Push so many rows of which some are refused; the marketplace, and what stands an hour later."""
    marketplace = refusing(poison)
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(Path(folder) / "site", plugins={"memory": marketplace.plugin()})

        async def story():
            async with rig.running():
                rig.drop(many(count))
                await rig.look()
                await asyncio.sleep(3600)
                return rig.counts(), {failure.sku for failure in rig.failures()}

        counts, blamed = run_virtually(story())
    return marketplace, counts, blamed


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_bad_rows_are_found_within_the_budget_and_the_others_accepted(data):
    count = data.draw(st.integers(2, 100))
    places = data.draw(st.sets(st.integers(0, count - 1), max_size=2).filter(lambda p: len(p) < count))
    poison = skus_at(places)

    marketplace, counts, blamed = pushed(count, poison)

    assert len(marketplace.received) <= 1 + 2 * len(poison) * (count - 1).bit_length()
    assert {sku for sku, _ in marketplace.stock} == many(count).keys() - poison
    assert blamed == poison
    assert (counts.in_sync, counts.rejected, counts.held) == (count - len(poison), len(poison), 0)


@pytest.mark.parametrize(
    ("count", "places"),
    [
        (52, range(1, 4)),
        (50, range(24, 31)),
        (24, range(8, 13)),
        (57, range(32, 40)),
        (9, (1, 4, 5, 6, 8)),
        (60, range(8)),
        (60, range(52, 60)),
        (12, (1, 3, 4, 6, 7, 8, 10)),
    ],
    ids=str,
)
def test_bad_rows_that_lie_together_cost_only_themselves(count, places):
    """A family of new SKUs that the marketplace cannot take must not stop the shop around it."""
    poison = skus_at(places)

    marketplace, counts, blamed = pushed(count, poison)

    assert {sku for sku, _ in marketplace.stock} == many(count).keys() - poison
    assert blamed == poison
    assert (counts.in_sync, counts.rejected, counts.held) == (count - len(poison), len(poison), 0)


def test_where_every_row_is_refused_the_channel_is_held_after_three_and_no_row_is_blamed():
    marketplace, counts, blamed = pushed(40, many(40).keys())

    alone = [updates for _, updates in marketplace.arrivals if updates == 1]
    assert len(alone) <= 3 + 4  # and the slow probes of an hour
    assert (counts.in_sync, counts.rejected, counts.held) == (0, 0, 40)
    assert blamed == set()
