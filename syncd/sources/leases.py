"""Asking the kernel whether somebody still has a file open for writing."""

import errno
import fcntl
import os
import signal

from syncd.sources.files import OPEN_FLAGS


def open_for_writing(name: str, folder: int) -> bool:
    """Whether any process on this machine has the file open for writing, as far as the kernel tells.

    It tells by refusing a read lease (fcntl(2), "Leases"), on local file systems and for one's own files (or
    with CAP_LEASE). Where it does not tell, the answer is False, and a file that stays unchanged must do.

    Raises:
        OSError: the file cannot be opened.
    """
    descriptor = os.open(name, OPEN_FLAGS, dir_fd=folder)
    try:
        # Whoever opens the file to write while the lease is held makes the kernel send a signal. Its default,
        # SIGIO, would end this process; SIGURG is ignored.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    else:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return False
    finally:
        os.close(descriptor)
