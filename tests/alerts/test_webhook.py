"""A POST of JSON: signed, never redirected, its failures told without the URL."""

import hashlib
import hmac
import time

import pytest

from syncd.alerts.recipient import NotDelivered
from syncd.alerts.webhook import WebhookRecipient

pytestmark = pytest.mark.anyio

PATH = "/hooks/canary-1f?key=canary-2e"


async def test_it_posts_the_message_as_json(listener, message):
    await WebhookRecipient(listener.url + PATH, timeout=5).send(message)

    ((path, headers, body),) = listener.posts
    assert path == PATH
    assert headers["Content-Type"] == "application/json"
    assert body == message.body
    assert not {"Authorization", "X-Syncd-Signature", "X-Syncd-Timestamp"} & set(headers)


async def test_a_token_is_sent_and_a_secret_signs(listener, message):
    await WebhookRecipient(listener.url, timeout=5, token="t0ken", secret="s3cret").send(message)

    ((_, headers, body),) = listener.posts
    at = headers["X-Syncd-Timestamp"]
    assert abs(int(at) - time.time()) < 60
    signature = hmac.new(b"s3cret", f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["X-Syncd-Signature"] == f"sha256={signature}"
    assert headers["Authorization"] == "Bearer t0ken"


@pytest.mark.parametrize("status", [301, 308, 400, 404, 429, 500])
async def test_what_is_not_taken_is_told_and_no_redirect_is_followed(listener, message, status):
    listener.answers, listener.location = [status], "/elsewhere"

    with pytest.raises(NotDelivered, match=f"it answered HTTP {status}") as caught:
        await WebhookRecipient(listener.url + PATH, timeout=5).send(message)

    assert len(listener.posts) == 1
    assert "canary" not in str(caught.value)


async def test_one_that_does_not_answer_is_given_up(listener, message):
    listener.hold()
    with pytest.raises(NotDelivered, match=r"did not answer within 0\.3 s") as caught:
        await WebhookRecipient(listener.url + PATH, timeout=0.3).send(message)
    listener.release()

    assert "canary" not in str(caught.value)


async def test_one_that_is_not_there_is_told(message):
    with pytest.raises(NotDelivered, match="refuses connections") as caught:
        await WebhookRecipient(f"http://127.0.0.1:9{PATH}", timeout=5).send(message)

    assert "canary" not in str(caught.value)
