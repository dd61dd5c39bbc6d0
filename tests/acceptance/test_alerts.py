"""The daemon as a process tells a webhook and a command what is wrong, once, and that it is over."""

import json

import pytest
from listening import Listener
from processes import GUARDS_OFF, SOURCE, eventually, files_holding

from connectors.sandbox.faults import Fault, FaultKind

HOOK = "/hooks/canary-of-the-hook-71c2"
IMPORT = ("raised", "import_held", "erp")
HELD = ("raised", "channel_held", "tokopedia-sandbox")
OVER = ("over", "channel_held", "tokopedia-sandbox")

ALLOWED = {f"SYNCD_ALERT_{name}" for name in ("CHANGE", "SEVERITY", "TITLE", "TEXT", "COUNT")} | {
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "PWD", "OLDPWD", "SHLVL", "_",
}  # fmt: skip
"""Of the last four, the shell itself makes some."""


@pytest.fixture
def listener():
    with Listener() as listener:
        yield listener


def tells(site, listener, *lines):
    """Let a site tell the listener, and a command that keeps what it gets."""
    script = site.folder / "keep"
    script.write_text(
        f'#!/bin/sh\ncat >> "{site.folder}/kept"\necho >> "{site.folder}/kept"\nenv >> "{site.folder}/env"\n'
    )
    script.chmod(0o700)
    secret = site.folder / "hook"
    secret.write_text(f"{listener.url}{HOOK}")
    secret.chmod(0o600)
    with site.config.open("a") as config:
        config.write('[alerts]\nwebhook = { file = "hook" }\ncommand = ["./keep"]\n' + "\n".join(lines))
    return site


def kept(site):
    file = site.folder / "kept"
    lines = file.read_text().splitlines() if file.exists() else []
    return [(a["change"], a["kind"], a["subject"]) for line in lines for a in json.loads(line)["alerts"]]


def refuse_tokopedia(served):
    refusal = Fault(kind=FaultKind.STATUS, status=403, code="X", marketplace="tokopedia", times=None)
    served.sandbox.faults.next(refusal)


def test_a_held_channel_is_told_once_and_that_it_is_over(site, served, listener):
    tells(site, listener)
    refuse_tokopedia(served)
    site.drop({"A": 3})
    site.started()
    eventually(lambda: HELD in listener.told(), "the hold is told")
    (alert,) = site.status()["alerts"]
    assert (alert["kind"], alert["subject"], alert["severity"]) == (*HELD[1:], "error")
    assert "syncd retry --channel tokopedia-sandbox" in site.command("status").stdout

    served.sandbox.faults.clear()
    assert site.command("retry", "--all").returncode == 0
    eventually(lambda: OVER in listener.told(), "that it is over is told")

    eventually(lambda: kept(site) == [HELD, OVER], "the command is told the same")
    assert listener.told() == [HELD, OVER]
    assert site.status()["alerts"] == []
    given = (site.folder / "env").read_text()
    assert "SYNCD_ALERT_TITLE=syncd on " in given
    assert {line.split("=")[0] for line in given.splitlines() if "=" in line} <= ALLOWED
    assert site.terminate() == 0
    assert files_holding(site.folder, HOOK) == ["hook"], "no secret leaves"


def test_an_import_that_is_held_is_told_and_so_is_a_restart_not(new_site, served, listener):
    site = new_site(served, text=SOURCE.replace(GUARDS_OFF, "") + served.sandbox.configuration(served.url))
    tells(site, listener)
    site.drop({f"SKU-{number:03}": 5 for number in range(100)})
    site.started()
    eventually(site.is_settled, "the whole export is taken")
    site.drop({"SKU-000": 5}, "cut-off.csv")
    eventually(lambda: listener.told() == [IMPORT], "the held import is told")
    site.terminate()
    site.started()

    (entry,) = [one for one in json.loads(site.command("imports", "--json").stdout) if one["state"] == "held"]
    assert f"syncd imports show {entry['id']}" in site.status()["alerts"][0]["message"]
    site.command("imports", "reject", str(entry["id"]))
    eventually(lambda: len(listener.posts) > 1, "that it is over is told")

    assert listener.told() == [IMPORT, ("over", "import_held", "erp")]


def test_a_kill_between_storing_and_sending_costs_one_message_more_at_most(site, served, listener):
    tells(site, listener)
    refuse_tokopedia(served)
    listener.hold()
    site.drop({"A": 3})
    site.started()
    eventually(lambda: listener.posts, "the hold is being told")
    site.kill()
    listener.release()
    site.started()
    eventually(lambda: len(listener.posts) > 1, "it is told again")
    site.terminate()
    site.started()
    served.sandbox.faults.clear()
    site.command("retry", "--all")
    eventually(lambda: OVER in listener.told(), "that it is over is told")

    assert listener.told() == [HELD, HELD, OVER]
    first, again, over = (document["alerts"][0]["id"] for document in listener.documents())
    assert first == again != over


def test_a_recipient_that_fails_stops_neither_the_others_nor_the_daemon(site, served, listener):
    tells(site, listener)
    (site.folder / "keep").write_text("#!/bin/sh\necho no mail here >&2\nexit 3\n")
    refuse_tokopedia(served)
    site.drop({"A": 3})
    site.started()

    eventually(lambda: listener.told() == [HELD], "the other is told")
    eventually(lambda: "alert_undelivered" in site.log.read_text(), "the failure is logged")
    assert "exited with status 3: no mail here" in site.log.read_text()
    eventually(lambda: served.ask(lambda sandbox: sandbox.tocobagus.stock()) == {"A": 3}, "all else goes on")
    assert site.terminate() == 0


def test_check_sends_each_a_test_and_says_how_it_went(site, listener):
    tells(site, listener)
    good = site.command("check", "--alerts")
    listener.answers.append(410)
    bad = site.command("check", "--alerts")

    assert "alerts by webhook: the test was taken" in good.stdout
    assert "✗ alerts by webhook: the test did not get through: it answered HTTP 410" in bad.stdout
    assert bad.returncode == 1
    assert [told[:2] for told in listener.told()] == [("test", "test")] * 2
    assert [told[0] for told in kept(site)] == ["test", "test"]
