import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from syncd import __version__
from syncd.cli.group import COMMANDS, syncd
from tests.cli.conftest import environment, run_syncd

HEAVY = (
    "pydantic",
    "sqlalchemy",
    "sqlmodel",
    "httpx",
    "rich",
    "structlog",
    "starlette",
    "apscheduler",
    "asyncio",
)


def imported_by(*arguments):
    traced = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "syncd", *arguments],
        env=environment(), capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    return {line.rsplit("|", 1)[1].strip() for line in traced.stderr.splitlines() if "|" in line}


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_asking_for_help_or_the_version_imports_nothing_heavy(argument):
    assert not imported_by(argument) & set(HEAVY)


def test_help_answers_in_half_a_second():
    fastest = []
    for _ in range(3):
        started = time.perf_counter()
        run_syncd("--help")
        fastest.append(time.perf_counter() - started)
    assert min(fastest) < 0.5


def test_a_reading_command_imports_neither_the_scheduler_nor_a_server(offline_shop):
    modules = imported_by("--config", str(offline_shop.config), "status")
    assert not modules & {"apscheduler", "uvicorn", "starlette", "tenacity", "watchfiles"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(command):
    answer = CliRunner().invoke(syncd, [command, "--help"])
    assert answer.exit_code == 0
    assert f"syncd {command}" in answer.output
    assert "Examples:" in answer.output


def test_the_version_is_told():
    answer = CliRunner().invoke(syncd, ["--version"])
    assert answer.output == f"syncd {__version__}\n"


def test_every_command_is_listed_with_one_line():
    answer = CliRunner().invoke(syncd, ["--help"])
    assert all(command in answer.output and line in answer.output for command, line in COMMANDS.items())
