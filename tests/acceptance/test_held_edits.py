"""A rules file edited so that half a shop would go to zero, beside a running daemon: held, told, decided."""

import json
import re

import pytest
from listening import Listener
from processes import SOURCE, eventually, shows

SHOP = {f"SKU-{number:03}": 5 for number in range(100)}
HALF = dict.fromkeys(list(SHOP)[:50], 0)
CHANNEL = "tokopedia-sandbox"
HELD = ("raised", "import_held", f"plan of {CHANNEL}")
REFUSED = ("raised", "plan_refused", CHANNEL)


@pytest.fixture
def listener():
    with Listener() as listener:
        yield listener


@pytest.fixture
def shop(new_site, served, listener):
    """A shop that shows all its stock, follows a rules file, and tells a webhook what is wrong."""
    site = new_site(
        served, text=f'[rules]\nfile = "rules.csv"\n\n{SOURCE}{served.sandbox.configuration(served.url)}'
    )
    (site.folder / "hook").write_text(listener.url)
    (site.folder / "hook").chmod(0o600)
    with site.config.open("a") as config:
        config.write('[alerts]\nwebhook = { file = "hook" }\n')
    says(site)
    site.drop(SHOP)
    site.started()
    eventually(shows(served, SHOP), "all is shown")
    eventually(site.is_settled, "and confirmed")
    return site


def says(site, *rows):
    """Edit the rules file as an editor does: a new one in its place."""
    (site.folder / "rules.new").write_text("\n".join(("sku,channel,safety_stock,selling", *rows, "")))
    (site.folder / "rules.new").rename(site.folder / "rules.csv")


def stopped(stock, channel=CHANNEL):
    return [f"{sku},{channel},,stopped" for sku in stock]


def imports(site):
    return json.loads(site.command("imports", "--json").stdout)


def plan_of(site):
    return site.status()["channels"][CHANNEL]["plan"]


def test_half_a_shop_to_zero_is_held_and_alerted_across_a_kill_and_applied_once_approved(
    shop, served, listener
):
    pushes = served.pushes(), served.pushes("tocobagus")
    foreseen = shop.command("plan", "--json")
    assert foreseen.returncode == 0, foreseen.stderr
    says(shop, *stopped(HALF))
    foreseen = shop.command("plan", "--json")
    assert foreseen.returncode == 1
    assert json.loads(foreseen.stdout)["channels"][CHANNEL]["changes"]["to_zero"] == 50

    eventually(lambda: HELD in listener.told(), "the held edit is told")
    number = plan_of(shop)["import"]
    (alert,) = shop.status()["alerts"]
    assert f"syncd imports show {number}" in alert["message"]
    shop.kill()
    shop.started()
    shop.command("reconcile")
    assert plan_of(shop)["import"] == number
    assert (served.pushes(), served.pushes("tocobagus")) == pushes, "nothing of it is pushed"

    answer = shop.command("imports", "approve", str(number))
    assert answer.returncode == 0, answer.stderr
    eventually(lambda: served.pushes() > pushes[0], "it is pushed")
    eventually(shop.is_settled, "and confirmed")
    assert {one["id"]: one["state"] for one in imports(shop)}[number] == "applied"
    assert shop.status()["channels"][CHANNEL]["plan"]["state"] == "in_force"
    assert served.pushes("tocobagus") == pushes[1], "the other channel is as it was"
    eventually(lambda: len(listener.told()) > 1, "that it is over is told")
    assert listener.told() == [HELD, ("over", *HELD[1:])]
    assert shop.terminate() == 0


def test_a_wrong_row_is_told_with_its_line_changes_nothing_and_is_over_once_mended(shop, served, listener):
    pushes = served.pushes()
    says(shop, f"SKU-001,{CHANNEL},,stopped", f"SKU-002,{CHANNEL},many,")
    eventually(lambda: plan_of(shop)["state"] == "refused", "it is refused")
    assert plan_of(shop)["problems"][0].startswith("rules.csv line 3")
    assert "rules.csv line 3" in shop.command("status").stdout
    eventually(lambda: REFUSED in listener.told(), "it is told once it has stood for a while")
    assert served.pushes() == pushes

    says(shop, f"SKU-001,{CHANNEL},,stopped", f"SKU-002,{CHANNEL},2,")
    eventually(lambda: served.pushes() > pushes, "the mended one is followed at once")
    eventually(lambda: ("over", *REFUSED[1:]) in listener.told(), "that it is over is told")
    log = shop.log.read_text()
    assert len(re.findall(r"error +plan_refused", log)) == 2, "once for each channel"
    assert plan_of(shop)["state"] == "in_force"
