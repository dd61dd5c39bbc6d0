"""One vocabulary: what the code writes is what docs/events.md describes, no more and no less."""

import re

import pytest
from vocabulary import PAGE, ROW, described, written

HOW = (
    "\nA new event needs a row in docs/events.md: | `event` | level | `fact` `fact` | means | what to do |"
    "\nName its facts as the code gives them; those that its logger carries (.bind) count too."
)


def test_every_event_in_the_code_is_described():
    known, found = described(), written()
    missing = [f"{event} ({', '.join(found[event].places)})" for event in sorted(found.keys() - known.keys())]

    assert not missing, f"not in docs/events.md: {missing}{HOW}"


def test_no_event_is_described_that_the_code_does_not_write():
    gone = sorted(described().keys() - written().keys())

    assert not gone, f"docs/events.md describes what the code does not write: {gone}"


@pytest.mark.parametrize("event", sorted(written()))
def test_the_page_says_its_levels_and_its_facts(event):
    page, code = described().get(event), written()[event]

    assert page is not None, f"{event} is not described{HOW}"
    assert page.levels == code.levels, f"the level of {event}, written at {code.places}"
    assert page.fields == code.fields, f"the facts of {event}, written at {code.places}"
    assert page.meaning.strip()
    assert page.remedy.strip()


def test_every_row_of_the_page_is_read():
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]

    assert [line for line in rows if not ROW.match(line)] == []
    assert len(rows) == len(described()), "an event is described twice"


@pytest.mark.parametrize("event", sorted(written()))
def test_events_are_named_noun_verbed(event):
    assert re.fullmatch(r"[a-z]+(_[a-z]+)+", event)
