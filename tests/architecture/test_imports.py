"""Imports point one way, and each library has one door: the contracts in pyproject.toml, run and proved."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

PACKAGES = ("syncd", "state", "connectors")

VIOLATIONS = {
    "Imports point one way: syncd, then state, then connectors": (
        "connectors/errors.py",
        "import state.records",
    ),
    "Connectors do not know each other, nor the simulator that tests them": (
        "connectors/tokopedia/settings.py",
        "import connectors.tocobagus.settings",
    ),
    "Connectors are found by their entry points, never by name": (
        "syncd/app.py",
        "import connectors.tokopedia.connector",
    ),
    "Only the command line starts the sandbox": ("syncd/daemon.py", "import connectors.sandbox.server"),
    "The core and the wire formats decide without effects": ("syncd/core/backoff.py", "import time"),
    "The core knows the state's plain values, and nothing else of it": (
        "syncd/core/batches.py",
        "import state.ledger",
    ),
    "Inside syncd, what starts things lies above what runs, and decisions lie lowest": (
        "syncd/core/pacing.py",
        "import syncd.errors",
    ),
    "httpx has one door: connectors": ("syncd/delivery.py", "import httpx"),
    "SQLAlchemy and SQLModel have one door: state": ("syncd/lane.py", "import sqlmodel"),
    "structlog has one door: syncd.logs": ("syncd/lane.py", "import structlog"),
    "tenacity has one door: syncd.recovery": ("syncd/lane.py", "import tenacity"),
    "APScheduler has one door: syncd.scheduler": ("syncd/daemon.py", "import apscheduler"),
    "watchfiles has one door: syncd.watching": ("syncd/daemon.py", "import watchfiles"),
    "click and rich have one door: syncd.cli": ("syncd/daemon.py", "import rich"),
    "uvicorn and starlette have two doors: connectors.sandbox and syncd.web": (
        "connectors/transport.py",
        "import starlette",
    ),
    "prometheus-client has one door: syncd.metrics": ("syncd/lane.py", "import prometheus_client"),
    "xlrd has one door: syncd.sources.workbooks": ("syncd/sources/workbook.py", "import xlrd"),
    "apprise has one door: syncd.alerts.through_apprise": ("syncd/alerts/webhook.py", "import apprise"),
    "Workbooks are read in a process of their own: nothing imports what reads them": (
        "syncd/sources/reading.py",
        "import syncd.sources.workbooks.xlsx",
    ),
}
"""One for each contract: a file, and an import that it may not have."""


def lint_imports(tree: Path) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [command, "--no-cache"], cwd=tree, capture_output=True, text=True, timeout=100, check=False
    )


def test_every_import_is_allowed(root):
    found = lint_imports(root)

    assert found.returncode == 0, found.stdout


def test_every_contract_catches_an_import_that_it_forbids(root, tmp_path):
    for package in PACKAGES:
        shutil.copytree(root / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "pyproject.toml", tmp_path)
    for file, line in VIOLATIONS.values():
        with (tmp_path / file).open("a") as module:
            module.write(f"\n{line}\n")

    found = lint_imports(tmp_path)

    assert set(re.findall(r"^(.+) BROKEN", found.stdout, re.MULTILINE)) == set(VIOLATIONS)


def test_every_contract_has_such_a_proof(root):
    settings = tomllib.loads((root / "pyproject.toml").read_text())

    contracts = settings["tool"]["importlinter"]["contracts"]

    assert {contract["name"] for contract in contracts} == set(VIOLATIONS)
