"""A share of the simulation; `make simulate SEEDS=1000` runs more of it."""

import pytest
from simulation import simulate


@pytest.mark.parametrize("seed", range(6))
def test_after_chaos_the_shops_show_the_truth(seed):
    result = simulate(seed)

    assert result.requests > 0


def test_the_same_seed_gives_the_same_trace():
    assert simulate(3) == simulate(3)
