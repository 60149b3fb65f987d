"""The surface kernel on plain arrays: no city, no files; for benchmarks, verification and notebooks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from hydro.kernels.inertial import LAND, advance
from twin.errors import NumericsError, ScenarioError
from twin.jit import start_threads


class Inflow(NamedTuple):
    """Water poured into one cell: flow (m3/s) holds from each time (s) to the next."""

    row: int
    col: int
    times_s: Sequence[float]
    m3_s: Sequence[float]


class ArrayRun(NamedTuple):
    """What `simulate_arrays` returns; arrays are (y, x), depths in m, volumes in m3, `volume_error` relative to what came in."""

    depth: NDArray[Any]
    max_depth: NDArray[Any]
    flow_x: NDArray[Any]
    flow_y: NDArray[Any]
    steps: int
    volume_in: float
    volume_error: float
    wall_s: float


def simulate_arrays(
    terrain: ArrayLike,
    roughness: ArrayLike,
    rain_m_s: Sequence[float],
    rain_s: Sequence[float],
    *,
    cell_m: float,
    duration_s: float,
    inflows: Sequence[Inflow] = (),
    depth: ArrayLike | None = None,
    dtype: str = "float64",
    threads: int | None = None,
    courant: float = 0.6,
) -> ArrayRun:
    """Simulate water on a closed terrain with the local-inertial kernel.

    `terrain` (ny, nx) bed level, m; `roughness` Manning n, s m-1/3, a number or (ny, nx) > 0; `rain_m_s[k]` holds from
    `rain_s[k]` to the next; `depth` the water at the start. Raises ScenarioError for arrays that do not fit or hold no
    numbers, NumericsError when the time step collapses.
    """
    z = np.ascontiguousarray(terrain, dtype=dtype)
    n = np.ascontiguousarray(np.broadcast_to(np.asarray(roughness, dtype=dtype), z.shape))
    h = np.zeros_like(z) if depth is None else np.array(np.broadcast_to(np.asarray(depth, dtype=dtype), z.shape))
    if z.ndim != 2 or not np.isfinite(z).all():
        raise ScenarioError("array_terrain", found=z.shape)
    if not (np.isfinite(n).all() and (n > 0).all()):
        raise ScenarioError("array_roughness", found=float(n.min()))
    if not (np.isfinite(h).all() and (h >= 0).all() and all(r >= 0 for r in rain_m_s)):
        raise ScenarioError("array_water", found=float(h.min()))
    ny, nx = z.shape
    qx, qx2 = np.zeros((ny, nx + 1), dtype), np.zeros((ny, nx + 1), dtype)
    qy, qy2 = np.zeros((ny + 1, nx), dtype), np.zeros((ny + 1, nx), dtype)
    highest, soaked, soak, rain = h.copy(), np.zeros_like(z), np.zeros_like(z), np.zeros_like(z)
    ledger, deepest = np.zeros((ny, 4)), np.full(ny, float(h.max(initial=0.0)))
    kind = np.full(z.shape, LAND, dtype=np.uint8)
    before = start_threads()
    numba.set_num_threads(threads or before)
    steps, volume_in, began = 0, 0.0, time.perf_counter()
    start_volume = float(h.sum(dtype=np.float64)) * cell_m**2
    try:
        for t0, t1 in _windows(duration_s, [rain_s, *(i.times_s for i in inflows)]):
            rain[:] = _at(rain_m_s, rain_s, t0)
            for inflow in inflows:
                rain[inflow.row, inflow.col] += _at(inflow.m3_s, inflow.times_s, t0) / cell_m**2
            volume_in += float(rain.sum(dtype=np.float64)) * cell_m**2 * (t1 - t0)
            done = advance(
                h,
                qx,
                qy,
                qx2,
                qy2,
                highest,
                soaked,
                ledger,
                deepest,
                z,
                n,
                kind,
                rain,
                soak,
                t1 - t0,
                cell_m,
                courant,
                t1 - t0,
            )
            if done < 0 or not np.isfinite(deepest).all():
                row, col = np.unravel_index(int(np.nanargmax(h)), h.shape)
                raise NumericsError(
                    "step_collapsed", time=f"{t0:g} s", row=int(row), col=int(col), depth=float(h[row, col])
                )
            steps += done
    finally:
        numba.set_num_threads(before)
    wall = time.perf_counter() - began
    stored = float(h.sum(dtype=np.float64)) * cell_m**2 - start_volume
    scale = volume_in if volume_in > 0 else max(start_volume, 1.0)
    return ArrayRun(h, highest, qx, qy, steps, volume_in, (stored - volume_in) / scale, wall)


def _windows(duration_s: float, series: list[Sequence[float]]) -> list[tuple[float, float]]:
    """Return the stretches in which no forcing changes, at most 60 s long."""
    edges = {
        0.0,
        duration_s,
        *(t for times in series for t in times if 0 < t < duration_s),
        *np.arange(0.0, duration_s, 60.0),
    }
    ordered = sorted(edges)
    return list(pairwise(ordered))


def _at(values: Sequence[float], times: Sequence[float], t: float) -> float:
    k = int(np.searchsorted(np.asarray(times, dtype=float), t + 1e-9, side="right")) - 1
    return float(values[k]) if k >= 0 else 0.0
