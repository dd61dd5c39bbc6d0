"""What a start, or another configuration, has to catch up with before anything is pushed."""

import asyncio
from collections.abc import Iterable, Mapping

from state.database import Database
from state.relocation import relocate
from syncd.config.model import SourceConfig
from syncd.errors import StateBehind
from syncd.feeds import Feed
from syncd.logs import get_logger
from syncd.sources.rows import SourceUnreachable

CATCH_UP_PATIENCE_SECONDS = 30.0
"""So long a source may make no headway before it is met without what it has said meanwhile."""


async def relocate_sources(
    database: Database, sources: Mapping[str, SourceConfig], source_ids: Mapping[str, int]
) -> None:
    """Let what sources said lie where they are configured to now; each channel plans anew if any moved."""
    for name, source in sources.items():
        moved = forgotten = 0
        for part in relocate(database, source_ids[name], source.location):
            moved, forgotten = moved + part.moved, forgotten + part.forgotten
            await asyncio.sleep(0)
        if moved or forgotten:
            reason = (
                "`location` of the source is another: what is forgotten is unknown until it says it again"
            )
            get_logger("state").warning(
                "levels_relocated", source=name, moved=moved, forgotten=forgotten, reason=reason
            )


async def catch_up(database: Database, feeds: Iterable[Feed]) -> None:
    """Bring a lost state, or an older copy, up to what the sources have said since; before any push.

    Only then is it met. An older copy that cannot catch up must not be asserted: raises `StateBehind`.
    """
    missing = {}
    for feed in feeds:
        try:
            await feed.catch_up(CATCH_UP_PATIENCE_SECONDS)
        except SourceUnreachable as trouble:
            missing[feed.terms.name] = str(trouble)
    if not missing:
        database.caught_up()
        return
    said = "; ".join(f"{name}: {reason}" for name, reason in missing.items())
    if database.rewound:
        raise StateBehind(
            "an older copy of the state was restored, and what its sources have said since cannot be read"
            f" ({said}). Nothing is pushed until it can: mend that, or delete the state to begin anew"
        )
    if database.lost:
        get_logger("state").error("state_not_caught_up", reason=said)
