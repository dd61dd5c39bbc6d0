import json
import os
import re
import shutil
import signal
import stat
import tomllib

from click.testing import CliRunner

from syncd.cli.group import syncd
from tests.cli.conftest import end, read_until, run_syncd, start_syncd


def test_init_writes_a_private_configuration_with_a_channel_for_each_connector(tmp_path):
    target = tmp_path / "mine.toml"
    answer = CliRunner().invoke(syncd, ["init", str(target)])
    assert answer.exit_code == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    document = tomllib.loads(target.read_text())
    assert {channel["connector"] for channel in document["channels"].values()} >= {"tokopedia", "tocobagus"}
    assert f"syncd check --config {target}" in answer.output


def test_init_leaves_what_exists_as_it_is(tmp_path):
    target = tmp_path / "syncd.toml"
    target.write_text("mine")
    answer = CliRunner().invoke(syncd, ["init", str(tmp_path)])
    assert answer.exit_code == 1
    assert "exists" in answer.output
    assert target.read_text() == "mine"


def test_init_is_private_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        CliRunner().invoke(syncd, ["init", str(tmp_path / "a.toml")])
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.toml").stat().st_mode) == 0o600


def test_without_a_path_init_writes_here(tmp_path):
    answer = run_syncd("init", cwd=tmp_path)
    assert answer.returncode == 0
    assert (tmp_path / "syncd.toml").exists()
    assert "--config" not in answer.stdout


def test_the_sandbox_comes_with_a_configuration_and_an_export_that_work(tmp_path):
    process = start_syncd("sandbox", "--port", "0", cwd=tmp_path)
    try:
        read_until(process.stdout, "/sandbox/counters")
        directory = tmp_path / "syncd-sandbox"
        shutil.copy(directory / "sample.csv", directory / "inbox")
        answer = run_syncd("--config", directory / "syncd.toml", "reconcile", "--sku", "SKU-0001", "--json")
        assert json.loads(answer.stdout)["ok"] is True, answer.stderr
    finally:
        end(process, signal.SIGINT)
    assert process.returncode == 0


def test_a_port_that_is_taken_is_told(tmp_path, sandbox):
    port = re.search(r":(\d+)$", sandbox.url)[1]
    answer = run_syncd("sandbox", "--port", port, "--directory", tmp_path / "d")
    assert answer.returncode == 1
    assert f"port {port} cannot be had" in answer.stderr
