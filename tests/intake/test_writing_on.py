"""Producers that pause so long that their file is taken for complete, and write on; a file that stays put."""

import os

import pytest

from state.records import ImportState

APPLIED, HELD = ImportState.APPLIED, ImportState.HELD


def write_on(site, where, text):
    """Go on writing into the one file there, as a producer does who has had it open all the time."""
    (path,) = (path for path in (site.inbox / where).iterdir() if path.is_file())
    with path.open("a") as file:
        file.write(text)
    os.utime(path, (1_800_000_010, 1_800_000_010))


def test_what_was_put_away_and_is_written_on_comes_in_again(site):
    site.drop("A,5")
    assert site.states() == [APPLIED]
    write_on(site, "archive", "B,1\n")

    assert site.states() == [APPLIED]
    assert site.levels() == {"A": 5, "B": 1}
    assert (site.files(""), site.files(".syncd"), len(site.files("archive"))) == ([], [], 1)


def test_what_is_held_and_is_written_on_comes_in_again(guarded):
    rows = [f"S{number},5\n" for number in range(100)]
    guarded.drop("sku,quantity\n" + "".join(rows), at=1)
    guarded.look()
    guarded.drop("sku,quantity\n" + "".join(rows[:50]), at=2)
    assert guarded.states() == [HELD]
    write_on(guarded, ".syncd", "".join(rows[50:]) + "X,1\n")

    assert guarded.states() == [APPLIED]
    assert guarded.recorded() == [(1, "applied"), (2, "superseded"), (3, "applied")]
    assert guarded.levels()["X"] == 1


def test_a_newer_file_of_its_name_is_taken_first_and_none_is_lost(site):
    site.drop("A,5", at=1)
    site.look()
    write_on(site, "archive", "B,1\n")
    site.drop("A,7", at=20)

    site.look()

    assert site.levels()["A"] == 7
    assert (site.files(""), site.files(".syncd"), len(site.files("archive"))) == ([], [], 2)


@pytest.mark.parametrize("waits", ["applied", "held"])
def test_a_file_that_nobody_writes_on_comes_in_once(guarded, waits):
    guarded.drop("A,5" if waits == "applied" else "A,0")
    guarded.look()

    assert guarded.look() == []
    assert guarded.recorded() == [(1, waits)]


def test_an_archive_that_cannot_be_written_costs_no_second_import_and_no_other_file(site):
    site.drop("A,5", at=1)
    site.look()
    (kept,) = (site.inbox / "archive").iterdir()
    kept.rename(site.folder / "kept.csv")
    (site.inbox / "archive").rmdir()
    (site.inbox / "archive").write_text("")  # something else has its place
    for at in (2, 3):
        site.drop(f"A,{at}", at=at, name=f"{at}.csv")
        site.look()
        assert "archive" in site.feed.failure
    applied = site.recorded()

    assert site.look() == []
    assert (site.levels(), len(site.files(".syncd"))) == ({"A": 3}, 2)
    assert site.recorded() == applied == [(1, "applied"), (2, "applied"), (3, "applied")]

    (site.inbox / "archive").unlink()
    site.kill()
    site.look()
    assert (site.feed.failure, site.files(".syncd"), len(site.files("archive"))) == (None, [], 2)
    assert site.recorded() == applied
