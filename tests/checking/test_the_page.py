"""docs/checks.md: every kind of finding stands there once, and nothing else does."""

import re
from pathlib import Path

from syncd.checking.findings import Kind

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "checks.md").read_text()
CODE = "".join(path.read_text() for path in sorted((ROOT / "syncd" / "checking").glob("*.py")))


def test_every_kind_stands_in_the_tables_exactly_once():
    rows = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert sorted(rows) == sorted(Kind)


def test_every_kind_is_found_by_some_check():
    unused = [kind.name for kind in Kind if f"Kind.{kind.name}" not in CODE]
    assert unused == []


def test_every_kind_that_may_be_a_problem_has_a_remedy_there():
    rows = re.findall(r"^\| `\w+` \| ([^|]*) \| [^|]+ \| ([^|]*)\|$", PAGE, re.MULTILINE)
    assert len(rows) == len(Kind)
    assert [row for row in rows if row[0] != "fine" and not row[1].strip()] == []
