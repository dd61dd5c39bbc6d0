"""What is wrong with a state database that cannot be used, in words that say what to do."""

import errno
import sqlite3
from pathlib import Path

from syncd.errors import StateForbidden, StateUnusable, StateUnusableNow

_KINDS = {
    sqlite3.SQLITE_FULL: "full",
    **dict.fromkeys((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED), "locked"),
    **dict.fromkeys((sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM), "forbidden"),
    **dict.fromkeys((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB), "damaged"),
}
_KINDS_OF_SYSTEM = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "full"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "forbidden"),
}
_PRIMARY_CODE = 0xFF
"""SQLite's extended codes hold the primary one in their lowest byte."""


def state_trouble(error: BaseException, path: Path | None, *, opening: bool) -> StateUnusable | None:
    """Put into words what is wrong with the state database; None where it is something else.

    `path`: where it is, if that is known; `opening`: it has not been open yet, so that a missing right is a
    mistake in how syncd was set up.
    """
    found = getattr(error, "orig", error)
    what = f"the state database{f' {path}' if path else ''} cannot be used: {found}"
    match _kind_of(found):
        case "full":
            return StateUnusableNow(f"{what}. Make room on the disk that it lies on; nothing is lost")
        case "locked":
            return StateUnusableNow(f"{what}. Another program (a backup?) has kept it locked for too long")
        case "forbidden" if opening:
            where = path.parent if path else "its folder"
            return StateForbidden(f"{what}. Let the user that syncd runs as write in {where}")
        case "damaged":
            return StateUnusable(f"{what}. The next start sets it aside and pushes everything anew")
        case "failing" | "forbidden" if isinstance(found, sqlite3.Error):
            return StateUnusable(
                f"{what}. Is the disk over a quota, does it fail, or are you another user than the one that"
                " syncd runs as? Nothing is lost"
            )
    return None


def is_passing(fault: BaseException) -> bool:
    """Tell whether the state can be written again once something else has changed: a full disk, a lock."""
    return isinstance(state_trouble(fault, None, opening=False), StateUnusableNow)


def _kind_of(error: BaseException) -> str:
    if isinstance(error, OSError):
        return _KINDS_OF_SYSTEM.get(error.errno or 0, "")
    if isinstance(error, sqlite3.Error):
        return _KINDS.get(getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE, "failing")
    return ""
