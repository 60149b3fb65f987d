"""Members of the wind within one run: the same leak in winds turned and sped by chance, reduced to shares as they go.

They answer "how likely is this place to be met, as the wind is not known exactly". They share the source, the stability and all
else; the scenario's `ensemble` varies parameters, a run each. A turn and a speed are drawn once per member and hold over the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evacuation.release.cloud import Cloud, Emission
from evacuation.release.kernels import loads
from evacuation.release.toxicity import Limits
from evacuation.release.weather import Air
from twin.grid import Grid
from twin.streams import stream

Array = NDArray[np.float64]


class Members:
    """`count` clouds, each with its own turn (degrees) and factor of speed, and what they have brought each cell."""

    def __init__(
        self, count: int, direction_sd: float, speed_sd: float, grid: Grid, limits: Limits, flammable: float,
        rng: np.random.Generator | None, arrays: Mapping[str, NDArray[Any]] | None,
    ) -> None:  # fmt: skip
        self._grid, self._curves, self._flammable = grid, limits.curves[1:], flammable
        if arrays is not None:
            self.turns, self.factors = np.array(arrays["member_turns"]), np.array(arrays["member_factors"])
            self.loads = np.array(arrays["member_loads"])
            self.clouds = [
                Cloud({name: arrays[f"member_{k}_{name}"] for name in ("ends", "mass", "round", "chain")})
                for k in range(count)
            ]
        else:
            drawn = rng if rng is not None else stream(0, "release")
            self.turns = drawn.normal(0.0, direction_sd, count)
            self.factors = np.exp(drawn.normal(0.0, speed_sd, count))
            self.loads = np.zeros((3, count, *grid.shape))
            self.clouds = [Cloud() for _ in range(count)]
        self._c = np.zeros(grid.shape)

    def step(self, emissions: list[Emission], dt: float, parts: int, first: int, air: Air, t: float) -> None:
        """Carry every member's cloud on by `dt` s and add what it brings."""
        for k, cloud in enumerate(self.clouds):
            own = air.turned(float(self.turns[k]), float(self.factors[k]))
            cloud.step(emissions, dt, parts, first, own, t)
            if not len(cloud.mass):
                continue
            cloud.lose(self._grid)
            cloud.onto(self._grid, own, self._c)
            for level, curve in enumerate(self._curves):
                loads.add_load(
                    self.loads[level, k], self._c, dt, curve.log_t, curve.log_c, curve.n_short, curve.n_long
                )
            if self._flammable:
                np.maximum(self.loads[2, k], self._c / (0.5 * self._flammable), out=self.loads[2, k])

    def shares(self) -> Array:
        """Return the share of members that reach AEGL-2, AEGL-3 and half of the lower flammable limit (3, y, x).

        Zeros where there are no members.
        """
        if not self.clouds:
            return np.zeros((3, *self._grid.shape))
        return np.asarray((self.loads >= 1.0).mean(axis=1))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what a state keeps."""
        kept: dict[str, NDArray[Any]] = {
            "member_turns": self.turns, "member_factors": self.factors, "member_loads": self.loads,
        }  # fmt: skip
        for k, cloud in enumerate(self.clouds):
            kept |= {f"member_{k}_{name}": values for name, values in cloud.arrays().items()}
        return kept
