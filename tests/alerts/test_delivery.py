"""Telling a recipient: again until it is taken, ever later, given up in the end."""

import asyncio

import pytest
from alerts_told import Recorder, told
from virtual_time import run_virtually

from syncd.alerts.delivery import LONGEST_WAIT_SECONDS, MOST_ATTEMPTS, Postman
from syncd.alerts.recipient import NotDelivered


def deliver(book, recorder, *steps, seconds=10.0):
    """Run a postman; before each step some seconds pass."""

    async def story():
        postman = Postman(recorder, book, host="here", state="abc")
        running = asyncio.ensure_future(postman.run())
        for step in steps:
            await asyncio.sleep(seconds)
            step()
            postman.wake()
        await asyncio.sleep(20 * 3600)
        running.cancel()

    run_virtually(story())


def keeps(book, *subjects, change="raised"):
    return lambda: book.keep([], told(*subjects, change=change), ["recorder"])


def test_what_comes_at_once_is_one_message(book):
    recorder = Recorder()

    deliver(book, recorder, keeps(book, "a", "b", "c"), keeps(book, "a", change="over"))

    assert [len(message.document["alerts"]) for message in recorder.messages] == [3, 1]
    assert book.begin("recorder", 9) == []


def test_what_waited_for_the_start_is_told(book):
    recorder = Recorder()
    keeps(book, "a")()

    deliver(book, recorder)

    assert recorder.told() == [("raised", "a")]


@pytest.mark.parametrize("fault", [NotDelivered("no route"), RuntimeError("broken")])
def test_a_failure_is_tried_again_ever_later_and_what_came_meanwhile_goes_with_it(book, fault):
    recorder = Recorder(fails=3, fault=fault)

    deliver(book, recorder, keeps(book, "a"), keeps(book, "a", change="over"))

    assert recorder.told() == [("raised", "a"), ("over", "a")]
    assert len(recorder.messages) == 1
    waits = [later - sooner for sooner, later in zip(recorder.times, recorder.times[1:], strict=False)]
    assert waits == [5.0, 10.0, 20.0]


def test_it_is_given_up_in_the_end(book, capsys):
    recorder = Recorder(fails=MOST_ATTEMPTS)

    deliver(book, recorder, keeps(book, "a"))

    assert len(recorder.times) == MOST_ATTEMPTS
    assert 5 * 3600 < recorder.times[-1] < 7 * 3600
    assert (
        max(b - a for a, b in zip(recorder.times, recorder.times[1:], strict=False)) == LONGEST_WAIT_SECONDS
    )
    assert book.begin("recorder", 9) == []


def test_attempts_count_across_restarts(book):
    recorder = Recorder(fails=10**6)
    keeps(book, "a")()
    for _ in range(MOST_ATTEMPTS - 1):
        book.begin("recorder", 9)

    deliver(book, recorder)

    assert len(recorder.times) == 1


def test_after_a_success_the_waits_are_short_again(book):
    recorder = Recorder(fails=2)
    deliver(book, recorder, keeps(book, "a"))
    recorder.fails = len(recorder.times) + 1
    deliver(book, recorder, keeps(book, "b"))

    assert recorder.times[-1] - recorder.times[-2] == 5.0


def test_many_go_in_messages_of_fifty(book):
    recorder = Recorder()
    keeps(book, *(f"s{number:03}" for number in range(120)))()

    deliver(book, recorder)

    assert [len(message.document["alerts"]) for message in recorder.messages] == [50, 50, 20]
