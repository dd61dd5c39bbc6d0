import contextlib
import io
import json
import logging
import os
import pty
import re
from urllib.parse import quote, quote_plus

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretBytes, SecretStr

from syncd import logs

SAVED = ("httpx", "httpcore", "apscheduler", "watchfiles", "asyncio", "uvicorn.access")


@pytest.fixture(autouse=True, scope="module")
def _leave_logging_as_it_was():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in SAVED}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def lines(write, form="auto", level="debug"):
    stream = io.StringIO()
    logs.configure(form, level, stream=stream, environ={})
    write(logs.get_logger("syncd.tests"))
    return stream.getvalue().splitlines()


def entries(write, level="debug"):
    return [json.loads(line) for line in lines(write, "json", level)]


def journal(tmp_path, write, *, environ=None):
    """What is written where stderr is the file that JOURNAL_STREAM names."""
    with (tmp_path / "journal").open("w+") as stream:
        status = os.fstat(stream.fileno())
        given = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"} if environ is None else environ
        logs.configure("auto", "debug", stream=stream, environ=given)
        write(logs.get_logger("syncd.tests"))
        stream.seek(0)
        return stream.read().splitlines()


def _break(message, cause=None):
    local = f"canary{message[:0]}-local"
    raise RuntimeError(message[: len(local) * 100]) from cause


def fail(log):
    try:
        _break("broken pipe\n<3>forged_event a=b \x1b[2J")
    except RuntimeError:
        log.exception("channel_held")


class TestText:
    def test_a_line_is_time_level_event_and_facts(self):
        [line] = lines(lambda log: log.info("batch_pushed", channel="toco", rows=100, ok=True, code=None))

        assert re.fullmatch(
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z info    batch_pushed channel=toco rows=100 ok=true "
            r"code=none logger=syncd\.tests",
            line,
        )

    def test_values_with_spaces_quotes_or_nothing_in_them_are_quoted(self):
        [line] = lines(lambda log: log.info("x_seen", a="b c", d='say "é"', e="", f="k=v", g="\\"))

        assert r'a="b c" d="say \"é\"" e="" f="k=v" g="\\"' in line

    @given(st.text())
    def test_no_value_can_start_a_line_or_move_a_terminal(self, sku):
        [*found] = lines(lambda log: log.info("row_rejected", sku=sku))

        assert len(found) == 1
        assert found[0].isprintable()

    def test_a_traceback_is_indented_so_that_no_line_of_it_passes_for_an_event(self):
        first, *trace = lines(fail)

        assert "channel_held" in first
        assert all(line.startswith("    ") and line.isprintable() for line in trace)
        assert "    RuntimeError: broken pipe" in trace


class TestJournal:
    @pytest.mark.parametrize(("level", "priority"), [("debug", 7), ("info", 6), ("warning", 4), ("error", 3)])
    def test_a_line_begins_with_its_priority_and_leaves_the_time_to_the_journal(
        self, tmp_path, level, priority
    ):
        [line] = journal(tmp_path, lambda log: getattr(log, level)("batch_pushed", rows=3))

        assert line == f"<{priority}>batch_pushed rows=3 logger=syncd.tests"

    def test_each_line_of_a_traceback_has_the_priority_too(self, tmp_path):
        found = journal(tmp_path, fail)

        assert all(line.startswith("<3>") for line in found)
        assert all(line.startswith("<3>    ") for line in found[1:])

    @pytest.mark.parametrize("environ", [{}, {"JOURNAL_STREAM": "1:2"}])
    def test_a_stream_that_is_not_the_journals_gets_no_priorities(self, tmp_path, environ):
        [line] = journal(tmp_path, lambda log: log.info("batch_pushed"), environ=environ)

        assert "<" not in line


def read_to_the_end(terminal):
    with contextlib.suppress(OSError):  # how a terminal says that the other side has closed it
        while True:
            yield os.read(terminal, 4096).decode()


class TestTerminal:
    def test_people_get_aligned_lines_without_control_characters_of_others(self):
        reader, writer = pty.openpty()
        with os.fdopen(writer, "w") as stream:
            logs.configure("auto", "info", stream=stream, environ={"NO_COLOR": "1"})
            logs.get_logger("syncd.tests").info("batch_pushed", sku="A\x1b[2J\nB", rows=3)
            fail(logs.get_logger("syncd.tests"))
        shown = "".join(read_to_the_end(reader))
        os.close(reader)

        assert "batch_pushed" in shown
        assert "rows=3" in shown
        assert "\x1b" not in shown
        assert "\n    RuntimeError: broken pipe" in shown.replace("\r", "")


class TestJson:
    def test_an_entry_keeps_its_types(self):
        [entry] = entries(lambda log: log.warning("batch_pushed", rows=3, share=0.5, ids=["a", 1], x=None))

        assert entry.pop("timestamp").endswith("Z")
        assert entry == {
            "event": "batch_pushed",
            "level": "warning",
            "logger": "syncd.tests",
            "rows": 3,
            "share": 0.5,
            "ids": ["a", 1],
            "x": None,
        }

    @given(st.dictionaries(st.text("abcde \n", min_size=1), st.text() | st.floats() | st.lists(st.text())))
    def test_any_values_make_one_line_of_valid_json(self, facts):
        [line] = lines(lambda log: log.info("x_seen", facts=facts), "json")

        assert json.loads(line, parse_constant=pytest.fail)["event"] == "x_seen"

    def test_a_traceback_holds_no_local_variables(self):
        [entry] = entries(fail)

        assert "RuntimeError: broken pipe" in entry["exception"]
        assert "canary-local" not in entry["exception"]


class TestLevels:
    def test_what_lies_below_the_level_is_not_written(self):
        def write(log):
            log.debug("a_seen")
            log.info("b_seen")
            log.warning("c_seen")

        assert [entry["event"] for entry in entries(write, "warning")] == ["c_seen"]

    @pytest.mark.parametrize(
        "name", ["httpx", "httpcore.connection", "apscheduler.executors", "watchfiles.main"]
    )
    def test_libraries_that_write_urls_and_headers_are_quiet_even_at_debug(self, name):
        def write(_):
            logging.getLogger(name).info("GET https://x/?token=canary-url")
            logging.getLogger(name).warning("slow")

        assert [entry["event"] for entry in entries(write)] == ["slow"]

    def test_the_lines_of_libraries_look_like_ours(self):
        [entry] = entries(lambda _: logging.getLogger("sqlalchemy").warning("pool %s", "full"))

        assert (entry["event"], entry["level"], entry["logger"]) == ("pool full", "warning", "sqlalchemy")

    def test_a_logger_made_before_configuring_follows_it(self):
        structlog.reset_defaults()
        log = logs.get_logger("early")

        [entry] = entries(lambda _: log.bind(channel="toco").info("x_seen"))

        assert (entry["logger"], entry["channel"]) == ("early", "toco")


class Unshowable:
    def __str__(self):
        raise RuntimeError("no text")


class TestRobustness:
    def test_a_value_that_cannot_be_shown_does_not_stop_the_line(self):
        [entry] = entries(lambda log: log.info("x_seen", value=Unshowable()))

        assert entry["value"] == "<Unshowable>"

    def test_a_number_without_end_does_not_stop_the_line(self):
        [entry] = entries(lambda log: log.info("x_seen", value=10**5000, ratio=float("inf")))

        assert (entry["value"], entry["ratio"]) == ("<int>", "inf")

    def test_a_huge_or_endless_value_is_cut(self):
        loop: list = []
        loop.append(loop)

        [line] = lines(lambda log: log.info("x_seen", text="a" * 10**6, many=list(range(10**5)), loop=loop))

        assert len(line) < 4_000

    def test_a_closed_stream_stops_nobody_and_prints_nothing(self, capsys):
        stream = io.StringIO()
        logs.configure("auto", "info", stream=stream, environ={})
        stream.close()

        logs.get_logger("x").info("x_seen", a="canary")

        assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("form", ["auto", "json"])
class TestSecrets:
    @pytest.mark.parametrize(
        "key",
        [
            *("secret", "client_secret", "store_token", "Password", "Authorization", "x-signature"),
            *("api_key", "Set-Cookie", "secret_key", "privateKey"),
        ],
    )
    def test_a_key_that_names_a_secret_hides_its_value_at_any_depth(self, form, key):
        def write(log):
            log.info("x_seen", **{key: "canary-0d11"})
            log.info("x_seen", headers={key: "canary-0d11"})
            log.info("x_seen", calls=[{"headers": {key: ["canary-0d11"]}}])

        found = lines(write, form)

        assert len(found) == 3
        assert "canary" not in "".join(found)
        assert all("***" in line for line in found)

    def test_a_count_of_tokens_is_no_secret(self, form):
        assert "42" in lines(lambda log: log.info("x_seen", tokens=42), form)[0]

    def test_a_secret_value_stays_one(self, form):
        found = lines(
            lambda log: log.info("x_seen", a=SecretStr("canary-0d12"), b=[SecretBytes(b"canary-0d12")]), form
        )

        assert "canary" not in found[0]

    @pytest.mark.parametrize(
        "secret", ["canary-7b", 'canary"7 b', "canary\\7b", "canaryé/7+b=", "canary\u20287b", "canary\t7b"]
    )
    def test_a_registered_secret_shows_nowhere_and_in_no_spelling(self, form, secret):
        logs.register_secret(secret)

        told = f"told {secret}"

        def write(log):
            log.info(told, a=secret, b=[{"c": f"x{secret}y"}], **{f"k{secret}": 1})
            log.info("x_seen", url=f"https://x/?a={quote(secret)}&b={quote_plus(secret)}")
            log.info("x_seen", body=json.dumps({"a": secret}), shown=repr(secret), error=ValueError(secret))
            logging.getLogger("library").warning("sent %s", secret)
            try:
                _break(secret, ValueError(f"inner {secret}"))
            except RuntimeError:
                log.exception("x_failed")

        assert "canary" not in "\n".join(lines(write, form))

    def test_a_secret_of_digits_is_hidden_where_it_is_a_number_too(self, form):
        logs.register_secret("770077007700")

        [line] = lines(lambda log: log.info("x_seen", shop=770077007700, rows=[770077007700.0]), form)

        assert "770077007700" not in line

    def test_short_texts_are_not_hidden_because_they_are_everywhere(self, form):
        logs.register_secret("inf")

        assert "info" in lines(lambda log: log.info("x_seen"), form)[0]


def test_other_texts_can_be_freed_of_secrets_too():
    logs.register_secret("canary-44aa-long")
    logs.register_secret("canary-44aa")

    assert logs.hide_secrets("a canary-44aa-long b canary-44aa") == "a *** b ***"
