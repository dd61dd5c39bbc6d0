"""A machine of its own to try the service on: a fresh Debian 12 with systemd as its first process, in a container.

It takes root, and Debian's packages debootstrap and systemd-container. The container has no network but its own loopback.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Self

MIRROR = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
PACKAGES = "ca-certificates,curl,dbus,make,python3,python3-pip,systemd,systemd-sysv"  # as the README says
PATIENCE_SECONDS = 120.0
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Failed(Exception):
    """A command in the machine failed."""


def prepare_tree(tree: Path) -> None:
    """Make a fresh Debian in `tree`, if it is not there yet."""
    if (tree / "complete").exists():
        return
    shutil.rmtree(tree, ignore_errors=True)
    tree.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", tree, MIRROR],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    shutil.rmtree(tree / "var/cache/apt", ignore_errors=True)
    (tree / "complete").touch()


class Machine:
    """The machine, running: commands in it, and its files."""

    def __init__(self, root: Path, checkout: Path, wheels: Path) -> None:
        self.root = root
        self._binds = (f"--bind-ro={checkout}:/checkout", f"--bind-ro={wheels}:/wheels")
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._leader = 0

    def __enter__(self) -> Self:
        registered = (
            ["--register=no", "--keep-unit"]
            if not Path("/run/systemd/system").exists()
            else ["--register=no"]
        )
        self._nspawn = subprocess.Popen(
            ["systemd-nspawn", "--quiet", "--boot", f"--directory={self.root}", "--private-network",
             "--console=pipe", "--machine=syncd-trial", *registered, *self._binds],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
        )  # fmt: skip
        try:
            self._leader = int(self.eventually(self._first_process, "its first process starts"))
            self.eventually(lambda: self.says("systemctl", "is-system-running") == "running", "it is up")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        assert self._nspawn is not None
        if (leader := self._first_process()) != "":
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(leader), signal.SIGKILL)  # nothing in it is of use any more
        else:
            self._nspawn.kill()
        self._nspawn.wait(PATIENCE_SECONDS)

    def _first_process(self) -> str:
        """Give the process that is number 1 in it; before that, the container has helpers of its own."""
        assert self._nspawn is not None
        pid = self._nspawn.pid
        with contextlib.suppress(OSError):
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                if re.search(r"(?m)^NSpid:.*\t1$", Path(f"/proc/{child}/status").read_text()):
                    return child
        return ""

    def run(
        self, *command: str, stdin: str | None = None, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as its root, whatever it ends with."""
        return subprocess.run(
            ["nsenter", f"--target={self._leader}", "--all", "env", "--chdir=/", *command],
            input=stdin, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS * 3,
            env={"PATH": _PATH, "LANG": "C.UTF-8", "HOME": "/root", "SYSTEMD_PAGER": "", **(env or {})},
        )  # fmt: skip

    def says(self, *command: str) -> str:
        return self.run(*command).stdout.strip()

    def does(self, *command: str, **options: str | dict[str, str]) -> str:
        """Run a command that must do what it says; give its output."""
        done = self.run(*command, **options)  # type: ignore[arg-type]
        if done.returncode != 0:
            raise Failed(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout.strip()

    def path(self, path: str) -> Path:
        """Give a file of its own as this side sees it; what it has mounted is not in it."""
        return self.root / path.lstrip("/")

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        file = self.path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def property(self, name: str, unit: str = "syncd") -> str:
        return self.says("systemctl", "show", "--property", name, "--value", unit)

    def journal(self, unit: str = "syncd") -> str:
        return self.says("journalctl", "--unit", unit, "--output", "cat", "--no-pager")

    def eventually(self, condition, what: str, seconds: float = PATIENCE_SECONDS):
        """Ask until it is true; fail where it does not come true in good time."""
        end = time.monotonic() + seconds
        pause = threading.Event()
        while not (answer := condition()):
            assert time.monotonic() < end, f"never came true: {what}"
            pause.wait(0.1)
        return answer
