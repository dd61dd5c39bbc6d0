"""The file of rules: what each row says, and what it cannot say."""

import csv
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.plans import Rounding, RuleRank, RuleSettings, Selling
from syncd.plans.problems import Problems
from syncd.plans.rules_file import MOST_PATTERNS, RulesFile
from syncd.plans.tables import TableFile

WAREHOUSES = {"toko": ("1610", "1611"), "toco": ("",)}


def read_text(text):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rules.csv"
        path.write_text(text, encoding="utf-8")
        problems = Problems()
        return list(RulesFile(TableFile(path, "rules.csv"), WAREHOUSES).rules(problems)), problems


def refused(text):
    rules, problems = read_text(text)
    assert rules == []
    [problem] = problems.kept
    return problem


def test_each_column_says_its_part_and_a_blank_cell_nothing():
    rules, problems = read_text(
        "sku,channel,warehouse,safety_stock,share,max_shown,min_shown,last_units,last_units_channel,rounding,selling\n"
        "A,toko,1610,2,60%,50,3,4,toco,nearest,paused\n"
        "B,,,,,0,,,,,\n"
        "C,,,,,,,,,UP,Stopped\n"
    )

    assert problems.kept == []
    assert [rule.settings for rule in rules] == [
        RuleSettings(
            safety_stock=2,
            share_ppm=600_000,
            max_shown=50,
            min_shown=3,
            last_units=4,
            last_units_channel="toco",
            rounding=Rounding.NEAREST,
            selling=Selling.PAUSED,
        ),
        RuleSettings(max_shown=0),
        RuleSettings(rounding=Rounding.UP, selling=Selling.STOPPED),
    ]
    assert [rule.origin for rule in rules] == ["rules.csv line 2", "rules.csv line 3", "rules.csv line 4"]
    assert [RuleSettings.from_text(rule.text) for rule in rules] == [rule.settings for rule in rules]


def test_a_rule_is_as_narrow_as_what_it_names():
    rules, _ = read_text(
        "sku,channel,warehouse,max_shown\nA*,,,1\nA?,toko,,1\nA,,,1\nA,toko,,1\nA,toko,1611,1\n"
    )

    assert [rule.rank for rule in rules] == [
        RuleRank.PATTERN,
        RuleRank.PATTERN,
        RuleRank.SKU,
        RuleRank.LISTING,
        RuleRank.WAREHOUSE,
    ]


def test_a_row_that_says_nothing_is_no_rule():
    rules, problems = read_text("sku,max_shown\nA,\nB, \n,\n")

    assert (rules, problems.kept) == ([], [])


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ("sku,max_shown\n,5", 'sku: is blank: name one, or "*" for all'),
        ("sku,max_shown\nA\u200bB,5", "sku: an invisible character inside (U+200B)"),
        ("sku,max_shown\n8.99E+12,5", 'sku: "8.99E+12" is what a spreadsheet makes of a long number'),
        ("sku,max_shown\nA,five", 'max_shown: must be a whole number from 0 to 1,000,000,000, not "five"'),
        ("sku,max_shown\nA,-1", "max_shown: must be a whole number from 0"),
        ("sku,max_shown\nA,1.5", "max_shown: must be a whole number from 0"),
        ("sku,max_shown\nA,1000000001", "max_shown: must be a whole number from 0"),
        ("sku,safety_stock\nA,٣", "safety_stock: must be a whole number from 0"),
        ("sku,share\nA,60", 'share: must be a share from 0% to 100%, such as 60%, not "'),
        ("sku,share\nA,101%", 'share: must be a share from 0% to 100%, such as 60%, not "'),
        ("sku,rounding\nA,off", 'rounding: must be "down" or "nearest" or "up", not "off"'),
        ("sku,selling\nA,on", 'selling: must be "normal" or "paused" or "stopped", not "on"'),
        ("sku,channel,max_shown\nA,tokko,5", 'channel: "tokko" is no channel; did you mean "toko"?'),
        ("sku,channel,max_shown\nA,Z,5", 'channel: "Z" is no channel; there is "toko" or "toco"'),
        ("sku,last_units_channel\nA,Toko", 'last_units_channel: "Toko" is no channel; did you mean "toko"?'),
        (
            "sku,warehouse,max_shown\nA,1610,5",
            'warehouse: "1610" needs a channel: each has warehouses of its own',
        ),
        ("sku,channel,warehouse,max_shown\nA*,toko,1610,5", "warehouse: needs one SKU, written out"),
        (
            "sku,channel,warehouse,max_shown\nA,toko,1612,5",
            'warehouse: "1612" is no warehouse of channel "toko"; did you mean "1611"?',
        ),
        (
            "sku,channel,warehouse,max_shown\nA,toco,1610,5",
            'warehouse: channel "toco" is one stock for the whole shop: leave the warehouse blank',
        ),
        (
            "sku,min_shown,max_shown\nA,6,5",
            "min_shown: 6 is above max_shown, which is 5: it would always show zero",
        ),
    ],
)
def test_what_cannot_be_meant_is_told_with_its_column(cells, problem):
    assert refused(cells).startswith(f"rules.csv line 2: {problem}")


def test_all_that_is_wrong_with_a_row_is_told():
    _, problems = read_text("sku,channel,share,max_shown\nA,x,5,x\nB,,10%,\n")

    assert [problem.split(": ")[1] for problem in problems.kept] == ["share", "max_shown", "channel"]


def test_a_wrong_setting_is_told_of_each_row_that_has_it():
    _, problems = read_text("sku,max_shown\nA,x\nB,x\n")

    assert problems.count == 2


def test_patterns_are_bounded_and_rules_of_single_skus_are_not():
    patterns = "".join(f"A{number}*,1\n" for number in range(MOST_PATTERNS + 5))
    singles = "".join(f"B{number},1\n" for number in range(MOST_PATTERNS + 5))

    rules, problems = read_text("sku,max_shown\n" + patterns + singles)

    assert sum((rule.rank is RuleRank.PATTERN) for rule in rules) == MOST_PATTERNS
    assert sum((rule.rank is RuleRank.SKU) for rule in rules) == MOST_PATTERNS + 5
    assert [problem.split(":")[0] for problem in problems.kept] == [f"rules.csv line {MOST_PATTERNS + 2}"]


def test_patterns_can_be_had_alone(tmp_path):
    path = tmp_path / "rules.csv"
    path.write_text("sku,max_shown\nA*,1\nA,1\nB?,x\nC?,2\n")
    file = RulesFile(TableFile(path, "rules.csv"), WAREHOUSES)
    problems = Problems()

    assert [rule.sku for rule in file.patterns()] == ["A*", "C?"]
    assert [rule.sku for rule in file.rules(problems)] == ["A*", "A", "C?"]
    assert problems.count == 1


cells = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",)), max_size=12),
    st.sampled_from(
        ["", "A", "A*", "toko", "toco", "1610", "60%", "5", "down", "paused", "12345.0", "1E+5", "+"]
    ),
)


@given(st.lists(st.tuples(*[cells] * 11), max_size=5))
def test_any_text_in_any_cell_gives_a_rule_or_a_problem_with_its_line(rows):
    written = io.StringIO()
    names = "sku channel warehouse safety_stock share max_shown min_shown last_units last_units_channel rounding selling"
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows([names.split(), *rows])

    rules, problems = read_text(written.getvalue())
    again, still = read_text(written.getvalue())

    assert (rules, problems.kept) == (again, still.kept)
    for problem in problems.kept:
        assert problem.startswith("rules.csv")
        assert problem.isprintable()
    for rule in rules:
        assert rule.sku
        assert rule.settings != RuleSettings()
        assert rule.warehouse in ("", *WAREHOUSES.get(rule.channel, ()))
