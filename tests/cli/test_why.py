import json
import signal

import pytest

from tests.cli.conftest import end, read_until

LISTING = (
    "warehouse", "identifier", "levels", "stock", "arithmetic", "computed", "plan", "desired", "confirmed",
    "confirmed_at", "state", "paused", "verified", "since", "risk", "uncertain", "refusal", "next_attempt_at",
    "reassert_at", "failure", "warehouse_hold", "attempts", "steps", "last_units", "paused_by", "listed_by",
)  # fmt: skip
ATTEMPT = (
    "at", "finished_at", "quantity", "outcome", "code", "message", "status", "push", "request_id", "batch_id",
    "changed_at",
)  # fmt: skip


@pytest.fixture
def sold(shop):
    shop.export("a.csv", {"SKU-1": 1, "UNKNOWN-1": 3, "=cmd": 4})
    shop.call("reconcile")
    return shop


def test_where_nothing_has_run_it_says_so(offline_shop):
    answer = offline_shop.call("why", "SKU-1")
    assert answer.exit_code == 1
    assert "nothing has run here yet" in answer.stderr


def test_json_has_the_shape_that_was_promised(sold):
    answer = sold.call("why", "SKU-1", "--json")
    assert answer.exit_code == 0
    told = json.loads(answer.stdout)
    assert tuple(told) == ("running", "sku", "levels", "held_imports", "channels", "nearest")
    assert (told["running"], told["sku"], told["nearest"]) == (False, "SKU-1", [])
    [level] = told["levels"]
    assert tuple(level) == (
        "source",
        "configured",
        "location",
        "quantity",
        "missed",
        "line",
        "import",
        "past",
    )
    assert tuple(level["import"]) == ("id", "name", "state", "at")
    for name in ("tokopedia-sandbox", "tocobagus-sandbox"):
        channel = told["channels"][name]
        assert tuple(channel) == (
            "enabled", "asynchronous", "hold", "paused_until", "rules", "not_sold", "listings", "edit", "unlisted",
            "bundle", "in_bundles", "in_bundles_count",
        )  # fmt: skip
        [listing] = channel["listings"]
        assert tuple(listing) == LISTING
        assert tuple(listing["attempts"][0]) == ATTEMPT
        assert listing["verified"] is not channel["asynchronous"]


def test_the_ids_of_an_attempt_are_the_marketplaces(sold):
    rejected = json.loads(sold.call("why", "UNKNOWN-1", "--json").stdout)["channels"]["tocobagus-sandbox"]
    [attempt] = rejected["listings"][0]["attempts"]
    failed = json.loads(sold.call("failures", "--channel", "tocobagus-sandbox", "--json").stdout)
    assert attempt["request_id"]
    assert [(one["request_id"], one["batch_id"]) for one in failed] == [
        (attempt["request_id"], attempt["batch_id"])
    ]
    for shown in (attempt["request_id"], attempt["batch_id"], "INV_001"):
        assert shown in sold.call("why", "UNKNOWN-1").stdout


def test_one_channel_can_be_asked_for(sold):
    answer = sold.call("why", "SKU-1", "--channel", "tokopedia-sandbox", "--json")
    assert list(json.loads(answer.stdout)["channels"]) == ["tokopedia-sandbox"]
    assert sold.call("why", "SKU-1", "--channel", "nope").exit_code == 2


def test_an_unknown_sku_is_no_success_and_the_nearest_are_named(sold):
    answer = sold.call("why", "sku-1")
    assert answer.exit_code == 1
    assert answer.stderr == "syncd: no SKU sku-1 is known; there is: SKU-1\n"
    assert answer.stdout == ""
    told = sold.call("why", "sku-1", "--json")
    assert told.exit_code == 1
    assert json.loads(told.stdout)["nearest"] == ["SKU-1"]


def test_an_unknown_sku_that_does_not_print_is_escaped(sold):
    answer = sold.call("why", "x\x1b[31m\ny")
    assert answer.exit_code == 1
    assert answer.stderr == "syncd: no SKU x\\x1b[31m\\ny is known\n"


def test_a_sku_that_is_not_text_is_wrong_usage(sold):
    answer = sold.run("why", b"\xff".decode(errors="surrogateescape"))
    assert answer.returncode == 2
    assert "not valid UTF-8" in answer.stderr


def test_what_a_spreadsheet_would_compute_is_a_sku_like_any_other(sold):
    assert "SKU =cmd\n" in sold.call("why", "=cmd").stdout


def test_beside_a_daemon_it_only_reads(sold):
    assert "no daemon runs" in sold.call("why", "SKU-1").stdout
    daemon = sold.start("run")
    try:
        read_until(daemon.stderr, "daemon_started")
        assert json.loads(sold.run("why", "SKU-1", "--json").stdout)["running"] is True
        assert "no daemon runs" not in sold.run("why", "SKU-1").stdout
    finally:
        end(daemon)


def test_a_channel_that_never_ran_lists_nothing(sold):
    new = '[channels.new]\nconnector = "tokopedia"\nfs_id = 9\nshop_id = 9\nclient_id = "n"\nclient_secret = "nnnn"\n'
    sold.config.write_text(sold.config.read_text() + new)
    [listing] = json.loads(sold.call("why", "SKU-1", "--json").stdout)["channels"]["new"]["listings"]
    assert (listing["stock"], listing["desired"], listing["state"]) == (None, None, None)
    assert listing["plan"] == "not_in_effect"
    assert (
        "new: not listed: the plan that is configured is not in force yet" in sold.call("why", "SKU-1").stdout
    )


def test_what_a_running_daemon_has_not_read_is_told_until_it_reloads(sold):
    daemon = sold.start("run")
    try:
        read_until(daemon.stderr, "daemon_started")

        def edit():
            told = json.loads(sold.call("why", "SKU-1", "--json").stdout)["channels"]["tokopedia-sandbox"]
            return told["edit"]

        assert edit() is None
        sold.config.write_text(sold.config.read_text() + "\n# a word\n")
        assert edit()["state"] == "not_reloaded"
        sold.config.write_text(sold.config.read_text() + '[[rules.for]]\nsku = "SKU-1"\nmax_shown = 900\n')
        assert edit()["state"] == "not_read"
        assert sold.call("reload").exit_code == 0
        assert edit() is None
        [listing] = json.loads(sold.call("why", "SKU-1", "--json").stdout)["channels"]["tokopedia-sandbox"][
            "listings"
        ]
        assert [step["origin"] for step in listing["steps"]] == ['syncd.toml rule for "SKU-1"']
    finally:
        end(daemon)


def test_a_daemon_that_is_silent_keeps_nobody_waiting(sold):
    """Its socket takes the question, and no answer comes: what the state says is told all the same."""
    daemon = sold.start("run")
    try:
        read_until(daemon.stderr, "daemon_started")
        daemon.send_signal(signal.SIGSTOP)
        answer = sold.run("why", "SKU-1", "--json")
        assert (answer.returncode, json.loads(answer.stdout)["running"]) == (0, True)
    finally:
        daemon.send_signal(signal.SIGCONT)
        end(daemon)


def test_the_past_of_a_level_is_told_with_what_said_so(sold):
    sold.export("b.csv", {"SKU-1": 6, "UNKNOWN-1": 3, "=cmd": 4})
    sold.call("reconcile")
    sold.export("c.csv", {"SKU-1": 2, "UNKNOWN-1": 3, "=cmd": 4})
    sold.call("reconcile")

    [level] = json.loads(sold.call("why", "SKU-1", "--json").stdout)["levels"]
    assert level["quantity"] == 2
    assert [(past["quantity"], past["import"]["name"], past["line"]) for past in level["past"]] == [
        (6, "b.csv", 2), (1, "a.csv", 2),
    ]  # fmt: skip
    assert tuple(level["past"][0]) == ("until", "quantity", "source", "missed", "line", "import")
    lines = sold.call("why", "SKU-1").stdout.splitlines()
    shown = [line.split()[-5:] for line in lines if "c.csv" in line or "b.csv" in line][1:]
    assert shown == [["3:", "c.csv", "2", "6", "2"], ["2:", "b.csv", "2", "1", "6"]]


def test_compact_by_default_more_by_since_or_all(sold):
    for number in range(2, 7):
        sold.export(f"{number}.csv", {"SKU-1": number, "UNKNOWN-1": 3, "=cmd": 4})
        sold.call("reconcile")

    def past(*options):
        return len(json.loads(sold.call("why", "SKU-1", "--json", *options).stdout)["levels"][0]["past"])

    assert (past(), past("--all"), past("--since", "1h")) == (3, 5, 5)
    assert past("--since", "2099-01-01") == 0
    attempts = json.loads(sold.call("why", "SKU-1", "--json", "--since", "2099-01-01").stdout)["channels"]
    assert [one["listings"][0]["attempts"] for one in attempts.values()] == [[], []]
    assert sold.call("why", "SKU-1", "--since", "yesterday").exit_code == 2


def test_compact_fits_eighty_columns_where_all_went_well(sold):
    sold.export("b.csv", {"SKU-1": 6, "UNKNOWN-1": 3, "=cmd": 4})
    sold.call("reconcile")
    tables = [
        line
        for line in sold.call("why", "SKU-1", "--channel", "tocobagus-sandbox").stdout.splitlines()
        if line.startswith(("began", "changed")) or "  200   " in line or "b.csv" in line
    ]
    assert len(tables) >= 4
    assert max(map(len, tables)) <= 80
    assert "batch_id" not in sold.call("why", "SKU-1").stdout
    assert "batch_id" in sold.call("why", "SKU-1", "--all").stdout
