"""Whether the daemon lives and is ready, as those who watch over it ask."""

import asyncio
from collections.abc import Mapping

from syncd.app import App


class Vitals:
    """Kept by the daemon, asked by its server. Both lists are empty where all is well."""

    def __init__(self) -> None:
        """Nothing is open yet."""
        self.app: App | None = None
        """What runs at the moment; None while the state is being opened."""
        self.looked = False
        """Whether each source has been looked at once."""
        self.stopping = False
        self._lanes: Mapping[str, asyncio.Task[None]] = {}

    def runs(self, app: App, lanes: Mapping[str, "asyncio.Task[None]"]) -> None:
        """Note what runs from now on: `lanes` by the names of their channels."""
        self.app = app
        self._lanes = lanes

    def troubles(self) -> list[str]:
        """Tell what has ended that should run."""
        if self.stopping:
            return []
        return [f"the lane of {name} has ended" for name, task in self._lanes.items() if task.done()]

    def unready(self) -> list[str]:
        """Tell what is still to come, or over already."""
        if self.stopping:
            return ["it is stopping"]
        if self.app is None:
            return ["the state database is being opened"]
        return self.troubles() if self.looked else ["the sources have not been looked at yet"]
