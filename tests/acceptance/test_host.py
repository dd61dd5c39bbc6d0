"""What the machine does to the state: full disks, missing rights, locks of other programs."""

import os
import resource
import shutil
import sqlite3
import subprocess
from contextlib import contextmanager

import pytest
from processes import ServedSandbox, eventually, shows

from connectors.sandbox.buckets import Limits

FAST = Limits(rows_per_request=50, rows_per_second=200, row_burst=50)
STOCK = {f"SKU-{number}": number % 50 for number in range(600)}
ROOM_FOR_LITTLE = 200_000


def attempts(site, channel):
    with sqlite3.connect(site.state) as state:
        sql = "SELECT count(*) FROM attempt WHERE channel_id = (SELECT id FROM channel WHERE name = ?)"
        (found,) = state.execute(sql, (f"{channel}-sandbox",)).fetchone()
    state.close()
    return found


def said_once(site, since=0):
    """The one line with which the daemon said what was wrong with its state."""
    said = site.log.read_text()[since:]
    assert "Traceback" not in said
    (line,) = [line for line in said.splitlines() if "state_unusable" in line]
    return line


@contextmanager
def small_disk(folder, size="2m"):
    """A file system of its own; skips where this user may mount none."""
    folder.mkdir()
    if os.getuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root may mount a small file system")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        pytest.skip(f"no small file system can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder):
    with (folder / "filler").open("wb", buffering=0) as filler:
        try:
            while filler.write(b"x" * 4096):
                pass
        except OSError:
            return


def let_files_grow(process, size=resource.RLIM_INFINITY):
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_when_files_cannot_grow_nothing_is_sent_and_after_a_restart_all_is(site, served):
    site.drop({"A": 3})
    process = site.started()
    eventually(site.is_settled, "the first value is confirmed")
    pushes = served.pushes(), served.pushes("tocobagus")
    let_files_grow(process, 1)
    site.drop({"A": 9})
    status = site.ended()

    assert status in {1, 75}
    assert "cannot be used" in said_once(site)
    assert (served.pushes(), served.pushes("tocobagus")) == pushes
    site.started()
    eventually(shows(served, {"A": 9}), "the change is pushed when files can grow again")
    assert site.terminate() == 0


def test_when_files_stop_growing_in_mid_push_every_row_that_left_was_intended(new_site):
    with ServedSandbox(tokopedia_limits=FAST, apply_delay=0.0) as served:
        site = new_site(served)
        site.drop(STOCK)
        process = site.started()
        eventually(lambda: served.rows() >= 100, "some rows are pushed")
        let_files_grow(process, 1)
        site.ended()

        assert attempts(site, "tokopedia") >= served.rows() > 0
        assert attempts(site, "tocobagus") >= served.rows("tocobagus")
        said_once(site)
        site.started()
        eventually(shows(served, STOCK), "all is pushed after the restart")
        eventually(site.is_settled, "all is confirmed")
        assert site.terminate() == 0


def test_on_a_full_disk_it_says_to_make_room_exits_75_and_comes_back_when_there_is_some(
    tmp_path, new_site, served
):
    with small_disk(tmp_path / "disk") as disk:
        site = new_site(served, state=disk)
        site.drop({"A": 3})
        site.started()
        eventually(site.is_settled, "the first value is confirmed")
        pushes = served.pushes(), served.pushes("tocobagus")
        fill(disk)
        site.drop({"A": 9} | {f"SKU-{number}": 1 for number in range(300)}, "more.csv")
        statuses = [site.ended()]
        first = len(site.log.read_text())
        assert "Make room" in said_once(site)
        site.start()
        statuses.append(site.ended())

        assert statuses == [75, 75]
        assert "Make room" in said_once(site, since=first)
        assert (served.pushes(), served.pushes("tocobagus")) == pushes
        (disk / "filler").unlink()
        site.started()
        eventually(lambda: served.ask(lambda s: s.tokopedia.stock()).get("A") == 9, "the change is pushed")
        eventually(site.is_settled, "all is confirmed")
        assert site.terminate() == 0


@pytest.fixture
def humble_site(tmp_path, new_site, served):
    """A site whose commands run without the rights that root has over files that are not its own."""
    site = new_site(served, state=tmp_path / "state")
    (tmp_path / "state").mkdir()
    if os.getuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("nothing here takes rights away from root")
        site.run_by = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    yield site
    (tmp_path / "state").chmod(0o700)


def test_a_state_folder_that_it_may_not_write_in_is_told_and_not_tried_again(humble_site):
    humble_site.state.parent.chmod(0o500)
    humble_site.start()

    assert humble_site.ended() == 78
    assert f"write in {humble_site.state.parent}" in said_once(humble_site)


@pytest.mark.parametrize(("file", "mode"), [("state.db", 0o400), ("state.db", 0), ("state.db.lock", 0o400)])
def test_a_state_file_that_it_may_not_write_is_told_and_not_tried_again(humble_site, file, mode):
    humble_site.started()
    humble_site.terminate()
    (humble_site.state.parent / file).chmod(mode)
    humble_site.start()

    assert humble_site.ended() == 78
    assert f"write in {humble_site.state.parent}" in said_once(humble_site)


def test_a_program_that_locks_the_state_for_some_seconds_only_delays(site, served):
    site.drop({"A": 3})
    process = site.started()
    eventually(site.is_settled, "the first value is confirmed")
    backup = sqlite3.connect(site.state, isolation_level=None)
    backup.execute("BEGIN IMMEDIATE")
    site.drop({"A": 9})
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(3)
    pushes = served.pushes()
    backup.execute("ROLLBACK")
    backup.close()
    eventually(shows(served, {"A": 9}), "the change is pushed when the lock is gone")

    assert pushes == 1
    assert "state_unusable" not in site.log.read_text()
    assert site.terminate() == 0


def test_with_little_room_left_history_pauses_and_pushes_go_on(tmp_path, new_site, served):
    with small_disk(tmp_path / "disk", "64m") as disk:
        site = new_site(served, state=disk)
        site.drop({"A": 3, "B": 1})
        site.started()
        eventually(site.is_settled, "the first values are confirmed")
        assert site.terminate() == 0
        fill(disk)
        os.truncate(disk / "filler", (disk / "filler").stat().st_size - 3_000_000)
        site.started()
        eventually(lambda: "history_paused" in site.log.read_text(), "it says that the disk is nearly full")
        site.drop({"A": 9, "B": 1}, "more.csv")
        eventually(shows(served, {"A": 9, "B": 1}), "the change is pushed all the same")
        eventually(site.is_settled, "and confirmed")
        with sqlite3.connect(site.state) as state:
            assert state.execute("SELECT count(*) FROM past_level").fetchone() == (0,)
        state.close()
        assert "Traceback" not in site.log.read_text()
        assert site.terminate() == 0
