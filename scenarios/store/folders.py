"""Folders that appear whole or not at all: built under a hidden name beside their place, then put in the place of the earlier.

A kill at any moment leaves the earlier folder or the new one. What killed processes left is swept by the next who comes by.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from twin.lease import Lease, is_held

#: Hidden names: `.NAME.part-xxxxxxxx` is being built, `.NAME.earlier-xxxxxxxx` has been replaced and goes next.
PART, EARLIER = ".part-", ".earlier-"

#: So often two who replace the same folder give way to each other.
TRIES = 100


@contextlib.contextmanager
def replaced(target: Path) -> Iterator[tuple[Path, Lease]]:
    """Yield a folder to build in, and its lease; at the end it stands in the place of `target`, after a failure it is gone."""
    part = _beside(target, PART)
    part.mkdir(parents=True)
    lease = Lease(part)
    try:
        yield part, lease
        lease.end()
        _put(part, target)
    finally:
        lease.end()
        shutil.rmtree(part, ignore_errors=True)
        with contextlib.suppress(OSError):
            target.parent.rmdir()  # only when nothing else is in it


def _put(part: Path, target: Path) -> None:
    """Put `part` in the place of `target`: replace first, then delete."""
    gone = []
    for _ in range(TRIES):
        try:
            part.rename(target)
            break
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            gone.append(_beside(target, EARLIER))
            with contextlib.suppress(FileNotFoundError):  # another replaced it meanwhile
                target.rename(gone[-1])
    else:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    for earlier in gone:
        shutil.rmtree(earlier, ignore_errors=True)


def restore(target: Path) -> None:
    """Give a folder back that was moved aside by a process killed before the new one stood in its place."""
    for earlier in sorted(target.parent.glob(f".{glob.escape(target.name)}{EARLIER}*")):
        with contextlib.suppress(OSError):
            if not target.exists():
                earlier.rename(target)


def sweep(folder: Path, name: str = "*") -> None:
    """Restore what was moved aside in `folder`; remove what was replaced and what killed processes left half built.

    Only of what is called `name`, a pattern.
    """
    for left in sorted(folder.glob(f".{name}{EARLIER}*")):
        target = left.with_name(left.name[1:].rpartition(EARLIER)[0])
        restore(target)
        if target.exists():
            shutil.rmtree(left, ignore_errors=True)
    for left in sorted(folder.glob(f".{name}{PART}*")):
        if not is_held(left):
            shutil.rmtree(left, ignore_errors=True)


def link(old: Path, new: Path) -> None:
    """Give a file a second name; where the file system cannot, copy it."""
    try:
        os.link(old, new, follow_symlinks=False)
    except OSError:
        shutil.copy2(old, new, follow_symlinks=False)


def _beside(target: Path, kind: str) -> Path:
    return target.with_name(f".{target.name}{kind}{uuid.uuid4().hex[:8]}")
