"""Cases held against measurements: speed and density, flow through narrow openings, and runs that did no harm."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from evacuation.crowd.proofs.worlds import CRS, emptied, filled, line, mean_speed, room, set_speed
from evacuation.crowd.risk.density import Density
from evacuation.crowd.risk.levels import Held, index, thresholds
from evacuation.crowd.venue.plan import Plan
from twin.grid import Grid
from twin.proof import Reference

#: Case A4: densities, free speed of all, corridor, transient and measuring time.
DENSITIES, FREE_M_S, LENGTH_M, WIDTH_M, TRANSIENT_S, MEASURED_S = (0.5, 1, 2, 3, 4, 5, 6), 1.3, 240.0, 5.0, 10, 60

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
    walkers = filled(plan, round(density * LENGTH_M * WIDTH_M))
    set_speed(walkers, FREE_M_S)
    middle = plan.local(np.array([[LENGTH_M / 2, 0.0]]))[0, 0]
    seen: list[tuple[float, float]] = []

    def look(second: int) -> None:
        if second > TRANSIENT_S:
            seen.append(mean_speed(walkers, middle - 5.0, middle + 5.0))

    emptied(walkers, TRANSIENT_S + MEASURED_S, look)
    speed, count = np.array(seen).T
    known = count > 0
    return float(np.average(speed[known], weights=count[known])), float(count.mean() / 10.0 / WIDTH_M)


def _wide_opening() -> tuple[Plan, int]:
    """Return the room of run ao-300: 6.25 m wide, an opening of 3.0 m, 1.06 m deep, 348 people."""
    outline = shapely.Polygon(
        [(-2.25, 20), (-2.25, 0.53), (-0.6, 0.53), (-0.6, -0.53), (2.4, -0.53), (2.4, 0.53), (4.0, 0.53), (4.0, 20)]
    )
    return room(outline, [line((-0.6, -0.53), (2.4, -0.53))], shapely.box(-2.25, 1.5, 4.0, 20)), 348


def _entrance_gate() -> tuple[Plan, int]:
    """Return the corridor of run gate_050_w56_040: 5.6 m wide, a funnel from 0.8 m to a gate of 0.5 m, 75 people."""
    funnel = [(-0.4, 0), (-0.25, -0.15), (-0.25, -1.1), (0.25, -1.1), (0.25, -0.15), (0.4, 0)]
    outline = shapely.Polygon([(-2.8, 8), (-2.8, 0), *funnel, (2.8, 0), (2.8, 8)])
    return room(outline, [line((-0.25, -1.1), (0.25, -1.1))], shapely.box(-2.8, 1.0, 2.8, 5.5)), 75


@cache
def openings(reference: Reference) -> dict[str, float]:
    """Return the flow between the 20th and 80th percentile person through two measured openings, over the measured one."""
    table = pd.read_csv(reference.folder("crowd") / "bottleneck_runs.csv").set_index("set")
    found = {}
    for name, (plan, persons) in {"gate_050_w56_040": _entrance_gate(), "ao-300": _wide_opening()}.items():
        passed = _left(plan, persons)
        first, last = (np.interp(share * persons, passed, np.arange(len(passed))) for share in (0.2, 0.8))
        flow = 0.6 * persons / (last - first) if passed[-1] >= 0.8 * persons else 0.0
        found[name] = flow
        found[f"{name}_ratio"] = flow / float(table.loc[name, "flow_20_80_ps"])
    return found


def _left(plan: Plan, persons: int) -> NDArray[np.int64]:
    """Return how many have left after each second."""
    walkers, gone = filled(plan, persons), [0]
    emptied(walkers, 600, lambda _: gone.append(walkers.left))
    return np.array(gone)


#: Frames a second by the name that a run begins with; else those of the HERMES series.
RATES = {"gate": 25.0, "lyon": 10.0, "single": 25.0}
HERMES_RATE = 16.0

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
    for run in runs:
        series = np.array(list(_densest(run)))
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
    name = path.name.removesuffix(".csv.gz")
    rate = next((r for begin, r in RATES.items() if name.startswith(begin)), HERMES_RATE)
    table = pd.read_csv(path)
    if "x_mm" in table:
        table = pd.DataFrame({"frame": table["frame"], "x": table["x_mm"] / 1000.0, "y": table["y_mm"] / 1000.0})
    else:
        table = table.rename(columns=str.lower)[["frame", "x", "y"]]
    ground = _ground(name, table)
    west, south, east, north = ground.bounds
    north, west = np.ceil(north * 2) / 2 + 1.0, np.floor(west * 2) / 2 - 1.0
    grid = Grid(
        CRS, float(west), float(north), CELL_M, int((north - south + 1) / CELL_M), int((east - west + 1) / CELL_M)
    )
    fine = Grid(CRS, float(west), float(north), FINE_M, 2 * grid.ny, 2 * grid.nx)
    xx, yy = np.meshgrid(fine.x, fine.y)
    density = Density(grid, shapely.contains_xy(ground, xx, yy), FINE_M)
    frames = np.sort(table["frame"].unique())
    by_frame = dict(iter(table.groupby("frame")))
    for second in np.arange(frames[0] / rate, frames[-1] / rate + 1e-9, 1.0):
        now = by_frame[frames[np.abs(frames - second * rate).argmin()]]
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
