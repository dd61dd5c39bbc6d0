"""The server in a real daemon, over real HTTP: who is let in, and what it bears."""

import json
import signal
import socket
import sqlite3
import time
from contextlib import closing

import pytest
from processes import eventually, files_holding
from status_page import TOKEN, Client, free_port

SLOW_FORM = (
    b"POST /login HTTP/1.1\r\nHost: x\r\nOrigin: http://x\r\nX-Real-IP: 1\r\nContent-Length: 9\r\n\r\na"
)
POLICY = ("default-src 'none'", "script-src 'self'", "form-action 'self'", "frame-ancestors 'none'")


def test_on_this_machine_the_page_is_read_without_a_token(client):
    answer = client.ask("/")
    assert answer.status == 200
    assert '<h1 id="sentence"' in answer.text
    assert 'action="/act"' not in answer.text, "no form acts before the token was shown"


@pytest.mark.parametrize(
    "path", ["/", "/login", "/static/style.css", "/nothing", "/sku?sku=x", "/imports/99"]
)
def test_every_answer_carries_what_keeps_browsers_careful(client, path):
    fields = client.ask(path).fields
    assert all(one in fields["content-security-policy"] for one in POLICY)
    assert "unsafe" not in fields["content-security-policy"]
    assert (fields["x-content-type-options"], fields["x-frame-options"]) == ("nosniff", "DENY")
    assert fields["referrer-policy"] == "same-origin"
    assert "server" not in fields
    assert ("no-store" in fields["cache-control"]) is not path.startswith("/static")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:9320", "127.0.0.1.evil.example"])
def test_a_name_that_was_bound_to_this_machine_reads_nothing(client, host):
    answer = client.ask("/", Host=host)
    assert answer.status == 421
    assert "sentence" not in answer.text


def test_a_request_without_a_host_is_refused(site):
    assert _raw(site.port, b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 421")


def test_what_comes_through_a_proxy_needs_the_token(client):
    assert client.ask("/", X_Forwarded_For="203.0.113.9").status == 401
    html = client.ask("/?q=1", X_Forwarded_For="203.0.113.9", Accept="text/html")
    assert (html.status, html.fields["location"]) == (303, "/login?next=/")
    given = {"X_Forwarded_For": "203.0.113.9", "Authorization": f"Bearer {TOKEN}"}
    assert client.ask("/", Host="shop.example", **given).status == 200


class TestLoggingIn:
    def test_the_token_begins_a_session_in_a_cookie_that_scripts_and_other_sites_do_not_get(self, client):
        cookie = client.log_in().fields["set-cookie"]
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
        assert TOKEN not in cookie
        assert 'action="/act"' in client.ask("/").text or "/confirm?" in client.ask("/").text

    def test_behind_a_proxy_with_tls_the_cookie_stays_on_tls(self, client):
        answer = client.post(
            "/login", {"token": TOKEN}, X_Forwarded_Proto="https", X_Forwarded_For="203.0.113.9"
        )
        assert "Secure" in answer.fields["set-cookie"].split("; ")

    def test_a_wrong_token_is_told_and_after_three_has_to_wait(self, new_site):
        client = new_site().opened().client
        answers = [client.log_in("canary-wrong-token") for _ in range(4)]
        assert [answer.status for answer in answers] == [401, 401, 401, 429]
        assert int(answers[-1].fields["retry-after"]) >= 1
        assert client.log_in().status == 429, "the right one has to wait too"
        bearer = client.ask("/", Authorization=f"Bearer {TOKEN}")
        assert bearer.status == 429

    def test_logging_out_ends_the_session(self, client):
        client.log_in()
        cookie = client.cookie
        client.post("/logout", {"form_token": client.form_token})
        client.cookie = cookie
        assert client.act("reconcile").status == 401

    def test_logging_in_is_not_done_by_another_site(self, client):
        assert client.post("/login", {"token": TOKEN}, Origin="http://evil.example").status == 403


class TestActing:
    def test_needs_the_token(self, client):
        assert client.act("reconcile").status == 401

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Origin": None},
            {"Sec_Fetch_Site": "cross-site"},
            {"Sec_Fetch_Site": "same-site"},
        ],
    )
    def test_from_another_site_does_nothing_whatever_the_session(self, client, headers):
        client.log_in()
        fields = {"action": "retry", "form_token": client.form_token}
        assert client.post("/act", fields, **headers).status == 403

    def test_needs_a_form_of_the_session(self, client, site):
        other = Client(site.port)
        other.log_in()
        client.log_in()
        for token in ("", "canary-form", other.form_token):
            client.form_token = token
            assert client.act("retry").status == 403

    def test_is_never_done_by_reading(self, client):
        client.log_in()
        assert client.ask("/act?action=retry").status == 405

    @pytest.mark.parametrize(
        "fields", [{"action": "drop"}, {"action": "approve"}, {"action": "approve", "id": "x"}]
    )
    def test_of_what_is_not_understood_does_nothing(self, client, fields):
        client.log_in()
        assert client.post("/act", {"form_token": client.form_token, **fields}).status == 400

    def test_on_what_is_not_there_says_so_in_words(self, client):
        client.log_in()
        done = client.act("approve", id="99")
        assert done.status == 303
        assert "refused: there is no import 99" in client.ask(done.fields["location"]).text

    def test_with_a_bearer_needs_no_form(self, client):
        answer = client.ask(
            "/act", "POST", "action=retry", Authorization=f"Bearer {TOKEN}",
            Content_Type="application/x-www-form-urlencoded",
        )  # fmt: skip
        assert (answer.status, answer.text) == (200, "0 listings are due again")
        assert client.ask("/act", "POST", "action=retry", Authorization="Bearer canary-wrong").status == 401


@pytest.fixture(scope="module")
def unlocked(new_site):
    return new_site(server=lambda port: f'listen = "127.0.0.1:{port}"').opened().client


def test_without_a_token_reading_is_free_and_acting_is_explained(unlocked):
    assert unlocked.ask("/").status == 200
    answer = unlocked.act("retry")
    assert answer.status == 403
    assert "server.token" in answer.text
    assert "No token is configured" in unlocked.ask("/login").text


def test_without_a_token_an_empty_one_opens_nothing(unlocked):
    assert unlocked.log_in("").status == 401
    assert unlocked.ask("/act", "POST", "action=retry", Authorization="Bearer ").status != 200


def test_for_other_machines_everything_needs_the_token(new_site):
    site = new_site(server=lambda port: f'listen = "0.0.0.0:{port}"\ntoken = "{TOKEN}"').opened()
    client = site.client
    for path in ("/", "/sku?sku=x", "/events", "/imports/1", "/metrics"):
        assert client.ask(path).status == 401, path
    assert client.ask("/static/style.css").status == 200
    assert client.log_in().status == 303
    assert client.ask("/").status == 200


class TestBounds:
    def test_a_large_form_is_refused(self, client):
        client.log_in()
        assert client.post("/act", {"action": "retry", "sku": "x" * 40_000}).status == 413

    def test_a_large_head_is_refused(self, site):
        head = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X: y\r\n" * 10_000
        assert _raw(site.port, head).startswith((b"HTTP/1.1 400", b"HTTP/1.1 431"))

    @pytest.mark.parametrize("said", [b"", b"GET / HT", SLOW_FORM])
    def test_who_never_finishes_a_request_is_cut_off(self, site, said):
        started = time.monotonic()
        _raw(site.port, said, wait=20)
        assert 5 < time.monotonic() - started < 15

    def test_event_streams_are_bounded_and_the_rest_goes_on(self, site, client):
        streams = [_open_stream(site.port) for _ in range(40)]
        try:
            heads = [stream.recv(12) for stream in streams]
            assert heads.count(b"HTTP/1.1 200") == 30
            assert heads.count(b"HTTP/1.1 503") == 10
            assert client.ask("/").status == 200
        finally:
            for stream in streams:
                stream.close()
        eventually(lambda: _is_let_in(site.port), "closed streams make room")


def _is_let_in(port):
    with closing(_open_stream(port)) as stream:
        return stream.recv(12) == b"HTTP/1.1 200"


def test_changes_are_told(site):
    with closing(_open_stream(site.port)) as stream:
        stream.settimeout(20)
        heard = _read_until(stream, b"event: changed")
        site.drop({"A": 1}, "told.csv")
        _read_until(stream, b"event: changed", heard.partition(b"event: changed")[2])


def test_it_ends_within_two_seconds_with_streams_open_and_clients_that_hang(new_site):
    site = new_site().opened()
    streams = [_open_stream(site.port) for _ in range(5)]
    for stream in streams:
        stream.recv(12)
    hanging = socket.create_connection(("127.0.0.1", site.port))
    hanging.send(b"GET / HTTP/1.1\r\n")
    started = time.monotonic()
    assert site.terminate() == 0
    assert time.monotonic() - started < 3
    assert all(_ended(one) for one in streams)
    for one in (*streams, hanging):
        one.close()
    assert "Traceback" not in site.log.read_text()


def test_a_second_signal_is_still_heard(new_site):
    """Of itself uvicorn would take the signals for itself."""
    site = new_site().opened()
    site.process.send_signal(signal.SIGINT)
    assert site.ended() == 0
    assert "signal=SIGINT" in site.log.read_text()


def test_a_port_that_is_taken_does_not_stop_the_stock(new_site, served):
    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        site = new_site(server=lambda _: f'listen = "127.0.0.1:{port}"')
        site.started()
        site.drop({"TAKEN-1": 7})
        eventually(lambda: served.ask(_shows("TAKEN-1", 7)), "stock is pushed all the same")
        [line] = [line for line in site.log.read_text().splitlines() if "server_unavailable" in line]
        assert f"127.0.0.1:{port}" in line
        assert "Address already in use" in line
    assert site.terminate() == 0


def test_nothing_is_served_where_nothing_is_to_be_served(new_site):
    site = new_site(server=lambda _: 'listen = ""')
    site.started()
    with pytest.raises(ConnectionRefusedError):
        site.client.ask("/")
    assert site.terminate() == 0


def test_the_token_is_written_nowhere(new_site):
    site = new_site(server=lambda port: f'listen = "127.0.0.1:{port}"\ntoken = {{ file = "token" }}')
    (site.folder / "token").write_text(TOKEN)
    (site.folder / "token").chmod(0o600)
    site.opened()
    site.client.log_in()
    site.client.act("retry")
    site.client.ask("/", Authorization=f"Bearer {TOKEN}")
    site.client.ask(f"/nothing/{TOKEN}")
    assert TOKEN not in site.client.ask("/").text
    site.terminate()
    assert files_holding(site.folder, TOKEN) == ["token"]
    with closing(sqlite3.connect(site.state)) as state:
        assert json.dumps(state.execute("SELECT actor FROM action").fetchall()) == '[["page from 127.0.0.1"]]'


def _shows(sku, quantity):
    return lambda sandbox: all(one.stock().get(sku) == quantity for one in sandbox.marketplaces.values())


def _raw(port, said, wait=5):
    with closing(socket.create_connection(("127.0.0.1", port), timeout=wait)) as connection:
        connection.sendall(said)
        heard = b""
        try:
            while part := connection.recv(1 << 16):
                heard += part
                if b"\r\n\r\n" in heard:
                    break
        except ConnectionResetError:
            pass
        return heard


def _open_stream(port):
    stream = socket.create_connection(("127.0.0.1", port), timeout=10)
    stream.sendall(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n")
    return stream


def _read_until(stream, words, heard=b""):
    while words not in heard:
        part = stream.recv(1 << 16)
        assert part, f"the stream ended before {words}: {heard}"
        heard += part
    return heard


def _ended(stream):
    stream.settimeout(2)
    try:
        while stream.recv(1 << 16):
            pass
    except ConnectionResetError:
        pass
    return True
