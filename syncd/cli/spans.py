"""From when to when: times as people write them on the command line, as ms since the epoch."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

import click
from typing_extensions import override

from syncd.cli.context import now_ms
from syncd.config.values import seconds

Function = TypeVar("Function", bound=Callable[..., Any])
_FORMS = "a duration such as 24h or 7d, a date such as 2026-11-01, or a time such as 2026-11-01T08:30:00Z"


class Moment(click.ParamType[int]):
    """So long ago, a day, or a time. Without an offset a time is the machine's own."""

    name = "when"

    def __init__(self, *, end_of_day: bool) -> None:
        """`end_of_day`: a day means its end, else its beginning."""
        self._end_of_day = end_of_day

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return moment(value, now_ms(), end_of_day=self._end_of_day)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is neither {_FORMS}", param, ctx)


def moment(text: str, now: int, *, end_of_day: bool = False) -> int:
    """Read a time; raises ValueError where it is none."""
    try:
        return now - int(seconds(text) * 1000)
    except ValueError:
        pass
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return _ms(datetime.fromisoformat(text))
    return _ms(datetime.combine(day + timedelta(days=end_of_day), datetime.min.time()))


def _ms(time: datetime) -> int:
    return int(time.astimezone().timestamp() * 1000)


def since_option(function: Function) -> Function:
    """Let a command take `--since WHEN`."""
    return click.option(
        "--since", type=Moment(end_of_day=False), metavar="WHEN", help=f"Only from then on: {_FORMS}."
    )(function)


def until_option(function: Function) -> Function:
    """Let a command take `--until WHEN`."""
    return click.option(
        "--until",
        type=Moment(end_of_day=True),
        metavar="WHEN",
        help="Only until then; a date counts as its whole day.",
    )(function)
