"""What reaches the journal: a real datagram socket stands in its place."""

import array
import io
import os
import socket
import threading
from pathlib import Path

import pytest

from syncd import logs
from syncd.logs import journal
from syncd.logs.journal import field_name


def parsed(entry: bytes) -> dict[str, str]:
    """Read an entry by the journal's own rules (https://systemd.io/JOURNAL_NATIVE_PROTOCOL)."""
    fields = {}
    while entry:
        line, entry = entry.split(b"\n", 1)
        name, equals, value = line.partition(b"=")
        if not equals:
            size, entry = int.from_bytes(entry[:8], "little"), entry[8:]
            value, entry = entry[:size], entry[size + 1 :]
        assert name.decode() not in fields, "a field twice"
        fields[name.decode()] = value.decode()
    return fields


class Journal:
    """Listens where the journal would, and keeps what it reads only when asked."""

    def __init__(self, folder):
        self.path = folder / "journal.sock"
        self.stderr = (folder / "stderr").open("w+")
        self.listen()

    def listen(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.socket.setblocking(False)

    def end(self):
        self.socket.close()
        self.path.unlink()

    def configure(self, **options):
        status = os.fstat(self.stderr.fileno())
        environ = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        logs.configure("auto", "debug", stream=self.stderr, environ=environ, journal=self.path, **options)
        return logs.get_logger("syncd.tests")

    def entries(self) -> list[dict[str, str]]:
        found = []
        while True:
            try:
                data, rights, _, _ = self.socket.recvmsg(1 << 20, socket.CMSG_SPACE(4))
            except BlockingIOError:
                return found
            if rights:
                [(_, _, passed)] = rights
                [file] = array.array("i", passed)
                with os.fdopen(file, "rb") as reader:
                    reader.seek(0)
                    data = reader.read()
            found.append(parsed(data))

    def printed(self) -> list[str]:
        self.stderr.seek(0)
        return self.stderr.read().splitlines()


@pytest.fixture
def there(tmp_path):
    there = Journal(tmp_path)
    yield there
    logs.configure(stream=io.StringIO(), environ={})
    there.socket.close()
    there.stderr.close()


def test_an_event_has_message_priority_place_and_a_field_for_each_fact(there):
    there.configure().bind(channel="toco").warning("row_rejected", sku="A 1", push=7, code=None)

    [entry] = there.entries()
    assert entry.pop("CODE_FILE") == __file__
    assert int(entry.pop("CODE_LINE")) > 0
    assert entry == {
        "MESSAGE": 'row_rejected channel=toco sku="A 1" push=7 code=none',
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "syncd",
        "CODE_FUNC": "test_an_event_has_message_priority_place_and_a_field_for_each_fact",
        "EVENT": "row_rejected",
        "LOGGER": "syncd.tests",
        "CHANNEL": "toco",
        "SKU": "A 1",
        "PUSH": "7",
    }
    assert there.printed() == []


@pytest.mark.parametrize(
    ("fact", "name"),
    [
        ("sku", "SKU"),
        ("import_id", "IMPORT_ID"),
        ("_pid", "PID"),
        ("__realtime_timestamp", "REALTIME_TIMESTAMP"),
        ("message", "SYNCD_MESSAGE"),
        ("message_id", "SYNCD_MESSAGE_ID"),
        ("priority", "SYNCD_PRIORITY"),
        ("object_pid", "SYNCD_OBJECT_PID"),
        ("unit", "SYNCD_UNIT"),
        ("1st", "SYNCD_1ST"),
        ("x" * 65, None),
    ],
)
def test_a_name_is_by_the_journals_rules_and_takes_none_that_has_a_meaning(fact, name):
    assert field_name(fact) == name


def test_no_value_can_add_a_field_or_an_entry(there):
    there.configure().info("x_seen", sku="A\nPRIORITY=0\nMESSAGE=forged\n\n_UID=0")

    [entry] = there.entries()
    assert entry["SKU"] == "A\nPRIORITY=0\nMESSAGE=forged\n\n_UID=0"
    assert entry["PRIORITY"] == "6"
    assert "\n" not in entry["MESSAGE"]


def test_a_traceback_stands_in_the_message_of_its_one_entry(there):
    log = there.configure()
    log.error("look_failed", source="erp", exc_info=RuntimeError("broken\npipe"))

    [entry] = there.entries()
    assert entry["PRIORITY"] == "3"
    assert entry["MESSAGE"].startswith("look_failed source=erp\n")
    assert "\n    RuntimeError: broken" in entry["MESSAGE"]


def test_what_is_larger_than_a_datagram_is_passed_as_a_file(there):
    pieces = int(Path("/proc/sys/net/core/wmem_max").read_text()) // 1_500
    there.configure().info("x_seen", **{f"fact_{n}": "a" * 1_900 for n in range(pieces)})

    [entry] = there.entries()
    assert entry["FACT_0"] == "a" * 1_900
    assert f"FACT_{pieces - 1}" in entry


def test_while_the_journal_takes_none_nobody_waits_and_nothing_is_lost_below_the_bound(there):
    log = there.configure()

    for number in range(600):
        log.info("x_seen", number=number)
    found = there.entries()
    assert 0 < len(found) < 600, "the journal has taken all: nothing was tested"
    while len(found) < 600:
        logs.tell_withheld()
        more = there.entries()
        assert more, "what waited was not sent"
        found += more

    assert [entry["NUMBER"] for entry in found] == [str(number) for number in range(600)]


def test_beyond_the_bound_the_oldest_are_given_up_and_counted(there):
    log = there.configure()
    for number in range(journal.MOST_WAITING + 600):
        log.info("x_seen", number=number)

    found = there.entries()
    while more := (logs.tell_withheld() or there.entries()):
        found += more

    assert found[-1]["EVENT"] == "lines_lost"
    assert int(found[-1]["COUNT"]) + len(found) - 1 == journal.MOST_WAITING + 600


def test_a_journal_that_is_started_anew_is_written_to_again_and_meanwhile_stderr(there):
    log = there.configure()
    log.info("a_seen")
    assert len(there.entries()) == 1
    there.end()
    log.warning("b_seen")
    there.listen()
    log.info("c_seen")

    assert there.printed() == ["<4>b_seen logger=syncd.tests"]
    assert [entry["EVENT"] for entry in there.entries()] == ["c_seen"]


def test_without_a_journals_socket_stderr_gets_lines_with_their_priority(there):
    there.end()
    there.configure().error("channel_held", channel="toco")

    assert there.printed() == ["<3>channel_held channel=toco logger=syncd.tests"]
    there.listen()


def test_at_the_end_it_waits_for_a_busy_journal_but_not_for_ever(there, monkeypatch):
    log = there.configure()
    for number in range(600):
        log.info("x_seen", number=number)
    [handler] = logs.writing.logging.getLogger().handlers
    found = []
    there.socket.setblocking(True)
    there.socket.settimeout(0.5)

    def read():
        while len(found) < 600:
            found.append(parsed(there.socket.recv(1 << 20)))

    reader = threading.Thread(target=read)
    reader.start()
    handler.close()
    reader.join(10)

    assert len(found) == 600


def test_no_secret_reaches_it(there):
    logs.register_secret("canary-71f0")
    there.configure().info(
        "x_seen", url="https://u:canary-71f0@x/", headers={"authorization": "q"}, e="canary-71f0"
    )

    assert "canary" not in str(there.entries())
