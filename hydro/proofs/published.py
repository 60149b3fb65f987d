"""Surface flow against published and measured cases. Roughness, inflow and boundaries are those of each case's specification."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.geometry import shape

from hydro.arrays import simulate_arrays
from hydro.ground.surface import BLOCK_M
from hydro.schemes.boundaries import Boundary, Inflow
from twin.proof import RasterValues, Reference

Array = NDArray[np.floating]


@cache
def ea4(reference: Reference) -> dict[str, float]:
    """Return the relative error of the peak depth at P1..P6 of UK EA 2D benchmark 4, and the worst from P2 on.

    Flat bed of 1 km x 2 km at 5 m, n = 0.05, inflow on 20 m of the west side, which is closed; the others are free.
    """
    folder = reference.folder("hydro/ea_test4")
    inflow = pd.read_csv(folder / "inflow_m3s.csv").to_numpy(float)
    points = pd.read_csv(folder / "output_points.csv")
    peaks = pd.read_csv(folder / "peak_depths_m.csv").set_index("model").loc["LISFLOOD-FP 8.0 DG2 5 m"]
    cell, ny, nx = 5.0, 400, 200
    times = np.arange(0.0, 18000.0, 30.0)  # linear pieces as steps of 30 s that hold their mean
    flow = np.interp(times + 15.0, inflow[:, 0], inflow[:, 1])
    rows = [i for i in range(ny) if 990.0 < 2000.0 - (i + 0.5) * cell < 1010.0]
    run = simulate_arrays(
        np.zeros((ny, nx)), 0.05, [0.0], [0.0], cell_m=cell, duration_s=18000.0,
        inflows=[Inflow(i, 0, times.tolist(), (flow / len(rows)).tolist()) for i in rows],
        boundaries=[Boundary(side, "free") for side in ("east", "north", "south")],
    )  # fmt: skip
    found = {}
    for point, x, y in points.itertuples(index=False):
        name = f"P{point}"
        peak = _bilinear(run.max_depth, x / cell - 0.5, (2000.0 - y) / cell - 0.5)
        found[name] = abs(peak / peaks[name] - 1.0)
    return found | {"worst": max(found[f"P{k}"] for k in range(2, 7)), "volume": abs(run.volume_error)}


#: Observed points of Merewether that count; at 42 the terrain stands above the observed level (README of the data).
COUNTED = ("44", "43", "31", "32")


@cache
def merewether(reference: Reference) -> dict[str, float]:
    """Return computed less observed level (m) at the points of the Merewether flood, and the mean absolute error of COUNTED."""
    return _merewether(reference)[0]


@cache
def merewether_full(reference: Reference) -> dict[str, float]:
    """Return the same of the full scheme, which goes on from the inertial scheme's end for 300 s: a steady state forgets its start."""
    return _merewether_run(reference, "full", 300.0, _merewether(reference)[1])[0]


@cache
def _merewether(reference: Reference) -> tuple[dict[str, float], Array]:
    """Return the inertial run from dry ground to 1800 s: level errors and final depth."""
    return _merewether_run(reference, "inertial", 1800.0, None)


def _merewether_run(
    reference: Reference, scheme: str, duration_s: float, depth: Array | None
) -> tuple[dict[str, float], Array]:
    """Run the case as specified by ARR Project 15 (Smith and Wasko 2012).

    1 m terrain, houses raised by 3 m, n = 0.02 on the road and 0.04 elsewhere, 19.7 m3/s over a disc of 10 m until steady.
    """
    folder = reference.folder("hydro/merewether")
    dem = reference.raster("hydro/merewether/dem_1m.tif")
    cell = float(dem.transform.a)
    x, y = _centres(dem)
    houses = _inside(folder / "houses.geojson", x, y)
    road = _inside(folder / "road.geojson", x, y)
    disc = np.argwhere(np.hypot(x - 382265.0, y - 6354280.0) <= 10.0)
    known = np.isfinite(dem.values)  # 73 cells of the rim hold no data: walls
    bed = np.where(known, dem.values, np.nanmax(dem.values) + BLOCK_M) + 3.0 * houses
    run = simulate_arrays(
        bed, np.where(road, 0.02, 0.04), [0.0], [0.0], cell_m=cell, duration_s=duration_s, depth=depth,
        inflows=[Inflow(int(i), int(j), [0.0], [19.7 / len(disc)]) for i, j in disc],
        boundaries=[Boundary("north", "free"), Boundary("east", "free")], scheme=scheme,
    )  # fmt: skip
    observed = pd.read_csv(folder / "observed_and_tuflow_stage.csv")
    found = {}
    for px, py, point, level in observed[["x", "y", "ID", "Observed"]].itertuples(index=False):
        i, j = int(np.abs(y[:, 0] - py).argmin()), int(np.abs(x[0] - px).argmin())
        found[str(int(point))] = float(bed[i, j] + run.depth[i, j]) - level
    mean = float(np.mean([abs(found[point]) for point in COUNTED]))
    return found | {"mean": mean, "volume": abs(run.volume_error)}, run.depth


@cache
def okushiri(reference: Reference) -> dict[str, float]:
    """Return the errors of crest (parts of the measured crest) and of its time (s) at the gauges of the Monai Valley run-up.

    The incident level is held at the west side; the others are walls; n = 0.01; 22.5 s (NOAA benchmark problem 2).
    """
    folder = reference.folder("hydro/okushiri_lab")
    bed = reference.raster("hydro/okushiri_lab/bathymetry.tif")
    wave = pd.read_csv(folder / "Benchmark_2_input.txt", sep=r"\s+", skiprows=1, header=None).to_numpy(float)
    measured = pd.read_csv(folder / "output_ch5-7-9.txt", sep=r"\s+", skiprows=1, header=None).to_numpy(float)
    x, y = _centres(bed)
    z = bed.values
    cells = [(int(np.abs(y[:, 0] - at).argmin()), int(np.abs(x[0] - 4.521).argmin())) for at in (1.196, 1.696, 2.196)]
    run = simulate_arrays(
        z, 0.01, [0.0], [0.0], cell_m=float(bed.transform.a), duration_s=22.5, depth=np.maximum(-z, 0.0),
        boundaries=[Boundary("west", "stage", wave[:, 0], wave[:, 1])], probes=cells, every_s=0.05, scheme="full",
    )  # fmt: skip
    within = measured[:, 0] <= 22.5
    found = {}
    for k, name in enumerate(("ch5", "ch7", "ch9")):
        level = run.probe_depth[:, k] + z[cells[k]]
        crest = measured[within, k + 1].argmax()
        found[f"{name}_crest"] = float(level.max() / (measured[crest, k + 1] / 100.0) - 1.0)
        found[f"{name}_time"] = float(run.probe_s[level.argmax()] - measured[crest, 0])
    found["crest"] = max(abs(found[f"{name}_crest"]) for name in ("ch5", "ch7", "ch9"))
    found["time"] = max(abs(found[f"{name}_time"]) for name in ("ch5", "ch7", "ch9"))
    return found | {"volume": abs(run.volume_error)}


def _centres(raster: RasterValues) -> tuple[Array, Array]:
    """Return x and y (m) of the cell centres, (ny, nx) each."""
    ny, nx = raster.values.shape
    col, row = np.meshgrid(np.arange(nx) + 0.5, np.arange(ny) + 0.5)
    x, y = raster.transform * (col, row)
    return x, y


def _inside(path: Path, x: Array, y: Array) -> NDArray[np.bool_]:
    """Return which points lie in the polygons of a GeoJSON file."""
    features = json.loads(path.read_text("utf-8"))["features"]
    area = shapely.union_all([shape(feature["geometry"]) for feature in features])
    shapely.prepare(area)
    return np.asarray(shapely.contains_xy(area, x, y))


def _bilinear(field: Array, col: float, row: float) -> float:
    """Return a field between four cell centres, (0, 0) being the centre of the first cell."""
    j, i = int(np.floor(col)), int(np.floor(row))
    a, b = col - j, row - i
    part = field[i : i + 2, j : j + 2].astype(np.float64)
    return float(np.array([1 - b, b]) @ part @ np.array([1 - a, a]))
