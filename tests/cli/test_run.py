import signal

import pytest

from state.database import InstanceLock
from tests.cli.conftest import end, read_until


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_daemon_in_order(offline_shop, number):
    daemon = offline_shop.start("run")
    read_until(daemon.stderr, "daemon_started")
    printed, said = end(daemon, number)
    assert daemon.returncode == 0
    assert printed == ""
    assert "daemon_stopped" in said


def test_a_second_instance_is_told_to_try_again_later(offline_shop):
    lock = InstanceLock(offline_shop.folder / "state.db")
    try:
        answer = offline_shop.run("run")
    finally:
        lock.release()
    assert answer.returncode == 75
    assert "another syncd already works with" in answer.stderr


def test_what_is_doubtful_in_the_configuration_is_logged(offline_shop):
    offline_shop.config.chmod(0o644)
    daemon = offline_shop.start("run")
    line = read_until(daemon.stderr, "configuration_doubtful")
    end(daemon)
    assert "chmod 600" in line
    assert "hidden-client-secret" not in line
