"""A marketplace in a dict: the smallest whole connector, to learn from and to test with.

A plug-in is four things: settings, capabilities, a factory, and one `Plugin` that names them.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from connectors.contract import (
    AccountCheck,
    Answer,
    Capabilities,
    Grouping,
    Limits,
    Outcome,
    OutcomeKind,
    Plugin,
    Reason,
    StockUpdate,
    Surroundings,
)
from connectors.errors import ConnectorError

CAPABILITIES = Capabilities(
    grouping=Grouping.WAREHOUSE,
    max_rows_per_request=100,
    max_sku_length=None,
    rows_are_counted=False,
    asynchronous=False,
    whole_shop_by_default=True,
    limits=Limits(
        rows_per_request=100,
        rows_per_second=None,
        requests_per_second=None,
        burst=100,
        in_flight=4,
        timeout=30,
    ),
    identifier_kinds=("sku", "id"),
)

EXAMPLE = """\
[channels.memory-main]
connector = "memory"
shop = "main"                   # forgotten when the process ends
"""


class MemorySettings(BaseModel):
    """Which shop."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    shop: str = "main"


@dataclass(slots=True)
class MemoryMarketplace:
    """A shop that sells everything but the `unlisted` SKUs, and does what it is told to do wrong.

    `stock` is by the shop's own SKU and warehouse; `ids` tells the SKU of each id that the shop has given;
    `received` holds the updates of each call that arrived, oldest first.
    """

    stock: dict[tuple[str, str], int] = field(default_factory=dict)
    unlisted: set[str] = field(default_factory=set)
    ids: dict[str, str] = field(default_factory=dict)
    received: list[tuple[StockUpdate, ...]] = field(default_factory=list)
    _faults: deque[tuple[ConnectorError, bool]] = field(default_factory=deque)

    def fail_next(self, error: ConnectorError, *, takes_effect: bool = False) -> None:
        """Let the next call that no other fault hits end like this, before or after it takes effect."""
        self._faults.append((error, takes_effect))

    def receive(self, updates: Sequence[StockUpdate]) -> tuple[Outcome, ...]:
        """Take one call; raises the error that is next in line, if any."""
        self.received.append(tuple(updates))
        error, takes_effect = self._faults.popleft() if self._faults else (None, True)
        outcomes = tuple(self._take(update) for update in updates) if takes_effect else ()
        if error is not None:
            raise error
        return outcomes

    def _take(self, update: StockUpdate) -> Outcome:
        kind, value = update.listed_as
        sku = value if kind == "sku" else self.ids.get(value)
        if sku is None or sku in self.unlisted:
            message = "unknown SKU" if kind == "sku" else f"unknown {kind}"
            return Outcome(update, OutcomeKind.REJECTED, Reason.NOT_LISTED, "unlisted", message)
        self.stock[sku, update.warehouse] = update.quantity
        return Outcome(update, OutcomeKind.ACCEPTED)


class MemoryConnector:
    """Speaks to a `MemoryMarketplace`."""

    def __init__(self, marketplace: MemoryMarketplace) -> None:
        self.marketplace = marketplace

    async def push(self, updates: Sequence[StockUpdate], /) -> Answer:
        """Set the stock of these listings."""
        return Answer(outcomes=self.marketplace.receive(updates))

    async def renew(self) -> None:
        """There is nothing to renew."""

    async def check(self) -> AccountCheck:
        """Tell how many listings have a stock."""
        said = f"in memory; {len(self.marketplace.stock)} listings have a stock"
        return AccountCheck(said, may_update=True)

    async def aclose(self) -> None:
        """There is nothing to close."""


def plugin_for(
    marketplace: MemoryMarketplace, capabilities: Capabilities = CAPABILITIES
) -> Plugin[MemorySettings]:
    """A plug-in whose channels all speak to this marketplace."""

    def account(settings: MemorySettings) -> str:
        return f"memory shop {settings.shop}"

    def connect(_settings: MemorySettings, _surroundings: Surroundings) -> MemoryConnector:
        return MemoryConnector(marketplace)

    return Plugin(
        settings=MemorySettings,
        capabilities=capabilities,
        account=account,
        connect=connect,
        example=EXAMPLE,
    )


plugin = plugin_for(MemoryMarketplace())
