"""Which blocks are told to leave: by the advice of an earlier hazard, by what reaches them, or as the scenario says."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from twin import overlay
from twin.city import City
from twin.clock import Clock
from twin.drivers import tagged
from twin.errors import ScenarioError
from twin.grid import Grid
from twin.hazard import Drivers
from twin.words import near

#: The share of a block's ground that must be reached (as in exposure).
AREA_SHARE = 0.05

#: Values of an advice (`tags` "advice"): nothing, stay inside, leave.
STAY, LEAVE = 1, 2

Zones = Literal["auto", "all"] | tuple[str, ...]


def block_ids(city: City) -> list[str]:
    """Return the ids of the blocks; the city itself where it has none."""
    return [str(i) for i in city.blocks["id"]] if len(city.blocks) else [city.id]


def known_zones(city: City, zones: Zones) -> None:
    """Raise ScenarioError for a zone that is no block of the city."""
    ids = block_ids(city)
    if unknown := [z for z in zones if z not in ids] if isinstance(zones, tuple) else []:
        raise ScenarioError("movement_zone", found=unknown[0], near=near(unknown[0], ids))


def zones_of(city: City, drivers: Drivers, clock: Clock, zones: Zones, *, depth_m: float, dose: float) -> pd.DataFrame:
    """Return a row per block: `why` it is told to leave ("" for not); "leave_before_s" and "known_s" where an advice names them;
    `unknown` where it is not known, though it was asked, whether water or cloud reach it.

    `auto`: blocks that an advice tells to leave; blocks of which a twentieth of the ground gets water (m, tag `slows_travel`)
    of `depth_m`; where nobody gives advice, blocks of which a twentieth collects the toxic load `dose` outdoors. Whom an advice
    tells to stay, stays: `conflict` where water would have them leave. Raises ScenarioError for a block that is not there.
    """
    ids = block_ids(city)
    table = pd.DataFrame(
        {"id": ids, "why": "", "leave_before_s": np.nan, "known_s": np.nan, "conflict": False, "unknown": False}
    )
    advice = next((f for f in tagged(drivers, "advice").values()), None)
    told = np.zeros(len(ids)) if advice is None else _of_ids(advice, ids)
    for name, column in (("leave_before", "leave_before_s"), ("advice_from", "known_s")):
        if name in drivers:
            table[column] = _of_ids(drivers[name], ids, np.nan)
    if zones == "all":
        return table.assign(why="asked")
    if zones != "auto":
        known_zones(city, zones)
        return table.assign(why=["asked" if i in zones else "" for i in ids])
    why, unknown = np.full(len(ids), "", dtype=object), np.zeros(len(ids), bool)
    asked = (*([("dose_rate", dose, "cloud")] if advice is None else []), ("slows_travel", depth_m, "water"))
    for tag, bound, reason in asked if len(city.blocks) else ():
        reached = _reached(city, drivers, tag, clock)
        why[reached >= bound] = reason
        unknown |= np.isnan(reached)
    why[told == LEAVE] = "advice"
    conflict = (told == STAY) & (why != "")
    why[told == STAY] = ""
    return table.assign(why=why, conflict=conflict, unknown=unknown & (why == ""))


def _reached(city: City, drivers: Drivers, tag: str, clock: Clock) -> NDArray[np.float64]:
    """Return what a twentieth of each block's ground reaches within the run: the highest depth, m, or the toxic load collected.

    NaN where no field says anything; 0 where there is none.
    """
    worst, some = np.full(len(city.blocks), np.nan), False
    for name, field in tagged(drivers, tag).items():
        if not {"time", "y", "x"} <= set(field.dims) or (tag == "slows_travel" and field.attrs.get("units") != "m"):
            continue
        grid = Grid.of_axes(city.grid.crs, field["y"].values, field["x"].values, name)
        surface = city.surface_on(grid)
        ground = np.isfinite(surface["terrain"].values) & ~surface["building"].values
        sampler = overlay.within_polygons(grid, city.blocks.geometry).keep(ground)
        cells = _load(field, clock) if tag == "dose_rate" else field.max("time").values
        worst, some = np.fmax(worst, sampler.quantile(cells[np.newaxis], 1.0 - AREA_SHARE)[0]), True
    return worst if some else np.zeros(len(worst))


def _load(rate: xr.DataArray, clock: Clock) -> NDArray[Any]:
    """Return the integral of a rate over the run (y, x); a value holds to the next time."""
    times = np.append([clock.seconds(t) for t in rate["time"].values], clock.duration_s)
    spans = np.diff(np.clip(times, 0.0, clock.duration_s))
    return np.asarray(np.einsum("t,tyx->yx", spans, rate.transpose("time", "y", "x").values))


def _of_ids(field: xr.DataArray, ids: list[str], missing: float = 0.0) -> NDArray[np.float64]:
    """Return the value of each block (the last in time, where there is time)."""
    field = field.isel(time=-1) if "time" in field.dims else field
    axis = next(str(d) for d in field.dims)
    by_id = dict(zip(map(str, field[axis].values), field.values.astype(float), strict=True))
    return np.array([by_id.get(i, missing) for i in ids])
