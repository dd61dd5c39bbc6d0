"""One store on Toco: signed requests, and the offset to the server's clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from connectors.contract import AccountCheck, Answer, StockUpdate, Surroundings
from connectors.errors import AuthenticationExpired, ChannelRefused, telling_time
from connectors.tocobagus import wire
from connectors.tocobagus.settings import TocobagusSettings
from connectors.tocobagus.signing import signature
from connectors.transport import HttpClient, Response

_INVENTORY = "/partner/stores/inventory"
_LARGEST_OFFSET_SECONDS = 86_400.0
_MEANINGFUL_SECONDS = 5.0
"""The server tolerates 300 s: a smaller difference cannot be why it refused a timestamp."""


@dataclass(frozen=True, slots=True)
class _Lesson:
    """What a refused timestamp taught. Offsets are seconds that the server's clock is ahead of ours."""

    signed_with: float
    offset: float | None


class TocobagusConnector:
    """Speaks to one store (partners.toco.id)."""

    def __init__(self, settings: TocobagusSettings, surroundings: Surroundings) -> None:
        """Opens no connection yet."""
        self._settings = settings
        self._now = surroundings.now
        self._http = HttpClient(surroundings, settings.base_url)
        self._signed_base = urlsplit(settings.base_url).path if settings.sign_base_path else ""
        self._secret_key = settings.secret_key.get_secret_value()
        self._store_token = settings.store_token.get_secret_value()
        self._secrets = (self._secret_key, self._store_token)
        self._offset = 0.0
        self._lesson: _Lesson | None = None

    async def push(self, updates: Sequence[StockUpdate], /) -> Answer:
        """Set the stock of these listings (page Update Stocks); accepted rows are pending there.

        Raises:
            ConnectorError: the call failed as a whole.
            ValueError: the caller broke its promise: a listing for the whole shop and for a warehouse.
        """
        entries = wire.group_by_identifier(updates)
        offset = self._offset
        response = await self._call("PATCH", _INVENTORY, wire.stock_body(entries))
        try:
            with telling_time(response.server_time):
                return wire.read_stock_answer(response, updates, entries, self._now(), self._secrets)
        except AuthenticationExpired:
            self._learn(response, offset)
            raise

    async def renew(self) -> None:
        """Adopt the offset to the server's clock that a refused timestamp taught.

        Raises:
            ChannelRefused: it taught nothing that could help.
        """
        lesson = self._lesson
        if lesson is not None and lesson.signed_with != self._offset:
            return
        learnt = None if lesson is None else lesson.offset
        if learnt is None or abs(learnt - self._offset) < _MEANINGFUL_SECONDS:
            raise ChannelRefused(
                "Toco refuses the timestamp, and its answer does not tell how to correct it: "
                "check this machine's clock (timedatectl)",
                code="AUTH_003",
            )
        self._offset = learnt

    async def check(self) -> AccountCheck:
        """Ask for the store's products (page List Products), which needs no parameter and changes nothing.

        Raises:
            ConnectorError: the account does not work.
        """
        offset = self._offset
        response = await self._call("GET", "/partner/stores/products")
        try:
            with telling_time(response.server_time):
                wire.read_envelope(response, self._now(), self._secrets)
        except AuthenticationExpired:
            self._learn(response, offset)
            raise
        said = f"signed in; store {self._settings.store_client_id} answers"
        return AccountCheck(said, server_time=response.server_time)

    async def aclose(self) -> None:
        """Close connections."""
        await self._http.aclose()

    async def _call(self, method: str, path: str, body: bytes = b"") -> Response:
        headers = {
            "x-partner-client-id": self._settings.partner_client_id,
            "x-store-client-id": self._settings.store_client_id,
            "x-store-token": self._store_token,
            "x-timestamp": str(round((self._now() + self._offset) * 1000)),
        }
        digits = signature(self._secret_key, method, self._signed_base + path, headers, body)
        headers["x-signature"] = self._settings.signature_prefix + digits
        if body:
            headers["content-type"] = "application/json"
        return await self._http.request(method, path, headers=headers, content=body)

    def _learn(self, response: Response, signed_with: float) -> None:
        server = wire.server_time(response)
        offset = None if server is None else server - self._now()
        if offset is not None and abs(offset) > _LARGEST_OFFSET_SECONDS:
            offset = None
        self._lesson = _Lesson(signed_with, offset)
