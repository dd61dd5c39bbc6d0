"""What is wrong with the files of what channels show, told with their lines, before a daemon reads them."""

import pytest

from syncd.checking.findings import Weight
from syncd.checking.plans import check_plans

TWO = """
[sources.erp]
type = "drop"
path = "inbox"

[rules]
file = "rules.csv"

[bundles]
file = "bundles.csv"

[channels.other]
connector = "memory"
shop = "another"
"""


@pytest.fixture
def written(tmp_path, configured):
    """A configuration of two channels, with these files beside it; what is not named is empty."""

    def build(rules="", bundles="", text=TWO):
        (tmp_path / "rules.csv").write_text(f"sku,channel,share,safety_stock\n{rules}")
        (tmp_path / "bundles.csv").write_text(f"bundle_sku,component_sku,units\n{bundles}")
        return configured(text)

    return build


def told(config):
    return [(one.kind.value, one.about, one.what) for one in check_plans(config)]


def test_what_can_be_read_is_said_for_each_channel(written):
    assert [one[:2] for one in told(written("A,,50%,\n"))] == [
        ("plan", "channel other"),
        ("plan", "channel shop"),
    ]


def test_without_such_files_nothing_is_said(configured):
    assert told(configured('[sources.erp]\ntype = "drop"\npath = "inbox"\n')) == []


def test_each_problem_of_a_shared_file_is_told_once_with_its_line_and_a_remedy(written):
    found = list(check_plans(written("A,,50%,\nB,,many,\nC,,,some\n")))
    assert [one.kind.value for one in found] == ["plan_unusable"] * 2
    assert found[0].what.startswith("rules.csv line 3")
    assert found[1].what.startswith("rules.csv line 4")
    assert all(one.remedy and one.weight is Weight.PROBLEM for one in found)


def test_what_only_two_rows_together_get_wrong_is_found_too(written):
    found = told(written(bundles="PACK,A,2\nBOX,PACK,1\n"))
    assert found[0][0] == "plan_unusable"
    assert 'component "PACK" of bundle "BOX" is a bundle itself' in found[0][2]
    assert "bundles.csv line 3" in found[0][2]
    assert "bundles.csv line 2" in found[0][2]


def test_a_rules_file_that_is_not_there_is_told(written, tmp_path):
    config = written()
    (tmp_path / "rules.csv").unlink()
    assert told(config)[0][0] == "plan_unusable"


def test_very_many_problems_are_counted(written):
    found = told(written("".join(f"A{number},,many,\n" for number in range(300))))
    assert len([one for one in found if one[0] == "plan_unusable"]) == 21
    assert "280 more" in found[-1][2]


def test_shares_beyond_one_stock_are_noted_with_the_figures(written):
    found = list(check_plans(written("A,other,60%,\nA,shop,50%,\nB,,50%,\n")))
    assert [one.kind.value for one in found if one.weight is not Weight.FINE] == ["shares_beyond_stock"]
    assert 'other 60% + shop 50% = 110% of the stock of source erp, for "A"' in found[-1].what
    assert found[-1].weight is Weight.NOTE
    assert found[-1].remedy == "lower the shares to 100% together"


def test_nothing_is_made_beside_the_state(written, tmp_path):
    config = written()
    before = sorted(tmp_path.iterdir())
    list(check_plans(config))
    assert sorted(tmp_path.iterdir()) == before
