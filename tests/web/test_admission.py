"""Who is let in: every rule by itself, without a server."""

import pytest

from syncd.web.admission import Door, Knock, Pass, Verdict, is_same_site, judge

LOCAL = Door("127.0.0.1", local=True, locked=True)
UNLOCKED = Door("127.0.0.1", local=True, locked=False)
FAR = Door("203.0.113.1", local=False, locked=True)


def knock(method="GET", path="/", host="127.0.0.1:9320", shown=Pass.NONE, **more):
    return Knock(method, path, host, shown, **more)


def post(shown=Pass.SESSION, origin="http://127.0.0.1:9320", **more):
    return knock("POST", "/act", shown=shown, origin=origin, **more)


@pytest.mark.parametrize("host", ["127.0.0.1:9320", "localhost:9320", "localhost", "[::1]:9320", "LOCALHOST"])
def test_this_machine_reads_freely_by_its_own_names(host):
    assert judge(knock(host=host), LOCAL) is Verdict.ADMITTED


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:9320", "", "127.0.0.1.evil.example", "127.0.0.1@evil", "[", "x:y:z"],
)
def test_another_name_for_this_machine_is_refused(host):
    assert judge(knock(host=host), LOCAL) is Verdict.WRONG_HOST
    assert judge(knock(host=host, path="/static/style.css"), LOCAL) is Verdict.WRONG_HOST
    assert judge(knock(host=host, path="/healthz"), LOCAL) is Verdict.WRONG_HOST


def test_the_configured_host_is_a_name_of_this_machine():
    assert judge(knock(host="127.0.0.2:80"), Door("127.0.0.2", local=True, locked=False)) is Verdict.ADMITTED


@pytest.mark.parametrize(
    "path", ["/", "/sku", "/imports/1", "/metrics", "/events", "/act", "/readyzx", "/loginx"]
)
def test_from_afar_every_page_needs_the_token(path):
    assert judge(knock(host="192.168.1.5:9320", path=path), FAR) is Verdict.MUST_LOG_IN
    for shown in (Pass.SESSION, Pass.TOKEN):
        assert judge(knock(host="192.168.1.5", path=path, shown=shown), FAR) is Verdict.ADMITTED


@pytest.mark.parametrize("path", ["/login", "/healthz", "/readyz", "/static/style.css"])
def test_from_afar_only_what_tells_nothing_is_open(path):
    assert judge(knock(host="192.168.1.5:9320", path=path), FAR) is Verdict.ADMITTED


def test_what_comes_through_a_proxy_comes_from_afar():
    assert judge(knock(host="shop.example", proxied=True), LOCAL) is Verdict.MUST_LOG_IN
    assert judge(knock(host="shop.example", proxied=True), UNLOCKED) is Verdict.NO_TOKEN
    assert judge(knock(host="shop.example", proxied=True, shown=Pass.SESSION), LOCAL) is Verdict.ADMITTED


def test_acting_needs_the_token_also_on_this_machine():
    assert judge(post(Pass.NONE), LOCAL) is Verdict.MUST_LOG_IN
    assert judge(post(Pass.NONE), UNLOCKED) is Verdict.NO_TOKEN
    assert judge(post(), LOCAL) is Verdict.ADMITTED


@pytest.mark.parametrize(
    "said",
    [
        {"origin": "http://evil.example"},
        {"origin": "https://127.0.0.1:9320.evil.example"},
        {"origin": "http://127.0.0.1:9321"},
        {"origin": "null"},
        {"origin": None},
        {"origin": "file://127.0.0.1:9320"},
        {"fetch_site": "cross-site"},
        {"fetch_site": "same-site"},
        {"fetch_site": "none"},
        {"origin": "http://evil.example", "fetch_site": "cross-site"},
    ],
)
def test_what_another_site_sends_does_nothing(said):
    assert judge(post(**said), LOCAL) is Verdict.CROSS_SITE
    assert judge(Knock("POST", "/login", "127.0.0.1:9320", Pass.NONE, **{"origin": None, **said}), LOCAL) is (
        Verdict.CROSS_SITE
    )


def test_what_browsers_say_of_the_site_is_believed_before_the_origin():
    """Behind a proxy the origin is the proxy's."""
    assert is_same_site(post(origin="https://shop.example", fetch_site="same-origin"))


def test_a_wrong_token_is_never_let_in_where_none_would_be():
    assert judge(knock(shown=Pass.WRONG_TOKEN), LOCAL) is Verdict.MUST_LOG_IN
    assert judge(post(Pass.WRONG_TOKEN), LOCAL) is Verdict.MUST_LOG_IN


def test_a_bearer_is_no_browser():
    assert judge(post(Pass.TOKEN, origin=None), LOCAL) is Verdict.ADMITTED


@pytest.mark.parametrize("method", ["PUT", "DELETE", "TRACE", "OPTIONS", "PATCH", "CONNECT"])
def test_other_methods_are_refused(method):
    assert judge(knock(method), LOCAL) is Verdict.WRONG_METHOD
