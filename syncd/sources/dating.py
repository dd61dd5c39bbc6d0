"""As of when the data of a file is, and so the order of files."""

from dataclasses import dataclass
from typing import Protocol

from syncd.core.name_times import TimeInName
from syncd.sources.files import Identity


class Datable(Protocol):
    """A file that can be dated."""

    @property
    def name(self) -> str:
        """The name it came with, safe to show."""
        ...

    @property
    def entry(self) -> str:
        """Its name where it lies, exactly."""
        ...

    @property
    def identity(self) -> Identity:
        """Among other things, when it was modified."""
        ...


@dataclass(frozen=True, slots=True)
class Dating:
    """Dates files by the time in their names where their producer writes one, else by their modification.

    A time in a name is the machine's local time; an hour that is repeated in autumn counts as the earlier.
    """

    time_in_name: TimeInName | None = None

    def fault(self, file: Datable) -> str:
        """Say why its name does not date the file; "" where it does, or need not."""
        try:
            if self.time_in_name is not None:
                self.time_in_name.read(file.name)
        except ValueError as fault:
            return str(fault)
        return ""

    def data_at(self, file: Datable) -> int:
        """Tell as of when its data is (ms since the epoch); by modification if its name has a fault."""
        return self.order(file)[0] // 1_000_000

    def order(self, file: Datable) -> tuple[int, int, str]:
        """Give what sorts files: by the time of their data (ns), then of their modification, then by name."""
        modified_ns = file.identity.modified_ns
        if self.time_in_name is None or self.fault(file):
            return modified_ns, modified_ns, file.entry
        microseconds = round(self.time_in_name.read(file.name).timestamp() * 1_000_000)
        return microseconds * 1_000, modified_ns, file.entry
