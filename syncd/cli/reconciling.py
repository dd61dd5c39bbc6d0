"""Reconciling in this process, where no daemon runs; a signal ends it in order."""

import asyncio
import signal
from typing import Any

from syncd.app import App, World, open_app
from syncd.audit import user_name
from syncd.cli.output import note
from syncd.cli.progress import watched
from syncd.clock import system_clock
from syncd.config.model import Config
from syncd.operations import Operations

SIGNALLED = 128


def reconcile_here(config: Config, wish: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Reconcile; return the summary and the exit status.

    The first SIGINT or SIGTERM lets what is in flight finish, a second one ends at once.
    """
    return asyncio.run(_reconcile(config, wish))


async def _reconcile(config: Config, wish: dict[str, Any]) -> tuple[dict[str, Any], int]:
    app = await open_app(config, World(clock=system_clock()))
    try:
        with watched(config) as hear:
            work = asyncio.create_task(
                Operations(app, daemon=False).handle("reconcile", wish, hear, user_name())
            )
            signalled = _listen_to_signals(app, work)
            try:
                summary = await work
            except asyncio.CancelledError:
                if not signalled:
                    raise
                raise KeyboardInterrupt from None
    finally:
        await app.aclose()
    if signalled:
        return summary, SIGNALLED + signalled[0]
    return summary, 0 if summary["ok"] else 1


def _listen_to_signals(app: App, work: "asyncio.Task[dict[str, Any]]") -> list[int]:
    signalled: list[int] = []

    def stop(number: signal.Signals) -> None:
        if signalled:
            work.cancel()
            return
        signalled.append(number)
        note(f"syncd: {number.name}: finishing what is in flight; once more ends it at once")
        for lane in app.lanes.values():
            lane.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    return signalled
