"""A program of the administrator's: what it gets, what it may not see, and how long it may take."""

import json
import os
import time
from pathlib import Path

import pytest
from processes import eventually

from syncd.alerts.command import LONGEST_OUTPUT, CommandRecipient
from syncd.alerts.recipient import NotDelivered
from syncd.logs import register_secret

pytestmark = pytest.mark.anyio

SURROUNDINGS = {
    "PATH": os.environ["PATH"], "HOME": "/home/x", "NOTIFY_SOCKET": "/run/notify", "CREDENTIALS_DIRECTORY": "/run/c",
    "WATCHDOG_USEC": "1", "LISTEN_FDS": "1", "TOKO_SECRET": "canary-1", "INVOCATION_ID": "x", "LANG": "",
}  # fmt: skip


@pytest.fixture
def script(tmp_path):
    def make(text, *, timeout=10.0, arguments=(), mode=0o700):
        file = tmp_path / "tell"
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(mode)
        return CommandRecipient(
            ("./tell", *arguments), folder=tmp_path, timeout=timeout, environ=SURROUNDINGS
        )

    return make


async def test_it_gets_the_message_on_its_input_and_the_gist_in_its_environment(script, message, tmp_path):
    await script('cat > input; env > env; printf "%s|" "$@" > arguments', arguments=("$HOME", "; id")).send(
        message
    )

    assert json.loads((tmp_path / "input").read_text()) == json.loads(message.body)
    assert (tmp_path / "arguments").read_text() == "$HOME|; id|", "no shell has seen them"
    given = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines())
    assert given["SYNCD_ALERT_CHANGE"] == "raised"
    assert given["SYNCD_ALERT_SEVERITY"] == "error"
    assert given["SYNCD_ALERT_TITLE"] == message.title
    assert given["SYNCD_ALERT_TEXT"] == message.text
    assert given["SYNCD_ALERT_COUNT"] == "1"
    own = {"PWD", "OLDPWD", "SHLVL", "_"}
    assert {name for name in given if not name.startswith("SYNCD_ALERT_")} - own == {"PATH", "HOME"}


async def test_a_program_is_found_in_the_path_or_beside_the_configuration(script, tmp_path):
    assert script("exit 0").fault() == ""
    assert CommandRecipient(("sh",), folder=tmp_path, timeout=1.0, environ={}).fault() == ""


async def test_a_failure_is_told_by_its_status_and_its_last_words(script, message):
    register_secret("canary-of-the-command")
    with pytest.raises(NotDelivered) as caught:
        await script("echo first; echo 'no route: canary-of-the-command' >&2; echo; exit 3").send(message)

    assert str(caught.value) == "it exited with status 3: no route: ***"


async def test_a_program_that_reads_nothing_may_be_content(script, message):
    message.document["text"] = "x" * 1_000_000

    await script("exec 0<&-; exit 0").send(message)


async def test_endless_output_is_neither_kept_nor_waited_for(script, message):
    with pytest.raises(NotDelivered) as caught:
        await script(f"head -c {100 * LONGEST_OUTPUT} /dev/zero | tr '\\0' y; exit 1").send(message)

    assert len(str(caught.value)) < 400


async def test_one_that_takes_too_long_is_killed_with_all_that_it_started(script, message, tmp_path):
    before = time.monotonic()
    with pytest.raises(NotDelivered, match=r"longer than 0\.5 s and was killed"):
        await script("sleep 60 & echo $! > child; sleep 60", timeout=0.5).send(message)

    assert time.monotonic() - before < 10
    child = int((tmp_path / "child").read_text())
    eventually(lambda: _has_ended(child), "what it started is killed too")


def _has_ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


async def test_what_it_leaves_behind_is_not_waited_for(script, message):
    before = time.monotonic()

    await script("sleep 8 & exit 0").send(message)

    assert time.monotonic() - before < 6


@pytest.mark.parametrize("mode", [0o600, 0o700])
async def test_one_that_cannot_be_run_is_named(message, tmp_path, script, mode):
    recipient = script("exit 0", mode=mode)
    if mode == 0o700:
        (tmp_path / "tell").unlink()

    assert "tell is no program that this user can run" in recipient.fault()
    with pytest.raises(NotDelivered, match=r"tell cannot be run: (Permission denied|No such file)"):
        await recipient.send(message)
