"""What every request meets first: is it let in, is it small enough, and what every answer carries."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from syncd.logs import get_logger
from syncd.web.admission import PROXY_HEADERS, READING, Door, Knock, Pass, Verdict, judge
from syncd.web.sessions import Doorkeeper, Session, TooManyGuesses

LARGEST_FORM = 16 * 1024
ANSWER_SECONDS = 60.0
STREAMS = frozenset({"/events"})
_BEARER = "bearer "
_SECURITY = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not "no-referrer": browsers would then hide from us, too, which page sent a form.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
_WRONG_HOST = (
    "Nothing of that name is served here. Open this machine's own address, such as 127.0.0.1 with the port."
    " A proxy has to pass X-Forwarded-For, and then needs server.token."
)
_CROSS_SITE = (
    "This did not come from a page of syncd, so nothing was done. Open the page itself, and try again."
)
_NOT_CONFIGURED = (
    "This needs a token, and none is configured. Set server.token in syncd.toml, or use the commands on the"
    " machine itself: syncd status, syncd imports, syncd retry."
)
_REFUSALS = {
    Verdict.WRONG_METHOD: (HTTPStatus.METHOD_NOT_ALLOWED, "This page is read with GET and told with POST."),
    Verdict.WRONG_HOST: (HTTPStatus.MISDIRECTED_REQUEST, _WRONG_HOST),
    Verdict.CROSS_SITE: (HTTPStatus.FORBIDDEN, _CROSS_SITE),
    Verdict.NO_TOKEN: (HTTPStatus.FORBIDDEN, _NOT_CONFIGURED),
    Verdict.MUST_LOG_IN: (HTTPStatus.UNAUTHORIZED, "This needs the token of syncd.toml (server.token)."),
}


class TooLarge(Exception):
    """A form is larger than any of ours."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks: let in by what, from where. `session` is that of the browser, if it has one."""

    shown: Pass
    address: str
    session_name: str = ""
    session: Session | None = None
    proxied: bool = False
    secure: bool = False

    @property
    def may_act(self) -> bool:
        """Whether the token was shown."""
        return self.shown in {Pass.SESSION, Pass.TOKEN}


class Guard:
    """Stands before an application."""

    def __init__(
        self, application: ASGIApp, keeper: Doorkeeper, door: Callable[[], Door], cookie: Callable[[], str]
    ) -> None:
        """`door` and `cookie`: how it stands at present, for the configuration may change."""
        self._application = application
        self._keeper = keeper
        self._door = door
        self._cookie = cookie
        self._log = get_logger("web")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        started = False

        async def send_safely(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _add_headers(message)
            await send(message)

        try:
            limit = None if scope["path"] in STREAMS else ANSWER_SECONDS
            async with asyncio.timeout(limit):
                await self._answer(scope, receive, send_safely)
        except ClientDisconnect:
            pass  # nobody is there to be told
        except TimeoutError:
            self._log.warning("page_timed_out", path=scope["path"])
        except Exception:  # noqa: BLE001 (a page that fails must not end the daemon)
            self._log.exception("page_failed", path=scope["path"])
            if not started:
                failed = PlainTextResponse("syncd failed at this page: its log says how.", 500)
                await failed(scope, receive, send_safely)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        try:
            visitor = self._visitor(scope, headers)
        except TooManyGuesses as wait:
            await too_many_guesses(wait)(scope, receive, send)
            return
        knock = Knock(
            method=scope["method"],
            path=scope["path"],
            host=headers.get("host", ""),
            shown=visitor.shown,
            origin=headers.get("origin"),
            fetch_site=headers.get("sec-fetch-site"),
            proxied=visitor.proxied,
        )
        verdict = judge(knock, self._door())
        if verdict is Verdict.ADMITTED:
            scope.setdefault("state", {})["visitor"] = visitor
            await self._application(scope, _bounded(receive), send)
            return
        await _refusal(verdict, knock, headers)(scope, receive, send)

    def _visitor(self, scope: Scope, headers: Headers) -> Visitor:
        address = scope["client"][0] if scope.get("client") else ""
        proxied = any(name in headers for name in PROXY_HEADERS)
        secure = headers.get("x-forwarded-proto") == "https"
        authorization = headers.get("authorization", "")
        if authorization.lower().startswith(_BEARER):
            right = self._keeper.accepts(authorization[len(_BEARER) :].strip(), address)
            return Visitor(Pass.TOKEN if right else Pass.WRONG_TOKEN, address, proxied=proxied, secure=secure)
        name = cookie_of(headers.get("cookie", ""), self._cookie())
        session = self._keeper.session(name)
        shown = Pass.NONE if session is None else Pass.SESSION
        return Visitor(shown, address, name, session, proxied, secure)


def cookie_of(header: str, name: str) -> str:
    """Find a cookie; "" where there is none."""
    try:
        morsel = SimpleCookie(header).get(name)
    except CookieError:
        return ""
    return "" if morsel is None else morsel.value


def too_many_guesses(wait: TooManyGuesses) -> Response:
    """Tell how long to wait."""
    seconds = max(1, round(wait.seconds))
    words = f"Wrong tokens came from your address. Try again in {seconds} s."
    return PlainTextResponse(words, HTTPStatus.TOO_MANY_REQUESTS, headers={"retry-after": str(seconds)})


def _refusal(verdict: Verdict, knock: Knock, headers: Headers) -> Response:
    status, words = _REFUSALS[verdict]
    if verdict is Verdict.MUST_LOG_IN:
        browses = knock.method in READING and "authorization" not in headers
        if browses and "text/html" in headers.get("accept", ""):
            return RedirectResponse(f"/login?next={quote(knock.path)}", HTTPStatus.SEE_OTHER)
        return PlainTextResponse(words, status, headers={"www-authenticate": 'Bearer realm="syncd"'})
    return PlainTextResponse(words, status)


def _add_headers(message: Message) -> None:
    headers = MutableHeaders(raw=message.setdefault("headers", []))
    headers["date"] = formatdate(usegmt=True)
    for name, value in _SECURITY.items():
        headers.setdefault(name, value)


def _bounded(receive: Receive) -> Receive:
    """Take no more of a body than a form of ours has."""
    taken = 0

    async def receive_some() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > LARGEST_FORM:
            raise TooLarge
        return message

    return receive_some
