import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from syncd.core.patterns import SkuPatterns, is_pattern, matcher

texts = st.text("AB*?.\n", max_size=6)


def naive(pattern: str, sku: str) -> bool:
    if not pattern:
        return not sku
    if pattern[0] == "*":
        return naive(pattern[1:], sku) or (bool(sku) and naive(pattern, sku[1:]))
    return bool(sku) and pattern[0] in ("?", sku[0]) and naive(pattern[1:], sku[1:])


@pytest.mark.parametrize(
    ("pattern", "sku", "matches"),
    [
        ("SALE-*", "SALE-1", True),
        ("SALE-*", "SALE-", True),
        ("SALE-*", "sale-1", False),
        ("*-XL", "shirt-XL", True),
        ("*-XL", "shirt-XL2", False),
        ("A?C", "ABC", True),
        ("A?C", "AC", False),
        ("[A-B]*", "A1", False),
        ("[A-B]*", "[A-B]1", True),
        ("A.C*", "ABC", False),
        ("Ä*", "äb", False),
    ],
)
def test_only_star_and_question_mark_stand_for_others(pattern, sku, matches):
    assert (SkuPatterns([pattern]).matching(sku) == (0,)) is matches


@given(st.lists(texts, max_size=6), texts)
@example(["*A", "A*", "*", "A"], "A")
@example(["A*A"], "A")
@example(["*?"], "")
def test_what_matches_is_found_in_order_as_a_naive_reading_finds_it(patterns, sku):
    expected = tuple(number for number, pattern in enumerate(patterns) if naive(pattern, sku))

    assert SkuPatterns(patterns).matching(sku) == expected


@given(texts, texts)
def test_a_matcher_agrees_with_a_naive_reading(pattern, sku):
    assert bool(matcher(pattern).fullmatch(sku)) is naive(pattern, sku)


@given(texts)
def test_what_is_no_pattern_matches_only_itself(sku):
    if not is_pattern(sku):
        assert SkuPatterns([sku]).matching(sku) == (0,)
        assert SkuPatterns([sku]).matching(sku + "A") == ()


def test_many_stars_in_a_row_are_read_as_one():
    assert matcher("A" + "*" * 50 + "B").pattern == "A.*B"
    assert re.fullmatch(matcher("*" * 50), "anything")
