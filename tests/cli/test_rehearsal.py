import json
import sqlite3
import time
from contextlib import closing

from tests.cli.conftest import end, read_until

LEVELS = {f"SKU-{number:03}": number for number in range(1, 121)}


def content(path):
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return list(connection.iterdump())


def plan(shop, *arguments):
    answer = shop.call("reconcile", "--dry-run", "--json", *arguments)
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout)


def test_nothing_is_sent_and_nothing_changes(shop, sandbox):
    shop.export("a.csv", LEVELS)
    shop.call("reconcile")
    shop.export("b.csv", {**LEVELS, "SKU-001": 500})
    before, files, arrivals = content(shop.folder / "state.db"), shop.files(), sandbox.arrivals()
    for arguments in ((), ("--full",)):
        assert plan(shop, *arguments)["dry_run"] is True
    assert content(shop.folder / "state.db") == before
    assert shop.files() == files
    assert sandbox.arrivals() == arrivals


def test_before_anything_has_run_nothing_is_made(shop, sandbox):
    shop.export("a.csv", LEVELS)
    files = shop.files()
    assert plan(shop)["channels"]["tokopedia-sandbox"]["rows"] == 120
    assert shop.files() == files
    assert sandbox.arrivals() == []


def test_the_plan_tells_rows_by_risk_and_the_largest_changes(shop):
    shop.export("a.csv", LEVELS)
    shop.call("reconcile")
    shop.export("b.csv", {**LEVELS, "SKU-001": 500, "SKU-002": 0, "SKU-050": 40, "SKU-060": 59, "NEW-1": 3})
    planned = plan(shop)
    channel = planned["channels"]["tokopedia-sandbox"]
    assert channel["by_risk"] == {"to_zero": 1, "decrease": 2, "increase": 2, "repetition": 0}
    assert channel["rows"] == 5
    assert [(one["sku"], one["confirmed"], one["desired"]) for one in channel["largest_changes"][:3]] == [
        ("SKU-001", 1, 500),
        ("SKU-050", 50, 40),
        ("NEW-1", None, 3),
    ]
    assert [(one["name"], one["state"], one["changed"]) for one in planned["imports"]] == [
        ("b.csv", "applied", 5)
    ]


def test_a_full_one_plans_repetitions_with_requests_and_seconds_by_the_limits(shop):
    shop.export("a.csv", LEVELS)
    shop.call("reconcile")
    channel = plan(shop, "--full")["channels"]["tocobagus-sandbox"]
    assert channel["by_risk"]["repetition"] == channel["rows"] == 120
    assert channel["requests"] == 2
    assert channel["seconds"] == 0.4
    assert channel["largest_changes"] == []
    assert plan(shop, "--full", "--sku", "SKU-001")["channels"]["tocobagus-sandbox"]["rows"] == 1


def test_an_import_that_would_be_held_is_told_with_its_reason(shop):
    shop.export("a.csv", LEVELS)
    shop.call("reconcile")
    shop.export("b.csv", dict.fromkeys(LEVELS, 0))
    answer = shop.call("reconcile", "--dry-run")
    assert "held" in answer.stdout
    assert "max_zeroed" in answer.stdout
    assert "approve" not in answer.stdout
    assert answer.stdout.splitlines()[-1] == "a dry run: nothing was sent, nothing was changed"


def test_with_the_state_lost_the_archive_is_read_as_the_daemon_would(shop):
    shop.export("a.csv", LEVELS)
    shop.call("reconcile")
    for path in shop.folder.glob("state.db*"):
        path.unlink()
    files = shop.files()
    channel = plan(shop)["channels"]["tokopedia-sandbox"]
    assert channel["by_risk"]["increase"] == channel["rows"] == 120
    assert shop.files() == files


def test_a_file_that_a_crash_left_claimed_is_counted_in(shop):
    shop.export("a.csv", LEVELS)
    shop.call("reconcile")
    claimed = shop.inbox / ".syncd" / f"{time.time_ns():020d}-0000--b.csv"
    rows = "".join(f"{sku},{quantity}\n" for sku, quantity in {**LEVELS, "SKU-001": 500}.items())
    claimed.write_text(f"sku,quantity\n{rows}")
    assert plan(shop)["channels"]["tokopedia-sandbox"]["rows"] == 1
    assert claimed.exists()


def test_it_works_beside_a_running_daemon(shop):
    shop.export("a.csv", LEVELS)
    daemon = shop.start("run")
    try:
        read_until(daemon.stderr, "import_applied")
        assert set(plan(shop)["channels"]) == {"tokopedia-sandbox", "tocobagus-sandbox"}
    finally:
        end(daemon)
