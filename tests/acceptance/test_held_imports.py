"""An export cut off at a row boundary, with the daemon as a process: held, across a kill, until it is decided."""

import json

import pytest
from processes import GUARDS_OFF, SOURCE, eventually, shows

WHOLE = {f"SKU-{number:03}": 5 for number in range(100)}
CUT_OFF = dict.fromkeys(list(WHOLE)[:70], 4)


def imports(site):
    return json.loads(site.command("imports", "--json").stdout)


def is_held(site):
    entries = imports(site)
    return bool(entries) and entries[0]["state"] == "held"


@pytest.mark.parametrize("decision", ["approve", "reject", "supersede"])
def test_an_export_cut_off_at_seven_tenths_waits_for_a_decision_across_a_kill(new_site, served, decision):
    site = new_site(served, text=SOURCE.replace(GUARDS_OFF, "") + served.sandbox.configuration(served.url))
    site.drop(WHOLE)
    site.started()
    eventually(shows(served, WHOLE), "the whole export is shown")
    eventually(site.is_settled, "and confirmed")
    pushes = served.pushes(), served.pushes("tocobagus")

    site.drop(CUT_OFF, "cut-off.csv")
    eventually(lambda: "import_held" in site.log.read_text(), "it is held")
    site.kill()
    site.started()
    eventually(lambda: is_held(site), "it is still held")
    site.command("reconcile")

    assert (served.pushes(), served.pushes("tocobagus")) == pushes, "nothing of it is pushed"
    (entry,) = [one for one in imports(site) if one["state"] == "held"]
    assert "30 of 100 known SKUs are missing" in entry["reason"]
    if decision == "supersede":
        site.drop(WHOLE | {"SKU-000": 3}, "good.csv")
    else:
        answer = site.command("imports", decision, str(entry["id"]))
        assert answer.returncode == 0, answer.stderr
    after = {"approve": WHOLE | CUT_OFF, "reject": WHOLE, "supersede": WHOLE | {"SKU-000": 3}}[decision]
    eventually(shows(served, after), "what was decided is shown")
    states = {"approve": "applied", "reject": "rejected", "supersede": "superseded"}
    eventually(
        lambda: {one["id"]: one["state"] for one in imports(site)}[entry["id"]] == states[decision],
        "the record says what was decided",
    )
    assert site.terminate() == 0
    assert site.is_settled()
