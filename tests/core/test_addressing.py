"""What is sent for a listing names it as the marketplace does, and only as it can."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import Identifier, StockUpdate
from connectors.memory import CAPABILITIES
from state.plans import encode
from state.records import Attempt
from syncd.core.addressing import update_of, why_not_carried

NUMBERED = replace(
    CAPABILITIES,
    identifier_kinds=("sku", "product_id"),
    identifier_forms={"product_id": "[1-9][0-9]*"},
    max_sku_length=5,
)
texts = st.text(st.characters(exclude_categories=["C"]), min_size=1).filter(lambda text: text.strip() == text)


def attempt(identifier="", sku="A"):
    return Attempt(1, sku, "10", 5, 0, identifier=identifier)


@pytest.mark.parametrize("identifier", ["", "A"], ids=["not said", "identity"])
def test_what_is_called_by_its_own_sku_is_sent_by_it(identifier):
    assert update_of(attempt(identifier)) == StockUpdate("A", "10", 5)


@given(st.sampled_from(["sku", "product_id", "externalId"]), texts)
def test_what_is_called_otherwise_is_sent_so(kind, value):
    update = update_of(attempt(encode(kind, value)))

    assert (update.sku, update.quantity) == ("A", 5)
    assert update.listed_as == Identifier(kind, value)
    assert (update.identifier is None) == (update.listed_as == ("sku", "A"))


@pytest.mark.parametrize(
    ("identifier", "code"),
    [
        (("sku", "12345"), None),
        (("sku", "123456"), "sku_too_long"),
        (("product_id", "1234567"), None),
        (("product_id", "007"), "identifier_form"),
        (("product_id", "7 "), "identifier_form"),
        (("product_id", "7\n"), "identifier_form"),
        (("product_id", "x7"), "identifier_form"),
        (("product_id", ""), "identifier_form"),
        (("externalId", "7"), "identifier_kind"),
    ],
)
def test_only_what_the_marketplace_can_be_told_is_carried(identifier, code):
    reason = why_not_carried(Identifier(*identifier), NUMBERED)

    assert (reason and reason[0]) == code
