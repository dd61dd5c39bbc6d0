"""What a person may ask for, with or without a running daemon: reconcile, retry, approve, reject."""

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Protocol

from state.import_details import effect_of
from state.records import ImportState
from state.tables import Import
from syncd import __version__
from syncd.app import App
from syncd.audit import RECORDED, recorded
from syncd.control import Tell
from syncd.errors import WrongUsage
from syncd.feeds import Feed
from syncd.planner import Planner
from syncd.reconciling import Summary, Wish, channels_in_scope, reconcile
from syncd.times import rfc3339


class Do(Protocol):
    """Does what a person asks for, by the configuration in force, and records it."""

    async def __call__(
        self, verb: str, parameters: dict[str, Any], tell: Tell, actor: str, told: Callable[[int], None], /
    ) -> dict[str, Any]:
        """See `Operations.handle`."""
        ...


class Operations:
    """Does what a person asks for."""

    def __init__(self, app: App, *, daemon: bool) -> None:
        """`daemon`: lanes and feeds run already."""
        self._app = app
        self._daemon = daemon
        self._started_at = app.world.clock.now()

    async def handle(
        self,
        verb: str,
        parameters: dict[str, Any],
        tell: Tell,
        actor: str,
        told: Callable[[int], None] = lambda _: None,
    ) -> dict[str, Any]:
        """Do what `actor` asks for. What changes something is recorded; `told` gets its number at once."""
        if verb not in RECORDED:
            return await self._do(verb, parameters, tell)
        return await recorded(
            self._app.database,
            self._app.world.clock.now,
            actor=actor,
            verb=verb,
            parameters=parameters,
            work=lambda: self._do(verb, parameters, tell),
            told=told,
        )

    async def _do(self, verb: str, parameters: dict[str, Any], tell: Tell) -> dict[str, Any]:
        match verb:
            case "ping":
                return {"ok": True}
            case "about":
                return {
                    "version": __version__,
                    "configuration": self._app.config.fingerprint,
                    "started_at": rfc3339(self._started_at),
                    "pid": os.getpid(),
                }
            case "reconcile":
                wish = Wish(
                    full=bool(parameters.get("full")),
                    channels=tuple(parameters.get("channels", ())),
                    skus=None if parameters.get("skus") is None else tuple(parameters["skus"]),
                    stale_ok=bool(parameters.get("stale_ok")),
                )
                return (await self.reconcile(wish, tell)).as_json()
            case "retry":
                skus = parameters.get("skus")
                return {"woken": self.retry(parameters.get("channels", ()), skus)}
            case "approve":
                return await self.approve(int(parameters["id"]))
            case "reject":
                return await self.reject(int(parameters["id"]))
        raise ValueError(verb)

    async def reconcile(self, wish: Wish, tell: Tell) -> Summary:
        """Read the sources, push what is due, say what came of it."""
        return await reconcile(
            self._app,
            wish,
            lambda progress: tell({name: asdict(channel) for name, channel in progress.items()}),
            daemon=self._daemon,
        )

    def retry(self, channels: Sequence[str], skus: Sequence[str] | None) -> int:
        """Make failed listings due now, and let held channels try again; return how many listings."""
        woken = 0
        for name in channels_in_scope(self._app, channels):
            woken += self._app.registry.wake(self._app.channel_ids[name], skus)
            self._app.lanes[name].release()
        return woken

    async def approve(self, import_id: int) -> dict[str, Any]:
        """Let a held import through, and take it in now."""
        entry = self._held(import_id)
        with self._app.database.read() as connection:
            effect = effect_of(connection, import_id)
        self._app.imports.approve(import_id, self._app.world.clock.now())
        return {**await self._look_again(entry), "effect": effect}

    async def reject(self, import_id: int) -> dict[str, Any]:
        """Discard a held import; its file goes to `rejected/`."""
        entry = self._held(import_id)
        stays = "; what was decreased meanwhile stays" if entry.decreased else ""
        reason = f"rejected by hand: {entry.reason}{stays}"
        self._app.imports.close(import_id, ImportState.REJECTED, reason=reason)
        return await self._look_again(entry)

    def _held(self, import_id: int) -> Import:
        entry = self._app.imports.get(import_id)
        if entry is None:
            raise WrongUsage(f"there is no import {import_id}: `syncd imports` lists them")
        if entry.state != ImportState.HELD:
            raise WrongUsage(f"import {import_id} is not held: it is {entry.state}")
        return entry

    async def _look_again(self, entry: Import) -> dict[str, Any]:
        name = self._app.imports.source_name(entry.source_id)
        looker = self._looker(name)
        if isinstance(looker, Planner):
            await looker.look(thoroughly=True)
        else:
            await looker.look_patiently(thoroughly=False)
        after = self._app.imports.get(entry.id or 0)
        return {
            "id": entry.id,
            "source": name,
            "name": entry.name,
            "contents": entry.contents,
            "state": entry.state if after is None else after.state,
            "reason": looker.failure or ("" if after is None else after.reason),
        }

    def _looker(self, name: str) -> Feed | Planner:
        """Find what takes in imports of this name: a source, or the plan of a channel."""
        for planner in self._app.planners.values():
            if planner.source_name == name:
                return planner
        feed = self._app.feeds.get(name)
        if feed is None:
            raise WrongUsage(f'"{name}" is not configured any more')
        return feed
