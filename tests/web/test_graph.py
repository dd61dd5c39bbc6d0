"""The drawing of a day: its numbers, and that nothing of it is cut on its way to the page."""

import re
from pathlib import Path

from state.push_history import Stretch
from syncd.web.graph import HEIGHT, STRETCH_MS, STRETCHES, WIDTH, day_begin, drawn
from syncd.web.rendering import _TEMPLATES, LONGEST_SHOWN

NOW = 1_800_000_123_456
SINCE = day_begin(NOW)


def stretch(at, accepted=10, failed=0, waited=0, total=0):
    return Stretch(SINCE + at * STRETCH_MS, 1, accepted, failed, 0, waited, total)


def svg(day):
    return str(
        _TEMPLATES.get_template("parts.html").module.day("toko", day, {"width": WIDTH, "height": HEIGHT}, 1)
    )


def test_a_day_ends_with_the_present_half_hour():
    assert SINCE <= NOW - (STRETCHES - 1) * STRETCH_MS
    assert SINCE + (STRETCHES - 1) * STRETCH_MS <= NOW < SINCE + STRETCHES * STRETCH_MS


def test_each_half_hour_has_its_place_and_height():
    day = drawn([stretch(0, 5), stretch(47, 100, 100)], SINCE)
    assert (day.bars[0].accepted_height, day.bars[47].accepted_height) == (HEIGHT * 5 / 200, HEIGHT / 2)
    assert day.bars[47].accepted_height + day.bars[47].failed_height == HEIGHT
    assert (day.accepted, day.failed, day.most) == (105, 100, 200)
    assert [bar.accepted for bar in day.told] == [100, 5], "the newest comes first"
    assert all(0 <= bar.x < WIDTH for bar in day.bars)


def test_what_is_not_nothing_is_seen():
    day = drawn([stretch(3, 1), stretch(4, 1_000_000)], SINCE)
    assert day.bars[3].accepted_height >= 1
    assert day.bars[5].accepted_height == 0


def test_waits_are_weighed_by_what_waited():
    day = drawn([stretch(1, waited=1, total=9_000), stretch(2, waited=3, total=3_000), stretch(3)], SINCE)
    assert (day.wait_ms, day.longest_wait_ms) == (3_000, 9_000)
    assert day.bars[3].wait_ms is None
    assert len(day.wait_line.split()) == 2


def test_a_whole_day_of_waits_is_drawn_whole():
    text = svg(drawn([stretch(at, waited=2, total=4_321 * (at % 3 + 1)) for at in range(STRETCHES)], SINCE))
    [points] = re.findall(r'<polyline points="([^"]+)"', text)
    assert len(points) > LONGEST_SHOWN, "else this proves nothing"
    assert len(points.split()) == STRETCHES
    assert "\N{HORIZONTAL ELLIPSIS}" not in points
    assert text.count('class="accepted"') == STRETCHES


def test_an_empty_day_says_so():
    assert "Nothing was pushed in that time." in svg(drawn([], SINCE))


def test_styles_name_every_part_of_the_drawing():
    style = (Path(__file__).parents[2] / "syncd/web/static/style.css").read_text()
    assert all(f".{part} " in style for part in ("bars", "waits", "accepted", "failed", "ground"))
