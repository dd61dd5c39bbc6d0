import logging
import os
import sqlite3
import subprocess
import sys

import pytest
from click.testing import CliRunner

from state.database import StateMissing
from state.migrations import SchemaNewer, SchemaOlder
from syncd import logs
from syncd.cli.failing import told
from syncd.cli.group import syncd
from syncd.errors import AlreadyRunning, ConfigError, Problem, SyncdError, WrongUsage
from tests.cli.conftest import environment, run_syncd


@pytest.fixture
def log_stream(tmp_path):
    with (tmp_path / "log").open("w+") as stream:
        yield stream
    logs.configure("json", "info", stream=sys.stderr)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (SyncdError("no"), 1),
        (WrongUsage("no"), 2),
        (AlreadyRunning("no"), 75),
        (ConfigError([Problem("", "no")]), 78),
        (StateMissing("state.db"), 1),
        (SchemaOlder("old"), 75),
        (SchemaNewer("new"), 78),
        (sqlite3.DatabaseError("malformed"), 1),
        (PermissionError(13, "Permission denied", "/x"), 1),
        (ZeroDivisionError("ours"), 1),
    ],
)
def test_each_failure_has_its_exit_status(error, status):
    assert told(error).exit_code == status


def test_a_fault_of_our_own_hides_secrets_and_shows_no_traceback(capsys):
    logs.register_secret("hush-hush-secret")
    told(ValueError("it was hush-hush-secret")).show()
    shown = capsys.readouterr().err
    assert "hush-hush-secret" not in shown
    assert "Traceback" not in shown
    assert "fault of syncd" in shown


def test_a_fault_shows_where_it_happened_at_debug_only(log_stream):
    def fail():
        try:
            1 / 0  # noqa: B018
        except ZeroDivisionError as error:
            told(error)

    logs.configure("json", "info", stream=log_stream)
    fail()
    logs.configure("json", "debug", stream=log_stream)
    fail()
    log_stream.seek(0)
    written = log_stream.read()
    assert written.count("Traceback") == 1
    assert logging.getLogger().isEnabledFor(logging.DEBUG)


def test_every_problem_of_a_configuration_is_told_at_once_with_status_78(tmp_path):
    (tmp_path / "syncd.toml").write_text('[sources.x]\ntype = "drp"\n[channels.y]\nconnector = "tokopedai"\n')
    answer = run_syncd("status", cwd=tmp_path)
    assert answer.returncode == 78
    assert answer.stdout == ""
    assert answer.stderr.startswith("syncd: ")
    assert "sources.x.type" in answer.stderr
    assert "tokopedia" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_wrong_option_ends_with_status_2():
    assert CliRunner().invoke(syncd, ["status", "--frobnicate"]).exit_code == 2
    assert CliRunner().invoke(syncd, ["frobnicate"]).exit_code == 2


def test_the_configuration_may_be_named_before_and_after_the_command(offline_shop):
    config = str(offline_shop.config)
    before = CliRunner().invoke(syncd, ["--config", config, "status"])
    after = CliRunner().invoke(syncd, ["status", "--config", config])
    assert before.output == after.output
    assert "nothing has run here yet" in after.output


def test_the_innermost_configuration_counts(offline_shop, tmp_path):
    answer = CliRunner().invoke(
        syncd, ["--config", str(tmp_path / "no"), "status", "--config", str(offline_shop.config)]
    )
    assert "nothing has run here yet" in answer.output


def test_a_reader_that_leaves_early_gets_no_traceback(shop):
    shop.export("a.csv", {f"UNKNOWN-{number}": 1 for number in range(3)})
    shop.call("reconcile")
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "syncd", "--config", str(shop.config), "failures"],
        stdout=writing, stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    os.close(writing)
    os.close(reading)
    _, said = process.communicate(timeout=30)
    assert said == ""


def test_a_damaged_state_database_is_told_and_left_alone(offline_shop):
    database = offline_shop.folder / "state.db"
    database.write_bytes(b"this is no database" * 1_000)
    for command in (["status"], ["failures"], ["imports"], ["reconcile", "--dry-run"]):
        answer = offline_shop.call(*command)
        assert answer.exit_code == 1
        assert "the state database cannot be used" in answer.stderr
    assert database.read_bytes().startswith(b"this is no database")


def test_without_anything_to_do_the_daemon_refuses_to_start(tmp_path):
    (tmp_path / "syncd.toml").write_text("")
    answer = run_syncd("run", cwd=tmp_path)
    assert answer.returncode == 78
    assert "no source" in answer.stderr
    assert "no enabled channel" in answer.stderr


def test_commands_that_only_look_need_no_credentials(offline_shop):
    text = offline_shop.config.read_text()
    offline_shop.config.write_text(text.replace('"hidden-client-secret"', '{ credential = "not-here" }'))
    assert "nothing has run here yet" in offline_shop.call("status").output
    refused = offline_shop.call("reconcile")
    assert refused.exit_code == 78
    assert "not-here" in refused.output
