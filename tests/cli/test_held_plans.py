"""Edits that look wrong are held like files, and decided on like them; files that are wrong change nothing."""

import json

import pytest

from tests.cli.conftest import end, read_until
from tests.cli.test_plan import LEVELS, TOCO, TOKO, configure, rules

HALF = f"SKU-0*,{TOKO},,stopped"
FEW = f"SKU-001,{TOKO},,stopped"


@pytest.fixture
def ruled(shop):
    """A shop that shows its stock of 120 SKUs on two channels, with a rules file that says nothing yet."""
    shop.export("a.csv", LEVELS)
    shop.original = shop.config.read_text()
    rules(shop)
    configure(shop, '[rules]\nfile = "rules.csv"\n')
    assert shop.call("reconcile").exit_code == 0
    return shop


@pytest.fixture
def holding(ruled):
    """The same, with an edit that is held."""
    rules(ruled, HALF)
    assert ruled.call("reconcile").exit_code == 1
    return ruled


def entries(shop, state=None):
    told = json.loads(shop.call("imports", "--json").stdout)
    return [one for one in told if state is None or one["state"] == state]


def held_id(shop):
    (entry,) = entries(shop, "held")
    return entry["id"]


def plan_of(shop, channel=TOKO):
    return json.loads(shop.call("status", "--json").stdout)["channels"][channel]["plan"]


def due(shop, channel=TOKO):
    return json.loads(shop.call("status", "--json").stdout)["channels"][channel]["due"]


def test_what_is_held_is_listed_and_shown_in_listings(holding):
    (entry,) = entries(holding, "held")
    assert entry["source"] == f"plan of {TOKO}"
    assert "99 of 120 listings above zero go to zero" in entry["reason"]
    assert entry["effect"]["zeroed"] == 99
    page = holding.call("imports", "show", entry["id"]).stdout
    assert "warehouse" in page
    assert "not sold any more" in page
    assert "SKU-099" in page
    assert "blank" not in page
    assert f"syncd imports approve {entry['id']}" in page
    answer = holding.call("reconcile")
    assert f"{TOKO}: an edit of what it shows is held" in answer.stdout
    assert "not everything is in sync" in answer.stdout


def test_status_tells_what_is_held_and_what_is_in_force(holding):
    plan = plan_of(holding)
    assert plan.pop("since").endswith("Z")
    assert plan.pop("reason").startswith("99 of 120")
    assert plan == {"state": "held", "problems": [], "problem_count": 0, "import": held_id(holding)}
    assert plan_of(holding, TOCO)["state"] == "in_force"
    assert f"syncd imports approve {held_id(holding)}" in holding.call("status").stdout


def test_a_hold_is_told_once_and_outlasts_restarts(holding):
    number = held_id(holding)
    for _ in range(2):
        answer = holding.call("reconcile")
        assert "plan_held" not in answer.stderr
        assert held_id(holding) == number
        assert due(holding) == 0


def test_approving_applies_it_and_the_next_reconcile_pushes_it(holding, sandbox):
    answer = holding.call("imports", "approve", held_id(holding))
    assert answer.exit_code == 0, answer.output
    assert "to zero" in answer.stdout
    assert "applied" in answer.stdout
    assert plan_of(holding)["state"] == "in_force"
    assert due(holding) == 99
    assert holding.call("reconcile").exit_code == 0
    assert sandbox.stock()[TOKO]["SKU-050"] == 0
    assert "SKU-050" not in sandbox.stock()[TOCO] or sandbox.stock()[TOCO]["SKU-050"] == 50


def test_rejecting_keeps_what_is_shown_and_says_that_the_edit_stands(holding):
    answer = holding.call("imports", "reject", held_id(holding))
    assert answer.exit_code == 0
    assert "take the edit back where it was made" in answer.stdout
    assert due(holding) == 0
    plan = plan_of(holding)
    assert (plan["state"], plan["import"], plan["problems"]) == ("refused", None, [])
    assert "is still configured: take it back" in holding.call("status").stdout
    assert holding.call("reconcile").exit_code == 1
    assert entries(holding, "held") == []


def test_a_rejected_edit_that_is_edited_again_is_judged_anew(holding):
    first = held_id(holding)
    holding.call("imports", "reject", first)
    rules(holding, HALF, FEW)
    holding.call("reconcile")
    assert held_id(holding) > first
    rules(holding)
    assert holding.call("reconcile").exit_code == 0
    assert plan_of(holding)["state"] == "in_force"
    assert [one["state"] for one in entries(holding)[:2]] == ["superseded", "rejected"]


def test_another_edit_replaces_what_is_held_and_approving_the_old_one_is_refused(holding):
    first = held_id(holding)
    rules(holding, FEW)
    assert holding.call("reconcile").exit_code == 0
    assert entries(holding, "held") == []
    answer = holding.call("imports", "approve", first)
    assert answer.exit_code == 2
    assert "superseded" in answer.stderr


def test_approving_after_the_file_was_edited_again_lets_nothing_through_that_nobody_saw(holding, sandbox):
    first = held_id(holding)
    rules(holding, f"*,{TOKO},,stopped")
    answer = holding.call("imports", "approve", first)
    assert answer.exit_code != 0
    assert held_id(holding) != first
    assert due(holding) == 0
    assert sandbox.stock()[TOKO]["SKU-050"] == 50


def test_a_file_that_breaks_while_something_is_held_is_told_and_the_hold_stays(holding):
    number = held_id(holding)
    rules(holding, HALF, "SKU-001,,many,")
    answer = holding.call("reconcile")
    assert answer.exit_code == 1
    plan = plan_of(holding)
    assert (plan["state"], plan["import"], plan["problem_count"]) == ("refused", number, 1)
    assert plan["problems"][0].startswith("rules.csv line 3")
    assert "rules.csv line 3" in holding.call("status").stdout
    assert f"{TOKO}: what is configured of it is refused: rules.csv line 3" in answer.stdout
    rules(holding, HALF)
    holding.call("reconcile")
    assert (plan_of(holding)["state"], held_id(holding)) == ("held", number)


def test_a_held_edit_of_the_configuration_itself_goes_the_same_way(ruled):
    configure(
        ruled,
        f'[rules]\nfile = "rules.csv"\n[[rules.for]]\nsku = "SKU-0*"\nchannels = ["{TOCO}"]\nselling = "stopped"\n',
    )
    ruled.call("reconcile")
    assert entries(ruled, "held")[0]["source"] == f"plan of {TOCO}"
    configure(ruled, '[rules]\nfile = "rules.csv"\n')
    assert ruled.call("reconcile").exit_code == 0
    assert entries(ruled)[0]["state"] == "superseded"


def test_why_tells_that_an_edit_is_held(holding):
    page = holding.call("why", "SKU-050").stdout
    assert "plan       not in effect: what is configured is not in force, see above" in page
    assert f"{TOKO}: the edit is held: `syncd imports approve {held_id(holding)}` lets it through" in page


def test_beside_a_daemon_a_held_edit_is_decided_by_it(holding, sandbox):
    daemon = holding.start("run")
    try:
        read_until(daemon.stderr, "daemon_started")
        number = held_id(holding)
        answer = holding.run("imports", "approve", number)
        assert answer.returncode == 0, answer.stderr
        read_until(daemon.stderr, "batch_pushed")
    finally:
        end(daemon)
    assert holding.call("reconcile").exit_code == 0
    assert sandbox.stock()[TOKO]["SKU-050"] == 0
