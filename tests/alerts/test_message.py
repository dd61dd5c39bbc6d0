"""What people read and programs get: one message about all that waits."""

import json

from alerts_told import alert, told

from state.alerts import Told
from syncd.alerts.message import MOST_IN_ONE, message_of, trial_message
from syncd.core.alerting import Change, Severity

KEYS = {"version", "host", "change", "severity", "title", "text", "alerts"}
ENTRY_KEYS = {"id", "change", "kind", "subject", "severity", "message", "since", "at", "seconds", "details"}


def message_about(book, *changes):
    book.keep([], changes, ["someone"])
    return message_of(book.begin("someone", MOST_IN_ONE), host="here", state="abc")


def test_one_alert_has_its_name_in_the_title_and_what_to_do_in_the_text(message):
    assert message.title == "syncd on here: channel held (toko)"
    assert message.text == "it is held: mend it"
    document = json.loads(message.body)
    assert set(document) == KEYS
    (entry,) = document["alerts"]
    assert set(entry) == ENTRY_KEYS
    assert entry["id"] == "abc-5001"
    assert (entry["since"], entry["at"], entry["seconds"]) == (
        "1970-01-01T00:00:01Z",
        "1970-01-01T00:00:05Z",
        4,
    )
    assert entry["details"] == {"code": "X"}


def test_that_it_is_over_says_how_long_it_lasted(book):
    message = message_about(book, Told("over", alert(since=0), 720_000))

    assert message.title == "syncd on here: over: channel held (toko)"
    assert message.text == "over after 12 min: it is held: mend it"
    assert message.change is Change.OVER


def test_many_go_in_one_message_the_most_pressing_first(book):
    over = Told("over", alert("old"), 5_000)
    message = message_about(
        book,
        over,
        *told("a"),
        Told("raised", alert("b", severity="warning"), 6_000),
        *told("c", change="reminder"),
    )

    assert message.title == "syncd on here: 3 alerts, 1 over"
    assert [entry["subject"] for entry in message.document["alerts"]] == ["a", "b", "c", "old"]
    assert message.text.count("\n") == 3
    assert "still, for 4 s: " in message.text
    assert (message.change, message.severity) == (Change.RAISED, Severity.ERROR)


def test_the_severity_is_that_of_what_is_most_pressing(book):
    message = message_about(
        book, Told("over", alert("bad"), 5_000), Told("raised", alert("b", severity="warning"), 6_000)
    )

    assert message.severity is Severity.WARNING


def test_a_test_says_that_it_is_one():
    message = trial_message(host="here", now=5)

    assert message.change is Change.TEST
    assert "this is a test" in message.text
    assert set(json.loads(message.body)) == KEYS
