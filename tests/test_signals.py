"""syncd/signals.py: what a hangup means."""

import asyncio
import signal

import pytest

from syncd import signals
from syncd.signals import Signals


@pytest.fixture
def hangup_as_it_was():
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("terminal", "stops", "reloads"),
    [
        ([True, False], ["SIGHUP"], False),
        ([True, True, False], ["SIGHUP"], True),
        ([True, True, True], [], True),
        ([False], [], True),
    ],
    ids=["closed", "closed a moment later", "a reload", "without a terminal"],
)
def test_a_hangup_ends_it_only_where_its_terminal_has_gone(
    hangup_as_it_was, monkeypatch, terminal, stops, reloads
):
    monkeypatch.setattr(signals, "TERMINAL_GOES_SECONDS", 0.0)
    answers, stopped = list(terminal), []

    async def story():
        watched = Signals(lambda: answers.pop(0))
        watched.listen(stopped.append)
        signal.raise_signal(signal.SIGHUP)
        async with asyncio.timeout(20):
            while answers or not (watched.hangup.is_set() or stopped):  # noqa: ASYNC110 (it waits for either)
                await asyncio.sleep(0)
        return watched.hangup.is_set()

    hung_up = asyncio.run(story())

    assert (stopped, hung_up) == (stops, reloads)
