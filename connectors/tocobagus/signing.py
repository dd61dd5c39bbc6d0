"""The signature that Toco asks of each request: HMAC-SHA256 over a canonical text.

Page Authentication of the partner guides (partners.toco.id). Exactly the bytes that are sent are hashed.
"""

import hashlib
import hmac
from collections.abc import Mapping

SIGNED_HEADERS = ("x-partner-client-id", "x-store-client-id", "x-store-token", "x-timestamp")
"""In this order."""


def base_string(method: str, path: str, headers: Mapping[str, str], body: bytes) -> str:
    """What is signed: method, path, each signed header and the hash of the body, a line each."""
    lines = [method, path]
    lines += [f"{name}:{headers[name]}" for name in SIGNED_HEADERS]
    lines.append(hashlib.sha256(body).hexdigest())
    return "\n".join(lines)


def signature(secret_key: str, method: str, path: str, headers: Mapping[str, str], body: bytes) -> str:
    """The signature in lower-case hexadecimal digits, without any prefix."""
    text = base_string(method, path, headers, body)
    return hmac.new(secret_key.encode(), text.encode(), hashlib.sha256).hexdigest()
