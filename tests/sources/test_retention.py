import os
from datetime import UTC, datetime

import pytest

from syncd.sources.drop import DropFolder

BEFORE = datetime(2026, 3, 1, tzinfo=UTC)
OLD, NEW = "20260228T235959.999999Z", "20260301T000000.000000Z"


@pytest.fixture
def inbox(tmp_path):
    folder = DropFolder(tmp_path / "inbox", patterns=["*.csv"], settle_seconds=0)
    folder.prepare()
    return folder


def put(inbox, name, modified=1):
    path = inbox.path / name
    path.write_text("x")
    os.utime(path, (modified, modified))
    return path


def names(inbox, folder):
    return sorted(path.name for path in (inbox.path / folder).iterdir())


def test_what_was_put_away_before_goes_and_a_report_with_its_file(inbox):
    for stamp in (OLD, NEW):
        put(inbox, f"archive/{stamp}-01234567-a.csv")
        put(inbox, f"archive/{stamp}-01234567.2-a.csv")
        put(inbox, f"rejected/{stamp}-a.csv")
        put(inbox, f"rejected/{stamp}-a.csv.txt")
    assert inbox.delete_old(BEFORE, 100) == 4
    assert names(inbox, "archive") == [f"{NEW}-01234567-a.csv", f"{NEW}-01234567.2-a.csv"]
    assert names(inbox, "rejected") == [f"{NEW}-a.csv", f"{NEW}-a.csv.txt"]


def test_the_snapshot_that_a_lost_state_would_be_made_from_stays_however_old(inbox):
    put(inbox, f"archive/{OLD}-01234567-newest.csv", modified=9)
    put(inbox, f"archive/{NEW}-01234567-older.csv", modified=8)
    put(inbox, f"archive/{OLD}-01234567-oldest.csv", modified=7)
    assert inbox.delete_old(BEFORE, 100) == 1
    assert [file.name for file in inbox.archived()] == ["older.csv", "newest.csv"]


def test_names_that_syncd_did_not_make_links_and_folders_stay(inbox, tmp_path):
    put(inbox, "rejected/notes.txt")
    put(inbox, "rejected/20260228-a.csv")
    put(inbox, f"rejected/copy of {OLD}-a.csv")
    (inbox.path / f"rejected/{OLD}-link.csv").symlink_to(put(inbox, "../elsewhere"))
    (inbox.path / f"rejected/{OLD}-folder.csv").mkdir()
    put(inbox, f"rejected/{NEW}-a.csv")
    before = names(inbox, "rejected")
    assert inbox.delete_old(BEFORE, 100) == 0
    assert names(inbox, "rejected") == before
    assert (tmp_path / "elsewhere").exists()


def test_no_more_are_deleted_at_once_than_asked_the_oldest_first(inbox):
    for day in range(1, 6):
        put(inbox, f"rejected/2026010{day}T000000.000000Z-a.csv")
    put(inbox, f"rejected/{NEW}-a.csv")
    assert inbox.delete_old(BEFORE, 2) == 2
    assert names(inbox, "rejected")[0].startswith("20260103")
    assert (inbox.delete_old(BEFORE, 2), inbox.delete_old(BEFORE, 2)) == (2, 1)


def test_a_clock_far_ahead_deletes_nothing(inbox):
    for place in ("archive", "rejected"):
        for stamp in (OLD, NEW):
            put(inbox, f"{place}/{stamp}-01234567-a.csv")
    assert inbox.delete_old(datetime(2027, 3, 1, tzinfo=UTC), 100) == 0
