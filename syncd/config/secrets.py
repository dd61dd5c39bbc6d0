"""Where secrets come from that do not stand in syncd.toml. No message here ever holds one."""

import os
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from connectors.secrets import SecretResolver

_LARGEST = 64 * 1024
_CREDENTIAL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,254}")


def secret_resolver(base_directory: Path, environ: Mapping[str, str]) -> SecretResolver:
    """Return what turns `{credential}`, `{file}` or `{env}` into the secret.

    Relative files are relative to `base_directory`. The resolver raises ValueError with what to do.
    """
    kinds: dict[str, Callable[[str], str]] = {
        "credential": lambda name: _credential(name, environ),
        "file": lambda path: _private_file(base_directory / path),
        "env": lambda name: _variable(name, environ),
    }

    def resolve(reference: dict[str, Any]) -> str:
        kind, name = next(iter(reference.items())) if len(reference) == 1 else ("", "")
        if kind not in kinds or not isinstance(name, str) or not name or "\0" in name:
            raise ValueError(
                'must be a string, or one of { credential = "NAME" }, { file = "PATH" }, { env = "NAME" }'
            )
        return kinds[kind](name)

    return resolve


def unread_secret(_: dict[str, Any]) -> str:
    """Stand in for a secret that is not needed."""
    return "not-read"


def _credential(name: str, environ: Mapping[str, str]) -> str:
    if not _CREDENTIAL_NAME.fullmatch(name):
        raise ValueError("a credential's name has only letters, digits and _ . @ -, and no path")
    directory = environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        raise ValueError(
            f'credential "{name}" comes from systemd, which did not start this command; outside of it, set '
            'CREDENTIALS_DIRECTORY to a folder with a file of that name, or write { file = "PATH" }'
        )
    try:
        return _read(Path(directory) / name, must_be_private=False)
    except FileNotFoundError:
        raise ValueError(
            f'systemd passed no credential "{name}": its file is /etc/credstore/{name}, and the unit names '
            f"it, LoadCredential={name} (systemctl edit syncd); then restart it"
        ) from None
    except OSError as error:
        raise ValueError(f'credential "{name}" cannot be read: {error.strerror}') from None


def _private_file(path: Path) -> str:
    try:
        return _read(path, must_be_private=True)
    except OSError as error:
        raise ValueError(f"secret file {path} cannot be read: {error.strerror}") from None


def _variable(name: str, environ: Mapping[str, str]) -> str:
    if name not in environ:
        raise ValueError(f"environment variable {name} is not set")
    return environ[name]


def _read(path: Path, *, must_be_private: bool) -> str:
    # Without O_NONBLOCK, opening a pipe would wait for a writer for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise ValueError(f"secret file {path} is not a regular file")
        if must_be_private and mode & 0o077:
            raise ValueError(f"secret file {path} is open to other users: chmod 600 {path}")
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise ValueError(f"secret file {path} is larger than {_LARGEST // 1024} KiB: it is no secret")
    text = content.decode("utf-8", errors="replace")
    if "\ufffd" in text:
        raise ValueError(f"secret file {path} is not UTF-8 text")
    return text
