"""Telling by a program of the administrator's: JSON on its input, the gist in its environment.

It runs without a shell, with an environment of its own (no secret of ours, no socket of systemd's), and is
killed with all that it started where it takes too long.
"""

import asyncio
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from syncd.alerts.message import Message
from syncd.alerts.recipient import NotDelivered
from syncd.logs import hide_secrets

PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR")
USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LONGEST_OUTPUT = 4_096
LONGEST_VARIABLE = 16_384
LAST_WORDS_SECONDS = 1.0
"""How long its output is read on after it has ended: what it started may keep the pipe open."""


class CommandRecipient:
    """Runs a program for each message."""

    name = "command"

    def __init__(
        self, command: Sequence[str], *, folder: Path, timeout: float, environ: Mapping[str, str]
    ) -> None:
        """`folder`: where it runs, and what a relative path of the program is relative to."""
        program, *arguments = command
        if "/" in program:
            program = str(folder / program)
        self._command = (program, *arguments)
        self._folder = folder
        self._timeout = timeout
        self._environ = {"PATH": USUAL_PATH} | {
            name: environ[name] for name in PASSED_ON if environ.get(name)
        }

    def fault(self) -> str:
        """Say that there is no such program."""
        if shutil.which(self._command[0], path=self._environ["PATH"]) is None:
            return f"{self._command[0]} is no program that this user can run"
        return ""

    async def send(self, message: Message) -> None:
        """Run it to its end; it must exit with status 0."""
        # Not asyncio's own pipe: it would let the end of the program wait for that of all that it started.
        reads, writes = os.pipe()
        output = bytearray()
        reading = asyncio.ensure_future(_read(reads, output))
        try:
            status = await self._run(message, writes)
            await asyncio.wait([reading], timeout=LAST_WORDS_SECONDS)
        finally:
            reading.cancel()
            await asyncio.wait([reading])
        if status:
            raise NotDelivered(_why(status, output))

    async def _run(self, message: Message, output: int) -> int:
        """Run it with its output to a file descriptor, which is closed; give its exit status."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd=self._folder,
                env={**self._environ, **_variables(message)},
                start_new_session=True,
            )
        except OSError as error:
            raise NotDelivered(f"{self._command[0]} cannot be run: {error.strerror}") from None
        finally:
            os.close(output)
        try:
            async with asyncio.timeout(self._timeout):
                await _write(process, message.body)
                return await process.wait()
        except TimeoutError:
            raise NotDelivered(f"it took longer than {self._timeout:g} s and was killed") from None
        finally:
            if process.returncode is None:
                _kill_group(process.pid)
                await process.wait()


async def _write(process: asyncio.subprocess.Process, body: bytes) -> None:
    """Write its input; a program that does not read it may well be content."""
    pipe = process.stdin
    if pipe is not None:
        with suppress(ConnectionError):
            pipe.write(body)
            await pipe.drain()
        pipe.close()


async def _read(descriptor: int, output: bytearray) -> None:
    """Keep the beginning of its output and read on, so that it never waits for us; close the descriptor."""
    stream = asyncio.StreamReader()
    with os.fdopen(descriptor, "rb", buffering=0) as pipe:
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), pipe
        )
        try:
            while read := await stream.read(LONGEST_OUTPUT):
                output += read[: LONGEST_OUTPUT - len(output)]
        finally:
            transport.close()


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _why(status: int, output: bytearray) -> str:
    what = f"it ended by signal {-status}" if status < 0 else f"it exited with status {status}"
    lines = hide_secrets(output.decode(errors="replace")).split("\n")
    said = next((" ".join(line.split()) for line in reversed(lines) if line.strip()), "")
    return f"{what}: {said[:300]}" if said else what


def _variables(message: Message) -> dict[str, str]:
    told = {
        "CHANGE": message.change,
        "SEVERITY": message.severity,
        "TITLE": message.title,
        "TEXT": message.text,
        "COUNT": str(len(message.document["alerts"])),
    }
    return {f"SYNCD_ALERT_{key}": _fit(value) for key, value in told.items()}


def _fit(text: str) -> str:
    return text.replace("\0", "")[:LONGEST_VARIABLE]
