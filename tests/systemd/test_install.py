"""Installing refuses what cannot work before it writes anything, and one that fails leaves what was there."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SYSTEM_PYTHON = "/usr/bin/python3"


def run(script, **variables):
    """Run it with nothing of pip's from outside: no index, no wheels."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
    environ = {**kept, "PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", **variables}
    return subprocess.run(
        ["sh", ROOT / "systemd" / script],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        env=environ,
    )


def python_that(folder, answer):
    """Make a program that stands for a Python, and answers all it is asked with a line of shell."""
    program = folder / "python"
    program.write_text(f"#!/bin/sh\n{answer}\n")
    program.chmod(0o755)
    return str(program)


def test_a_relative_folder_is_refused(tmp_path):
    done = run("install", DESTDIR="somewhere")

    assert done.returncode == 1
    assert "not an absolute path" in done.stderr


@pytest.mark.skipif(not Path(SYSTEM_PYTHON).exists(), reason="needs the system's Python")
def test_without_a_folder_it_takes_root(tmp_path):
    if os.geteuid() == 0:
        done = subprocess.run(
            ["setpriv", "--reuid=65534", "--clear-groups", "sh"], input=(ROOT / "systemd/install").read_text(),
            capture_output=True, text=True, check=False, timeout=60, cwd="/",
        )  # fmt: skip
    else:
        done = run("install")

    assert done.returncode == 1
    assert "sudo make install" in done.stderr


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("exit 1", "needs Python 3.11 or later"),
        ("echo /home/erp/.pyenv/versions/3.13/bin/python3", "ProtectHome="),
        ("echo /root/.local/share/uv/python/bin/python3", "ProtectHome="),
    ],
)
def test_a_python_that_the_service_could_not_run_on_is_refused(tmp_path, answer, told):
    root = tmp_path / "root"

    done = run("install", DESTDIR=str(root), PYTHON=python_that(tmp_path, answer))

    assert done.returncode == 1
    assert told in done.stderr
    assert not root.exists()


@pytest.mark.skipif(not Path(SYSTEM_PYTHON).exists(), reason="needs the system's Python")
def test_an_upgrade_that_fails_leaves_the_release_that_was_there(tmp_path):
    before = tmp_path / "opt/syncd/releases/0.0.1/bin/syncd"
    before.parent.mkdir(parents=True)
    before.write_text("the release before")
    pointer = tmp_path / "opt/syncd/bin/syncd"
    pointer.parent.mkdir()
    pointer.symlink_to("../releases/0.0.1/bin/syncd")

    done = run("install", DESTDIR=str(tmp_path))

    assert done.returncode != 0
    assert "what was installed before is untouched" in done.stderr
    assert pointer.read_text() == "the release before"
    assert [entry.name for entry in (tmp_path / "opt/syncd/releases").iterdir()] == ["0.0.1"]
    assert not (tmp_path / "usr").exists()


def test_uninstalling_takes_what_was_installed_and_leaves_what_is_theirs(tmp_path):
    installed = ["opt/syncd/bin/syncd", "usr/local/sbin/syncd", "usr/local/lib/systemd/system/syncd.service",
                 "usr/local/lib/sysusers.d/syncd.conf", "usr/local/lib/tmpfiles.d/syncd.conf",
                 "usr/local/share/syncd/syncd.toml", "usr/local/share/bash-completion/completions/syncd"]  # fmt: skip
    theirs = ["etc/syncd/syncd.toml", "etc/credstore/toco-secret-key", "var/lib/syncd/state.db",
              "srv/syncd/inbox/stock.csv", "usr/local/sbin/other"]  # fmt: skip
    for name in (*installed, *theirs):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")

    done = run("uninstall", DESTDIR=str(tmp_path))

    assert done.returncode == 0
    assert sorted(
        str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()
    ) == sorted(theirs)
    assert "rm -r /var/lib/syncd" in done.stdout


def test_everything_that_is_installed_is_uninstalled():
    put = {
        line.split("$PREFIX")[1].strip('" ')
        for line in (ROOT / "systemd/install").read_text().splitlines()
        if " put 06" in line or line.startswith("put ")
    }
    uninstalled = (ROOT / "systemd/uninstall").read_text()

    assert len(put) >= 5
    assert [path for path in put if f"$PREFIX{path}" not in uninstalled] == []
