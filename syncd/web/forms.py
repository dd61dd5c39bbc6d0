"""What a person sends: forms read and checked, and where to go next."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from starlette.requests import Request

MOST_FIELDS = 20
LONGEST_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Something to be done: `verb` and `parameters` as the control socket takes them."""

    verb: str
    parameters: dict[str, Any]


async def form_of(request: Request) -> dict[str, str]:
    """Read a form; of a repeated field the first. Raises ValueError where it is none."""
    body = (await request.body()).decode("utf-8", "strict")
    fields = parse_qs(body, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    return {name: values[0] for name, values in fields.items()}


def wanted_of(fields: dict[str, str]) -> Wanted:
    """Tell what a form wants done; raises ValueError where it is none of ours."""
    match fields.get("action"):
        case "approve" | "reject" as verb:
            return Wanted(verb, {"id": int(fields.get("id", ""))})
        case "retry":
            skus = [unquote(fields["sku"])] if fields.get("sku") else None
            return Wanted("retry", {"channels": _channels(fields), "skus": skus})
        case "reconcile":
            return Wanted("reconcile", {"channels": _channels(fields)})
        case "full":
            return Wanted("reconcile", {"channels": _channels(fields), "full": True})
        case other:
            raise ValueError(f"nothing is called {other}")


def _channels(fields: dict[str, str]) -> list[str]:
    return [fields["channel"]] if fields.get("channel") else []


def page_number(text: str) -> int:
    """Read which page is wanted, from 1; whatever is no number is the first."""
    return min(max(int(text), 1), LONGEST_PAGE) if text.isascii() and text.isdigit() and len(text) < 9 else 1  # noqa: PLR2004


def way_back(text: str) -> str:
    """Give where to go after logging in: a page of ours, never another site."""
    parts = urlsplit(text.replace("\\", "/"))
    ours = not parts.scheme and not parts.netloc and parts.path.startswith("/") and text.isprintable()
    if not ours or parts.path.startswith("//") or text.startswith("//"):
        return "/"
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
