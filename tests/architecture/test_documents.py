"""What the documents point at exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
PATH = re.compile(r"`((?:syncd|state|connectors|tests|docs|systemd|benchmarks)/[\w./-]*)`")
ARCHITECTURE = ROOT / "docs" / "ARCHITECTURE.md"


def _name(document: Path) -> str:
    return str(document.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_every_link_leads_somewhere(document):
    text = document.read_text()

    assert [link for link in LINK.findall(text) if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_every_file_that_is_named_exists(document):
    assert [path for path in PATH.findall(document.read_text()) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("package", ["syncd", "state", "connectors"])
def test_the_architecture_names_every_part(package):
    parts = {
        entry.stem
        for entry in (ROOT / package).iterdir()
        if (entry.suffix == ".py" or (entry / "__init__.py").exists()) and not entry.name.startswith("__")
    }
    named = re.findall(rf"`{package}/(\w+)(?:\.py|/)[^`]*`", ARCHITECTURE.read_text())

    assert parts - set(named) == set()


def test_every_decision_is_listed():
    listed = ARCHITECTURE.read_text()

    assert [adr.name for adr in sorted((ROOT / "docs" / "adr").glob("*.md")) if adr.name not in listed] == []


def test_every_decision_has_all_its_parts():
    parts = ["Status", "Context", "Evidence", "Decision", "Consequences"]

    for adr in (ROOT / "docs" / "adr").glob("*.md"):
        assert re.findall(r"^## (\w+)$", adr.read_text(), re.MULTILINE) == parts, adr.name
