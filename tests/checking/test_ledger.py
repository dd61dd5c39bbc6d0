import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from rights import as_nobody

from state.database import Database
from syncd.checking.ledger import LEAST_FREE_BYTES, LEAST_FREE_INODES, check_ledger, judge_room

NOBODY = 65534
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="owners are changed by root only")


@pytest.fixture
def folder(tmp_path):
    for above in (tmp_path, *tmp_path.parents):  # so that somebody else may come as far as here
        if above.stat().st_uid == os.getuid() and above.parent != above and len(above.parts) > 2:
            above.chmod(0o755)
    place = tmp_path / "state"
    place.mkdir(mode=0o700)
    return place


@pytest.fixture
def ledger(folder):
    Database(folder / "state.db").close()
    return folder / "state.db"


def test_a_sound_ledger_is_fine_however_often_it_is_looked_at(ledger, kinds):
    assert kinds(check_ledger(ledger, {})) == []
    assert kinds(check_ledger(ledger, {})) == []


def test_beside_a_ledger_in_use_nothing_is_found(folder, kinds):
    database = Database(folder / "state.db")
    assert kinds(check_ledger(folder / "state.db", {})) == []
    database.close()


def test_a_folder_that_will_be_made_is_fine(folder, kinds):
    (found,) = check_ledger(folder / "deeper" / "state.db", {})
    assert found.what == f"{folder}/deeper/state.db will be made"


@only_root
def test_a_folder_that_this_user_may_not_write_is_found_with_its_owner(folder, kinds):
    folder.chmod(0o755)
    with as_nobody():
        (found,) = check_ledger(folder / "state.db", {})
    assert found.kind == "state_forbidden"
    assert "nobody may not write" in found.what
    assert "(root, mode 0755)" in found.what
    assert "chown" in found.remedy


@only_root
def test_a_folder_that_this_user_may_not_even_enter_is_found(ledger):
    with as_nobody():
        (found,) = check_ledger(ledger, {})
    assert found.kind == "state_forbidden"
    assert "may not look into" in found.what
    assert "sudo syncd check" in found.remedy


@only_root
@pytest.mark.parametrize("suffix", ["", ".lock", ".marker", "-wal"])
def test_a_file_that_a_command_of_another_user_left_is_found(ledger, kinds, suffix):
    for path in (ledger.parent, *ledger.parent.iterdir()):
        os.chown(path, NOBODY, NOBODY)
    left = ledger.with_name(ledger.name + suffix)
    left.touch(mode=0o600)
    os.chown(left, 0, 0)
    found = [one for one in check_ledger(ledger, {}) if one.kind == "state_owners_differ"]
    assert [f"{left.name}: root" in one.what for one in found] == [True]
    assert found[0].remedy.startswith(f"chown -R nobody: {ledger.parent}")


@only_root
def test_a_file_that_this_user_may_not_write_is_found(ledger, kinds):
    os.chown(ledger.parent, NOBODY, NOBODY)
    with as_nobody():
        found = kinds(check_ledger(ledger, {}))
    assert "state_forbidden" in found


@pytest.mark.parametrize("suffix", ["", ".lock", ".marker"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_files_that_others_can_open_are_found(ledger, suffix, mode):
    path = ledger.with_name(ledger.name + suffix)
    path.chmod(mode)
    (found,) = check_ledger(ledger, {})
    assert found.kind == "state_readable"
    assert found.remedy == f"chmod 600 {path}"


def test_a_ledger_of_a_later_version_and_one_of_an_earlier_are_found(ledger):
    def at(version):
        with closing(sqlite3.connect(ledger)) as connection:
            connection.execute("UPDATE schema_version SET version = ?", (version,))
            connection.commit()
        return [(one.kind.value, one.weight.value) for one in check_ledger(ledger, {})]

    assert at(99) == [("state_of_another_version", "problem")]
    assert at(1) == [("state_of_another_version", "note")]


def test_a_ledger_that_is_damaged_is_found(ledger, kinds):
    ledger.write_bytes(b"no database at all" * 1000)
    assert kinds(check_ledger(ledger, {})) == ["state_unreadable"]


def test_a_damaged_ledger_that_was_set_aside_is_told(ledger, kinds):
    ledger.with_name("state.db.damaged-00ff00ff").touch()
    assert kinds(check_ledger(ledger, {})) == ["state_set_aside"]


def test_a_path_too_long_for_the_socket_is_found_unless_the_socket_is_elsewhere(folder, kinds):
    path = folder / ("x" * 100) / "state.db"
    assert kinds(check_ledger(path, {})) == ["state_path_long"]
    assert kinds(check_ledger(path, {"RUNTIME_DIRECTORY": "/run/syncd"})) == []


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no file system in memory here")  # noqa: S108
def test_a_ledger_in_memory_is_found(kinds):
    found = [one.value for one in (f.kind for f in check_ledger(Path("/dev/shm/no/state.db"), {}))]  # noqa: S108
    assert "state_not_kept" in found


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        ({"free": LEAST_FREE_BYTES, "size": 0, "inodes": LEAST_FREE_INODES}, []),
        ({"free": LEAST_FREE_BYTES - 1, "size": 0, "inodes": None}, ["disk_low"]),
        ({"free": 10**9, "size": 10**9, "inodes": None}, ["disk_low"]),
        ({"free": 2 * 10**9, "size": 10**9, "inodes": None}, []),
        ({"free": 10**12, "size": 0, "inodes": LEAST_FREE_INODES - 1}, ["inodes_low"]),
    ],
)
def test_room_is_judged_by_bytes_and_by_files(tmp_path, kinds, room, expected):
    assert kinds(judge_room(tmp_path, **room)) == expected
