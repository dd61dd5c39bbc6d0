import json
import sqlite3
from contextlib import closing

import pytest

from tests.cli.conftest import end, read_until

LEVELS = {f"SKU-{number:03}": number for number in range(1, 121)}
TOKO, TOCO = "tokopedia-sandbox", "tocobagus-sandbox"


def content(path):
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return list(connection.iterdump())


def says(shop, *arguments, status=0):
    answer = shop.call("plan", "--json", *arguments)
    assert answer.exit_code == status, answer.output
    return json.loads(answer.stdout)


def rules(shop, *rows):
    """Let rules.csv say this, as a whole file at once."""
    (shop.folder / "rules.tmp").write_text("\n".join(("sku,channel,safety_stock,selling", *rows, "")))
    (shop.folder / "rules.tmp").rename(shop.folder / "rules.csv")


def configure(shop, text):
    shop.config.write_text(f"{text}\n{shop.original}")


@pytest.fixture
def selling(shop):
    """A shop that shows its stock of 120 SKUs on two channels."""
    shop.export("a.csv", LEVELS)
    shop.original = shop.config.read_text()
    assert shop.call("reconcile").exit_code == 0
    return shop


@pytest.fixture
def ruled(selling):
    """The same, with a rules file that says nothing yet."""
    rules(selling)
    configure(selling, '[rules]\nfile = "rules.csv"\n')
    assert selling.call("reconcile").exit_code == 0
    return selling


def test_what_is_in_force_already_changes_nothing(selling):
    told = says(selling)
    assert told["ok"] is True
    assert told["channels"][TOKO] == {
        "state": "in_force", "reason": "", "problems": [], "problem_count": 0, "changes": None,
        "largest_changes": [], "then": {"rows": 0, "requests": 0, "seconds": 0.0},
    }  # fmt: skip
    assert f"{TOKO}: what is configured is in force already" in selling.call("plan").stdout


def test_an_edit_is_told_with_its_figures_its_largest_changes_and_what_it_takes(selling):
    configure(selling, "[rules]\nsafety_stock = 5\n")
    told = says(selling)["channels"][TOCO]
    assert told["state"] == "applies"
    changes = told["changes"]
    assert [changes[key] for key in ("listings", "up", "down", "to_zero", "new", "gone")] == [
        120,
        0,
        115,
        5,
        0,
        0,
    ]
    assert (changes["units_before"], changes["units_after"]) == (7260, 7260 - 15 - 5 * 115)
    assert told["largest_changes"][0] == {"sku": "SKU-005", "warehouse": "", "before": 5, "after": 0}
    assert told["then"] == {"rows": 120, "requests": 2, "seconds": 0.4}
    page = selling.call("plan").stdout
    assert "would be applied at once" in page
    assert page.splitlines()[-1] == "this is what would be: nothing was sent, nothing was changed"


def test_only_the_channels_asked_for_are_told(selling):
    assert set(says(selling, "--channel", TOKO)["channels"]) == {TOKO}
    answer = selling.call("plan", "--channel", "tokpedia")
    assert answer.exit_code == 2
    assert "no channel is called tokpedia" in answer.stderr


def test_nothing_is_sent_and_nothing_changes_even_where_it_would_be_held(ruled, sandbox):
    rules(ruled, "SKU-0*,,,stopped")
    before, files, arrivals = content(ruled.folder / "state.db"), ruled.files(), sandbox.arrivals()
    says(ruled, status=1)
    assert content(ruled.folder / "state.db") == before
    assert ruled.files() == files
    assert sandbox.arrivals() == arrivals


def test_what_a_guard_would_hold_is_told_with_the_reason_and_what_it_would_do(ruled):
    rules(ruled, f"SKU-0*,{TOKO},,stopped")
    told = says(ruled, status=1)
    assert told["ok"] is False
    held = told["channels"][TOKO]
    assert held["state"] == "held"
    assert "99 of 120 listings above zero go to zero (max_zeroed = 10%)" in held["reason"]
    assert held["changes"]["to_zero"] == 99
    assert held["then"]["rows"] == 99
    assert told["channels"][TOCO]["state"] == "in_force"
    answer = ruled.call("plan")
    assert f"{TOKO}: would be held for a person: 99 of 120" in answer.stdout
    assert "plan_held" not in answer.stderr


def test_a_file_with_a_problem_is_told_with_its_line_and_the_rest_is_as_it_is(ruled):
    rules(ruled, "SKU-001,,5,", "SKU-002,,many,", "SKU-003,,,closed")
    told = says(ruled, status=1)["channels"][TOKO]
    assert told["state"] == "refused"
    assert told["problem_count"] == 2
    assert [problem.split(":")[0] for problem in told["problems"]] == ["rules.csv line 3", "rules.csv line 4"]
    assert told["changes"] is None
    assert told["then"] == {"rows": None, "requests": None, "seconds": None}
    assert "rules.csv line 3" in ruled.call("plan").stdout


def test_pauses_and_what_is_not_sold_any_more_are_counted(ruled):
    rules(ruled, f"SKU-001,{TOKO},,paused", f"SKU-002,{TOKO},,paused")
    assert says(ruled)["channels"][TOKO]["changes"]["paused"] == 2
    ruled.call("reconcile")
    rules(ruled, f"SKU-001,{TOKO},,paused")
    assert says(ruled)["channels"][TOKO]["changes"]["resumed"] == 1


def test_a_wrong_configuration_is_no_plan(selling):
    configure(selling, '[rules]\nshare = "many"\n')
    assert selling.call("plan").exit_code == 78


def test_before_anything_has_run_nothing_is_made(shop):
    files = shop.files()
    assert says(shop)["ok"] is True
    assert shop.files() == files


def test_a_dry_run_tells_of_the_plan_beside_what_it_pushes(ruled):
    rules(ruled, f"SKU-001,{TOKO},1,")
    ruled.export("b.csv", {**LEVELS, "SKU-050": 49})
    answer = ruled.call("reconcile", "--dry-run", "--json")
    assert answer.exit_code == 0, answer.output
    channel = json.loads(answer.stdout)["channels"][TOKO]
    assert channel["rows"] == 2
    assert channel["plan"]["state"] == "applies"
    assert channel["plan"]["changes"]["to_zero"] == 1
    page = ruled.call("reconcile", "--dry-run").stdout
    assert f"{TOKO}: would be applied at once" in page


def test_a_dry_run_pushes_nothing_of_what_would_be_held(ruled):
    rules(ruled, f"SKU-0*,{TOKO},,stopped")
    answer = ruled.call("reconcile", "--dry-run", "--json")
    assert answer.exit_code == 1
    channel = json.loads(answer.stdout)["channels"][TOKO]
    assert channel["rows"] == 0
    assert channel["plan"]["state"] == "held"
    assert ruled.call("imports").stdout.count("held") == 0


def test_it_works_beside_a_running_daemon(ruled):
    daemon = ruled.start("run")
    try:
        read_until(daemon.stderr, "daemon_started")
        configure(ruled, '[rules]\nfile = "rules.csv"\nmax_shown = 100\n')
        assert says(ruled)["channels"][TOKO]["changes"]["down"] == 20
    finally:
        end(daemon)


def test_shares_beyond_one_stock_are_told_with_the_figures(ruled):
    (ruled.folder / "rules.csv").write_text(f"sku,channel,share\nSKU-007,{TOKO},70%\nSKU-007,{TOCO},60%\n")
    [warning] = says(ruled)["warnings"]
    assert "= 130% of the stock of source erp" in warning
    assert f"doubtful: {TOKO} 70%" in ruled.call("plan").stdout
