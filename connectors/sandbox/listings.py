"""Which SKUs a marketplace of the sandbox knows, and under which ids."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

UNKNOWN = r"UNKNOWN-"
"""SKUs that begin like this are listed nowhere, unless said otherwise."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One SKU that the shop sells. `id` is the marketplace's product id; variants of a product share it."""

    sku: str
    id: str
    external_id: str = ""


class Listings:
    """Either the named SKUs only, or every SKU except those whose beginning matches `unknown`.

    Ids are derived from the SKU, unless named. A SKU that nobody has named or mentioned yet has no id that
    could be looked up.
    """

    def __init__(self, derive: Callable[[str], Listing]) -> None:
        self._derive = derive
        self._unknown = re.compile(UNKNOWN)
        self._everything = True
        self._named: dict[str, Listing] = {}
        self._seen: dict[str, None] = {}
        self._by_id: dict[str, list[Listing]] = {}
        self._not_indexed: list[str] = []

    def everything(self, *, unknown: str = UNKNOWN) -> None:
        """List every SKU except those whose beginning matches the pattern `unknown`."""
        self._unknown = re.compile(unknown)
        self._everything = True

    def only(self, listings: Iterable[str | Listing]) -> None:
        """List these and no others."""
        self.clear()
        self._everything = False
        self.name(listings)

    def name(self, listings: Iterable[str | Listing]) -> None:
        """List these too, with their own ids where given."""
        for listing in listings:
            named = self._derive(listing) if isinstance(listing, str) else listing
            self._named[named.sku] = named
            self._seen[named.sku] = None
        self._by_id.clear()
        self._not_indexed = list(self._seen)

    def find(self, sku: str) -> Listing | None:
        """The listing of a SKU, None where the shop does not sell it."""
        named = self._named.get(sku)
        if named is not None:
            return named
        if not self._everything or self._unknown.match(sku):
            return None
        if sku not in self._seen:
            self._seen[sku] = None
            self._not_indexed.append(sku)
        return self._derive(sku)

    def find_by_id(self, identifier: str) -> Listing | None:
        """The listing with this `id`; None where there is none, or where several variants share it."""
        return self._only_one(f"id:{identifier}")

    def find_by_external_id(self, identifier: str) -> Listing | None:
        """The listing with this `external_id`, with the same exception."""
        return self._only_one(f"external:{identifier}")

    def _only_one(self, key: str) -> Listing | None:
        # What was mentioned may have been taken out of the shop since.
        found = [listing for listing in self._index().get(key, ()) if self.find(listing.sku) is not None]
        return found[0] if len(found) == 1 else None

    def all(self) -> list[Listing]:
        """The listings named or mentioned so far that the shop still sells, oldest first."""
        return [listing for listing in map(self.find, self.skus()) if listing is not None]

    def skus(self) -> list[str]:
        """The SKUs named or mentioned so far, oldest first."""
        return list(self._seen)

    def clear(self) -> None:
        """Forget what was named and mentioned, and list every SKU again."""
        self._everything = True
        self._unknown = re.compile(UNKNOWN)
        self._named.clear()
        self._seen.clear()
        self._by_id.clear()
        self._not_indexed.clear()

    def _index(self) -> dict[str, list[Listing]]:
        """Ids are seldom asked for, so they are indexed when asked for, and only what came since."""
        for sku in self._not_indexed:
            listing = self._named.get(sku) or self._derive(sku)
            self._by_id.setdefault(f"id:{listing.id}", []).append(listing)
            if listing.external_id:
                self._by_id.setdefault(f"external:{listing.external_id}", []).append(listing)
        self._not_indexed.clear()
        return self._by_id
