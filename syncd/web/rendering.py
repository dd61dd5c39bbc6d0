"""The door to Jinja: templates, and how values are written on a page.

Names, SKUs and answers come from files and marketplaces. Each value that a template prints is made visible
first (what does not print becomes an escape, so no text can turn the line around), then escaped.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from syncd.times import duration

LONGEST_SHOWN: Final = 400
_HERE = Path(__file__).parent
_MS = 1000
NOTHING: Final = "\N{EN DASH}"


def visible(text: str) -> str:
    """Write what does not print as an escape, and cut what is longer than anybody reads."""
    cut = text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
    if cut.isprintable():
        return cut
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape", "surrogatepass").decode("ascii")
        for sign in cut
    )


def _printed(value: Any) -> Any:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def number(value: float | None) -> str:
    """Write a count for people."""
    return NOTHING if value is None else f"{value:,}"


def milliseconds(at: str | int) -> int:
    """Read a time as the state keeps it, or as RFC 3339 writes it."""
    return at if isinstance(at, int) else int(datetime.fromisoformat(at).timestamp() * _MS)


def lasting(seconds: float | None) -> str:
    """Write how long something takes: `12 min`."""
    return NOTHING if seconds is None else duration(seconds)


def clock_time(at: str | int) -> str:
    """Write a time exactly: `2026-11-21 18:15:00 UTC`."""
    return datetime.fromtimestamp(milliseconds(at) / _MS, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def machine_time(at: str | int) -> str:
    """Write a time for programs."""
    return datetime.fromtimestamp(milliseconds(at) / _MS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def since_words(at: str | int | None, now: int) -> str:
    """Write how long ago something was."""
    return "never" if at is None else f"{duration((now - milliseconds(at)) / _MS)} ago"


def plural(count: int, one: str, many: str | None = None) -> str:
    """Write a count with its noun: `1 listing`, `1,200 listings`."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def said(by: Any) -> str:
    """Give the marketplace's own words, its code once. `by` has both as keys or as attributes."""
    code, message = (by["code"], by["message"]) if isinstance(by, dict) else (by.code, by.message)
    return str(message if message.startswith(code) else f"{code} {message}".strip())


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        finalize=_printed,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(
        number=number, lasting=lasting, clock=clock_time, machine=machine_time, plural=plural, said=said
    )
    made.tests["past"] = lambda at, now: milliseconds(at) <= now
    return made


_TEMPLATES = _environment()


def page(template: str, values: dict[str, Any], status: int = 200) -> HTMLResponse:
    """Write a page. `values` has `now`, in ms since the epoch, by which times are told."""
    now = values["now"]

    def since(at: str | int) -> str:
        return duration((now - milliseconds(at)) / _MS)

    def until(at: str | int) -> str:
        return duration((milliseconds(at) - now) / _MS)

    return HTMLResponse(_TEMPLATES.get_template(template).render(**values, since=since, until=until), status)
