"""What the demonstration shows: colours and bars on a terminal, plain lines on a pipe."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import click

from syncd.cli.output import print_table

LINE_EVERY_SECONDS = 2.0

Follow = Callable[[dict[str, int]], None]
"""Is told how many rows of each marketplace are done."""


class Screen:
    """Prints the story."""

    def __init__(self) -> None:
        """Begin with the first act."""
        self._act = 0

    def act(self, title: str) -> None:
        """Begin an act."""
        self._act += 1
        click.echo()
        click.secho(f"{self._act}. {title}", bold=True)

    def say(self, text: str) -> None:
        """Tell what happens."""
        click.echo(f"   {text}")

    def good(self, text: str) -> None:
        """Tell what is as it should be."""
        click.secho("   ✓ ", fg="green", nl=False)
        click.echo(text)

    def bad(self, text: str) -> None:
        """Tell what is not."""
        click.secho("   ✗ ", fg="red", nl=False)
        click.echo(text)

    def quote(self, command: str, printed: str) -> None:
        """Show a command and what it printed."""
        click.secho(f"   $ {command}", dim=True)
        for line in printed.splitlines():
            click.echo(f"   {line}".rstrip())

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[object]], *, numbers: int) -> None:
        """Show a table."""
        click.echo()
        print_table(headers, rows, numbers=numbers)

    @contextmanager
    def following(self, totals: dict[str, int]) -> Iterator[Follow]:
        """Show how far each marketplace is, while the context is open."""
        if sys.stdout.isatty():
            with _bars(totals) as follow:
                yield follow
        else:
            yield _lines(totals)


def _lines(totals: dict[str, int]) -> Follow:
    last = time.monotonic()

    def follow(done: dict[str, int]) -> None:
        nonlocal last
        if time.monotonic() - last < LINE_EVERY_SECONDS:
            return
        last = time.monotonic()
        facts = (f"{name} {done[name]:,} of {total:,}" for name, total in totals.items())
        click.echo(f"   {', '.join(facts)}")

    return follow


@contextmanager
def _bars(totals: dict[str, int]) -> Iterator[Follow]:
    from rich.progress import (  # noqa: PLC0415 (only terminals need it)
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    name = TextColumn("   {task.description:<10}")
    columns = (name, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns) as shown:
        bars = {name: shown.add_task(name, total=total) for name, total in totals.items()}

        def follow(done: dict[str, int]) -> None:
            for name, bar in bars.items():
                shown.update(bar, completed=done[name])

        yield follow
