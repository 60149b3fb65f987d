"""What each cell has met: frames of mean concentration, running means against the limits, the severity that follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evacuation.release.kernels import loads
from evacuation.release.toxicity import WINDOWS_S, Limits
from twin.errors import ScenarioError

Array = NDArray[np.float64]

#: A frame is at most this long, s.
LONGEST_FRAME_S = 120.0


def frame_length(output_s: float, step_s: float) -> float:
    """Return the longest frame of whole steps that fits output steps and windows; raise ScenarioError where none does."""
    for count in range(int(LONGEST_FRAME_S // step_s), 0, -1):
        frame = count * step_s
        if all(abs(span / frame - round(span / frame)) < 1e-9 for span in (output_s, *WINDOWS_S)):
            return frame
    raise ScenarioError("release_step", step=step_s, output=output_s)


class History:
    """Frames (time, y, x) from the first run's start on, and what follows from them."""

    def __init__(
        self, shape: tuple[int, int], limits: Limits, flammable: float, frame_s: float, new: int,
        arrays: Mapping[str, NDArray[Any]] | None,
    ) -> None:  # fmt: skip
        before = arrays["frames"] if arrays is not None else np.zeros((0, *shape), np.float32)
        self.frames = np.zeros((len(before) + new, *shape), np.float32)
        self.frames[: len(before)] = before
        self.count, self.frame_s = len(before), frame_s
        self._limits, self._flammable = limits.table(), flammable
        self._present = float(self._limits[0].min())
        self._windows = np.array([round(s / frame_s) for s in WINDOWS_S])
        sums = (len(WINDOWS_S), *shape)
        self._sums = np.array(arrays["sums"]) if arrays is not None else np.zeros(sums)
        self.fraction = np.array(arrays["fraction"]) if arrays is not None else np.zeros((3, *shape))
        self.severity = np.array(arrays["severity"]) if arrays is not None else np.zeros(shape, np.float32)
        self.worst = np.array(arrays["worst"]) if arrays is not None else np.zeros(shape, np.float32)
        self._part, self._part_s = np.zeros(shape), 0.0

    def add(self, c: Array, dt: float) -> None:
        """Add a step of concentration; a frame that is full is closed."""
        self._part += c * dt
        self._part_s += dt
        if self._part_s >= self.frame_s - 1e-6:
            self.frames[self.count] = self._part / self.frame_s
            loads.running_means(self._sums, self.fraction, self.frames, self.count, self._windows, self._limits)
            loads.severity(
                self.severity, self.worst, self.fraction, self.frames[self.count], self._present, self._flammable
            )
            self._part[:], self._part_s = 0.0, 0.0
            self.count += 1

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what a state keeps."""
        return {
            "frames": self.frames[: self.count],
            "sums": self._sums,
            "fraction": self.fraction,
            "severity": self.severity,
            "worst": self.worst,
        }
