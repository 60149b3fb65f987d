"""Cases held against measurements: speed and density, and runs that did no harm."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from evacuation.crowd.people import draws
from evacuation.crowd.people.walkers import People, Walkers
from evacuation.crowd.proofs.watch import run
from evacuation.crowd.proofs.worlds import CRS, KEYS, emptied, filled, line, mean_speed, room, set_speed
from evacuation.crowd.risk.density import Density, Ground
from evacuation.crowd.risk.levels import Held, index, thresholds
from twin.grid import Grid
from twin.proof import Reference

#: Case A4: densities, free speed of all, corridor, transient and measuring time.
DENSITIES, FREE_M_S, LENGTH_M, WIDTH_M, TRANSIENT_S, MEASURED_S = (0.5, 1, 2, 3, 4, 5, 6), 1.3, 240.0, 5.0, 10, 60

#: Width of a corridor too narrow to overtake, m: the broadest body fits, no two do.
FILE_M = 0.6

#: Above this density the band of case A4 is Weidmann's relation and this much to either side.
WEIDMANN_FROM, WEIDMANN_BAND = 3.4, 0.15


@cache
def speed_density(reference: Reference) -> dict[str, float]:
    """Return mean speed by density in a long corridor, how far the worst leaves the band of case A4, and whether it always falls.

    Two-way ends cannot be felt in the middle within the time. Weidmann: v = 1.34 (1 - exp(-1.913 (1/rho - 1/5.4))), not below 0.
    """
    table = pd.read_csv(reference.folder("crowd") / "fd_binned.csv")
    band = table[table["class"] == "uni_open"]
    found: dict[str, float] = {}
    worst, speeds = -np.inf, []
    for density in DENSITIES:
        v, rho = _corridor(float(density))
        if rho <= WEIDMANN_FROM:
            low, high = (float(np.interp(rho, band["rho_bin_centre_m2"], band[c])) for c in ("v_p05", "v_p95"))
        else:
            middle = max(1.34 * (1.0 - np.exp(-1.913 * (1.0 / rho - 1.0 / 5.4))), 0.0)
            low, high = middle - WEIDMANN_BAND, middle + WEIDMANN_BAND
        worst = max(worst, low - v, v - high)
        speeds.append(v)
        found[f"v_{density:g}"] = v
    return found | {"outside": max(worst, 0.0), "rises": float(max(np.diff(speeds).max(), 0.0))}


def _corridor(density: float) -> tuple[float, float]:
    """Return mean speed and density over 10 m in the middle of a corridor filled at one density."""
    outline = shapely.box(0, 0, LENGTH_M, WIDTH_M)
    plan = room(outline, [line((LENGTH_M, 0), (LENGTH_M, WIDTH_M))], outline)
    return _in_the_middle(filled(plan, round(density * LENGTH_M * WIDTH_M)), WIDTH_M)


@cache
def single_file(_: Reference) -> dict[str, float]:
    """Return mean speed by density in a corridor as long and too narrow to overtake, and by how much it rises with density at most.

    People stand in one file from its begin to its end, evenly; densities are those of its ground.
    """
    outline = shapely.box(0, 0, LENGTH_M, FILE_M)
    plan = room(outline, [line((LENGTH_M, 0), (LENGTH_M, FILE_M))], shapely.box(1, 0.2, 3, FILE_M - 0.2))
    found: dict[str, float] = {}
    for density in DENSITIES:
        count = round(density * LENGTH_M * FILE_M)
        at = np.column_stack([(np.arange(count) + 0.5) * LENGTH_M / count, np.full(count, FILE_M / 2)])
        walkers, ids = filled(plan, 1), np.arange(count)
        walkers.people = People.standing(
            plan.local(at), **draws.body(KEYS[0], ids), free=np.zeros(count), group=np.zeros(count), leaves=np.zeros(count), number=ids,
        )  # fmt: skip
        found[f"v_{density:g}"] = _in_the_middle(walkers, FILE_M)[0]
    return found | {"rises": float(max(np.diff(list(found.values())).max(), 0.0))}


def _in_the_middle(walkers: Walkers, width: float) -> tuple[float, float]:
    """Return mean speed and density over 10 m in the middle of a corridor in which all have one free speed, after the transient."""
    set_speed(walkers, FREE_M_S)
    middle = walkers.plan.local(np.array([[LENGTH_M / 2, 0.0]]))[0, 0]
    seen: list[tuple[float, float]] = []

    def look(second: int) -> None:
        if second > TRANSIENT_S:
            seen.append(mean_speed(walkers, middle - 5.0, middle + 5.0))

    emptied(walkers, TRANSIENT_S + MEASURED_S, look)
    speed, count = np.array(seen).T
    known = count > 0
    return float(np.average(speed[known], weights=count[known])), float(count.mean() / 10.0 / width)


#: Cells of the raster of open ground, of the density, and ground added around what was seen, m.
FINE_M, CELL_M, AROUND_M = 0.25, 0.5, 0.2


@cache
def harmless(reference: Reference) -> dict[str, float]:
    """Return, over all measured runs, the highest index of the room's own rule and how many are red, from density alone.

    `held` is the rule as it stands (held 60 s, at most the run's length); `half` the same held for half of a run that is shorter
    than twice that; `peak` the highest density of any second, not held at all. Load was not measured.
    """
    runs = sorted((reference.folder("crowd") / "trajectories").glob("*.csv.gz"))
    seconds = thresholds()["density"][1]
    red = float(len(thresholds()["density"][0]))
    found = {"held": 0.0, "half": 0.0, "peak": 0.0, "runs": 0.0, "red": 0.0}
    for path in runs:
        series = np.array(list(_densest(path)))
        held = [_held_index(series, least) for least in (seconds, max(min(seconds, len(series) // 2), 1))]
        found["held"], found["half"] = max(found["held"], held[0]), max(found["half"], held[1])
        found["peak"] = max(found["peak"], float(series.max()))
        found["red"] += float(held[1] >= red)
        found["runs"] += 1.0
    return found


def _held_index(series: NDArray[np.float64], seconds: int) -> float:
    held = Held(seconds, 1)
    return max(float(index("density", held.add(np.array([value])))[0]) for value in series)


def _densest(path: Path) -> Iterator[float]:
    """Yield the highest density in view of each second of a run."""
    name, table = path.name.removesuffix(".csv.gz"), run(path)
    ground = _ground(name, table)
    west, south, east, north = ground.bounds
    north, west = np.ceil(north * 2) / 2 + 1.0, np.floor(west * 2) / 2 - 1.0
    grid = Grid(
        CRS, float(west), float(north), CELL_M, int((north - south + 1) / CELL_M), int((east - west + 1) / CELL_M)
    )
    fine = Grid(CRS, float(west), float(north), FINE_M, 2 * grid.ny, 2 * grid.nx)
    xx, yy = np.meshgrid(fine.x, fine.y)
    density = Density(grid, Ground(shapely.contains_xy(ground, xx, yy), FINE_M))
    times = np.sort(table["t"].unique())
    by_time = dict(iter(table.groupby("t")))
    for second in np.arange(0.0, times[-1] + 1e-9, 1.0):
        now = by_time[times[np.abs(times - second).argmin()]]
        yield float(density.of(now["x"].values - west, north - now["y"].values).max())


def _ground(name: str, table: pd.DataFrame) -> shapely.Geometry:
    """Return the ground people could stand on: as the data's README says, else the box of all places seen and a body's radius."""
    kind, *widths = name.split("-")
    if kind in ("uo", "bo", "boa", "bot"):
        width = float(widths[1 if kind == "uo" else 0]) / 100.0
        return shapely.box(0.0, table["y"].min(), width, table["y"].max())
    if kind == "corner":
        return shapely.union(shapely.box(-3, -3, 0, 5), shapely.box(-3, -3, 5, 0))
    if kind == "ao":
        return shapely.union(shapely.box(-2.25, -9.0, 4.0, -0.53), shapely.box(-0.6, -0.53, 2.4, table["y"].max()))
    if name.startswith("gate"):
        return shapely.union(shapely.box(-2.8, 0, 2.8, table["y"].max()), shapely.box(-0.4, table["y"].min(), 0.4, 0.0))
    return shapely.box(*table[["x", "y"]].min(), *table[["x", "y"]].max()).buffer(AROUND_M, join_style="mitre")
