"""Tokopedia's answers, pure: what a call as a whole came to; of its rows, see `connectors.tokopedia.rows`.

Pages Update Stock, Rate Limit and Bulk Request Rate Adjustment of developer.tokopedia.com. The body is
judged before the status, because the pages give no status for most failures.
"""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from enum import Enum, auto
from typing import Any

from connectors.contract import Allowance, Answer, StockUpdate
from connectors.errors import (
    AnswerUnusable,
    AuthenticationExpired,
    BatchRefused,
    ChannelRefused,
    ConnectorError,
    Effect,
    TryLater,
    WarehouseRefused,
)
from connectors.tokopedia.rows import read_rows
from connectors.transport import Response, error_for_status, parse_json, parse_retry_after, quoted


class Reaction(Enum):
    """What a code of a whole answer asks for."""

    TRY_LATER = auto()
    UPSTREAM_LOST = auto()
    """Tokopedia did not hear how its own service ended: the request may still take effect."""
    BATCH = auto()
    WAREHOUSE = auto()
    CHANNEL = auto()


REACTIONS: Mapping[str, Reaction] = {
    "PRD_GRPC_001": Reaction.UPSTREAM_LOST,
    "PRD_GRPC_002": Reaction.UPSTREAM_LOST,
    "PRD_API_007": Reaction.TRY_LATER,
    "PRD_DB_001": Reaction.TRY_LATER,
    "PRD_DB_002": Reaction.TRY_LATER,
    "PRD_DB_003": Reaction.BATCH,
    "PRD_USC_001": Reaction.CHANNEL,
    "PRD_USC_008": Reaction.WAREHOUSE,
    "PRD_USC_009": Reaction.WAREHOUSE,
    "PRD_USC_010": Reaction.WAREHOUSE,
    "PRD_USC_011": Reaction.CHANNEL,
    "PRD_USC_012": Reaction.WAREHOUSE,
    "PRD_USC_013": Reaction.WAREHOUSE,
    "PRD_USC_021": Reaction.WAREHOUSE,
    "PRD_USC_024": Reaction.TRY_LATER,
    "PRD_USC_029": Reaction.WAREHOUSE,
    "PRD_DLV_001": Reaction.CHANNEL,
    "PRD_DLV_002": Reaction.CHANNEL,
    "PRD_DLV_003": Reaction.CHANNEL,
    "PRD_DLV_015": Reaction.BATCH,
    "PRD_DLV_016": Reaction.CHANNEL,
    "PRD_DLV_018": Reaction.BATCH,
    "PRD_DLV_019": Reaction.WAREHOUSE,
    "PRD_DLV_042": Reaction.BATCH,
    "PRD_DLV_052": Reaction.WAREHOUSE,
    "SHP_GRPC_001": Reaction.TRY_LATER,
    "SHP_GRPC_003": Reaction.CHANNEL,
    "RBAC_MDLW_001": Reaction.CHANNEL,
    "RBAC_MDLW_002": Reaction.CHANNEL,
    "RBAC_USC_008": Reaction.CHANNEL,
    "RBAC_USC_012": Reaction.CHANNEL,
    "ORD_USC_015": Reaction.CHANNEL,
}
"""Every documented code of Update Stock, and those met around it."""

_FAMILIES: tuple[tuple[str, Reaction], ...] = (
    ("PRD_GRPC_", Reaction.UPSTREAM_LOST),
    ("PRD_API_", Reaction.TRY_LATER),
    ("PRD_CACHE_", Reaction.TRY_LATER),
    ("PRD_DB_", Reaction.TRY_LATER),
    ("SHP_GRPC_", Reaction.TRY_LATER),
    ("OPENAPI_DB_", Reaction.TRY_LATER),
    ("PRD_DLV_", Reaction.BATCH),
    ("RBAC_", Reaction.CHANNEL),
)

_SHOP_NOT_CONNECTED = (
    "connect the shop to the app again, unless it has moved to the TikTok Shop Seller Center"
)
_ADVICE = {
    "RBAC_MDLW_001": _SHOP_NOT_CONNECTED,
    "ORD_USC_015": _SHOP_NOT_CONNECTED,
    "RBAC_MDLW_002": "the shop's owner has to permit the app",
    "RBAC_USC_012": "the shop's owner has to permit the app",
    "PRD_USC_008": "name the shop's warehouses in `warehouses`",
    "PRD_DLV_052": "name the shop's warehouses in `warehouses`",
}
_CHECK_SHOP = "check fs_id and shop_id"

_RATE = re.compile(r"\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*req/s\b(?:\s*\(burst\s+([0-9]{1,9})\))?")
_NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]{0,9})?")
_STATUS_TEXT = re.compile(r"([45][0-9]{2})\b")
_ABOUT_THE_SHOP = re.compile(r"\b(fs|shop)[ _]id\b", re.IGNORECASE)


def read_stock_answer(
    response: Response, updates: Sequence[StockUpdate], now: float, secrets: Collection[str] = ()
) -> Answer:
    """One outcome for each update, in order.

    Raises:
        ConnectorError: the answer is about the call as a whole, or proves nothing.
    """
    data = read_data(response, now, secrets, warehouse=updates[0].warehouse)
    if not isinstance(data, dict):
        raise AnswerUnusable("the answer holds no rows", status=response.status)
    return Answer(
        outcomes=read_rows(data, updates, secrets),
        status=response.status,
        allowance=read_allowance(response.headers),
        server_time=response.server_time,
    )


def read_data(response: Response, now: float, secrets: Collection[str], *, warehouse: str = "") -> Any:
    """The `data` of a success; never None.

    `warehouse` is the one that the request was about.

    Raises:
        ConnectorError: the answer is a failure by its code, its message or its status.
    """
    try:
        value = parse_json(response.body)
    except ValueError:
        raise _by_status(response, now) from None
    if not isinstance(value, dict):
        raise _by_status(response, now)
    header = value.get("header")
    header = header if isinstance(header, dict) else {}
    code = _code(header.get("error_code"), secrets)
    said = " ".join(filter(None, (_said(header, secrets), _said(value, secrets))))
    if code:
        raise _error_for_code(code, said, warehouse, response, now)
    _refuse_gateway(value.get("message"), response.status)
    _refuse_old_envelope(value, response, now, secrets)
    data = value.get("data")
    if data is None and response.succeeded and "problem with our server" in said.casefold():
        told = parse_retry_after(response.headers, now)
        raise TryLater(f"Tokopedia: {said}", retry_after=told, status=response.status)
    if data is None or not response.succeeded:
        raise _by_status(response, now, said)
    return data


def _by_status(response: Response, now: float, said: str = "", code: str = "") -> ConnectorError:
    return error_for_status(
        response,
        now,
        said=said,
        code=code,
        retry_after=_reset_after(response.headers),
        allowance=read_allowance(response.headers),
    )


def _code(value: Any, secrets: Collection[str]) -> str:
    """A code as text; "", 0, null and absent are none."""
    if isinstance(value, int | float):
        return quoted(str(value)) if value else ""
    if value is None or value == "":
        return ""
    return quoted(value, secrets) or "unreadable error_code"


def _said(part: Mapping[str, Any], secrets: Collection[str]) -> str:
    texts = (part.get(key) for key in ("messages", "message", "reason"))
    return quoted(" ".join(text for text in texts if isinstance(text, str)), secrets)


def _error_for_code(code: str, said: str, warehouse: str, response: Response, now: float) -> ConnectorError:
    reaction = REACTIONS.get(code)
    if reaction is None:
        reaction = next((family for prefix, family in _FAMILIES if code.startswith(prefix)), None)
    status = response.status
    if reaction is None or status == 429:  # noqa: PLR2004 - refused for its pace alone, whatever the code
        return _by_status(response, now, f"{code} {said}", code)
    message = f"Tokopedia: {code} {said}"
    advice = _ADVICE.get(code)
    told = parse_retry_after(response.headers, now)
    match reaction:
        case Reaction.TRY_LATER:
            return TryLater(message, retry_after=told, code=code, status=status)
        case Reaction.UPSTREAM_LOST:
            return TryLater(message, retry_after=told, code=code, status=status, effect=Effect.AMBIGUOUS)
        case Reaction.BATCH:
            return BatchRefused(message, code=code, status=status)
        case Reaction.WAREHOUSE:
            message = f"{message}: {advice or 'check this warehouse in `warehouses`'}"
            return WarehouseRefused(message, warehouse=warehouse, code=code, status=status)
        case Reaction.CHANNEL:
            return ChannelRefused(f"{message}: {advice or _CHECK_SHOP}", code=code, status=status)


def _refuse_gateway(message: Any, status: int) -> None:
    """Raise for what the gateway says in place of the service behind it."""
    if message == "invalid_token":
        raise AuthenticationExpired("Tokopedia: invalid_token", code="invalid_token", status=status)
    if message == "unauthorized_ip_address":
        raise ChannelRefused(
            "Tokopedia: unauthorized_ip_address: add this machine's public address to the app's whitelist",
            code="unauthorized_ip_address",
            status=status,
        )


def _refuse_old_envelope(
    value: Mapping[str, Any], response: Response, now: float, secrets: Collection[str]
) -> None:
    """Raise for the older form `{"data": null, "status": "400 Bad Request", "error_message": ["..."]}`."""
    errors = value.get("error_message")
    if not errors:
        return
    texts = errors if isinstance(errors, list) else [errors]
    said = quoted(" ".join(text for text in texts if isinstance(text, str)), secrets)
    if _ABOUT_THE_SHOP.search(said):
        raise ChannelRefused(f"Tokopedia: {said}: {_CHECK_SHOP}", status=response.status)
    status_text = _STATUS_TEXT.match(quoted(value.get("status")))
    if response.succeeded and status_text:
        response = Response(int(status_text[1]), response.headers, response.body)
    raise _by_status(response, now, said)


def read_allowance(headers: Mapping[str, str]) -> Allowance:
    """What the `X-Ratelimit-*` headers say; `X-Ratelimit-Limit` is a text like `5 req/s (burst 5)`."""
    limit = _RATE.match(headers.get("x-ratelimit-limit", ""))
    remaining = _number(headers.get("x-ratelimit-remaining"))
    return Allowance(
        per_second=(float(limit[1]) or None) if limit else None,
        burst=(int(limit[2] or 0) or None) if limit else None,
        remaining=None if remaining is None else math.floor(remaining),
        reset_after=_number(headers.get("x-ratelimit-reset-after")),
    )


def _reset_after(headers: Mapping[str, str]) -> float | None:
    """How long a refused request has to wait: until one request is regained, or else until all are."""
    one = _number(headers.get("x-ratelimit-reset-after"))
    return one or _number(headers.get("x-ratelimit-full-reset-after")) or one


def _number(text: str | None) -> float | None:
    """A decimal number of a header, never below 0 (`-0.000000` is usual); None for anything else."""
    if text is None or not _NUMBER.fullmatch(text.strip()):
        return None
    return max(0.0, float(text))
