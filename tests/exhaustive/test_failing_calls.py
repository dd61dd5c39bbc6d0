"""Fail the first call, then the second, the third …, once and from then on, until a run meets none.

A run is one life of the daemon: open, take in a good and a bad export, push to a prompt and to an asynchronous
marketplace, put the files away, close. Whatever fails, it ends cleanly or goes on; and the next start, with
nothing failing, ends with the truth in both shops, nothing lost and nothing invented.
"""

import errno
import io
import itertools
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from crash_points import folder_in_memory
from daemon_lives import (
    LIFE,
    BreakingTransport,
    Failing,
    ServedSite,
    Site,
    files_no_larger_than,
    left,
    live,
    live_failing,
    lost,
    whats_wrong,
)
from virtual_time import run_virtually
from watched_calls import watched

from syncd import logs

PAGE = 4096
SHARES = 4
WRITES = ("BEGIN IMMEDIATE", "COMMIT", "CREATE", "DELETE", "INSERT", "UPDATE")


def broken_disk(_: str) -> Exception:
    return sqlite3.OperationalError("disk I/O error")


class Series:
    """The same life again and again, each in a folder of its own, with another call failing."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.healed: set[bytes] = set()
        self.endings: Counter[str] = Counter()
        self.wrongs: list[str] = []
        self.lives = 0

    def new_site(self, kind: type[Site] = Site) -> Site:
        self.lives += 1
        return kind(self.folder / str(self.lives))

    def try_once(self, name: str, site: Site, failing, **how) -> None:
        try:
            self.endings[live_failing(site.rig, failing, **how)] += 1
        except Exception as fault:  # noqa: BLE001 (whatever else it is, is wrong)
            self.wrongs.append(f"{name} ended in {fault!r}")
            return
        self.wrongs += [f"{name} lost {text!r}" for text in lost(site.rig.folder / "inbox")]
        if (mark := left(site)) not in self.healed:
            self.healed.add(mark)
            self.wrongs += [f"{name}: {wrong}" for wrong in whats_wrong(site)]

    def until_clean(
        self, make: Callable[[Site, int], tuple[Failing, object]], kind=Site, *, first=1, step=1
    ) -> int:
        """Let the Nth fail for N = 1, 2, 3 … until none is left to fail; return how often one did.

        `first` and `step` give a share of them.
        """
        for count, n in enumerate(itertools.count(first, step)):
            site = self.new_site(kind)
            failing, context = make(site, n)
            self.try_once(f"call {n}", site, context)
            if not failing.failed:
                assert n - step <= failing.calls < n, "the run depends on chance"
                return count
        raise AssertionError

    def conclude(self, count: int) -> None:
        ends = f"{len(self.healed)} different ends healed, endings: {dict(self.endings)}"
        print(f"{count} calls failed, {ends}")
        assert count > 0
        assert not self.wrongs, "\n".join(self.wrongs)


@pytest.fixture
def series(tmp_path):
    logs.configure("json", "critical", stream=io.StringIO())
    with folder_in_memory(tmp_path) as folder:
        yield Series(folder)


lasting = pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])


@pytest.mark.parametrize("first", range(1, SHARES + 1))
def test_each_failing_statement_ends_cleanly_and_the_next_start_with_the_truth(series, first):
    def make(site, n):
        failing = Failing(n, lasting=False, error=broken_disk)
        return failing, watched(site.rig.folder, statement=failing)

    series.conclude(series.until_clean(make, first=first, step=SHARES))


def test_a_disk_that_takes_no_more_writes_ends_cleanly_and_the_next_start_with_the_truth(series):
    def make(site, n):
        failing = Failing(n, lasting=True, error=broken_disk)
        return failing, watched(
            site.rig.folder, statement=lambda sql: failing(sql) if sql.startswith(WRITES) else None
        )

    series.conclude(series.until_clean(make))


@lasting
def test_each_failing_file_call_ends_cleanly_and_the_next_start_with_the_truth(series, lasting):
    def make(site, n):
        failing = Failing(n, lasting=lasting, error=lambda what: OSError(errno.ENOSPC, "No space left", what))
        return failing, watched(site.rig.folder, file_call=failing)

    series.conclude(series.until_clean(make))


@lasting
@pytest.mark.parametrize(
    ("late", "error"),
    [(False, httpx.ConnectError), (False, httpx.ReadTimeout), (True, httpx.ReadError)],
    ids=["no connection", "no answer", "applied, no answer"],
)
def test_each_failing_request_is_met_and_the_next_start_ends_with_the_truth(series, lasting, late, error):
    def make(site, n):
        failing = Failing(n, lasting=lasting, error=error)
        sandbox = httpx.ASGITransport(app=site.sandbox.app)

        @contextmanager
        def breaking():
            site.rig.transport = BreakingTransport(sandbox, failing, late=late)
            yield
            site.rig.transport = sandbox

        return failing, breaking()

    series.conclude(series.until_clean(make, ServedSite))
    assert set(series.endings) == {"went on"}


def test_a_disk_that_is_full_after_any_number_of_pages_ends_cleanly_and_the_next_start_with_the_truth(series):
    for pages in itertools.count(1, 3):
        site = series.new_site()
        series.try_once(f"{pages} pages", site, files_no_larger_than(pages * PAGE))
        if series.endings["went on"]:
            break

    series.conclude(pages)


def test_a_start_that_cannot_write_its_lock_file_leaves_the_state_unlocked(series):
    site = series.new_site()

    series.try_once("no page", site, files_no_larger_than(0))

    assert series.wrongs == []


def test_a_rejected_file_that_could_not_be_moved_has_one_report_in_the_end(series):
    def make(site, n):
        failing = Failing(n, lasting=False, error=lambda what: OSError(errno.ENOSPC, "No space left", what))
        return failing, watched(
            site.rig.folder, file_call=lambda what: failing(what) if what.startswith("os.rename") else None
        )

    for n in itertools.count(1):
        site = series.new_site()
        failing, context = make(site, n)
        series.try_once(f"call {n}", site, context)
        run_virtually(live(site.rig, LIFE))
        assert len(list((site.rig.folder / "inbox" / "rejected").glob("*.txt"))) == 1
        if not failing.failed:
            break
