"""Errors for operators: shown without a traceback, each saying what to do, each with its exit status.

SyncdError            1
├── WrongUsage        2
├── AlreadyRunning   75
├── StateBehind      75
├── StateUnusable     1
│   ├── StateUnusableNow 75
│   └── StateForbidden   78
└── ConfigError      78
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from typing_extensions import override


class SyncdError(Exception):
    """Something a person has to know or mend. The message is the whole of what is shown."""

    exit_status: ClassVar[int] = 1


class WrongUsage(SyncdError):
    """The command was called in a way that makes no sense."""

    exit_status: ClassVar[int] = 2


class AlreadyRunning(SyncdError):
    """Another instance holds the lock: try again later."""

    exit_status: ClassVar[int] = 75


class StateBehind(SyncdError):
    """An older copy of the state cannot catch up with its sources: nothing may be pushed. Try again later."""

    exit_status: ClassVar[int] = 75


class StateUnusable(SyncdError):
    """The state database cannot be used: why, and what to do."""


class StateUnusableNow(StateUnusable):
    """It can be used again when something else is done or gone."""

    exit_status: ClassVar[int] = 75


class StateForbidden(StateUnusable):
    """It lies where syncd may not write, and trying again would not mend that."""

    exit_status: ClassVar[int] = 78


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a configuration: at which key (dotted, "" for the file itself), on which line, what."""

    where: str
    message: str
    line: int | None = None

    @override
    def __str__(self) -> str:
        place = f"line {self.line}" if self.line is not None else ""
        before = ", ".join(part for part in (place, self.where) if part)
        return f"{before}: {self.message}" if before else self.message


class ConfigError(SyncdError):
    """The configuration cannot be used. Holds every problem that was found, in the order of the file."""

    exit_status: ClassVar[int] = 78

    def __init__(self, problems: Sequence[Problem], *, path: Path | None = None) -> None:
        """`path`: the file that has the problems."""
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line or 0))
        self.path = path
        super().__init__(self._message())

    def _message(self) -> str:
        file = str(self.path) if self.path is not None else "the configuration"
        if len(self.problems) == 1:
            return f"{file}: {self.problems[0]}"
        return "\n".join(
            [f"{file} has {len(self.problems)} problems:", *(f"  {problem}" for problem in self.problems)]
        )
