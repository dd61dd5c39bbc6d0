"""Who may read and write: what the rights of files mean, in words."""

import os
import pwd
import stat
from pathlib import Path

OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
OTHERS = stat.S_IRWXG | stat.S_IRWXO
ROOT = 0


def user_name(uid: int) -> str:
    """Name a user; the number where it has no name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def this_user() -> str:
    """Name the user whose rights count here."""
    return user_name(os.geteuid())


def described(path: Path) -> str:
    """Tell a file's owner and mode: `root, mode 0640`."""
    status = path.stat()
    return f"{user_name(status.st_uid)}, mode {stat.S_IMODE(status.st_mode):04o}"


def may(path: Path, mode: int) -> bool:
    """Tell whether this user may read, write or enter (`os.R_OK`, `os.W_OK`, `os.X_OK`)."""
    return os.access(path, mode, effective_ids=True)


def may_make_in(folder: Path) -> bool:
    """Tell whether this user may make and rename files in a folder."""
    return may(folder, os.W_OK | os.X_OK)


def first_existing(path: Path) -> Path:
    """Give the path, or the nearest folder above it that exists."""
    return next(each for each in (path, *path.parents) if each.exists())


def trusted_owner(path: Path) -> bool:
    """Tell whether the file is root's or this user's own."""
    return path.stat().st_uid in (ROOT, os.geteuid())


def open_to_replacing(path: Path) -> Path | None:
    """Give the file or its folder if others may change what stands under this name, else None.

    In a folder with the sticky bit, others cannot put another file into the place of one that exists.
    """
    if path.stat().st_mode & OTHERS_WRITE:
        return path
    folder = path.absolute().parent
    mode = folder.stat().st_mode
    return folder if mode & OTHERS_WRITE and not mode & stat.S_ISVTX else None
