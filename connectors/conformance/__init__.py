"""What every connector must hold, as a test class to subclass. Needs pytest; nothing imports it at run time.

    class TestShopee(ConnectorConformance):
        plugin = syncd_shopee.plugin
        warehouses = ("7", "8")
        ...

A conftest.py beside it needs two things: `pytest.register_assert_rewrite("connectors.conformance")`, before
that is imported, and a session fixture `anyio_backend` that returns "asyncio". What a subclass says stands in
`subject.py`.
"""

from connectors.conformance.suite import ConnectorConformance

__all__ = ["ConnectorConformance"]
