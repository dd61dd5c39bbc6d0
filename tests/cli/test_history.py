import csv
import io
import json

import pytest

from syncd.cli.commands.history import ATTEMPT_FIELDS, LEVEL_FIELDS

ATTEMPTS = [
    "at", "finished_at", "channel", "sku", "warehouse", "quantity", "outcome", "code", "message",
    "changed_at", "waited_seconds", "status", "attempt", "push", "request_id", "batch_id",
    "identifier",
]  # fmt: skip
LEVELS = ["at", "source", "sku", "location", "before", "after", "import", "import_name", "line"]


@pytest.fixture
def sold(shop):
    for number in (1, 2, 3):
        shop.export(f"{number}.csv", {"SKU-1": number, "UNKNOWN-1": 3, "=cmd": 4})
        shop.call("reconcile")
    return shop


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_where_nothing_has_run_it_says_so(offline_shop):
    answer = offline_shop.call("history")
    assert answer.exit_code == 1
    assert "nothing has run here yet" in answer.stderr


def test_the_header_is_the_one_that_was_promised(sold):
    assert list(ATTEMPT_FIELDS) == ATTEMPTS
    assert list(LEVEL_FIELDS) == LEVELS
    assert sold.call("history", "--csv").stdout.splitlines()[0] == ",".join(ATTEMPTS)
    assert sold.call("history", "--levels", "--csv").stdout.splitlines()[0] == ",".join(LEVELS)


def test_csv_and_json_say_the_same_and_no_cell_is_a_formula(sold):
    table = rows(sold.call("history", "--csv").stdout)
    entries = json.loads(sold.call("history", "--json").stdout)

    assert [list(entry) for entry in entries] == [ATTEMPTS] * len(table)
    assert [row["attempt"] for row in table] == [str(entry["attempt"]) for entry in entries]
    assert {"'=cmd", "SKU-1", "UNKNOWN-1"} <= {row["sku"] for row in table}
    assert not [cell for row in table for cell in row.values() if cell.startswith(("=", "+", "@"))]
    accepted = [entry for entry in entries if entry["outcome"] == "accepted"]
    assert accepted
    assert all(0 <= entry["waited_seconds"] < 60 for entry in accepted)


def test_what_is_asked_for_is_what_comes(sold):
    def found(*options):
        answer = sold.call("history", "--json", *options)
        assert answer.exit_code == 0, answer.output
        return json.loads(answer.stdout)

    one = found("--channel", "tokopedia-sandbox", "--sku", "SKU-1")
    assert [(entry["channel"], entry["quantity"]) for entry in one] == [
        ("tokopedia-sandbox", n) for n in (1, 2, 3)
    ]
    assert {entry["sku"] for entry in found("--outcome", "rejected")} >= {"UNKNOWN-1"}
    assert found("--since", "2099-01-01") == found("--until", "2000-01-01") == []
    assert len(found("--limit", "2")) == 2
    assert [(e["before"], e["after"], e["import_name"], e["line"]) for e in found("--levels")] == [
        (1, 2, "2.csv", 2), (2, 3, "3.csv", 2),
    ]  # fmt: skip


def test_people_see_the_latest_in_eighty_columns_and_how_to_see_more(sold):
    shown = sold.call("history", "--channel", "tokopedia-sandbox", "--sku", "SKU-1", "--limit", "2").stdout
    lines = shown.splitlines()
    assert lines[0].split() == ["began", "channel", "SKU", "quantity", "outcome"]
    assert [line.split()[3] for line in lines[1:3]] == ["2", "3"]
    assert max(map(len, lines[:3])) <= 80
    assert "--limit shows more" in lines[3]
    changed = sold.call("history", "--levels").stdout.splitlines()
    assert changed[0].split() == ["changed", "source", "SKU", "by", "import", "line", "from", "to"]
    assert changed[2].split()[-2:] == ["2", "3"]
    assert "nothing of that" in sold.call("history", "--sku", "NOPE").stdout


@pytest.mark.parametrize(
    "options",
    [
        ["--json", "--csv"],
        ["--levels", "--channel", "tokopedia-sandbox"],
        ["--levels", "--outcome", "rejected"],
        ["--channel", "nope"],
        ["--outcome", "maybe"],
        ["--since", "yesterday"],
        ["--limit", "0"],
    ],
)
def test_what_makes_no_sense_is_wrong_usage(sold, options):
    assert sold.call("history", *options).exit_code == 2


def test_what_people_did_is_told_with_who_and_what_came_of_it(sold):
    sold.call("retry", "--all")

    entries = json.loads(sold.call("history", "--actions", "--json").stdout)
    assert list(entries[0]) == ["at", "actor", "action", "detail", "result"]
    assert [entry["action"] for entry in entries] == ["reconcile", "reconcile", "reconcile", "retry"]
    assert entries[-1]["result"] == "2 listings are due again"
    assert all(entry["actor"] for entry in entries)
    later = sold.call("history", "--actions", "--json", "--since", entries[-1]["at"]).stdout
    since = [entry for entry in entries if entry["at"] >= entries[-1]["at"]]  # of the same second too
    assert json.loads(later) == since
    table = sold.call("history", "--actions", "--limit", "1").stdout
    assert "2 listings are due again" in table
    assert "reconcile" not in table


@pytest.mark.parametrize("options", [["--levels"], ["--channel", "tokopedia-sandbox"], ["--sku", "SKU-1"]])
def test_what_people_did_has_no_channel_and_no_sku(sold, options):
    assert sold.call("history", "--actions", *options).exit_code == 2
