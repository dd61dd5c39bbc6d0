# ruff: noqa: S101 - a test suite
"""What every connector must hold of the identifiers that listings are known by."""

import re

from connectors.conformance.subject import Subject
from connectors.contract import Identifier, OutcomeKind, Reason, StockUpdate


class IdentifierConformance(Subject):
    """The part of the contract that is about `StockUpdate.identifier`, as tests."""

    async def test_listings_are_found_by_each_kind_of_identifier_in_one_request(self) -> None:
        """One SKU may have several listings; its own name is then nobody's. Quantities find their listing."""
        connector, warehouse = self.connect(), self.warehouses[0]
        wanted = {"other": 1}
        updates = [StockUpdate("other", warehouse, 1)]
        for place, kind in enumerate(self.plugin.capabilities.identifier_kinds):
            for number in range(2):
                listing = f"{kind}-{number}"
                wanted[listing] = 10 * place + number
                identifier = self.identifier(kind, listing)
                updates.append(StockUpdate("one", warehouse, wanted[listing], identifier))

        for batch in self.batches(updates[::-1]):
            assert self.accepted(await self.push(connector, *batch))

        assert await self.stock(warehouse) == wanted
        await connector.aclose()

    async def test_a_listing_known_otherwise_has_a_quantity_in_each_warehouse(self) -> None:
        """The warehouses of one identifier are kept apart, as those of a SKU are."""
        for kind in self.plugin.capabilities.identifier_kinds:
            connector, listing = self.connect(), f"of-{kind}"
            identifier = self.identifier(kind, listing)
            updates = [
                StockUpdate("one", warehouse, number, identifier)
                for number, warehouse in enumerate(self.warehouses)
            ]

            for batch in self.batches(updates):
                assert self.accepted(await self.push(connector, *batch))

            for number, warehouse in enumerate(self.warehouses):
                assert (await self.stock(warehouse))[listing] == number
            await connector.aclose()

    async def test_skus_whose_names_are_exchanged_are_not_mixed_up(self) -> None:
        """A marketplace's SKU may be the seller's name of something else."""
        connector, warehouse = self.connect(), self.warehouses[0]
        updates = [
            StockUpdate("a", warehouse, 1, Identifier("sku", "b")),
            StockUpdate("b", warehouse, 2, Identifier("sku", "a")),
        ]

        assert self.accepted(await self.push(connector, *updates))

        assert await self.stock(warehouse) == {"b": 1, "a": 2}
        await connector.aclose()

    async def test_an_unknown_identifier_of_any_kind_is_rejected_alone(self) -> None:
        """Each row gets its own verdict, by whatever it was named."""
        connector, warehouse = self.connect(), self.warehouses[0]
        kinds = self.plugin.capabilities.identifier_kinds
        bad = [
            StockUpdate("one", warehouse, place, self.unlisted_identifier(kind))
            for place, kind in enumerate(kinds)
        ]
        good = [
            StockUpdate("one", warehouse, place, self.identifier(kind, f"of-{kind}"))
            for place, kind in enumerate(kinds)
        ]
        mixed = [update for pair in zip(bad, good, strict=True) for update in pair]

        for updates in (mixed, mixed[::-1]):
            outcomes = {o.update: o for o in (await self.push(connector, *updates)).outcomes}
            assert {outcomes[update].kind for update in good} == {OutcomeKind.ACCEPTED}
            for update in bad:
                assert outcomes[update].kind is OutcomeKind.REJECTED
                assert outcomes[update].reason is Reason.NOT_LISTED
                assert outcomes[update].message

        assert await self.stock(warehouse) == {f"of-{kind}": place for place, kind in enumerate(kinds)}
        await connector.aclose()

    def test_the_declared_identifiers_make_sense(self) -> None:
        """Listings are known by their SKU if by nothing else, and each kind's form fits what there is."""
        capabilities = self.plugin.capabilities
        kinds = capabilities.identifier_kinds

        assert "sku" in kinds
        assert len(set(kinds)) == len(kinds)
        assert all(kind and kind.isprintable() and " " not in kind for kind in kinds)
        assert capabilities.identifier_forms.keys() <= set(kinds)
        for kind, form in capabilities.identifier_forms.items():
            for identifier in (self.identifier(kind, "sku-1"), self.unlisted_identifier(kind)):
                assert re.fullmatch(form, identifier.value)
