"""How the daemon ends when it is told to."""

import signal
import subprocess

import pytest
from processes import eventually, hears, shows

from connectors.sandbox.faults import Effect, Fault, FaultKind

HANGS = Fault(kind=FaultKind.HANG, effect=Effect.NOW, marketplace="tokopedia")


def test_it_waits_for_what_is_in_flight_and_a_second_signal_ends_it_at_once(site, served):
    served.sandbox.faults.next(HANGS)
    site.drop({"A": 3})
    process = site.started()
    eventually(shows(served, {"A": 3}), "one request hangs, the other one is done")
    process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(3)
    process.send_signal(signal.SIGTERM)

    assert process.wait(10) == 0, "its patience with the marketplace is 30 s"
    site.started()
    eventually(site.is_settled, "what hung is pushed again")
    assert site.terminate() == 0


def test_told_to_stop_while_it_still_reads_the_archive_it_stops_in_order(site):
    """The state is lost, so that all that the archive holds is read before anything runs."""
    archive = site.folder / "inbox" / "archive"
    archive.mkdir()
    for folder in (".syncd", "rejected"):
        (site.folder / "inbox" / folder).mkdir()
    rows = "".join(f"SKU-{number},1\n" for number in range(60_000))
    (archive / "20260101T000000.000000Z-0123abcd-export.csv").write_text(f"sku,quantity\n{rows}")
    process = site.start()
    eventually(lambda: process.poll() is not None or hears(process, signal.SIGTERM), "it can be told")
    process.send_signal(signal.SIGTERM)

    assert site.ended() == 0
    said = site.log.read_text()
    assert "daemon_stopped" in said
    assert "daemon_started" not in said
    assert "Traceback" not in said


def test_ended_while_it_reads_a_large_file_it_leaves_no_traceback_and_reads_it_after_the_next_start(site):
    process = site.started()
    site.drop({f"SKU-{number}": 1 for number in range(60_000)})
    eventually(lambda: list(site.folder.glob("inbox/.syncd/*")), "the file is claimed")
    process.send_signal(signal.SIGTERM)

    assert site.ended() == 0
    assert "Traceback" not in site.log.read_text()
    site.started()
    eventually(lambda: "import_applied" in site.log.read_text(), "the file is read")
    assert site.terminate() == 0
