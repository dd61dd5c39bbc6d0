# ruff: noqa: S101 - a test suite
"""The connector under test, and the marketplace behind it: what a subclass of the suite says of them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import pytest

from connectors.contract import Answer, Connector, Grouping, Identifier, OutcomeKind, Plugin, StockUpdate


class Subject:
    """What is tested, and how it is used."""

    pytestmark: ClassVar = pytest.mark.anyio

    plugin: ClassVar[Plugin[Any]]
    warehouses: ClassVar[tuple[str, ...]]
    """Two warehouses or more of the marketplace's (identifiers as in updates); "" alone where it has none."""

    # What a subclass says.

    def connect(self) -> Connector:
        """A new connector to this test's marketplace; the first call also opens the marketplace."""
        raise NotImplementedError

    async def stock(self, warehouse: str) -> Mapping[str, int]:
        """What the marketplace shows in this warehouse by SKU, once all it accepted has taken effect."""
        raise NotImplementedError

    def unlisted_sku(self) -> str:
        """A SKU that the marketplace does not know; it must know every other one."""
        raise NotImplementedError

    def identifier(self, kind: str, sku: str) -> Identifier:
        """What the marketplace knows the listing of this SKU of its own by; for each kind that is declared.

        A test may ask before anything was pushed for that SKU; the marketplace knows it from then on.
        """
        if kind != "sku":
            raise NotImplementedError(f"say which {kind} the listing of a SKU has")
        return Identifier(kind, sku)

    def unlisted_identifier(self, kind: str) -> Identifier:
        """One of this kind that the marketplace does not know."""
        if kind != "sku":
            raise NotImplementedError(f"say which {kind} is not known")
        return Identifier(kind, self.unlisted_sku())

    def failing_connectors(self) -> Iterable[Connector]:
        """Connectors to marketplaces out of order in different ways: each `push` fails as a whole."""
        return ()

    def secrets(self) -> Sequence[str]:
        """What must never be shown."""
        return ()

    # What is done with it.

    async def push(self, connector: Connector, *updates: StockUpdate) -> Answer:
        """Push as the contract promises; the answer has one outcome for each update, in order."""
        answer = await connector.push(updates)
        assert [outcome.update for outcome in answer.outcomes] == list(updates)
        assert answer.server_time is None or math.isfinite(answer.server_time)
        return answer

    def accepted(self, answer: Answer) -> bool:
        """Whether every row was taken."""
        return all(outcome.kind is OutcomeKind.ACCEPTED for outcome in answer.outcomes)

    def batches(self, updates: Sequence[StockUpdate]) -> list[list[StockUpdate]]:
        """As few calls as the declared grouping and size allow."""
        capabilities = self.plugin.capabilities
        size = capabilities.max_rows_per_request or capabilities.limits.rows_per_request
        groups = [list(updates)]
        if capabilities.grouping is Grouping.WAREHOUSE:
            groups = [[u for u in updates if u.warehouse == w] for w in {u.warehouse for u in updates}]
        return [group[i : i + size] for group in groups for i in range(0, len(group), size)]
