from connectors.contract import Identifier, StockUpdate
from syncd.core.blame import Blame, Suspect, suspect_of


def row(sku, identifier=None, warehouse=""):
    return suspect_of(StockUpdate(sku, warehouse, 1, identifier))


def rows(skus):
    return [row(sku) for sku in skus]


def test_three_different_skus_refused_alone_the_same_way_blame_the_channel():
    blame = Blame()

    assert [blame.refused_alone("422", row(sku)) for sku in "ABC"] == [[], [], rows("ABC")]


def test_the_same_sku_again_or_another_code_does_not():
    blame = Blame()

    assert [blame.refused_alone("422", row(sku)) for sku in "AAAB"] == [[]] * 4
    assert blame.refused_alone("400", row("C")) == []


def test_where_others_are_taken_in_between_the_rows_are_to_blame_and_get_another_try():
    blame = Blame()
    blame.refused_alone("422", row("A"))

    assert blame.answered(rows("B"), rows("B")) == rows("A")
    assert [blame.refused_alone("422", row(sku)) for sku in "ACD"] == [[]] * 3
    assert blame.refused_alone("422", row("E")) == rows("CDE")


def test_where_a_part_of_a_halved_batch_was_taken_the_rest_of_it_is_to_blame():
    blame = Blame()
    blame.refused_together(rows("ABCDEFGH"))
    blame.answered(rows("AB"), rows("AB"))
    blame.refused_together(rows("CDEF"))

    assert [blame.refused_alone("422", row(sku)) for sku in "CDEFGH"] == [[]] * 6


def test_a_fresh_batch_that_is_refused_acquits_those_before():
    blame = Blame()
    blame.refused_together(rows("ABCD"))
    blame.answered(rows("A"), rows("A"))
    blame.refused_together(rows("XYZ"))

    assert [blame.refused_alone("422", row(sku)) for sku in "BCD"] == [[], [], rows("BCD")]


def test_rows_with_a_verdict_of_their_own_are_no_suspects():
    blame = Blame()
    blame.refused_together(rows("ABCD"))
    blame.answered((), rows("ABCD"))
    blame.refused_together(rows("AB"))
    blame.answered(rows("Z"), rows("Z"))

    assert [blame.refused_alone("422", row(sku)) for sku in "ABC"] == [[], [], rows("ABC")]


def test_different_listings_of_one_sku_are_different_rows_and_one_in_several_warehouses_is_not():
    blame = Blame()
    names = [None, Identifier("product_id", "7"), Identifier("product_id", "8")]
    listings = [row("A", name) for name in names]

    for warehouse in ("10", "20", "30"):
        assert blame.refused_alone("422", row("A", names[1], warehouse)) == []
    assert blame.refused_alone("422", listings[0]) == []
    assert sorted(blame.refused_alone("422", listings[2])) == sorted(listings)


def test_another_listing_of_the_same_sku_is_not_guilty_with_it():
    blame = Blame()
    first, second = row("A", Identifier("product_id", "7")), row("A", Identifier("product_id", "8"))
    blame.refused_together([first, *rows("BC")])
    blame.answered(rows("B"), rows("B"))

    assert blame.refused_alone("422", first) == []
    assert blame.refused_alone("422", second) == []
    assert blame.answered(rows("Z"), rows("Z")) == [second]
    assert second == Suspect("A", Identifier("product_id", "8"))
