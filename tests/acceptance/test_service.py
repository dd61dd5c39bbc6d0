"""The daemon as systemd sees it: a datagram socket that listens to the real process."""

import os
import re
import signal
import sqlite3
import time
from contextlib import closing, suppress
from itertools import pairwise

import pytest
from processes import SOURCE, eventually, shows
from service_manager import ServiceManager

from connectors.sandbox.faults import Effect, Fault, FaultKind

WRITERS = '[sources.pos]\ntype = "sqlite"\npath = "pos.db"\nquery = "SELECT sku, quantity FROM stock"\n'


@pytest.fixture
def manager(tmp_path):
    manager = ServiceManager(tmp_path)
    yield manager
    manager.close()


@pytest.fixture
def watched(site, manager):
    """A site whose daemon is served by a manager with a watchdog of three seconds."""
    site.environment = manager.environment(watchdog_seconds=3)
    return site


@pytest.fixture
def hanging(tmp_path, new_site, served, manager):
    """A site with a second source that does not answer, and what lets it answer.

    What hangs is real: SQLite opens the journal that another program seems to have left, and no pipe is
    opened for reading before somebody writes to it.
    """
    site = new_site(served, text=SOURCE + WRITERS + served.sandbox.configuration(served.url))
    site.environment = manager.environment(watchdog_seconds=3)
    with closing(sqlite3.connect(site.folder / "pos.db")) as database:
        database.executescript("CREATE TABLE stock(sku, quantity); INSERT INTO stock VALUES ('B', 7)")
    journal = site.folder / "pos.db-journal"
    os.mkfifo(journal)

    def answer():
        with suppress(OSError):  # nobody waits
            os.close(os.open(journal, os.O_WRONLY | os.O_NONBLOCK))
        journal.unlink()

    yield site, answer
    if journal.exists():
        answer()


def test_it_is_ready_when_its_socket_answers_and_tells_what_is_due_and_that_it_stops(watched, manager):
    watched.start()
    ready = manager.told("READY=1")

    assert watched.command("reconcile").returncode == 0, "it answers"
    assert manager.told_status("opening the state database") < ready
    manager.told_status("2 channels: nothing due", after=ready)
    assert watched.terminate() == 0
    stopping = manager.told("STOPPING=1", after=ready)
    manager.told_status("stopping", after=stopping)


def test_a_socket_in_the_abstract_name_space_is_told_as_well(site, tmp_path):
    manager = ServiceManager(tmp_path, abstract=f"syncd-test-{tmp_path.name}")
    site.environment = manager.environment()
    site.start()
    manager.told("READY=1")

    assert site.terminate() == 0
    manager.close()


def test_who_is_not_watched_is_not_fed_and_who_is_another_process_neither(site, manager):
    site.environment = manager.environment(watchdog_seconds=1) | {"WATCHDOG_PID": "1"}
    site.start()
    manager.told("READY=1")
    manager.hear(2)

    assert site.terminate() == 0
    assert manager.count("WATCHDOG=1") == 0


def test_a_wrong_configuration_ends_with_78_was_never_ready_and_says_so(site, manager):
    site.environment = manager.environment()
    site.config.write_text(site.config.read_text().replace("settle", "setle"))
    site.start()

    assert site.ended() == 78
    manager.told_status("not started: ")
    assert manager.count("READY=1") == 0


def test_an_unusable_state_is_told_before_it_ends(watched, manager):
    watched.start()
    manager.told("READY=1")
    with closing(sqlite3.connect(watched.folder / "state.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        watched.drop({"A": 1})
        assert watched.ended() == 75
    manager.told_status("ended: the state database")


def test_the_watchdog_is_fed_about_every_second_as_long_as_all_moves(watched, manager, served):
    watched.start()
    first = manager.told("WATCHDOG=1", after=manager.told("READY=1") - 1)
    watched.drop({"A": 3})
    manager.hear(6)

    times = [at for at, message in manager.messages[first - 1 :] if message == "WATCHDOG=1"]
    assert len(times) >= 5
    assert max(later - earlier for earlier, later in pairwise(times)) < 3
    assert watched.terminate() == 0


def test_a_loop_that_is_blocked_feeds_nobody_and_one_that_goes_on_does(watched, manager):
    """What blocks it is real: its next write waits for another program's transaction."""
    watched.drop({"A": 3})
    watched.start()
    manager.told("READY=1")
    eventually(watched.is_settled, "the first stock is there")
    with closing(sqlite3.connect(watched.folder / "state.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        watched.drop({"A": 4}, "later.csv")
        manager.hear(5)
        before = manager.count("WATCHDOG=1")
        manager.hear(5)
        assert manager.count("WATCHDOG=1") == before
        other.execute("ROLLBACK")
    manager.told("WATCHDOG=1", after=len(manager.messages))

    assert watched.terminate() == 0


def test_a_source_that_does_not_answer_is_told_once_and_costs_only_itself(hanging, manager, served):
    site, answer = hanging
    site.start()
    ready = manager.told("READY=1")
    site.drop({"A": 3})
    eventually(shows(served, {"A": 3}), "the other source goes on")
    stalled = manager.told_status("source pos cannot be read: reading it stands still", after=ready)
    manager.hear(6)

    assert manager.all()[stalled:].count("WATCHDOG=1") >= 4
    said = site.log.read_text()
    assert said.count("progress_stalled") == 1
    assert re.search(r"progress_stalled.*source pos is \d s late", said)
    assert "pos: cannot be read since" in site.command("status").stdout
    site.drop({"A": 4}, "later.csv")
    eventually(shows(served, {"A": 4}), "the other source goes on")

    answer()
    eventually(shows(served, {"A": 4, "B": 7}), "it is read as soon as it answers")
    eventually(lambda: "source_recovered" in site.log.read_text(), "it is told to be well")
    eventually(lambda: re.search(r"progress_resumed.*source pos", site.log.read_text()), "it moves again")
    assert site.terminate() == 0


def test_a_source_that_does_not_answer_holds_up_neither_a_reload_nor_the_end(hanging, manager, served):
    site, _ = hanging
    site.start()
    manager.told("READY=1")
    eventually(lambda: "progress_stalled" in site.log.read_text(), "it stands still")
    site.config.write_text(site.config.read_text().replace('settle = "100ms"', 'settle = "200ms"'))

    began = time.monotonic()
    assert site.command("reload").returncode == 0
    assert time.monotonic() - began < 20
    site.drop({"A": 3})
    eventually(shows(served, {"A": 3}), "it works by the new configuration")
    began = time.monotonic()
    assert site.terminate() == 0
    assert time.monotonic() - began < 20


def test_a_slow_marketplace_or_one_that_is_down_is_no_standstill(new_site, served, manager):
    site = new_site(served, limits='timeout = "2s"\n')
    site.environment = manager.environment(watchdog_seconds=1)
    served.sandbox.faults.next(
        *(
            Fault(kind=FaultKind.HANG, effect=Effect.NOW, marketplace=name)
            for name in ("tokopedia", "tocobagus") * 3
        )
    )
    site.drop({"A": 3})
    site.start()
    manager.told("READY=1")
    eventually(lambda: "channel_unreachable" in site.log.read_text(), "it is down")
    manager.hear(4)
    began = len(manager.messages)
    manager.told("WATCHDOG=1", after=began, patience=3)

    assert "progress_stalled" not in site.log.read_text()
    assert site.terminate() == 0


def test_a_process_that_was_suspended_is_fed_again_at_once_when_it_goes_on(watched, manager):
    watched.drop({"A": 3})
    process = watched.start()
    manager.told("READY=1")
    eventually(watched.is_settled, "it is idle")
    process.send_signal(signal.SIGSTOP)
    manager.hear(12)
    stood_still = len(manager.messages)
    process.send_signal(signal.SIGCONT)
    manager.told("WATCHDOG=1", after=stood_still, patience=5)

    said = watched.log.read_text()
    assert "daemon_stood_still" in said
    assert "progress_stalled" not in said
    assert watched.terminate() == 0


def test_it_stops_within_the_bound_though_a_marketplace_does_not_answer_and_says_stopping_first(
    new_site, served, manager
):
    site = new_site(served, limits='timeout = "5m"\n')
    site.environment = manager.environment(watchdog_seconds=3)
    served.sandbox.faults.next(Fault(kind=FaultKind.HANG, effect=Effect.NOW, marketplace="tokopedia"))
    site.drop({"A": 3})
    process = site.start()
    manager.told("READY=1")
    eventually(shows(served, {"A": 3}), "one request hangs")
    process.send_signal(signal.SIGTERM)
    stopping = manager.told("STOPPING=1")
    manager.told("WATCHDOG=1", after=stopping)

    assert process.wait(35) == 0
