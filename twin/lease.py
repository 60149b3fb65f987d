"""Leases: who is at work in a folder, told by a lock that the system gives back when the process ends, however it ends.

Process numbers say nothing across containers and live again after a restart; a lock on a file holds for all who share a file
system of one machine. Another machine's locks may not be seen, so its lease counts as held while it has been renewed of late.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: no such locks, so leases go by their age alone
    fcntl = None  # type: ignore[assignment]

#: The file of a lease in the folder that it is on.
NAME = ".lease"

#: A lease that cannot be tried and was not renewed for so long is over, s.
SILENCE_S = 3600.0

#: A holder renews its lease no oftener than this, s.
RENEW_S = 5.0


class Lease:
    """The lease of a folder, held from its making until `end` or until the process is gone; `fileno` hands it to a child."""

    def __init__(self, folder: Path) -> None:
        self._path, aside = folder / NAME, folder / f"{NAME}-{uuid.uuid4().hex[:8]}"
        self._file = aside.open("w", encoding="utf-8")
        json.dump({"host": platform.node(), "boot": boot(), "start": time.time()}, self._file)
        self._file.flush()
        self._renewed = time.monotonic()
        with contextlib.suppress(OSError):  # a file system without locks: see `is_held`
            _lock(self._file.fileno())
        aside.rename(self._path)  # who sees it sees it locked

    def fileno(self) -> int:
        """Return the number of the open file that carries the lock."""
        return self._file.fileno()

    def renew(self) -> None:
        """Say that the holder is still at work: what another machine goes by."""
        if time.monotonic() - self._renewed > RENEW_S:
            self._renewed = time.monotonic()
            with contextlib.suppress(OSError):
                os.utime(self._path)

    def leave(self) -> None:
        """Let go of the file without ending the lease: a child that was handed it goes on holding."""
        self._file.close()

    def end(self) -> None:
        """End the lease; nothing of it stays in the folder."""
        self._path.unlink(missing_ok=True)
        self._file.close()


def is_held(folder: Path) -> bool:
    """Return whether someone is at work in a folder; one that is not there is held by nobody."""
    path = folder / NAME
    try:
        file = path.open("r+", encoding="utf-8")
    except FileNotFoundError:
        return _age(folder) < SILENCE_S  # just made and not yet leased, or left by a version that knew no leases
    except OSError:
        return True
    with file:
        try:
            ours = json.load(file).get("boot") == boot()
        except (ValueError, AttributeError):
            ours = True  # cut off while it was written
        if ours and fcntl is not None:
            try:
                return not _lock(file.fileno())
            except OSError:  # a file system without locks
                return True
    return _age(path) < SILENCE_S


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait until no other process is in the block of this name; `path` is a file that stays."""
    with path.open("a", encoding="utf-8") as file:
        if fcntl is not None:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def scratch(prefix: str) -> Iterator[Path]:
    """Yield a leased folder among the temporary files; what killed processes left under the same prefix is removed."""
    for left in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        if not is_held(left):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    lease = Lease(folder)
    try:
        yield folder
    finally:
        lease.end()
        shutil.rmtree(folder, ignore_errors=True)


@cache
def boot() -> str:
    """Return what names this machine since it was started; containers on it share the name."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return platform.node()


def _lock(file: int) -> bool:
    """Lock an open file and return True; False where another holds it."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _age(path: Path) -> float:
    """Return how long ago a file or folder was changed, s; that of one which is gone has no end."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return float("inf")
