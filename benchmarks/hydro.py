"""Benchmarks of the flood. Wall clocks run from arrays in memory to final fields; compilation is done before.

A row's `target` is (column, op, bound): what the project asks of that column of the row; None where nothing is asked.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np

import scenarios as sc
from benchmarks import cities
from benchmarks.cities import CELL_M, HOUR_S, MANNING, STORM_M_S, synthetic_city
from benchmarks.peer import ROOT, PeerRun, agreement, run_peer
from hydro import ArrayRun, Inflow, simulate_arrays
from hydro.inertial import Inertial
from hydro.kernels.ground import soak, track
from hydro.surface import DURATION_M, SHALLOW_M, TRACK_S
from twin.jit import kernel

Row = dict[str, Any]
Target = tuple[str, str, float]

W1_CELLS = 1000
WET_M = 0.05  # streets under more water are compared
EXCHANGE_S = 5.0  # water soaks in as often as in the flood hazard
TRIAD_FLOATS = 16_000_000
FLAT = 1.5  # cost of a cell and step, dearest over cheapest size: what is called flat; assumed
BYTES_PER_CELL_STEP = 40  # float32: each array of the surface once a step


def all_threads() -> int:
    """Return how many threads the benchmarks use, own and peers'."""
    return int(numba.config.NUMBA_NUM_THREADS)


@cache
def own_w1(dtype: str, threads: int, size: int = W1_CELLS) -> tuple[ArrayRun, float]:
    """Run W1 and return it with its wall seconds, arrays in memory to final fields; median of three."""
    rain, rain_s = cities.uniform_storm()
    job: dict[str, Any] = {"cell_m": CELL_M, "dtype": dtype, "threads": threads}
    z = synthetic_city(size)
    n = np.full_like(z, MANNING)
    simulate_arrays(z, n, rain, rain_s, duration_s=60.0, **job)  # compiled and warm
    walls = []
    for _ in range(3):
        began = time.perf_counter()
        run = simulate_arrays(z, n, rain, rain_s, duration_s=HOUR_S, **job)
        walls.append(time.perf_counter() - began)
    return run, float(np.median(walls))


def against(peer: str, theirs: PeerRun | None, wall: float, max_depth: Any, size: int) -> Row:
    """Return the peer's part of a row; its detail says whether the depths agree outside the roofs."""
    if theirs is None:
        return {"peer": peer, "detail": "peer not installed"}
    same = agreement(max_depth, theirs.max_depth, ~cities.roofs(size))
    return {
        "peer": peer,
        "peer_value": theirs.wall_s,
        "ratio": theirs.wall_s / wall,
        "detail": f"peer {theirs.steps} steps; {same}",
    }


def w1(dtype: str, target: Target | None, peer: str, size: int = W1_CELLS) -> Row:
    """Time one hour on `size` x `size` cells of 5 m, 60 mm/h for 30 min, then dry; the peer does the same."""
    run, wall = own_w1(dtype, all_threads(), size)
    rain, rain_s = cities.uniform_storm()
    z = synthetic_city(size)
    arrays = {"z": z, "n": np.full_like(z, MANNING), "rain": rain}
    theirs = run_peer(peer, arrays, all_threads(), cell_m=CELL_M, duration_s=HOUR_S, rain_s=rain_s, dtype=dtype)
    row = against(PEERS[peer], theirs, wall, run.max_depth, size)
    facts = f"{run.steps} steps, volume error {run.volume_error:.1e}, deepest {run.max_depth.max():.2f} m; "
    return {"metric": "wall", "value": wall, "unit": "s", "target": target, **row, "detail": facts + row["detail"]}


def own_physics(z: Any, rain: Any, rain_s: list[float], capacity: Any) -> tuple[Inertial, int, dict[str, Any]]:
    """Run W1 with water soaking in and everything kept that the flood hazard keeps; return water, steps and what was kept."""
    water = Inertial(z, np.full_like(z, MANNING), CELL_M)
    shape, real = z.shape, np.float32
    rows = np.zeros(shape[0])
    soaked, peak, peak_s = (np.zeros(shape, real) for _ in range(3))
    above, danger = np.zeros((len(DURATION_M), *shape), real), np.zeros(shape, np.uint8)
    steps = 0
    for k in range(round(HOUR_S / EXCHANGE_S)):
        t = k * EXCHANGE_S
        if t in rain_s:
            water.feed(rain[rain_s.index(t)])
        steps += water.advance(EXCHANGE_S, t)
        soak(water.h, soaked, rows, capacity, EXCHANGE_S)
        if (t + EXCHANGE_S) % TRACK_S == 0:
            now = t + EXCHANGE_S
            track(peak, peak_s, above, danger, water.h, *water.flow(), np.array(DURATION_M), SHALLOW_M, now, TRACK_S)
    return water, steps, {"soaked": float(rows.sum()) * CELL_M**2, "peak_s": peak_s, "above": above, "danger": danger}


def w1_physics() -> Row:
    """Time W1 under a moving rain raster with infiltration of constant capacity and all maxima; the peer does the same."""
    z, (rain, rain_s), capacity = (
        synthetic_city(W1_CELLS), cities.moving_storm(W1_CELLS), cities.yards_capacity(W1_CELLS),
    )  # fmt: skip
    small = (slice(0, 200), slice(0, 200))
    own_physics(z[small], rain[:, *small], rain_s, capacity[small])  # compiled and warm
    began = time.perf_counter()
    water, steps, kept = own_physics(z, rain, rain_s, capacity)
    wall = time.perf_counter() - began
    fallen = float(rain[:-1].sum()) * 300.0 * CELL_M**2
    error = (water.volume() + kept["soaked"] - fallen) / fallen
    theirs = run_peer(
        "itzi", {"z": z, "n": np.full_like(z, MANNING), "rain": rain, "capacity": capacity}, all_threads(),
        cell_m=CELL_M, duration_s=HOUR_S, rain_s=rain_s, dtype="float32",
    )  # fmt: skip
    row = against(PEERS["itzi"], theirs, wall, water.highest, W1_CELLS)
    facts = (
        f"{steps} steps, volume error {error:.1e}, {kept['soaked'] / fallen:.0%} soaked in at 20 mm/h in yards (own every "
        f"{EXCHANGE_S:g} s, peer every 60 s), peak time, durations and danger kept; "
    )
    return {"metric": "wall", "value": wall, "unit": "s", "target": ("ratio", ">=", 10.0), **row,
            "detail": facts + row["detail"]}  # fmt: skip


def w1_threads() -> Row:
    """Time W1 in float32 on one thread and on two."""
    one, two = own_w1("float32", 1)[1], own_w1("float32", 2)[1]
    return {"metric": "speed-up of a second thread", "value": one / two, "unit": "x", "target": ("value", ">=", 1.6),
            "detail": f"{one:.2f} s on one thread, {two:.2f} s on two"}  # fmt: skip


@kernel(parallel=True)
def triad(a_out, b, c, s):
    """Write b + s c: the memory traffic of McCalpin's STREAM triad, 3 words an element."""
    for i in numba.prange(a_out.size):
        a_out[i] = b[i] + s * c[i]


def triad_bytes_per_s() -> float:
    """Return the bandwidth of the triad, best of ten."""
    a, b, c = (np.ones(TRIAD_FLOATS, np.float32) for _ in range(3))
    best = np.inf
    for _ in range(10):
        began = time.perf_counter()
        triad(a, b, c, np.float32(0.5))
        best = min(best, time.perf_counter() - began)
    return 3 * a.nbytes / best


def wet_seconds_per_cell_step(size: int, cell_steps: float = 2e8, dtype: str = "float32") -> float:
    """Return the wall of a cell and step on a wet city under rain; best of three."""
    water = Inertial(synthetic_city(size), np.float64(MANNING), CELL_M, dtype=dtype)
    water.feed(STORM_M_S)
    water.fill(0.05)
    water.advance(5.0)
    best = np.inf
    for _ in range(3):
        steps, began = 0, time.perf_counter()
        while steps * size**2 < cell_steps:
            steps += water.advance(10.0)
        best = min(best, (time.perf_counter() - began) / steps / size**2)
    return best


def w2() -> Row:
    """Compare the traffic of 2000 x 2000 cells, far out of cache, with what the memory can do."""
    bandwidth, cost = triad_bytes_per_s(), wet_seconds_per_cell_step(2000)
    share = 100 * BYTES_PER_CELL_STEP / cost / bandwidth
    facts = f"{1e-6 / cost:.0f} M cells a second, triad {bandwidth / 1e9:.1f} GB/s, {BYTES_PER_CELL_STEP} bytes a cell and step"
    return {
        "metric": "share of triad bandwidth",
        "value": share,
        "unit": "%",
        "target": ("value", ">=", 60.0),
        "detail": facts,
    }


def w3() -> Row:
    """Compare a step on dry ground with one inflow of 20 m3/s with a step of W1."""
    z = synthetic_city(W1_CELLS)
    job: dict[str, Any] = {"cell_m": CELL_M, "threads": all_threads(), "inflows": [Inflow(501, 501, [0.0], [20.0])]}
    simulate_arrays(z, MANNING, 0.0, [0.0], duration_s=60.0, **job)
    began = time.perf_counter()
    dry = simulate_arrays(z, MANNING, 0.0, [0.0], duration_s=HOUR_S, **job)
    each = (time.perf_counter() - began) / dry.steps
    wet, wall = own_w1("float32", all_threads())
    facts = f"{1e6 * each:.0f} against {1e6 * wall / wet.steps:.0f} us, {dry.steps} steps, {(dry.max_depth > 0).mean():.1%} of cells wetted"
    return {"metric": "wall per step, dry / W1", "value": each / (wall / wet.steps), "unit": "1", "target": ("value", "<=", 0.2),
            "detail": f"{facts}, volume error {dry.volume_error:.1e}"}  # fmt: skip


def _demonstration(drainage: str) -> tuple[float, dict[str, float]]:
    """Return the wall of the demonstration case, checked input to run folder, and its flood's remarks; kernels are compiled."""
    case = sc.load("plum-rain-50yr").with_setting(f"hazards.0.flood.drainage={drainage}").check()
    began = time.perf_counter()
    run = sc.run(case, fresh=True)
    return time.perf_counter() - began, run.balances["flood"]["remarks"]


@cache
def demonstration() -> tuple[tuple[float, dict[str, float]], tuple[float, dict[str, float]]]:
    """Return the demonstration case with its drains and without: wall, s, and remarks."""
    sc.run(sc.load("plum-rain-50yr").with_changes(hours=1.5).check(), fresh=True)
    return _demonstration("swmm"), _demonstration("none")


def w4() -> Row:
    """Time the demonstration case with drains, from checked input to run folder."""
    wall, _ = demonstration()[0]
    return {"metric": "wall, case to report", "value": wall, "unit": "s", "target": ("value", "<=", 90.0)}


def w4_coupling() -> Row:
    """Say what the drains add to the demonstration case: the engine, the exchange and its records."""
    (coupled, said), (alone, _) = demonstration()
    facts = f"{coupled:.1f} s with drains, {alone:.1f} s without; "
    facts += f"engine {said['swmm_engine_s']:.1f} s, exchange {said['swmm_exchange_s']:.2f} s"
    return {"metric": "share of wall that drains add", "value": 100 * (coupled - alone) / coupled, "unit": "%",
            "target": None, "detail": facts}  # fmt: skip


def scaling() -> Row:
    """Compare the cost of a cell and step from 0.25 to 16 million cells."""
    cost = {size: 1e9 * wet_seconds_per_cell_step(size) for size in (500, 1000, 2000, 4000)}
    facts = ", ".join(f"{(size / 1000) ** 2:g} M: {ns:.2f} ns" for size, ns in cost.items())
    return {"metric": "cost of a cell and step, worst / best", "value": max(cost.values()) / min(cost.values()),
            "unit": "1", "target": ("value", "<=", FLAT), "detail": facts}  # fmt: skip


@cache
def coarse() -> tuple[ArrayRun, float, float]:
    """Run W1 on cells four times coarser that know the fine terrain: the run and its wall, its tables made before and within it.

    Medians; other ground in between makes the tables be made anew.
    """
    rain, rain_s = cities.uniform_storm()
    z = synthetic_city(W1_CELLS)
    n = np.full_like(z, MANNING)
    job: dict[str, Any] = {"cell_m": CELL_M, "scheme": "subgrid", "threads": all_threads()}
    simulate_arrays(z, n, rain, rain_s, duration_s=60.0, **job)  # compiled and warm
    again, first = [], []
    for _ in range(5):
        for walls, ground in ((again, z), (first, z + 1.0), (again, z + 1.0), (first, z)):
            began = time.perf_counter()
            run = simulate_arrays(ground, n, rain, rain_s, duration_s=HOUR_S, **job)
            walls.append(time.perf_counter() - began)
    return run, float(np.median(again)), float(np.median(first))


def subgrid() -> Row:
    """Compare the wall of W1 with that of the four times coarser run, as an ensemble or a search for measures repeats it."""
    run, again, first = coarse()
    fine = own_w1("float32", all_threads())[1]
    facts = f"{fine:.2f} s fine, {again:.2f} s coarse; {first:.2f} s with the making of its tables, once a city: {fine / first:.1f} x; "
    facts += f"{run.steps} steps, volume error {run.volume_error:.1e}"
    return {"metric": "speed-up, 4 x coarser", "value": fine / again, "unit": "x", "target": ("value", ">=", 15.0),
            "detail": facts}  # fmt: skip


def subgrid_rmse() -> Row:
    """Compare the highest depths of the four times coarser run with the fine ones in streets under water."""
    fine = own_w1("float32", all_threads())[0].max_depth
    wet = cities.streets(W1_CELLS) & (fine > WET_M)
    error = (coarse()[0].max_depth.astype(float) - fine)[wet]
    facts = f"{wet.sum()} street cells deeper than {WET_M} m, bias {error.mean():+.3f} m; aim 0.05 m"
    return {"metric": "RMSE of highest depth", "value": float(np.sqrt((error**2).mean())), "unit": "m",
            "target": ("value", "<=", 0.10), "detail": facts}  # fmt: skip


FIRST_CALL = """
import time
import numpy as np
from hydro import simulate_arrays
began = time.perf_counter()
simulate_arrays(np.zeros((64, 64)), 0.03, 1e-5, [0.0], cell_m=5.0, duration_s=10.0)
print(time.perf_counter() - began)
"""


def compiling() -> Row:
    """Time a first call in a new process with an empty kernel cache."""
    with tempfile.TemporaryDirectory() as empty:
        said = subprocess.run(
            [sys.executable, "-c", FIRST_CALL], check=True, capture_output=True, text=True, cwd=ROOT,
            env=os.environ | {"ANLAN_KERNEL_CACHE": empty},
        )  # fmt: skip
    return {"metric": "first call, empty kernel cache", "value": float(said.stdout), "unit": "s", "target": None}


#: Driver in benchmarks/peers -> name and version.
PEERS = {"itzi": "itzi-core 0.8.0", "landlab": "landlab 2.11.0 OverlandFlow"}

BENCHES: dict[str, Callable[[], Row]] = {
    "hydro/compile": compiling,
    "hydro/W1-f32": lambda: w1("float32", ("ratio", ">=", 20.0), "itzi"),
    "hydro/W1-f64": lambda: w1("float64", ("ratio", ">=", 8.0), "itzi"),
    "hydro/W1-physics": w1_physics,
    "hydro/W1-small": lambda: w1("float64", None, "landlab", size=250),
    "hydro/W1-threads": w1_threads,
    "hydro/W2": w2,
    "hydro/W3": w3,
    "hydro/W4": w4,
    "hydro/W4-coupling": w4_coupling,
    "hydro/subgrid": subgrid,
    "hydro/subgrid-rmse": subgrid_rmse,
    "hydro/scaling": scaling,
}
