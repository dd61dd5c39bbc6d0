import os
import pty
import subprocess
import sys
import threading

from syncd.cli.progress import Pace, done_and_total
from tests.cli.conftest import environment


def on_a_terminal(*arguments, columns=120):
    """Run a process on a terminal of its own; return its exit status and what the terminal got."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "syncd", *map(str, arguments)],
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env=environment(COLUMNS=str(columns), TERM="xterm"),
    )  # fmt: skip
    os.close(theirs)
    shown = []

    def read():
        try:
            while data := os.read(ours, 65536):
                shown.append(data)
        except OSError:  # the other end is closed
            return

    reader = threading.Thread(target=read)
    reader.start()
    status = process.wait(60)
    reader.join(10)
    os.close(ours)
    return status, b"".join(shown).decode()


def test_the_pace_is_that_of_the_last_seconds():
    pace = Pace()
    assert pace.of(0, 100.0) == 0
    assert pace.of(50, 101.0) == 50
    assert pace.of(100, 104.0) == 25
    assert pace.of(100, 120.0) == 0


def test_the_total_is_what_is_done_and_what_is_left():
    channel = {"accepted": 3, "rejected": 1, "to_do": 5, "in_flight": 2}
    assert done_and_total(channel) == (4, 11)


def test_a_terminal_gets_bars_and_a_table(shop):
    shop.export("a.csv", {f"SKU-{number}": number for number in range(1, 41)})
    status, shown = on_a_terminal("--config", shop.config, "reconcile")
    assert status == 0
    assert "40/40" in shown
    assert "─" in shown
    assert "everything is in sync" in shown


def test_log_lines_do_not_tear_the_bars(shop):
    shop.export("a.csv", {"SKU-1": 1, "UNKNOWN-1": 1})
    status, shown = on_a_terminal("--config", shop.config, "reconcile")
    assert status == 1
    assert "row_rejected" in shown


def test_a_table_too_wide_for_the_terminal_is_printed_in_long_lines(shop):
    shop.export("a.csv", {"SKU-1": 1})
    shop.call("reconcile")
    _, wide = on_a_terminal("--config", shop.config, "status")
    _, narrow = on_a_terminal("--config", shop.config, "status", columns=40)
    assert "─" in wide
    assert "─" not in narrow
    assert "tokopedia-sandbox" in narrow
