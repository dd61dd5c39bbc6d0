"""Whatever files and marketplaces write stays text on the page, and stays where it is."""

import pytest

from syncd.web.forms import page_number, wanted_of, way_back
from syncd.web.rendering import LONGEST_SHOWN, page, visible

ABOUT = {
    "now": 1_800_000_000_000, "files": {"style.css": "s", "page.js": "p", "sign.svg": "i"}, "version": "1",
    "machine": "m", "may_act": False, "locked": True, "form_token": "",
}  # fmt: skip


def shown(text):
    return page("message.html", {**ABOUT, "title": text, "text": text}).body.decode()


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("\"'><img src=x onerror=alert(1)>", "&#34;&#39;&gt;&lt;img src=x onerror=alert(1)&gt;"),
        ("left\u202eright", "left\\u202eright"),
        ("a\x00b\x1b[31m\r\n", "a\\x00b\\x1b[31m\\r\\n"),
        ("\u2066isolated\u2069", "\\u2066isolated\\u2069"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("half \ud800", "half \\ud800"),
    ],
)
def test_hostile_text_is_shown_for_what_it_is(hostile, harmless):
    assert shown(hostile).count(harmless) == 3


def test_what_nobody_reads_is_cut():
    assert visible("x" * (LONGEST_SHOWN + 1)) == "x" * LONGEST_SHOWN + "…"


@pytest.mark.parametrize("text", ["Kemeja Biru", "สีแดง", "黒い靴", "حذاء أحمر", "👕"])
def test_words_of_any_language_stay_as_they_are(text):
    assert visible(text) == text


@pytest.mark.parametrize(
    "elsewhere",
    ["//evil.example", "https://evil.example/", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)", "",
     "evil", "/a\r\nSet-Cookie: x", "///evil.example", "http:/evil"],
)  # fmt: skip
def test_logging_in_never_leads_to_another_site(elsewhere):
    assert way_back(elsewhere) == "/"


def test_logging_in_leads_back():
    assert way_back("/confirm?action=approve&id=3") == "/confirm?action=approve&id=3"


@pytest.mark.parametrize("text", ["", "-1", "x", "9" * 30, "²", "0"])
def test_what_is_no_page_number_is_the_first(text):
    assert page_number(text) == 1


@pytest.mark.parametrize(
    "fields", [{}, {"action": "drop"}, {"action": "approve"}, {"action": "approve", "id": "x"}]
)
def test_what_no_form_of_ours_says_is_refused(fields):
    with pytest.raises(ValueError, match=r"\w"):
        wanted_of(fields)


def test_a_sku_travels_through_a_form_as_it_is():
    assert wanted_of({"action": "retry", "channel": "a", "sku": "x%0D%0Ay%26%20z"}).parameters == {
        "channels": ["a"],
        "skus": ["x\r\ny& z"],
    }
