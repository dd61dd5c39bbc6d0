"""Checks of the daemon that runs: is it of this version, with this configuration?"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from state.database import holder_socket
from syncd import __version__
from syncd.checking.findings import Finding, Kind, note, problem
from syncd.config.model import Config
from syncd.control import DaemonGone, Refused, ask

_ABOUT = "daemon"
_RESTART = "restart it: systemctl restart syncd"


def about_daemon(config: Config) -> dict[str, Any] | Finding | None:
    """Ask the running daemon what it is; None where none runs, a finding where it cannot be told."""
    try:
        socket = holder_socket(config.state.path)
    except OSError as error:
        return note(
            Kind.DAEMON_OUT_OF_REACH,
            _ABOUT,
            f"whether the daemon runs cannot be told ({error.strerror})",
            "run this as the user that syncd runs as, or as root",
        )
    if socket is None:
        return None
    if not socket:
        return Finding(
            Kind.DAEMON, _ABOUT, "another syncd command is at work, or the daemon is just starting"
        )
    try:
        answer: dict[str, Any] = next(iter(ask(Path(socket), "about", {})))["result"]
    except DaemonGone as error:
        what, _, _ = str(error).partition(": ")
        return note(
            Kind.DAEMON_OUT_OF_REACH, _ABOUT, what, "run this as the user that syncd runs as, or as root"
        )
    except (Refused, KeyError, StopIteration):
        return problem(
            Kind.DAEMON_OF_ANOTHER_VERSION, _ABOUT, "the daemon that runs is of another version", _RESTART
        )
    return answer


def check_daemon(config: Config, path: Path, about: dict[str, Any]) -> Iterator[Finding]:
    """Compare the running daemon with this program and the configuration as it is on the disk now."""
    findings = []
    if about["version"] != __version__:
        findings.append(
            problem(
                Kind.DAEMON_OF_ANOTHER_VERSION,
                _ABOUT,
                f"the daemon that runs is version {about['version']}, this is {__version__}",
                _RESTART,
            )
        )
    if about["configuration"] != config.fingerprint:
        findings.append(
            problem(
                Kind.DAEMON_NOT_RELOADED,
                _ABOUT,
                f"the daemon runs with another configuration than {path} says now",
                "systemctl reload syncd (or name with --config the one that it uses)",
            )
        )
    yield from findings or [
        Finding(Kind.DAEMON, _ABOUT, f"runs since {about['started_at']}, with this very configuration")
    ]
