import json
import os
import signal
import time

from state.database import InstanceLock
from tests.cli.conftest import end, read_until

LEVELS = {f"SKU-{number}": number for number in range(1, 41)}


def shown(sandbox):
    return sandbox.stock()


def settled(sandbox, levels):
    """Wait until Tocobagus, which applies late, shows these levels too."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        stock = shown(sandbox)
        if all(stock[name].get(sku) == quantity for name in stock for sku, quantity in levels.items()):
            return True
    return False


def test_what_the_sources_say_is_pushed_and_the_exit_status_says_so(shop, sandbox):
    shop.export("a.csv", LEVELS)
    answer = shop.run("reconcile", "--json")
    summary = json.loads(answer.stdout)
    assert answer.returncode == 0
    assert summary["ok"] is True
    assert set(summary["channels"]) == {"tokopedia-sandbox", "tocobagus-sandbox"}
    for channel in summary["channels"].values():
        assert channel["sent"] == channel["accepted"] == channel["listings"] == channel["in_sync"] == 40
    assert [entry["state"] for entry in summary["imports"]] == ["applied"]
    assert settled(sandbox, LEVELS)


def test_a_row_that_is_refused_makes_the_exit_status_1_and_is_named(shop):
    shop.export("a.csv", {**LEVELS, "UNKNOWN-1": 5})
    answer = shop.run("reconcile")
    assert answer.returncode == 1
    assert "40 of 41" in answer.stdout
    assert "syncd failures --channel tokopedia-sandbox" in answer.stdout
    assert answer.stdout.splitlines()[-1].startswith("not everything is in sync")
    assert "row_rejected" in answer.stderr


def test_a_second_time_nothing_is_sent(shop, sandbox):
    shop.export("a.csv", LEVELS)
    assert shop.call("reconcile").exit_code == 0
    before = len(sandbox.arrivals())
    assert shop.call("reconcile").exit_code == 0
    assert [one for one in sandbox.arrivals()[before:] if one["call"] == "push"] == []


def test_a_full_one_asserts_everything_in_scope_anew_and_says_how_old_the_data_is(shop, sandbox):
    shop.export("a.csv", LEVELS)
    shop.call("reconcile")
    answer = shop.call("reconcile", "--full", "--channel", "tokopedia-sandbox", "--sku", "SKU-7", "--json")
    assert "source erp: data as of" in answer.stderr
    channels = json.loads(answer.stdout)["channels"]
    assert list(channels) == ["tokopedia-sandbox"]
    assert channels["tokopedia-sandbox"]["sent"] == 1
    assert channels["tokopedia-sandbox"]["listings"] == 1


def test_a_full_one_refuses_old_data_unless_told_otherwise(shop, sandbox):
    shop.config.write_text(
        shop.config.read_text().replace('settle = "100ms"', 'settle = "100ms"\nmax_age = "1h"')
    )
    shop.export("a.csv", LEVELS)
    two_hours_ago = time.time() - 7_200
    os.utime(shop.inbox / "a.csv", (two_hours_ago, two_hours_ago))
    assert shop.call("reconcile").exit_code == 0
    before = len(sandbox.arrivals())
    refused = shop.call("reconcile", "--full")
    assert refused.exit_code == 1
    assert "--stale-ok" in refused.stderr
    assert len(sandbox.arrivals()) == before
    assert shop.call("reconcile", "--full", "--stale-ok").exit_code == 0
    assert len(sandbox.arrivals()) > before


def test_a_held_import_is_shown_with_the_command_that_lets_it_through(shop):
    shop.export("a.csv", LEVELS)
    shop.call("reconcile")
    shop.export("b.csv", dict.fromkeys(LEVELS, 0))
    answer = shop.call("reconcile")
    assert answer.exit_code == 1
    assert "syncd imports approve 2" in answer.stdout


def test_an_unknown_channel_is_wrong_usage(shop):
    answer = shop.call("reconcile", "--channel", "nope")
    assert answer.exit_code == 2
    assert "tokopedia-sandbox" in answer.stderr


def test_while_another_command_holds_the_state_it_says_try_again_later(offline_shop):
    lock = InstanceLock(offline_shop.folder / "state.db")
    try:
        answer = offline_shop.call("reconcile")
    finally:
        lock.release()
    assert answer.exit_code == 75
    assert "another syncd command" in answer.stderr


def test_beside_a_running_daemon_the_daemon_pushes(shop, sandbox):
    daemon = shop.start("run")
    try:
        read_until(daemon.stderr, "daemon_started")
        shop.export("a.csv", LEVELS)
        answer = shop.run("reconcile", "--json")
        assert answer.returncode == 0, answer.stderr
        assert json.loads(answer.stdout)["channels"]["tokopedia-sandbox"]["in_sync"] == 40
        refused = shop.run("reconcile", "--channel", "nope")
        assert refused.returncode == 2
    finally:
        end(daemon)
    assert daemon.returncode == 0


def test_a_signal_lets_what_is_in_flight_finish_and_is_told_in_the_exit_status(shop, sandbox):
    sandbox.fault(kind="latency", marketplace="tokopedia", after=1.0)
    shop.export("a.csv", {f"SKU-{number}": 1 for number in range(4_000)})
    process = shop.start("reconcile", "--json", "--channel", "tokopedia-sandbox")
    deadline = time.monotonic() + 15
    while not any(one["fault"] == "latency" for one in sandbox.arrivals()):
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGTERM)
    printed, said = end(process, signal.SIGCONT)
    assert process.returncode == 128 + signal.SIGTERM
    assert "finishing what is in flight" in said
    channel = json.loads(printed)["channels"]["tokopedia-sandbox"]
    assert channel["accepted"] == channel["sent"] > 0
    left = json.loads(shop.call("status", "--json").stdout)["channels"]["tokopedia-sandbox"]
    assert left["in_flight"] == 0
    assert left["due"] == 4_000 - channel["sent"] > 0


def test_a_marketplace_that_is_down_is_told_and_is_not_all_right(offline_shop):
    offline_shop.export("a.csv", {"SKU-1": 1})
    process = offline_shop.start("reconcile")
    read_until(process.stderr, "channel_unreachable")
    printed, _ = end(process, signal.SIGINT)
    assert process.returncode == 128 + signal.SIGINT
    assert "0 of 1" in printed
