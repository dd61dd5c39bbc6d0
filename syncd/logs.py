"""Every log line: how it looks, and what it never shows.

Events are named `noun_verbed` and carry their facts as fields. Lines of libraries take the same way out, so
nothing is written that has not passed the redaction.
"""

import json
import logging
import math
import os
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from itertools import islice
from typing import Any, Final, Protocol, TextIO, cast
from urllib.parse import quote, quote_plus

import structlog
from pydantic import SecretBytes, SecretStr
from typing_extensions import override

HIDDEN: Final = "***"
"""What stands in place of a secret."""

_NAMES_A_SECRET = re.compile(
    r"secret|token|passw|authorization|signature|api_?key|private_?key|cookie", re.IGNORECASE
)
_QUIET = ("httpx", "httpcore", "apscheduler", "watchfiles", "asyncio", "uvicorn.access")
_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
_NEEDS_QUOTES = re.compile(r'[\s"=\\]|^$')
_SHORTEST_SECRET = 4
_LONGEST_TEXT = 2_000
_LONGEST_TRACEBACK = 20_000
_LARGEST_COLLECTION = 50
_DEEPEST = 5
_LARGEST_NUMBER = 2**64

_EventDict = MutableMapping[str, Any]
_Renderer = Callable[[Mapping[str, Any]], str]


class Logger(Protocol):
    """Writes events. `event` is a `noun_verbed` name, `fields` its facts."""

    def debug(self, event: str, **fields: Any) -> Any:
        """For whoever looks for a fault in syncd itself."""

    def info(self, event: str, **fields: Any) -> Any:
        """Something went as it should."""

    def warning(self, event: str, **fields: Any) -> Any:
        """Something wants a look, today or tomorrow."""

    def error(self, event: str, **fields: Any) -> Any:
        """Something stands still until a person acts."""

    def exception(self, event: str, **fields: Any) -> Any:
        """Like `error`, with the traceback of the exception being handled."""

    def bind(self, **fields: Any) -> "Logger":
        """Return a logger whose events all carry these fields."""
        ...


class _SecretMask:
    """The secrets known by value, in every spelling in which they may come to be rendered."""

    def __init__(self) -> None:
        self._spellings: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, secret: str) -> None:
        if len(secret) < _SHORTEST_SECRET:
            return
        spellings = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret)}
        spellings |= {json.dumps(secret)[1:-1], _escaped(secret), _escaped(secret).replace("\\", "\\\\")}
        if spellings <= self._spellings:
            return
        self._spellings |= spellings
        longest_first = sorted(self._spellings, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def hide_in(self, text: str) -> str:
        return text if self._pattern is None else self._pattern.sub(HIDDEN, text)


def _escaped(text: str) -> str:
    """Write control, formatting and other invisible characters as escapes, so that no value ends a line."""
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape", "surrogatepass").decode("ascii")
        for sign in text
    )


_mask = _SecretMask()


def register_secret(secret: str) -> None:
    """Hide this text from every line written from now on; texts below four characters are not hidden."""
    _mask.add(secret)


def hide_secrets(text: str) -> str:
    """Return the text with every registered secret hidden."""
    return _mask.hide_in(text)


def get_logger(name: str) -> Logger:
    """Return the logger of a module. It follows `configure` even when made before it."""
    return cast(Logger, structlog.stdlib.get_logger(name))


def configure(
    format: str = "auto",  # noqa: A002 - named as in syncd.toml
    level: str = "info",
    *,
    stream: TextIO | None = None,
    environ: Mapping[str, str] | None = None,
) -> None:
    """Send all log lines of this process to `stream` (stderr by default), from `level` upwards.

    `format` is "json" or "auto": for people on a terminal, with priorities and without times where the
    journal adds its own, else plain text. May be called again.
    """
    target = sys.stderr if stream is None else stream
    number = logging.getLevelNamesMapping()[level.upper()]
    handler = _Handler(target)
    handler.setFormatter(_formatter(_renderer(format, target, os.environ if environ is None else environ)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    for name in _QUIET:
        # httpx writes whole URLs at INFO, httpcore headers at DEBUG.
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(number),
        cache_logger_on_first_use=False,
    )


class _Handler(logging.StreamHandler[TextIO]):
    """Writes lines. One that cannot be written is dropped: the default would print it, secrets and all."""

    @override
    def handleError(self, record: logging.LogRecord) -> None:
        return


def _formatter(render: _Renderer) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        processors=[
            _describe,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _make_showable,
            lambda _, __, event: render(event),
        ]
    )


def _describe(_: Any, __: str, event: _EventDict) -> _EventDict:
    record: logging.LogRecord = event.pop("_record")
    event.pop("_from_structlog")
    event.update(level=record.levelname.lower(), logger=record.name)
    return event


def _make_showable(_: Any, __: str, event: _EventDict) -> _EventDict:
    trace = event.pop("exception", None)
    shown: _EventDict = {_short(str(key)): _showable(value, str(key)) for key, value in event.items()}
    if trace is not None:
        shown["exception"] = _mask.hide_in(str(trace))[-_LONGEST_TRACEBACK:]
    return shown


def _showable(value: object, key: str = "", depth: int = 0) -> Any:
    """Turn a value into texts, numbers, lists and dicts of bounded size, without secrets."""
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
    return hidden if len(hidden) <= _LONGEST_TEXT else f"{hidden[:_LONGEST_TEXT]}…"


def _renderer(style: str, stream: TextIO, environ: Mapping[str, str]) -> _Renderer:
    if style == "json":
        return _json_line
    if _is_the_journal(stream, environ):
        return _journal_lines
    return _terminal_renderer(environ) if stream.isatty() else _text_lines


def _is_the_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Tell whether the stream is the one that systemd connected to its journal (systemd.exec(5))."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _json_line(event: Mapping[str, Any]) -> str:
    return json.dumps(event, ensure_ascii=True)


def _text_lines(event: Mapping[str, Any]) -> str:
    level = str(event["level"])
    return "\n".join([f"{event['timestamp']} {level:<7} {_facts(event)}", *_traceback(event)])


def _journal_lines(event: Mapping[str, Any]) -> str:
    priority = f"<{_PRIORITIES.get(str(event['level']), 6)}>"
    return "\n".join(f"{priority}{line}" for line in [_facts(event), *_traceback(event)])


def _terminal_renderer(environ: Mapping[str, str]) -> _Renderer:
    console = structlog.dev.ConsoleRenderer(
        colors="NO_COLOR" not in environ and environ.get("TERM") != "dumb",
        exception_formatter=structlog.dev.plain_traceback,
        sort_keys=False,
    )

    def render(event: Mapping[str, Any]) -> str:
        # Escaped here: the terminal would obey control characters.
        shown = {_escaped(key): _escaped(_plain(value)) for key, value in event.items() if key != "exception"}
        return "\n".join([console(None, "", shown), *_traceback(event)])

    return render


def _facts(event: Mapping[str, Any]) -> str:
    """Write `event key=value key="another value"`, on one line."""
    aside = {"event", "timestamp", "level", "logger", "exception"}
    facts = {**{key: value for key, value in event.items() if key not in aside}, "logger": event["logger"]}
    pairs = (f"{_escaped(key)}={_quoted(_plain(value))}" for key, value in facts.items())
    return " ".join([_escaped(_plain(event["event"])), *pairs])


def _plain(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "none"}[value]
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def _quoted(text: str) -> str:
    if _NEEDS_QUOTES.search(text) is None:
        return _escaped(text)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_escaped(escaped)}"'


def _traceback(event: Mapping[str, Any]) -> list[str]:
    """The lines of a traceback, indented so that none can pass for an event."""
    return [f"    {_escaped(line)}" for line in str(event.get("exception", "")).split("\n") if line]
