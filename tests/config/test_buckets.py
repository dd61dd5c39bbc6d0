import pytest

PACE = "rows_per_second = {rate}\nburst = {burst}\n"


def channels(*names, connector="counted", bucket="app", rate=2, burst=5):
    more = 'warehouses = "single"\n' if connector == "roomy" else ""
    return "".join(
        f'[channels.{name}]\nconnector = "{connector}"\nshop = {number}{len(connector)}\nkey = "k"\n{more}'
        f"[channels.{name}.limits]\n{PACE.format(rate=rate, burst=burst)}"
        + (f'bucket = "{bucket}"\n' if bucket else "")
        for number, name in enumerate(names, start=ord(names[0][0]))
    )


def test_channels_may_share_a_bucket_and_by_default_share_none(folder):
    config = folder.load(channels("a", "b") + channels("c", bucket=""))

    assert [channel.bucket for channel in config.channels.values()] == ["app", "app", None]
    assert config.channels["a"].limits_set == {"rows_per_second", "burst"}


@pytest.mark.parametrize("other", [{"rate": 3}, {"burst": 9}])
def test_channels_that_share_a_bucket_have_the_same_limits(folder, other):
    [(where, line, message)] = folder.problems(channels("a") + channels("b", **other))

    assert (where, line) == ("channels.b.limits.bucket", 16)
    assert 'channel "a"' in message
    assert "there" in message


def test_channels_of_different_marketplaces_share_no_bucket(folder):
    [(where, _, message)] = folder.problems(channels("a") + channels("b", connector="roomy"))

    assert where == "channels.b.limits.bucket"
    assert 'channel "a"' in message
    assert "counted and roomy" in message


def test_a_bucket_has_a_name(folder):
    [(where, *_)] = folder.problems(channels("a").replace('"app"', '""'))

    assert where == "channels.a.limits.bucket"
