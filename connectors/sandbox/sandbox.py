"""Both marketplaces behind one ASGI application, and how to reach them."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.applications import Starlette

from connectors.sandbox import tocobagus as toco
from connectors.sandbox import tokopedia as toko
from connectors.sandbox.arrivals import Arrival, Journal
from connectors.sandbox.buckets import Limits
from connectors.sandbox.control import Control
from connectors.sandbox.faults import Faults
from connectors.sandbox.marketplace import Marketplace, World

TOKOPEDIA_LIMITS = Limits(
    rows_per_request=100, rows_per_second=100, row_burst=100, requests_per_second=10, request_burst=10
)
TOCOBAGUS_LIMITS = Limits(rows_per_request=1000, requests_per_second=5, request_burst=5)

_UNLIMITED = 1_000_000
"""A pace that binds nobody, where a channel's limits must name one."""


class Sandbox:
    """A simulator of both marketplaces.

    `now` gives seconds since the epoch, `sleep` waits; both may be virtual. The same `seed` gives the same
    tokens, ids and random faults. Nothing runs in the background.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        seed: int = 0,
        tokopedia_limits: Limits = TOKOPEDIA_LIMITS,
        tocobagus_limits: Limits = TOCOBAGUS_LIMITS,
        tokopedia_warehouses: tuple[str, ...] = ("1610", "1611"),
        tocobagus_warehouses: tuple[str, ...] = ("wh_sandbox",),
        warehouse_required: bool = False,
        token_lifetime: float = toko.TOKEN_LIFETIME,
        apply_delay: float = 2.0,
    ) -> None:
        self.faults = Faults(seed)
        self.journal = Journal(now)
        dice = random.Random(seed)  # noqa: S311 - a simulation: repeatable, not secret
        world = World(now, sleep, dice, self.faults, self.journal)
        self.tokopedia = toko.Tokopedia(
            world,
            tokopedia_limits,
            warehouses=tokopedia_warehouses,
            warehouse_required=warehouse_required,
            token_lifetime=token_lifetime,
        )
        self.tocobagus = toco.Tocobagus(
            world, tocobagus_limits, warehouses=tocobagus_warehouses, apply_delay=apply_delay
        )
        routes = [*self.tokopedia.routes(), *self.tocobagus.routes(), *Control(self).routes()]
        self.app = Starlette(routes=routes)
        self.app.router.redirect_slashes = False

    @property
    def marketplaces(self) -> Mapping[str, Marketplace]:
        """Both, by connector name."""
        return {"tokopedia": self.tokopedia, "tocobagus": self.tocobagus}

    def arrivals(self, since: int = 0) -> list[Arrival]:
        """What arrived after that number, oldest first."""
        return self.journal.since(since)

    def counters(self) -> dict[str, dict[str, int]]:
        """Counters by marketplace: requests, rows, rows_taken, refusals by limit and the rest."""
        return {name: dict(self.journal.counters.get(name, {})) for name in self.marketplaces}

    def reset(self) -> None:
        """Empty shops, full buckets, no faults, nothing remembered."""
        self.faults.clear()
        self.journal.clear()
        for marketplace in self.marketplaces.values():
            marketplace.clear()

    def channel_settings(self, base_url: str) -> dict[str, dict[str, Any]]:
        """By connector name, what a channel must be told to reach the sandbox at `base_url`."""
        base_url = base_url.rstrip("/")
        return {
            "tokopedia": {
                "base_url": base_url,
                "token_url": f"{base_url}/token",
                "fs_id": toko.FS_ID,
                "shop_id": toko.SHOP_ID,
                "client_id": toko.CLIENT_ID,
                "client_secret": toko.CLIENT_SECRET,
            },
            "tocobagus": {
                "base_url": base_url + toco.BASE_PATH,
                "partner_client_id": toco.PARTNER_CLIENT_ID,
                "secret_key": toco.SECRET_KEY,
                "store_client_id": toco.STORE_CLIENT_ID,
                "store_token": toco.STORE_TOKEN,
            },
        }

    def configuration(self, base_url: str) -> str:
        """The channel tables of a syncd.toml that point at the sandbox, with the pace it allows."""
        tables = []
        for name, settings in self.channel_settings(base_url).items():
            channel = f"channels.{name}-sandbox"
            limits = _pace(self.marketplaces[name].limits)
            if name == "tocobagus":
                settings["warehouses"] = "single"
            tables += [_table(channel, {"connector": name, **settings}), _table(f"{channel}.limits", limits)]
        return "\n".join(tables)


def _pace(limits: Limits) -> dict[str, float]:
    counts_rows = limits.rows_per_second is not None
    burst = limits.row_burst if counts_rows else limits.request_burst
    pace: dict[str, float] = {"rows_per_request": min(100, limits.rows_per_request)}
    if counts_rows:
        pace["rows_per_request"] = min(burst, pace["rows_per_request"])
        pace["rows_per_second"] = limits.rows_per_second or _UNLIMITED
    requests = limits.requests_per_second or _UNLIMITED
    pace.setdefault("rows_per_second", requests * pace["rows_per_request"])
    return {**pace, "requests_per_second": requests, "burst": burst}


def _table(name: str, values: Mapping[str, object]) -> str:
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join([f"[{name}]", *lines, ""])
