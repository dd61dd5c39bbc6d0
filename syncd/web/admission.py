"""Who may come in, and who may act: decided from what a request says of itself, without effects."""

from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

OPEN_PATHS = frozenset({"/login", "/healthz", "/readyz"})
OPEN_FOLDER = "/static/"
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
READING = frozenset({"GET", "HEAD"})
PROXY_HEADERS = frozenset({"forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"})


class Pass(Enum):
    """What a request showed to be let in by."""

    NONE = "none"
    SESSION = "session"
    TOKEN = "token"  # noqa: S105 (a word, no token)
    WRONG_TOKEN = "wrong token"  # noqa: S105 (words, no token)


class Verdict(Enum):
    """What becomes of a request before anything looks at what it wants."""

    ADMITTED = "admitted"
    WRONG_METHOD = "wrong_method"
    WRONG_HOST = "wrong_host"
    CROSS_SITE = "cross_site"
    MUST_LOG_IN = "must_log_in"
    NO_TOKEN = "no_token"  # noqa: S105 (a word, no token)


@dataclass(frozen=True, slots=True)
class Door:
    """Where the page is served. `local`: only this machine reaches it. `locked`: a token is configured."""

    host: str
    local: bool
    locked: bool


@dataclass(frozen=True, slots=True)
class Knock:
    """What a request says of itself. `proxied`: it came through a proxy, so from anywhere."""

    method: str
    path: str
    host: str
    shown: Pass
    origin: str | None = None
    fetch_site: str | None = None
    proxied: bool = False


def judge(knock: Knock, door: Door) -> Verdict:
    """Tell what becomes of a request."""
    far = not door.local or knock.proxied
    if knock.method not in READING | {"POST"}:
        return Verdict.WRONG_METHOD
    if not far and _name_of(knock.host) not in LOCAL_NAMES | {door.host}:
        return Verdict.WRONG_HOST
    if knock.shown is Pass.WRONG_TOKEN:
        return Verdict.MUST_LOG_IN
    # A bearer's token is never sent by a browser on its own.
    if knock.method == "POST" and knock.shown is not Pass.TOKEN and not is_same_site(knock):
        return Verdict.CROSS_SITE
    if _needs_token(knock, far=far):
        return Verdict.MUST_LOG_IN if door.locked else Verdict.NO_TOKEN
    return Verdict.ADMITTED


def _needs_token(knock: Knock, *, far: bool) -> bool:
    if knock.shown is not Pass.NONE or knock.path in OPEN_PATHS or knock.path.startswith(OPEN_FOLDER):
        return False
    return far or knock.method == "POST"


def is_same_site(knock: Knock) -> bool:
    """Tell whether a page of ours sent it. Browsers say so; what says nothing is not believed."""
    if knock.fetch_site is not None:
        return knock.fetch_site == "same-origin"
    if knock.origin is None:
        return False
    origin = urlsplit(knock.origin)
    return origin.scheme in {"http", "https"} and origin.netloc == knock.host


def _name_of(host: str) -> str | None:
    """Give the name in a Host header, without its port; None where it is none."""
    try:
        return urlsplit(f"//{host}").hostname if "@" not in host else None
    except ValueError:
        return None
