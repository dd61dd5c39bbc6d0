"""Every console block of the documents is run, and prints what the page shows."""

import os
import re
import sys
from pathlib import Path

import pytest

from tests.docs.console import Reader, blocks_of, matches

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    if "adr" not in page.parts and blocks_of(page.read_text())
)


def _name(page):
    return str(page.relative_to(ROOT))


@pytest.fixture
def environ(tmp_path):
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "CHECKOUT": str(ROOT),
        "COLUMNS": "200",
    }


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_what_a_page_tells_to_type_does_what_it_says(page, tmp_path, environ):
    reader = Reader(tmp_path, environ)
    try:
        for block in blocks_of(page.read_text()):
            if "needs" not in block.directives:
                reader.follow(block)
    finally:
        reader.close()


def test_no_two_pages_take_the_same_port():
    ports = [
        port
        for page in PAGES
        for port in set(re.findall(r"syncd sandbox(?: --port (\d+))?", page.read_text()))
    ]

    assert len(ports) == len(set(ports)), "they are followed at the same time"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_what_is_not_run_here_is_run_where_it_can_be(page):
    ci = (ROOT / ".ci" / "run").read_text().splitlines()
    trial = (ROOT / "tests" / "systemd" / "trial.py").read_text()
    for block in blocks_of(page.read_text()):
        where = block.directives.get("needs")
        assert where in {None, "ci", "systemd"}
        if where == "ci":
            assert [one.typed for one in block.commands if one.typed not in ci] == []
        if where == "systemd":
            assert f'"{_name(page)}"' in trial


def test_a_page_that_shows_something_else_is_found_out():
    assert matches(["id  when", "…", "3   4 s ago"], ["id  when", "a", "b", "12     10 s ago", ""])
    assert not matches(["held 3"], ["applied 3"])
    assert not matches(["held"], ["held", "and more"])
    assert not matches(["a", "…", "z"], ["a", "b"])
    assert matches(["stock 12, …"], ["stock 12, 4 s ago"], exactly=True)
    assert not matches(["stock 12, …"], ["stock 13, 4 s ago"], exactly=True)


def test_the_tool_finds_commands_with_what_they_print():
    text = "x\n<!-- typed: secret -->\n```console\n$ one \\\n  more\nsaid\n$ two\n```\n"
    [block] = blocks_of(text)
    assert block.directives == {"typed": "secret"}
    assert [(each.typed, each.printed) for each in block.commands] == [
        ("one \\\n  more", ["said"]),
        ("two", []),
    ]


def test_an_example_is_shown_as_it_is():
    page = (ROOT / "docs" / "how-to" / "what-each-shop-shows.md").read_text()
    shown = [text.rstrip("\n") for text in re.findall(r"```(?:toml|csv)\n(.*?)```", page, re.DOTALL)]
    files = [one for one in (ROOT / "docs" / "examples" / "two-shops").iterdir() if one.is_file()]

    assert len(files) >= 6
    assert [one.name for one in files if one.read_text().rstrip("\n") not in shown] == []
