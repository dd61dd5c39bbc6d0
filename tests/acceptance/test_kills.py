"""A share of the kills; `python tests/acceptance/kills.py --kills 200 --terms 200` does more of them."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("kills.py")


@pytest.mark.timeout(180)
def test_killed_and_ended_at_random_behind_a_bad_network_it_comes_to_the_truth_and_breaks_no_rule():
    command = [sys.executable, PROGRAM, "--kills", "6", "--terms", "6", "--seed", "1", "--seconds", "25"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as program:
        try:
            said, _ = program.communicate(timeout=170)
        finally:
            with suppress(ProcessLookupError):  # its daemon must not outlive it
                os.killpg(program.pid, signal.SIGKILL)

    assert program.returncode == 0, said
    assert said.splitlines()[-1].startswith("passed kills=")
