"""The daemon as a process: killed, ended, started twice, asked from outside."""

import json
import sqlite3

from processes import ServedSandbox, eventually, shows

from connectors.sandbox.buckets import Limits
from connectors.sandbox.faults import Effect, Fault, FaultKind

FAST = Limits(rows_per_request=100, rows_per_second=400, row_burst=100)


def test_a_file_that_waits_at_the_start_and_one_dropped_later_reach_both_marketplaces(site, served):
    site.drop({"A": 3, "B": 0})
    site.started()
    eventually(shows(served, {"A": 3, "B": 0}), "the waiting file is pushed")
    site.drop({"A": 2, "B": 7}, "later.csv")
    eventually(shows(served, {"A": 2, "B": 7}), "the dropped file is pushed")

    assert site.terminate() == 0


def test_killed_before_the_answer_the_old_value_of_the_source_wins_in_the_end(site, served):
    """A → B applied by the server, kill -9 before the answer, the source goes back to A."""
    site.drop({"A": 3})
    site.started()
    eventually(site.is_settled, "the first value is confirmed")
    served.sandbox.faults.next(
        Fault(kind=FaultKind.HANG, effect=Effect.NOW, marketplace="tokopedia"),
        Fault(kind=FaultKind.HANG, effect=Effect.NOW, marketplace="tocobagus"),
    )
    site.drop({"A": 9}, "b.csv")
    eventually(shows(served, {"A": 9}), "the server applies the new value")
    site.kill()
    site.drop({"A": 3}, "c.csv")
    site.started()

    eventually(shows(served, {"A": 3}), "the old value is pushed again")
    assert site.terminate() == 0


def test_killed_in_mid_push_it_loses_nothing_and_repeats_only_what_was_in_flight(new_site):
    with ServedSandbox(tokopedia_limits=FAST, apply_delay=0.0) as served:
        site = new_site(served)
        stock = {f"SKU-{n}": n % 50 for n in range(1_500)}
        site.drop(stock)
        site.started()
        eventually(lambda: served.rows() >= 300, "some rows are pushed")
        site.kill()
        site.started()
        eventually(shows(served, stock), "all rows are pushed after the restart")
        eventually(site.is_settled, "all rows are confirmed")

        assert served.rows() <= 1_500 + 2 * 100 + 50, "two requests in flight at most are repeated"
        assert site.terminate() == 0


def test_a_crash_loop_draws_no_refusal_for_being_too_fast(new_site):
    slow = {
        "tokopedia_limits": Limits(rows_per_request=20, rows_per_second=1, row_burst=20),
        "tocobagus_limits": Limits(rows_per_request=20, requests_per_second=0.2, request_burst=2),
    }
    with ServedSandbox(apply_delay=0.0, **slow) as served:
        site = new_site(served)
        site.drop({f"SKU-{n}": n for n in range(400)})
        for _ in range(5):
            before = served.pushes()
            site.start()
            eventually(lambda pushes=before: served.pushes() > pushes, "something is pushed")
            site.kill()
        counters = served.ask(lambda sandbox: sandbox.counters())

        assert counters["tokopedia"]["rows"] > 0
        assert not counters["tokopedia"].get("rows_throttled")
        assert not any(counter.get("requests_throttled") for counter in counters.values())


def test_ended_gracefully_it_finishes_what_is_in_flight_and_pushes_nothing_again(site, served):
    served.sandbox.faults.next(Fault(kind=FaultKind.LATENCY, after=1.0, marketplace="tokopedia"))
    site.drop({"A": 3})
    site.started()
    eventually(shows(served, {"A": 3}), "the slow request is under way, the other one done")
    assert site.terminate() == 0
    pushes = served.pushes(), served.pushes("tocobagus")
    with sqlite3.connect(site.folder / "state.db") as state:
        assert state.execute("SELECT count(*) FROM attempt WHERE outcome <> 'accepted'").fetchone() == (0,)
    site.started()
    eventually(site.is_settled, "nothing is left to do")
    site.command("reconcile")

    assert (served.pushes(), served.pushes("tocobagus")) == pushes
    assert site.terminate() == 0


def test_a_second_daemon_on_the_same_state_says_so_and_exits_75(site):
    site.started()
    second = site.command("run")

    assert second.returncode == 75
    assert "another syncd" in second.stderr
    assert site.terminate() == 0


def test_reconcile_beside_the_daemon_lets_it_push_and_follows(site, served):
    site.drop({"A": 3})
    site.started()
    eventually(site.is_settled, "the first push is done")
    before = served.rows()
    done = site.command("reconcile", "--full", "--json")
    summary = json.loads(done.stdout)

    assert done.returncode == 0
    assert summary["ok"] is True
    assert summary["channels"]["tokopedia-sandbox"]["accepted"] == 1
    assert served.rows() == before + 1
    assert site.terminate() == 0


def test_reconcile_without_a_daemon_does_the_work_itself(site, served):
    site.drop({"A": 3})
    done = site.command("reconcile", "--json")

    assert done.returncode == 0, done.stderr
    assert shows(served, {"A": 3})()


def test_a_marketplace_that_is_down_stops_no_other_and_is_caught_up_with(site, served):
    served.sandbox.faults.next(Fault(kind=FaultKind.STATUS, status=503, marketplace="tokopedia", times=4))
    site.drop({"A": 3})
    site.started()
    eventually(shows(served, {"A": 3}), "both shops show the stock in the end")

    assert "channel_unreachable" in site.log.read_text()
    assert site.terminate() == 0


def test_a_database_is_followed_as_it_changes(tmp_path, new_site, served):
    shop = tmp_path / "pos.db"
    with sqlite3.connect(shop) as pos:
        pos.execute("CREATE TABLE stock (sku TEXT, quantity INTEGER)")
        pos.execute("INSERT INTO stock VALUES ('A', 3)")
    text = (
        f'[sources.pos]\ntype = "sqlite"\npath = "{shop}"\npoll = "200ms"\n'
        'query = "SELECT sku, quantity FROM stock"\n'
    ) + served.sandbox.configuration(served.url)
    site = new_site(served, text=text)
    site.started()
    eventually(shows(served, {"A": 3}), "the first poll is pushed")
    with sqlite3.connect(shop) as pos:
        pos.execute("UPDATE stock SET quantity = 2")
    pos.close()
    eventually(shows(served, {"A": 2}), "the change is pushed")

    assert site.terminate() == 0
