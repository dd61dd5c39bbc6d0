"""syncd/notify.py: what goes over the wire, and what of the environment it takes."""

import re
import time

import pytest
from service_manager import ServiceManager

from syncd.notify import Notifier


@pytest.fixture
def manager(tmp_path):
    manager = ServiceManager(tmp_path)
    yield manager
    manager.close()


def test_each_message_is_one_datagram_in_the_words_of_the_protocol(manager):
    notifier = Notifier(manager.address, watchdog_seconds=2)
    notifier.extend(1.5)
    notifier.ready()
    notifier.feed()
    notifier.status("all is well")
    notifier.stopping()
    manager.told("STOPPING=1")

    assert manager.all() == [
        "EXTEND_TIMEOUT_USEC=1500000",
        "READY=1",
        "WATCHDOG=1",
        "STATUS=all is well",
        "STOPPING=1",
    ]


def test_a_reload_says_when_it_began_on_the_clock_that_systemd_compares_it_with(manager):
    Notifier(manager.address).reloading()
    manager.told("RELOADING=1")
    said = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", manager.all()[0])

    assert 0 <= time.clock_gettime(time.CLOCK_MONOTONIC) - int(said[1]) / 1e6 < 60


def test_a_status_is_one_short_line_and_is_said_once(manager):
    notifier = Notifier(manager.address)
    notifier.status("two\nlines")
    notifier.status("two  lines")
    notifier.status("x" * 1_000)
    notifier.ready()
    manager.told("READY=1")

    assert manager.all()[:-1] == ["STATUS=two lines", "STATUS=" + "x" * 299 + "…"]


def test_what_systemd_set_is_taken_out_of_the_environment(manager):
    environ = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "7", "HOME": "/"}
    notifier = Notifier.taken_from(environ, 7)

    assert environ == {"HOME": "/"}
    assert notifier.is_heard
    assert notifier.watchdog_seconds == 3.0


@pytest.mark.parametrize(
    "given",
    [
        {"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "8"},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "-1"},
        {},
    ],
)
def test_who_is_not_watched_feeds_nobody(manager, given):
    notifier = Notifier.taken_from({"NOTIFY_SOCKET": manager.address, **given}, 7)
    notifier.feed()
    notifier.ready()
    manager.told("READY=1")

    assert notifier.watchdog_seconds is None
    assert manager.all() == ["READY=1"]


@pytest.mark.parametrize("address", ["", "relative.sock", "@", "vsock:2:1"])
def test_an_address_that_is_none_is_spoken_to_by_nobody(address):
    notifier = Notifier.taken_from({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000"}, 7)
    notifier.ready()

    assert not notifier.is_heard
    assert notifier.watchdog_seconds is None


def test_a_manager_that_is_gone_stops_nobody(manager, tmp_path):
    notifier = Notifier(str(tmp_path / "gone.sock"), watchdog_seconds=1)
    notifier.ready()
    notifier.feed()
    manager.close()
    Notifier(manager.address).ready()
