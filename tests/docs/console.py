"""Runs the console blocks of a document, as a reader would type them, and compares what they print.

Comments before a block, which readers do not see, say what a page cannot:

    <!-- run: COMMANDS -->      what the text told the reader to do by hand
    <!-- typed: TEXT -->        what is typed into the command
    <!-- terminal: NAME -->     another terminal, in which the last command stays running
    <!-- needs: WHAT -->        it runs elsewhere: `ci` in .ci/run, `systemd` in the trial of the service
    <!-- figures: exact -->     digits match none but themselves

A block that shows nothing of what a command prints expects that it succeeds. In what is printed, any
digits match any others unless they are exact, `…` any text, and a line `…` any lines.
"""

import contextlib
import os
import re
import select
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

SECONDS = 90.0
END = "\x1e"
BLOCK = re.compile(r"^(?P<indent> *)```console\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)
DIRECTIVE = re.compile(r"<!-- (?P<name>run|typed|terminal|needs|figures): (?P<text>.*?) -->", re.DOTALL)


@dataclass
class Command:
    """What is typed, and what it prints."""

    typed: str
    printed: list[str] = field(default_factory=list)


@dataclass
class Block:
    """One console block with its directives."""

    line: int
    commands: list[Command]
    directives: dict[str, str]


def blocks_of(document: str) -> list[Block]:
    """Find the console blocks of a document."""
    found, end = [], 0
    for match in BLOCK.finditer(document):
        indent = len(match["indent"])
        lines = [line[indent:] for line in match["text"].splitlines()]
        directives = {
            each["name"]: each["text"] for each in DIRECTIVE.finditer(document[end : match.start()])
        }
        found.append(Block(document.count("\n", 0, match.start()) + 1, _commands(lines), directives))
        end = match.end()
    return found


def _commands(lines: list[str]) -> list[Command]:
    commands: list[Command] = []
    for line in lines:
        if line.startswith("$ "):
            commands.append(Command(line[2:]))
        elif commands and not commands[-1].printed and commands[-1].typed.endswith("\\"):
            commands[-1].typed += f"\n{line}"
        elif commands:
            commands[-1].printed.append(line)
        else:
            raise AssertionError(f"a console block begins with a command, not with {line!r}")
    return commands


def matches(expected: list[str], printed: list[str], *, exactly: bool = False) -> bool:
    """Tell whether what was printed is what the document shows; `exactly`: with the very figures."""
    parts = [r"(?:[^\n]*\n)*" if line.strip() == "…" else _line(line, exactly) for line in expected]
    return (
        re.fullmatch("".join(parts) + r"\s*", "".join(f"{line.rstrip()}\n" for line in printed)) is not None
    )


def _line(line: str, exactly: bool) -> str:
    words = re.split(r"(\s+|…|[0-9][0-9.,]*)", line.rstrip())
    return "".join(_word(word, exactly) for word in words if word) + r"\n"


def _word(word: str, exactly: bool) -> str:
    if word == "…":
        return r"[^\n]*"
    if word.isspace():
        return r" +"
    return r"[0-9][0-9.,]*" if word[0].isdigit() and not exactly else re.escape(word)


class Terminal:
    """A shell in which commands are typed one after the other."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        self._said = ""

    def type(self, command: Command, typed: str | None = None) -> tuple[int, list[str]]:
        """Run a command to its end; give its exit status and what it printed."""
        text = command.typed if typed is None else f"{{ {command.typed}\n}} <<'TYPED'\n{typed}\nTYPED"
        self._send(f"{text}\nprintf '{END}%d{END}' $?\n")
        said = self._read_until(lambda: self._said.count(END) >= 2, command)
        output, status, self._said = said.split(END, 2)
        return int(status), output.splitlines()

    def leave_running(self, command: Command) -> None:
        """Start a command that does not end, and wait until it has printed what the document shows."""
        self._send(f"{command.typed}\n")
        self._read_until(lambda: matches([*command.printed, "…"], self._said.splitlines()), command)

    def close(self) -> None:
        """Press Ctrl-C, leave the shell, and end what was left in its background."""
        os.killpg(self._shell.pid, signal.SIGINT)
        self._shell.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._shell.wait(timeout=SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._shell.pid, signal.SIGKILL)
        self._shell.wait()
        self._shell.stdout.close()

    def _send(self, text: str) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.write(text.encode())
        self._shell.stdin.flush()

    def _read_until(self, enough, command: Command) -> str:
        assert self._shell.stdout is not None
        until = time.monotonic() + SECONDS
        while not enough():
            ready, _, _ = select.select([self._shell.stdout], [], [], max(until - time.monotonic(), 0))
            part = os.read(self._shell.stdout.fileno(), 65536) if ready else b""
            assert part, f"{command.typed!r} did not end as shown; so far:\n{self._said}"
            self._said += part.decode(errors="replace")
        return self._said


class Reader:
    """Follows a document from its first console block to its last."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self._folder, self._environ = folder, environ
        self._terminals: dict[str, Terminal] = {}

    def follow(self, block: Block) -> None:
        """Do what a block shows; AssertionError where something else comes of it."""
        name = block.directives.get("terminal", "")
        if name not in self._terminals:
            self._terminals[name] = Terminal(self._folder, self._environ)
        terminal = self._terminals[name]
        if "run" in block.directives:
            status, printed = terminal.type(Command(block.directives["run"]))
            assert status == 0, f"line {block.line}, what is done by hand: {printed}"
        last = block.commands[-1] if name else None
        for command in block.commands:
            if command is last:
                terminal.leave_running(command)
                continue
            status, printed = terminal.type(command, block.directives.get("typed"))
            shows_nothing = command.printed in ([], ["…"])
            exactly = block.directives.get("figures") == "exact"
            as_shown = status == 0 if shows_nothing else matches(command.printed, printed, exactly=exactly)
            assert as_shown, (
                f"line {block.line}: `{command.typed}` printed otherwise than shown:\n" + "\n".join(printed)
            )

    def close(self) -> None:
        """End everything that still runs."""
        for terminal in self._terminals.values():
            terminal.close()
