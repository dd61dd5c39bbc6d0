import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from syncd.checking.machine import (
    LEAST_MEMORY_BYTES,
    check_clock,
    check_machine,
    files_needed,
    is_synchronised,
    judge_memory,
    judge_open_files,
    memory_limit,
)
from syncd.watching import why_not_watched

DROP = '[sources.erp]\ntype = "drop"\npath = "."\n'


def test_this_machine_is_fine(configured, kinds):
    assert kinds(check_machine(configured(DROP))) == []


def test_too_few_open_files_are_found_with_the_number_needed(configured, kinds):
    config = configured(DROP)
    needed = files_needed(config)
    assert needed > 64
    assert kinds(judge_open_files(needed, needed)) == []
    assert kinds(judge_open_files(resource.RLIM_INFINITY, needed)) == []
    (found,) = judge_open_files(needed - 1, needed)
    assert found.kind == "open_files_few"
    assert f"LimitNOFILE={needed}" in found.remedy


def test_the_limit_is_that_of_the_daemon_that_runs(configured, kinds):
    daemon = subprocess.Popen(["sh", "-c", "ulimit -n 20; exec sleep 60"])
    try:
        deadline = time.monotonic() + 10
        while resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)[0] != 20 and time.monotonic() < deadline:
            os.sched_yield()
        assert kinds(check_machine(configured(DROP), daemon.pid)) == ["open_files_few"]
    finally:
        daemon.kill()
        daemon.wait()
    assert kinds(check_machine(configured(DROP), daemon.pid)) == []


def test_the_least_of_machine_and_control_groups_counts(tmp_path):
    meminfo = "MemTotal:        1000000 kB\nMemFree: 1 kB\n"
    inner = tmp_path / "system.slice" / "syncd.service"
    inner.mkdir(parents=True)
    group = "12:cpu:/x\n0::/system.slice/syncd.service\n"
    assert memory_limit(meminfo, group, tmp_path) == 1_024_000_000
    (inner / "memory.max").write_text("max\n")
    assert memory_limit(meminfo, group, tmp_path) == 1_024_000_000
    (tmp_path / "system.slice" / "memory.max").write_text("200000000\n")
    assert memory_limit(meminfo, group, tmp_path) == 200_000_000
    (inner / "memory.max").write_text("300000000\n")
    assert memory_limit(meminfo, group, tmp_path) == 200_000_000
    assert memory_limit("", "", tmp_path) is None


def test_too_little_memory_is_found(kinds):
    assert kinds(judge_memory(LEAST_MEMORY_BYTES)) == []
    assert kinds(judge_memory(LEAST_MEMORY_BYTES - 1)) == ["memory_small"]


def test_folders_that_can_be_watched_are_fine(tmp_path):
    assert why_not_watched([tmp_path]) == ""
    assert why_not_watched([]) == ""


@pytest.mark.skipif(shutil.which("unshare") is None, reason="no user namespaces here")
@pytest.mark.parametrize(
    ("limit", "said"), [("instances", "Too many open files"), ("watches", "watch limit reached")]
)
def test_an_exhausted_inotify_is_found(tmp_path, limit, said):
    """In a user namespace of its own, where nothing else is kept from watching."""
    code = f"from pathlib import Path; from syncd.watching import why_not_watched as w; print(w([Path({str(tmp_path)!r})]))"
    answer = subprocess.run(
        ["unshare", "-Ur", "sh", "-c", f'echo 0 > /proc/sys/user/max_inotify_{limit} || exit 77; "$0" -c "$1"',
         sys.executable, code],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    if answer.returncode == 77 or "unshare" in answer.stderr:
        pytest.skip("no user namespaces here")
    assert said in answer.stdout
    assert "[" not in answer.stdout


@pytest.fixture
def zone(monkeypatch):
    def set_to(name):
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield set_to
    monkeypatch.undo()
    time.tzset()


def clocks(config):
    return [one.kind.value for one in check_clock(config) if one.kind != "clock_not_synchronised"]


@pytest.mark.parametrize("name", ["Asia/Jakarta", ":Asia/Jakarta", "UTC", "WIB-7", "<+07>-7"])
def test_a_zone_that_there_is_is_told(configured, zone, name):
    zone(name)
    assert clocks(configured()) == ["clock"]


def test_a_zone_that_there_is_not_is_found(configured, zone):
    zone("Asia/Jakrta")
    assert clocks(configured()) == ["zone_unknown"]


@pytest.mark.parametrize(
    ("name", "expected"), [("UTC", ["clock", "zone_is_utc"]), ("Asia/Jakarta", ["clock"])]
)
def test_utc_is_worth_a_word_where_a_time_of_day_is_configured(configured, zone, name, expected):
    zone(name)
    assert clocks(configured('[reconcile]\nfull_at = "03:30"\n')) == expected
    timed = f'{DROP}timestamp = "%Y%m%d"\n'
    assert clocks(configured(timed)) == expected


def test_the_kernel_says_whether_anybody_sets_the_clock():
    """`timedatectl` asks the same of the kernel; here only that it answers, and alike each time."""
    assert is_synchronised() is is_synchronised()
