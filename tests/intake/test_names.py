"""Files whose names tell as of when their data is: that counts, and not when they were modified."""

import time
from datetime import datetime

import pytest

from state.records import ImportState

APPLIED, HELD, REJECTED = ImportState.APPLIED, ImportState.HELD, ImportState.REJECTED
SUPERSEDED = ImportState.SUPERSEDED
EARLY, LATE = "stock-20260301-1200.csv", "stock-20260301-1300.csv"


@pytest.fixture
def dated(site):
    site.date_by("%Y%m%d-%H%M")
    return site


@pytest.fixture
def in_berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("at_once", [True, False])
def test_the_later_name_wins_whatever_the_modification_says(dated, at_once):
    dated.drop("A,1", name=LATE, at=1)
    if not at_once:
        assert dated.states() == [APPLIED]
    dated.drop("A,9", name=EARLY, at=2)

    assert dated.states()[-1] is SUPERSEDED
    assert dated.levels() == {"A": 1}


def test_changes_apply_in_the_order_of_their_names(dated):
    dated.judge_by(contents="changes")
    dated.drop("A,1", name=LATE, at=1)
    dated.drop("A,9", name=EARLY, at=2)

    assert dated.states() == [APPLIED, APPLIED]
    assert dated.levels() == {"A": 1}


@pytest.mark.parametrize("later_first", [True, False])
def test_of_one_time_the_later_modification_wins(dated, later_first):
    for at in (2, 1) if later_first else (1, 2):
        dated.drop(f"A,{at}", name=f"{at}-{EARLY}", at=at)
        dated.look()

    assert dated.levels() == {"A": 2}


def test_the_age_of_the_data_is_that_of_the_name(dated):
    dated.drop("A,1", name=EARLY, at=1)
    dated.look()

    noon = datetime(2026, 3, 1, 12).astimezone()
    assert dated.source().data_at == noon.timestamp() * 1000


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("stock.csv", "no time such as"),
        ("stock-20260231-1200.csv", "no possible time"),
        ("20260301-1200-20260301-1300.csv", "two times are in the name"),
    ],
)
def test_a_name_that_does_not_date_its_file_rejects_it_with_the_reason(dated, name, complaint):
    dated.drop("A,1", name=EARLY)
    dated.look()
    dated.drop("A,9", name=name)

    (verdict,) = dated.look()

    assert (verdict.state, dated.levels()) == (REJECTED, {"A": 1})
    assert complaint in verdict.reason
    assert verdict.reason in dated.report()
    assert dated.rows("SELECT name, state, claimed FROM import WHERE id = 2") == [(name, "rejected", "")]
    assert dated.files("") == dated.files(".syncd") == []


def test_a_lost_state_is_made_again_from_the_latest_name(dated):
    dated.drop("A,9", name=EARLY, at=2)
    dated.look()
    dated.drop("A,1", name=LATE, at=1)
    dated.look()
    dated.lose_the_state()

    assert dated.states() == [APPLIED]
    assert dated.levels() == {"A": 1}


@pytest.mark.parametrize(("name", "replaced"), [(LATE, True), ("stock-20260301-1130.csv", False)])
def test_what_is_held_is_replaced_by_a_later_name_only(guarded, name, replaced):
    guarded.date_by("%Y%m%d-%H%M")
    shop = "".join(f"S{number},5\n" for number in range(100))
    guarded.drop(f"sku,quantity\n{shop}", name="stock-20260301-1100.csv", at=1)
    guarded.look()
    guarded.drop(f"sku,quantity\n{shop.replace(',5', ',0')}", name=EARLY, at=8)
    assert guarded.states() == [HELD]
    guarded.drop(f"sku,quantity\n{shop}X,1\n", name=name, at=7 if replaced else 9)

    assert guarded.states() == [APPLIED]
    assert (guarded.imports.get(2).state == SUPERSEDED) is replaced


def test_an_hour_that_is_repeated_in_autumn_counts_as_the_earlier(dated, in_berlin):
    dated.drop("A,1", name="stock-20261025-0230.csv")
    (verdict,) = dated.look()

    assert verdict.data_at == datetime.fromisoformat("2026-10-25T00:30:00+00:00").timestamp() * 1000
