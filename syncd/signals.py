"""What signals mean to the daemon: SIGTERM and SIGINT end it, SIGHUP lets it read its configuration anew."""

import asyncio
import os
import signal
from collections.abc import Callable
from types import FrameType

STOPS = (signal.SIGTERM, signal.SIGINT)
TERMINAL_GOES_SECONDS = 1.0
"""The signal may come a moment before the terminal that is closed cannot be opened any more."""


def has_terminal() -> bool:
    """Tell whether this process has a controlling terminal that is still there."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


class Signals:
    """Takes signals, from before the event loop runs until the end.

    A terminal that is closed says so by the same signal, SIGHUP: a daemon that was started from it ends then.
    """

    def __init__(self, has_terminal: Callable[[], bool] = has_terminal) -> None:
        """Take SIGHUP from now on: it would end a process that has no handler for it."""
        self._has_terminal = has_terminal
        self._ends_with_terminal = signal.getsignal(signal.SIGHUP) != signal.SIG_IGN and has_terminal()
        self._stop: Callable[[str], None] = lambda _: None
        self.hangup = asyncio.Event()
        """Set by SIGHUP; cleared by whoever heeds it."""
        signal.signal(signal.SIGHUP, self._hung_up_early)

    def listen(self, stop: Callable[[str], None]) -> None:
        """Call `stop` with the name of each signal that means it, in the running event loop."""
        loop = asyncio.get_running_loop()
        self._stop = stop
        for number in STOPS:
            loop.add_signal_handler(number, stop, number.name)
        loop.add_signal_handler(signal.SIGHUP, self._hung_up)

    def _hung_up_early(self, _number: int, _frame: FrameType | None) -> None:
        self.hangup.set()

    def _hung_up(self) -> None:
        if self._ends_with_terminal:
            if self._stopped_for_want_of_a_terminal():
                return
            loop = asyncio.get_running_loop()
            loop.call_later(TERMINAL_GOES_SECONDS, self._stopped_for_want_of_a_terminal)
        self.hangup.set()

    def _stopped_for_want_of_a_terminal(self) -> bool:
        gone = not self._has_terminal()
        if gone:
            self._stop(signal.SIGHUP.name)
        return gone
