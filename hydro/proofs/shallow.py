"""Verification of the full shallow-water scheme: plain functions that return measured errors; arrays in, no files."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hydro.proofs.solutions import Bowl, ritter, stoker
from hydro.schemes.shallow import Shallow

Array = NDArray[np.float64]


class DamBreak(NamedTuple):
    """Mean absolute errors of depth (m) and flow (m2/s), and how far the front (m) lags behind the exact one."""

    depth: float
    flow: float
    front_lag_m: float


def dam_break(cells: int, downstream_m: float, *, dtype: str = "float64") -> DamBreak:
    """Return the errors 3 s after 1 m of water at x < 0 was let go, on 50 m of flat frictionless channel.

    Over a dry bed (`downstream_m` = 0) the exact answer is Ritter's and the front is where 1 cm stands; over standing
    water it is Stoker's and the front is where the level is midway between the plateau and the water ahead.
    """
    dx, t = 50.0 / cells, 3.0
    x = (np.arange(cells) + 0.5) * dx - 25.0
    water = Shallow(np.zeros((3, cells)), 0.0, dx, dtype=dtype)
    water.h[:] = np.where(x < 0.0, 1.0, downstream_m)
    water.advance(t)
    exact = stoker(x, t, 1.0, downstream_m) if downstream_m > 0.0 else ritter(x, t, 1.0)
    h, q = water.h[1].astype(float), water.flow()[0][1].astype(float)
    mark = 0.5 * (downstream_m + exact.h[exact.u > 0.0].min()) if downstream_m > 0.0 else 0.01
    lag = x[exact.h > mark].max() - x[h > mark].max()
    return DamBreak(float(np.abs(h - exact.h).mean()), float(np.abs(q - exact.h * exact.u).mean()), float(lag))


def bowl(cells: int, *, turns: float = 1.0, dtype: str = "float64") -> float:
    """Return the error of Thacker's turning plane surface after `turns`: sum |h - exact| / sum exact, on 4 m x 4 m."""
    shape, dx = Bowl(), 4.0 / cells
    x, y = np.meshgrid(*(2 * [(np.arange(cells) + 0.5) * dx - 2.0]))
    water = Shallow(shape.bed(x, y), 0.0, dx, dtype=dtype)
    water.h[:], water.u[:], water.v[:] = shape.water(x, y, 0.0)
    water.advance(turns * shape.period)
    exact = shape.water(x, y, turns * shape.period)
    return float(np.abs(water.h - exact.h).sum() / exact.h.sum())


def order(errors: list[float]) -> float:
    """Return the observed order of convergence of errors on grids halved from one to the next (least squares)."""
    return float(-np.polyfit(np.arange(len(errors)), np.log2(errors), 1)[0])


def channel(bed: Array, level: Array, inflow_m2_s: float, rain_m_s: float = 0.0, *, dtype: str = "float64") -> float:
    """Return the mean absolute error of level (m) in MacDonald's subcritical 1000 m channel at rest, n = 0.033.

    `bed` and the exact `level` (m) at cell centres, upstream first; the flow enters the first cell as a source and the
    last cell keeps its level. The channel starts dry and runs until nothing changes.
    """
    dx = 1000.0 / bed.size
    water = Shallow(np.tile(bed, (3, 1)), 0.033, dx, dtype=dtype)
    water.hold(np.arange(3), np.full(3, bed.size - 1), level[-1])
    water.source[:] = rain_m_s
    water.source[:, 0] += inflow_m2_s / dx
    for _ in range(50):
        before = water.h.copy()
        water.advance(600.0)
        if float(np.abs(water.h - before).max()) < 1e-7:
            break
    return float(np.abs(water.h[1] + water.z[1] - level).mean())


class Gauge(NamedTuple):
    """Highest level (m) and when it came (s)."""

    crest: float
    time: float


def run_up(
    bed: Array, cell_m: float, time_s: Array, incident: Array, gauges: dict[str, tuple[float, float]],
    *, until_s: float = 22.5, dtype: str = "float64",
) -> dict[str, Gauge]:  # fmt: skip
    """Return the crests at gauges (x, y in m) of a wave run-up in a basin, Monai valley at 1:400 for one.

    `bed` (m, y down the rows from y = 0, x along the columns) with still water at level 0; the cells at x = 0 keep the
    `incident` level (m) at `time_s`; the other sides are walls; n = 0.01.
    """
    water = Shallow(bed, 0.01, cell_m, dtype=dtype)
    water.h[:] = np.maximum(-water.z, 0.0)
    rows = np.arange(bed.shape[0])
    cells = {name: (int(y / cell_m), int(x / cell_m)) for name, (x, y) in gauges.items()}
    best = {name: Gauge(-np.inf, 0.0) for name in gauges}
    step = 0.05
    for k in range(round(until_s / step)):
        water.hold(rows, np.zeros_like(rows), float(np.interp((k + 0.5) * step, time_s, incident)))
        water.advance(step)
        for name, cell in cells.items():
            level = float(water.h[cell] + water.z[cell])
            if level > best[name].crest:
                best[name] = Gauge(level, (k + 1) * step)
    return best
