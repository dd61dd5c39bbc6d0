"""Toco's language, pure: request bodies out, answers in.

Page Update Stocks of the partner reference (partners.toco.id). The body is judged before the status, because
the page gives no status for anything. An accepted row is pending, not yet applied.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.contract import Answer, Identifier, Outcome, OutcomeKind, Reason, StockUpdate
from connectors.errors import (
    AnswerUnusable,
    AuthenticationExpired,
    BatchRefused,
    ChannelRefused,
    ConnectorError,
    Throttled,
)
from connectors.transport import (
    Response,
    compact_json,
    error_for_status,
    parse_http_date,
    parse_json,
    parse_retry_after,
    quoted,
)

_THROTTLE_WORDS = ("RATE_", "THROTTL", "TOO_MANY")
_NOT_LISTED = frozenset({"INV_001", "INV_002"})
_ONBOARD_AGAIN = "the store has to be connected again (onboarding), then set store_client_id and store_token"
_SIGNATURE_ADVICE = "check secret_key, then signature_prefix and sign_base_path"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a request's `items`: all updates of one identifier."""

    identifier: Identifier
    updates: tuple[StockUpdate, ...]

    def as_json(self) -> dict[str, Any]:
        """Either the stock of the whole shop or that of each named warehouse."""
        kind, value = self.identifier
        if not self.updates[0].warehouse:
            return {kind: value, "stock": self.updates[0].quantity}
        warehouses = [{"clientId": update.warehouse, "stock": update.quantity} for update in self.updates]
        return {kind: value, "warehouses": warehouses}


def group_by_identifier(updates: Sequence[StockUpdate]) -> list[Entry]:
    """One entry for each identifier, in the order in which they first appear.

    Raises:
        ValueError: a caller's fault: one for the whole shop and beside it for a warehouse, or twice.
    """
    grouped: dict[Identifier, list[StockUpdate]] = {}
    for update in updates:
        grouped.setdefault(update.listed_as, []).append(update)
    for (kind, value), its_own in grouped.items():
        warehouses = {update.warehouse for update in its_own}
        if len(warehouses) < len(its_own) or (len(its_own) > 1 and "" in warehouses):
            raise ValueError(f"contradicting updates of {kind} {quoted(value)!r} in one call")
    return [Entry(identifier, tuple(its_own)) for identifier, its_own in grouped.items()]


def stock_body(entries: Sequence[Entry]) -> bytes:
    """The body of one Update Stocks request."""
    return compact_json({"items": [entry.as_json() for entry in entries]})


def read_stock_answer(
    response: Response,
    updates: Sequence[StockUpdate],
    entries: Sequence[Entry],
    now: float,
    secrets: Collection[str] = (),
) -> Answer:
    """One outcome for each update, in order.

    Raises:
        ConnectorError: the answer is about the call as a whole, or proves nothing.
    """
    value = read_envelope(response, now, secrets)
    data = value.get("data")
    if not isinstance(data, dict):
        raise AnswerUnusable("the answer holds no rows", status=response.status)
    verdicts = _read_rows(data, entries, secrets)
    outcomes = {
        (update.listed_as, update.warehouse): Outcome(
            update, verdict.kind, verdict.reason, verdict.code, verdict.message
        )
        for entry, verdict in zip(entries, verdicts, strict=True)
        for update in entry.updates
    }
    return Answer(
        outcomes=tuple(outcomes[update.listed_as, update.warehouse] for update in updates),
        status=response.status,
        request_id=quoted(value.get("requestId"), secrets),
        batch_id=quoted(data.get("batchId"), secrets),
        server_time=response.server_time,
    )


def read_envelope(response: Response, now: float, secrets: Collection[str]) -> dict[str, Any]:
    """The answer, if it says `success: true` under a 2xx status.

    Raises:
        ConnectorError: it is a failure by its code or its status, or not to be understood.
    """
    try:
        value = parse_json(response.body)
    except ValueError:
        raise _by_status(response, now) from None
    if not isinstance(value, dict):
        raise _by_status(response, now)
    error = value.get("error")
    if isinstance(error, dict):
        raise _error_for_code(error, response, now, secrets)
    if value.get("success") is not True or error is not None or not response.succeeded:
        raise _by_status(response, now, quoted(value.get("message"), secrets))
    return value


def _error_for_code(
    error: Mapping[str, Any], response: Response, now: float, secrets: Collection[str]
) -> ConnectorError:
    code = quoted(error.get("code"), secrets)
    said = " ".join(filter(None, (code, quoted(error.get("message"), secrets), _hint(error, secrets))))
    status = response.status
    if status == 429:  # noqa: PLR2004 - refused for its pace alone, whatever the code
        return _by_status(response, now, said, code)
    if code == "AUTH_003":
        return AuthenticationExpired(f"Toco: {said}", code=code, status=status)
    if code.startswith("AUTH_"):
        advice = _SIGNATURE_ADVICE if code == "AUTH_010" else _ONBOARD_AGAIN
        return ChannelRefused(f"Toco: {said}: {advice}", code=code, status=status)
    if _is_throttle(code):
        wait = parse_retry_after(response.headers, now)
        return Throttled(f"Toco: {said}", retry_after=wait, code=code, status=status)
    if code.startswith("INV_"):
        return BatchRefused(f"Toco: {said}", code=code, status=status)
    return _by_status(response, now, said, code)


def _by_status(response: Response, now: float, said: str = "", code: str = "") -> ConnectorError:
    error = error_for_status(response, now, said=said, code=code)
    if isinstance(error, AuthenticationExpired):
        # There is nothing to renew a store's token with.
        return ChannelRefused(f"Toco: {error.message}: {_ONBOARD_AGAIN}", code=code, status=response.status)
    return error


def server_time(response: Response) -> float | None:
    """The server's clock in seconds since the epoch, as an AUTH_003 answer tells it; None if it does not.

    From `currentTime` (milliseconds), or else from the `Date` header (whole seconds).
    """
    try:
        value = parse_json(response.body)
    except ValueError:
        value = None
    for key in ("error", "details", "context", "currentTime"):
        value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**15:
        return value / 1000
    return parse_http_date(response.headers.get("date", ""))


def _hint(error: Mapping[str, Any], secrets: Collection[str]) -> str:
    details = error.get("details")
    details = details if isinstance(details, dict) else {}
    context = details.get("context")
    reason = context.get("reason") if isinstance(context, dict) else None
    hints = [quoted(text, secrets) for text in (details.get("hint"), reason)]
    return f"({'; '.join(filter(None, hints))})" if any(hints) else ""


def _is_throttle(code: str) -> bool:
    return any(word in code.upper() for word in _THROTTLE_WORDS)


@dataclass(frozen=True, slots=True)
class _Verdict:
    kind: OutcomeKind
    reason: Reason = Reason.NONE
    code: str = ""
    message: str = ""


_ACCEPTED = _Verdict(OutcomeKind.ACCEPTED)


def _unknown(message: str) -> _Verdict:
    return _Verdict(OutcomeKind.UNKNOWN, Reason.UNANSWERED, message=message)


def _read_rows(data: Mapping[str, Any], entries: Sequence[Entry], secrets: Collection[str]) -> list[_Verdict]:
    """Rows are known by `rowIndex` alone: the ids of an answer need not be those of the request.

    A row named in `errors` is refused, whatever else is said of it; one is accepted only if it is named
    once in `acceptedRows`, and each row sent is named, and the counts add up.
    """
    accepted, accepted_is_sound = _by_index(data.get("acceptedRows"), len(entries))
    refused, refused_is_sound = _by_index(data.get("errors"), len(entries))
    adds_up = (
        accepted_is_sound
        and refused_is_sound
        and not accepted.keys() & refused.keys()
        and len(accepted) + len(refused) == len(entries)
        and _counts_are(data.get("summary"), len(entries), len(refused), len(accepted))
    )
    verdicts = []
    for index, entry in enumerate(entries):
        if index in refused:
            verdict = _read_refused_row(refused[index], secrets)
        elif index not in accepted:
            verdict = _unknown("the answer does not name this row")
        elif not adds_up:
            verdict = _unknown("the answer does not add up")
        elif _names_another_sku(accepted[index], entry.identifier):
            verdict = _unknown("the answer names another SKU for this row")
        else:
            verdict = _ACCEPTED
        verdicts.append(verdict)
    return verdicts


def _names_another_sku(row: Mapping[str, Any], sent: Identifier) -> bool:
    """Whether a row sent by SKU is answered for another; ids of an answer prove nothing, see `_read_rows`."""
    return sent.kind == "sku" and row.get("sku", sent.value) != sent.value


def _by_index(rows: Any, size: int) -> tuple[dict[int, Mapping[str, Any]], bool]:
    """Rows by their index, and whether each has one of its own that was sent."""
    if rows is None:
        return {}, True
    if not isinstance(rows, list):
        return {}, False
    found: dict[int, Mapping[str, Any]] = {}
    for row in rows:
        index = row.get("rowIndex") if isinstance(row, dict) else None
        if type(index) is int and 0 <= index < size:
            found.setdefault(index, row)
    return found, len(found) == len(rows)


def _counts_are(summary: Any, total: int, failed: int, pending: int) -> bool:
    if not isinstance(summary, dict):
        return False
    expected = {"total": total, "failed": failed, "pending": pending}
    return all(type(summary.get(key)) is int and summary[key] == count for key, count in expected.items())


def _read_refused_row(row: Mapping[str, Any], secrets: Collection[str]) -> _Verdict:
    code = quoted(row.get("code"), secrets)
    message = " ".join(filter(None, (quoted(row.get("message"), secrets), _hint(row, secrets))))
    if _is_throttle(code):
        return _Verdict(OutcomeKind.DEFERRED, Reason.THROTTLED, code, message)
    reason = Reason.NOT_LISTED if code in _NOT_LISTED else Reason.QUANTITY
    return _Verdict(OutcomeKind.REJECTED, reason, code, message)
