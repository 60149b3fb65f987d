"""Benchmarks of the flood."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

import scenarios as sc
from hydro import simulate_arrays


def synthetic_city(size: int) -> np.ndarray:
    """Return a terrain of `size` x `size` cells: a gentle slope, streets 0.15 m lower, blocks raised 5 m on a quarter of the cells."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:size, 0:size]
    z = 20.0 - 0.002 * x - 0.001 * y + 0.05 * rng.standard_normal((size, size))
    z[(x % 20 < 3) | (y % 20 < 3)] -= 0.15
    z[(x % 20 >= 6) & (x % 20 < 16) & (y % 20 >= 6) & (y % 20 < 16)] += 5.0
    return z


def w1_f64() -> dict[str, Any]:
    """Time one hour on 1000 x 1000 cells of 5 m: 60 mm/h for 30 min, then dry; float64, all threads."""
    z = synthetic_city(1000)
    roughness = np.full_like(z, 0.03)
    simulate_arrays(z[:64, :64], roughness[:64, :64], [1e-5], [0.0], cell_m=5.0, duration_s=10.0)  # compile
    run = simulate_arrays(z, roughness, [60 / 3.6e6, 0.0], [0.0, 1800.0], cell_m=5.0, duration_s=3600.0)
    return {
        "metric": f"wall, {run.steps} steps, error {run.volume_error:.1e}",
        "value": run.wall_s,
        "unit": "s",
        "target": None,
    }


def w4() -> dict[str, Any]:
    """Time the demonstration case from checked input to run folder, second call (kernels compiled)."""
    case = sc.load("plum-rain-50yr").check()
    sc.run(case.with_changes(hours=1), fresh=True)
    began = time.perf_counter()
    sc.run(case, fresh=True)
    return {"metric": "wall, case to report", "value": time.perf_counter() - began, "unit": "s", "target": "< 90"}


BENCHES = {"hydro/W1-f64": w1_f64, "hydro/W4": w4}
