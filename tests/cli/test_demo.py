import os
import re
import signal

import pytest

from syncd.cli.demonstration.marketplaces import matching, refusals, simulated
from syncd.cli.demonstration.screen import Screen
from syncd.cli.demonstration.shop import Shop
from syncd.cli.demonstration.story import Story, _comparison, play
from tests.cli.conftest import end, read_until, start_syncd

pytestmark = pytest.mark.anyio


async def test_a_small_one_shows_that_everything_matches(tmp_path, capsys):
    assert await play(tmp_path, Screen(), skus=320)
    printed = capsys.readouterr().out
    assert "✗" not in printed
    assert re.search(r"tokopedia +320 +319 +0 +1 +0", printed)
    assert re.search(r"tocobagus +320 +319 +0 +1 +0", printed)


async def test_a_quantity_that_differs_is_shown_and_is_a_flaw(tmp_path, capsys):
    async with simulated() as markets:
        shop = Shop(tmp_path, markets.configuration)
        levels = {"SKU-1": 7, "UNKNOWN-1": 5}
        story = Story(shop, markets, Screen(), levels)
        shop.export(levels)
        await shop.ask("reconcile")
        story.levels["SKU-1"] = 8
        await _comparison(story)
    assert set(story.flaws) == {"tokopedia", "tocobagus"}
    assert "tokopedia shows 7 for SKU-1, the export says 8" in capsys.readouterr().out


def test_told_to_end_it_ends_the_daemon_and_removes_its_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    process = start_syncd("demo")
    line = read_until(process.stdout, "the daemon runs")
    daemon = int(re.search(r"process (\d+)", line)[1])
    end(process, signal.SIGTERM)
    assert process.returncode == 128 + signal.SIGTERM
    assert list(tmp_path.glob("syncd-demo-*")) == []
    with pytest.raises(ProcessLookupError):
        os.kill(daemon, 0)


def test_only_what_is_equal_matches():
    assert matching({"A": 1, "B": 3}, {"A": 1, "B": 2, "C": 0}, ["A", "B", "C"]) == 1


def test_refusals_are_those_of_pace_and_of_whole_requests():
    assert (
        refusals({"rows_refused": 5, "rows_throttled": 1, "requests_throttled": 2, "requests_refused": 4})
        == 7
    )
