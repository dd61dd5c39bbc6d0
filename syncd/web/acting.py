"""What the page does for a person: the same as the commands do, in the audit trail like them."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from state.actions import action_of
from syncd.app import App
from syncd.errors import SyncdError
from syncd.logs import get_logger
from syncd.operations import Do
from syncd.web.forms import Wanted


class Busy(SyncdError):
    """A reconcile is under way already."""


class Actor:
    """Does what people ask for on the page. A reconcile goes on behind the page, one at a time."""

    def __init__(self, app: Callable[[], App], do: Do) -> None:
        """`app`: the present one; `do` does what is asked for."""
        self._app = app
        self._do = do
        self._reconciling: asyncio.Task[None] | None = None
        self._log = get_logger("web")

    async def do(self, wanted: Wanted, who: str) -> int:
        """Do it, or begin to; give its number in the audit trail. Raises `SyncdError` where it cannot be."""
        if wanted.verb == "reconcile":
            return await self._begin(wanted, who)
        number = 0

        def told(at: int) -> None:
            nonlocal number
            number = at

        try:
            await self._do(wanted.verb, wanted.parameters, _nobody, who, told)
        except SyncdError:
            if not number:
                raise
        return number  # what came of it, or why not, stands there

    async def _begin(self, wanted: Wanted, who: str) -> int:
        if self._reconciling is not None and not self._reconciling.done():
            raise Busy(
                "A reconcile is under way already: it shows below what is left. Ask again when it is done."
            )
        number: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._reconciling = asyncio.create_task(self._reconcile(wanted.parameters, who, number))
        return await number

    async def _reconcile(self, parameters: dict[str, Any], who: str, number: "asyncio.Future[int]") -> None:
        try:
            await self._do("reconcile", parameters, _nobody, who, number.set_result)
        except SyncdError as error:
            if not number.done():
                number.set_exception(error)
        except Exception as fault:  # noqa: BLE001 (a reconcile that fails must not end the daemon)
            self._log.exception("reconcile_failed")
            if not number.done():
                number.set_exception(fault)

    def result_of(self, number: int) -> str:
        """Tell what came of an action; "" while it is being done."""
        with self._app().database.read() as connection:
            action = action_of(connection, number)
        return "" if action is None else action.result

    async def aclose(self) -> None:
        """End what is under way; what is left of it is pushed as usual."""
        if self._reconciling is not None:
            self._reconciling.cancel()
            with suppress(asyncio.CancelledError):
                await self._reconciling


def _nobody(_: dict[str, Any]) -> None:
    """Hear of progress: the page shows it by itself."""
