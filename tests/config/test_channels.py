import pytest

from syncd.config.load import secrets_of

COUNTED = '[channels.main]\nconnector = "counted"\nshop = 1\nkey = "canary-51c0"\n'
ROOMY = '[channels.main]\nconnector = "roomy"\nshop = 1\nkey = "canary-51c0"\n'
SOURCES = "".join(f'[sources.{name}]\ntype = "drop"\npath = "{name}"\n' for name in ("erp", "pos"))


def only(config):
    return config.channels["main"]


def test_a_channel_holds_its_connectors_settings_and_the_common_keys(folder, plugins):
    channel = only(
        folder.load(
            SOURCES
            + COUNTED
            + 'sources = ["pos"]\nenabled = false\nreassert_after = "5m"\n'
            + '[channels.main.rules]\nsafety_stock = 2\nshare = "33.3333%"\nmax_shown = 0\n'
        )
    )

    assert (channel.name, channel.connector, channel.settings.shop) == ("main", "counted", 1)
    assert channel.plugin is plugins["counted"]
    assert (channel.sources, channel.enabled, channel.reassert_after) == (("pos",), False, 300.0)
    assert (channel.rules.safety_stock, channel.rules.share, channel.rules.max_shown) == (2, 333_333, 0)
    assert channel.account == "shop 1"


def test_a_channel_has_all_sources_and_shows_all_stock_by_default(folder):
    channel = only(folder.load(SOURCES + COUNTED))

    assert channel.sources == ("erp", "pos")
    assert (channel.rules.safety_stock, channel.rules.share, channel.rules.max_shown) == (None, None, None)
    assert (channel.warehouses, channel.enabled, channel.reassert_after) == (None, True, 600.0)


def test_a_channel_without_any_source_is_refused(folder):
    assert [where for where, *_ in folder.problems(SOURCES + COUNTED + "sources = []\n")] == [
        "channels.main.sources"
    ]


def test_where_a_whole_shop_must_be_stated_leaving_it_out_is_refused(folder):
    [(where, line, message)] = folder.problems(ROOMY)

    assert (where, line) == ("channels.main.warehouses", 1)
    assert 'warehouses = "single"' in message
    assert only(folder.load(ROOMY + 'warehouses = "single"\n')).warehouses is None


def test_a_table_of_warehouses_maps_locations(folder):
    channel = only(folder.load(ROOMY + 'warehouses = { JKT = "1610", "" = "1611" }\n'))

    assert channel.warehouses == {"JKT": "1610", "": "1611"}


@pytest.mark.parametrize("value", ['"several"', "{}", "{ JKT = 1610 }", '{ JKT = "" }', "[]", "1"])
def test_a_warehouse_is_text_and_never_empty(folder, value):
    text = ROOMY + f"warehouses = {value}\n"

    assert [(where, line) for where, line, _ in folder.problems(text)] == [("channels.main.warehouses", 5)]


def test_limits_come_from_the_connector_where_nobody_set_them(folder, plugins):
    channel = only(folder.load(COUNTED + '[channels.main.limits]\nrows_per_second = 2\ntimeout = "9s"\n'))

    defaults = plugins["counted"].capabilities.limits
    assert (channel.limits.rows_per_second, channel.limits.timeout) == (2, 9.0)
    assert (channel.limits.burst, channel.limits.in_flight) == (defaults.burst, defaults.in_flight)
    assert channel.limits_set == {"rows_per_second", "timeout"}


def test_more_rows_than_the_marketplace_takes_are_refused(folder):
    text = COUNTED + "[channels.main.limits]\nburst = 500\nrows_per_request = 101\n"

    assert folder.problems(text) == [
        (
            "channels.main.limits.rows_per_request",
            7,
            "must be at most 100: the marketplace takes no more, not 101",
        )
    ]


def test_where_rows_are_counted_a_request_cannot_carry_more_than_the_burst(folder):
    [(where, _, message)] = folder.problems(COUNTED + "[channels.main.limits]\nrows_per_request = 6\n")

    assert where == "channels.main.limits.rows_per_request"
    assert "burst, which is 5" in message


def test_where_rows_are_counted_the_default_rows_a_request_follow_a_smaller_burst(folder):
    channel = only(folder.load(COUNTED + "[channels.main.limits]\nburst = 3\n"))

    assert channel.limits.rows_per_request == 3
    assert channel.limits_set == {"burst"}


def test_where_requests_are_counted_the_burst_does_not_bound_the_rows(folder):
    channel = only(
        folder.load(ROOMY + 'warehouses = "single"\n[channels.main.limits]\nrows_per_request = 900\n')
    )

    assert channel.limits.rows_per_request == 900


def test_what_is_wrong_with_one_key_does_not_hide_what_is_wrong_with_the_limits(folder):
    text = ROOMY + "enabled = 1\n[channels.main.limits]\nburst = 0\n"

    assert {where for where, *_ in folder.problems(text)} == {
        "channels.main.warehouses",
        "channels.main.enabled",
        "channels.main.limits.burst",
    }


def test_every_secret_of_a_configuration_is_named_for_redaction(folder):
    config = folder.load(COUNTED + COUNTED.replace("main", "b").replace("= 1", "= 2").replace("51c0", "77aa"))

    assert secrets_of(config) == ["canary-51c0", "canary-77aa"]
