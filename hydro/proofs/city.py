"""The demonstration city in a storm: split runs against whole ones, simpler forms against finer ones."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hydro.flood import Flood
from hydro.proofs import drain_cases
from hydro.proofs.hotstart import hotstart_difference
from hydro.schemes.registry import SCHEMES
from hydro.storms.design_storm import chicago, intensity
from twin import overlay
from twin.city import City
from twin.clock import Clock
from twin.hazard import Drivers
from twin.proof import Reference


def storm(hours: float) -> tuple[Clock, Drivers]:
    """Return the clock and the rain of a Wuhan 50-year storm from 18:00 city time on."""
    clock = Clock(datetime(2026, 6, 20, 10, tzinfo=UTC), hours * 3600.0, 300.0)
    depth = chicago(intensity("wuhan", 50), hours * 60.0, 0.4)
    rate = np.append(depth / 1000.0 / 300.0, 0.0)
    return clock, {"rain_rate": xr.DataArray(rate, {"time": clock.times.values})}


#: Arrays of a state that count from the start of their own run.
OWN_START = {"coarse_booked", "coarse_time"}

#: How what two runs reached makes what the whole run reached.
JOINED = {"flood_danger": np.maximum, "duration_above": np.add}


def split_apart(reference: Reference, scheme: str, drainage: Literal["swmm", "none"]) -> float:
    """Return the largest difference (SI) between half an hour of flood in two runs and the same half hour in one.

    float64, 20 m. All is compared that a later run would go on from (depth, flows, water in the soil, the record of the
    drains), and what was reached in either half (highest depth, danger, seconds above the bounds).
    """
    city = reference.city("linjiang")
    clock, rain = storm(0.5)
    flood = Flood(drainage=drainage, cell_m=20.0, precision="float64", scheme=scheme)  # type: ignore[arg-type]
    first = flood.simulate(city, rain, clock.first(900.0))
    whole = flood.simulate(city, rain, clock)
    rest = flood.simulate(city, rain, clock.after(900.0), state=first.state)
    left, before, again = (outcome.state.arrays for outcome in (whole, first, rest))
    if left.keys() != again.keys():
        return np.inf
    pairs = [
        (value, np.maximum(before[name], again[name]) if name.endswith("highest") else again[name])
        for name, value in left.items()
        if name not in OWN_START and np.issubdtype(value.dtype, np.number)
    ] + [(whole.fields[f].values, join(first.fields[f].values, rest.fields[f].values)) for f, join in JOINED.items()]
    return max(float(np.abs(np.subtract(a, b, dtype=float)).max(initial=0.0)) for a, b in pairs)


@cache
def hotstart(reference: Reference) -> dict[str, float]:
    """Return how far heads in Linjiang's drains (m) part when the engine goes on from its own file instead of a replay.

    One storm of an hour, 20 m, SWMM in the loop; the file is written after half of it. `hydro.proofs.hotstart` says what is compared.
    """
    city = reference.city("linjiang")
    if city.drains is None:
        raise ValueError("Linjiang has drains")
    clock, rain = storm(1.0)
    flood = Flood(cell_m=20.0, precision="float64")
    outcome = flood.simulate(city, rain, clock)
    start = clock.start.astimezone(city.tz).replace(tzinfo=None)
    split = round(clock.duration_s / 2 / flood.exchange_s)
    return hotstart_difference(
        city.drains.inp, outcome.tables["manholes"]["id"].tolist(), outcome.state.arrays,
        start=start, exchange_s=flood.exchange_s, split=split,
    )  # fmt: skip


@cache
def restart(reference: Reference) -> dict[str, float]:
    """Return the differences of split runs: with SWMM in the loop, whose inflows are replayed, and each scheme alone."""
    return {
        "drains": split_apart(reference, "inertial", "swmm"),
        **{scheme: split_apart(reference, scheme, "none") for scheme in SCHEMES},
    }


@cache
def screening(reference: Reference) -> dict[str, float]:
    """Return screened drains against SWMM on Linjiang in a storm of an hour; see `hydro.proofs.drain_cases.screened`."""
    clock, rain = storm(1.0)
    return drain_cases.screened(reference.city("linjiang"), rain, clock, 20.0)


#: Depth from which a road or an entrance counts as exposed, m: the lowest exposure class of `hazard.yaml`.
EXPOSED_M = 0.15


@cache
def subgrid(reference: Reference) -> dict[str, float]:
    """Return how the subgrid scheme (4 x coarser) stands to the inertial one on Linjiang at 5 m in a storm of an hour.

    Highest depths (m) where `twin.exposure` reads them: the deepest cell along each road on the ground, the cells around
    each underpass and metro entrance. A place counts if it reaches EXPOSED_M in either run, so one that is flooded in one
    run alone counts too. RMSE and bias (subgrid less inertial), without drains and with SWMM in the loop (`drains_`).
    """
    city = reference.city("linjiang")
    clock, rain = storm(1.0)
    found: dict[str, float] = {}
    for part, drainage in (("", "none"), ("drains_", "swmm")):
        fine, coarse = (_highest(city, rain, clock, scheme, drainage) for scheme in ("inertial", "subgrid"))
        for kind in ("roads", "entrances", "all"):
            a, b = (np.concatenate(list(f.values())) if kind == "all" else f[kind] for f in (fine, coarse))
            error = (b - a)[np.maximum(a, b) >= EXPOSED_M]
            found[f"{part}{kind}"] = float(np.sqrt((error**2).mean()))
            found[f"{part}{kind}_bias"] = float(error.mean())
            found[f"{part}{kind}_count"] = float(len(error))
    return found


def _highest(city: City, rain: Drivers, clock: Clock, scheme: str, drainage: str) -> dict[str, NDArray[np.float64]]:
    """Return the highest depth (m) of each road on the ground, and of each underpass and metro entrance."""
    flood = Flood(drainage=drainage, cell_m=5.0, scheme=scheme)  # type: ignore[arg-type]
    depth = flood.simulate(city, rain, clock).fields["max_water_depth"].values[np.newaxis]
    surface, sites = city.at_cell_size(5.0).surface, city.facilities
    open_ground = np.isfinite(surface["terrain"].values) & ~surface["building"].values & ~surface["river"].values
    on_ground = city.roads["level"].values.astype(float) <= 0
    entrances = sites.geometry[sites["kind"].isin(["underpass", "metro_entrance"])]
    grid = city.grid.at_cell_size(5.0)
    return {
        "roads": overlay.along_lines(grid, city.roads.geometry).maximum(depth)[0][on_ground],
        "entrances": overlay.places(grid, entrances).keep(open_ground).maximum(depth)[0],
    }
