"""What the last process left behind, met before anything goes on."""

import asyncio
from collections.abc import Iterable

from state.database import Database
from state.ledger import Ledger
from state.registry import Registry
from syncd.logs import get_logger


def meet_attempts(database: Database, now: int) -> None:
    """Meet attempts whose end nobody has waited for. `now` in ms since the epoch."""
    in_flight = Ledger(database).recover(now)
    if in_flight:
        get_logger("state").warning("attempts_recovered", listings=in_flight)


def meet_damage(database: Database) -> None:
    """Tell of a state that was found damaged, and is made anew."""
    if database.set_aside is not None:
        get_logger("state").error(
            "state_damaged",
            moved_to=str(database.set_aside),
            reason="a new one is made from the sources, and everything is pushed once",
        )


async def meet_older_copy(
    database: Database, registry: Registry, channel_ids: Iterable[int], now: int
) -> None:
    """Assert anew what an older copy of the state does not know."""
    if not database.rewound:
        return
    get_logger("state").error("state_restored", reason="an older copy came back: everything is asserted anew")
    for channel_id in channel_ids:
        for _ in registry.make_uncertain(channel_id, now, ambiguous=True):
            await asyncio.sleep(0)
