"""Tables of syncd.toml that name what else is written about listings: files, and a query."""

from typing import Self

from pydantic import Field, model_validator

from syncd.config.table import Table
from syncd.config.values import LocalPath


class ListingsConfig(Table):
    """What SKUs are called on this channel: a file, or a query on somebody else's SQLite database.

    Columns: `sku`; one of the marketplace's identifiers, or none where it knows the SKU by its own name; and
    `warehouse`, blank for all.
    """

    file: LocalPath | None = None
    """A CSV or TSV file, read anew whenever it changes."""
    path: LocalPath | None = None
    """A database file, which is only read."""
    query: str | None = Field(default=None, min_length=1)
    """Gives the same columns from the database at `path`."""

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if self.file is not None and (self.path is not None or self.query is not None):
            raise ValueError("names both a file and a database: keep file, or path and query")
        if self.file is None and (self.path is None or self.query is None or not self.query.strip()):
            raise ValueError(
                'must have file = "listings.csv", or path = "erp.db" with query = "SELECT sku, … FROM …"'
            )
        return self


class BundlesConfig(Table):
    """SKUs that are sold together as another one: its stock is what its components make, at each location."""

    file: LocalPath
    """A CSV or TSV file with the columns `bundle_sku`, `component_sku` and `units`, read anew whenever it
    changes."""
