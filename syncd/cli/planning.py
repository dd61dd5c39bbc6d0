"""What an edit of the configuration would do, for people: what `syncd plan` prints."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Thread

import click

from syncd.cli.output import cell, note, print_table
from syncd.plan_outlook import HELD, IN_FORCE, REFUSED, PlanOutlook
from syncd.rehearsal import PlanTrial
from syncd.times import duration

QUIET_SECONDS = 2.0
AGAIN_SECONDS = 5.0
MOST_PROBLEMS = 20
_COUNTS = (
    ("up", "up"), ("down", "down"), ("to_zero", "to zero"), ("new", "new"), ("gone", "not sold any more"),
    ("paused", "paused"), ("resumed", "resumed"),
)  # fmt: skip


@contextmanager
def patience() -> Iterator[Callable[[str], None]]:
    """Give what hears of steps; each is told on stderr once it takes a while, and again now and then."""
    doing, since, done = "", time.monotonic(), Event()

    def hear(step: str) -> None:
        nonlocal doing, since
        doing, since = step, time.monotonic()

    def tell() -> None:
        wait = QUIET_SECONDS
        while not done.wait(wait):
            note(f"syncd: {doing}, for {duration(time.monotonic() - since)}")
            wait = AGAIN_SECONDS

    telling = Thread(target=tell, daemon=True)
    telling.start()
    try:
        yield hear
    finally:
        done.set()
        telling.join()


def print_trials(trials: Mapping[str, PlanTrial]) -> None:
    """Print what the plans would do, and what would then be pushed."""
    print_outlooks({name: one.outlook for name, one in trials.items()})
    rows = [
        (name, pushes.total, pushes.requests, "-" if pushes.seconds is None else duration(pushes.seconds))
        for name, one in trials.items()
        if (pushes := one.pushes) is not None and pushes.total
    ]
    if rows:
        click.echo("then to be pushed, with what is due already:")
        print_table(("channel", "rows", "requests", "takes"), rows, numbers=3)


def print_outlooks(outlooks: Mapping[str, PlanOutlook]) -> None:
    """Print what becomes of each plan, its figures and its largest changes."""
    changing = {name: one for name, one in outlooks.items() if one.says_something}
    if changing:
        print_table(
            ("channel", "listings", *(words for _, words in _COUNTS), "units shown", "then"),
            [
                (name, found.listings, *(getattr(found, key) for key, _ in _COUNTS), found.units_before,
                 found.units_after)
                for name, one in changing.items()
                if (found := one.found) is not None
            ],
            numbers=len(_COUNTS) + 3,
        )  # fmt: skip
        click.echo()
    for name, one in outlooks.items():
        click.echo(f"{name}: {in_words(one)}")
        for problem in one.problems[:MOST_PROBLEMS]:
            click.echo(f"  {cell(problem)}")
        if one.problem_count > MOST_PROBLEMS:
            click.echo(f"  and {one.problem_count - MOST_PROBLEMS:,} more")
    for name, one in changing.items():
        click.echo(f"\n{name}, the largest changes:")
        print_table(
            ("SKU", "warehouse", "shows", "would show"),
            [
                (
                    each.sku,
                    each.warehouse or "-",
                    each.before,
                    "not sold" if each.after is None else each.after,
                )
                for each in one.largest
            ],
            numbers=2,
        )
    if changing:
        click.echo()


def in_words(outlook: PlanOutlook) -> str:
    """Say in one line what becomes of a plan."""
    if outlook.state == REFUSED:
        what = f"refused, the plan in force stays: {cell(outlook.reason)}"
        return (
            "refused, the plan in force stays; nothing of it applies until this is mended:"
            if outlook.problems
            else what
        )
    if outlook.state == HELD:
        return f"would be held for a person: {cell(outlook.reason)}"
    if outlook.state == IN_FORCE:
        return "what is configured is in force already"
    if not outlook.says_something:
        return "differs from what is in force, and changes no listing"
    return "would be applied at once"
