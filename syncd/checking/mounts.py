"""On which kind of file system a path lies, from /proc/self/mountinfo."""

import re
from pathlib import Path

MOUNTINFO = Path("/proc/self/mountinfo")
NETWORK = frozenset(
    {
        "9p", "afs", "ceph", "cifs", "coda", "fuse.glusterfs", "fuse.sshfs", "fuse.vmhgfs-fuse", "gfs2",
        "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "prl_fs", "smb3", "smbfs", "vboxsf",
    }
)  # fmt: skip
"""Shared between machines: locks and shared memory do not hold there, changes from elsewhere are not told."""
IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_ESCAPE = re.compile(r"\\([0-7]{3})")
_PLACE = 4


def file_system_of(path: Path, mountinfo: str) -> str:
    """Name the type of the file system that a path lies on, "" where that is not told.

    `path` exists and has no links in it; `mountinfo` as the kernel gives it: a later line covers an earlier.
    """
    found, depth = "", -1
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) <= _PLACE or not after:
            continue
        place = Path(_ESCAPE.sub(lambda match: chr(int(match[1], 8)), fields[_PLACE]))
        if (path == place or place in path.parents) and len(place.parts) >= depth:
            found, depth = after.split(" ")[0], len(place.parts)
    return found


def file_system(path: Path) -> str:
    """Name the type of the file system that an existing path lies on, "" where that is not told."""
    try:
        return file_system_of(path.resolve(), MOUNTINFO.read_text(errors="replace"))
    except OSError:
        return ""
