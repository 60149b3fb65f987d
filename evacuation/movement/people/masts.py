"""Who still hears of the roads: radio masts that stand in water, or that a scenario takes down, leave those around them to habit."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from twin import overlay
from twin.city import City
from twin.clock import Clock
from twin.drivers import tagged
from twin.grid import Grid
from twin.hazard import Action, Drivers

#: Depth of water at a mast at which it fails, m: assumed.
MAST_WATER_M = 0.5


def lost_from(city: City, drivers: Drivers, clock: Clock, actions: tuple[Action, ...]) -> NDArray[np.float64]:
    """Return from when on each population cell hears nothing more, (cell,), s on the clock; infinite for never.

    A cell hears by the nearest facility of the kind "mast"; in a city without masts nothing is lost.
    """
    masts = city.facilities[city.facilities["kind"] == "mast"]
    if not len(masts):
        return np.full(len(city.population), np.inf)
    lost = np.full(len(masts), np.inf)
    for action in actions:
        if action.kind == "lose_mast":
            mine = (masts["id"] == action.place).values
            lost[mine] = np.minimum(lost[mine], action.start_s)
    for name, field in tagged(drivers, "slows_travel").items():
        if {"time", "y", "x"} <= set(field.dims) and field.attrs.get("units") == "m":
            grid = Grid.of_axes(city.grid.crs, field["y"].values, field["x"].values, name)
            depth = overlay.places(grid, masts.geometry).maximum(field.transpose("time", "y", "x").values)
            wet = np.nan_to_num(depth) >= MAST_WATER_M
            times = np.array([clock.seconds(t) for t in field["time"].values])
            lost = np.minimum(lost, np.where(wet.any(axis=0), times[wet.argmax(axis=0)], np.inf))
    tree = shapely.STRtree(shapely.centroid(masts.geometry.values))
    nearest = tree.nearest(shapely.centroid(city.population.geometry.values))
    return np.asarray(lost[nearest])
