"""The marketplace in a dict does wrong only what it is told to."""

import pytest

from connectors import OutcomeKind, StockUpdate, Surroundings, Throttled, TryLater
from connectors.memory import MemoryMarketplace, plugin_for

pytestmark = pytest.mark.anyio

UPDATE = [StockUpdate("a", "", 1)]


@pytest.fixture
def market():
    return MemoryMarketplace()


@pytest.fixture
def connector(market):
    plugin = plugin_for(market)
    return plugin.connect(plugin.settings(), Surroundings(now=lambda: 0.0, timeout=1.0))


async def test_errors_come_in_the_order_given_and_then_end(market, connector):
    market.fail_next(TryLater("first"))
    market.fail_next(Throttled("second", retry_after=1.0))

    with pytest.raises(TryLater, match="first"):
        await connector.push(UPDATE)
    with pytest.raises(Throttled, match="second"):
        await connector.push(UPDATE)

    assert market.stock == {}
    assert (await connector.push(UPDATE)).outcomes[0].kind is OutcomeKind.ACCEPTED


async def test_an_error_may_come_after_the_effect(market, connector):
    market.fail_next(TryLater("answer lost"), takes_effect=True)

    with pytest.raises(TryLater):
        await connector.push(UPDATE)

    assert market.stock == {("a", ""): 1}


async def test_every_call_that_arrives_is_remembered(market, connector):
    market.fail_next(TryLater("down"))
    with pytest.raises(TryLater):
        await connector.push(UPDATE)
    await connector.push(UPDATE)

    assert market.received == [tuple(UPDATE), tuple(UPDATE)]


async def test_channels_of_one_plugin_share_the_marketplace(market, connector):
    plugin = plugin_for(market)
    other = plugin.connect(plugin.settings(shop="other"), Surroundings(now=lambda: 0.0, timeout=1.0))

    await connector.push(UPDATE)
    await connector.renew()

    assert (await other.check()).said == "in memory; 1 listings have a stock"
