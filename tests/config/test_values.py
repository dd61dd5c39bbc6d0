import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from syncd.config.values import GuardShare, LocalPath, Schedule, Seconds, Share, parts_per_million, seconds


def accepts(kind, value):
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("written", "read"),
    [("500ms", 0.5), ("2s", 2.0), ("1.5s", 1.5), ("10m", 600.0), ("24h", 86400.0), ("7d", 604800.0)],
)
def test_a_duration_is_read_as_seconds(written, read):
    assert seconds(written) == read


@pytest.mark.parametrize(
    "written", ["", "2", 2, 2.0, "2 sec", "-2s", "1e3s", "\uff12s", "2S", "0s", "999d", True, None, "2s\n"]
)
def test_a_duration_without_a_unit_or_beyond_reason_is_refused(written):
    assert not accepts(Seconds, written)


@given(st.integers(0, 1_000_000))
def test_a_share_is_exact_to_four_decimals(parts):
    assert parts_per_million(f"{parts // 10_000}.{parts % 10_000:04}%") == parts


@pytest.mark.parametrize(
    "written", ["", "20", 20, 0.2, "101%", "100.0001%", "-1%", "20.12345%", "\uff120%", None]
)
def test_a_share_outside_0_to_100_percent_is_refused(written):
    assert not accepts(Share, written)


def test_off_turns_a_guard_off_and_is_no_share_elsewhere():
    assert TypeAdapter(GuardShare).validate_python("off") is None
    assert not accepts(Share, "off")


@pytest.mark.parametrize(
    "written",
    [
        "",
        "00:00",
        "03:30",
        "23:59",
        "30 3 * * *",
        "*/15 1-5 1,15 jan-mar mon-fri",
        "0 3 * * SUN",
        "0 3 * * */2",
    ],
)
def test_a_schedule_is_a_time_of_day_or_five_cron_fields(written):
    assert accepts(Schedule, written)


@pytest.mark.parametrize(
    "written",
    [
        *("24:00", "3:30", "03:60", "noon", "* * * *", "60 3 * * *", "0 24 * * *", "5-1 3 * * *", 330),
        *(
            "0 3 0 * *",
            "0 3 * 13 *",
            "0 3 * * someday",
            "*/0 3 * * *",
            "0 3 * * * *",
            "a b c d e",
            "0,, 3 * * *",
        ),
    ],
)
def test_a_schedule_that_would_never_or_wrongly_run_is_refused(written):
    assert not accepts(Schedule, written)


@pytest.mark.parametrize("weekday", ["0", "7", "1-5", "mon,3"])
def test_weekdays_by_number_are_refused_because_cron_and_apscheduler_count_them_differently(weekday):
    assert not accepts(Schedule, f"0 3 * * {weekday}")


@pytest.mark.parametrize("written", ["", "~/inbox", "a\0b", 5])
def test_a_path_that_cannot_be_meant_is_refused(written):
    assert not accepts(LocalPath, written)
