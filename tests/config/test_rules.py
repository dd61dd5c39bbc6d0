import pytest

from state.plans import ChannelPlan, PlanRule, Rounding, RuleRank, RuleRow, RuleSettings, Selling
from syncd.config.rules import PlanGuardConfig, RuleTable, channel_rules, own_rules
from syncd.core.rules import Cascade

SOURCE = '[sources.erp]\ntype = "drop"\npath = "inbox"\n'
SHOP = '[channels.{name}]\nconnector = "counted"\nshop = {shop}\nkey = "k"\n'
SHOPS = SOURCE + SHOP.format(name="toko", shop=1) + SHOP.format(name="toco", shop=2)


def rule(rank, pattern="", origin="syncd.toml", **said):
    return PlanRule(rank, RuleSettings(**said), origin, pattern)


def test_without_rules_everything_is_shown(folder):
    config = folder.load(SHOPS)

    assert channel_rules(config.rules, config.channels["toko"].rules, "toko") == ()
    assert list(own_rules(config.rules, "toko")) == []
    assert (config.rules.guard.max_missing, config.rules.guard.max_zeroed, config.rules.guard.max_drop) == (
        200_000,
        100_000,
        500_000,
    )


def test_every_setting_is_read_for_all_channels_and_for_one(folder):
    said = """
safety_stock = 2
share = "60%"
max_shown = 50
min_shown = 3
last_units = 4
last_units_channel = "toco"
rounding = "nearest"
selling = "paused"
"""
    settings = RuleSettings(
        safety_stock=2, share_ppm=600_000, max_shown=50, min_shown=3, last_units=4, last_units_channel="toco",
        rounding=Rounding.NEAREST, selling=Selling.PAUSED,
    )  # fmt: skip
    config = folder.load(f"[rules]{said}{SHOPS}[channels.toco.rules]{said}")

    assert config.rules.settings() == settings
    assert config.channels["toco"].rules.settings() == settings
    assert config.channels["toko"].rules == RuleTable()


def test_rules_go_from_the_widest_to_the_narrowest_and_say_where_they_stand(folder):
    config = folder.load(
        '[rules]\nmax_shown = 9\nfile = "rules.csv"\n'
        '[[rules.for]]\nsku = "A*"\nchannels = ["toko"]\nmax_shown = 1\n'
        '[[rules.for]]\nsku = "*"\nshare = "10%"\n'
        '[[rules.for]]\nsku = "B?"\nchannels = "toco"\nmax_shown = 2\n'
        '[[rules.for]]\nsku = "X"\nselling = "stopped"\n'
        '[[rules.for]]\nsku = "X"\nchannels = ["toko", "toco"]\nmin_shown = 1\n' + SHOPS
        + "[channels.toko.rules]\nsafety_stock = 1\n"
    )  # fmt: skip

    assert config.rules.file == folder.at / "rules.csv"
    assert channel_rules(config.rules, config.channels["toko"].rules, "toko") == (
        rule(RuleRank.DEFAULT, origin="syncd.toml [rules]", max_shown=9),
        rule(RuleRank.CHANNEL, origin="syncd.toml [channels.toko.rules]", safety_stock=1),
        rule(RuleRank.PATTERN, "*", 'syncd.toml rule for "*"', share_ppm=100_000),
        rule(RuleRank.PATTERN, "A*", 'syncd.toml rule for "A*"', max_shown=1),
    )
    assert list(own_rules(config.rules, "toko")) == [
        RuleRow("X", "", RuleRank.SKU, '{"selling":"stopped"}', 'syncd.toml rule for "X"'),
        RuleRow("X", "", RuleRank.LISTING, '{"min_shown":1}', 'syncd.toml rule for "X"'),
    ]


def test_a_rule_for_one_warehouse_is_the_narrowest(folder):
    config = folder.load(
        '[[rules.for]]\nsku = "X"\nchannels = ["toko"]\nwarehouse = "1610"\nmax_shown = 1\n'
        + SOURCE + SHOP.format(name="toko", shop=1) + 'warehouses = { JKT = "1610", BDG = "1611" }\n'
    )  # fmt: skip
    rows = list(own_rules(config.rules, "toko"))
    plan = ChannelPlan("toko", "", (), rules=channel_rules(config.rules, RuleTable(), "toko"))

    assert [(row.warehouse, row.rank) for row in rows] == [("1610", RuleRank.WAREHOUSE)]
    assert [Cascade(plan).of("X", place, rows).max_shown for place in ("1610", "1611")] == [1, None]


def test_guards_of_edits_are_shares_or_off(folder):
    guard = folder.load('[rules.guard]\nmax_missing = "5%"\nmax_zeroed = "off"\n').rules.guard

    assert guard == PlanGuardConfig(max_missing="5%", max_zeroed="off", max_drop="50%")
    assert guard.max_zeroed is None


def for_one(said):
    return f'[[rules.for]]\nsku = "first"\nshare = "10%"\n[[rules.for]]\n{said}\n{SHOPS}'


NO_WAREHOUSE = 'channel "toko" is one stock for the whole shop: leave warehouse out'
NEEDS_ONE = "warehouse needs one SKU, no pattern, and channels with the one it belongs to"
LEAST_ABOVE_MOST = (
    "does not go with max_shown in [rules]: fewer than 5 are never shown and more than 4 neither, "
    "so nothing would be; set max_shown here too"
)
NOTHING_SHOWN = (
    "min_shown (5) is above max_shown (4): nothing would ever be shown; "
    'write selling = "stopped" if that is meant'
)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[rules]\nsafty_stock = 1\n", ("rules.safty_stock", 2, 'unknown key; did you mean "safety_stock"?')),
        ("[rules]\nsafety_stock = -1\n", ("rules.safety_stock", 2, "must be greater than or equal to 0, not -1")),
        ("[rules]\nshare = 0.5\n", ("rules.share", 2, 'must be a share in quotes from "0%" to "100%", such as "20%"')),
        (
            '[rules]\nselling = "pausd"\n',
            ("rules.selling", 2, 'must be "normal", "paused" or "stopped", not "pausd"'),
        ),
        ("[rules.guard]\nmax_zerod = 1\n", ("rules.guard.max_zerod", 2, 'unknown key; did you mean "max_zeroed"?')),
        ("[rules]\nmax_shown = 4\nmin_shown = 5\n", ("rules", 1, NOTHING_SHOWN)),
        (for_one('sku = "X"\nmax_shown = 4\nmin_shown = 5'), ("rules.for.1", 4, NOTHING_SHOWN)),
        (for_one('sku = "X"\nsafty_stock = 5'), ("rules.for.1.safty_stock", 6, 'unknown key; did you mean "safety_stock"?')),
        (for_one("share = '5%'"), ("rules.for.1.sku", 4, "is missing")),
        (for_one('sku = ""\nshare = "5%"'), ("rules.for.1.sku", 5, 'must be a SKU, or a pattern such as "SALE-*", without blanks at its ends')),
        (for_one('sku = "X"'), ("rules.for.1", 4, "says nothing: give it a setting, such as max_shown = 5")),
        (
            for_one('sku = "X"\nchannels = []\nshare = "5%"'),
            ("rules.for.1", 4, "channels must name at least one; left out, it means all"),
        ),
        (
            for_one('sku = "X"\nchannels = ["tokko"]\nshare = "5%"'),
            ("rules.for.1.channels", 6, 'there is no "tokko"; did you mean "toko"?'),
        ),
        (for_one('sku = "X"\nwarehouse = "1"\nshare = "5%"'), ("rules.for.1", 4, NEEDS_ONE)),
        (for_one('sku = "X*"\nchannels = "toko"\nwarehouse = "1"\nshare = "5%"'), ("rules.for.1", 4, NEEDS_ONE)),
        (
            for_one('sku = "X"\nchannels = ["toko"]\nwarehouse = "1"\nshare = "5%"'),
            ("rules.for.1.warehouse", 7, NO_WAREHOUSE),
        ),
        (
            for_one('sku = "X"\nlast_units = 2\nlast_units_channel = "tocco"'),
            ("rules.for.1.last_units_channel", 7, 'there is no "tocco"; did you mean "toco"?'),
        ),
        (
            for_one('sku = "X"\nlast_units = 2'),
            (
                "rules.for.1.last_units", 6,
                "needs last_units_channel, the channel that goes on showing them: without, nobody would",
            ),
        ),
        (
            "[rules]\nmax_shown = 4\n" + SHOPS + "[channels.toco.rules]\nmin_shown = 5\n",
            (
                "channels.toco.rules.min_shown", 15,
                LEAST_ABOVE_MOST,
            ),
        ),
        (
            SHOPS + "[channels.toco.rules]\nmax_show = 5\n",
            ("channels.toco.rules.max_show", 13, 'unknown key; did you mean "max_shown"?'),
        ),
        ("rules = 5\n", ("rules", 1, "must be a table")),
        ("[rules]\nfor = 5\n", ("rules.for", 2, "must be tables of the form [[rules.for]]")),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_with_what_to_do(folder, text, problem):
    assert folder.problems(text) == [problem]


def test_a_warehouse_of_another_name_is_told_with_the_nearest(folder):
    text = for_one('sku = "X"\nchannels = ["third"]\nwarehouse = "1619"\nshare = "5%"')
    third = SHOP.format(name="third", shop=3) + 'warehouses = { JKT = "1610" }\n'

    assert folder.problems(text + third) == [
        ("rules.for.1.warehouse", 7, 'there is no "1619"; did you mean "1610"?')
    ]


def test_a_channel_with_a_problem_of_its_own_is_still_a_channel_to_the_rules(folder):
    text = for_one('sku = "X"\nchannels = ["third"]\nwarehouse = "1"\nshare = "5%"')

    assert [where for where, _, _ in folder.problems(text + '[channels.third]\nconnector = "counted"\n')] == [
        "channels.third.shop",
        "channels.third.key",
    ]


def test_the_rules_file_may_name_the_channel_of_the_last_units(folder):
    assert folder.load(f'[rules]\nlast_units = 2\nfile = "rules.csv"\n{SHOPS}').rules.last_units == 2
    assert folder.load(
        f'[rules]\nlast_units = 2\n[[rules.for]]\nsku="*"\nlast_units_channel = "toco"\n{SHOPS}'
    )


def test_what_is_both_set_by_a_channel_may_differ_from_the_defaults(folder):
    config = folder.load(
        f"[rules]\nmax_shown = 4\n{SHOPS}[channels.toco.rules]\nmin_shown = 5\nmax_shown = 10\n"
    )

    assert config.channels["toco"].rules.min_shown == 5


def test_shares_beyond_the_stock_are_warned_of_when_the_file_is_read(folder):
    both = '[rules]\nshare = "60%"\n'
    own = '[[rules.for]]\nsku = "B"\nchannels = ["toco"]\nshare = "50%"\n'
    own += '[[rules.for]]\nsku = "A"\nchannels = ["toko"]\nshare = "51%"\n'

    [told] = folder.load(both + SHOPS).warnings
    assert told.startswith("toko 60% + toco 60% = 120% of the stock of source erp, for all SKUs")
    assert folder.load(both + SHOPS + "enabled = false\n").warnings == ()
    assert folder.load(SHOPS).warnings == ()
    assert [one.split(",")[1] for one in folder.load('[rules]\nshare = "50%"\n' + own + SHOPS).warnings] == [
        ' for "A"'
    ]


def test_last_units_that_are_left_to_a_channel_that_is_off_are_warned_of(folder):
    [told] = folder.load(
        f'[rules]\nlast_units = 3\nlast_units_channel = "toco"\n{SHOPS}enabled = false\n'
    ).warnings

    assert told == (
        'the last units are left to channel "toco", which is not enabled, so nobody shows them: '
        "name another last_units_channel"
    )
