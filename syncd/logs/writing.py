"""The way that every line takes: structlog and the libraries' own logging, one handler, one redaction."""

import atexit
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TextIO, cast

import structlog
from typing_extensions import override

from syncd.logs.forms import Renderer, is_the_journal, prioritised_lines, renderer_for
from syncd.logs.journal import JOURNAL_SOCKET, JournalHandler
from syncd.logs.redaction import showable_event, showable_traceback
from syncd.logs.repetition import Repetition, Ruling, Withheld

_QUIET = (
    *("httpx", "httpcore", "apscheduler", "watchfiles", "asyncio"),
    *("uvicorn", "uvicorn.access", "uvicorn.error", "apprise", "sqlalchemy", "urllib3", "requests"),
)
_FURTHER = "withheld, and counted each quarter of an hour"


class Logger(Protocol):
    """Writes events. `event` is a `noun_verbed` name, `fields` its facts; docs/events.md describes each."""

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


def get_logger(name: str) -> Logger:
    """Return the logger of a module. It follows `configure` even when made before it."""
    return cast(Logger, structlog.stdlib.get_logger(name))


def bound(**facts: Any) -> AbstractContextManager[None]:
    """Let every line that is written meanwhile in this task, by libraries too, carry these facts."""
    return cast(AbstractContextManager[None], structlog.contextvars.bound_contextvars(**facts))


def configure(
    format: str = "auto",  # noqa: A002 - named as in syncd.toml
    level: str = "info",
    *,
    stream: TextIO | None = None,
    environ: Mapping[str, str] | None = None,
    monotonic: Callable[[], float] = time.monotonic,
    journal: Path = JOURNAL_SOCKET,
) -> None:
    """Send all log lines of this process to `stream` (stderr by default), from `level` upwards.

    `format` is "json" or "auto": for people on a terminal, fields where stderr is the journal, else plain
    text. At the level "debug" no line is withheld, however often it is repeated. May be called again.
    """
    tell_withheld(everything=True)
    target = sys.stderr if stream is None else stream
    handler = _handler(format, target, os.environ if environ is None else environ, journal)
    number = logging.getLevelNamesMapping()[level.upper()]
    handler.addFilter(_complete)
    if number > logging.DEBUG:
        handler.addFilter(_Bounds(Repetition(monotonic)))
    root = logging.getLogger()
    before, root.handlers[:] = root.handlers[:], [handler]
    for other in before:
        if isinstance(other, JournalHandler):
            other.close()
    root.setLevel(number)
    for name in _QUIET:
        # httpx writes whole URLs at INFO, httpcore headers at DEBUG.
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, _hand_over],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(number),
        cache_logger_on_first_use=False,
    )


def tell_withheld(*, everything: bool = False) -> None:
    """Tell what was withheld, where a quarter of an hour is over, and send what the journal did not take.

    To be called now and then: where nothing happens, no line would tell it.
    """
    for handler in logging.getLogger().handlers:
        for bounds in handler.filters:
            if isinstance(bounds, _Bounds):
                bounds.tell(everything=everything)
        if isinstance(handler, JournalHandler):
            handler.flush()
            lost, handler.lost = handler.lost, 0
            if lost:
                get_logger("logs").warning("lines_lost", count=lost)


def catch_strays() -> None:
    """Let also what Python itself would print (warnings, what ends a thread) take the way of every line."""
    logging.captureWarnings(capture=True)
    log = logging.getLogger("python")

    def in_thread(args: "threading.ExceptHookArgs") -> None:
        if args.exc_value is not None:
            log.error("a thread failed", exc_info=args.exc_value)

    def unraisable(args: "sys.UnraisableHookArgs") -> None:
        log.error(args.err_msg or "an exception was ignored", exc_info=args.exc_value)

    threading.excepthook = in_thread
    sys.unraisablehook = unraisable
    sys.excepthook = lambda _, error, __: log.critical("it failed", exc_info=error)


def _handler(style: str, target: TextIO, environ: Mapping[str, str], journal: Path) -> logging.Handler:
    lines = _Lines(target, renderer_for(style, target, environ))
    if style == "json" or not is_the_journal(target, environ):
        return lines
    with suppress(OSError):
        return JournalHandler(journal, _shown, lambda event: lines.write(prioritised_lines(event)))
    return lines


def _hand_over(_: Any, __: str, event: MutableMapping[str, Any]) -> tuple[tuple[Any], dict[str, Any]]:
    name, trouble = event.pop("event"), event.pop("exc_info", None)
    return (name,), {"extra": {"facts": dict(event)}, "exc_info": trouble}


def _complete(record: logging.LogRecord) -> bool:
    """Give the line of a library the facts that are bound where it was written."""
    if not hasattr(record, "facts"):
        record.msg, record.args = _said(record), None
        record.is_foreign = True
        record.facts = structlog.contextvars.get_contextvars()
    return True


def _shown(record: logging.LogRecord) -> dict[str, Any]:
    at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")
    event = showable_event({"event": _said(record), **_facts_of(record)})
    event |= {
        "timestamp": at.replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "logger": record.name,
    }
    if record.exc_info and record.exc_info[1] is not None:
        trace = traceback.format_exception(record.exc_info[1])
        event["exception"] = showable_traceback("".join(trace).rstrip("\n"))
    return event


def _facts_of(record: logging.LogRecord) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], getattr(record, "facts", {}))


def _said(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - a library's own mistake must not cost its line
        return str(record.msg)


class _Lines(logging.Handler):
    """Writes lines. One that cannot be written is dropped: to print why would print secrets and all."""

    def __init__(self, stream: TextIO, render: Renderer) -> None:
        super().__init__()
        self._stream = stream
        self._render = render

    @override
    def emit(self, record: logging.LogRecord) -> None:
        with suppress(Exception):
            self.write(self._render(_shown(record)))

    def write(self, lines: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(f"{lines}\n")
            self._stream.flush()


class _Bounds(logging.Filter):
    """Withholds lines that are repeated too often, and tells how many."""

    def __init__(self, repetition: Repetition) -> None:
        super().__init__()
        self._repetition = repetition

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        facts = _facts_of(record)
        event = f"a line of {record.name}" if hasattr(record, "is_foreign") else record.msg
        if event in {"lines_withheld", "lines_lost"}:
            return True
        self.tell()
        ruling = self._repetition.rule(event, facts, serious=record.levelno >= logging.WARNING)
        if ruling is Ruling.LAST:
            record.facts = {**facts, "further": _FURTHER}
        return ruling is not Ruling.WITHHOLD

    def tell(self, *, everything: bool = False) -> None:
        for withheld in self._repetition.due(everything=everything):
            _tell(withheld)


def _tell(withheld: Withheld) -> None:
    log = get_logger("logs")
    (log.warning if withheld.serious else log.info)("lines_withheld", **withheld.facts)


atexit.register(tell_withheld, everything=True)
