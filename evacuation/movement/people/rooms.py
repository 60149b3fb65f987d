"""The toxic load that people collect at home: what the cloud's load would be outdoors, held back by the walls.

Air comes in at the air changes of a home, so that the concentration indoors is a mean of those outdoors before, with weights that
sum to no more than one. A toxic load grows with a power n >= 1 of the concentration, which is convex: the same mean of the load rate
outdoors is therefore never below the load rate indoors. This upper bound is exact for n = 1. Where the hazard itself says what is
collected indoors by the end, the bound is brought down to that, cell by cell, and only its course in time is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

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
    the bound counts.
    """

    times: NDArray[np.float64]
    rate: NDArray[np.float64]
    inside: NDArray[np.float64]
    load: NDArray[np.float64]
    share: NDArray[np.float64]

    def fit(self, whole: NDArray[np.float64], steps: Sequence[tuple[float, float, float]]) -> None:
        """Bring the load of all `steps` (t, step_s, changes_s; see `advance`) down to what is known to be collected, `whole` (cell,)."""
        trial = replace(self, inside=self.inside.copy(), load=self.load.copy(), share=np.ones_like(self.share))
        for t, step_s, changes_s in steps:
            trial.advance(t, step_s, changes_s)
        most, own = trial.load - self.load, np.nan_to_num(whole, nan=np.inf) - self.load
        self.share[:] = np.clip(np.divide(own, most, out=np.ones_like(most), where=most > 0.0), 0.0, 1.0)

    def advance(self, t: float, step_s: float, changes_s: float) -> None:
        """Go on by `step_s` from `t` s on the clock, at so many air changes a second (1/s)."""
        if not len(self.times):
            return
        outdoors = self.rate[max(int(np.searchsorted(self.times, t + 1e-9, side="right")) - 1, 0)]
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
    return Rooms(times, rate, np.zeros(cells), np.zeros(cells), np.ones(cells))


def indoors_of(city: City, drivers: Drivers) -> NDArray[np.float64] | None:
    """Return the load that a hazard says is collected indoors by the run's end, (cell,), the mean of each cell; None for none that does."""
    field = drivers.get("indoor_dose")
    if field is None:
        return None
    grid = Grid.of_axes(city.grid.crs, field["y"].values, field["x"].values, "indoor_dose")
    sampler = overlay.within_polygons(grid, city.population.geometry)
    return np.asarray(sampler.mean(field.transpose("y", "x").values[np.newaxis])[0])
