import asyncio
import socket
import threading
from contextlib import contextmanager

import pytest

from state.database import Database
from syncd import __version__
from syncd.checking.findings import Finding
from syncd.checking.running import about_daemon, check_daemon
from syncd.control import ControlServer
from syncd.errors import SyncdError


@pytest.fixture
def holding(configured):
    """A configuration whose state is held, as by a daemon that answers so."""

    @contextmanager
    def hold(answer=None, *, announced=True):
        config = configured()
        database = Database(config.state.path)
        loop = asyncio.new_event_loop()

        async def handle(verb, _parameters, _tell):
            if isinstance(answer, Exception):
                raise answer
            return {"verb": verb, **(answer or {})}

        server = ControlServer(config.state.path.with_name("control.sock"), handle)
        loop.run_until_complete(server.start())
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        database.announce(str(server.path) if announced else "")
        try:
            yield config
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()
            database.close()

    return hold


def test_where_nothing_runs_there_is_nothing_to_say(configured):
    assert about_daemon(configured()) is None


def test_the_daemon_is_asked_what_it_is(holding, configured):
    with holding({"version": "1"}) as config:
        assert about_daemon(config) == {"verb": "about", "version": "1"}


@pytest.mark.parametrize("refusal", [ValueError("about"), SyncdError("what?")])
def test_a_daemon_that_does_not_understand_is_of_another_version(holding, refusal):
    with holding(refusal) as config:
        assert about_daemon(config).kind == "daemon_of_another_version"


def test_a_command_at_work_is_no_daemon(holding):
    with holding(announced=False) as config:
        found = about_daemon(config)
    assert isinstance(found, Finding)
    assert (found.kind, found.remedy) == ("daemon", "")


def test_a_daemon_that_cannot_be_asked_is_told(configured):
    config = configured()
    database = Database(config.state.path)
    database.announce("/nowhere/control.sock")
    assert about_daemon(config).kind == "daemon_out_of_reach"
    database.close()


def compared(config, tmp_path, **about):
    usual = {
        "version": __version__, "configuration": config.fingerprint, "started_at": "2026-01-01T00:00:00Z", "pid": 1,
    }  # fmt: skip
    return [one.kind.value for one in check_daemon(config, tmp_path, {**usual, **about})]


def test_it_is_compared_with_this_version_and_the_configuration_on_the_disk(configured, tmp_path):
    config = configured()
    assert compared(config, tmp_path) == ["daemon"]
    assert compared(config, tmp_path, version="0.0.1") == ["daemon_of_another_version"]
    assert compared(config, tmp_path, configuration="old") == ["daemon_not_reloaded"]


def test_the_fingerprint_differs_where_the_text_does_and_tells_little(configured):
    first, again, other = configured(), configured(), configured("# a comment")
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert len(first.fingerprint) == 16


def test_a_socket_that_nobody_serves_any_more_is_told(configured, tmp_path):
    config = configured()
    path = tmp_path / "left.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    database = Database(config.state.path)
    database.announce(str(path))
    assert about_daemon(config).kind == "daemon_out_of_reach"
    database.close()
