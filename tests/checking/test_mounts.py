from pathlib import Path

import pytest

from syncd.checking.mounts import IN_MEMORY, NETWORK, file_system, file_system_of

MOUNTINFO = r"""23 28 0:21 / /sys rw,nosuid - sysfs sysfs rw
28 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw
60 28 0:45 / /srv rw,relatime shared:30 master:2 - nfs4 nas:/export rw,vers=4.2
61 60 8:3 / /srv/local rw,relatime - xfs /dev/sda3 rw
62 28 0:46 / /mnt/two\040words rw - cifs //nas/share rw
63 28 0:47 / /home rw - ext4 /dev/sdb1 rw
64 28 0:48 / /home rw - fuse.sshfs me@far:/home rw
garbage
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/var/lib/syncd/state.db", "ext4"),
        ("/srv", "nfs4"),
        ("/srv/inbox", "nfs4"),
        ("/srv/local/inbox", "xfs"),
        ("/srvlocal", "ext4"),
        ("/mnt/two words/inbox", "cifs"),
        ("/home/me", "fuse.sshfs"),
    ],
)
def test_the_deepest_and_latest_mount_counts(path, kind):
    assert file_system_of(Path(path), MOUNTINFO) == kind


def test_shares_are_known_as_such():
    assert {"nfs4", "cifs", "fuse.sshfs", "9p"} <= NETWORK
    assert not NETWORK & {"ext4", "xfs", "btrfs", "overlay", "tmpfs"}


def test_what_the_kernel_says_is_read():
    assert file_system(Path("/proc")) == "proc"
    assert file_system(Path("/dev/shm")) in IN_MEMORY  # noqa: S108
