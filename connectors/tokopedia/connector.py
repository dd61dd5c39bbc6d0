"""One Tokopedia shop: a token by client credentials, and the overwrite of stock."""

import asyncio
import base64
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from connectors.contract import AccountCheck, Answer, StockUpdate, Surroundings
from connectors.errors import (
    AnswerUnusable,
    AuthenticationExpired,
    BatchRefused,
    ChannelRefused,
    ConnectorError,
    Effect,
    TryLater,
    WarehouseRefused,
    telling_time,
)
from connectors.tokopedia import wire
from connectors.tokopedia.rows import stock_body
from connectors.tokopedia.settings import TokopediaSettings
from connectors.transport import HttpClient, Response, error_for_status, parse_json, quoted

_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")
_WAREHOUSE = re.compile(r"[0-9]{1,19}")
_RENEWAL_MARGIN_SECONDS = 60.0
_LONGEST_TOKEN_LIFE_SECONDS = 1e10


@dataclass(frozen=True, slots=True, repr=False)
class _Token:
    text: str
    renewed_at: float
    """From this moment on another one is asked for; seconds since the epoch."""


class TokopediaConnector:
    """Speaks to one shop (developer.tokopedia.com)."""

    def __init__(self, settings: TokopediaSettings, surroundings: Surroundings) -> None:
        """Opens no connection yet."""
        self._settings = settings
        self._now = surroundings.now
        self._http = HttpClient(surroundings, settings.base_url)
        self._token: _Token | None = None
        self._one_renewal = asyncio.Lock()
        secret = settings.client_secret.get_secret_value()
        self._basic = base64.b64encode(f"{settings.client_id}:{secret}".encode()).decode()
        self._credentials = {secret, self._basic}
        self._secrets = self._credentials

    async def push(self, updates: Sequence[StockUpdate], /) -> Answer:
        """Overwrite the stock of these listings, all in one warehouse (page Update Stock).

        Raises:
            ConnectorError: the call failed as a whole.
        """
        settings = self._settings
        params = {"shop_id": str(settings.shop_id)}
        warehouse = updates[0].warehouse
        if warehouse:
            params["warehouse_id"] = _checked_warehouse(warehouse)
        if settings.bypass_update_product_status:
            params["bypass_update_product_status"] = "true"
        path = f"/inventory/v1/fs/{settings.fs_id}/stock/update"
        response = await self._call("POST", path, params, stock_body(updates))
        with telling_time(response.server_time):
            return wire.read_stock_answer(response, updates, self._now(), self._secrets)

    async def renew(self) -> None:
        """Ask for a new token; calls at the same time share one.

        Raises:
            ConnectorError: no token is to be had.
        """
        await self._renew_unless_done(self._token)

    async def check(self) -> AccountCheck:
        """Sign in and ask for the shop (page Shop Info), which names the warehouses too.

        Raises:
            ConnectorError: the account does not work.
        """
        settings = self._settings
        params = {"shop_id": str(settings.shop_id)}
        response = await self._call("GET", f"/v1/shop/fs/{settings.fs_id}/shop-info", params)
        with telling_time(response.server_time):
            data = wire.read_data(response, self._now(), self._secrets)
        warehouses = _warehouse_ids(data)
        named = quoted(", ".join(warehouses), self._secrets) or "none named"
        return AccountCheck(
            f"signed in; shop {settings.shop_id} answers; warehouses: {named}",
            warehouses=tuple(warehouses) or None,
            allowance=wire.read_allowance(response.headers),
            server_time=response.server_time,
        )

    async def aclose(self) -> None:
        """Close connections."""
        await self._http.aclose()

    async def _call(self, method: str, path: str, params: dict[str, str], content: bytes = b"") -> Response:
        token = self._token
        if token is None or token.renewed_at <= self._now():
            token = await self._renew_unless_done(token)
        headers = {"Authorization": f"Bearer {token.text}", "Content-Type": "application/json"}
        return await self._http.request(method, path, params=params, headers=headers, content=content)

    async def _renew_unless_done(self, stale: _Token | None) -> _Token:
        async with self._one_renewal:
            if self._token is None or self._token is stale:
                self._token = await self._fetch_token()
                # Answers to the token before may still be under way.
                self._secrets = self._credentials | {token.text for token in (stale, self._token) if token}
            return self._token

    async def _fetch_token(self) -> _Token:
        """Sign in (Guides, Authentication). No failure of this has touched any stock."""
        try:
            response = await self._http.request(
                "POST",
                self._settings.token_url,
                params={"grant_type": "client_credentials"},
                headers={"Authorization": f"Basic {self._basic}"},
            )
            return _read_token(response, self._now(), self._secrets)
        except AnswerUnusable as error:
            raise TryLater(f"no token: {error.message}", status=error.status, effect=Effect.NONE) from None
        except TryLater as error:
            error.effect = Effect.NONE
            raise


def _read_token(response: Response, now: float, secrets: set[str]) -> _Token:
    try:
        value = parse_json(response.body)
    except ValueError:
        value = None
    value = value if isinstance(value, dict) else {}
    said = quoted(value.get("message"), secrets)
    if not response.succeeded:
        raise _sign_in_error(error_for_status(response, now, said=said))
    text = value.get("access_token")
    if not isinstance(text, str) or not _TOKEN.fullmatch(text):
        raise AnswerUnusable("the sign-in answer holds no usable token", status=response.status)
    return _Token(text, now + _usable_seconds(value.get("expires_in")))


def _sign_in_error(error: ConnectorError) -> ConnectorError:
    if isinstance(error, AuthenticationExpired | BatchRefused | ChannelRefused):
        return ChannelRefused(
            f"Tokopedia refuses the sign-in ({error.message}): check client_id and client_secret, token_url",
            status=error.status,
        )
    return error


def _usable_seconds(expires_in: Any) -> float:
    """How long a token is used: a little less than it lives, until it is refused if that is not told."""
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float):
        return math.inf
    if abs(expires_in) > _LONGEST_TOKEN_LIFE_SECONDS:  # a whole number of JSON may exceed every float
        return math.inf
    return max(expires_in - _RENEWAL_MARGIN_SECONDS, expires_in / 2)


def _checked_warehouse(warehouse: str) -> str:
    if not _WAREHOUSE.fullmatch(warehouse):
        raise WarehouseRefused(
            f"warehouse {quoted(warehouse)!r} is not a Tokopedia warehouse_id, which is a number: "
            "correct it in `warehouses`",
            warehouse=warehouse,
        )
    return warehouse


def _warehouse_ids(data: Any) -> list[str]:
    shops = data if isinstance(data, list) else [data]
    return [
        str(warehouse["warehouse_id"])
        for shop in shops
        if isinstance(shop, dict) and isinstance(shop.get("warehouses"), list)
        for warehouse in shop["warehouses"]
        if isinstance(warehouse, dict) and isinstance(warehouse.get("warehouse_id"), int)
    ]
