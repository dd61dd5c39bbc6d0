"""Showing how far reconciling is: bars on a terminal, a line now and then on a pipe; both on stderr."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from syncd.cli.context import log_to
from syncd.cli.output import note
from syncd.config.model import Config
from syncd.times import duration

Hear = Callable[[dict[str, Any]], None]
LINE_EVERY_SECONDS = 5.0
PACE_SECONDS = 5.0


class Pace:
    """Rows a second over the last few seconds."""

    def __init__(self) -> None:
        """Start with nothing seen."""
        self._seen: list[tuple[float, int]] = []

    def of(self, rows: int, now: float) -> float:
        """Note that so many rows are done by `now`; give the pace."""
        self._seen.append((now, rows))
        while now - self._seen[0][0] > PACE_SECONDS:
            self._seen.pop(0)
        since, before = self._seen[0]
        return (rows - before) / (now - since) if now > since else 0.0


@contextmanager
def watched(config: Config) -> Iterator[Hear]:
    """Give what is to be told of progress while the context is open."""
    if sys.stderr.isatty():
        with _bars(config) as hear:
            yield hear
    else:
        yield _lines()


def done_and_total(channel: dict[str, Any]) -> tuple[int, int]:
    """Give the rows that are done, and those together with what is left."""
    done = channel["accepted"] + channel["rejected"]
    return done, done + channel["to_do"] + channel["in_flight"]


def _facts(channel: dict[str, Any], pace: float) -> str:
    facts = [f"{pace:,.0f} rows/s"]
    if channel["seconds_left"]:
        facts.append(f"{duration(channel['seconds_left'])} left")
    if channel["rejected"]:
        facts.append(f"{channel['rejected']:,} rejected")
    return ", ".join(facts)


def _lines() -> Hear:
    paces: dict[str, Pace] = {}
    last = time.monotonic()

    def hear(progress: dict[str, Any]) -> None:
        nonlocal last
        now = time.monotonic()
        due = now - last >= LINE_EVERY_SECONDS
        for name, channel in progress.items():
            done, total = done_and_total(channel)
            pace = paces.setdefault(name, Pace()).of(done, now)
            if due and total:
                note(f"{name}: {done:,} of {total:,} rows, {_facts(channel, pace)}")
        last = now if due else last

    return hear


@contextmanager
def _bars(config: Config) -> Iterator[Hear]:
    from rich.console import Console  # noqa: PLC0415 (only terminals need it)
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

    paces: dict[str, Pace] = {}
    bars: dict[str, Any] = {}
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[facts]}", markup=False),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console) as shown:
        # While the bars are there, sys.stderr is rich's: log lines go above them.
        log_to(sys.stderr, config)

        def hear(progress: dict[str, Any]) -> None:
            for name, channel in progress.items():
                if name not in bars:
                    bars[name] = shown.add_task(name, facts="", total=None)
                done, total = done_and_total(channel)
                pace = paces.setdefault(name, Pace()).of(done, time.monotonic())
                shown.update(bars[name], completed=done, total=total, facts=_facts(channel, pace))

        yield hear
    log_to(None, config)
