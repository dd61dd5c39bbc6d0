"""Each module says what it is for, is small enough to be read at once, and has names that mean something."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULES = {
    str(module.relative_to(ROOT)): module.read_text()
    for package in ("syncd", "state", "connectors")
    for module in sorted((ROOT / package).rglob("*.py"))
}
LONGEST = 350
EMPTY_WORDS = {"helper", "helpers", "manager", "util", "utils"}


def test_each_says_what_it_is_for():
    assert [name for name, text in MODULES.items() if not ast.get_docstring(ast.parse(text))] == []


def test_each_can_be_read_at_once():
    assert {
        name: length for name, text in MODULES.items() if (length := len(text.splitlines())) > LONGEST
    } == {}


def test_no_name_is_empty_of_meaning():
    assert [
        (name, one)
        for name, text in MODULES.items()
        for one in _named(name, text)
        if _words(one) & EMPTY_WORDS
    ] == []


def _named(module: str, text: str) -> list[str]:
    kinds = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    return [Path(module).stem, *(node.name for node in ast.walk(ast.parse(text)) if isinstance(node, kinds))]


def _words(name: str) -> set[str]:
    spaced = "".join(f" {letter}" if letter.isupper() else letter for letter in name)
    return set(spaced.replace("_", " ").lower().split())
