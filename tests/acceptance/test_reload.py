"""The configuration changes while the daemon runs: the real process, real signals, the sandbox."""

import signal
import sqlite3
import threading
from contextlib import closing

import pytest
from processes import SECRETS, ServedSandbox, eventually, hears, shows
from service_manager import ServiceManager

from connectors.sandbox.buckets import Limits
from connectors.sandbox.faults import Fault, FaultKind
from syncd.control import Refused, ask, socket_path

SLOW = Limits(rows_per_request=2, rows_per_second=2, row_burst=2)


@pytest.fixture
def manager(tmp_path):
    manager = ServiceManager(tmp_path)
    yield manager
    manager.close()


@pytest.fixture
def running(site, served, manager):
    """A site that is in sync and runs under a manager."""
    site.environment = manager.environment(watchdog_seconds=20)
    site.drop({"A": 10, "B": 4})
    site.start()
    manager.told("READY=1")
    eventually(shows(served, {"A": 10, "B": 4}), "both shops show the stock")
    eventually(site.is_settled, "all is confirmed")
    return site


def change(site, old: str, new: str) -> None:
    text = site.config.read_text()
    assert text.count(old) == 1, text
    site.config.write_text(text.replace(old, new))


def hang_up(site, manager, times: int = 1) -> list[str]:
    """Send SIGHUP and wait until the daemon says READY again; give what was told in between."""
    before = len(manager.messages)
    for _ in range(times):
        site.process.send_signal(signal.SIGHUP)
    reloading = manager.told("RELOADING=1", after=before)
    ready = manager.told("READY=1", after=reloading)
    return manager.all()[before:ready]


def of_channel(site, name: str) -> dict:
    return site.status()["channels"].get(name, {})


def rows_of(served):
    return served.rows("tokopedia"), served.rows("tocobagus")


def test_an_unchanged_configuration_is_taken_quietly_and_interrupts_nothing(running, served, manager):
    before = rows_of(served)
    hang_up(running, manager)

    said = running.log.read_text()
    assert "configuration_unchanged" in said
    assert "configuration_reloaded" not in said
    assert rows_of(served) == before
    assert running.terminate() == 0


def test_changed_rules_push_only_what_differs(running, served, manager):
    """B shows 4 either way."""
    change(
        running, "[channels.tokopedia-sandbox]\n", "[channels.tokopedia-sandbox]\nrules = { max_shown = 5 }\n"
    )
    before = rows_of(served)
    hang_up(running, manager)
    eventually(
        lambda: served.ask(lambda sandbox: sandbox.tokopedia.stock()) == {"A": 5, "B": 4},
        "the new rule holds",
    )
    eventually(running.is_settled, "all is confirmed")

    assert rows_of(served) == (before[0] + 1, before[1])
    assert "configuration_reloaded" in running.log.read_text()
    assert running.terminate() == 0


def test_a_channel_that_is_taken_out_is_left_alone_and_one_that_comes_back_is_asserted(
    running, served, manager
):
    whole = running.config.read_text()
    running.config.write_text(whole[: whole.index("[channels.tocobagus-sandbox]")])
    hang_up(running, manager)
    rows = served.rows("tocobagus")
    running.drop({"A": 11, "B": 4}, "second.csv")
    eventually(
        lambda: served.ask(lambda s: s.tokopedia.stock()) == {"A": 11, "B": 4}, "the other one goes on"
    )
    assert served.rows("tocobagus") == rows

    running.config.write_text(whole)
    hang_up(running, manager)
    eventually(shows(served, {"A": 11, "B": 4}), "it is asserted anew")
    eventually(running.is_settled, "all is confirmed")
    assert running.terminate() == 0


def test_a_new_source_is_read_and_a_new_folder_watched(running, served, manager):
    (running.folder / "second").mkdir()
    text = running.config.read_text()
    added = '[sources.pos]\ntype = "drop"\npath = "second"\nsettle = "100ms"\nscan = "200ms"\n'
    running.config.write_text(added + text)
    hang_up(running, manager)
    (running.folder / "second" / ".part").write_text("sku,quantity\nC,7\n")
    (running.folder / "second" / ".part").rename(running.folder / "second" / "pos.csv")

    eventually(shows(served, {"A": 10, "B": 4, "C": 7}), "the new source is pushed")
    assert running.terminate() == 0


def test_a_bad_configuration_is_refused_whole_the_old_one_stays_and_says_so(running, served, manager):
    good = running.config.read_text()
    running.config.write_text(
        good.replace("settle", "setle").replace('type = "drop"', 'type = "drop"\nscann = 3')
    )
    told = hang_up(running, manager)
    manager.told_status("new configuration refused: ", after=len(told))
    running.drop({"A": 1, "B": 4}, "second.csv")
    eventually(shows(served, {"A": 1, "B": 4}), "the old one goes on")

    said = [line for line in running.log.read_text().splitlines() if "configuration_refused" in line]
    assert len(said) == 1
    assert "setle" in said[0]
    assert "scann" in said[0]
    running.config.write_text(good)
    refused = running.status()["configuration"]["refused"]
    assert len(refused["problems"]) == 2
    assert "the daemon refused a changed configuration" in running.command("status").stdout

    hang_up(running, manager)
    assert running.status()["configuration"]["refused"] is None
    assert running.terminate() == 0


def test_a_configuration_that_is_still_being_written_is_refused_in_words(running, manager):
    text = running.config.read_text()
    running.config.write_text("")
    hang_up(running, manager)
    running.config.write_text(text)

    assert "there is no source" in running.status()["configuration"]["refused"]["problems"][0]
    assert "Traceback" not in running.log.read_text()
    assert running.terminate() == 0


def test_what_only_a_restart_can_change_is_refused_with_that_reason(running, manager):
    text = running.config.read_text()
    running.config.write_text('[state]\nurl = "sqlite:///other.db"\n' + text)
    hang_up(running, manager)

    assert "restart syncd to change it" in running.log.read_text()
    running.config.write_text(text)
    assert "state.url" in running.status()["configuration"]["refused"]["problems"][0]
    assert not (running.folder / "other.db").exists()
    assert running.terminate() == 0


def test_secrets_are_read_anew(new_site, served, manager):
    """A wrong one holds the channel; the right one, in the same file, lets it go on."""
    site = new_site(served)
    secret = site.keep_secrets_apart()[0]
    right = secret.read_text()
    secret.write_text("wrong-client-secret")
    site.environment = manager.environment()
    site.drop({"A": 3})
    site.start()
    manager.told("READY=1")
    eventually(lambda: (of_channel(site, "tokopedia-sandbox") or {}).get("hold"), "it is held")
    secret.write_text(right)
    hang_up(site, manager)

    eventually(site.is_settled, "it is released and pushes")
    assert shows(served, {"A": 3})()
    assert "wrong-client-secret" not in site.log.read_text()
    assert site.terminate() == 0


def test_the_level_of_the_log_follows(running, manager):
    running.config.write_text('[logging]\nformat = "json"\nlevel = "error"\n' + running.config.read_text())
    hang_up(running, manager)
    length = len(running.log.read_text())
    running.drop({"A": 2, "B": 4}, "second.csv")
    eventually(running.is_settled, "it is pushed")

    assert running.terminate() == 0
    said = running.log.read_text()[length:]
    assert '"level": "info"' not in said
    assert "batch_pushed" not in said


def test_what_is_in_flight_is_finished_by_the_old_configuration_and_not_sent_twice(running, served, manager):
    served.sandbox.faults.next(Fault(kind=FaultKind.LATENCY, after=2.0, marketplace="tokopedia"))
    running.drop({"A": 7, "B": 4}, "second.csv")
    eventually(lambda: served.pushes() >= 2, "the slow request is under way")
    change(
        running, "[channels.tokopedia-sandbox]\n", "[channels.tokopedia-sandbox]\nrules = { max_shown = 8 }\n"
    )
    hang_up(running, manager)
    eventually(running.is_settled, "all is confirmed")

    assert served.rows() == 3, "two at the start, and one that changed"
    with closing(sqlite3.connect(running.folder / "state.db")) as state:
        assert state.execute("SELECT count(*) FROM attempt WHERE outcome <> 'accepted'").fetchone() == (0,)
    assert running.terminate() == 0


def test_many_hangups_in_a_row_and_one_before_it_is_ready_end_with_the_last_configuration(
    site, served, manager
):
    site.environment = manager.environment()
    site.drop({"A": 10})
    site.start()
    eventually(lambda: hears(site.process, signal.SIGHUP), "it takes the signal")
    change(
        site, "[channels.tokopedia-sandbox]\n", "[channels.tokopedia-sandbox]\nrules = { max_shown = 6 }\n"
    )
    site.process.send_signal(signal.SIGHUP)
    manager.told("READY=1")
    eventually(lambda: served.ask(lambda s: s.tokopedia.stock()) == {"A": 6}, "the early signal counts")
    for shown in (1, 2, 3):
        text = site.config.read_text()
        site.config.write_text(text.replace(text[text.index("max_shown") :][:13], f"max_shown = {shown}"))
        site.process.send_signal(signal.SIGHUP)

    eventually(lambda: served.ask(lambda s: s.tokopedia.stock()) == {"A": 3}, "the last one counts")
    assert site.terminate() == 0
    assert "Traceback" not in site.log.read_text()


def test_a_stop_in_the_middle_of_a_reload_ends_it_in_order(running, served, manager):
    served.sandbox.faults.next(Fault(kind=FaultKind.LATENCY, after=3.0, marketplace="tokopedia"))
    running.drop({"A": 7, "B": 4}, "second.csv")
    eventually(lambda: served.pushes() >= 2, "the slow request is under way")
    change(
        running, "[channels.tokopedia-sandbox]\n", "[channels.tokopedia-sandbox]\nrules = { max_shown = 8 }\n"
    )
    before = len(manager.messages)
    running.process.send_signal(signal.SIGHUP)
    manager.told("RELOADING=1", after=before)
    running.process.send_signal(signal.SIGTERM)
    running.process.send_signal(signal.SIGHUP)

    assert running.process.wait(20) == 0
    running.ended()
    said = running.log.read_text()
    assert "daemon_stopped" in said
    assert "Traceback" not in said
    with closing(sqlite3.connect(running.folder / "state.db")) as state:
        assert state.execute("SELECT count(*) FROM attempt WHERE outcome <> 'accepted'").fetchone() == (0,)


def test_a_reconcile_under_way_is_told_and_its_rows_are_pushed_all_the_same(new_site, manager):
    with ServedSandbox(apply_delay=0.0, tokopedia_limits=SLOW) as served:
        _reload_while_reconciling(new_site(served), served, manager)


def _reload_while_reconciling(site, served, manager):
    site.environment = manager.environment()
    site.drop({f"SKU-{number:02}": 5 for number in range(60)})
    site.start()
    manager.told("READY=1")
    told, refused = threading.Event(), []

    def follow():
        try:
            for _ in ask(socket_path(site.state, None), "reconcile", {}):
                told.set()
        except Refused as refusal:
            refused.append(refusal)

    asking = threading.Thread(target=follow)
    asking.start()
    assert told.wait(20), "it is being followed"
    change(site, "[channels.tokopedia-sandbox]\n", '[channels.tokopedia-sandbox]\nreassert_after = "5m"\n')
    hang_up(site, manager)
    asking.join(20)
    pushes = served.pushes()

    assert "the configuration was reloaded meanwhile" in str(refused[0])
    assert refused[0].exit_status == 75
    eventually(lambda: served.pushes() > pushes + 1, "the rest is pushed by the new one")
    assert site.terminate() == 0


def test_the_command_reloads_and_gives_what_is_wrong_with_78(running, served):
    unchanged = running.command("reload")
    change(
        running, "[channels.tokopedia-sandbox]\n", "[channels.tokopedia-sandbox]\nrules = { max_shown = 5 }\n"
    )
    changed = running.command("reload")
    eventually(lambda: served.ask(lambda s: s.tokopedia.stock()) == {"A": 5, "B": 4}, "the new rule holds")
    change(running, f'"{SECRETS[0]}"', '{ file = "not-there" }')
    refused = running.command("reload")

    assert (unchanged.returncode, changed.returncode, refused.returncode) == (0, 0, 78)
    assert "nothing that matters has changed" in unchanged.stdout
    assert "taken over" in changed.stdout
    assert "not-there cannot be read" in refused.stderr
    assert SECRETS[0] not in running.log.read_text()
    assert running.terminate() == 0


def test_the_command_says_where_no_daemon_runs(site):
    answer = site.command("reload")

    assert answer.returncode == 1
    assert "no daemon works with" in answer.stderr
