import errno
import os

import pytest

from syncd.sources.drop import DropFolder
from syncd.sources.markers import Markers
from syncd.sources.rows import SourceUnreachable

T = 1_800_000_000 * 10**9


@pytest.fixture
def inbox(tmp_path):
    folder = DropFolder(tmp_path / "inbox", patterns=["*"], settle_seconds=2, marker=".ok")
    folder.prepare()
    return folder


def put(folder, name, modified=T, content="x"):
    path = folder.path / name
    path.write_text(content)
    os.utime(path, ns=(modified, modified))
    return path


def ready(folder):
    folder.scan(0)
    return [file.entry for file in folder.scan(2).ready]


def reasons(folder):
    return {one.name: one.reason for one in folder.scan(0).left_alone}


@pytest.mark.parametrize("later", [0, 1, 10**9])
def test_a_file_is_complete_with_a_marker_not_older_than_itself(inbox, later):
    put(inbox, "a.csv")
    assert ready(inbox) == []
    assert "waits for its marker a.csv.ok" in reasons(inbox)["a.csv"]
    put(inbox, "a.csv.ok", T + later, "")
    assert reasons(inbox) == {}
    assert ready(inbox) == ["a.csv"]


def test_with_a_marker_too_the_file_must_settle(inbox):
    put(inbox, "a.csv")
    put(inbox, "a.csv.ok")
    inbox.scan(0)
    assert [one.entry for one in inbox.scan(1.9).settling] == ["a.csv"]


@pytest.mark.parametrize("kind", ["older", "link", "folder"])
def test_what_is_older_or_no_file_vouches_for_nothing(inbox, kind):
    put(inbox, "a.csv")
    if kind == "older":
        put(inbox, "a.csv.ok", T - 1)
    elif kind == "link":
        (inbox.path / "a.csv.ok").symlink_to(put(inbox, "../elsewhere", T + 1))
    else:
        (inbox.path / "a.csv.ok").mkdir()
    assert ready(inbox) == []
    assert list(reasons(inbox)) == ["a.csv"]


@pytest.mark.parametrize("name", ["a.csv.ok", "a.csv.OK", ".ok"])
def test_a_marker_is_never_data_and_alone_it_is_told(inbox, name):
    put(inbox, name)
    put(inbox, f"{name}.ok")
    assert name not in ready(inbox)
    (inbox.path / f"{name}.ok").unlink()
    assert "whose file is not there" in reasons(inbox)[name]


def test_the_marker_goes_once_the_file_is_claimed(inbox):
    put(inbox, "a.csv")
    marker = put(inbox, "a.csv.ok")
    inbox.scan(0)
    (candidate,) = inbox.scan(2).ready
    assert marker.exists()
    assert inbox.claim(candidate)
    assert not marker.exists()
    assert [path.name for path in (inbox.path / ".syncd").iterdir()] == [inbox.claimed()[0].entry]


def test_the_marker_stays_where_the_file_cannot_be_claimed(inbox, monkeypatch):
    put(inbox, "a.csv")
    marker = put(inbox, "a.csv.ok")
    inbox.scan(0)
    (candidate,) = inbox.scan(2).ready
    rename = os.rename

    def refuse(entry, *args, **places):
        if entry == "a.csv":
            raise PermissionError(errno.EACCES, "Permission denied")
        rename(entry, *args, **places)

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(SourceUnreachable):
        inbox.claim(candidate)
    assert marker.exists()
    monkeypatch.undo()
    assert inbox.claim(candidate)


def test_a_marker_that_is_taken_back_at_the_last_instant_holds_the_file_back(inbox):
    path = put(inbox, "a.csv")
    marker = put(inbox, "a.csv.ok")
    inbox.scan(0)
    (candidate,) = inbox.scan(2).ready
    marker.unlink()
    assert inbox.claim(candidate) is None
    assert path.exists()


def test_a_marker_left_by_a_crash_does_not_vouch_for_a_later_file(inbox):
    put(inbox, "a.csv.ok", T)
    put(inbox, "a.csv", T + 1)
    assert ready(inbox) == []
    put(inbox, "a.csv.ok", T + 1)
    assert ready(inbox) == ["a.csv"]


def test_a_marker_that_was_set_anew_meanwhile_stays(inbox):
    put(inbox, "a.csv.ok", T)
    folder, private = (os.open(path, os.O_RDONLY) for path in (inbox.path, inbox.path / ".syncd"))
    markers = Markers(".ok")
    seen = markers.seen("a.csv", T, folder)
    put(inbox, "a.csv.ok", T + 5)
    markers.remove("a.csv", seen, folder, private)
    assert (inbox.path / "a.csv.ok").stat().st_mtime_ns == T + 5
    markers.remove("a.csv", markers.seen("a.csv", T, folder), folder, private)
    assert not (inbox.path / "a.csv.ok").exists()
    markers.remove("a.csv", seen, folder, private)
    os.close(folder)
    os.close(private)
