"""Counting what SQLite does, the same on every machine; and CPU time, compared only with itself."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from sqlalchemy import Connection

COUNT_EVERY = 10


@dataclass(slots=True)
class Work:
    """Steps of SQLite's virtual machine (to the nearest ten), statements, and how many of them commit."""

    steps: int = 0
    statements: int = 0
    commits: int = 0


def driver_of(connection: Connection) -> sqlite3.Connection:
    """Give the connection of the driver below SQLAlchemy's."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


@contextmanager
def counted(driver: sqlite3.Connection) -> Iterator[Work]:
    """Count what is done on a connection."""
    work = Work()

    def step() -> int:
        work.steps += COUNT_EVERY
        return 0

    def statement(text: str) -> None:
        work.statements += 1
        work.commits += text == "COMMIT"

    driver.set_progress_handler(step, COUNT_EVERY)
    driver.set_trace_callback(statement)
    try:
        yield work
    finally:
        driver.set_progress_handler(None, 0)
        driver.set_trace_callback(None)


def cpu_seconds(ways: dict[str, Callable[[], object]], *, rounds: int = 5) -> dict[str, float]:
    """Give the median CPU time of each way, taken in turns: a machine's pace drifts."""
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            before = time.process_time()
            way()
            spent[name].append(time.process_time() - before)
    return {name: median(times) for name, times in spent.items()}
