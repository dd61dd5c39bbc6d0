"""What the benchmarks tell is what was measured."""

import sys

import pytest

from benchmarks.counts import differences
from benchmarks.measuring import Case, Measured, Turn, in_turns
from benchmarks.report import Table, publish, times


def turns(*cpus: float) -> Measured:
    return Measured([Turn(wall=2 * cpu, cpu=cpu, peak=10 + cpu) for cpu in cpus])


def test_a_way_is_told_by_its_median_its_quartiles_and_its_highest_memory():
    measured = turns(5, 1, 2, 3, 4)

    assert (measured.cpu, measured.wall, measured.spread, measured.peak) == (3, 6, (2, 4), 15)
    assert turns(3, 1).spread == (1, 3)


def test_each_way_runs_once_a_round_as_a_process_of_its_own():
    prepared = []
    busy = "sum(range(3_000_000))"
    cases = {
        "busy": Case([sys.executable, "-c", busy], lambda: prepared.append("busy")),
        "told": Case(
            [sys.executable, "-c", 'print(\'measured {"cpu": 7, "wall": 8, "peak": 5, "block": 9}\')']
        ),
    }

    measured = in_turns(cases, rounds=2)

    assert prepared == ["busy", "busy"]
    assert {name: len(one.turns) for name, one in measured.items()} == {"busy": 2, "told": 2}
    assert (measured["told"].cpu, measured["told"].wall, measured["told"].most("block")) == (7, 8, 9)
    assert 0 < measured["busy"].cpu < 60
    assert (measured["busy"].peak, measured["told"].peak) == (0, 5)


def test_a_way_that_fails_ends_the_measuring_with_what_it_wrote():
    with pytest.raises(RuntimeError, match=r"odd ended with 1: .*no such thing"):
        in_turns({"odd": Case([sys.executable, "-c", "raise SystemExit('no such thing')"])}, rounds=1)


def test_a_table_is_written_as_it_is_printed_and_its_failures_are_passed_on(tmp_path, capsys):
    table = Table("Some", ("what", "s"), [("one", "1.00"), ("another", "22.00")], "A note.", ["too slow"])

    assert publish("some", [table], tmp_path) == ["too slow"]

    text = "### Some\n\n| what    | s     |\n|---------|-------|\n| one     | 1.00  |\n| another | 22.00 |\n\nA note.\n"
    assert (tmp_path / "some.md").read_text().strip() == text.strip()
    assert text.strip() in capsys.readouterr().out
    assert times(1, 4) == "0.25 x"


@pytest.mark.parametrize(
    ("counts", "expected", "told"),
    [
        ({"a: rows": 5}, {"a: rows": 5}, []),
        ({"a: rows": 4}, {"a: rows": 5}, ["a: rows: 4, expected 5"]),
        ({"a: steps": 109}, {"a: steps": 100}, []),
        ({"a: steps": 111}, {"a: steps": 100}, ["a: steps: 111, expected 100"]),
        ({"a: steps": 89}, {"a: steps": 100}, ["a: steps: 89, expected 100"]),
        ({"a": 1}, {}, ["a: 1, and nothing is expected of it"]),
        ({}, {"a": 1}, ["a is not counted any more"]),
    ],
)
def test_what_is_not_as_expected_is_told(counts, expected, told):
    assert differences(counts, expected) == told
