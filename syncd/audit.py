"""The audit trail: who did what, and what came of it, whether asked by the page or by a command."""

import asyncio
import os
import pwd
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from state import actions
from state.database import Database
from syncd.errors import SyncdError

RECORDED: Final = frozenset({"approve", "reject", "retry", "reconcile"})


def user_name(uid: int | None = None) -> str:
    """Name a user of this machine; None = who runs this process."""
    number = os.getuid() if uid is None else uid
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid {number}"


async def recorded(
    database: Database,
    now: Callable[[], int],
    *,
    actor: str,
    verb: str,
    parameters: Mapping[str, Any],
    work: Callable[[], Awaitable[dict[str, Any]]],
    told: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Do `work`, and record it with what came of it; `told` gets its number in the trail at once."""
    detail = detail_of(verb, parameters)
    action = "full reconcile" if verb == "reconcile" and parameters.get("full") else verb
    number = actions.begin(database, now(), actor=actor, action=action, detail=detail)
    told(number)
    try:
        result = await work()
    except asyncio.CancelledError:
        actions.end(database, number, "ended before it was done: what is left is pushed as usual")
        raise
    except SyncdError as error:
        actions.end(database, number, f"refused: {error}")
        raise
    except Exception as fault:
        actions.end(database, number, f"failed ({type(fault).__name__}): the log says how")
        raise
    actions.end(database, number, result_of(verb, result))
    return result


def detail_of(verb: str, parameters: Mapping[str, Any]) -> str:
    """Tell on what something is done."""
    if verb in {"approve", "reject"}:
        return f"import {parameters.get('id')}"
    channels = parameters.get("channels") or ()
    where = ", ".join(map(str, channels)) if channels else "all channels"
    skus = parameters.get("skus")
    if skus is None:
        return where
    what = f"SKU {skus[0]}" if len(skus) == 1 else f"{len(skus):,} SKUs"
    return f"{what} on {where}"


def result_of(verb: str, result: Mapping[str, Any]) -> str:
    """Tell what came of it."""
    if verb == "retry":
        woken = result["woken"]
        return "1 listing is due again" if woken == 1 else f"{woken:,} listings are due again"
    if verb == "reconcile":
        return "; ".join(map(_channel_result, result["channels"].items())) or "no channel"
    reason = f" ({result['reason']})" if result.get("reason") else ""
    return f"{result['state']}{reason}"


def _channel_result(entry: tuple[str, Mapping[str, Any]]) -> str:
    name, channel = entry
    trouble = f", {channel['trouble']}" if channel["trouble"] else ""
    counts = f"{channel['accepted']:,} accepted, {channel['in_sync']:,} of {channel['listings']:,} in sync"
    return f"{name}: {counts}{trouble}"
