import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import syncd
from connectors.discovery import name_conflicts
from state.dialect import KNOWN_FAULTS
from syncd.checking.installation import check_installation, check_sqlite, other_places
from tests.cli.conftest import environment

ROOT = str(Path(syncd.__file__).parents[1])


def test_this_installation_is_fine_but_for_whoever_runs_it(tmp_path, kinds):
    expected = ["run_as_root"] if os.geteuid() == 0 else []
    assert kinds(check_installation(tmp_path / "state.db")) == expected


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is told")
def test_root_is_told_as_whom_to_run(tmp_path):
    def remedy(state, user=""):
        return next(one.remedy for one in check_installation(state, user) if one.kind == "run_as_root")

    (tmp_path / "state.db").touch()
    assert "runuser -u USER --" in remedy(tmp_path / "state.db")
    os.chown(tmp_path / "state.db", 65534, 65534)
    assert "runuser -u nobody --" in remedy(tmp_path / "state.db")
    assert "runuser -u syncd --" in remedy(tmp_path / "state.db", "syncd")


@pytest.mark.parametrize("form", ["state.py", "state/__init__.py"])
def test_another_module_of_our_name_is_found_and_a_mere_folder_is_not(tmp_path, form):
    (tmp_path / "state").mkdir()
    assert other_places("state", [str(tmp_path), *sys.path]) == []

    (tmp_path / form).write_text("")
    assert other_places("state", [str(tmp_path), *sys.path]) == [str(tmp_path / form)]
    assert other_places("state", [str(tmp_path), str(tmp_path)]) == [str(tmp_path / form)]


def test_the_current_folder_counts_where_it_is_on_the_path(tmp_path, monkeypatch):
    (tmp_path / "state.py").write_text("")
    monkeypatch.chdir(tmp_path)
    assert other_places("state", ["", ROOT]) == [str(tmp_path / "state.py")]


@pytest.mark.parametrize("name", ["state", "connectors"])
def test_where_another_module_hides_ours_it_says_so_instead_of_failing(tmp_path, name):
    """A real process: PYTHONPATH comes before what is installed."""
    (tmp_path / f"{name}.py").write_text("")
    answer = subprocess.run(
        [sys.executable, "-m", "syncd", "check"],
        cwd="/",
        env=environment(PYTHONPATH=f"{tmp_path}:{ROOT}"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 1
    assert f"{tmp_path}/{name}.py" in answer.stderr
    assert "PYTHONPATH" in answer.stderr
    assert "fault of syncd" not in answer.stderr


@pytest.mark.parametrize("name", ["syncd", "state", "connectors"])
def test_another_package_that_installs_our_names_is_found(tmp_path, monkeypatch, name):
    folder = tmp_path / "stranger-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (folder / "RECORD").write_text(f"{name}/part/extra.py,,\nstranger-1.0.dist-info/METADATA,,\n")
    assert name_conflicts() == []
    monkeypatch.syspath_prepend(str(tmp_path))
    assert name_conflicts() == [f"package 'stranger' also installs a module named {name!r}"]


def test_a_sqlite_that_cannot_hold_the_ledger_is_found(kinds):
    def of_a_later_one(path):
        with closing(sqlite3.connect(path)) as database:
            database.execute("CREATE TABLE listing(sku) ORDERED BY NOTHING")

    assert kinds(check_sqlite(of_a_later_one)) == ["sqlite_unfit"]
    assert kinds(check_sqlite()) == []


def test_the_faults_of_this_sqlite_are_named_as_harmless(kinds):
    found = [one for one in check_sqlite() if one.kind == "sqlite_known_fault"]
    faults = [fault for fault in KNOWN_FAULTS if fault.concerns(sqlite3.sqlite_version_info)]
    assert len(found) == len(faults)
    assert all(fault.name in one.what for fault, one in zip(faults, found, strict=True))


@pytest.mark.parametrize("folder", ["/proc", "/nowhere"])
def test_a_temporary_folder_that_cannot_be_written_is_found(kinds, monkeypatch, folder):
    monkeypatch.setattr("tempfile.tempdir", folder)
    assert kinds(check_sqlite()) == ["temporary_folder_unusable"]


def test_a_temporary_folder_without_room_is_found():
    """A real process that may write little stands for a full disk."""
    code = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from syncd.checking.installation import check_sqlite\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))\n"
        "print([one.kind.value for one in check_sqlite()])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "['temporary_folder_unusable']"
