"""Sources that own locations, from their files to what a shop shows."""

import shutil

import pytest
from rig import DROP, Rig
from virtual_time import run_virtually

from syncd.checking.inputs import check_overlaps

SHOP = '[channels.shop]\nconnector = "memory"\nwarehouses = { JKT = "10", BDG = "20" }\n'


def two(jkt='location = "JKT"\n', bdg='location = "BDG"\n'):
    other = DROP.replace("erp", "bdg").replace('"inbox"', '"bdg"')
    return DROP + jkt + other + bdg + SHOP


@pytest.fixture
def rig(tmp_path):
    (tmp_path / "site" / "bdg").mkdir(parents=True)
    return Rig(tmp_path / "site", two())


def _tell(rig):
    run_virtually(rig.open_and_reconcile())


def test_files_of_two_warehouses_that_list_the_same_skus_never_overwrite_each_other(rig):
    rig.drop({"A": 5, "B": 1})
    rig.drop({"A": 7, "B": 2}, source="bdg")
    _tell(rig)
    rig.drop({"A": 6, "B": 1})
    _tell(rig)

    assert rig.shop.stock == {("A", "10"): 6, ("B", "10"): 1, ("A", "20"): 7, ("B", "20"): 2}


def test_two_sources_of_one_location_are_refused_with_both_names_and_check_tells_it(rig):
    rig.configure(two(bdg='location = "JKT"\n'))
    rig.drop({"A": 5})
    _tell(rig)
    assert list(check_overlaps(rig.folder / "state.db")) == []
    rig.drop({"A": 7, **{f"SKU-{number}": 1 for number in range(30)}}, source="bdg")
    _tell(rig)

    assert rig.shop.stock["A", "10"] == 5
    assert rig.shop.stock["SKU-1", "10"] == 1
    assert '1 rows name a SKU and location that belong to source "erp"' in rig.ask(
        "SELECT notes FROM import ORDER BY id DESC"
    )
    (found,) = check_overlaps(rig.folder / "state.db")
    assert found.about == "source bdg"
    assert 'belong to source "erp"' in found.what
    assert "location" in found.remedy


def test_a_changed_location_takes_its_stock_along_and_it_never_counts_twice(rig):
    rig.configure(DROP + 'location = "JKT"\n' + SHOP)
    rig.drop({"A": 5, "B": 3})
    _tell(rig)
    rig.configure(DROP + 'location = "BDG"\n' + SHOP)
    _tell(rig)

    assert rig.ask("SELECT group_concat(sku || location || quantity) FROM stock") == "ABDG5,BBDG3"
    assert rig.shop.stock["A", "20"] == 5
    rig.drop({"A": 4, "B": 3})
    _tell(rig)
    assert rig.ask("SELECT sum(quantity) FROM stock") == 7
    assert rig.shop.stock["A", "20"] == 4


def test_where_all_locations_add_up_a_new_location_changes_nothing_that_is_shown(rig):
    alone = SHOP.replace('{ JKT = "10", BDG = "20" }', '"single"')
    rig.configure(DROP + alone)
    rig.drop({"A": 5})
    _tell(rig)
    rig.configure(DROP + 'location = "JKT"\n' + alone)
    rig.drop({"A": 5, "B": 1})
    _tell(rig)

    assert rig.shop.stock == {("A", ""): 5, ("B", ""): 1}
    assert rig.ask("SELECT sum(quantity) FROM stock") == 6


@pytest.mark.parametrize("archived", [True, False])
def test_without_its_location_again_stock_is_read_anew_or_unknown_but_never_zero(rig, archived):
    alone = SHOP.replace('{ JKT = "10", BDG = "20" }', '"single"')
    rig.configure(DROP + 'location = "JKT"\n' + alone)
    rig.drop({"A": 5})
    _tell(rig)
    if not archived:
        shutil.rmtree(rig.folder / "inbox" / "archive")
    rig.configure(DROP + alone)
    _tell(rig)
    assert rig.shop.stock == {("A", ""): 5}, "nothing is sent for what is unknown"
    assert rig.ask("SELECT count(*) FROM stock") == int(archived)
    rig.drop({"A": 5})
    _tell(rig)

    assert rig.ask("SELECT group_concat(location || quantity) FROM stock") == "5"
    assert rig.shop.stock == {("A", ""): 5}
