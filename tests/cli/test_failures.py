import csv
import io
import json

import pytest

from state.reports import FailureRow
from syncd.cli.commands.failures import FIELDS, next_attempt
from syncd.cli.output import cell, print_csv

NOW = 1_770_000_000_000
HOUR = 3_600_000


@pytest.fixture
def failed(shop):
    shop.export("a.csv", {"SKU-1": 1, "UNKNOWN-1": 3, "UNKNOWN-=2": 4})
    shop.call("reconcile")
    return shop


def failure(**changes):
    values = {
        "channel": "c", "sku": "A", "warehouse": "", "desired": 1, "outcome": "rejected", "reason": "quantity",
        "code": "X", "message": "no", "attempts": 1, "first_failed_at": NOW, "next_attempt_at": None,
        "request_id": "", "batch_id": "",
    }  # fmt: skip
    return FailureRow(**{**values, **changes})


def test_each_failed_listing_is_a_row_with_the_fields_that_were_promised(failed):
    rows = json.loads(failed.call("failures", "--json").stdout)
    assert len(rows) == 4
    assert all(tuple(row) == FIELDS for row in rows)
    row = next(row for row in rows if row["channel"] == "tocobagus-sandbox" and row["sku"] == "UNKNOWN-1")
    assert (row["desired"], row["outcome"], row["code"], row["attempts"]) == (3, "rejected", "INV_001", 1)
    assert row["first_failed_at"].endswith("Z")
    assert row["next_attempt_at"].endswith("Z")


def test_one_channel_can_be_asked_for(failed):
    rows = json.loads(failed.call("failures", "--channel", "tokopedia-sandbox", "--json").stdout)
    assert {row["channel"] for row in rows} == {"tokopedia-sandbox"}
    assert failed.call("failures", "--channel", "nope").exit_code == 2


def test_csv_has_the_same_fields(failed):
    rows = list(csv.DictReader(io.StringIO(failed.call("failures", "--csv").stdout)))
    assert len(rows) == 4
    assert tuple(rows[0]) == FIELDS


def test_the_ids_of_the_latest_attempt_come_last_and_are_empty_where_none_were_given(failed):
    rows = json.loads(failed.call("failures", "--json").stdout)
    assert FIELDS[-3:] == ("request_id", "batch_id", "identifier")
    for row in rows:
        given = row["channel"] == "tocobagus-sandbox"
        assert (bool(row["request_id"]), bool(row["batch_id"])) == (given, given)


def test_json_and_csv_exclude_each_other(offline_shop):
    assert offline_shop.call("failures", "--csv", "--json").exit_code == 2


def test_people_read_why_and_when_next(failed):
    page = failed.call("failures").stdout
    assert "INV_001" in page
    assert "in 23 h 59 min" in page or "in 1 d 0 h" in page


def test_where_nothing_failed_it_says_so(shop):
    shop.export("a.csv", {"SKU-1": 1})
    shop.call("reconcile")
    assert shop.call("failures").stdout == "nothing has failed\n"
    assert json.loads(shop.call("failures", "--json").stdout) == []


@pytest.mark.parametrize(
    "value",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\x01x", "\x00=1", "=cmd|' /C calc'!A0"],
)
def test_no_cell_of_the_csv_is_a_formula(value, capsys):
    print_csv(("a",), [(value,)])
    written = list(csv.reader(io.StringIO(capsys.readouterr().out, newline="")))[1][0]
    assert written.startswith("'")
    assert written[1:] == value


def test_csv_leaves_numbers_and_plain_texts_as_they_are(capsys):
    print_csv(("a", "b", "c", "d"), [("A-1", -5, None, "")])
    assert capsys.readouterr().out == "a,b,c,d\r\nA-1,-5,,\r\n"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (failure(next_attempt_at=NOW + 2 * HOUR), "in 2 h 0 min"),
        (failure(next_attempt_at=NOW - HOUR), "now"),
        (failure(), "when its quantity changes"),
        (failure(reason="not_listed"), "on `syncd retry`"),
        (failure(outcome="unknown", reason="unanswered"), "now"),
    ],
)
def test_the_next_attempt_is_told_in_words(row, words):
    assert next_attempt(row, NOW) == words


def test_what_does_not_print_is_escaped():
    assert cell("a\x1b[31m\nb") == "a\\x1b[31m\\nb"
