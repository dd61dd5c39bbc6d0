"""How a line looks: for people on a terminal, in a file, in the journal, and as JSON."""

import json
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, TextIO

import structlog

from syncd.logs.redaction import escaped

Event = Mapping[str, Any]
"""A whole event: `event`, `timestamp`, `level`, `logger`, its facts, and perhaps `exception`."""
Renderer = Callable[[Event], str]

PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
"""What syslog and the journal call the levels."""

_NEEDS_QUOTES = re.compile(r'[\s"=\\]|^$')
_NO_FACTS = frozenset({"event", "timestamp", "level", "logger", "exception"})


def renderer_for(style: str, stream: TextIO, environ: Mapping[str, str]) -> Renderer:
    """Choose what lines on this stream look like; `style` is "json" or "auto"."""
    if style == "json":
        return json_line
    if is_the_journal(stream, environ):
        return prioritised_lines
    return _terminal_renderer(environ) if stream.isatty() else text_lines


def is_the_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Tell whether the stream is the one that systemd connected to its journal (systemd.exec(5))."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def json_line(event: Event) -> str:
    """Write one JSON object, on one line."""
    return json.dumps(event, ensure_ascii=True)


def text_lines(event: Event) -> str:
    """Write time, level, event and facts; a traceback is indented below."""
    level = str(event["level"])
    return "\n".join([f"{event['timestamp']} {level:<7} {_named(event)}", *_traceback(event)])


def prioritised_lines(event: Event) -> str:
    """Write lines as the journal reads them from a stream: it has the time, the priority stands in front."""
    priority = f"<{PRIORITIES.get(str(event['level']), 6)}>"
    return "\n".join(f"{priority}{line}" for line in [_named(event), *_traceback(event)])


def message_of(event: Event) -> str:
    """Write what a person reads of an event where level, logger and time have fields of their own."""
    return "\n".join([" ".join([escaped(plain(event["event"])), *_pairs(event)]), *_traceback(event)])


def _terminal_renderer(environ: Mapping[str, str]) -> Renderer:
    console = structlog.dev.ConsoleRenderer(
        colors="NO_COLOR" not in environ and environ.get("TERM") != "dumb",
        exception_formatter=structlog.dev.plain_traceback,
        sort_keys=False,
    )

    def render(event: Event) -> str:
        # Escaped here: the terminal would obey control characters.
        shown = {escaped(key): escaped(plain(value)) for key, value in event.items() if key != "exception"}
        return "\n".join([console(None, "", shown), *_traceback(event)])

    return render


def _named(event: Event) -> str:
    """Write `event key=value key="another value" logger=name`, on one line."""
    return " ".join(
        [escaped(plain(event["event"])), *_pairs(event), f"logger={quoted(str(event['logger']))}"]
    )


def _pairs(event: Event) -> list[str]:
    return [f"{escaped(key)}={quoted(plain(value))}" for key, value in event.items() if key not in _NO_FACTS]


def plain(value: object) -> str:
    """Write a showable value as text."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "none"}[value]
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def quoted(text: str) -> str:
    """Quote a text where it would not stand for itself."""
    if _NEEDS_QUOTES.search(text) is None:
        return escaped(text)
    doubled = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped(doubled)}"'


def _traceback(event: Event) -> list[str]:
    """The lines of a traceback, indented so that none can pass for an event."""
    return [f"    {escaped(line)}" for line in str(event.get("exception", "")).split("\n") if line]
