"""Reaching whoever may write: the running daemon, or this very process."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from state.database import holder_socket
from syncd.app import World, open_app
from syncd.audit import user_name
from syncd.clock import system_clock
from syncd.config.model import Config
from syncd.control import DaemonGone, Refused, ask
from syncd.errors import AlreadyRunning
from syncd.operations import Operations

T = TypeVar("T")
PATIENCE_SECONDS = 2.0


def daemon_socket(config: Config) -> Path | None:
    """Give the control socket of the running daemon, None where nothing runs.

    Raises `AlreadyRunning` where another command is at work.
    """
    holder = holder_socket(config.state.path)
    if holder == "":
        raise AlreadyRunning(
            f"another syncd command works with {config.state.path}, or the daemon is just starting:"
            " try again when it is done"
        )
    return None if holder is None else Path(holder)


def ask_daemon(
    socket: Path, verb: str, parameters: dict[str, Any], hear: Callable[[dict[str, Any]], None] | None = None
) -> dict[str, Any]:
    """Let the daemon do it; `hear` gets what it tells of its progress. Returns the result."""
    result: dict[str, Any] = {}
    for answer in ask(socket, verb, parameters):
        if "result" in answer:
            result = answer["result"]
        elif hear is not None:
            hear(answer["progress"])
    return result


def about_daemon(socket: Path) -> dict[str, Any] | None:
    """Give what the running daemon says of itself; None where it cannot be asked, or is silent."""
    try:
        return next(ask(socket, "about", {}, PATIENCE_SECONDS), {}).get("result")
    except (DaemonGone, Refused):
        return None


def do_here(config: Config, work: Callable[[Operations], Awaitable[T]]) -> T:
    """Take the lock and do the work in this process, where no daemon runs."""

    async def work_with_app() -> T:
        app = await open_app(config, World(clock=system_clock()))
        try:
            return await work(Operations(app, daemon=False))
        finally:
            await app.aclose()

    return asyncio.run(work_with_app())


def do(config: Config, verb: str, parameters: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Let the daemon do it, or do it here; return the result and whether the daemon did it."""
    socket = daemon_socket(config)
    if socket is not None:
        return ask_daemon(socket, verb, parameters), True
    return do_here(
        config, lambda operations: operations.handle(verb, parameters, lambda _: None, user_name())
    ), False
