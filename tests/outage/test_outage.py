"""A small outage; `python tests/outage/run.py` lives through twelve hours with a million changes."""

from outage import endure

from state.records import Risk


def test_an_outage_costs_little_and_the_dangerous_direction_goes_first_when_it_ends(tmp_path):
    figures = endure(tmp_path, listings=2_000, changes=40_000, hours=3)

    assert figures.wrong == []
    assert figures.changes >= 40_000
    assert figures.requests > 100
    assert min(figures.risks[risk] for risk in (Risk.TO_ZERO, Risk.DECREASE, Risk.INCREASE)) > 50
