"""The file of bundles."""

import pytest

from state.plans import BundleRow
from syncd.plans.bundles import read_bundles
from syncd.plans.problems import Problems
from syncd.plans.tables import TableFile


@pytest.fixture
def read(tmp_path):
    def read(text):
        (tmp_path / "bundles.csv").write_text(text, encoding="utf-8")
        problems = Problems()
        return list(read_bundles(TableFile(tmp_path / "bundles.csv", "bundles.csv"), problems)), problems

    return read


def test_each_row_is_a_component_of_a_bundle(read):
    rows, problems = read("bundle_sku;component_sku;units\nSET;A;1\nSET;B;2\n")

    assert problems.kept == []
    assert rows == [
        BundleRow("SET", "A", 1, "bundles.csv line 2"),
        BundleRow("SET", "B", 2, "bundles.csv line 3"),
    ]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (",A,1", "bundle_sku: is blank: each row names a bundle, one component, and its units"),
        ("SET,,1", "component_sku: is blank: each row names"),
        ("SET,SET,1", "component_sku: is the bundle itself: name what it is made of"),
        ("SET,A,", 'units: must be a whole number from 1 to 1,000,000, not ""'),
        ("SET,A,0", "units: must be a whole number from 1 to 1,000,000"),
        ("SET,A,1.0", "units: must be a whole number from 1 to 1,000,000"),
        ("SET,A,1000001", "units: must be a whole number from 1 to 1,000,000"),
        ("SET,1.2E+9,1", 'component_sku: "1.2E+9" is what a spreadsheet makes of a long number'),
    ],
)
def test_what_cannot_be_meant_is_told_with_its_column(read, row, problem):
    rows, problems = read(f"bundle_sku,component_sku,units\n{row}\nSET,B,2\n")

    assert [row.component_sku for row in rows] == ["B"]
    [told] = problems.kept
    assert told.startswith(f"bundles.csv line 2: {problem}")


def test_each_column_is_needed(read):
    rows, problems = read("bundle_sku,units\nSET,1\n")

    assert rows == []
    assert problems.kept == [
        'bundles.csv line 1: no column is called "component_sku": the headers are "bundle_sku", "units"'
    ]
