"""What a line never shows: secrets known by value, by the name of their field, and by the form they have."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

from pydantic import SecretBytes, SecretStr

HIDDEN: Final = "***"
"""What stands in place of a secret."""

_NAMES_A_SECRET = re.compile(
    r"secret|token|passw|authorization|signature|api_?key|private_?key|cookie", re.IGNORECASE
)
_WORD = r"(?:secret|token|passw(?:or)?d|authorization|signature|api[_-]?key|private[_-]?key|cookie)\w{0,16}"
_FORMS = re.compile(
    rf"""
      (?P<scheme>\b(?:bearer|basic)\s{{1,8}})[\w.~+/=-]{{8,}}         # Authorization: Bearer VALUE
    | (?P<user>://)[^\s/@?#"']+@                                    # https://USER:VALUE@host
    | (?P<equals>{_WORD}\s?=\s?b?["']?)[^\s"'&,;)}}\]]{{6,}}         # ?access_token=VALUE, secret_key='VALUE'
    | (?P<quoted>{_WORD}["']\s?:\s?b?["'])[^"']{{6,}}               # "access_token": "VALUE"
    | (?P<header>{_WORD}:\s?)(?=[\w.~+/=-]*\d)[\w.~+/=-]{{16,}}      # X-Api-Key: VALUE
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Each begins with a word: what may stand before it would be searched from every sign of a long text."""
_SHORTEST_SECRET = 4
_SHORTEST_PART = 8
_LONGEST_TEXT = 2_000
_LONGEST_TRACEBACK = 20_000
_LARGEST_COLLECTION = 50
_DEEPEST = 5
_LARGEST_NUMBER = 2**64


class _SecretMask:
    """The secrets known by value, in every spelling in which they may come to be rendered."""

    def __init__(self) -> None:
        self._spellings: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, secret: str) -> None:
        if len(secret) < _SHORTEST_SECRET:
            return
        spellings = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret)}
        spellings |= {json.dumps(secret)[1:-1], escaped(secret), escaped(secret).replace("\\", "\\\\")}
        if spellings <= self._spellings:
            return
        self._spellings |= spellings
        longest_first = sorted(self._spellings, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def hide_in(self, text: str) -> str:
        return text if self._pattern is None else self._pattern.sub(HIDDEN, text)


_mask = _SecretMask()


def register_secret(secret: str) -> None:
    """Hide this text from every line written from now on; texts below four characters are not hidden.

    Of an address, its password, its query and what looks random in its path are hidden by themselves too:
    libraries say addresses in parts.
    """
    _mask.add(secret)
    if "://" in secret:
        for part in _secret_parts(secret):
            _mask.add(part)


def _secret_parts(address: str) -> Iterator[str]:
    try:
        parts = urlsplit(address)
    except ValueError:
        return
    yield from filter(None, (parts.password, unquote(parts.password or "")))
    yield from (value for _, value in parse_qsl(parts.query) if len(value) >= _SHORTEST_PART)
    for part in (parts.username or "", *parts.path.split("/"), *parts.netloc.split("@")[-1].split(":")):
        if len(part) >= _SHORTEST_PART and any(sign.isdigit() for sign in part) and "." not in part:
            yield part


def hide_secrets(text: str) -> str:
    """Return the text with every registered secret hidden, and what has the form of one."""
    return _hide_forms(_mask.hide_in(text))


def _hide_forms(text: str) -> str:
    return _FORMS.sub(_hide_form, text)


def _hide_form(found: re.Match[str]) -> str:
    end = "@" if found.lastgroup == "user" else ""
    return f"{found[found.lastgroup or 0]}{HIDDEN}{end}"


def showable_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the facts of an event into texts, numbers, lists and dicts of bounded size, without secrets."""
    return {_short(str(key)): _showable(value, str(key)) for key, value in event.items()}


def showable_traceback(trace: str) -> str:
    """Return the last part of a traceback, without secrets."""
    return hide_secrets(trace)[-_LONGEST_TRACEBACK:]


def _showable(value: object, key: str = "", depth: int = 0) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if _is_an_ordinary_number(value):
        return value if _mask.hide_in(str(value)) == str(value) else HIDDEN
    if isinstance(value, SecretStr | SecretBytes) or _NAMES_A_SECRET.search(key):
        return HIDDEN
    if depth < _DEEPEST and isinstance(value, Mapping):
        entries = islice(value.items(), _LARGEST_COLLECTION)
        return {_short(str(name)): _showable(entry, str(name), depth + 1) for name, entry in entries}
    if depth < _DEEPEST and isinstance(value, list | tuple | set | frozenset):
        return [_showable(entry, "", depth + 1) for entry in islice(value, _LARGEST_COLLECTION)]
    return _short(_text_of(value))


def _is_an_ordinary_number(value: object) -> bool:
    # Python refuses to write an endless whole number, and JSON has no word for infinity.
    return (isinstance(value, int) and abs(value) < _LARGEST_NUMBER) or (
        isinstance(value, float) and math.isfinite(value)
    )


def _text_of(value: object) -> str:
    if isinstance(value, str):
        return value
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a value that cannot be shown must not stop what is being told
        return f"<{type(value).__name__}>"


def _short(text: str) -> str:
    hidden = _mask.hide_in(text)
    return _hide_forms(hidden if len(hidden) <= _LONGEST_TEXT else f"{hidden[:_LONGEST_TEXT]}…")


def escaped(text: str) -> str:
    """Write control, formatting and other invisible characters as escapes, so that no value ends a line."""
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape", "surrogatepass").decode("ascii")
        for sign in text
    )
