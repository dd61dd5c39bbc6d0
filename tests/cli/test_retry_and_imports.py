import json

import pytest

from tests.cli.conftest import end, read_until

LEVELS = {f"SKU-{number}": number for number in range(1, 41)}


@pytest.fixture
def holding(shop):
    """A shop whose second import is held."""
    shop.export("a.csv", LEVELS)
    shop.call("reconcile")
    shop.export("b.csv", dict.fromkeys(LEVELS, 0))
    shop.call("reconcile")
    return shop


@pytest.fixture
def failed(shop):
    shop.export("a.csv", {"SKU-1": 1, "UNKNOWN-1": 3, "UNKNOWN-2": 3})
    shop.call("reconcile")
    return shop


def test_a_retry_must_say_what(offline_shop):
    assert offline_shop.call("retry").exit_code == 2
    assert offline_shop.call("retry", "--all", "--sku", "A").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "woken"),
    [
        (("--all",), 4),
        (("--channel", "tokopedia-sandbox"), 2),
        (("--sku", "UNKNOWN-1"), 2),
        (("--sku", "UNKNOWN-1", "--channel", "tokopedia-sandbox"), 1),
        (("--sku", "SKU-1"), 0),
    ],
)
def test_without_a_daemon_listings_are_marked_and_not_pushed(failed, sandbox, arguments, woken):
    before = len(sandbox.arrivals())
    answer = failed.call("retry", *arguments)
    assert answer.exit_code == 0
    assert answer.stdout.startswith(f"{woken} failed listing")
    assert "syncd reconcile" in answer.stdout
    assert len(sandbox.arrivals()) == before
    standing = json.loads(failed.call("status", "--json").stdout)
    assert sum(channel["due"] for channel in standing["channels"].values()) == woken


def test_beside_a_daemon_it_retries_at_once(failed):
    daemon = failed.start("run")
    try:
        read_until(daemon.stderr, "daemon_started")
        answer = failed.run("retry", "--sku", "UNKNOWN-1", "--channel", "tocobagus-sandbox")
        assert answer.stdout == "1 failed listing made due\n"
        read_until(daemon.stderr, "row_rejected")
    finally:
        end(daemon)


def test_imports_are_listed_newest_first_in_the_promised_form(holding):
    entries = json.loads(holding.call("imports", "--json").stdout)
    assert [(entry["id"], entry["state"]) for entry in entries] == [(2, "held"), (1, "applied")]
    assert set(entries[1]) == {"id", "source", "name", "state", "rows", "changed", "bad", "reason", "at"}
    assert set(entries[0]) - set(entries[1]) == {"effect"}
    page = holding.call("imports").stdout
    assert "syncd imports approve 2" in page


def test_a_held_import_shows_what_it_would_do(holding):
    shown = json.loads(holding.call("imports", "show", "2", "--json").stdout)
    assert shown["effect"]["zeroed"] == 40
    assert (shown["effect"]["units_before"], shown["effect"]["units_after"]) == (820, 0)
    assert shown["effect"]["largest"][0] == {
        "sku": "SKU-40", "location": "", "before": 40, "after": 0, "missing": False
    }  # fmt: skip
    assert len(shown["effect"]["largest"]) == 10
    page = holding.call("imports", "show", "2").stdout
    assert "SKU-40" in page
    assert "syncd imports approve 2" in page
    assert holding.call("imports", "show", "9").exit_code == 2


def test_what_a_person_should_know_of_a_reading_is_kept_and_shown(shop):
    (shop.inbox / "a.csv").write_text("sku,quantity\nA,-1\nB,\nC,many\n" + "D,1\n" * 2 + "E,5")
    config = shop.config.read_text()
    shop.config.write_text(config.replace("[sources.erp]\n", '[sources.erp]\nduplicates = "sum"\n'))
    with shop.config.open("a") as file:
        file.write('\n[sources.erp.guard]\nmax_bad_rows = "off"\n')
    shop.call("reconcile")

    shown = json.loads(shop.call("imports", "show", "1", "--json").stdout)
    assert shown["state"] == "applied"
    assert shown["notes"] == ["The last line has no line end: was the file cut off?"]
    assert [shown[key] for key in ("rows", "bad", "blank", "negative")] == [6, 1, 1, 1]
    page = shop.call("imports", "show", "1").stdout
    assert "note: The last line has no line end: was the file cut off?" in page
    assert f"format: {shown['format']}" in page


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_what_was_decreased_meanwhile_is_said_when_it_is_decided(shop, decision):
    config = shop.config.read_text()
    shop.config.write_text(config.replace("[sources.erp]\n", '[sources.erp]\non_hold = "decreases"\n'))
    whole = {f"SKU-{number}": 5 for number in range(10)}
    shop.export("a.csv", whole)
    shop.call("reconcile")
    shop.export("b.csv", {"SKU-1": 4, "SKU-2": 6})
    shop.call("reconcile")
    page = shop.call("imports", "show", "2").stdout
    assert "1 decreases applied meanwhile" in page.replace("\n", " ")

    answer = shop.call("imports", decision, "2")

    assert answer.exit_code == 0
    shown = json.loads(shop.call("imports", "show", "2", "--json").stdout)
    assert shown["decreased"] == 1
    assert shown["reason"].endswith("what was decreased meanwhile stays") is (decision == "reject")
    if decision == "reject":
        assert "what was decreased meanwhile stays" in answer.stdout
    for sku, quantity in (("SKU-1", 4), ("SKU-2", 6 if decision == "approve" else 5)):
        assert f'"quantity": {quantity}' in shop.call("why", sku, "--json").stdout


def test_approving_lets_a_held_import_through(holding):
    answer = holding.call("imports", "approve", "2")
    assert answer.exit_code == 0
    assert "applied" in answer.stdout
    assert "syncd reconcile" in answer.stdout
    assert holding.call("reconcile").exit_code == 0


def test_rejecting_puts_the_file_away(holding):
    answer = holding.call("imports", "reject", "2")
    assert answer.exit_code == 0
    assert "rejected" in answer.stdout
    assert any(path.name.endswith("b.csv") for path in (holding.inbox / "rejected").iterdir())


def test_deciding_on_what_is_not_held_is_wrong_usage(holding):
    assert holding.call("imports", "approve", "1").exit_code == 2
    assert holding.call("imports", "reject", "99").exit_code == 2
    assert holding.call("imports", "approve", "x").exit_code == 2


def test_beside_a_daemon_it_decides(holding):
    daemon = holding.start("run")
    try:
        read_until(daemon.stderr, "daemon_started")
        answer = holding.run("imports", "approve", "2", "--config", holding.config)
        assert answer.returncode == 0, answer.stderr
        assert answer.stdout.endswith("\nimport 2, b.csv from erp: applied\n")
        read_until(daemon.stderr, "batch_pushed")
    finally:
        end(daemon)


@pytest.mark.parametrize("decision", ["approve", "reject", "supersede"])
def test_an_export_cut_off_at_a_row_boundary_is_held_until_it_is_decided(shop, decision):
    """Each command opens the state anew: the hold survives that."""
    whole = {f"SKU-{number}": 5 for number in range(100)}
    shop.export("a.csv", whole)
    shop.call("reconcile")
    shop.export("b.csv", dict.fromkeys(list(whole)[:70], 4))
    answer = shop.call("reconcile")
    assert "import_held" in answer.stderr

    held = json.loads(shop.call("imports", "--json").stdout)[0]
    assert (held["state"], held["effect"]["newly_missing"], held["effect"]["down"]) == ("held", 30, 70)
    assert "30 of 100 known SKUs are missing" in held["reason"]
    assert '"quantity": 5' in shop.call("why", "SKU-1", "--json").stdout

    if decision == "supersede":
        shop.export("c.csv", whole | {"SKU-1": 3})
        shop.call("reconcile")
    else:
        assert shop.call("imports", decision, held["id"]).exit_code == 0
    states = {"approve": "applied", "reject": "rejected", "supersede": "superseded"}
    entries = {one["id"]: one["state"] for one in json.loads(shop.call("imports", "--json").stdout)}
    assert entries[held["id"]] == states[decision]
    quantity = {"approve": 4, "reject": 5, "supersede": 3}[decision]
    assert f'"quantity": {quantity}' in shop.call("why", "SKU-1", "--json").stdout
