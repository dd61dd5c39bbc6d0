"""The SKUs that are known, without a database."""


class Known:
    """As `syncd.sources.rows.KnownSkus` asks."""

    def __init__(self, skus=()):
        self._skus = sorted(skus)

    def knows(self, sku):
        return sku in self._skus

    def digits_between(self, low, high):
        return [
            sku
            for sku in self._skus
            if low <= sku <= high and len(sku) == len(low) and sku.isascii() and sku.isdigit()
        ][:2]
