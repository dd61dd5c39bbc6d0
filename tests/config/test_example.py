import re
import tomllib
from pathlib import Path

import pytest

from connectors.discovery import installed, load_plugin
from state.plans import ChannelPlan
from syncd.config.example import example_configuration
from syncd.config.load import load_config
from syncd.config.rules import RuleTable, channel_rules
from syncd.core.rules import Cascade, Rules
from syncd.errors import ConfigError

CREDENTIALS = ("tokopedia-client-secret", "toco-secret-key", "toco-store-token")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def example():
    return example_configuration({name: load_plugin(name) for name in installed()})


@pytest.fixture
def load(tmp_path):
    for name in CREDENTIALS:
        (tmp_path / name).write_text("canary-20aa\n")

    def load(text, environ=None):
        path = tmp_path / "syncd.toml"
        path.write_text(text)
        given = {"CREDENTIALS_DIRECTORY": str(tmp_path)} if environ is None else environ
        return load_config(path, environ=given, load_plugin=load_plugin)

    return load


def test_the_syncd_toml_of_the_project_is_exactly_the_example(example):
    assert (ROOT / "syncd.toml").read_text() == example, "write the example to syncd.toml again"


def test_the_example_loads_once_its_credentials_are_passed(example, load):
    config = load(example)

    assert list(config.sources) == ["erp"]
    assert {channel.connector for channel in config.channels.values()} == set(installed())
    assert config.warnings == ()


def test_the_example_without_credentials_tells_for_each_where_it_comes_from(example, load):
    with pytest.raises(ConfigError) as caught:
        load(example, {})

    assert len(caught.value.problems) == len(CREDENTIALS)
    assert all("systemd" in problem.message for problem in caught.value.problems)


def uncommented(text):
    return re.sub(r"(?m)^#(?=[a-z_]+ = |\[)", "", text)


def rules_of(common):
    """What holds by them where nothing narrower says otherwise."""
    layers = channel_rules(common, RuleTable(), "elsewhere")
    return Cascade(ChannelPlan("elsewhere", "", (), rules=layers)).common


def test_each_default_shown_in_a_comment_is_the_default(example, load):
    with_every_key = re.sub(r"(?s)\[sources\.erp\.columns\].*?\n\n", "", uncommented(example))
    sources = with_every_key.index("[sources.pos]")

    assert load(with_every_key).sources["erp"] == load(example).sources["erp"]
    assert load(with_every_key).logging == load(example).logging
    assert load(with_every_key).state == load(example).state
    assert load(with_every_key).alerts == load(example).alerts
    assert load(with_every_key).reconcile == load(example).reconcile
    assert load(with_every_key).sources["pos"].poll == 5.0
    rules = load(with_every_key).rules
    assert rules_of(rules) == rules_of(load(example).rules) == Rules()
    assert rules.guard == load(example).rules.guard
    assert [(rule.sku, rule.channels, rule.selling) for rule in rules.for_] == [
        ("SALE-*", ("toco-main",), "stopped")
    ]
    assert "poll" in with_every_key[sources:]


def test_each_key_shown_in_a_comment_is_a_key(example, load):
    assert load(uncommented(example)).sources["erp"].columns.sku == "Kode Barang"


def test_each_key_that_every_channel_may_have_loads(example, load):
    block = example[example.index("# Every channel may also have:") :]
    keys = "\n".join(line.removeprefix("#   ") for line in block.splitlines() if line.startswith("#   "))
    channel = tomllib.loads(load_plugin("tokopedia").example)["channels"]
    [name] = channel
    head = load_plugin("tokopedia").example
    source = '[sources.erp]\ntype = "drop"\npath = "inbox"\n'

    loaded = load(source + head + keys.replace("NAME", name)).channels[name]

    assert loaded.limits_set == set(type(loaded.limits).__slots__)
    assert loaded.rules.max_shown == 50
    assert loaded.listings.file.name == "listings.csv"
    assert loaded.warehouses == {"JKT": "1610", "BDG": "1611"}


def test_the_example_fits_a_terminal(example):
    assert max(map(len, example.splitlines())) <= 110
