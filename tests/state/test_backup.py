"""A backup is complete, sound and private, or it is not there; and it is an older copy wherever it is opened."""

import sqlite3
import stat
import threading

import pytest

from state import backup
from state.backup import BackupDamaged, BackupRefused, back_up
from state.database import Database
from tests.state.test_ledger import Shop


@pytest.fixture
def shop(database):
    return Shop(database)


def copied(shop, target, *, replace=False, progress=lambda *_: None):
    return back_up(shop.database.path, target, replace=replace, progress=progress)


def quantities(path) -> dict[str, int]:
    connection = sqlite3.connect(path)
    try:
        return dict(connection.execute("SELECT sku, quantity FROM stock"))
    finally:
        connection.close()


def test_what_is_committed_is_in_it_and_only_its_owner_may_read_it(shop, tmp_path):
    shop.stock(1, A=5)
    heard = []
    size = copied(shop, tmp_path / "copy.db", progress=lambda *step: heard.append(step))

    assert quantities(tmp_path / "copy.db") == {"A": 5}
    assert (tmp_path / "copy.db").stat().st_size == size
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
    assert heard[-1][0] == heard[-1][1] > 0
    assert sorted(path.name for path in tmp_path.iterdir() if "copy" in path.name) == ["copy.db"]


def test_it_is_one_state_though_much_is_written_meanwhile(shop, tmp_path, monkeypatch):
    """A writer commits at every step: the copy neither begins anew nor mixes two states."""
    monkeypatch.setattr(backup, "STEP_PAGES", 2)
    shop.stock(1, **{f"S{number}": 1 for number in range(3_000)})
    steps = []

    def write(*step) -> None:
        steps.append(step)
        shop.stock(len(steps) + 1, **{f"S{number}": len(steps) + 1 for number in range(50)})

    copied(shop, tmp_path / "copy.db", progress=write)

    assert set(quantities(tmp_path / "copy.db").values()) == {1}
    assert len(steps) >= 20
    assert [done for done, _ in steps] == sorted({done for done, _ in steps}), "it never began anew"


def test_an_existing_file_is_replaced_only_where_that_is_asked_for(shop, tmp_path):
    target = tmp_path / "copy.db"
    target.write_text("precious")
    with pytest.raises(BackupRefused, match="--force"):
        copied(shop, target)
    assert target.read_text() == "precious"

    shop.stock(1, A=7)
    copied(shop, target, replace=True)
    assert quantities(target) == {"A": 7}


def test_one_that_somebody_makes_meanwhile_is_not_replaced(shop, tmp_path):
    target = tmp_path / "copy.db"
    with pytest.raises(BackupRefused, match="exists"):
        copied(shop, target, progress=lambda *_: target.write_text("precious"))
    assert target.read_text() == "precious"
    assert list(tmp_path.glob("*.part-*")) == []


def test_without_second_names_it_is_renamed(shop, tmp_path, monkeypatch):
    def no_links(*_):
        raise OSError(backup.errno.EPERM, "no links here")

    monkeypatch.setattr(backup.os, "link", no_links)
    copied(shop, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").exists()
    with pytest.raises(BackupRefused):
        copied(shop, tmp_path / "other.db", progress=lambda *_: (tmp_path / "other.db").touch())


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", ".lock", ".marker"])
@pytest.mark.parametrize("replace", [False, True])
def test_the_state_itself_is_never_the_target(shop, suffix, replace):
    path = shop.database.path
    with pytest.raises(BackupRefused, match="the state itself"):
        copied(shop, path.with_name(path.name + suffix), replace=replace)


def test_nor_is_it_under_another_name(shop, tmp_path):
    (tmp_path / "link.db").symlink_to(shop.database.path)
    (tmp_path / "hard.db").hardlink_to(shop.database.path)
    for name in ("link.db", "hard.db"):
        with pytest.raises(BackupRefused, match="the state itself"):
            copied(shop, tmp_path / name, replace=True)


def test_what_is_not_sound_is_not_left_behind(shop, tmp_path, monkeypatch):
    shop.stock(1, A=5)
    sound = backup._copy

    def damage(state, beside, progress):
        sound(state, beside, progress)
        content = bytearray(beside.read_bytes())
        content[4096:] = bytes(len(content) - 4096)
        beside.write_bytes(content)

    monkeypatch.setattr(backup, "_copy", damage)
    with pytest.raises(BackupDamaged):
        copied(shop, tmp_path / "copy.db")
    assert list(tmp_path.glob("copy*")) == []


def test_where_there_is_no_room_nothing_is_left_behind(shop, tmp_path):
    with pytest.raises(FileNotFoundError):
        copied(shop, tmp_path / "nowhere" / "copy.db")

    def full(*_):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        copied(shop, tmp_path / "copy.db", progress=full)
    assert list(tmp_path.glob("copy*")) == []


def test_while_it_is_made_others_write_without_waiting(shop, tmp_path):
    shop.stock(1, A=5)
    reached, go_on = threading.Event(), threading.Event()

    def pause(*_) -> None:
        reached.set()
        assert go_on.wait(20)

    thread = threading.Thread(target=copied, args=(shop, tmp_path / "copy.db"), kwargs={"progress": pause})
    thread.start()
    assert reached.wait(20)
    shop.stock(2, A=6)
    assert shop.push(3) == [("A", 6)]
    go_on.set()
    thread.join()
    assert quantities(tmp_path / "copy.db") == {"A": 5}


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_restored_one_is_an_older_copy_even_where_no_marker_tells(tmp_path, elsewhere):
    database = Database(tmp_path / "state.db")
    Shop(database).stock(1, A=5)
    back_up(database.path, tmp_path / "copy.db", replace=False, progress=lambda *_: None)
    database.close()
    place = (tmp_path / "new") if elsewhere else tmp_path
    place.mkdir(exist_ok=True)
    (tmp_path / "copy.db").rename(place / "state.db")

    restored = Database(place / "state.db")
    assert (restored.rewound, restored.doubtful, restored.fresh) == (True, True, False)
    restored.close()
    again = Database(place / "state.db")
    assert again.rewound, "until it has been met"
    again.caught_up()
    again.close()
    met = Database(place / "state.db")
    assert not met.rewound
    met.close()
