"""docs/reliability.md: every scenario stands there once, and every test that it names exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text()
HOW_MANY = {"A": 21, "B": 18, "C": 22, "D": 20, "E": 8}
IDS = [f"{letter}{number}" for letter, many in HOW_MANY.items() for number in range(1, many + 1)]
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in PAGE.splitlines()
    if re.match(r"\| [A-E]\d+ \|", line)
]
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::([\w:]+)`", PAGE)))
GAPS = PAGE.split("\n## What is not covered\n")[1]


@cache
def those_of(path: str) -> frozenset[str]:
    """The tests of a file, those of a class as `Class::test`."""
    found = set()
    for node in ast.parse((ROOT / path).read_text()).body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{name}" for name in _functions(node.body)}
    return frozenset(found | _functions(ast.parse((ROOT / path).read_text()).body))


def _functions(body):
    return {node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_scenario_has_exactly_one_row():
    assert [row[0] for row in ROWS] == IDS


def test_every_row_says_all_that_the_columns_ask_for():
    assert {len(row) for row in ROWS} == {5}
    assert [row[0] for row in ROWS if not all(row)] == []


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[name for _, name in NAMED])
def test_every_test_that_is_named_exists(path, name):
    assert name.split("::")[-1].startswith("test_")
    assert name in those_of(path)


def test_every_name_is_written_so_that_it_is_checked():
    assert len(NAMED) > 100
    assert PAGE.count("::test_") == len(re.findall(r"`[\w/]+\.py::[\w:]+`", PAGE))


def test_what_has_no_test_is_listed_as_not_covered_and_says_why():
    for number, _, _, tests, result in ROWS:
        untested = "::" not in tests
        assert untested == (result == "not covered"), number
        if untested or "below" in result:
            assert re.search(rf"^- \*\*{number}\*\*: \S", GAPS, re.MULTILINE), number
