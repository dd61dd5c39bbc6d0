"""The reference is what the code says."""

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def _generator():
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = _generator()


@pytest.mark.parametrize("page", GENERATOR.PAGES)
def test_a_page_of_the_reference_is_what_the_code_says(page):
    assert (DOCS / "reference" / page).read_text() == GENERATOR.PAGES[page](), "run `make docs`"


def test_every_table_of_the_configuration_is_in_the_reference():
    from syncd.config.load import _TABLES

    text = GENERATOR.configuration()

    assert [name for name in _TABLES if f"[{name}" not in text] == []
