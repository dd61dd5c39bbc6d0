"""How a service is, in one line: what `systemctl status` shows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChannelState:
    """A channel: listings due, why it is held, and why its plan is refused; "" = it is not.

    `plan_held`: an edit of its plan waits for a person.
    """

    name: str
    due: int
    held: str = ""
    plan_refused: str = ""
    plan_held: bool = False


@dataclass(frozen=True, slots=True)
class SourceState:
    """A source: why it cannot be read ("" = it can), whether its data is too old, imports held."""

    name: str
    failure: str = ""
    is_stale: bool = False
    imports_held: int = 0


def status_line(
    channels: Sequence[ChannelState], sources: Sequence[SourceState], others: Sequence[str] = ()
) -> str:
    """Say in one line how many channels there are, what is due, and everything that is wrong.

    What is wrong comes behind the count, so that a line that is cut off still says how much there is.
    `others`: what is wrong besides, the most important of all.
    """
    due = sum(channel.due for channel in channels)
    count = f"{len(channels)} channel{'' if len(channels) == 1 else 's'}"
    first = f"{count}: {f'{due:,} due' if due else 'nothing due'}"
    return "; ".join([first, *others, *_troubles(channels, sources)])


def _troubles(channels: Sequence[ChannelState], sources: Sequence[SourceState]) -> Iterator[str]:
    for channel in channels:
        if channel.held:
            yield f"{channel.name} held: {channel.held}"
        if channel.plan_refused:
            yield f"plan of {channel.name} refused: {channel.plan_refused}"
    held = sum(source.imports_held for source in sources) + sum(channel.plan_held for channel in channels)
    if held:
        yield f"{held} import{'' if held == 1 else 's'} held"
    for source in sources:
        if source.failure:
            yield f"source {source.name} cannot be read: {source.failure}"
        elif source.is_stale:
            yield f"source {source.name} stale"
