"""The local control socket: commands ask the running daemon, one request a connection, JSON lines back.

Only who may open the socket (mode 0600) may ask.
"""

import asyncio
import json
import os
import socket
import stat
import struct
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from syncd.audit import user_name
from syncd.errors import SyncdError
from syncd.logs import get_logger

LONGEST_REQUEST = 1 << 20
LONGEST_SOCKET_PATH = 100

Tell = Callable[[dict[str, Any]], None]
Handler = Callable[[str, dict[str, Any], Tell, str], Awaitable[dict[str, Any]]]
"""Does what a verb asks with its parameters, tells of progress, returns the result. Last: who asks."""


class DaemonGone(SyncdError):
    """The daemon ended, or closed the connection, before it answered."""


class Refused(SyncdError):
    """The daemon says no."""


def socket_path(database: Path, runtime_directory: str | None) -> Path:
    """Tell where the control socket of a state database is: in the runtime directory, else beside it."""
    if runtime_directory:
        return Path(runtime_directory.split(":")[0]) / "control.sock"
    return database.with_name(f"{database.name}.sock")


class ControlServer:
    """Answers on the control socket."""

    def __init__(self, path: Path, handler: Handler) -> None:
        """Serve `handler` at `path`."""
        self.path = path
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._log = get_logger("control")

    async def start(self) -> None:
        """Listen; a socket that a dead process left is replaced."""
        if len(os.fsencode(self.path)) > LONGEST_SOCKET_PATH:
            raise SyncdError(
                f"the path {self.path} is too long for a socket: keep the state database in a shorter path,"
                " or set RUNTIME_DIRECTORY to a short one"
            )
        with suppress(FileNotFoundError):
            if stat.S_ISSOCK(self.path.lstat().st_mode):
                self.path.unlink()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o177)
        try:
            listener.bind(str(self.path))
        finally:
            os.umask(mask)
        self._server = await asyncio.start_unix_server(self._accept, sock=listener, limit=LONGEST_REQUEST)

    async def stop(self) -> None:
        """Stop listening and end what is being answered."""
        if self._server is None:
            return
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        with suppress(FileNotFoundError):
            self.path.unlink()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._answer(reader, writer)
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def tell(progress: dict[str, Any]) -> None:
            if not writer.is_closing():
                writer.write(_line({"progress": progress}))

        try:
            request = json.loads(await reader.readline())
            actor = _user_of(writer.get_extra_info("socket"))
            result = await self._handler(str(request["verb"]), dict(request.get("with", {})), tell, actor)
            last: dict[str, Any] = {"result": result}
        except SyncdError as error:
            last = {"error": str(error), "exit_status": error.exit_status}
        except (ValueError, KeyError, TypeError):
            last = {"error": "the request is not understood: is the command of another version?"}
        except Exception as fault:  # noqa: BLE001 (a failed request must not end the daemon)
            self._log.exception("control_failed")
            last = {"error": f"the daemon failed at this ({type(fault).__name__}): see its log"}
        writer.write(_line(last))
        await writer.drain()


def _user_of(connection: socket.socket) -> str:
    """Name the user of the process at the other end, as the kernel knows it."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", credentials)
    return user_name(uid)


def ask(
    path: Path, verb: str, parameters: dict[str, Any], patience: float | None = None
) -> Iterator[dict[str, Any]]:
    """Ask the daemon at `path`; yield its progress lines, then `{"result": …}` as the last.

    `patience`: so many seconds may it be silent; None = for ever. Raises `Refused` with the daemon's words
    where it says no, `DaemonGone` where it does not answer.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(patience)
        try:
            connection.connect(str(path))
        except OSError as error:
            raise DaemonGone(
                f"the daemon does not answer at {path} ({error.strerror}): are you its user, or root?"
            ) from None
        connection.sendall(_line({"verb": verb, "with": parameters}))
        with connection.makefile("rb") as answers:
            for line in _lines_of(answers):
                answer = json.loads(line)
                if "error" in answer:
                    raise _refusal(answer)
                yield answer
                if "result" in answer:
                    return
    raise DaemonGone("the daemon ended before it was done: see its log")


def _lines_of(answers: Iterable[bytes]) -> Iterator[bytes]:
    try:
        yield from answers
    except TimeoutError:
        raise DaemonGone("the daemon is silent: see its log") from None


def _refusal(answer: dict[str, Any]) -> Refused:
    refused = Refused(str(answer["error"]))
    refused.exit_status = int(answer.get("exit_status", 1))  # type: ignore[misc]
    return refused


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"
