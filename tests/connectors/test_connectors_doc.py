"""docs/connectors.md names tests and codes that exist."""

import re
from pathlib import Path

import pytest

from connectors.tokopedia import wire

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "connectors.md").read_text()
NAMED = sorted(set(re.findall(r"`(test_\w+\.py)::(test_\w+)`", PAGE)))


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_each_test_that_the_page_names_exists(file, name):
    places = [HERE / file]
    if file == "test_conformance.py":
        places.append(HERE.parents[1] / "connectors" / "conformance" / "suite.py")

    assert any(re.search(rf"^\s*(async )?def {name}\(", place.read_text(), re.MULTILINE) for place in places)


def test_the_page_names_tests_at_all():
    assert len(NAMED) > 40
    assert PAGE.count("::") == len(re.findall(r"`test_\w+\.py::test_\w+`", PAGE))


@pytest.mark.parametrize("code", sorted(wire.REACTIONS))
def test_each_code_of_the_table_stands_on_the_page(code):
    assert f"`{code}`" in PAGE
