"""The pages themselves: what each shows, and what each form does."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from state.explaining import read_sku
from state.failure_search import FoundFailures, find_failures
from state.import_details import import_detail, largest_changes
from syncd import __version__
from syncd.app import App
from syncd.config.model import Config
from syncd.core.rules import decide
from syncd.errors import SyncdError
from syncd.explaining import explanation_of
from syncd.operations import Do
from syncd.web import confirming
from syncd.web.acting import Actor
from syncd.web.admission import Pass
from syncd.web.files import FILES, file
from syncd.web.forms import form_of, page_number, wanted_of, way_back
from syncd.web.graph import HEIGHT, WIDTH, Day
from syncd.web.guarding import TooLarge, Visitor, too_many_guesses
from syncd.web.overview import Overview, read_days, read_overview
from syncd.web.readings import Readings
from syncd.web.rendering import page
from syncd.web.sessions import IDLE_SECONDS, Doorkeeper, TooManyGuesses, carries
from syncd.web.streaming import Streams
from syncd.web.verdict import judged

FAILURES_A_PAGE = 50
ATTEMPTS_SHOWN = 10
DAYS_GOOD_SECONDS = 30.0
LONGEST_SEARCH = 200


class Pages:
    """Answers whoever was let in."""

    def __init__(self, app: Callable[[], App], do: Do, keeper: Doorkeeper, cookie: Callable[[], str]) -> None:
        """`app`: the present one; `do` does what is asked for; `cookie`: the name of the session's."""
        self._app = app
        self._keeper = keeper
        self._cookie = cookie
        self._actor = Actor(app, do)
        self._readings = Readings(lambda: app().database.path, app().world.clock.monotonic)
        self.streams = Streams(self._fingerprint)

    def application(self, more: Sequence[BaseRoute]) -> Starlette:
        """Put the pages together, with other routes beside them."""
        return Starlette(
            routes=[
                Route("/", self.overview),
                Route("/sku", self.sku),
                Route("/imports/{number:int}", self.held_import),
                Route("/confirm", self.confirm),
                Route("/act", self.act, methods=["POST"]),
                Route("/login", self.login_form),
                Route("/login", self.login, methods=["POST"]),
                Route("/logout", self.logout, methods=["POST"]),
                Route("/events", self.events),
                Route("/static/{name}", file),
                *more,
            ],
            exception_handlers={404: self.nothing_here, TooLarge: self.too_large, 500: self.failed},
        )

    async def aclose(self) -> None:
        """End what is under way."""
        await self._actor.aclose()
        self._readings.close()

    @property
    def _config(self) -> Config:
        return self._app().config

    def _now(self) -> int:
        return self._app().world.clock.now()

    async def _overview(self) -> Overview:
        config, now = self._config, self._now()
        return await self._readings.of(
            ("overview", id(config)), lambda reader: read_overview(config, reader, now)
        )

    async def _days(self) -> dict[str, Day]:
        config, now = self._config, self._now()
        return await self._readings.of(
            ("days", id(config)), lambda reader: read_days(config, reader, now), DAYS_GOOD_SECONDS
        )

    async def _failures(self, channel: str, text: str, at: int) -> FoundFailures:
        def read(reader: Any) -> FoundFailures:
            with reader.read() as connection:
                return find_failures(
                    connection,
                    channel=channel,
                    text=text,
                    offset=(at - 1) * FAILURES_A_PAGE,
                    limit=FAILURES_A_PAGE,
                )

        return await self._readings.of(("failures", channel, text, at), read)

    def _about(self, request: Request) -> dict[str, Any]:
        """Give what every page shows, or needs for its forms."""
        visitor = _visitor(request)
        return {
            "now": self._now(),
            "files": FILES,
            "version": __version__,
            "machine": socket.gethostname(),
            "may_act": visitor.may_act,
            "locked": self._keeper.locked,
            "form_token": visitor.session.form_token if visitor.session is not None else "",
        }

    async def overview(self, request: Request) -> Response:
        """Show how all stands."""
        asked = request.query_params
        channel = asked.get("channel", "") if asked.get("channel", "") in self._config.channels else ""
        text, at = _searchable(asked.get("q", "")), page_number(asked.get("page", "1"))
        overview, days, failures = await asyncio.gather(
            self._overview(), self._days(), self._failures(channel, text, at)
        )
        reasons = {held.detail.source: held.detail.reason for held in reversed(overview.held)}
        done = page_number(asked["done"]) if "done" in asked else None
        values = {
            **self._about(request),
            "now": overview.now,
            "overview": overview,
            "judgement": judged(overview.standing, reasons, overview.now),
            "channels": self._config.channels,
            "seconds_left": {
                name: lane.pacer.seconds_for(overview.standing["channels"][name]["due"])
                for name, lane in self._app().lanes.items()
            },
            "days": days,
            "graph": {"width": WIDTH, "height": HEIGHT},
            "failures": failures,
            "search": {"channel": channel, "text": text, "page": at, "size": FAILURES_A_PAGE},
            "done": next((one for one in overview.actions if one.id == done), None),
        }
        return page("overview.html", values)

    async def sku(self, request: Request) -> Response:
        """Show why each channel shows what it shows of a SKU."""
        sku = _searchable(request.query_params.get("sku", "").strip())
        config, now = self._config, self._now()
        names = list(config.channels)
        record = None
        if sku:
            record = await self._readings.of(
                ("sku", sku), lambda reader: read_sku(reader, sku, names, ATTEMPTS_SHOWN, decide=decide)
            )
        explanation = None if record is None else explanation_of(config, record, sku, names, now)
        known = record is not None and not record.is_empty
        values = {"sku": sku, "known": known, "explanation": explanation}
        return page("sku.html", {**self._about(request), **values}, 200 if known or not sku else 404)

    async def held_import(self, request: Request) -> Response:
        """Show an import: how it was read, what it does or would do."""
        number = request.path_params["number"]

        def read(reader: Any) -> Any:
            with reader.read() as connection:
                return import_detail(connection, number), largest_changes(connection, number)

        detail, largest = await self._readings.of(("import", number), read)
        if detail is None:
            return self._message(
                request, "There is no such import", f"Import {number} is not known (any more).", 404
            )
        return page("import.html", {**self._about(request), "detail": detail, "largest": largest})

    async def confirm(self, request: Request) -> Response:
        """Ask once more, with the figures."""
        if not _visitor(request).may_act:
            return _to_login(request)
        try:
            wanted = wanted_of(dict(request.query_params))
        except ValueError:
            return self._message(request, "Nothing to confirm", "Go back to the page and choose there.", 400)
        overview = await self._overview()
        question = confirming.question_of(wanted, overview, self._app())
        if question is None:
            return self._message(
                request, "This is not there any more", "It was decided or changed meanwhile.", 409
            )
        values = {"question": question, "action": request.query_params["action"]}
        return page("confirm.html", {**self._about(request), **values})

    async def act(self, request: Request) -> Response:
        """Do what a form says."""
        visitor = _visitor(request)
        try:
            fields = await form_of(request)
            wanted = wanted_of(fields)
        except ValueError:
            return self._message(request, "Not understood", "Nothing was done. Go back and try again.", 400)
        if visitor.shown is Pass.SESSION and not _carries(visitor, fields):
            return self._message(
                request,
                "This form is out of date",
                "Nothing was done. Open the page anew, then try again.",
                403,
            )
        try:
            number = await self._actor.do(wanted, f"page from {visitor.address}")
        except SyncdError as error:
            return self._message(request, "Nothing was done", str(error), 409)
        finally:
            self._readings.forget()
        if visitor.shown is Pass.TOKEN:
            return PlainTextResponse(self._actor.result_of(number) or "begun")
        return RedirectResponse(f"/?done={number}", 303)

    async def login_form(self, request: Request) -> Response:
        """Ask for the token."""
        return self._login_page(request, way_back(request.query_params.get("next", "/")))

    def _login_page(self, request: Request, back: str, wrong: str = "", status: int = 200) -> Response:
        return page("login.html", {**self._about(request), "back": back, "wrong": wrong}, status)

    async def login(self, request: Request) -> Response:
        """Let in whoever knows the token."""
        visitor = _visitor(request)
        try:
            fields = await form_of(request)
            right = self._keeper.accepts(fields.get("token", "").strip(), visitor.address)
        except ValueError:
            return self._message(request, "Not understood", "Go back and try again.", 400)
        except TooManyGuesses as wait:
            return too_many_guesses(wait)
        back = way_back(fields.get("next", "/"))
        if not right:
            return self._login_page(request, back, "That is not the token. It stands in syncd.toml.", 401)
        answer = RedirectResponse(back, 303)
        answer.set_cookie(
            self._cookie(),
            self._keeper.begin(),
            max_age=int(IDLE_SECONDS),
            httponly=True,
            samesite="strict",
            secure=visitor.secure,
        )
        return answer

    async def logout(self, request: Request) -> Response:
        """End the session."""
        visitor = _visitor(request)
        fields = await form_of(request)
        if visitor.session is not None and carries(visitor.session, fields.get("form_token", "")):
            self._keeper.end(visitor.session_name)
        answer = RedirectResponse("/", 303)
        answer.delete_cookie(self._cookie(), httponly=True, samesite="strict")
        return answer

    async def events(self, _: Request) -> Response:
        """Tell whenever something has changed, to pages that look again then."""
        return self.streams.answer()

    async def _fingerprint(self) -> str:
        return (await self._overview()).fingerprint

    async def nothing_here(self, request: Request, _: Exception) -> Response:
        """Answer an address that means nothing."""
        return self._message(request, "There is no such page", "The status page is at /.", 404)

    async def too_large(self, request: Request, _: Exception) -> Response:
        """Answer a form that is larger than any of ours."""
        return self._message(request, "That is too large for any form here", "Nothing was done.", 413)

    async def failed(self, request: Request, _: Exception) -> Response:
        """Answer where a page of ours fails; the log has the rest."""
        return self._message(
            request, "syncd failed at this page", "Its log says how. The stock goes on.", 500
        )

    def _message(self, request: Request, title: str, text: str, status: int) -> Response:
        return page("message.html", {**self._about(request), "title": title, "text": text}, status)


def _visitor(request: Request) -> Visitor:
    visitor: Visitor = request.state.visitor
    return visitor


def _carries(visitor: Visitor, fields: dict[str, str]) -> bool:
    return visitor.session is not None and carries(visitor.session, fields.get("form_token", ""))


def _to_login(request: Request) -> Response:
    return RedirectResponse(f"/login?next={quote(f'{request.url.path}?{request.url.query}')}", 303)


def _searchable(text: str) -> str:
    """Give a text as the database can be asked for it."""
    return text[:LONGEST_SEARCH].encode("utf-8", "replace").decode()
