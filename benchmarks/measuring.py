"""Measuring ways to do one thing beside each other: in turns, each in a process of its own.

A machine's pace drifts, so only what ran in the same rounds compares; CPU time drifts least.
"""

import json
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median, quantiles

from benchmarks.watched import usage_of

MARK = "measured "


@dataclass(frozen=True, slots=True)
class Case:
    """One way: a command. `prepare` runs before each turn, and is not measured."""

    command: Sequence[str]
    prepare: Callable[[], object] | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn took: seconds, and MiB of resident memory at the peak, 0 where the process did not tell.

    The system's own figure would be that of the process that started it, where that is more.
    """

    wall: float
    cpu: float
    peak: float
    said: Mapping[str, float] = field(default_factory=dict)
    """What the process told besides."""


@dataclass(slots=True)
class Measured:
    """The turns of one way."""

    turns: list[Turn] = field(default_factory=list)

    @property
    def cpu(self) -> float:
        """Give the median CPU time, in seconds."""
        return median(turn.cpu for turn in self.turns)

    @property
    def wall(self) -> float:
        """Give the median time, in seconds."""
        return median(turn.wall for turn in self.turns)

    @property
    def peak(self) -> float:
        """Give the highest memory of any turn, in MiB; 0 where it is not known."""
        return max(turn.peak for turn in self.turns)

    @property
    def spread(self) -> tuple[float, float]:
        """Give the quartiles of the CPU time; of less than four turns the least and the most."""
        times = sorted(turn.cpu for turn in self.turns)
        if len(times) < 4:
            return times[0], times[-1]
        low, _, high = quantiles(times, n=4, method="inclusive")
        return low, high

    def most(self, name: str) -> float:
        """Give the most that any turn told of `name`."""
        return max(turn.said[name] for turn in self.turns)


def in_turns(cases: Mapping[str, Case], *, rounds: int, seed: int = 1) -> dict[str, Measured]:
    """Measure each case once a round, in an order that is shuffled anew.

    Raises:
        RuntimeError: A command failed; with what it wrote.
    """
    dice, measured = random.Random(seed), {name: Measured() for name in cases}
    for _ in range(rounds):
        for name in dice.sample(list(cases), len(cases)):
            measured[name].turns.append(_turn(name, cases[name]))
    return measured


def python(module: str, *arguments: object) -> list[str]:
    """Give the command that runs a module of ours."""
    return [sys.executable, "-m", module, *map(str, arguments)]


@contextmanager
def the_work_itself(said: Mapping[str, float] | None = None) -> Iterator[None]:
    """Measure only this part of a child: what went before is set-up. `said` is read at the end."""
    cpu, wall = _cpu_seconds(), time.perf_counter()
    yield
    figures = {
        "cpu": _cpu_seconds() - cpu,
        "wall": time.perf_counter() - wall,
        "peak": usage_of(os.getpid()).peak,
    }
    print(MARK + json.dumps({**figures, **(said or {})}), flush=True)


def _cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _turn(name: str, case: Case) -> Turn:
    if case.prepare is not None:
        case.prepare()
    began = time.perf_counter()
    process = subprocess.Popen(case.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    written = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.stdout.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    if process.returncode != 0:
        raise RuntimeError(f"{name} ended with {process.returncode}: {written[-2000:]}")
    said = _said(written)
    cpu = said.pop("cpu", usage.ru_utime + usage.ru_stime)
    return Turn(said.pop("wall", wall), cpu, said.pop("peak", 0.0), said)


def _said(written: str) -> dict[str, float]:
    lines = [line for line in written.splitlines() if line.startswith(MARK)]
    return json.loads(lines[-1].removeprefix(MARK)) if lines else {}
