import contextlib
import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.name_times import TimeInName

times = st.datetimes(datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2999-12-31"))
words = st.text("abc.-_% ", max_size=8)


@pytest.mark.parametrize(
    ("text", "name", "time"),
    [
        ("%Y%m%d-%H%M%S", "stock-20260301-070500.csv", "2026-03-01T07:05"),
        ("%Y%m%d-%H%M%S", "20260301-070500", "2026-03-01T07:05"),
        ("%Y-%m-%d %H.%M", "stok 2026-03-01 07.05 (2).xlsx", "2026-03-01T07:05"),
        ("%d%m%y", "JKT01-010326.csv", "2026-03-01"),
        ("%Y%j", "stock.2026060.csv", "2026-03-01"),
        ("%Y%j", "stock.2024366.csv", "2024-12-31"),
        ("%Y%m%d%H%M%S.%f", "x20260301070500.25.csv", "2026-03-01T07:05:00.250"),
        ("JKT01%Y%m%d", "JKT0120260301.csv", "2026-03-01"),
        ("%%%Y%m%d%%1", "x%20260301%1.csv", "2026-03-01"),
        ("%Y%m%d%%", "x20260301%1.csv", "2026-03-01"),
        ("%Y%m%d", "20260301/20260301.csv", "2026-03-01"),
    ],
)
def test_the_time_is_found_wherever_it_stands_in_the_name(text, name, time):
    assert TimeInName(text).read(name) == datetime.fromisoformat(time)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("stock.csv", 'no time such as "20261231" is in the name'),
        ("stock-2026-03-01.csv", "no time such as"),
        ("stock-2026301.csv", "no time such as"),
        ("stock-20260301070500.csv", "no time such as"),
        ("stock-120260301.csv", "no time such as"),
        ("stock-\N{FULLWIDTH DIGIT TWO}0260301.csv", "no time such as"),
        ("stock-20261301.csv", '"20261301" in the name is no possible time'),
        ("stock-20260229.csv", "no possible time"),
        ("stock-19990301.csv", "no possible time"),
        ("stock-00000000.csv", "no possible time"),
        ("20260301-20260302.csv", 'two times are in the name, "20260301" and "20260302"'),
        ("20260301-99999999.csv", "two times"),
    ],
)
def test_a_name_without_one_possible_time_is_refused_with_the_reason(name, complaint):
    with pytest.raises(ValueError, match=re.escape(complaint)):
        TimeInName("%Y%m%d").read(name)


def test_times_that_overlap_are_two_times():
    with pytest.raises(ValueError, match='"01-02-03" and "02-03-04"'):
        TimeInName("%y-%m-%d").read("01-02-03-04.csv")


def test_a_day_that_the_year_does_not_have_is_impossible():
    for name in ("2026000", "2026366", "2026999"):
        with pytest.raises(ValueError, match="no possible time"):
            TimeInName("%Y%j").read(name)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "must name a day"),
        ("stock", "must name a day"),
        ("%H%M", "must name a day"),
        ("%Y%m%d%y", "must name a day once"),
        ("%Y%m%d%j", "must name a day once"),
        ("%m%d", "must name a day"),
        ("%Y", "must name a day"),
        ("%Y%m", "%m without %d"),
        ("%Y%d", "%d without %m"),
        ("%Y%m%d%M", "%M without %H"),
        ("%Y%m%d%H%S", "%S without %M"),
        ("%Y%m%d%f", "%f without %S"),
        ("%Y%m%d%d", "%d twice"),
        ("%Y%b%d", '"%b", and may have %Y'),
        ("%Y%m%d%", '"%", and may have'),
        ("%Y/%m/%d", 'without "/"'),
        ("%Y%m%d\n", "as it stands in file names"),
    ],
)
def test_a_format_that_tells_no_day_is_refused_with_the_reason(text, complaint):
    with pytest.raises(ValueError, match=re.escape(complaint)):
        TimeInName(text)


@given(times, words, words)
def test_every_time_reads_back_out_of_any_name(time, before, behind):
    written = time.strftime("%Y%m%d-%H%M%S.%f")
    assert TimeInName("%Y%m%d-%H%M%S.%f").read(before + written + behind) == time


@given(st.text(max_size=30), st.sampled_from(["%Y%m%d", "%y-%m-%d %H", "%j%Y", "a%Y%m%db%H%M%S%f"]))
def test_whatever_the_name_there_is_a_likely_time_or_a_value_error(name, text):
    with contextlib.suppress(ValueError):
        assert 2000 <= TimeInName(text).read(name).year < 3000
