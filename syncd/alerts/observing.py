"""What alerts are about, looked up: in the state, in the lanes, on the disk."""

import shutil
from dataclasses import replace

from state.plan_standing import held_plans, refused_plans
from state.troubles import (
    SoldOut,
    held_back,
    held_imports,
    refused_share,
    sold_out_since,
    source_health,
)
from syncd.alerts.conditions import LOWER_BOUND, Disk, Down, Observation
from syncd.app import App


class Observer:
    """Looks at one app. What the state says is read where reading may take a moment."""

    def __init__(self, app: App) -> None:
        """Look at `app`, which has just been opened."""
        self._app = app
        self._started_at = app.world.clock.now()
        self._max_age = {name: source.max_age for name, source in app.config.sources.items()}
        self._folder = app.database.path.parent

    async def observe(self) -> Observation:
        """Look at everything once."""
        now = self._app.world.clock.now()
        stored = await self._app.world.blocking(lambda: self._read(now))
        lanes = self._app.lanes
        return replace(
            stored,
            down={name: Down(*lane.setbacks.down) for name, lane in lanes.items() if lane.setbacks.down},
            clock_offsets={name: lane.clock_offset for name, lane in lanes.items()},
            reload_refused=self._app.refused,
            is_catching_up=self._app.database.lost or self._app.database.doubtful,
        )

    def _read(self, now: int) -> Observation:
        """Read what is stored; channels that are not enabled are nobody's trouble."""
        bounds, ids = self._app.config.alerts, self._app.channel_ids
        refused: dict[str, tuple[int, int]] = {}
        sold_out: dict[str, SoldOut] = {}
        with self._app.database.read() as connection:
            for name in self._app.lanes:
                if bounds.failed_share is not None:
                    lower = int(bounds.failed_share * LOWER_BOUND)
                    count, listings = refused_share(connection, ids[name], lower)
                    refused |= {} if listings is None else {name: (count, listings)}
                if bounds.sold_out_wait is not None:
                    before = now - int(bounds.sold_out_wait * 1000 * LOWER_BOUND)
                    warehouses = self._app.warehouses(name)
                    waiting = sold_out_since(connection, ids[name], warehouses, before)
                    sold_out |= {} if waiting is None else {name: waiting}
            return Observation(
                now=now,
                started_at=self._started_at,
                held_back=[one for one in held_back(connection) if one.channel in self._app.lanes],
                held_imports=held_imports(connection),
                held_plans=[one for name, one in held_plans(connection).items() if name in self._app.lanes],
                refused_plans=[
                    one
                    for name, one in refused_plans(connection).items()
                    if name in self._app.lanes and not one.by_hand
                ],
                sources=source_health(connection),
                max_age=self._max_age,
                refused=refused,
                sold_out=sold_out,
                disk=self._disk(),
            )

    def _disk(self) -> Disk:
        try:
            free = shutil.disk_usage(self._folder).free
        except OSError:
            free = None
        return Disk(str(self._folder), free)
