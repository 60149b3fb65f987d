"""Cases of the crush (E1 to E15 of the data's verification cases) that are known by arithmetic."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import shapely
import shapely.affinity
from numpy.typing import NDArray

from evacuation.crowd.kernels.arrays import MOST_WALLS, GateState, Order, Plans, Pushed
from evacuation.crowd.kernels.decide import MOST_PAIRS, decide
from evacuation.crowd.kernels.order import sort_by_cell
from evacuation.crowd.kernels.press import compression_rate, press
from evacuation.crowd.people.law import DECISION_S, Pressing
from evacuation.crowd.people.walkers import People, Walkers
from evacuation.crowd.proofs.worlds import CRS, SECOND, disc, emptied, filled, line, room
from evacuation.crowd.risk.density import Density, Ground, over
from evacuation.crowd.risk.measures import grid_density, line_load, pressure, sway, voronoi_density
from evacuation.crowd.venue.gates import Gates
from evacuation.crowd.venue.ways import Finder
from twin.grid import Grid
from twin.proof import Reference

#: Spacing of the lattice of cases E1 and E2, m.
APART_M = 0.5


def _lattice(side: float) -> NDArray[np.float64]:
    steps = np.arange(APART_M / 2, side, APART_M)
    return np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)


def density_fields(_: Reference) -> dict[str, float]:
    """Return the errors of the three densities on a lattice of 4 persons/m2: Gaussian and Voronoi over 4, grid in persons/m2."""
    at = _lattice(20.0)
    grid = Grid(CRS, 0.0, 20.0, 0.5, 40, 40)
    field = Density(grid, Ground(np.ones((40, 40), bool), 0.5)).of(at[:, 0], at[:, 1])
    middle = shapely.box(8.0, 8.0, 12.0, 12.0)
    counted = [
        grid_density(at, shapely.box(x, y, x + 2.0, y + 2.0))
        for x in np.arange(8, 9, 0.13)
        for y in np.arange(8, 9, 0.13)
    ]
    return {
        "gaussian": float(np.abs(field[12:28, 12:28] / 4.0 - 1.0).max()),
        "voronoi": abs(voronoi_density(at, shapely.box(0, 0, 20, 20), middle) / 4.0 - 1.0),
        "grid": float(np.abs(np.array(counted) - 4.0).max()),
    }


def density_at_walls(_: Reference) -> dict[str, float]:
    """Return the largest errors of the density of people who fill narrow corridors from wall to wall: of the mean, and of any cell; and
    that before a barrier.

    People stand on a lattice of 0.05 m, so that only walls can be the cause; 3 m at both ends are left out.
    """
    apart, length, mean, cell = 0.05, 12.0, 0.0, 0.0
    for width in (0.8, 1.3, 3.2):
        for turn in (0.0, 20.0, 45.0):
            straight = (shapely.box(0, 0, length, width), line((length, 0.05), (length, width - 0.05)))
            outline, gate = (shapely.affinity.rotate(shape, turn, origin=(0, 0)) for shape in straight)
            plan = room(outline, [gate], outline.buffer(-0.25))
            density = over(Finder(plan), 0.5)
            at = np.stack(np.meshgrid(np.arange(apart / 2, length, apart), np.arange(apart / 2, width, apart)), -1)
            filled_up = shapely.affinity.rotate(shapely.multipoints(at.reshape(-1, 2)), turn, origin=(0, 0))
            x, w = plan.local(shapely.get_coordinates(filled_up)).T
            middle = shapely.affinity.rotate(shapely.box(3, 0, length - 3, width), turn, origin=(0, 0))
            there = shapely.contains_xy(middle, *np.meshgrid(density.grid.x, density.grid.y))
            off = density.of(x.copy(), w.copy())[there] * apart**2 - 1.0
            mean, cell = max(mean, abs(float(off.mean()))), max(cell, float(np.abs(off).max()))
    return {"mean": mean, "cell": cell, "barrier": _before_a_barrier(apart)}


def _before_a_barrier(apart: float) -> float:
    """Return the largest error of the density of people who fill the ground on one side of a barrier, behind which nobody is."""
    side, y = 12.0, 6.1
    outline, front = shapely.box(0, 0, side, side), ("front", "barrier", line((0, y), (side, y)))
    plan = room(outline, [line((side, 8), (side, 10)), line((0, 2), (0, 4))], shapely.box(1, 7, 11, 11), front)
    density = over(Finder(plan), 0.5)
    at = np.stack(np.meshgrid(np.arange(apart / 2, side, apart), np.arange(y + apart / 2, side, apart)), axis=-1)
    x, w = plan.local(at.reshape(-1, 2)).T
    there = shapely.contains_xy(shapely.box(0, y, side, side), *np.meshgrid(density.grid.x, density.grid.y))
    found = density.of(x, w) * apart**2
    return float(max(np.abs(found[there] - 1.0).max(), found[~there & density.open].max() - 1.0))


@cache
def pressures(_: Reference) -> dict[str, float]:
    """Return the errors of the pressure: drawn velocities of 0.05 m/s, a crowd that only shifts or stands, one that turns.

    `curl`: that of the crowd that turns, by the same weights, against twice its angular speed. The model tells no curl: this shows that
    the crowd of the case turns as its text says.
    """
    at = _lattice(40.0)
    rng = np.random.default_rng(7)
    where = _lattice(40.0)[(np.abs(_lattice(40.0) - 20.0) < 15.0).all(axis=1)]
    drawn = pressure(at, rng.normal(0.0, 0.05, at.shape), where, 1.0)
    shift = pressure(at, np.full(at.shape, 0.7), where, 1.0)
    turn = 0.3
    around = at - 20.0
    turned = turn * np.column_stack([-around[:, 1], around[:, 0]])
    turning = pressure(at, turned, np.array([[20.0, 20.0]]), 1.0)
    # the local weighted variance of about a dozen people is less than that of all by the share of one
    share = 1.0 - 1.0 / (2.0 * np.pi * 4.0)
    return {
        "drawn": abs(float(drawn.mean()) / (4.0 * 2.0 * 0.05**2 * share) - 1.0),
        "shift": float(shift.max()),
        "turning": abs(float(turning[0]) / (4.0 * turn**2) - 1.0),
        "curl": max(abs(_curl(at, turned, place, 1.0) / (2.0 * turn) - 1.0) for place in where[::37]),
    }


def _curl(at: NDArray[np.float64], v: NDArray[np.float64], place: NDArray[np.float64], width: float) -> float:
    """Return the curl of velocities v (n, 2) at a place, 1/s: of the plane fitted to them with the weights exp(-d2 / width2)."""
    off = at - place
    root = np.exp(-0.5 * (off**2).sum(axis=1) / width**2)[:, None]
    plane = np.linalg.lstsq(root * np.column_stack([np.ones(len(off)), off]), root * v)[0]
    return float(plane[1, 1] - plane[2, 0])


@cache
def barrier(_: Reference) -> dict[str, float]:
    """Return the line load of ten files of four who push 100 N each on a barrier of 2 m, N/m, and its error.

    Contact alone: no friction, and nobody turns aside.
    """
    depth, push, length = 10, 100.0, 8.0
    outline = shapely.box(0, 0, length, 2.0)
    gate = line((length, 0.0), (length, 2.0))
    back = line((0.0, 0.7), (0.0, 1.3))  # shut; so narrow that ways are found on cells of 0.15 m
    plan = room(outline, [gate, back], shapely.box(0.3, 0.3, 2.5, 1.7))
    walkers = filled(plan, 1, pressing=Pressing(queue_push_n=push))
    walkers._law = walkers._law._replace(friction=0.0, wall_coulomb=0.0, repulsion=0.0)
    files = np.stack(np.meshgrid(length - 0.24 - 0.4799 * np.arange(depth), 0.25 + 0.5 * np.arange(4)), axis=-1)
    ids = np.arange(4 * depth)
    walkers.people = People.standing(
        plan.local(files.reshape(-1, 2)),
        **disc(np.full(len(ids), 0.24)), free=np.full(len(ids), 2.0), group=np.zeros(len(ids)), leaves=np.zeros(len(ids)), number=ids,
    )  # fmt: skip
    both = np.zeros(2, np.int8)
    walkers.set_gates(Gates(np.array([False, True]), both, np.array([0.0, np.inf]), both + 1))
    walkers.tokens[:] = 0.0
    for second in range(20):
        walkers.walk(float(second), SECOND)
    at = np.column_stack(plan.at(walkers.people.x, walkers.people.w))
    found = line_load(gate, at, walkers.people.broad)
    return {"load": found, "error": abs(found / (4 * depth * push / 2.0) - 1.0)}


def compression(_: Reference) -> dict[str, float]:
    """Return the time to a fatal dose under 1112 N and 6227 N, s, and the dose of 623 N after 600 s."""
    return {
        "1112": 1.0 / compression_rate(1112.0),
        "6227": 1.0 / compression_rate(6227.0),
        "623": 600.0 * compression_rate(623.0),
    }


def oscillation(_: Reference) -> dict[str, float]:
    """Return the error of the period of a sway of 18 s and 0.1 m/s, noise as large, seen for two periods, and false finds."""
    rng, step = np.random.default_rng(7), 0.1
    t = np.arange(0, 36.0, step)
    errors = []
    for _trial in range(50):
        found = sway(0.1 * np.sin(2 * np.pi * t / 18.0 + rng.uniform(0, 6)) + rng.normal(0, 0.1, len(t)), step)
        errors.append(abs(found / 18.0 - 1.0) if np.isfinite(found) else 1.0)
    gait = [np.isfinite(sway(0.1 * np.sin(np.pi * t + k) + rng.normal(0, 0.1, len(t)), step)) for k in range(200)]
    return {
        "error": float(np.median(errors)),
        "worst": max(errors),
        "missed": float(np.mean(np.array(errors) == 1.0)),
        "false": float(np.mean(gait)),
    }


@cache
def square(_: Reference) -> dict[str, float]:
    """Return how 20,000 people leave a square (case E13, which says nothing of how wide its exits are: 12 m here)."""
    return left_by_four_exits(20_000, 12.0, 60)


def left_by_four_exits(persons: int, wide_m: float, shut_s: int) -> dict[str, float]:
    """Return how people at 1 per m2 leave a square by four exits of a width, the first of them shut after `shut_s`.

    `lost`: most people missing at any second; `inside`: who has not left after ten minutes; `shares`: sum of the exits' shares, from 1;
    `time`: until the last has left, s.
    """
    side = float(np.sqrt(persons))
    outline = shapely.box(0, 0, side, side)
    low, high = (side - wide_m) / 2, (side + wide_m) / 2
    gates = [
        line((low, 0), (high, 0)), line((side, low), (side, high)), line((low, side), (high, side)), line((0, low), (0, high)),
    ]  # fmt: skip
    walkers = filled(room(outline, gates, outline), persons)
    lost = 0.0

    def each(second: int) -> None:
        nonlocal lost
        lost = max(lost, abs(float(persons) - walkers.people.count - walkers.left))
        if second == shut_s:
            open_ = np.zeros(4, np.int8)
            inner = np.array([gate.inner for gate in walkers.plan.gates], np.int8)
            walkers.set_gates(Gates(np.array([True, False, False, False]), open_, np.full(4, np.inf), inner))

    time = emptied(walkers, 600, each)
    shares = walkers.left_by_gate / persons
    return {"lost": lost, "inside": float(walkers.people.count), "shares": abs(float(shares.sum()) - 1.0), "time": time}


def restart(_: Reference) -> float:
    """Return the largest difference in place, velocity and load between a walk of ten seconds and the same in two parts."""
    outline = shapely.box(0, 0, 12, 10)
    plan = room(outline, [line((12, 4.4), (12, 5.6))], outline)
    one, first = filled(plan, 400), filled(plan, 400)
    for second in range(10):
        one.walk(float(second), SECOND)
    for second in range(6):
        first.walk(float(second), SECOND)
    kept = first.record()
    second_part = Walkers(plan, first.finder, Pressing(), People.of(kept), kept)
    gate = np.zeros(1, np.int8)
    second_part.set_gates(Gates(np.array([False]), gate, np.array([np.inf]), np.array([plan.gates[0].inner], np.int8)))
    for second in range(6, 10):
        second_part.walk(float(second), SECOND)
    a, b = one.record(), second_part.record()
    return max(float(np.abs(a[f"people_{n}"] - b[f"people_{n}"]).max()) for n in ("x", "w", "vx", "vw", "load"))


@cache
def push_row(reference: Reference) -> dict[str, float]:
    """Return how five people in a row, of whom the last is pushed as measured, move: order of onset, onset and peak against the heads.

    Bodies are as deep as the origin's (the middle disc), every mass is the model's own, and the force is taken a kilogram. Heads are
    not trunks, and nobody of the model takes a step to keep his balance.
    """
    folder = reference.folder("crowd") / "push_row"
    force = np.loadtxt(folder / "free_external_force_per_mass.txt", skiprows=1)
    targets = pd.read_csv(folder / "targets.csv").set_index("id")
    ahead = np.array([0.0, 0.358, 0.676, 1.007, 1.437])
    radius = np.array([0.123, 0.153, 0.135, 0.1125, 0.1375])
    outline = shapely.box(0, 0, 8, 3)
    plan = room(outline, [line((8, 1), (8, 2))], shapely.box(0.3, 0.3, 7, 2.7))
    step = 0.002
    walkers = filled(plan, 1, pressing=Pressing(step_s=step))
    ids = np.arange(5)
    at = plan.local(np.column_stack([2.0 + ahead, np.full(5, 1.5)]))
    people = People.standing(
        at, **disc(radius), free=np.ones(5), group=np.zeros(5), leaves=np.full(5, np.inf), number=ids
    )
    moved = _pushed(walkers, people, force, step, 2.5)
    off = moved - moved[0]
    onset = np.array([float(np.argmax(off[:, k] > 0.03) * step) if (off[:, k] > 0.03).any() else np.inf for k in ids])
    peak = off.max(axis=0)
    return {
        "order": float((np.diff(onset) < 0).sum()),
        "onset": float(np.abs(onset - targets["t_3cm_s"].values).max()),
        "peak": float(np.abs(peak / targets["peak_forward_m"].values - 1.0).max()),
        "mean_peak": float(peak.mean()),
    }


def _pushed(
    walkers: Walkers, people: People, force: NDArray[np.float64], step: float, seconds: float
) -> NDArray[np.float64]:
    """Return the place along the row (time, person) of people of whom the first is pushed by a force a kilogram (t, N/kg)."""
    floor, law, n = walkers._floor, Pressing(step_s=step).law, people.count
    start = np.empty(floor.rows * floor.columns + 1, np.int32)
    whole, real = [np.empty(n, np.int32) for _ in range(4)], [np.empty(n) for _ in range(9)]
    order = Order._make([*whole, np.empty(max(floor.rows, floor.columns) + 1, np.int32)])
    plans = Plans._make([*real, np.empty(n, np.int32), np.empty((n, MOST_PAIRS), np.int32), np.empty(n, np.int32)])
    walls = np.empty((n, MOST_WALLS, 3))
    pushed = Pushed(np.empty(n), np.empty(n), np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n), walls)
    gates = GateState(np.ones(1, bool), np.zeros(1, bool), np.zeros(1, np.int8), np.zeros(1), np.zeros(0, np.int64))
    now, after, seen = people, people.room(), []
    for k in range(round(seconds / step)):
        if k % round(DECISION_S / step) == 0:
            sort_by_cell(after, start, order, now, n, floor)
            now, after = after, now
            decide(plans, np.zeros(0), n, start, now, k * step, floor, gates, walkers._way, law)
        now.vx[now.number == 0] += step * np.interp(k * step, force[:, 0], force[:, 1], right=0.0)
        press(now, pushed, n, plans, floor, gates, law, 1)
        seen.append(now.x[np.argsort(now.number)].copy())
    return np.array(seen)
