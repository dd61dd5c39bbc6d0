"""What is wrong, from what was observed; and from when on, and until when."""

import re

import pytest

from state.plan_standing import HeldPlan, RefusedPlan
from state.troubles import HeldBack, HeldImports, SoldOut, SourceHealth
from syncd.alerts.conditions import Disk, Down, Observation, troubles, unknown
from syncd.app import Refused
from syncd.config.alerts import AlertsConfig
from syncd.core.alerting import Change, Watch

NOW = 1_800_000_000_000
MINUTE = 60_000
HELD = HeldBack("toko", None, "AUTH_010", "the app is\nblocked", NOW - MINUTE)
IMPORT = HeldImports("erp", 1, 12, "export.csv", "30 of 100 known SKUs are missing", NOW - MINUTE)
PLAN = HeldPlan("toko", 13, "syncd.toml, rules.csv", "60 of 120 listings go to zero", NOW - MINUTE)
UNFIT = RefusedPlan("toko", NOW - MINUTE, ('rules.csv line 3: "many" is no quantity',), 4, by_hand=False)
FAILING = SourceHealth("erp", NOW, NOW - 6 * MINUTE, "permission denied")
STALE = SourceHealth("erp", NOW - 100_000, None, "")

WRONG = {
    "channel_held": {"held_back": [HELD]},
    "warehouse_held": {"held_back": [HeldBack("toko", "1610", "W1", "unknown warehouse", NOW)]},
    "import_held": {"held_imports": [IMPORT]},
    "source_failing": {"sources": [FAILING]},
    "source_stale": {"sources": [STALE], "max_age": {"erp": 99.0}},
    "failures_many": {"refused": {"toko": (11, 100)}},
    "sold_out_waiting": {"sold_out": {"toko": SoldOut(3, NOW - 16 * MINUTE, 1)}},
    "channel_unreachable": {"down": {"toko": Down(NOW - 11 * MINUTE, "refuses connections")}},
    "clock_off": {"clock_offsets": {"toko": -31.0}},
    "disk_low": {"disk": Disk("/var/lib/syncd", 499_000_000)},
    "reload_refused": {"reload_refused": Refused(NOW, ("line 3: unknown key", "line 4: is missing"))},
    "plan_refused": {"refused_plans": [UNFIT]},
    "state_lost": {"is_catching_up": True},
}
"""For each kind, what makes it."""

BOUNDS_OFF = AlertsConfig.model_validate(
    dict.fromkeys(("failed_share", "sold_out_wait", "unreachable_wait", "clock_offset", "disk_free"), "off")
)


def seen(now=NOW, **wrong):
    return Observation(now=now, started_at=NOW - 10 * MINUTE, **wrong)


def kinds(observation, bounds=None):
    return [trouble.kind for trouble in troubles(observation, bounds or AlertsConfig())]


def raised(observations, bounds=None):
    """The kinds that are told of these looks, one after the other."""
    watch = Watch()
    bounds = bounds or AlertsConfig()
    return [
        (one.change, one.alert.kind)
        for observation in observations
        for one in watch.look(troubles(observation, bounds), observation.now, unknown(observation))
    ]


@pytest.mark.parametrize("kind", WRONG)
def test_each_is_raised_and_says_what_to_do(kind):
    looks = [seen(now=NOW + later, **WRONG[kind]) for later in (0, MINUTE)]
    (trouble,) = troubles(looks[0], AlertsConfig())

    assert raised(looks) == [(Change.RAISED, kind)]
    assert re.search(
        r"mend|look at|find out|tells? |tell what|see whether|let it be set|make room", trouble.message
    )
    assert trouble.message.isprintable()
    assert "\n" not in trouble.message


@pytest.mark.parametrize("kind", WRONG)
def test_each_is_over_when_it_is_well_again(kind):
    looks = [seen(now=NOW + later, **WRONG[kind]) for later in (0, MINUTE)]
    looks += [seen(now=NOW + later) for later in (2 * MINUTE, 4 * MINUTE)]

    assert raised(looks) == [(Change.RAISED, kind), (Change.OVER, kind)]


def test_all_is_well():
    well = seen(
        sources=[SourceHealth("erp", NOW - 98_000, None, ""), SourceHealth("other", None, None, "")],
        max_age={"erp": 99.0, "other": 86_400.0},
        refused={"toko": (7, 100)},
        sold_out={"toko": SoldOut(1, NOW - 11 * MINUTE, 0)},
        clock_offsets={"toko": 23.0, "toco": None},
        disk=Disk("/var", 600_000_000),
    )

    assert kinds(well) == []


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("failures_many", {"refused": {"toko": (9, 100)}}),
        ("sold_out_waiting", {"sold_out": {"toko": SoldOut(1, NOW - 13 * MINUTE, 0)}}),
        ("clock_off", {"clock_offsets": {"toko": 29.0}}),
        ("disk_low", {"disk": Disk("/var/lib/syncd", 550_000_000)}),
    ],
)
def test_between_two_bounds_it_is_neither_raised_nor_over(kind, wrong):
    short = [seen(now=NOW + later, **{**wrong, **_waited(kind, later)}) for later in (0, 2 * MINUTE)]
    assert raised(short) == []
    looks = [seen(now=NOW + later, **WRONG[kind]) for later in (0, MINUTE)]
    after = [seen(now=NOW + later, **{**wrong, **_waited(kind, later)}) for later in (2 * MINUTE, 9 * MINUTE)]

    assert raised(looks + after) == [(Change.RAISED, kind)]


def _waited(kind, later):
    """The oldest that waits is always as old."""
    return (
        {"sold_out": {"toko": SoldOut(1, NOW + later - 13 * MINUTE, 0)}} if kind == "sold_out_waiting" else {}
    )


@pytest.mark.parametrize(
    "kind", ["failures_many", "sold_out_waiting", "channel_unreachable", "clock_off", "disk_low"]
)
def test_each_bound_can_be_turned_off(kind):
    assert kinds(seen(**WRONG[kind]), BOUNDS_OFF) == []


def test_short_troubles_are_not_told():
    assert raised([seen(sources=[SourceHealth("erp", NOW, NOW - 4 * MINUTE, "locked")])]) == []
    assert raised([seen(down={"toko": Down(NOW - 9 * MINUTE, "reset")})]) == []


def test_a_source_that_never_brought_anything_is_stale_after_its_age_too():
    never = [SourceHealth("erp", None, None, "")]

    assert kinds(seen(sources=never, max_age={"erp": 601.0})) == []
    assert kinds(seen(sources=never, max_age={"erp": 599.0})) == ["source_stale"]


def test_a_clock_of_which_nothing_is_known_any_more_is_not_well():
    looks = [seen(now=NOW + later, **WRONG["clock_off"]) for later in (0, MINUTE)]
    silent = [seen(now=NOW + later, clock_offsets={"toko": None}) for later in (2 * MINUTE, 90 * MINUTE)]

    assert raised(looks + silent) == [(Change.RAISED, "clock_off")]


def test_one_trouble_is_told_for_each_whom_it_is_about():
    both = [HELD, HeldBack("toco", None, "", "x", NOW), HeldBack("toko", "1", "", "y", NOW)]

    assert [(t.kind, t.subject) for t in troubles(seen(held_back=both), AlertsConfig())] == [
        ("channel_held", "toko"),
        ("channel_held", "toco"),
        ("warehouse_held", "toko/1"),
    ]


def test_a_held_edit_is_told_like_a_held_import_and_under_its_own_name():
    (trouble,) = troubles(seen(held_plans=[PLAN]), AlertsConfig())
    assert trouble.key == ("import_held", "plan of toko")
    assert "import 13, an edit of what channel toko shows, is held (60 of 120" in trouble.message
    assert "syncd imports show 13" in trouble.message
    both = troubles(seen(held_plans=[PLAN], held_imports=[IMPORT]), AlertsConfig())
    assert len({one.key for one in both}) == 2


def test_a_file_that_is_refused_for_a_moment_is_not_told():
    early = RefusedPlan("toko", NOW - 5_000, UNFIT.problems, 1, by_hand=False)
    assert raised([seen(refused_plans=[early]), seen(NOW + 5_000)]) == []
    late = [seen(refused_plans=[early]), seen(NOW + MINUTE, refused_plans=[early])]
    assert raised(late) == [("raised", "plan_refused")]


def test_a_refused_plan_tells_the_first_problem_and_how_many_more():
    (trouble,) = troubles(seen(refused_plans=[UNFIT]), AlertsConfig())
    assert '(rules.csv line 3: "many" is no quantity, and 3 more)' in trouble.message
