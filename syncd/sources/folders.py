"""The folder of a source, and those of syncd inside it, as descriptors: renaming them misleads nobody."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from syncd.sources.files import or_unreachable
from syncd.sources.rows import SourceUnreachable

OWN_FOLDERS: Final = ("archive", "rejected", ".syncd")
ARCHIVE, REJECTED, PRIVATE = OWN_FOLDERS


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """The folder as a descriptor, opened anew each time: it may have been deleted and made again.

    Raises:
        SourceUnreachable: it cannot be opened.
    """
    with or_unreachable(f"The folder {path} cannot be opened"):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def own(path: Path, folder: int, name: str) -> Iterator[int]:
    """One of syncd's own folders, made where it is missing. Never a link: it could lead anywhere.

    Raises:
        SourceUnreachable: it cannot be made or opened, or is on another file system than the folder.
    """
    with or_unreachable(f"The folder {path / name} cannot be made or opened"):
        with suppress(FileExistsError):
            os.mkdir(name, 0o700 if name == PRIVATE else 0o777, dir_fd=folder)
        descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        if os.fstat(descriptor).st_dev != os.fstat(folder).st_dev:
            raise SourceUnreachable(
                f"The folder {path / name} is on another file system than {path}: files cannot "
                "be moved between them in one step. Keep both on one."
            )
        yield descriptor
    finally:
        os.close(descriptor)
