"""A daemon that does not run for a while, and does not know it."""

import os
import signal
import threading

import pytest
from processes import SOURCE, eventually, shows

from connectors.sandbox.faults import Effect, Fault, FaultKind

SECONDS = float(os.environ.get("PAUSE_SECONDS", "6"))
"""PAUSE_SECONDS=60 makes it a whole minute."""
BRIEF = {"keys": 'reassert_after = "3s"\n', "limits": 'timeout = "1s"\n'}


@pytest.mark.timeout(60 + 2 * SECONDS)
def test_paused_in_mid_request_it_sends_nothing_old_when_it_goes_on_and_the_truth_wins(new_site, served):
    """Meanwhile the source says 4, then 5, and another daemon tries to take over."""
    source = SOURCE.replace('settle = "100ms"', 'settle = "1s"')  # time enough for something old to leave
    site = new_site(served, text=source + served.sandbox.configuration(served.url), **BRIEF)
    site.drop({"A": 3})
    process = site.started()
    eventually(site.is_settled, "the first value is confirmed")
    served.sandbox.faults.next(
        Fault(kind=FaultKind.HANG, effect=Effect.NOW, marketplace="tokopedia"),
        Fault(kind=FaultKind.HANG, effect=Effect.LATE, delay=1.5, marketplace="tocobagus"),
    )
    site.drop({"A": 9})
    eventually(lambda: not served.sandbox.faults.pending(), "both requests are under way")
    process.send_signal(signal.SIGSTOP)
    before = served.ask(lambda sandbox: sandbox.arrivals())[-1].number
    site.drop({"A": 4})
    second = site.command("run")
    threading.Event().wait(SECONDS)
    site.drop({"A": 5}, "later.csv")
    process.send_signal(signal.SIGCONT)
    eventually(shows(served, {"A": 5}), "both shops show the truth")
    eventually(site.is_settled, "nothing is left to do")

    assert second.returncode == 75
    assert "another syncd" in second.stderr
    after = served.ask(lambda sandbox: sandbox.arrivals(before))
    assert {row.quantity for arrival in after for row in arrival.rows} == {5}
    assert shows(served, {"A": 5})()
    assert site.terminate() == 0
