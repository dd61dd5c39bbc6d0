"""A share of `make races`."""

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture
def races(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return importlib.import_module("races")


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_way_files_are_written_none_is_lost_and_none_half_read(tmp_path, races, seed):
    assert races.race(30, seed, tmp_path).startswith("passed rounds=30")
