"""Failures of a whole call, grouped by what to do next.

ConnectorError
├── TryLater              back off and choose anew: the marketplace or the way to it is down
├── Throttled             wait as told
├── AuthenticationExpired renew once, then choose anew
├── ChannelRefused        stop the channel until a person, or the slow probe, finds it works again
├── WarehouseRefused      stop this warehouse of the channel, the rest goes on
├── BatchRefused          split: one row of it may be the culprit
└── AnswerUnusable        the call ended, but its answer proves nothing for any row
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from connectors.contract import Allowance

_NOTHING_TOLD = Allowance()


class Effect(StrEnum):
    """What a failed call may have done to the stock it carried."""

    NONE = "none"
    """Certainly nothing: it never left, or was refused as a whole."""
    UNCERTAIN = "uncertain"
    """It ended at the marketplace, but how is not known."""
    AMBIGUOUS = "ambiguous"
    """It may still be under way and take effect later."""


class ConnectorError(Exception):
    """A call failed as a whole; no row has an outcome of its own.

    Messages are for operators: what happened and what to do, never a secret, a header or a body as sent.
    """

    default_effect = Effect.NONE

    def __init__(
        self, message: str, *, code: str = "", status: int | None = None, effect: Effect | None = None
    ) -> None:
        """`code` is the marketplace's own, `status` the HTTP status where one came.

        `server_time` is as in `Answer`, where an answer came at all.
        """
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.effect = self.default_effect if effect is None else effect
        self.server_time: float | None = None


class TryLater(ConnectorError):
    """The marketplace, or the way to it, is out of order: 5xx, connection, DNS, TLS, time-out, reset."""

    default_effect = Effect.UNCERTAIN

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        code: str = "",
        status: int | None = None,
        effect: Effect | None = None,
    ) -> None:
        """`retry_after`: seconds to wait as the marketplace told, None where it told nothing usable."""
        super().__init__(message, code=code, status=status, effect=effect)
        self.retry_after = retry_after


class Throttled(ConnectorError):
    """The marketplace says: too fast (429). Nothing was taken; no attempt is charged."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        allowance: Allowance = _NOTHING_TOLD,
        code: str = "",
        status: int | None = None,
    ) -> None:
        """`retry_after`: seconds to wait as the marketplace told, None where it told nothing usable.

        `allowance`: what the refusal said about the limit of the calls that it refused.
        """
        super().__init__(message, code=code, status=status)
        self.retry_after = retry_after
        self.allowance = allowance


class AuthenticationExpired(ConnectorError):
    """The token has expired, or the clock was off: `Connector.renew` may mend it. Nothing was taken."""


class ChannelRefused(ConnectorError):
    """Every call of this channel will fail like this until a person changes something. Nothing was taken."""


class WarehouseRefused(ConnectorError):
    """Every call for this warehouse will fail like this; other warehouses may work. Nothing was taken."""

    def __init__(self, message: str, *, warehouse: str, code: str = "", status: int | None = None) -> None:
        """`warehouse`: the marketplace's identifier, as in the updates that were sent."""
        super().__init__(message, code=code, status=status)
        self.warehouse = warehouse


class BatchRefused(ConnectorError):
    """The batch was refused for its content (400, 413, 422): one row of it may be the cause."""


class AnswerUnusable(ConnectorError):
    """A success by its status, but unreadable, truncated or contradicting itself: it proves nothing."""

    default_effect = Effect.UNCERTAIN


@contextmanager
def telling_time(server_time: float | None) -> Iterator[None]:
    """Let an error that an answer leads to carry the marketplace's time too."""
    try:
        yield
    except ConnectorError as error:
        error.server_time = server_time
        raise
