"""A daemon that was started from a terminal: what closing the terminal means, and what `kill -HUP` does."""

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios

import pytest
from processes import environment, eventually


@pytest.fixture
def terminal():
    keeper, end = pty.openpty()
    yield keeper, end
    for descriptor in (keeper, end):
        try:
            os.close(descriptor)
        except OSError:
            continue


def start_in(site, end, *, before=lambda: None):
    def take_the_terminal():
        os.setsid()
        fcntl.ioctl(end, termios.TIOCSCTTY, 0)
        before()

    with site.log.open("a") as log:
        site.process = subprocess.Popen(
            [sys.executable, "-m", "syncd", "--config", str(site.config), "run"],
            stdin=end, stdout=log, stderr=log, env=environment(),
            preexec_fn=take_the_terminal,  # noqa: PLW1509 (no thread of the tests holds a lock that it needs)
        )  # fmt: skip
    eventually(lambda: "daemon_started" in site.log.read_text(), "the daemon starts")
    return site.process


def test_it_ends_in_order_when_its_terminal_is_closed(site, terminal):
    keeper, end = terminal
    process = start_in(site, end)
    os.close(end)
    os.close(keeper)

    assert process.wait(20) == 0
    assert "SIGHUP" in site.log.read_text()
    assert "daemon_stopped" in site.log.read_text()


def test_a_signal_alone_is_a_reload(site, terminal):
    process = start_in(site, terminal[1])
    process.send_signal(signal.SIGHUP)
    eventually(lambda: "configuration_unchanged" in site.log.read_text(), "it reads the configuration")

    assert site.terminate() == 0


def test_one_that_nohup_started_outlives_its_terminal(site, terminal):
    keeper, end = terminal
    start_in(site, end, before=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    os.close(end)
    os.close(keeper)
    eventually(lambda: "configuration_unchanged" in site.log.read_text(), "it goes on")

    assert site.terminate() == 0
