# ruff: noqa: S101 - a test suite
"""The whole suite, for connectors; see `connectors.conformance`."""

import asyncio
import math
import tomllib
import traceback

import pytest
from pydantic import ValidationError

from connectors.conformance.identifiers import IdentifierConformance
from connectors.contract import OutcomeKind, Reason, StockUpdate, Surroundings
from connectors.errors import ConnectorError, Throttled, TryLater

_ODD_SKUS = (
    "plain",
    "two words",
    "quotes \" and ' and `",
    "back\\slash/slash",
    "<b>&amp;%20?x=1#y",
    "Kopi Aceh ☕ — 250 g",
    "日本語",
    "0012",
    "1e5",
    "null",
)
_LARGEST_QUANTITY = 2**31 - 1


class ConnectorConformance(IdentifierConformance):
    """The contract, as tests. Each test has a marketplace of its own, empty, that works as documented."""

    async def test_what_is_accepted_is_shown(self) -> None:
        """ACCEPTED means that the marketplace shows, or will show, this quantity."""
        connector, warehouse = self.connect(), self.warehouses[0]

        answer = await self.push(connector, *(StockUpdate(f"sku-{n}", warehouse, n) for n in range(5)))

        assert self.accepted(answer)
        assert await self.stock(warehouse) == {f"sku-{n}": n for n in range(5)}
        await connector.aclose()

    async def test_quantities_are_absolute_and_repeatable(self) -> None:
        """Saying it twice changes nothing; saying another replaces it."""
        connector, warehouse = self.connect(), self.warehouses[0]
        for quantity in (7, 7, 3, 3):
            answer = await self.push(connector, StockUpdate("sku-1", warehouse, quantity))
            assert self.accepted(answer)
            assert await self.stock(warehouse) == {"sku-1": quantity}
        await connector.aclose()

    async def test_zero_and_very_large_quantities_are_taken_exactly(self) -> None:
        """Zero is a quantity like any other, and nothing is rounded or cut."""
        connector, warehouse = self.connect(), self.warehouses[0]
        wanted = {"empty": 0, "one": 1, "many": _LARGEST_QUANTITY}

        answer = await self.push(connector, *(StockUpdate(sku, warehouse, n) for sku, n in wanted.items()))

        assert self.accepted(answer)
        assert await self.stock(warehouse) == wanted
        await connector.aclose()

    async def test_an_unknown_sku_is_rejected_alone(self) -> None:
        """One bad row costs only itself, wherever it stands, and says why."""
        connector, warehouse = self.connect(), self.warehouses[0]
        good = [StockUpdate("sku-1", warehouse, 1), StockUpdate("sku-2", warehouse, 0)]
        bad = StockUpdate(self.unlisted_sku(), warehouse, 3)
        for updates in ((bad, *good), (good[0], bad, good[1]), (*good, bad)):
            outcomes = {o.update: o for o in (await self.push(connector, *updates)).outcomes}
            assert outcomes[bad].kind is OutcomeKind.REJECTED
            assert outcomes[bad].reason is Reason.NOT_LISTED
            assert outcomes[bad].message
            assert {outcomes[update].kind for update in good} == {OutcomeKind.ACCEPTED}
        assert await self.stock(warehouse) == {"sku-1": 1, "sku-2": 0}
        await connector.aclose()

    async def test_a_call_may_hold_nothing_but_unknown_skus(self) -> None:
        """All rows refused is still an answer about rows."""
        connector, warehouse = self.connect(), self.warehouses[0]

        answer = await self.push(connector, StockUpdate(self.unlisted_sku(), warehouse, 3))

        assert [outcome.kind for outcome in answer.outcomes] == [OutcomeKind.REJECTED]
        await connector.aclose()

    async def test_skus_are_text_and_arrive_unchanged(self) -> None:
        """Quotes, slashes, blanks, other scripts, digits, up to the longest SKU."""
        connector, warehouse = self.connect(), self.warehouses[0]
        longest = self.plugin.capabilities.max_sku_length or 50
        skus = [*_ODD_SKUS, "x" * longest, "ü" * longest]
        updates = [StockUpdate(sku, warehouse, n) for n, sku in enumerate(skus)]

        for batch in self.batches(updates):
            assert self.accepted(await self.push(connector, *batch))

        assert await self.stock(warehouse) == {sku: n for n, sku in enumerate(skus)}
        await connector.aclose()

    async def test_warehouses_are_kept_apart(self) -> None:
        """The same SKU has a quantity of its own in each warehouse."""
        connector = self.connect()
        updates = [
            StockUpdate(sku, warehouse, 10 * row + column)
            for row, sku in enumerate(("sku-1", "sku-2"))
            for column, warehouse in enumerate(self.warehouses)
        ]

        for batch in self.batches(updates):
            assert self.accepted(await self.push(connector, *batch))

        for warehouse in self.warehouses:
            shown = {update.sku: update.quantity for update in updates if update.warehouse == warehouse}
            assert await self.stock(warehouse) == shown
        await connector.aclose()

    async def test_a_full_request_is_answered_row_by_row(self) -> None:
        """As many rows as the connector declares."""
        connector, warehouse = self.connect(), self.warehouses[0]
        capabilities = self.plugin.capabilities
        size = capabilities.max_rows_per_request or capabilities.limits.rows_per_request
        updates = [StockUpdate(f"sku-{n}", warehouse, n) for n in range(size)]

        assert self.accepted(await self.push(connector, *updates))
        assert len(await self.stock(warehouse)) == size
        await connector.aclose()

    async def test_several_calls_may_be_under_way_at_once(self) -> None:
        """Calls do not mix their rows up."""
        connector, warehouse = self.connect(), self.warehouses[0]
        calls = [
            self.push(connector, StockUpdate(f"a-{n}", warehouse, n), StockUpdate(f"b-{n}", warehouse, n))
            for n in range(self.plugin.capabilities.limits.in_flight)
        ]

        answers = await asyncio.gather(*calls)

        assert all(self.accepted(answer) for answer in answers)
        assert len(await self.stock(warehouse)) == 2 * len(calls)
        await connector.aclose()

    async def test_check_answers_in_one_line(self) -> None:
        """People read it."""
        connector = self.connect()

        answer = await connector.check()

        assert answer.said.isprintable()
        assert not [secret for secret in self.secrets() if secret in repr(answer)]
        assert answer.server_time is None or math.isfinite(answer.server_time)
        await connector.aclose()

    async def test_a_call_that_fails_raises_a_connector_error_without_secrets(self) -> None:
        """Nothing else escapes, and no traceback shows what must not be shown."""
        for connector in self.failing_connectors():
            with pytest.raises(ConnectorError) as raised:
                await connector.push([StockUpdate("sku-1", self.warehouses[0], 1)])
            shown = "".join(traceback.format_exception(raised.value)) + repr(raised.value)
            assert not [secret for secret in self.secrets() if secret in shown]
            await connector.aclose()

    async def test_a_call_that_fails_tells_a_wait_that_makes_sense_or_none(self) -> None:
        """Seconds from now, never before now, never for ever."""
        for connector in self.failing_connectors():
            with pytest.raises(ConnectorError) as raised:
                await connector.push([StockUpdate("sku-1", self.warehouses[0], 1)])
            if isinstance(raised.value, TryLater | Throttled):
                told = raised.value.retry_after
                assert told is None or (told >= 0 and math.isfinite(told))
            await connector.aclose()

    def test_the_declared_capabilities_make_sense(self) -> None:
        """Defaults stay within the marketplace's own limits."""
        capabilities = self.plugin.capabilities
        limits = capabilities.limits

        assert 1 <= limits.rows_per_request <= (capabilities.max_rows_per_request or limits.rows_per_request)
        assert limits.burst >= 1
        assert limits.in_flight >= 1
        assert limits.timeout > 0
        if capabilities.rows_are_counted:
            assert limits.rows_per_request <= limits.burst

    def test_settings_are_frozen_and_refuse_unknown_keys(self) -> None:
        """A misspelt key is an error, not a default."""
        assert self.plugin.settings.model_config.get("frozen") is True
        with pytest.raises(ValidationError, match="extra"):
            self.plugin.settings.model_validate({"no_such_key": 1})

    async def test_the_example_is_a_working_channel_table(self) -> None:
        """`syncd init` writes it; its account has a name without secrets; nothing is sent by connecting."""
        (channel,) = tomllib.loads(self.plugin.example)["channels"].values()
        assert channel.pop("connector")
        channel.pop("warehouses", None)

        settings = self.plugin.settings.model_validate(
            channel, context={"secrets": lambda _reference: "resolved-secret"}
        )

        assert "resolved-secret" not in repr(settings) + self.plugin.account(settings)
        assert all(url.startswith(("https://", "http://")) for url in self.plugin.addresses(settings))
        await self.plugin.connect(settings, Surroundings(now=lambda: 0.0, timeout=1.0)).aclose()
