"""The pure parts of the transport: what headers, bodies, texts and statuses mean."""

import contextlib
import json
import math

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import Allowance
from connectors.errors import (
    AnswerUnusable,
    AuthenticationExpired,
    BatchRefused,
    ChannelRefused,
    ConnectorError,
    Effect,
    Throttled,
    TryLater,
)
from connectors.transport import (
    Response,
    check_base_url,
    compact_json,
    error_for_status,
    parse_json,
    parse_retry_after,
    quoted,
    redacted,
)

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT
WAITS = [
    ("0", 0.0),
    (" 120 ", 120.0),
    ("0.25", 0.25),
    ("99999999", 99999999.0),
    ("1000000000", 1e9),
    ("Tue, 14 Nov 2023 22:14:20 GMT", 60.0),
    ("Tue, 14 Nov 2023 22:14:20 -0000", 60.0),
    ("Tue, 14 Nov 2023 21:00:00 GMT", 0.0),
    ("Tuesday, 14-Nov-23 22:14:20 GMT", 60.0),
    ("", None),
    ("-1", None),
    ("+5", None),
    ("5, 10", None),
    ("nan", None),
    ("inf", None),
    ("1e3", None),
    ("9" * 400, None),
    ("٣", None),
    ("soon", None),
    ("Tue, 99 Nov 2023 22:14:20 GMT", None),
]


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://fs.tokopedia.net", "https://fs.tokopedia.net"),
        ("https://partners-api.tocobagus.net/api/v1/", "https://partners-api.tocobagus.net/api/v1"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:1", "http://[::1]:1"),
        ("http://localhost:80/x", "http://localhost/x"),
    ],
)
def test_https_anywhere_and_http_to_this_machine_are_taken(url, kept):
    assert check_base_url(url) == kept


@pytest.mark.parametrize(
    "url",
    [
        "",
        "fs.tokopedia.net",
        "http://fs.tokopedia.net",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "https://",
        "https:///path",
        "ftp://fs.tokopedia.net",
        "https://user:password@fs.tokopedia.net",
        "https://fs.tokopedia.net?x=1",
        "https://fs.tokopedia.net/#top",
        "http://localhost\\@evil.example",
        "https://fs.tokopedia.net/\n",
        "https://fs.tokopedia.net:99999",
        "https://fś.example",
    ],
)
def test_any_other_base_url_is_refused(url):
    with pytest.raises(ValueError, match=r"must|is not"):
        check_base_url(url)


@given(st.text())
def test_whatever_is_given_as_base_url_the_only_error_is_a_value_error(url):
    try:
        kept = check_base_url(url)
    except ValueError:
        return
    assert kept.startswith(("https://", "http://"))


@pytest.mark.parametrize(("text", "seconds"), WAITS)
def test_retry_after_is_seconds_or_a_date_or_nothing(text, seconds):
    assert parse_retry_after({"retry-after": text}, NOW) == seconds


@given(st.text())
def test_retry_after_never_fails_and_is_never_negative_or_infinite(text):
    seconds = parse_retry_after({"retry-after": text}, NOW)

    assert seconds is None or (seconds >= 0 and math.isfinite(seconds))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"a": NaN}',
        b"[Infinity]",
        b'{"a": 1',
        b'"\xff"',
        '{"a": 1}'.encode("utf-16"),
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"1" * 5000,
        b'{"success":false,"success":true}',
        b'{"data":{"succeed_rows":1,"failed_rows":1,"succeed_rows":2}}',
        b'{"a":1,"a":{},"a":1}',
    ],
)
def test_what_is_not_json_in_utf_8_is_a_value_error(body):
    with pytest.raises(ValueError):  # noqa: PT011 - which words is the library's affair
        parse_json(body)


def test_the_same_said_twice_is_said_once():
    assert parse_json(b'{"a":1,"b":[],"a":1}') == {"a": 1, "b": []}


numbers = st.integers(-1, 99).map(str)
dates = st.builds(
    "{}, {} {} {} {}:{}:{} {}".format,
    st.sampled_from(["Tue", "Tuesday", ""]),
    numbers,
    st.sampled_from(["Nov", "nov", "13", ""]),
    st.sampled_from(["0", "1", "23", "1969", "2023", "9999", "99999"]),
    numbers,
    numbers,
    numbers,
    st.sampled_from(["GMT", "UTC", "", "+0000", "-0000", "+2400", "-9999", "+99999999", "EST"]),
)


@given(dates)
def test_no_date_however_odd_is_more_than_a_wait_or_nothing(text):
    seconds = parse_retry_after({"retry-after": text}, NOW)

    assert seconds is None or (seconds >= 0 and math.isfinite(seconds))


@given(st.binary())
def test_reading_any_bytes_raises_nothing_but_a_value_error(body):
    with contextlib.suppress(ValueError):
        parse_json(body)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_compact_json_is_read_back_as_it_was(value):
    assert json.loads(compact_json(value)) == value


def test_compact_json_is_what_javascript_writes():
    assert compact_json([{"sku": 'é"\n☕', "n": 1}]) == '[{"sku":"é\\"\\n☕","n":1}]'.encode()


@given(st.text(), st.text(min_size=1))
def test_a_quoted_text_is_one_short_printable_line_without_secrets(text, secret):
    line = quoted(f"{text}{secret}{text}", [secret])

    assert line.isprintable()
    assert len(line) <= 200
    assert secret not in redacted(f"{text}{secret}", [secret]).replace("[secret]", "")


def test_a_secret_at_the_edge_of_the_shortening_is_hidden_whole():
    assert "stkn" not in quoted("x" * 195 + "stkn_1G_R3r", ["stkn_1G_R3r"])


def test_the_longer_of_two_secrets_is_hidden_whole():
    assert redacted("abc-token-xyz", ["token", "abc-token-xyz"]) == "[secret]"


@pytest.mark.parametrize("value", [None, 1, [], {}, b"x"])
def test_what_is_not_text_is_quoted_as_nothing(value):
    assert quoted(value) == ""


@pytest.mark.parametrize(
    ("status", "kind", "effect"),
    [
        (200, AnswerUnusable, Effect.UNCERTAIN),
        (202, AnswerUnusable, Effect.UNCERTAIN),
        (301, ChannelRefused, Effect.NONE),
        (304, ChannelRefused, Effect.NONE),
        (307, ChannelRefused, Effect.NONE),
        (400, BatchRefused, Effect.NONE),
        (401, AuthenticationExpired, Effect.NONE),
        (403, ChannelRefused, Effect.NONE),
        (404, ChannelRefused, Effect.NONE),
        (405, ChannelRefused, Effect.NONE),
        (408, TryLater, Effect.AMBIGUOUS),
        (410, ChannelRefused, Effect.NONE),
        (413, BatchRefused, Effect.NONE),
        (421, TryLater, Effect.UNCERTAIN),
        (422, BatchRefused, Effect.NONE),
        (425, TryLater, Effect.UNCERTAIN),
        (429, Throttled, Effect.NONE),
        (500, TryLater, Effect.UNCERTAIN),
        (502, TryLater, Effect.AMBIGUOUS),
        (503, TryLater, Effect.UNCERTAIN),
        (504, TryLater, Effect.AMBIGUOUS),
        (599, TryLater, Effect.UNCERTAIN),
    ],
)
def test_a_status_alone_says_what_to_do_next(status, kind, effect):
    error = error_for_status(Response(status, {}, b""), NOW, said="words", code="C")

    assert (type(error), error.effect, error.status, error.code) == (kind, effect, status, "C")


@given(st.integers(100, 999))
def test_every_status_is_some_connector_error(status):
    assert isinstance(error_for_status(Response(status, {}, b""), NOW), ConnectorError)


def test_retry_after_goes_before_what_other_headers_told():
    told = Response(429, httpx.Headers({"Retry-After": "7"}), b"")
    untold = Response(429, httpx.Headers(), b"")

    assert error_for_status(told, NOW, retry_after=1.0).retry_after == 7.0
    assert error_for_status(untold, NOW, retry_after=1.0).retry_after == 1.0
    assert error_for_status(untold, NOW).retry_after is None


@pytest.mark.parametrize(("text", "seconds"), WAITS)
@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_whoever_says_try_later_or_too_fast_may_say_how_long(status, text, seconds):
    error = error_for_status(Response(status, {"retry-after": text}, b""), NOW, retry_after=None)

    assert error.retry_after == seconds


def test_what_else_was_told_of_a_limit_belongs_to_a_429_alone():
    allowance = Allowance(per_second=5.0, burst=5)
    refused = error_for_status(Response(429, {}, b""), NOW, allowance=allowance)
    down = error_for_status(Response(503, {}, b""), NOW, retry_after=9.0, allowance=allowance)

    assert refused.allowance == allowance
    assert down.retry_after is None
    assert error_for_status(Response(429, {}, b""), NOW).allowance == Allowance()
