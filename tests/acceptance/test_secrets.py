"""No secret leaves: not in logs, the database, reports, process arguments or the environment."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from processes import SECRETS, environment, eventually, files_holding

from connectors.sandbox import tocobagus, tokopedia
from connectors.sandbox.faults import Call, Fault, FaultKind


@pytest.fixture
def site(site):
    site.keep_secrets_apart()
    with site.config.open("a") as config:
        config.write('[logging]\nlevel = "debug"\nformat = "json"\n')
    return site


def test_secrets_stay_where_they_were_put(site, served):
    """Also when the marketplace says them back, refuses the sign-in, or resets the connection."""
    echo = f"bad token {tocobagus.STORE_TOKEN} {tocobagus.SECRET_KEY} {tokopedia.CLIENT_SECRET}"
    faults = served.sandbox.faults
    faults.next(
        Fault(kind=FaultKind.STATUS, status=503, message=echo, code="X_1", marketplace="tocobagus"),
        Fault(kind=FaultKind.ROWS_REFUSED, message=echo, code="INV_009", marketplace="tocobagus"),
        Fault(kind=FaultKind.STATUS, status=500, message=echo, marketplace="tokopedia", call=Call.TOKEN),
        Fault(kind=FaultKind.RESET, marketplace="tokopedia"),
        Fault(kind=FaultKind.ROWS_REFUSED, message=echo, marketplace="tokopedia"),
    )
    site.drop({"A": 3, "B": 4})
    process = site.started()
    eventually(lambda: not faults.pending(), "every fault has happened")
    seen = (
        Path(f"/proc/{process.pid}/cmdline").read_bytes() + Path(f"/proc/{process.pid}/environ").read_bytes()
    )
    printed = [
        site.command(*command)
        for command in (["status"], ["failures", "--json"], ["failures"], ["check"], ["imports", "--json"])
    ]
    token = served.sandbox.tokopedia._token
    site.terminate()

    for number, secret in enumerate(SECRETS):
        assert files_holding(site.folder, secret) == [f"secret-{number}"]
        assert secret.encode() not in seen
        assert all(secret not in done.stdout + done.stderr for done in printed)
    assert token
    assert files_holding(site.folder, token) == []


IN_THE_JOURNALS_PLACE = """
import os, sys
from pathlib import Path
import syncd.logs.writing as writing
status = os.fstat(2)
os.environ["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
writing.configure.__kwdefaults__["journal"] = Path(sys.argv.pop(1))
from syncd.cli.group import main
main()
"""
"""The daemon, told that stderr is the journal, and where that listens."""


def test_no_datagram_to_the_journal_holds_one(site, served, tmp_path):
    echo = f"bad token {tocobagus.STORE_TOKEN} {tocobagus.SECRET_KEY} {tokopedia.CLIENT_SECRET}"
    served.sandbox.faults.next(
        Fault(kind=FaultKind.STATUS, status=503, message=echo, code="X_1", marketplace="tocobagus"),
        Fault(kind=FaultKind.ROWS_REFUSED, message=echo, code="INV_009", marketplace="tocobagus"),
        Fault(kind=FaultKind.STATUS, status=500, message=echo, marketplace="tokopedia", call=Call.TOKEN),
        Fault(kind=FaultKind.ROWS_REFUSED, message=echo, marketplace="tokopedia"),
    )
    site.config.write_text(site.config.read_text().replace('format = "json"', 'format = "auto"'))
    site.drop({"A": 3, "B": 4})
    entries = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(tmp_path / "journal.sock"))
        journal.settimeout(0.1)

        def heard(word: bytes) -> bool:
            try:
                entries.append(journal.recv(1 << 20))
            except TimeoutError:
                return False
            return word in entries[-1]

        with (tmp_path / "stderr").open("w+") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-c", IN_THE_JOURNALS_PLACE, str(tmp_path / "journal.sock"),
                 "--config", str(site.config), "run"],
                stderr=stderr, env=environment(),
            )  # fmt: skip
            try:
                eventually(lambda: heard(b"EVENT=row_rejected\n"), "a refused row is in the journal")
                eventually(lambda: not served.sandbox.faults.pending(), "every fault has happened")
            finally:
                process.terminate()
                eventually(lambda: heard(b"EVENT=daemon_stopped\n"), "it says in the journal that it ends")
                process.wait(30)

    told = b"".join(entries)
    assert b"PRIORITY=4\n" in told
    assert b"CHANNEL=tocobagus-sandbox\n" in told
    assert b"PUSH=" in told
    assert [secret for secret in (*SECRETS, served.sandbox.tokopedia._token) if secret.encode() in told] == []
    assert (tmp_path / "stderr").read_text() == ""


CANARY = "canary-58c1-0f3a-b7"


@pytest.mark.parametrize(
    ("found", "instead"),
    [
        ("[logging]", f'[server]\ntoken = ["{CANARY}"]\n[logging]'),
        ("[logging]", f'[alerts]\nwebhook = "ftp://user:{CANARY}@example.org/{CANARY}"\n[logging]'),
        ("[logging]", f'[alerts]\napprise = ["{CANARY}"]\n[logging]'),
        ('{ file = "secret-0" }', f'["{CANARY}"]'),
        ('{ file = "secret-0" }', f'"{CANARY}\\n{CANARY}"'),
        ('{ file = "secret-0" }', f'{{ file = "secret-0", value = "{CANARY}" }}'),
        ('client_secret = { file = "secret-0" }', f'client_secrets = "{CANARY}"'),
        ('client_secret = { file = "secret-0" }', f'client_secret = "{CANARY}'),
        ('client_secret = { file = "secret-0" }', f'client_secret = "{CANARY}"\nclient_secret = "{CANARY}"'),
    ],
)
def test_a_mistake_beside_a_secret_is_told_without_it(site, found, instead):
    text = site.config.read_text()
    assert found in text
    site.config.write_text(text.replace(found, instead, 1))

    for command in (["check"], ["run"]):
        done = site.command(*command)
        assert done.returncode != 0, done
        assert CANARY not in done.stdout + done.stderr


@pytest.mark.parametrize("way", ["env", "credential"])
def test_a_secret_from_elsewhere_reaches_no_child_and_no_line(site, served, tmp_path, way):
    """Of the environment, what was given stays with the process to which it was given."""
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "shop").write_text(tokopedia.CLIENT_SECRET)
    text = site.config.read_text().replace('{ file = "secret-0" }', f'{{ {way} = "shop" }}')
    site.config.write_text(text)
    (site.folder / "secret-0").unlink()
    given = {
        "env": {"shop": tokopedia.CLIENT_SECRET},
        "credential": {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")},
    }
    site.drop({"A": 3})
    done = subprocess.run(
        [sys.executable, "-m", "syncd", "--config", str(site.config), "reconcile"],
        capture_output=True, text=True, timeout=60, check=False, env=environment() | given[way],
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert tokopedia.CLIENT_SECRET not in done.stdout + done.stderr
    assert files_holding(site.folder, tokopedia.CLIENT_SECRET) == []
