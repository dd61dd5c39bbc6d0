"""The sentence at the top, from how everything stands."""

import copy

import pytest

from syncd.times import rfc3339
from syncd.web.verdict import LONG_DUE_MS, Weight, judged

NOW = 1_800_000_000_000
CHANNEL = {
    "listings": 100, "in_sync": 100, "due": 0, "in_flight": 0, "deferred": 0, "rejected": 0, "held": 0, "paused": 0,
    "due_by_risk": {"to_zero": 0, "decrease": 0, "increase": 0, "repetition": 0}, "oldest_due_at": None,
    "enabled": True, "paused_until": None, "hold": None, "held_warehouses": [],
    "plan": {
        "state": "in_force", "reason": "", "problems": [], "problem_count": 0, "import": None, "since": None
    },
}  # fmt: skip
SOURCE = {
    "levels": 100, "missed": 0, "imports_held": 0, "data_at": rfc3339(NOW), "read_at": rfc3339(NOW),
    "too_old": False, "failing_since": None, "failure": "",
}  # fmt: skip
ALERT = {
    "kind": "disk_low", "subject": "", "severity": "error", "since": rfc3339(NOW),
    "message": "The disk has 10 MB left: make room.",
}  # fmt: skip
HOLD = {"since": rfc3339(NOW - 60_000), "code": "AUTH_010", "message": "AUTH_010: shop moved away"}


def standing(*, channel=(), source=(), **more):
    return copy.deepcopy(
        {
            "configuration": {"refused": None},
            "alerts": [],
            "channels": {"toko": CHANNEL | dict(channel)},
            "sources": {"erp": SOURCE | dict(source)},
            **more,
        }
    )


def judge(held=(), **how):
    return judged(standing(**how), dict(held), NOW)


def test_all_is_well():
    judgement = judge()
    assert (judgement.mood, judgement.troubles) == ("well", ())
    assert judgement.sentence == "All is well: all 100 listings show what they should."


PLAN = CHANNEL["plan"]
HELD_PLAN = PLAN | {
    "state": "held",
    "reason": "half goes to zero",
    "import": 7,
    "since": rfc3339(NOW - 60_000),
}
REFUSED_PLAN = PLAN | {
    "state": "refused", "reason": "rules.csv line 3: no", "problems": ["rules.csv line 3: no"],
    "problem_count": 12, "since": rfc3339(NOW - 60_000),
}  # fmt: skip


def test_an_edit_that_was_rejected_and_stands_is_worth_a_look():
    rejected = PLAN | {"state": "refused", "reason": "rejected by hand", "since": rfc3339(NOW)}
    [trouble] = judge(channel={"plan": rejected}).troubles
    assert (trouble.weight, trouble.where) == (Weight.LOOK, "channel-toko")
    assert "was rejected, and is still configured" in trouble.what


def test_an_edit_that_is_held_and_then_broken_is_told_as_both():
    troubles = judge(channel={"plan": REFUSED_PLAN | {"import": 7}}).troubles
    assert [trouble.where for trouble in troubles] == ["held-imports", "channel-toko"]


def test_all_is_well_while_something_is_on_its_way():
    assert judge(channel={"in_sync": 90, "due": 10}).sentence == (
        "All is well: 10 of 100 listings are on their way."
    )


@pytest.mark.parametrize(
    ("how", "where", "words"),
    [
        (
            {"channel": {"hold": HOLD}},
            "channel-toko",
            "Channel toko is held, nothing is sent: AUTH_010: shop",
        ),
        (
            {"channel": {"held_warehouses": [HOLD | {"warehouse": "1610"}]}},
            "channel-toko",
            "Warehouse 1610 of channel toko is held",
        ),
        (
            {"channel": {"plan": HELD_PLAN}},
            "held-imports",
            "An edit of what toko shows is held: half goes to zero",
        ),
        (
            {"channel": {"plan": REFUSED_PLAN}},
            "channel-toko",
            "What is configured of toko is refused: rules.csv line 3: no (and 11 more)",
        ),
        (
            {"source": {"imports_held": 1}, "held": {"erp": "half is gone"}},
            "held-imports",
            "held: half is gone",
        ),
        (
            {"source": {"failing_since": rfc3339(NOW), "failure": "no such table"}},
            "source-erp",
            "cannot be read: no such table",
        ),
        ({"source": {"too_old": True}}, "source-erp", "older than its max_age"),
        (
            {"configuration": {"refused": {"at": rfc3339(NOW), "problems": ["line 3: unknown key"]}}},
            "summary",
            "line 3: unknown key",
        ),
        ({"alerts": [ALERT]}, "summary", "The disk has 10 MB left: make room"),
        ({"alerts": [ALERT | {"subject": "toko", "kind": "sold_out_waiting"}]}, "channel-toko", "make room"),
    ],
)
def test_what_stands_still_is_told_with_what_to_do(how, where, words):
    judgement = judge(**how)

    assert judgement.mood == "act"
    assert [one.where for one in judgement.troubles if one.weight is Weight.ACT] == [where]
    assert words in judgement.sentence
    assert judgement.sentence.endswith(judgement.first.remedy or "make room.")
    assert judgement.first not in judgement.others


def test_several_are_counted_and_the_others_listed():
    judgement = judge(channel={"hold": HOLD, "rejected": 7}, source={"too_old": True})

    assert judgement.sentence.startswith("2 things need you. First: The stock of source erp")
    assert [one.weight for one in judgement.others] == [Weight.ACT, Weight.LOOK]


def test_refused_listings_are_worth_a_look():
    judgement = judge(channel={"rejected": 1, "in_sync": 99})
    assert (judgement.mood, judgement.first) == ("look", None)
    assert judgement.sentence == "Nothing stands still. 1 thing is worth a look."
    assert judgement.others[0].what == "toko refuses 1 listing"


@pytest.mark.parametrize(("sold_out", "weight"), [(3, Weight.ACT), (0, Weight.LOOK)])
def test_what_is_due_for_long_is_told(sold_out, weight):
    due = {"due": 5, "in_sync": 95, "due_by_risk": CHANNEL["due_by_risk"] | {"to_zero": sold_out}}
    [trouble] = judge(channel=due | {"oldest_due_at": rfc3339(NOW - LONG_DUE_MS)}).troubles

    assert trouble.weight is weight
    assert judge(channel=due | {"oldest_due_at": rfc3339(NOW - LONG_DUE_MS + 1000)}).troubles == ()
    held_up = {"oldest_due_at": rfc3339(0), "paused_until": rfc3339(NOW + 1000)}
    assert judge(channel=due | held_up).troubles == ()


def test_a_channel_that_is_not_enabled_wants_nothing():
    assert judge(channel={"enabled": False, "hold": HOLD, "rejected": 5}).troubles == ()


def test_a_source_that_never_had_anything_is_told():
    [trouble] = judge(source={"data_at": None, "too_old": True}).troubles
    assert "Nothing has come in from source erp" in trouble.what


def test_an_alert_of_what_is_told_already_is_not_told_twice():
    due = {"due": 5, "in_sync": 95, "due_by_risk": CHANNEL["due_by_risk"] | {"to_zero": 3}}
    late = ALERT | {"kind": "sold_out_waiting", "subject": "toko"}
    held = ALERT | {"kind": "channel_held", "subject": "toko"}
    assert len(judge(channel=due | {"oldest_due_at": rfc3339(0)}, alerts=[late]).troubles) == 1
    assert len(judge(channel={"hold": HOLD}, alerts=[held]).troubles) == 1
