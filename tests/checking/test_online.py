import asyncio
import time
from dataclasses import replace

import pytest

from connectors.contract import AccountCheck, Allowance
from connectors.errors import AuthenticationExpired, ChannelRefused, TryLater
from connectors.memory import MemoryConnector, MemoryMarketplace, plugin_for
from syncd.checking.online import (
    Remembered,
    check_channels,
    check_proxies,
    judge_clock,
    judge_limits,
    judge_right,
    judge_warehouses,
)

ABOUT = "channel shop"


class Told(MemoryConnector):
    """Answers a check as told, one answer after another, the last for ever."""

    def __init__(self, *answers):
        super().__init__(MemoryMarketplace())
        self.answers = list(answers)
        self.renewed = 0

    async def renew(self):
        self.renewed += 1

    async def check(self):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def asked(config, connector):
    """Ask the one channel of a configuration, through this connector."""
    channel = config.channels["shop"]
    plugin = replace(plugin_for(MemoryMarketplace()), connect=lambda *_: connector)
    config = replace(config, channels={"shop": replace(channel, plugin=plugin)})

    async def all_of_them():
        return [finding async for finding in check_channels(config)]

    return [one for one in asyncio.run(all_of_them()) if one.kind != "proxy_not_used"]


def test_an_account_that_answers_is_fine(configured, kinds):
    found = asked(configured(), Told(AccountCheck("signed in", may_update=True, server_time=time.time())))
    assert [one.kind.value for one in found] == ["signed_in", "clock", "may_update"]
    assert kinds(found) == []


def test_a_channel_that_is_not_enabled_is_not_asked(configured):
    config = configured()
    config = replace(config, channels={"shop": replace(config.channels["shop"], enabled=False)})
    assert asked(config, Told(ZeroDivisionError())) == []


def test_an_authorisation_that_ran_out_is_renewed_once(configured, kinds):
    connector = Told(AuthenticationExpired("expired"), AccountCheck("signed in", may_update=True))
    assert kinds(asked(configured(), connector)) == []
    assert connector.renewed == 1


def test_a_refused_account_is_found_with_code_and_remedy(configured):
    refusal = ChannelRefused("HTTP 403: shop gone: connect it again", code="RBAC_1", status=403)
    (found,) = asked(configured(), Told(refusal))
    assert found.kind == "account_refused"
    assert (found.what, found.remedy) == ("RBAC_1: HTTP 403: shop gone", "connect it again")


def test_a_marketplace_that_does_not_answer_is_found(configured):
    (found,) = asked(configured(), Told(TryLater("it did not answer within 30 s")))
    assert found.kind == "not_answered"
    assert found.remedy


def test_a_connector_that_breaks_costs_only_its_own_channel(configured):
    (found,) = asked(configured(), Told(KeyError("hush")))
    assert found.kind == "connector_failed"
    assert "KeyError" in found.what
    assert "hush" not in repr(found)


def test_a_clock_that_is_off_is_found_even_where_the_account_is_refused_for_it(configured, kinds):
    refusal = ChannelRefused("the timestamp is refused: check the clock", status=401)
    refusal.server_time = time.time() + 900
    assert kinds(asked(configured(), Told(refusal))) == ["clock_off", "account_refused"]


@pytest.mark.parametrize(
    ("offset", "expected", "word"),
    [
        (29.0, [], "right"),
        (-29.0, [], "right"),
        (31.0, ["clock_off"], "31 s behind"),
        (-7200.0, ["clock_off"], "7,200 s ahead of"),
    ],
)
def test_the_offset_of_the_clock_is_judged(kinds, offset, expected, word):
    found = list(judge_clock(ABOUT, offset))
    assert kinds(found) == expected
    assert word in found[0].what


def test_an_offset_that_is_not_known_is_not_judged():
    assert list(judge_clock(ABOUT, None)) == []


@pytest.fixture
def channel(configured):
    def build(**changes):
        return replace(configured().channels["shop"], **changes)

    return build


def test_a_warehouse_that_the_account_has_not_is_found(channel, kinds):
    mapped = channel(warehouses={"JKT": "1610", "SBY": "1612"})
    (found,) = judge_warehouses(ABOUT, mapped, AccountCheck("", warehouses=("1610", "1611")))
    assert found.kind == "warehouse_unknown"
    assert "'1612'" in found.what
    assert "'SBY'" in found.what
    assert "1610, 1611" in found.remedy
    assert kinds(judge_warehouses(ABOUT, mapped, AccountCheck("", warehouses=("1610", "1612")))) == []
    assert kinds(judge_warehouses(ABOUT, mapped, AccountCheck(""))) == []
    assert kinds(judge_warehouses(ABOUT, channel(), AccountCheck("", warehouses=("1",)))) == []


@pytest.mark.parametrize(
    ("may", "accepted", "weight", "word"),
    [
        (True, 0, "fine", "may update"),
        (False, 9, "problem", "may not"),
        (None, 9, "fine", "9 stock updates"),
        (None, 0, "note", "cannot be told without changing stock"),
    ],
)
def test_whether_stock_may_be_updated_is_told_from_what_is_known(may, accepted, weight, word):
    (found,) = judge_right(ABOUT, AccountCheck("", may_update=may), Remembered(accepted))
    assert (found.kind, found.weight) == ("may_update", weight)
    assert word in found.what


@pytest.mark.parametrize(
    ("paces", "found"),
    [
        ((50.0, 5.0, None), True),
        ((50.0, None, 5.0), True),
        ((5.0, 5.0, None), False),
        ((50.0, 100.0, 5.0), False),
        ((50.0, None, None), False),
        ((None, 5.0, 5.0), False),
    ],
)
def test_a_pace_above_what_is_announced_is_told(channel, kinds, paces, found):
    configured_pace, pace, announced = paces
    limits = replace(channel().limits, requests_per_second=configured_pace)
    answer = AccountCheck("", allowance=Allowance(per_second=announced))
    mine = channel(limits=limits, limits_set=frozenset({"requests_per_second"}))
    expected = ["limit_too_high"] if found else []
    assert kinds(judge_limits(ABOUT, mine, answer, Remembered(0, pace))) == expected
    assert kinds(judge_limits(ABOUT, channel(limits=limits), answer, Remembered(0, pace))) == []


def test_a_proxy_of_the_environment_is_told_without_its_password(kinds):
    found = list(check_proxies({"HTTPS_PROXY": "http://user:hush@proxy:3128"}))
    assert kinds(found) == ["proxy_not_used"]
    assert "hush" not in repr(found)
    assert list(check_proxies({})) == []
