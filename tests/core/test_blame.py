from syncd.core.blame import Blame


def test_three_different_skus_refused_alone_the_same_way_blame_the_channel():
    blame = Blame()

    assert [blame.refused_alone("422", sku) for sku in "ABC"] == [[], [], ["A", "B", "C"]]


def test_the_same_sku_again_or_another_code_does_not():
    blame = Blame()

    assert [blame.refused_alone("422", sku) for sku in "AAAB"] == [[]] * 4
    assert blame.refused_alone("400", "C") == []


def test_where_others_are_taken_in_between_the_rows_are_to_blame_and_get_another_try():
    blame = Blame()
    blame.refused_alone("422", "A")

    assert blame.answered({"B"}, {"B"}) == ["A"]
    assert [blame.refused_alone("422", sku) for sku in "ACD"] == [[]] * 3
    assert blame.refused_alone("422", "E") == ["C", "D", "E"]


def test_where_a_part_of_a_halved_batch_was_taken_the_rest_of_it_is_to_blame():
    blame = Blame()
    blame.refused_together("ABCDEFGH")
    blame.answered("AB", "AB")
    blame.refused_together("CDEF")

    assert [blame.refused_alone("422", sku) for sku in "CDEFGH"] == [[]] * 6


def test_a_fresh_batch_that_is_refused_acquits_those_before():
    blame = Blame()
    blame.refused_together("ABCD")
    blame.answered("A", "A")
    blame.refused_together("XYZ")

    assert [blame.refused_alone("422", sku) for sku in "BCD"] == [[], [], ["B", "C", "D"]]


def test_rows_with_a_verdict_of_their_own_are_no_suspects():
    blame = Blame()
    blame.refused_together("ABCD")
    blame.answered((), "ABCD")
    blame.refused_together("AB")
    blame.answered("Z", "Z")

    assert [blame.refused_alone("422", sku) for sku in "ABC"] == [[], [], ["A", "B", "C"]]
