from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from state.plans import ChannelPlan, PlanRule, RuleRank, RuleRow, RuleSettings, Selling
from syncd.core.rules import MILLION, Cascade
from syncd.core.shares import concerns_shares, overcommitted


def plan(name, share=None, *patterns, sources=("erp",), locations=None, counted=None, **said):
    ppm = None if share is None else share * 10_000
    rules = [PlanRule(RuleRank.CHANNEL, RuleSettings(share_ppm=ppm, **said), "syncd.toml")]
    rules += [
        PlanRule(RuleRank.PATTERN, RuleSettings(share_ppm=part * 10_000), "syncd.toml", pattern)
        for pattern, part in patterns
    ]
    return ChannelPlan(name, "", sources, locations, counted, tuple(rules))


def row(sku, share=None, warehouse="", **said):
    said |= {} if share is None else {"share_ppm": share * 10_000}
    rank = RuleRank.WAREHOUSE if warehouse else RuleRank.SKU
    return RuleRow(sku, warehouse, rank, RuleSettings(**said).as_text(), "rules.csv")


def test_shares_beyond_the_stock_are_told_with_the_figures_and_what_to_do():
    [told] = overcommitted([plan("tokopedia-main", 60), plan("toco-main", 60)])

    assert told == (
        "tokopedia-main 60% + toco-main 60% = 120% of the stock of source erp, for all SKUs without a share of "
        "their own, so one unit may be sold twice: lower the shares to 100% together"
    )


def test_shares_within_the_stock_and_those_of_nobody_are_not():
    assert not overcommitted([plan("a", 60), plan("b", 40)])
    assert not overcommitted([plan("a"), plan("b")]), "nobody divides anything: all show all"
    assert not overcommitted([plan("a", 100), plan("b", 100), plan("c")])
    assert not overcommitted([plan("a", 60)])
    assert not overcommitted([])


def test_one_that_divides_beside_one_that_shows_all_is_told():
    [told] = overcommitted([plan("a", 30), plan("b")])

    assert told.startswith("a 30% + b 100% = 130% of")


def test_figures_are_exact():
    plans = [
        ChannelPlan(name, "", ("erp",), rules=(PlanRule(RuleRank.CHANNEL, RuleSettings(share_ppm=ppm), ""),))
        for name, ppm in (("a", 333_333), ("b", 666_668))
    ]

    assert overcommitted(plans)[0].startswith("a 33.3333% + b 66.6668% = 100.0001% of")
    assert not overcommitted([plans[0], plan("b", 66)])


def test_channels_of_different_sources_share_nothing():
    assert not overcommitted([plan("a", 60, sources=("erp",)), plan("b", 60, sources=("pos",))])
    [told] = overcommitted([plan("a", 60, sources=("erp", "pos")), plan("b", 60, sources=("pos",))])
    assert "of the stock of source pos" in told


def test_channels_of_different_locations_share_nothing():
    jakarta, bandung = {"JKT": "1"}, {"BDG": "2"}

    assert not overcommitted([plan("a", 60, locations=jakarta), plan("b", 60, locations=bandung)])
    assert not overcommitted([plan("a", 60, locations=jakarta), plan("b", 60, counted=("BDG",))])
    assert overcommitted([plan("a", 60, locations=jakarta), plan("b", 60, counted=("JKT", "BDG"))])
    assert overcommitted([plan("a", 60, locations=jakarta), plan("b", 60)]), "b counts every location"


def test_what_three_divide_at_one_place_is_told_once_and_not_again_for_two_of_them():
    plans = [plan("a", 60), plan("b", 60), plan("c", 60, locations={"JKT": "1"})]

    [told] = overcommitted(plans)

    assert told.startswith("a 60% + b 60% + c 60% = 180%")


def test_patterns_and_single_skus_have_shares_of_their_own():
    plans = [plan("a", 50, ("SALE-*", 80)), plan("b", 50)]
    own = [("a", row("X", 70)), ("a", row("Y", 20)), ("b", row("Y", 80)), ("b", row("Z", 51))]

    told = overcommitted(plans, own)

    assert [one.split(" of the stock")[0] for one in told] == [
        "a 80% + b 50% = 130%",
        "a 70% + b 50% = 120%",
        "a 50% + b 51% = 101%",
    ]
    assert ['for "SALE-*",' in told[0], 'for "X",' in told[1], 'for "Z",' in told[2]] == [True] * 3


def test_a_rule_of_a_single_sku_may_heal_what_a_pattern_promises():
    assert len(overcommitted([plan("a", 50, ("S*", 80)), plan("b", 50)], [("a", row("S1", 50))])) == 1


def test_skus_with_the_same_shares_are_told_together():
    own = [("a", row(f"SKU-{number:04}", 70)) for number in range(1_234)]

    [told] = overcommitted([plan("a", 50), plan("b", 50)], own)

    assert 'for "SKU-0000", "SKU-0001", "SKU-0002" and 1,231 more,' in told


def test_one_warning_of_a_sku_in_several_warehouses_counts_it_once():
    locations = {"JKT": "1", "BDG": "2"}
    plans = [plan("a", 50, locations=locations), plan("b", 50, locations=locations)]

    [told] = overcommitted(plans, [("a", row("X", 70))])

    assert 'for "X",' in told


def test_a_share_in_one_warehouse_counts_for_the_stock_that_this_one_shows():
    locations = {"JKT": "1", "BDG": "2"}
    plans = [plan("a", 50, locations=locations), plan("b", 50, counted=("BDG",))]

    assert not overcommitted(plans, [("a", row("X", 90, "1"))])
    assert len(overcommitted(plans, [("a", row("X", 90, "2"))])) == 1


def test_what_is_stopped_promises_nothing():
    assert not overcommitted([plan("a", 60), plan("b", 60, selling=Selling.STOPPED)])
    assert len(overcommitted([plan("a", 60), plan("b", 60, selling=Selling.PAUSED)])) == 1
    assert not overcommitted([plan("a", 50), plan("b", 50)], [("a", row("X", 90, selling=Selling.STOPPED))])


def test_of_very_many_different_warnings_the_first_are_told_and_the_others_counted():
    own = [("a", row(f"SKU-{number:02}", number)) for number in range(51, 91)]

    told = overcommitted([plan("a", 50), plan("b", 50)], own)

    assert len(told) == 11
    assert told[-1] == "30 more SKUs and patterns have shares beyond 100% together: lower them too"


def test_only_rules_about_shares_are_asked():
    assert concerns_shares(row("X", 5))
    assert concerns_shares(row("X", selling=Selling.NORMAL))
    assert not concerns_shares(row("X", safety_stock=5, last_units_channel="share_ppm"))


shares = st.sampled_from([None, 0, 20, 50, 60, 100])
channels = st.builds(
    lambda share, sources, where, pattern: (share, sources, where, pattern),
    shares,
    st.sets(st.sampled_from(["erp", "pos"]), min_size=1),
    st.sampled_from(
        [{}, {"counted": ("JKT",)}, {"locations": {"JKT": "1", "BDG": "1"}}, {"locations": {"BDG": "1"}}]
    ),
    shares,
)


@given(st.lists(channels, max_size=3), st.booleans())
def test_something_is_told_exactly_where_one_stock_is_promised_beyond_itself(found, with_patterns):
    plans = [
        plan(f"c{number}", share, *([("A*", part)] if with_patterns and part is not None else []),
             sources=tuple(sources), **where)
        for number, (share, sources, where, part) in enumerate(found)
    ]  # fmt: skip

    def counts(one, source, place):
        where = one.locations if one.locations is not None else one.counted
        return source in one.sources and (where is None or place in where)

    expected = False
    for sku, source, place in product(("other", "A1"), ("erp", "pos"), ("JKT", "BDG", "elsewhere")):
        parts = [Cascade(one).of(sku, "", ()).share_ppm for one in plans if counts(one, source, place)]
        parts = [part for part in parts if part]
        expected |= sum(parts) > MILLION and min(parts) < MILLION

    assert bool(overcommitted(plans)) == expected
