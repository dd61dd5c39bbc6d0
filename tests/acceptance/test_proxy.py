"""The proxy does what it says: what comes back of a request, and whether it arrived."""

import http.client
import json
from urllib.parse import urlsplit

import pytest
from processes import eventually
from proxy import Does, Proxy

BROKEN = (ConnectionError, http.client.HTTPException)
PUSH = "/api/v1/partner/stores/inventory"


@pytest.fixture
def proxy(served):
    with Proxy(served.url, seed=3) as proxy:
        yield proxy


def ask(proxy, method="PATCH", path=PUSH):
    """Send something that the marketplace answers with a refusal: it has arrived all the same."""
    parts = urlsplit(proxy.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=6)
    try:
        connection.request(method, path, body=b"{}")
        return connection.getresponse().read()
    finally:
        connection.close()


def arrived(served):
    return served.ask(lambda sandbox: len(sandbox.arrivals()))


def strike(proxy, does, **request):
    """Ask until the proxy does it: it lets some requests of a connection through first."""
    proxy.misbehave({does: 1.0})
    while True:
        try:
            answer = ask(proxy, **request)
        except (*BROKEN, TimeoutError) as error:
            answer = error
        if proxy.did[does]:
            return answer


@pytest.mark.parametrize("does", [Does.PASS, Does.DELAY, Does.DRIP])
def test_what_only_takes_time_brings_the_whole_answer(proxy, served, does):
    assert json.loads(strike(proxy, does))["success"] is False
    assert arrived(served) == len(proxy.exchanges)


@pytest.mark.parametrize("does", [Does.RESET_AFTER, Does.RESET_MIDWAY, Does.HALF_CLOSE, Does.TRUNCATE])
def test_an_answer_is_lost_or_broken_though_the_request_arrived(proxy, served, does):
    assert isinstance(strike(proxy, does), BROKEN)
    assert arrived(served) == len(proxy.exchanges)


@pytest.mark.parametrize("does", [Does.RESET_AT_ONCE, Does.RESET_BEFORE])
def test_a_reset_before_lets_nothing_through(proxy, served, does):
    assert isinstance(strike(proxy, does), BROKEN)
    assert arrived(served) == sum(exchange.does is Does.PASS for exchange in proxy.exchanges)


@pytest.mark.parametrize(("does", "arrives"), [(Does.BLACK_HOLE, False), (Does.ANSWER_SWALLOWED, True)])
def test_nothing_comes_back_until_patience_ends(proxy, served, does, arrives):
    assert isinstance(strike(proxy, does), TimeoutError)
    assert arrived(served) == len(proxy.exchanges) - (not arrives)
    eventually(lambda: proxy.exchanges[-1].ended < float("inf"), "the proxy sees that nobody waits any more")


def test_what_is_late_arrives_when_its_connection_is_gone(proxy, served):
    assert isinstance(strike(proxy, Does.LATE), BROKEN)
    eventually(lambda: arrived(served) == len(proxy.exchanges), "it arrives after all")
    assert proxy.exchanges[-1].released >= proxy.exchanges[-1].ended


def test_cut_at_a_row_is_a_shorter_answer_in_good_order(proxy, served):
    for _ in range(5):
        ask(proxy)
    cut = strike(proxy, Does.CUT_AT_ROW, method="GET", path="/sandbox/arrivals")

    assert cut.startswith(b"[{")
    assert cut.endswith(b"}")
    with pytest.raises(ValueError, match="delimiter"):
        json.loads(cut)


def test_when_it_behaves_it_only_passes_through(proxy, served):
    proxy.misbehave({Does.RESET_BEFORE: 1.0})
    proxy.behave()
    answers = [ask(proxy) for _ in range(3)]

    assert all(json.loads(answer) for answer in answers)
    assert proxy.did == {Does.PASS: 3}
