"""Benchmarks of the flood. Wall clocks run from arrays in memory to final fields; compilation is done before.

A row's `target` is (column, op, bound): what the project asks of that column of the row; None where nothing is asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np

import scenarios as sc
from benchmarks import cities
from benchmarks.cities import CELL_M, HOUR_S, MANNING, STORM_M_S, synthetic_city
from benchmarks.first_call import compiling
from benchmarks.peer import PeerRun, agreement, run_peer
from hydro import ArrayRun, Inflow, simulate_arrays
from hydro.ground.surface import DURATION_M, SHALLOW_M, TRACK_S
from hydro.kernels.ground import soak, track
from hydro.schemes.inertial import Inertial
from hydro.schemes.subgrid import Tables
from twin.jit import kernel, most_threads

Row = dict[str, Any]
Target = tuple[str, str, float]

W1_CELLS = 1000
WET_M = 0.05  # streets under more water are compared
EXCHANGE_S = 5.0  # water soaks in as often as in the flood hazard
TRIAD_FLOATS = 16_000_000
FLAT = 1.5  # cost of a cell and step, dearest over cheapest size: what is called flat; assumed
BYTES_PER_CELL_STEP = 40  # float32: each array of the surface once a step


def w1_job(dtype: str, threads: int, size: int = W1_CELLS) -> Callable[[], ArrayRun]:
    """Return W1 as a job that is compiled and warm."""
    rain, rain_s = cities.uniform_storm()
    job: dict[str, Any] = {"cell_m": CELL_M, "dtype": dtype, "threads": threads}
    z = synthetic_city(size)
    n = np.full_like(z, MANNING)
    simulate_arrays(z, n, rain, rain_s, duration_s=60.0, **job)
    return lambda: simulate_arrays(z, n, rain, rain_s, duration_s=HOUR_S, **job)


def in_turn(rounds: int, **jobs: Callable[[], Any]) -> dict[str, tuple[Any, list[float]]]:
    """Run jobs in turn, so that slow moments of the machine meet all of them; return each one's last result and its walls.

    A wall runs from arrays in memory to final fields.
    """
    results: dict[str, Any] = {}
    walls: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            began = time.perf_counter()
            results[name] = job()
            walls[name].append(time.perf_counter() - began)
    return {name: (results[name], walls[name]) for name in jobs}


def beside(
    peer: str, job: Callable[[], Any], arrays: dict[str, Any], **facts: Any
) -> tuple[Any, list[float], PeerRun | None]:
    """Run a job three times, the peer once and the job three times more; return its result, its walls and the peer's run."""
    before = in_turn(3, own=job)["own"][1]
    theirs = run_peer(peer, arrays, most_threads(), cell_m=CELL_M, duration_s=HOUR_S, **facts)
    result, after = in_turn(3, own=job)["own"]
    return result, before + after, theirs


def median(walls: list[float]) -> float:
    """Return the median of wall seconds."""
    return float(np.median(walls))


def against(peer: str, theirs: PeerRun | None, walls: list[float], max_depth: Any, size: int) -> Row:
    """Return wall and peer of a row: the median of the own walls; the detail says whether depths agree outside the roofs."""
    own = {"metric": "wall", "value": median(walls), "unit": "s", "peer": peer}
    spread = f"own {min(walls):.2f} to {max(walls):.2f} s in {len(walls)} runs before and after the peer's"
    if theirs is None:
        return own | {"detail": f"{spread}; peer not installed"}
    same = agreement(max_depth, theirs.max_depth, ~cities.roofs(size))
    found = {"peer_value": theirs.wall_s, "ratio": theirs.wall_s / median(walls)}
    return own | found | {"detail": f"{spread}; peer {theirs.steps} steps; {same}"}


def w1(dtype: str, target: Target | None, peer: str, size: int = W1_CELLS) -> Row:
    """Time one hour on `size` x `size` cells of 5 m, 60 mm/h for 30 min, then dry; the peer does the same."""
    rain, rain_s = cities.uniform_storm()
    z = synthetic_city(size)
    arrays = {"z": z, "n": np.full_like(z, MANNING), "rain": rain}
    run, walls, theirs = beside(peer, w1_job(dtype, most_threads(), size), arrays, rain_s=rain_s, dtype=dtype)
    row = against(PEERS[peer], theirs, walls, run.max_depth, size)
    facts = f"{run.steps} steps, volume error {run.volume_error:.1e}, deepest {run.max_depth.max():.2f} m; "
    return row | {"target": target, "detail": facts + row["detail"]}


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
    arrays = {"z": z, "n": np.full_like(z, MANNING), "rain": rain, "capacity": capacity}
    (water, steps, kept), walls, theirs = beside(
        "itzi", lambda: own_physics(z, rain, rain_s, capacity), arrays, rain_s=rain_s, dtype="float32"
    )
    row = against(PEERS["itzi"], theirs, walls, water.highest, W1_CELLS)
    fallen = float(rain[:-1].sum()) * 300.0 * CELL_M**2
    error = (water.volume() + kept["soaked"] - fallen) / fallen
    facts = (
        f"{steps} steps, volume error {error:.1e}, {kept['soaked'] / fallen:.0%} soaked in at 20 mm/h in yards (own every "
        f"{EXCHANGE_S:g} s, peer every 60 s), peak time, durations and danger kept; "
    )
    return row | {"target": ("ratio", ">=", 10.0), "detail": facts + row["detail"]}


def w1_threads() -> Row:
    """Time W1 in float32 on one thread and on two, in turn."""
    runs = in_turn(3, one=w1_job("float32", 1), two=w1_job("float32", 2))
    one, two = median(runs["one"][1]), median(runs["two"][1])
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
    job: dict[str, Any] = {"cell_m": CELL_M, "threads": most_threads(), "inflows": [Inflow(501, 501, [0.0], [20.0])]}
    simulate_arrays(z, MANNING, 0.0, [0.0], duration_s=60.0, **job)
    runs = in_turn(
        3,
        dry=lambda: simulate_arrays(z, MANNING, 0.0, [0.0], duration_s=HOUR_S, **job),
        wet=w1_job("float32", most_threads()),
    )
    dry = runs["dry"][0]
    each, w1_each = (median(walls) / run.steps for run, walls in (runs["dry"], runs["wet"]))
    facts = f"{1e6 * each:.0f} against {1e6 * w1_each:.0f} us, {dry.steps} steps, {(dry.max_depth > 0).mean():.1%} of cells wetted"
    return {"metric": "wall per step, dry / W1", "value": each / w1_each, "unit": "1", "target": ("value", "<=", 0.2),
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
def fine_and_coarse() -> dict[str, tuple[ArrayRun, list[float]]]:
    """Run W1 in turn on its own cells, on cells four times coarser whose tables are made in the run, and on those again.

    `Tables` keeps those of the last ground, so `first` stands on other ground each time.
    """
    rain, rain_s = cities.uniform_storm()
    z = synthetic_city(W1_CELLS)
    n = np.full_like(z, MANNING)
    job: dict[str, Any] = {"cell_m": CELL_M, "scheme": "subgrid", "threads": most_threads(), "duration_s": HOUR_S,
                           "tables": Tables()}  # fmt: skip
    grounds = [z, z + 1.0]
    simulate_arrays(z, n, rain, rain_s, **job)  # compiled and warm

    def first() -> ArrayRun:
        grounds.reverse()
        return again()

    def again() -> ArrayRun:
        return simulate_arrays(grounds[0], n, rain, rain_s, **job)

    return in_turn(7, fine=w1_job("float32", most_threads()), first=first, again=again)


def subgrid(which: str) -> Row:
    """Compare the wall of W1 with that of the four times coarser run."""
    runs = fine_and_coarse()
    fine, run, coarse = median(runs["fine"][1]), runs[which][0], median(runs[which][1])
    facts = f"{fine:.2f} s fine, {coarse:.3f} s coarse; {run.steps} steps, volume error {run.volume_error:.1e}"
    made = {"again": "tables ready, as for an ensemble or a search", "first": "tables made in the run"}
    return {"metric": f"speed-up, 4 x coarser, {made[which]}", "value": fine / coarse, "unit": "x",
            "target": ("value", ">=", 15.0), "detail": facts + "; aim 30 x"}  # fmt: skip


def subgrid_rmse() -> Row:
    """Compare the highest depths of the four times coarser run with the fine ones in streets under water."""
    runs = fine_and_coarse()
    fine, coarse = runs["fine"][0].max_depth, runs["again"][0].max_depth
    wet = cities.streets(W1_CELLS) & (fine > WET_M)
    error = (coarse.astype(float) - fine)[wet]
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


#: Driver in benchmarks/peers -> name and version.
PEERS = {"itzi": "itzi-core 0.8.0", "landlab": "landlab 2.11.0 OverlandFlow"}

BENCHES: dict[str, Callable[[], Row]] = {
    "hydro/compile": lambda: compiling(FIRST_CALL),
    "hydro/W1-f32": lambda: w1("float32", ("ratio", ">=", 20.0), "itzi"),
    "hydro/W1-f64": lambda: w1("float64", ("ratio", ">=", 8.0), "itzi"),
    "hydro/W1-physics": w1_physics,
    "hydro/W1-small": lambda: w1("float64", None, "landlab", size=250),
    "hydro/W1-threads": w1_threads,
    "hydro/W2": w2,
    "hydro/W3": w3,
    "hydro/W4": w4,
    "hydro/W4-coupling": w4_coupling,
    "hydro/subgrid": lambda: subgrid("again"),
    "hydro/subgrid-first": lambda: subgrid("first"),
    "hydro/subgrid-rmse": subgrid_rmse,
    "hydro/scaling": scaling,
}
