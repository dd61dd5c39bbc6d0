"""What the page shows: read in one go, in a thread that is not the event loop's."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from state import reports
from state.actions import ActionRow, actions
from state.database import Reader
from state.import_details import ImportDetail, LargeChange, held_details, largest_changes
from state.push_history import pushed_by_stretch
from state.reports import ImportRow
from syncd.config.model import Config
from syncd.standing import standing_of
from syncd.web.graph import STRETCH_MS, Day, day_begin, drawn

IMPORTS_SHOWN = 12
ACTIONS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class HeldImport:
    """An import that waits for a person, and what it would do."""

    detail: ImportDetail
    largest: list[LargeChange]


@dataclass(frozen=True, slots=True)
class Overview:
    """How everything stands at `now` (ms since the epoch). `fingerprint` tells whether anything changed."""

    now: int
    standing: dict[str, Any]
    held: list[HeldImport]
    imports: list[ImportRow]
    actions: list[ActionRow]
    fingerprint: str


def read_overview(config: Config, reader: Reader, now: int) -> Overview:
    """Read how everything stands."""
    standing = standing_of(config, reader, now)
    with reader.read() as connection:
        held = [HeldImport(one, largest_changes(connection, one.id)) for one in held_details(connection)]
        imports = reports.imports(connection, IMPORTS_SHOWN)
        done = actions(connection, limit=ACTIONS_SHOWN)
    said = [
        standing,
        [asdict(one) for one in held],
        [asdict(one) for one in imports],
        [asdict(one) for one in done],
    ]
    fingerprint = hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]
    return Overview(now, standing, held, imports, done, fingerprint)


def read_days(config: Config, reader: Reader, now: int) -> dict[str, Day]:
    """Read the last 24 hours of each channel."""
    since = day_begin(now)
    with reader.read() as connection:
        known = {row.name: row.id for row in reports.channels(connection)}
        return {
            name: drawn(
                pushed_by_stretch(connection, known[name], since=since, length=STRETCH_MS)
                if name in known
                else [],
                since,
            )
            for name in config.channels
        }
