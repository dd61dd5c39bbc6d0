"""What the daemon says of a state that it cannot use, and of looks that fail again and again."""

import asyncio
import errno
import sqlite3
from pathlib import Path

import pytest
from rig import Rig
from structlog.testing import capture_logs
from virtual_time import run_virtually

from syncd.generation import Generation
from syncd.state_trouble import state_trouble

PATH = Path("/var/lib/syncd/state.db")


def of_sqlite(code):
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "opening", "status", "says"),
    [
        (of_sqlite(sqlite3.SQLITE_FULL), False, 75, "Make room"),
        (OSError(errno.ENOSPC, "No space left on device"), False, 75, "Make room"),
        (of_sqlite(sqlite3.SQLITE_BUSY), False, 75, "kept it locked"),
        (of_sqlite(sqlite3.SQLITE_CANTOPEN), True, 78, "write in /var/lib/syncd"),
        (OSError(errno.EROFS, "Read-only file system"), True, 78, "write in /var/lib/syncd"),
        (of_sqlite(sqlite3.SQLITE_READONLY), False, 1, "cannot be used"),
        (of_sqlite(sqlite3.SQLITE_IOERR_WRITE), False, 1, "does it fail"),
        (of_sqlite(sqlite3.SQLITE_CORRUPT), False, 1, "sets it aside"),
        (of_sqlite(sqlite3.SQLITE_CANTOPEN), False, 1, "another user"),
    ],
)
def test_each_trouble_with_the_state_has_its_words_and_its_exit_status(error, opening, status, says):
    trouble = state_trouble(error, PATH, opening=opening)

    assert trouble.exit_status == status
    assert says in str(trouble)
    assert str(PATH) in str(trouble)


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "Permission denied"), ValueError("ours")])
def test_what_has_nothing_to_do_with_the_state_is_not_blamed_on_it(error):
    assert state_trouble(error, PATH, opening=False) is None


class _FailingFeed:
    def __init__(self, feed):
        self.terms = feed.terms
        self.faults = []

    async def look(self):
        if self.faults and (fault := self.faults.pop(0)):
            raise fault


def test_a_look_that_fails_the_same_way_again_and_again_is_told_once(tmp_path):
    async def story():
        rig = Rig(tmp_path)
        async with rig.opened() as app:
            generation = Generation(app, lambda fault: None)
            feed = _FailingFeed(next(iter(app.feeds.values())))
            feed.faults = [
                RuntimeError("one"),
                RuntimeError("one"),
                RuntimeError("two"),
                None,
                RuntimeError("two"),
            ]
            with capture_logs() as told:
                for _ in range(5):
                    await generation.look(feed)
            for lane in app.lanes.values():
                lane.stop()
            await asyncio.gather(*generation.lanes)
        return [line["event"] for line in told]

    assert run_virtually(story()) == ["look_failed"] * 3
