"""The flood's verification cases, used by `anlan verify hydro` and by the tests. Bounds and their sources stand in PROOFS."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hydro.arrays import Inflow, simulate_arrays
from hydro.design_storm import chicago, intensity
from twin.proof import Proof


def hills(ny: int = 48, nx: int = 60, seed: int = 3) -> NDArray[np.float64]:
    """Return a smooth rough terrain, m."""
    rng = np.random.default_rng(seed)
    yy, xx = np.meshgrid(np.linspace(0, 1, ny), np.linspace(0, 1, nx), indexing="ij")
    waves = [
        a * np.sin(2 * np.pi * (k * xx + p)) * np.cos(2 * np.pi * (m * yy + q))
        for a, k, m, p, q in rng.uniform(0.2, 3.0, (6, 5))
    ]
    return 3.0 + 0.4 * np.sum(waves, axis=0)


def lake_at_rest(_: Path | None) -> float:
    """Return the largest flow (m2/s) after 10 min on still water over hills with dry islands."""
    z = hills()
    level = float(np.median(z))
    run = simulate_arrays(
        z, 0.03, [0.0], [0.0], cell_m=5.0, duration_s=600.0, depth=np.maximum(level - z, 0.0), dtype="float64"
    )
    return float(max(np.abs(run.flow_x).max(), np.abs(run.flow_y).max()))


def mass(_: Path | None) -> float:
    """Return the relative volume error of a storm with an inflow on hills, float64."""
    run = simulate_arrays(
        hills(),
        0.03,
        [60 / 3.6e6, 0.0],
        [0.0, 1200.0],
        cell_m=5.0,
        duration_s=2400.0,
        inflows=[Inflow(10, 10, [0.0, 900.0], [0.8, 0.0])],
        dtype="float64",
    )
    return abs(run.volume_error)


def threads(_: Path | None) -> float:
    """Return the largest difference (m) between one thread and two, float64."""
    one, two = (
        simulate_arrays(
            hills(), 0.03, [60 / 3.6e6], [0.0], cell_m=5.0, duration_s=900.0, threads=n, dtype="float64"
        ).depth
        for n in (1, 2)
    )
    return float(np.abs(one - two).max())


def design_storm(_: Path | None) -> float:
    """Return the largest relative error of published depths: Beijing zone II, 100 years, 15 min to 24 h."""
    published = {15: 47.0, 30: 70.0, 60: 97.0, 180: 148.0, 360: 189.0, 1440: 299.0}
    formula = intensity("beijing_zone2", 100)
    return max(abs(float(formula.depth_mm(t)) / depth - 1.0) for t, depth in published.items())


def chicago_total(_: Path | None) -> float:
    """Return the error (mm) of the total of a Chicago storm against the formula's own depth, Wuhan 50 years 2 h."""
    formula = intensity("wuhan", 50)
    return abs(float(chicago(formula, 120, 0.39).sum()) - 117.71)


PROOFS: tuple[Proof, ...] = (
    Proof("hydro/lake-at-rest", "largest flow", "m2/s", "<=", 1e-9, "exact: still water stays still", lake_at_rest),
    Proof("hydro/mass", "volume error", "1", "<=", 1e-12, "exact: water is neither made nor lost", mass),
    Proof("hydro/threads", "depth, 1 thread against 2", "m", "<=", 0.0, "exact: order of sums is fixed", threads),
    Proof(
        "hydro/design-storm",
        "depth error",
        "1",
        "<=",
        0.012,
        "Beijing Water Authority risk map 2022; table rounds to 1 mm",
        design_storm,
    ),
    Proof(
        "hydro/chicago",
        "total depth error",
        "mm",
        "<=",
        0.01,
        "Wuhan DB4201/T 641-2020 at 50 years: 117.71 mm in 2 h",
        chicago_total,
    ),
)
