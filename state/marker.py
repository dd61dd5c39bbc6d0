"""How far a database has come, noted outside it: so a restored older copy is noticed."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

MARKER_SUFFIX = ".marker"


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a database has come: its identity, how often it was opened to write, its highest push."""

    database: str
    session: int
    push: int


class Marker:
    """Remembers, outside the database, how far the database has come: so a restored older copy is noticed."""

    def __init__(self, database: Path) -> None:
        """Stand beside `database`."""
        self._path = Path(f"{database}{MARKER_SUFFIX}")

    def read(self) -> Mark | None:
        """Tell what was last noted; None if there never was a database here.

        A note that cannot be read is one of another database: it proves nothing of this one.
        """
        try:
            noted = json.loads(self._path.read_text())
            return Mark(str(noted["database"]), int(noted["session"]), int(noted["push"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            return Mark("", 0, 0)

    def write(self, mark: Mark) -> None:
        """Note how far the database has come."""
        beside = self._path.with_name(self._path.name + ".new")
        with beside.open("w") as file:
            os.fchmod(file.fileno(), 0o600)
            json.dump(asdict(mark), file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)
