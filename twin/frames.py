"""Fields in time as they come: on disk, not in memory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_FOLDER: ContextVar[Path | None] = ContextVar("folder of frames", default=None)


@contextmanager
def frames_in(folder: Path) -> Iterator[None]:
    """Let `new_frames` use the disk of `folder` within the block, instead of that of the system's temporary folder."""
    token = _FOLDER.set(folder)
    try:
        yield
    finally:
        _FOLDER.reset(token)


def new_frames(count: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return zeros, float32 (count, *shape), that lie in a file without a name.

    The system moves what was written to disk when memory is short. The file goes with the last array that looks at it, and
    with the process, however that ends. Raises OSError where the disk is full.
    """
    with tempfile.TemporaryFile(dir=_FOLDER.get()) as file:
        size = 4 * int(np.prod((count, *shape)))
        if size == 0:
            return np.zeros((count, *shape), np.float32)
        _reserve(file.fileno(), size)
        return np.asarray(np.memmap(file, np.float32, "r+", shape=(count, *shape)))


def _reserve(number: int, size: int) -> None:
    """Take the space at once where the system can: a full disk is then an error here, and not the end of the process later."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(number, 0, size)
    else:
        os.truncate(number, size)
