import pytest

from state.plans import encode
from syncd.naming import identifier_as_json, identifier_as_text


@pytest.mark.parametrize("identifier", ["A", "", encode("sku", "A")])
def test_a_listing_that_is_called_by_its_sku_needs_no_other_name(identifier):
    assert identifier_as_json("A", identifier) is None
    assert identifier_as_text("A", identifier) == ""


@pytest.mark.parametrize(
    ("kind", "value"), [("product_id", "123"), ("externalId", "a b"), ("sku", "B"), ("id", " x ")]
)
def test_another_name_is_told_by_kind_and_value(kind, value):
    identifier = encode(kind, value)

    assert identifier_as_json("A", identifier) == {"kind": kind, "value": value}
    assert identifier_as_text("A", identifier) == f"{kind} {value}"
