"""The real unit in a real systemd: what an administrator does with it, and what goes wrong, one thing after the other.

trial.py [--tree FOLDER] [--checkout FOLDER]    as root; the fresh Debian is kept in FOLDER for the next time
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import indent

import probes
from machine import Machine, prepare_tree

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))
from console import blocks_of

ROOT = Path(__file__).parents[2]
PIP = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels", "PIP_ROOT_USER_ACTION": "ignore"}
CONFIG = "/etc/syncd/syncd.toml"
INBOX = "/srv/syncd/inbox"
SANDBOX = "http://127.0.0.1:9321"
SECRETS = {
    "tokopedia-client-secret": "sandbox-client-secret",
    "toco-secret-key": "sandbox-secret-key",
    "toco-store-token": "stkn_sandbox-store-token",
}
ENCRYPTED = "toco-store-token"
PAGE_TOKEN = "syncd-page-token"
WATCHDOG_SECONDS = 6


# --- installing -------------------------------------------------------------------------------------------------


def a_fresh_machine_is_installed(m: Machine) -> str:
    said = m.does("make", "--no-print-directory", "-C", "/checkout", "install", env=PIP)
    assert "systemctl enable --now syncd" in said, said
    assert stat(m, INBOX) == "2770 syncd:syncd"
    assert stat(m, CONFIG) == "640 root:syncd"
    assert stat(m, "/etc/credstore") == "700 root:root"
    m.does("systemd-analyze", "verify", "--man=no", "/usr/local/lib/systemd/system/syncd.service")
    assert m.does("syncd", "--version")
    return said.splitlines()[0]


def the_configuration_as_installed_ends_with_78_and_is_not_started_again(m: Machine) -> str:
    m.run("systemctl", "start", "syncd")
    m.eventually(lambda: m.property("ActiveState") == "failed", "it gives up", 30)
    assert m.property("ExecMainStatus") == "78", m.journal()
    assert m.property("NRestarts") == "0"
    return m.journal().splitlines()[-1]


# --- starting ---------------------------------------------------------------------------------------------------


def marketplaces_are_simulated(m: Machine) -> str:
    m.path("/srv/sandbox").mkdir()
    m.does(
        "systemd-run", "--unit=sandbox", "--working-directory=/srv/sandbox",
        "/opt/syncd/bin/syncd", "sandbox", "--directory", "/srv/sandbox", "--rows-per-second", "1000",
    )  # fmt: skip
    m.eventually(
        lambda: m.run("curl", "--fail", "--silent", f"{SANDBOX}/sandbox/stock").returncode == 0, "the sandbox"
    )
    return m.property("ActiveState", "sandbox")


def secrets_are_given_one_of_them_encrypted(m: Machine) -> str:
    text = (
        m.path("/srv/sandbox/syncd.toml")
        .read_text()
        .replace('path = "inbox"', f'path = "{INBOX}"\nscan = "1s"')
    )
    text = text.replace("[sources.erp]", '[sources.erp]\nguard = { max_drop = "off", max_zeroed = "off" }')
    page = re.search(r'(?m)^token = "(\w+)"', text)
    assert page, text
    for name, secret in {**SECRETS, PAGE_TOKEN: page[1]}.items():
        assert f'"{secret}"' in text, secret
        text = text.replace(f'"{secret}"', f'{{ credential = "{name}" }}')
        if name == ENCRYPTED:
            encrypted = f"/etc/credstore.encrypted/{name}"
            m.does(
                "systemd-creds", "encrypt", "--with-key=host", f"--name={name}", "-", encrypted, stdin=secret
            )
            assert secret.encode() not in m.path(encrypted).read_bytes()
        else:
            m.write(f"/etc/credstore/{name}", secret + "\n", 0o600)
    overwrite(m, CONFIG, text)
    drop_in(m, "secrets", f"LoadCredentialEncrypted={ENCRYPTED}\nLoadCredential={PAGE_TOKEN}")
    return f"{ENCRYPTED} by LoadCredentialEncrypted=, the others by LoadCredential="


def commands_have_the_secrets_before_the_service_runs(m: Machine) -> str:
    m.does("syncd", "check", "--online")
    assert m.run("syncd", "why", "NOBODY-KNOWS").returncode == 1
    return m.does("syncd", "reconcile", "--dry-run").splitlines()[-1]


def it_starts_and_is_active_only_when_ready(m: Machine) -> str:
    began = time.monotonic()
    m.does("systemctl", "start", "syncd")
    seconds = time.monotonic() - began
    assert m.property("Type") == "notify"
    assert m.property("ActiveState") == "active"
    lines = m.journal().splitlines()
    ready = next(i for i, line in enumerate(lines) if "daemon_started" in line)
    active = max(i for i, line in enumerate(lines) if line.startswith("Started syncd.service"))
    assert ready < active, lines
    return f"{seconds:.1f} s from systemctl start to active"


def the_journal_is_asked_by_field(m: Machine) -> str:
    said = m.eventually(
        lambda: m.says("journalctl", "-u", "syncd", "EVENT=daemon_started", "-o", "json", "-n", "1"),
        "its fields are there",
        20,
    )
    fields = json.loads(said)
    assert fields["CHANNELS"] == "2"
    assert fields["PRIORITY"] == "6"
    assert fields["SYSLOG_IDENTIFIER"] == "syncd"
    return fields["MESSAGE"]


def systemctl_status_tells_how_it_stands(m: Machine) -> str:
    text = m.eventually(lambda: m.property("StatusText"), "it says how it stands", 20)
    assert f'Status: "{text}"' in m.says("systemctl", "status", "--no-pager", "syncd")
    return text


def a_file_of_another_user_of_the_group_is_taken_and_pushed(m: Machine) -> str:
    m.does("useradd", "--create-home", "--groups", "syncd", "erp")
    drop(m, "first.csv", {f"TRIAL-{number:03}": number for number in range(1, 201)})
    m.eventually(lambda: shown(m).get("TRIAL-200") == 200, "both marketplaces show it", 60)
    (archived,) = m.path(f"{INBOX}/archive").iterdir()
    return f"{archived.name}: {stat(m, f'{INBOX}/archive/{archived.name}')}"


def a_workbook_is_read_by_its_own_process(m: Machine) -> str:
    from openpyxl import Workbook

    book = Workbook()
    for row in [("sku", "quantity"), *((f"TRIAL-{number:03}", number + 1) for number in range(1, 201))]:
        book.active.append(row)
    book.save(m.path("/home/erp/second.xlsx"))
    m.does("sh", "-c", f"chown erp:syncd /home/erp/second.xlsx && mv /home/erp/second.xlsx {INBOX}/")
    m.eventually(lambda: shown(m).get("TRIAL-200") == 201, "both marketplaces show it", 60)
    return "the limits it sets itself are allowed"


def commands_of_root_see_what_the_service_sees(m: Machine) -> str:
    m.does("syncd", "status")
    m.does("syncd", "check")
    return m.does("syncd", "why", "TRIAL-200").splitlines()[0]


# --- running ----------------------------------------------------------------------------------------------------


def a_good_configuration_is_taken_by_reload(m: Machine) -> str:
    pid = m.property("MainPID")
    text = m.path(CONFIG).read_text()
    overwrite(m, CONFIG, text + "\n[channels.tokopedia-sandbox.rules]\nmax_shown = 50\n")
    m.does("systemctl", "reload", "syncd")
    m.eventually(lambda: shown(m, "tokopedia").get("TRIAL-200") == 50, "the new rule holds", 60)
    assert shown(m, "tocobagus").get("TRIAL-200") == 201
    assert m.property("MainPID") == pid
    return "max_shown = 50 holds, the process is the same"


def a_bad_configuration_is_refused_and_the_old_one_stays(m: Machine) -> str:
    pid, text = m.property("MainPID"), m.path(CONFIG).read_text()
    overwrite(m, CONFIG, text.replace("max_shown", "max_shwon"))
    assert m.run("systemctl", "reload", "syncd").returncode != 0
    journal = m.eventually(lambda: "configuration_refused" in m.journal() and m.journal(), "it says so", 30)
    assert 'did you mean "max_shown"?' in journal
    assert m.property("ActiveState") == "active"
    assert m.property("MainPID") == pid
    refusal = m.eventually(
        lambda: "refused" in m.property("StatusText") and m.property("StatusText"), "STATUS=", 30
    )
    overwrite(m, CONFIG, text)
    m.does("systemctl", "reload", "syncd")
    m.eventually(lambda: "refused" not in m.property("StatusText"), "it is over", 30)
    return refusal


def a_loop_that_stands_still_is_ended_and_started_again(m: Machine) -> str:
    drop_in(m, "watchdog", f"WatchdogSec={WATCHDOG_SECONDS}")
    m.does("systemctl", "restart", "syncd")
    pid, restarts = m.property("MainPID"), int(m.property("NRestarts"))
    fed = [m.property("WatchdogTimestampMonotonic")]
    for _ in range(6):  # well, it is fed for longer than it could live unfed
        fed.append(m.eventually(lambda: fed_anew(m, fed[-1]), "the watchdog is fed"))
    assert int(fed[-1]) - int(fed[0]) > WATCHDOG_SECONDS * 1_000_000
    assert m.property("MainPID") == pid
    m.does("systemctl", "kill", "--kill-who=main", "--signal=STOP", "syncd")
    began = time.monotonic()
    m.eventually(
        lambda: int(m.property("NRestarts")) > restarts and m.property("SubState") == "running", "again", 60
    )
    seconds = time.monotonic() - began
    assert "Watchdog timeout" in m.journal()
    assert "Fatal Python error: Aborted" in m.journal(), "where it stood"
    assert m.property("MainPID") != pid
    m.does("sh", "-c", "rm /run/systemd/system/syncd.service.d/watchdog.conf && systemctl daemon-reload")
    m.does("systemctl", "restart", "syncd")
    return f"{seconds:.0f} s after it was stopped, with WatchdogSec={WATCHDOG_SECONDS}"


def what_kills_it_does_not_keep_it_away(m: Machine) -> str:
    pid = m.property("MainPID")
    m.does("systemctl", "kill", "--kill-who=main", "--signal=KILL", "syncd")
    m.eventually(
        lambda: m.property("MainPID") not in {pid, "0"} and m.property("SubState") == "running", "again", 40
    )
    m.does("syncd", "status")
    return f"NRestarts={m.property('NRestarts')}"


def it_stops_within_the_bound_while_a_marketplace_never_answers(m: Machine) -> str:
    m.does(
        "curl",
        "--fail",
        "--silent",
        "-X",
        "POST",
        f"{SANDBOX}/sandbox/faults",
        "-d",
        '{"kind": "hang", "call": "push"}',
    )
    drop(m, "third.csv", {f"TRIAL-{number:03}": number + 2 for number in range(1, 201)})
    m.eventually(lambda: in_flight(m), "a request is on its way", 30)
    began = time.monotonic()
    m.does("systemctl", "stop", "syncd")
    seconds = time.monotonic() - began
    assert m.property("Result") == "success", m.property("Result")
    m.does("curl", "--fail", "--silent", "-X", "DELETE", f"{SANDBOX}/sandbox/faults")
    m.does("systemctl", "start", "syncd")
    m.eventually(
        lambda: shown(m, "tocobagus").get("TRIAL-200") == 202, "what was not answered is pushed again", 90
    )
    return f"{seconds:.1f} s, of {m.property('TimeoutStopUSec')}"


def the_hardening_forbids_what_it_should_and_nothing_else(m: Machine) -> str:
    return probes.run(m)


def systemd_scores_it(m: Machine) -> str:
    m.does("systemd-analyze", "security", "--no-pager", "--threshold=12", "syncd.service")
    return m.says("systemd-analyze", "security", "--no-pager", "syncd.service").splitlines()[-1]


# --- the pages --------------------------------------------------------------------------------------------------


def the_pages_are_followed_word_by_word(m: Machine) -> str:
    """Type what the pages tell an administrator to type, on a machine on which all of it was done before."""
    own = m.path(CONFIG).read_text()
    m.write("/root/shop/syncd.toml", own)
    m.write("/root/shop/secrets/toco-secret-key", SECRETS["toco-secret-key"], 0o600)
    typed = 0
    for page in ("docs/how-to/service.md", "docs/systemd.md", "docs/how-to/moving.md", "docs/history.md"):
        for block in blocks_of((ROOT / page).read_text()):
            for command in block.commands if block.directives.get("needs") == "systemd" else ():
                m.does(
                    "bash", "-ec", f'cd /checkout; sudo() {{ "$@"; }}\n{command.typed}',
                    stdin=block.directives.get("typed", ""), env=PIP,
                )  # fmt: skip
                typed += 1
        if page == "docs/systemd.md":  # as the block below it says
            drop_in(m, "page", "LoadCredentialEncrypted=toco-secret-key")
    m.does("rm", "/etc/credstore.encrypted/toco-secret-key", "/run/systemd/system/syncd.service.d/page.conf")
    m.does("systemctl", "daemon-reload")
    m.write("/etc/credstore/toco-secret-key", SECRETS["toco-secret-key"], 0o600)
    m.does("systemctl", "restart", "syncd")
    return f"{typed} commands"


# --- upgrading, uninstalling ------------------------------------------------------------------------------------


def an_upgrade_that_fails_changes_nothing(m: Machine) -> str:
    before = m.does("readlink", "/opt/syncd/bin/syncd"), releases(m)
    failed = m.run("make", "-C", "/checkout", "install", env={**PIP, "PIP_FIND_LINKS": "/nowhere"})
    assert failed.returncode != 0
    assert (m.does("readlink", "/opt/syncd/bin/syncd"), releases(m)) == before
    return next(line for line in failed.stderr.splitlines() if line.startswith("install:"))


def an_upgrade_leaves_what_runs_whole_until_it_is_restarted(m: Machine) -> str:
    own, pid, before = m.path(CONFIG).read_text(), m.property("MainPID"), releases(m)
    said = m.does("make", "--no-print-directory", "-C", "/checkout", "install", env=PIP)
    assert "systemctl restart syncd" in said, said
    assert m.property("MainPID") == pid
    assert set(before) < set(releases(m))
    assert before[-1] in m.does("cat", f"/proc/{pid}/cmdline")
    assert m.path(CONFIG).read_text() == own
    m.does("systemctl", "restart", "syncd")
    assert releases(m)[-1] in m.does("cat", f"/proc/{m.property('MainPID')}/cmdline")
    return " then ".join(releases(m))


def uninstalling_takes_the_program_and_leaves_what_is_theirs(m: Machine) -> str:
    said = m.does("make", "--no-print-directory", "-C", "/checkout", "uninstall")
    assert m.property("LoadState") == "not-found"
    for gone in ("/opt/syncd", "/usr/local/sbin/syncd", "/usr/local/lib/systemd/system/syncd.service"):
        assert not m.path(gone).exists(), gone
    for kept in (CONFIG, "/var/lib/syncd/state.db", "/etc/credstore/toco-secret-key", f"{INBOX}/archive"):
        assert m.path(kept).exists(), kept
    return said.splitlines()[0]


# --- what they use ----------------------------------------------------------------------------------------------


def stat(m: Machine, path: str) -> str:
    return m.does("stat", "--format=%a %U:%G", path)


def releases(m: Machine) -> list[str]:
    return sorted(entry.name for entry in m.path("/opt/syncd/releases").iterdir())


def overwrite(m: Machine, path: str, text: str) -> None:
    """Write a file that is there, leaving its owner and mode."""
    m.path(path).write_text(text)


def drop_in(m: Machine, name: str, line: str) -> None:
    m.does("mkdir", "-p", "/run/systemd/system/syncd.service.d")
    m.does("tee", f"/run/systemd/system/syncd.service.d/{name}.conf", stdin=f"[Service]\n{line}\n")
    m.does("systemctl", "daemon-reload")


def drop(m: Machine, name: str, stock: dict[str, int]) -> None:
    """Drop a file as the exporting user does: written beside, then renamed."""
    text = "sku,quantity\n" + "".join(f"{sku},{quantity}\n" for sku, quantity in stock.items())
    script = f"umask 027; cat > {INBOX}/{name}.tmp && mv {INBOX}/{name}.tmp {INBOX}/{name}"
    m.does("runuser", "-u", "erp", "--", "sh", "-c", script, stdin=text)


def shown(m: Machine, marketplace: str | None = None) -> dict[str, int]:
    """Give what a marketplace shows; without a name, what both show alike."""
    stocks = json.loads(m.does("curl", "--fail", "--silent", f"{SANDBOX}/sandbox/stock"))
    tokopedia = {sku: quantity for stock in stocks["tokopedia"].values() for sku, quantity in stock.items()}
    tocobagus = stocks["tocobagus"][""]
    if marketplace is not None:
        return {"tokopedia": tokopedia, "tocobagus": tocobagus}[marketplace]
    return {sku: quantity for sku, quantity in tokopedia.items() if tocobagus.get(sku) == quantity}


def in_flight(m: Machine) -> int:
    channels = json.loads(m.does("syncd", "status", "--json"))["channels"]
    return sum(channel["in_flight"] for channel in channels.values())


def fed_anew(m: Machine, before: str) -> str:
    fed = m.property("WatchdogTimestampMonotonic")
    return fed if fed != before else ""


STEPS: tuple[Callable[[Machine], str], ...] = (
    a_fresh_machine_is_installed,
    the_configuration_as_installed_ends_with_78_and_is_not_started_again,
    marketplaces_are_simulated,
    secrets_are_given_one_of_them_encrypted,
    commands_have_the_secrets_before_the_service_runs,
    it_starts_and_is_active_only_when_ready,
    the_journal_is_asked_by_field,
    systemctl_status_tells_how_it_stands,
    a_file_of_another_user_of_the_group_is_taken_and_pushed,
    a_workbook_is_read_by_its_own_process,
    commands_of_root_see_what_the_service_sees,
    the_hardening_forbids_what_it_should_and_nothing_else,
    systemd_scores_it,
    the_pages_are_followed_word_by_word,
    a_good_configuration_is_taken_by_reload,
    a_bad_configuration_is_refused_and_the_old_one_stays,
    a_loop_that_stands_still_is_ended_and_started_again,
    what_kills_it_does_not_keep_it_away,
    it_stops_within_the_bound_while_a_marketplace_never_answers,
    an_upgrade_that_fails_changes_nothing,
    an_upgrade_leaves_what_runs_whole_until_it_is_restarted,
    uninstalling_takes_the_program_and_leaves_what_is_theirs,
)


@contextmanager
def fresh_machine(tree: Path, checkout: Path) -> Iterator[Machine]:
    with tempfile.TemporaryDirectory(prefix="syncd-trial-", dir="/var/tmp") as folder:
        wheels, root = Path(folder) / "wheels", Path(folder) / "root"
        subprocess.run(
            ["python3", "-m", "pip", "download", "--quiet", "--require-hashes", "--no-deps", "--only-binary=:all:",
             "--python-version=3.11", "--dest", wheels, "--requirement", checkout / "requirements.lock"],
            check=True,
        )  # fmt: skip
        subprocess.run(["cp", "--archive", "--reflink=auto", tree, root], check=True)
        with Machine(root, checkout, wheels) as machine:
            yield machine


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkout", type=Path, default=ROOT)
    parser.add_argument("--tree", type=Path, default=Path("/var/tmp/syncd-trial-debian"))  # noqa: S108
    arguments = parser.parse_args()
    tree = arguments.tree
    for tool in ("debootstrap", "systemd-nspawn", "nsenter"):
        if shutil.which(tool) is None:
            print(f"{tool} is not here: apt-get install debootstrap systemd-container", file=sys.stderr)
            return 1
    prepare_tree(tree)
    with fresh_machine(tree, arguments.checkout) as machine:
        print(f"# {machine.says('systemctl', '--version').splitlines()[0]}", flush=True)
        failed = sum([not _passes(machine, number, step) for number, step in enumerate(STEPS, 1)])
    print(f"1..{len(STEPS)}, {failed} failed")
    return 1 if failed else 0


def _passes(machine: Machine, number: int, step: Callable[[Machine], str]) -> bool:
    began, said = time.monotonic(), len(machine.journal())
    name = step.__name__.replace("_", " ")
    try:
        seen = step(machine)
    except Exception as error:  # noqa: BLE001 (whatever it is: the others tell the more)
        traceback.print_exception(error, limit=-3)
        print(f"not ok {number} - {name}\n{indent(machine.journal()[said:], '     | ')}", flush=True)
        return False
    print(f"ok {number} - {name} ({time.monotonic() - began:.0f} s)\n     {seen}", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
