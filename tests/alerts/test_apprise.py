"""The real library, through its JSON service to loopback: it delivers, fails in words, and writes no secret."""

import io
import logging

import pytest

from syncd import logs
from syncd.alerts.recipient import NotDelivered
from syncd.alerts.through_apprise import AppriseRecipient

pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
"""Of the library itself."""

PATH = "canary-of-apprise-9b/canary-8a"


def recipient(url, timeout=10.0):
    return AppriseRecipient(url, number=1, timeout=timeout)


async def test_it_delivers(listener, message):
    await recipient(f"json://127.0.0.1:{listener.port}/{PATH}").send(message)

    (document,) = listener.documents()
    assert (document["title"], document["message"]) == (message.title, message.text)
    assert document["type"] == "failure"


async def test_a_failure_is_told_and_nothing_of_the_url_is_written(listener, message):
    written = io.StringIO()
    logs.configure("json", "debug", stream=written)
    listener.answers = [401]
    one = recipient(f"json://user:canary-password@127.0.0.1:{listener.port}/{PATH}")

    with pytest.raises(NotDelivered, match="apprise could not deliver it") as caught:
        await one.send(message)

    logging.getLogger("elsewhere").debug("the log is written")
    assert "the log is written" in written.getvalue()
    assert "canary" not in written.getvalue() + str(caught.value) + one.name


async def test_a_url_that_it_does_not_know_is_told(message):
    assert "does not know such a URL" in recipient("nosuch://canary").fault()
    assert recipient("json://127.0.0.1/x").fault() == ""
    with pytest.raises(NotDelivered, match="does not know such a URL"):
        await recipient("nosuch://canary").send(message)


async def test_one_that_hangs_is_given_up_and_not_begun_again_meanwhile(listener, message):
    one = recipient(f"json://127.0.0.1:{listener.port}/", timeout=1.0)
    listener.hold()
    with pytest.raises(NotDelivered, match="did not come back within 1 s"):
        await one.send(message)
    with pytest.raises(NotDelivered, match="has not come back from the last"):
        await one.send(message)

    listener.release()
    await one._under_way
    assert len(listener.posts) == 1
    one._timeout = 30.0
    await one.send(message)

    assert len(listener.posts) == 2
