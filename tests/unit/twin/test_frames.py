"""Frames lie in files without a name, in the folder that is said."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest

from twin import frames


def test_what_is_written_stays_and_nothing_is_left_in_the_folder(tmp_path: Path) -> None:
    with frames.frames_in(tmp_path):
        kept = frames.new_frames(3, (4, 5))
    assert kept.shape == (3, 4, 5) and kept.dtype == np.float32 and not kept.any()
    kept[1] = 2.5
    assert kept.sum() == 50.0 and not list(tmp_path.iterdir())


def test_they_are_on_the_disk_of_the_folder(tmp_path: Path) -> None:
    with frames.frames_in(tmp_path / "gone"), pytest.raises(OSError):
        frames.new_frames(1, (2, 2))


def test_a_full_disk_is_an_error_before_a_frame_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(number: int, offset: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(frames.os, "posix_fallocate", full)
    with frames.frames_in(tmp_path), pytest.raises(OSError, match="No space"):
        frames.new_frames(1, (2, 2))
    assert not list(tmp_path.iterdir())


def test_no_frames_are_an_empty_array() -> None:
    assert frames.new_frames(0, (4, 5)).shape == (0, 4, 5)
