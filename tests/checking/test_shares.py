"""Shares beyond one stock: noted once, wherever the rules stand."""

import pytest

from connectors.memory import plugin
from syncd.checking.configuration import check_configuration
from syncd.checking.findings import Weight
from syncd.checking.plans import check_plans
from syncd.config.load import load_config
from syncd.plans import shares


@pytest.fixture
def found(tmp_path):
    """All findings about a configuration of these tables, with two channels of one source."""

    def found(text, rules="", second=""):
        path = tmp_path / "syncd.toml"
        source = '[sources.erp]\ntype = "drop"\npath = "inbox"\n'
        channels = f'[channels.a]\nconnector = "memory"\n[channels.b]\nconnector = "memory"\nshop = "other"\n{second}'
        path.write_text(text + source + channels)
        path.chmod(0o600)
        (tmp_path / "rules.csv").write_text(rules)
        config = load_config(path, environ={}, load_plugin={"memory": plugin}.__getitem__)
        findings = [*check_configuration(config, path), *check_plans(config)]
        return [finding for finding in findings if finding.weight is not Weight.FINE]

    return found


def test_shares_in_syncd_toml_are_noted_once(found):
    [finding] = found('[rules]\nshare = "60%"\n')

    assert (finding.kind.value, finding.weight) == ("shares_beyond_stock", Weight.NOTE)
    assert "a 60% + b 60% = 120% of the stock of source erp" in finding.what
    assert finding.remedy == "lower the shares to 100% together"


def test_shares_in_the_rules_file_are_noted_too(found):
    rules = "sku,channel,share\nX,a,70%\nS*,b,60%\nY,a,30%\n"

    findings = found('[rules]\nshare = "50%"\nfile = "rules.csv"\n', rules)

    assert [finding.what.split(",")[:2] for finding in findings] == [
        ["a 50% + b 60% = 110% of the stock of source erp", ' for "S*"'],
        ["a 70% + b 50% = 120% of the stock of source erp", ' for "X"'],
    ]


def test_a_channel_that_is_off_takes_no_share(found):
    assert found('[rules]\nshare = "60%"\n', second="enabled = false\n") == []


def test_more_shares_of_single_skus_than_fit_are_not_added_up_by_halves(found, monkeypatch):
    monkeypatch.setattr(shares, "MOST_ROWS", 3)
    rules = "sku,channel,share\n" + "".join(f"{sku},{channel},50%\n" for sku in "XY" for channel in "ab")

    [finding] = found('[rules]\nfile = "rules.csv"\n', rules)

    assert finding.what == "more than 3 single SKUs have shares of their own, which were not added up"
