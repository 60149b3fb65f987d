"""What people meet at home: the toxic load outdoors, held back by the walls, and how long fast water flows around them.

Air comes in at the air changes of a home, so that the concentration indoors is a mean of those outdoors before, with weights that
sum to no more than one. A toxic load grows with a power n >= 1 of the concentration, which is convex: the same mean of the load rate
outdoors is therefore never below the load rate indoors. This upper bound is exact for n = 1. Where the hazard itself says what is
collected indoors by the end, the bound is brought down to that, cell by cell, and only its course in time is kept.

Where in its cell a home lies is not known, so its time in fast water is the mean over the cell's ground: the integral over time of the
share of that ground on which water is fast for walkers. On which floor people are is not known either: it is water around the home.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evacuation.movement.roads.conditions import FAST_M2_S, pull_of
from evacuation.movement.roads.network import FOOT
from twin import overlay
from twin.city import City
from twin.clock import Clock
from twin.drivers import tagged
from twin.grid import Grid
from twin.hazard import Drivers


@dataclass
class Rooms:
    """Rooms at the population's cells: `rate` outdoors (frame, cell), 1/s, from the moments `times`, s on the clock.

    `inside` (cell,) is the rate indoors, 1/s, and `load` (cell,) what has been collected since the first start; `share` (cell,) of
    the bound counts. `fast` (fast frame, cell), 0..1, is the share of each cell's known ground in fast water from the moments
    `fast_times`, s on the clock, NaN where none of it is known; `fast_s` (cell,) its integral since the first start, s.
    """

    times: NDArray[np.float64]
    rate: NDArray[np.float64]
    inside: NDArray[np.float64]
    load: NDArray[np.float64]
    share: NDArray[np.float64]
    fast_times: NDArray[np.float64]
    fast: NDArray[np.float64]
    fast_s: NDArray[np.float64]

    def fit(self, whole: NDArray[np.float64], steps: Sequence[tuple[float, float, float]]) -> None:
        """Bring the load of all `steps` (t, step_s, changes_s; see `breathe`) down to what is known to be collected, `whole` (cell,)."""
        trial = replace(self, inside=self.inside.copy(), load=self.load.copy(), share=np.ones_like(self.share))
        for t, step_s, changes_s in steps:
            trial.breathe(t, step_s, changes_s)
        most, own = trial.load - self.load, np.nan_to_num(whole, nan=np.inf) - self.load
        self.share[:] = np.clip(np.divide(own, most, out=np.ones_like(most), where=most > 0.0), 0.0, 1.0)

    def advance(self, t: float, step_s: float, changes_s: float) -> None:
        """Go on by `step_s` from `t` s on the clock, at so many air changes a second (1/s)."""
        self.breathe(t, step_s, changes_s)
        self.fast_s += step_s * _held(self.fast_times, self.fast, t)

    def breathe(self, t: float, step_s: float, changes_s: float) -> None:
        """Go on with the toxic load alone; see `advance`."""
        if not len(self.times):
            return
        outdoors = _held(self.times, self.rate, t)
        apart, left = self.inside - outdoors, np.exp(-changes_s * step_s)
        self.load += self.share * (outdoors * step_s + apart * (1.0 - left) / changes_s)
        self.inside[:] = outdoors + apart * left


def rooms_of(city: City, drivers: Drivers, clock: Clock) -> Rooms:
    """Return the rooms of a city with nothing in them yet; the mean of each cell counts, that of the worst of several clouds."""
    cells = len(city.population)
    moments: list[NDArray[np.float64]] = []
    found: list[NDArray[np.float64]] = []
    for name, field in tagged(drivers, "dose_rate").items():
        if {"time", "y", "x"} <= set(field.dims):
            grid = Grid.of_axes(city.grid.crs, field["y"].values, field["x"].values, name)
            sampler = overlay.within_polygons(grid, city.population.geometry)
            found.append(np.nan_to_num(sampler.mean(field.transpose("time", "y", "x").values)))
            moments.append(np.array([clock.seconds(t) for t in field["time"].values]))
    times = np.unique(np.concatenate(moments)) if moments else np.zeros(0)
    rate = np.zeros((len(times), cells))
    for own, values in zip(moments, found, strict=True):
        rate = np.maximum(rate, values[np.maximum(np.searchsorted(own, times, side="right") - 1, 0)])
    fast_times, fast = _fast_ground(city, drivers, clock)
    return Rooms(times, rate, np.zeros(cells), np.zeros(cells), np.ones(cells), fast_times, fast, np.zeros(cells))


def _held(times: NDArray[np.float64], values: NDArray[np.float64], t: float) -> NDArray[np.float64]:
    """Return which of `values` (frame, cell) hold at `t` s, (cell,): those of the first frame before it begins."""
    return np.asarray(values[max(int(np.searchsorted(times, t + 1e-9, side="right")) - 1, 0)])


def _fast_ground(city: City, drivers: Drivers, clock: Clock) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return moments, s on the clock, and the share of each cell's known ground in fast water from then on, (frame, cell).

    One frame of NaN where the speed of water is not known, or is not known on a grid.
    """
    field = pull_of(drivers)
    if field is None or not {"y", "x"} <= set(field.dims):
        return np.zeros(1), np.full((1, len(city.population)), np.nan)
    if "time" not in field.dims:
        field = field.expand_dims(time=clock.times[:1].values)
    grid = Grid.of_axes(city.grid.crs, field["y"].values, field["x"].values, str(field.name))
    sampler = overlay.within_polygons(grid, city.population.geometry)
    frames = (f[np.newaxis] for f in field.transpose("time", "y", "x").values)
    shares = [sampler.mean(np.where(np.isnan(f), np.float32(np.nan), f >= FAST_M2_S[FOOT])) for f in frames]
    return np.array([clock.seconds(t) for t in field["time"].values]), np.vstack(shares)


def indoors_of(city: City, drivers: Drivers) -> NDArray[np.float64] | None:
    """Return the load that a hazard says is collected indoors by the run's end, (cell,), the mean of each cell; None for none that does."""
    field = drivers.get("indoor_dose")
    if field is None:
        return None
    grid = Grid.of_axes(city.grid.crs, field["y"].values, field["x"].values, "indoor_dose")
    sampler = overlay.within_polygons(grid, city.population.geometry)
    return np.asarray(sampler.mean(field.transpose("y", "x").values[np.newaxis])[0])
