"""Secrets in settings: a string, or where to find it. Shown nowhere."""

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, SecretStr, ValidationInfo

SecretResolver = Callable[[dict[str, Any]], str]
"""Turns `{"credential": NAME}`, `{"file": PATH}` or `{"env": NAME}` into the secret; raises ValueError."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _resolve(value: Any, info: ValidationInfo) -> SecretStr:
    if isinstance(value, SecretStr):
        return value
    if isinstance(value, dict):
        resolver: SecretResolver | None = (info.context or {}).get("secrets")
        if resolver is None:
            raise ValueError("a secret by reference cannot be resolved here")
        value = resolver(value)
    if not isinstance(value, str):
        raise ValueError(
            'must be a string, or { credential = "NAME" }, { file = "PATH" } or { env = "NAME" }'
        )
    secret = value.strip()
    if not secret:
        raise ValueError("is empty")
    if _CONTROL.search(secret):
        raise ValueError("holds a line break or control character: it must be one line")
    return SecretStr(secret)


Secret = Annotated[SecretStr, BeforeValidator(_resolve)]
"""A setting that must never be shown. Validated with a `SecretResolver` in the context under "secrets"."""
