"""Water on plain arrays: no city, no files; for benchmarks, verification and notebooks."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hydro.schemes.array_checks import check_ground, check_options, check_rain, check_water, named
from hydro.schemes.boundaries import Boundary, Inflow, Numbers
from hydro.schemes.inertial import Inertial
from hydro.schemes.registry import COURANT_MOST, hand_over, water_on
from hydro.schemes.shallow import Shallow
from hydro.schemes.subgrid import Tables
from hydro.schemes.water import Array, Water
from twin.errors import NumericsError
from twin.jit import compiling, on_threads

#: Forcing is looked at again, and probes are read, at least this often, s.
WINDOW_S = 60.0


#: A front in the water at the start lower than this (m) is left to the inertial scheme.
DAM_M = 0.1


#: With "auto" the full equations take over when most of the moving water is held at the Froude limit. Held depths are too
#: great by Fr^(2/3) - 1 (critical over normal depth, equal flow): 13 % at a true Froude number of 1.2, 59 % at 2. Where it
#: is less than half, the deep water that a decision rests on mostly moves below the limit, the full equations cost ten times
#: as much and more, and the share is told, so that who wants them can ask for them.
FAST_SHARE = 0.5

#: The share is looked at LEAST to MOST times a run (but at most every WINDOW_S and LOOK_STEPS), and in long runs more often:
#: after so many steps at the latest, so that a short flood in a long run is seen.
LOOKS_LEAST, LOOKS_MOST, LOOK_STEPS, UNSEEN_STEPS = 20, 60, 5, 50

#: A stage that rises faster than this (m/s) by more than DAM_M sends a front into the water, as a dam that breaks does.
SURGE_M_S = 0.01

#: A larger part of all water (at the start and come in) that is lost or made is an error: rounding stays far below it.
LOST = 1e-3

#: A dry side takes a given flow where its bed lies less than this above its lowest, m; shares are renewed so often, s.
FIRST_WATER_M, SHARES_S = 0.1, 10.0

DAM, SURGE = "dam break at the start", "a stage that stands or rises as a front"


class ArrayRun(NamedTuple):
    """What `simulate_arrays` returns; arrays are (y, x), depths in m, flows per width in m2/s, volumes in m3.

    `volume_in` is what rain, inflows and held levels gave, `volume_out` what left over open sides and into held cells,
    `volume_error` = (stored - in + out) / (water at the start + in). `probe_depth` (time, probe) holds the depths at the
    times `probe_s` (s), `outflow_m3_s` (time,) how fast the water of `volume_out` left between the time before and each of
    them, on the mean (0 at the first): summed over the spans between the times it is `volume_out`. `wall_s` runs from
    checked arrays to final fields, less the time in which kernels were compiled; the first call of a process still loads
    them. `scheme` names the equations that were solved (at the end, where "auto" changed them), `why` says why these.
    `fast_share`, 0..1, is the largest share of the moving water that was held at the Froude limit of the inertial scheme
    when it was looked at (`Inertial.fast_share`; 60 times a run, in long runs every UNSEEN_STEPS steps); NaN where another
    scheme began.
    """

    depth: Array
    max_depth: Array
    flow_x: Array
    flow_y: Array
    steps: int
    volume_in: float
    volume_out: float
    volume_error: float
    wall_s: float
    probe_s: NDArray[np.float64]
    probe_depth: NDArray[np.float64]
    scheme: str
    why: str
    fast_share: float
    outflow_m3_s: NDArray[np.float64]


def simulate_arrays(
    terrain: ArrayLike,
    roughness: ArrayLike,
    rain_m_s: ArrayLike = 0.0,
    rain_s: Numbers = (0.0,),
    *,
    cell_m: float,
    duration_s: float,
    inflows: Sequence[Inflow] = (),
    boundaries: Sequence[Boundary] = (),
    depth: ArrayLike | None = None,
    scheme: str = "auto",
    factor: int = 4,
    dtype: str = "float32",
    threads: int | None = None,
    courant: float | None = None,
    probes: Sequence[tuple[int, int]] = (),
    every_s: float = WINDOW_S,
    tables: Tables | None = None,
) -> ArrayRun:
    """Simulate water on a terrain and return depths, flows and volumes.

    `terrain` (ny, nx) bed level, m; `roughness` Manning n, s m-1/3, a number or (ny, nx) > 0; `rain_m_s[k]`, a number or
    (ny, nx) >= 0, falls from `rain_s[k]` on (none where nothing is said). All series follow one rule: what flows (rain,
    inflows, the flow of a side) holds from its time to the next and is nothing before the first; what stands (the stage of
    a side) runs straight from value to value, the first before its time and the last after it. `depth` the water at the
    start, m; `probes` (row, col) read every `every_s` seconds. Sides are walls unless `boundaries` says otherwise.
    `scheme`: "inertial", "full", "subgrid" (`factor` cells make a side of a coarse one), or "auto": the inertial equations,
    unless the water at the start is a dam about to break (`dam`) or a stage sends in a front (`surge`), and until more than
    FAST_SHARE of the moving water is held at their Froude limit; then the full equations go on from there
    (`hydro.schemes.registry.hand_over`). `tables` keeps what the subgrid scheme makes of the ground for later runs on the
    same ground. Raises ScenarioError for what does not fit or is no number (`hydro.schemes.array_checks`), NumericsError
    with time and cell when the time step collapses or more than LOST of the water is lost or made.
    """
    check_options(
        cell_m=cell_m, duration_s=duration_s, every_s=every_s, courant=courant, factor=factor, threads=threads,
        scheme=scheme, dtype=dtype, courant_most=COURANT_MOST,
    )  # fmt: skip
    z, n, h = check_ground(terrain, roughness, depth)
    rain, rain_s = check_rain(rain_m_s, rain_s, z.shape)
    inflows, boundaries = named("inflows", inflows, Inflow), named("boundaries", boundaries, Boundary)
    check_water(z.shape, inflows, boundaries, probes)
    probes = [(int(row), int(col)) for row, col in probes]
    with on_threads(threads), compiling() as compiled:
        began = time.perf_counter()
        held = [b for b in boundaries if b.kind == "stage"]
        breaks = scheme == "auto" and dam(z, h)
        surges = scheme == "auto" and not breaks and surge(z, h, held)
        chosen = scheme if scheme != "auto" else "full" if breaks or surges else "inertial"
        free = [b.side for b in boundaries if b.kind == "free"]
        water = _opened(
            water_on(z, n, cell_m, scheme=chosen, factor=factor, dtype=dtype, courant=courant, tables=tables), free
        )
        water.fill(h)
        if held:  # what held cells hold is no part of the volume, at the end as at the start
            water.hold(*_held_cells(held, z.shape, 0.0))
        start_volume, at_start = water.volume(), water.booked
        watch = _Watch(chosen, scheme == "auto", duration_s)
        if watch.may_change:
            every_s = min(every_s, max(WINDOW_S, duration_s / LOOKS_LEAST))
        given = [b for b in boundaries if b.kind == "flow"]
        step = min(every_s, 1.0 if held else every_s, SHARES_S if given else every_s)
        edges = _edges(duration_s, step, [rain_s, *(i.times_s for i in inflows), *(b.times_s for b in given)])
        steps, poured, fed = 0, 0.0, None
        books: list[dict[str, float]] = []
        seen, out_m3 = [[float(water.depth()[p]) for p in probes]], [0.0]
        for t0, t1 in pairwise(edges):
            now = (_index(rain_s, t0), *(_index(i.times_s, t0) for i in inflows))
            if now != fed or given:
                fed = now
                rate = _rate(rain, inflows, now, z.shape, cell_m)
                for boundary in given:
                    cells, flow = _side(boundary.side, z.shape), _flow_in(boundary, t0)
                    rate[cells] += flow * _shares(z[cells], n[cells], water.depth()[cells]) / cell_m**2
                water.feed(rate)
                per_second = float(water.source.sum(dtype=np.float64)) * cell_m**2
            if held:
                water.hold(*_held_cells(held, z.shape, t1))
            steps += water.advance(t1 - t0, t0)
            poured += per_second * (t1 - t0)
            seen.append([float(water.depth()[p]) for p in probes])
            out_m3.append(_out([*books, water.booked]) - _out([at_start]))
            if isinstance(water, Inertial) and watch.calls(water, t1, steps):
                books.append(water.booked)
                courant = None if courant is None else min(courant, COURANT_MOST["full"])
                full = _opened(Shallow(z, n, cell_m, dtype=dtype, courant=courant), free)
                hand_over(water, full)
                water, fed = full, None
        books.append(water.booked)
        total = {name: sum(book[name] for book in books) - at_start[name] for name in at_start}
        volume_in = poured + total["out_of_held"]
        volume_out = _out([total])
        gap = water.volume() - start_volume - volume_in + volume_out
        scale = (start_volume + volume_in) or 1.0
        if not abs(gap) <= LOST * scale:
            row, col = (int(k) for k in np.unravel_index(int(np.argmax(water.source)), z.shape))
            raise NumericsError("water_lost", time=f"{duration_s:g} s", row=row, col=col, share=gap / scale)
        flow_x, flow_y = water.flow()
        highest = np.maximum(water.highest_depth(), water.depth())  # a level that is held rises between two looks
        wall = time.perf_counter() - began - compiled.seconds
        why = "as asked" if scheme != "auto" else DAM if breaks else SURGE if surges else watch.why
        return ArrayRun(
            water.depth(), highest, flow_x, flow_y, steps, volume_in, volume_out, gap / scale, wall, np.array(edges),
            np.array(seen).reshape(len(edges), len(probes)), water.name, why, watch.fast_share,
            np.append(0.0, np.diff(out_m3) / np.diff(edges)),
        )  # fmt: skip


class _Watch:
    """Looks how much of the moving water the inertial scheme holds at its Froude limit, and calls for the full one."""

    def __init__(self, scheme: str, auto: bool, duration_s: float) -> None:
        self.may_change, self._duration_s = auto and scheme == "inertial", duration_s
        self.fast_share = 0.0 if scheme == "inertial" else np.nan
        self._looked_s, self._looked_steps = 0.0, 0
        self._changed_s: float | None = None

    def calls(self, water: Inertial, t: float, steps: int) -> bool:
        """Look, if it is time, and return whether the full equations must go on from here."""
        since = steps - self._looked_steps
        long = t - self._looked_s >= self._duration_s / LOOKS_MOST or since >= UNSEEN_STEPS
        due = long and since >= LOOK_STEPS
        if not (due or t == self._duration_s):
            return False
        self._looked_s, self._looked_steps = t, steps
        share = water.fast_share()
        self.fast_share = max(self.fast_share, share)
        if not self.may_change or share <= FAST_SHARE or t == self._duration_s:
            return False
        self._changed_s = t
        return True

    @property
    def why(self) -> str:
        """Say why "auto" took the equations it took."""
        held = f"{self.fast_share:.1%} of the moving water at the Froude limit"
        if self._changed_s is None:
            return f"no dam break at the start, at most {held}"
        return f"{held} from {self._changed_s:g} s on"


Opened = TypeVar("Opened", bound=Water)


def _opened(water: Opened, sides: list[str]) -> Opened:
    """Return `water` with these sides free."""
    for side in sides:
        water.open(side)
    return water


def _out(books: Sequence[Mapping[str, float]]) -> float:
    """Return what left over open sides and into held cells, m3."""
    return sum(book["into_held"] + book["over_rim"] for book in books)


def _rate(
    rain: NDArray[np.float64], inflows: list[Inflow], now: tuple[int, ...], shape: tuple[int, int], cell_m: float
) -> NDArray[np.float64]:
    """Return rain and inflows, m/s per cell; `now` says which value of each series holds."""
    rate = np.array(np.broadcast_to(rain[now[0]] if now[0] >= 0 else 0.0, shape))
    for inflow, k in zip(inflows, now[1:], strict=True):
        rate[inflow.row, inflow.col] += (inflow.m3_s[k] if k >= 0 else 0.0) / cell_m**2
    return rate


def dam(z: NDArray[np.float64], h: NDArray[np.float64]) -> bool:
    """Return whether the water at the start stands as a dam that will break.

    It does where, between two neighbour cells, the level falls by more than DAM_M and by more than a tenth of the depth in
    which it flows over the higher bed.
    """
    for axis in (0, 1):
        low = np.moveaxis(z, axis, 0), np.moveaxis(h, axis, 0)
        z0, z1, h0, h1 = low[0][:-1], low[0][1:], low[1][:-1], low[1][1:]
        flow_depth = np.maximum(z0 + h0, z1 + h1) - np.maximum(z0, z1)
        fall = np.abs(np.where(h0 > 0, z0 + h0, z0) - np.where(h1 > 0, z1 + h1, z1))
        if ((flow_depth > DAM_M) & (np.minimum(fall, flow_depth) > np.maximum(DAM_M, 0.1 * flow_depth))).any():
            return True
    return False


def surge(z: NDArray[np.float64], h: NDArray[np.float64], held: list[Boundary]) -> bool:
    """Return whether a stage sends in a front: at the start it stands as a dam (`dam`), or it rises by more than DAM_M at once."""
    for boundary in held:
        rise, span = np.diff(np.asarray(boundary.values, float)), np.diff(np.asarray(boundary.times_s, float))
        if ((rise > DAM_M) & (rise > SURGE_M_S * span)).any():
            return True
    if not held:
        return False
    rows, cols, levels = _held_cells(held, z.shape, 0.0)
    filled = h.copy()
    filled[rows, cols] = np.maximum(np.array(levels) - z[rows, cols], 0.0)
    return dam(z, filled)


def _edges(duration_s: float, step: float, series: list[Numbers]) -> list[float]:
    """Return the times between which no forcing changes, at most `step` apart; a moving stage is followed every second."""
    return sorted(
        {0.0, duration_s, *(float(t) for times in series for t in times if 0 < t < duration_s)}
        | {float(t) for t in np.arange(0.0, duration_s, step)}
    )


def _side(side: str, shape: tuple[int, int]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows and columns of the cells along a side."""
    ny, nx = shape
    along = np.arange(ny if side in ("west", "east") else nx)
    fixed = np.full(len(along), {"west": 0, "north": 0, "east": nx - 1, "south": ny - 1}[side])
    return (along, fixed) if side in ("west", "east") else (fixed, along)


def _held_cells(held: list[Boundary], shape: tuple[int, int], t: float) -> tuple[list[int], list[int], list[float]]:
    """Return rows, columns and levels of the cells that stage boundaries hold at time `t`."""
    cells = {
        cell: float(np.interp(t, b.times_s, b.values))
        for b in held
        for cell in zip(*(part.tolist() for part in _side(b.side, shape)), strict=True)
    }
    return [i for i, _ in cells], [j for _, j in cells], list(cells.values())


def _flow_in(boundary: Boundary, t: float) -> float:
    """Return the discharge of a flow boundary at `t`, m3/s; nothing before its first time."""
    k = _index(boundary.times_s, t)
    return float(boundary.values[k]) if k >= 0 else 0.0


def _shares(z: Array, n: Array, h: Array) -> NDArray[np.float64]:
    """Return which part of a given flow enters through each cell: in proportion to conveyance, h^(5/3) / n.

    Water counts as standing at least FIRST_WATER_M over the lowest bed, so a dry side takes the flow where it is lowest.
    """
    depth = np.maximum(h.astype(np.float64), z.min() + FIRST_WATER_M - z)
    conveyance = np.maximum(depth, 0.0) ** (5.0 / 3.0) / n
    return np.asarray(conveyance / conveyance.sum())


def _index(times: Numbers, t: float) -> int:
    """Return which value of a series holds at `t`, -1 before the first."""
    return int(np.searchsorted(np.asarray(times, dtype=float), t + 1e-9, side="right")) - 1
