"""The server of the status page, inside the daemon. That it cannot be served never stops the stock."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress

from starlette.routing import BaseRoute

from syncd.app import App
from syncd.config.server import ServerConfig
from syncd.logs import get_logger
from syncd.operations import Do
from syncd.web.admission import Door
from syncd.web.guarding import Guard
from syncd.web.pages import Pages
from syncd.web.serving import Uvicorn, listen
from syncd.web.sessions import Doorkeeper

TRY_AGAIN_SECONDS = 60.0


class WebServer:
    """Serves the page of an app where its configuration says."""

    def __init__(self, app: Callable[[], App], do: Do, routes: Sequence[BaseRoute] = ()) -> None:
        """`app`: the present one; `do` does what people ask for; `routes` are served too."""
        self._app = app
        self._log = get_logger("web")
        self._keeper = Doorkeeper(self._token, app().world.clock.monotonic)
        self._pages = Pages(app, do, self._keeper, self._cookie)
        self._guard = Guard(self._pages.application(routes), self._keeper, self._door, self._cookie)
        self._server: Uvicorn | None = None
        self._serving: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    def reload(self) -> None:
        """Let the configuration of the present app count: another address, another token."""
        self._changed.set()

    async def run(self) -> None:
        """Serve until cancelled, wherever the configuration says; try again where the address is taken."""
        told: str | None = None
        try:
            while True:
                terms = self._app().config.server
                self._changed.clear()
                trouble = await self._begin(terms) if terms.listen else ""
                if trouble and told != (told := f"{terms.listen}: {trouble}"):
                    self._log.warning("server_unavailable", address=terms.listen, reason=trouble)
                elif not trouble:
                    told = None
                await self._wait(terms, TRY_AGAIN_SECONDS if trouble else None)
        finally:
            await self._end()
            await self._pages.aclose()

    async def _begin(self, terms: ServerConfig) -> str:
        """Begin to serve; tell why that could not be."""
        try:
            listener = await listen(terms.host, terms.port)
        except OSError as error:
            return error.strerror or str(error)
        self._server = Uvicorn(self._guard)
        self._serving = asyncio.create_task(self._serve(self._server, listener))
        self._log.info("server_started", address=terms.listen)
        return ""

    async def _serve(self, server: Uvicorn, listener: socket.socket) -> None:
        try:
            await server.serve(sockets=[listener])
        except Exception:  # noqa: BLE001 (whatever it is, the stock goes on)
            self._log.exception("server_failed")
        finally:
            listener.close()

    async def _wait(self, terms: ServerConfig, seconds: float | None) -> None:
        """Wait until the address changes, the server ends by itself, or it is time to try again."""
        while True:
            changed = asyncio.create_task(self._changed.wait())
            watched = [changed, *([self._serving] if self._serving is not None else [])]
            try:
                done, _ = await asyncio.wait(watched, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            finally:
                changed.cancel()
            if changed in done and self._app().config.server.listen == terms.listen:
                self._changed.clear()
                continue
            if changed not in done and self._serving is not None:  # it ended by itself: not at once again
                await asyncio.sleep(TRY_AGAIN_SECONDS)
            await self._end()
            return

    async def _end(self) -> None:
        if self._server is None or self._serving is None:
            return
        self._pages.streams.end()
        self._server.stop()
        with suppress(asyncio.CancelledError):
            await self._serving
        self._server = self._serving = None

    def _token(self) -> str | None:
        token = self._app().config.server.token
        return None if token is None else token.get_secret_value()

    def _door(self) -> Door:
        terms = self._app().config.server
        return Door(terms.host, terms.is_local, self._keeper.locked)

    def _cookie(self) -> str:
        # Cookies know no ports: two instances on one machine must not end each other's sessions.
        return f"syncd_{self._app().config.server.port}"
