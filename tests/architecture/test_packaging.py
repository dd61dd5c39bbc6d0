"""What is shipped: three packages, their data, one command, two connectors, and nothing else."""

import os
import subprocess
import sys
import tomllib
import zipfile
from configparser import ConfigParser
from importlib.metadata import distributions
from pathlib import Path

import pytest

PACKAGES = {"syncd", "connectors", "state"}


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    hatchling = Path(sys.executable).with_name("hatchling")
    subprocess.run(
        [hatchling, "build", "--target", "wheel", "--directory", folder],
        cwd=root,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"},
        capture_output=True,
        timeout=100,
        check=True,
    )
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        yield archive


def test_the_wheel_holds_the_three_packages_and_nothing_else(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}

    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES
    assert len(tops) == len(PACKAGES) + 1


def test_the_wheel_holds_every_file_of_the_packages(root, wheel):
    there = {
        str(file.relative_to(root))
        for package in PACKAGES
        for file in (root / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }

    unit = {"syncd/shipped/syncd.service"}  # what an installed one is compared with
    assert {name for name in wheel.namelist() if ".dist-info/" not in name} == there | unit


def test_what_is_not_code_is_shipped_too(wheel):
    names = set(wheel.namelist())

    assert {f"{package}/py.typed" for package in PACKAGES} <= names
    assert {"syncd/config/example.toml", "state/migrations/0001_initial.sql"} <= names
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_the_unit_is_shipped_as_it_stands(root, wheel):
    assert wheel.read("syncd/shipped/syncd.service") == (root / "systemd" / "syncd.service").read_bytes()


def test_the_wheel_offers_one_command_and_both_connectors(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt"))
    entries = ConfigParser()
    entries.read_string(wheel.read(name).decode())

    assert {section: dict(entries[section]) for section in entries.sections()} == {
        "console_scripts": {"syncd": "syncd.__main__:main"},
        "syncd.connectors": {
            "tokopedia": "connectors.tokopedia:plugin",
            "tocobagus": "connectors.tocobagus:plugin",
        },
    }


def test_no_other_distribution_claims_our_import_names():
    """Two that share a name overwrite each other's files, and uninstalling one breaks the other."""
    rivals = {
        distribution.name
        for distribution in distributions()
        for file in distribution.files or ()
        if file.parts[0] in PACKAGES
    }

    assert rivals <= {"syncd"}


def test_every_library_that_is_imported_is_declared(root):
    settings = tomllib.loads((root / "pyproject.toml").read_text())
    declared = {_import_name(line) for line in settings["project"]["dependencies"]}
    imported = {
        line.split()[1].split(".")[0]
        for package in PACKAGES
        for module in (root / package).rglob("*.py")
        for line in module.read_text().splitlines()
        if line.startswith(("import ", "from ")) and len(line.split()) > 1
    }

    libraries = imported - set(sys.stdlib_module_names) - PACKAGES

    assert libraries - declared <= {"pydantic_core", "pytest"}, (
        "comes with pydantic; for plug-ins' tests only"
    )


def _import_name(requirement: str) -> str:
    name = "".join(letter if letter.isalnum() or letter in "-_" else " " for letter in requirement).split()[0]
    return name.replace("-", "_")
