"""Both connectors against servers that write bytes: whatever comes, only a whole and sound answer confirms."""

import asyncio
import contextlib
import gzip
import json
import re

import anyio
import pytest

from connectors import (
    Answer,
    AnswerUnusable,
    BatchRefused,
    ChannelRefused,
    ConnectorError,
    Effect,
    OutcomeKind,
    Reason,
    StockUpdate,
    Surroundings,
    TryLater,
    tocobagus,
    tokopedia,
)

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\n"
UPDATES = [StockUpdate("a", "", 1), StockUpdate("b", "", 2)]
TOKEN = json.dumps({"access_token": "t", "expires_in": 3600}).encode()
SOUND = {
    "tokopedia": {
        "header": {"process_time": 0.1, "messages": "Your request has been processed successfully"},
        "data": {"total_data": 2, "succeed_rows": 2, "failed_rows": 0, "failed_rows_data": []},
    },
    "tocobagus": {
        "success": True,
        "requestId": "r",
        "data": {
            "summary": {"total": 2, "failed": 0, "pending": 2},
            "acceptedRows": [{"rowIndex": 0, "sku": "a"}, {"rowIndex": 1, "sku": "b"}],
            "errors": [],
            "batchId": "b",
        },
    },
}


def with_length(body, status=b"200 OK", headers=b""):
    return b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\n\r\n%b" % (status, headers, len(body), body)


def until_closed(body, headers=b""):
    return OK + headers + b"\r\n" + body


class Line:
    """A marketplace that signs in like any other, and answers a push with what a script writes."""

    def __init__(self, name):
        self.name = name
        self.sound = json.dumps(SOUND[name]).encode()
        self.pushes = 0
        self.connections = 0

    @contextlib.asynccontextmanager
    async def connected(self, script, seconds=2.0):
        async def converse(reader, writer):
            self.connections += 1
            try:
                with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                    while True:
                        head = await reader.readuntil(b"\r\n\r\n")
                        length = re.search(rb"(?i)\r\ncontent-length: *([0-9]+)", head)
                        await reader.readexactly(int(length[1]) if length else 0)
                        if b" /token" in head:
                            writer.write(with_length(TOKEN))
                            await writer.drain()
                            continue
                        self.pushes += 1
                        if not await script(writer):
                            return
            finally:
                writer.close()
                ended.set()

        ended = asyncio.Event()
        server = await asyncio.start_server(converse, "127.0.0.1", 0)
        connector = self._connect(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seconds)
        try:
            yield connector
        finally:
            await connector.aclose()
            server.close()
            if self.connections:
                await ended.wait()

    def _connect(self, url, seconds):
        surroundings = Surroundings(now=lambda: 1_700_000_000.0, timeout=seconds, in_flight=1)
        if self.name == "tokopedia":
            settings = {"fs_id": 1, "shop_id": 2, "client_id": "c", "client_secret": "hush"}
            addresses = {"base_url": url, "token_url": f"{url}/token"}
            plugin = tokopedia.plugin
        else:
            settings = {"partner_client_id": "p", "secret_key": "k", "store_client_id": "s"}
            addresses = {"store_token": "t", "base_url": f"{url}/api/v1"}
            plugin = tocobagus.plugin
        return plugin.connect(plugin.settings.model_validate(settings | addresses), surroundings)

    async def push(self, raw, seconds=2.0) -> Answer | ConnectorError:
        async def script(writer):
            writer.write(raw)
            await writer.drain()

        async with self.connected(script, seconds) as connector:
            try:
                return await connector.push(UPDATES)
            except ConnectorError as error:
                return error


@pytest.fixture(params=sorted(SOUND))
def line(request):
    return Line(request.param)


def accepted(came):
    return isinstance(came, Answer) and all(o.kind is OutcomeKind.ACCEPTED for o in came.outcomes)


async def test_a_sound_answer_is_taken_however_it_is_framed(line):
    chunks = b"".join(b"%x\r\n%b\r\n" % (1, line.sound[i : i + 1]) for i in range(len(line.sound)))
    for raw in (
        with_length(line.sound),
        until_closed(line.sound),
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n" + line.sound,
        with_length(b"\xef\xbb\xbf" + line.sound),
        with_length(gzip.compress(line.sound), headers=b"Content-Encoding: gzip\r\n"),
        with_length(line.sound, headers=b"Content-Type: text/html; charset=utf-16\r\n"),
    ):
        assert accepted(await line.push(raw)), raw


async def test_every_place_where_an_answer_may_end_too_early_leaves_nothing_confirmed(line):
    """Cut by a closed connection without a length: no library reports that."""
    for length in range(0, len(line.sound), 7):
        came = await line.push(until_closed(line.sound[:length]))

        assert (type(came), came.effect) == (AnswerUnusable, Effect.UNCERTAIN)


@pytest.mark.parametrize("marketplace", sorted(SOUND))
@pytest.mark.parametrize("left_out", [("a",), ("b",), ("a", "b")])
async def test_an_answer_that_ends_between_two_rows_proves_nothing(marketplace, left_out):
    """Read row by row it would be sound: but its counts tell how many there were."""
    line = Line(marketplace)
    whole = SOUND[marketplace]
    if marketplace == "tokopedia":
        short = whole | {"data": whole["data"] | {"succeed_rows": 2 - len(left_out)}}
    else:
        kept = [row for row in whole["data"]["acceptedRows"] if row["sku"] not in left_out]
        short = whole | {"data": whole["data"] | {"acceptedRows": kept}}

    came = await line.push(until_closed(json.dumps(short).encode()))

    assert {(o.kind, o.reason) for o in came.outcomes} == {(OutcomeKind.UNKNOWN, Reason.UNANSWERED)}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda sound: b"",
        lambda sound: b"<!DOCTYPE html><title>Maintenance</title>",
        lambda sound: sound.decode().encode("utf-16"),
        lambda sound: sound.decode().encode("utf-32"),
        lambda sound: sound.replace(b'"a"', b'"\xe9"').replace(b"success", b"succ\xe8s"),
        lambda sound: sound.replace(b"2", b"NaN"),
        lambda sound: sound.replace(b": 2", b": 1e999"),
        lambda sound: sound.replace(b": 2", b": " + b"2" * 5000),
        lambda sound: sound.replace(b": 2", b": 2.0"),
        lambda sound: sound.replace(b": 2", b': "2"'),
        lambda sound: b'{"x":' + b"[" * 200_000 + b"]" * 200_000 + b"," + sound[1:],
        lambda sound: sound + sound,
        lambda sound: sound + b"\x00",
        lambda sound: b"[" + sound + b"]",
        lambda sound: json.dumps(sound.decode()).encode(),
        lambda sound: sound.replace(b'"data": {', b'"data": {}, "data": {', 1),
        lambda sound: sound.replace(b"{", b'{"success": false, "error_message": ["no"], "error": 1,', 1),
    ],
    ids=[
        "empty", "a web page", "utf-16", "utf-32", "latin-1", "NaN", "infinite", "5000 digits", "a fraction",
        "text for a number", "nested", "twice", "a nul after it", "in a list", "in a text", "two data",
        "an error beside it",
    ],
)  # fmt: skip
async def test_what_cannot_be_trusted_confirms_nothing(line, spoil):
    came = await line.push(with_length(spoil(line.sound)))

    assert not accepted(came)
    if isinstance(came, Answer):
        assert {outcome.kind for outcome in came.outcomes} == {OutcomeKind.UNKNOWN}
    else:
        assert (type(came), came.effect) == (AnswerUnusable, Effect.UNCERTAIN)


@pytest.mark.parametrize(
    "raw",
    [
        OK + b"Content-Length: 3\r\nContent-Length: 5\r\n\r\n{}",
        OK + b"Content-Length: -1\r\n\r\n{}",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        OK + b"X-Odd: " + b"x" * 300_000 + b"\r\n\r\n{}",
        OK + b"no colon here\r\n\r\n{}",
        b"HTTP/1.1 2000 OK\r\n\r\n{}",
    ],
    ids=["two lengths", "less than no length", "bad chunk", "endless header", "no header", "2000"],
)
async def test_what_is_no_http_is_ambiguous(line, raw):
    came = await line.push(raw)

    assert (type(came), came.effect) == (TryLater, Effect.AMBIGUOUS)


async def test_a_status_without_a_body_proves_nothing(line):
    for status in (b"204 No Content", b"205 Reset Content", b"202 Accepted"):
        came = await line.push(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")

        assert (type(came), came.effect) == (AnswerUnusable, Effect.UNCERTAIN)


async def test_what_comes_before_the_answer_is_skipped(line):
    before = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"

    assert accepted(await line.push(before + with_length(line.sound)))


async def test_a_switch_of_protocols_that_nobody_asked_for_is_no_answer(line):
    came = await line.push(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" + line.sound)

    assert isinstance(came, TryLater)
    assert came.effect is not Effect.NONE


async def test_what_only_announces_an_answer_for_ever_is_ambiguous(line):
    async def hint(writer):
        while True:
            writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            await writer.drain()
            await anyio.sleep(0.02)

    async with line.connected(hint, seconds=0.4) as connector:
        with pytest.raises(TryLater) as raised:
            await connector.push(UPDATES)

    assert raised.value.effect is Effect.AMBIGUOUS


@pytest.mark.parametrize("status", [b"300 X", b"301 X", b"302 X", b"303 X", b"304 X", b"307 X", b"308 X"])
async def test_a_redirect_is_refused_and_its_target_never_hears_of_us(line, served, status):
    async with served(anyio.sleep_forever) as (elsewhere, reached):
        location = f"Location: {elsewhere}/\r\n".encode()
        came = await line.push(with_length(b"", status, location))

    assert (type(came), came.effect) == (ChannelRefused, Effect.NONE)
    assert reached == []


@pytest.mark.parametrize("status", [b"400 X", b"413 X", b"422 X"])
async def test_a_batch_that_is_refused_for_its_content_had_no_effect(line, status):
    for body in (b"", b"<html>too large</html>", b"null", b"{}"):
        came = await line.push(with_length(body, status))

        assert (type(came), came.effect) == (BatchRefused, Effect.NONE)


async def test_an_answer_that_drips_or_has_no_end_is_given_up(line):
    async def drip(writer):
        writer.write(OK + b"Content-Length: %d\r\n\r\n" % len(line.sound))
        for place in range(len(line.sound)):
            writer.write(line.sound[place : place + 1])
            await writer.drain()
            await anyio.sleep(0.05)

    async with line.connected(drip, seconds=0.4) as connector:
        with pytest.raises(TryLater) as raised:
            await connector.push(UPDATES)
    assert raised.value.effect is Effect.AMBIGUOUS

    bomb = gzip.compress(line.sound[:-1] + b" " * 50_000_000 + b"}")
    came = await line.push(with_length(bomb, headers=b"Content-Encoding: gzip\r\n"))
    assert (type(came), came.effect) == (AnswerUnusable, Effect.UNCERTAIN)


async def test_a_kept_connection_that_breaks_is_ambiguous_and_nothing_is_sent_twice(line):
    async def once(writer):
        if line.pushes > 1:
            return False
        writer.write(with_length(line.sound))
        await writer.drain()
        return True

    async with line.connected(once) as connector:
        assert accepted(await connector.push(UPDATES))
        with pytest.raises(TryLater) as raised:
            await connector.push(UPDATES)

    assert raised.value.effect is Effect.AMBIGUOUS
    assert (line.pushes, line.connections) == (2, 1)


async def test_an_answer_that_comes_while_nothing_is_asked_answers_nothing(line):
    """What was said to nobody ends the connection: it must not be taken for the answer to what comes next."""
    told_early = asyncio.Event()

    async def early(writer):
        if line.pushes == 1:
            writer.write(with_length(line.sound))
            await writer.drain()
            await anyio.sleep(0.1)
            writer.write(with_length(line.sound))
            await writer.drain()
            told_early.set()
            return True
        writer.write(with_length(b"{}", b"503 Down"))
        await writer.drain()
        return False

    async with line.connected(early) as connector:
        assert accepted(await connector.push(UPDATES))
        await told_early.wait()
        with pytest.raises(TryLater):
            await connector.push(UPDATES)

    assert line.connections == 2
