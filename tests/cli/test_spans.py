"""Times as people write them."""

import time

import pytest

from syncd.cli.spans import moment

NOW = 1_800_000_000_000
HOUR = 3_600_000


@pytest.fixture(autouse=True)
def jakarta(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Jakarta")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("24h", NOW - 24 * HOUR),
        ("7d", NOW - 7 * 24 * HOUR),
        ("2026-11-01T08:30:00Z", 1_793_521_800_000),
        ("2026-11-01T08:30:00+07:00", 1_793_521_800_000 - 7 * HOUR),
        ("2026-11-01T08:30:00", 1_793_521_800_000 - 7 * HOUR),
        ("2026-11-01 08:30", 1_793_521_800_000 - 7 * HOUR),
        ("2026-11-01", 1_793_521_800_000 - int(15.5 * HOUR)),
    ],
)
def test_a_time_is_so_long_ago_a_day_or_a_time(text, at):
    assert moment(text, NOW) == at


def test_a_day_ends_at_the_next_midnight_of_the_place():
    assert moment("2026-11-01", NOW, end_of_day=True) - moment("2026-11-01", NOW) == 24 * HOUR
    assert moment("24h", NOW, end_of_day=True) == NOW - 24 * HOUR


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "24", "2026-11-01T25:00", "-1h"])
def test_anything_else_is_none(text):
    with pytest.raises(ValueError):  # noqa: PT011 (whatever the words: click says its own)
        moment(text, NOW)
