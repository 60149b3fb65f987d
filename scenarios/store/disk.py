"""A disk that is full or may not be written to, as an error that a user can mend."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twin.errors import SourceError

FULL = (errno.ENOSPC, errno.EDQUOT)
SHUT = (errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR)


def disk_error(error: BaseException, where: Path) -> SourceError | None:
    """Return what an error says of the disk of the folder `where`; None for one that has to do with something else."""
    number = error.errno if isinstance(error, OSError) else None
    if number in FULL:
        return SourceError("disk_full", where=str(where))
    return SourceError("not_writable", where=str(where)) if number in SHUT else None


@contextmanager
def writing(where: Path) -> Iterator[None]:
    """Turn a full disk, and a folder `where` that may not be written to, into errors that a user can mend."""
    try:
        yield
    except OSError as error:
        if (disk := disk_error(error, where)) is not None:
            raise disk from error
        raise
