"""Documents that Tokopedia reads back, as far as its pages show them; zero values are left out."""

from collections.abc import Mapping
from typing import Any

from connectors.sandbox.listings import Listing


def product(listing: Listing, quantities: Mapping[str, int], shop_id: int, price: int) -> dict[str, Any]:
    """One entry of Get Product Info; `quantities` by warehouse, the default one first."""
    product_id = int(listing.id)
    quantity = next(iter(quantities.values()))
    return {
        "basic": {"productID": product_id, "shopID": shop_id, "status": 1, "name": listing.sku},
        "price": {"value": price, "currency": 1, "idr": price},
        "stock": _without_zero({"useStock": True, "value": quantity, "stockWording": ""}),
        **_without_zero({"main_stock": quantity, "reserve_stock": 0}),
        "variant": {},
        "other": {"sku": listing.sku, "url": ""},
        "warehouses": [
            {
                "productID": product_id,
                "warehouseID": int(warehouse),
                "price": {"value": price, "currency": 1, "idr": price},
                "stock": _without_zero({"useStock": True, "value": shown}),
            }
            for warehouse, shown in quantities.items()
        ],
    }


def shop(shop_id: int, warehouses: tuple[str, ...]) -> dict[str, Any]:
    """One entry of Get Shop Info; the first warehouse is the default one."""
    return {
        "shop_id": shop_id,
        "shop_name": "Sandbox",
        "warehouses": [
            {
                "warehouse_id": int(warehouse),
                "partner_id": {"Int64": 0, "Valid": False},
                "shop_id": {"Int64": shop_id, "Valid": True},
                "warehouse_name": f"Sandbox {warehouse}",
                "status": 1,
                "is_default": int(place == 0),
            }
            for place, warehouse in enumerate(warehouses)
        ],
    }


def _without_zero(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (0, "")}
