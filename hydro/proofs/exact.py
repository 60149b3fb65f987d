"""Surface flow against exact solutions and exact properties."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hydro.arrays import simulate_arrays
from hydro.proofs.solutions import Bowl, Solution, ritter, stoker
from hydro.schemes.boundaries import Boundary, Inflow
from hydro.schemes.registry import SCHEMES
from hydro.schemes.shallow import Shallow
from twin.proof import Reference, one_and_many

Array = NDArray[np.floating]


def hills(ny: int = 48, nx: int = 60, seed: int = 3) -> Array:
    """Return a smooth rough terrain, m."""
    rng = np.random.default_rng(seed)
    yy, xx = np.meshgrid(np.linspace(0, 1, ny), np.linspace(0, 1, nx), indexing="ij")
    waves = [
        a * np.sin(2 * np.pi * (k * xx + p)) * np.cos(2 * np.pi * (m * yy + q))
        for a, k, m, p, q in rng.uniform(0.2, 3.0, (6, 5))
    ]
    return np.asarray(3.0 + 0.4 * np.sum(waves, axis=0))


@cache
def lake_at_rest(_: Reference) -> dict[str, float]:
    """Return, by scheme, the largest flow (m2/s) after 10 min on still water over hills with dry islands."""
    z = hills()
    lake = np.maximum(float(np.median(z)) - z, 0.0)
    found = {}
    for scheme in SCHEMES:
        run = simulate_arrays(
            z, 0.03, [0.0], [0.0], cell_m=5.0, duration_s=600.0, depth=lake, dtype="float64", scheme=scheme
        )
        found[scheme] = float(max(np.abs(run.flow_x).max(), np.abs(run.flow_y).max()))
    return found


@cache
def mass(_: Reference) -> dict[str, float]:
    """Return, by scheme, the relative volume error of a storm with an inflow and an open side on hills, float64."""
    return {
        scheme: abs(
            simulate_arrays(
                hills(), 0.03, [60 / 3.6e6, 0.0], [0.0, 1200.0], cell_m=5.0, duration_s=2400.0,
                inflows=[Inflow(10, 10, [0.0, 900.0], [0.8, 0.0])], boundaries=[Boundary("east", "free")],
                dtype="float64", scheme=scheme,
            ).volume_error
        )
        for scheme in SCHEMES
    }  # fmt: skip


@cache
def threads(_: Reference) -> dict[str, float]:
    """Return, by scheme, the largest difference (m) between one thread and all, float64.

    The grids are large enough to use them: the subgrid scheme forks from 20 000 coarse cells on.
    """
    found = {}
    for scheme in SCHEMES:
        shape, duration = ((1300, 1300), 60.0) if scheme == "subgrid" else ((200, 240), 300.0)
        one, many = (
            simulate_arrays(
                hills(*shape), 0.03, [60 / 3.6e6], [0.0], cell_m=5.0, duration_s=duration, threads=n, dtype="float64",
                scheme=scheme,
            ).depth
            for n in one_and_many()
        )  # fmt: skip
        found[scheme] = float(np.abs(one - many).max())
    return found


def dam_break(exact: Callable[[Array, float], Solution], cells: int, scheme: str = "full") -> float:
    """Return the mean absolute depth error after 6 s of a dam break in the middle of 200 m, in parts of the depth behind it.

    `exact(x, t)` is the solution; the bed is flat and all but frictionless.
    """
    cell, t = 200.0 / cells, 6.0
    x = (np.arange(cells) + 0.5) * cell - 100.0
    depth = np.broadcast_to(exact(x, 1e-9).h, (3, cells))
    run = simulate_arrays(
        np.zeros((3, cells)), 1e-6, [0.0], [0.0], cell_m=cell, duration_s=t, depth=depth, dtype="float64", scheme=scheme
    )
    return float(np.abs(run.depth[1] - exact(x, t).h).mean() / depth.max())


def dry_dam(x: Array, t: float) -> Solution:
    """2 m of water beside dry ground."""
    return ritter(x, t, 2.0)


def wet_dam(x: Array, t: float) -> Solution:
    """2 m of water beside 0.2 m."""
    return stoker(x, t, 2.0, 0.2)


@cache
def dams(_: Reference) -> dict[str, float]:
    """Return the errors of both dam breaks by the full scheme at 400 cells, their observed orders, and the inertial errors."""
    found: dict[str, float] = {}
    for name, exact in (("ritter", dry_dam), ("stoker", wet_dam)):
        fine, coarse = dam_break(exact, 400), dam_break(exact, 100)
        found |= {name: fine, f"{name}_order": float(np.log(coarse / fine) / np.log(4.0))}
        found[f"{name}_inertial"] = dam_break(exact, 400, "inertial")
    return found


def bowl_error(cells: int, scheme: str) -> float:
    """Return the mean absolute depth error after one turn of Thacker's bowl of 4 m width, in parts of the depth at its centre."""
    bowl, cell = Bowl(), 4.0 / cells
    x = (np.arange(cells) + 0.5) * cell - 2.0
    xx, yy = np.meshgrid(x, x)
    start = bowl.water(xx, yy, 0.0)
    water = SCHEMES[scheme](bowl.bed(xx, yy), 1e-6, cell, dtype="float64")
    water.fill(start.h)
    if isinstance(water, Shallow):
        water.u[:], water.v[:] = start.u, start.v
    else:
        qx, qy = np.zeros((cells, cells + 1)), np.zeros((cells + 1, cells))
        qx[:, 1:-1] = 0.5 * (start.h * start.u)[:, 1:] + 0.5 * (start.h * start.u)[:, :-1]
        qy[1:-1] = 0.5 * (start.h * start.v)[1:] + 0.5 * (start.h * start.v)[:-1]
        water.restore(water.arrays() | {"qx": qx, "qy": qy})
    water.advance(bowl.period)
    return float(np.abs(water.depth() - start.h).mean() / bowl.depth)


@cache
def thacker(_: Reference) -> dict[str, float]:
    """Return the errors of the turning surface after one period and the full scheme's observed order from 50 to 200 cells."""
    coarse, middle, fine = (bowl_error(n, "full") for n in (50, 100, 200))
    return {
        "error": fine, "order": float(np.log(coarse / fine) / np.log(4.0)),
        "last_order": float(np.log2(middle / fine)), "inertial": bowl_error(100, "inertial"),
    }  # fmt: skip


def macdonald_level(reference: Reference, name: str, inflow: float, rain: float, scheme: str) -> float:
    """Return the mean absolute level error (m) of MacDonald's steady channel; `inflow` in m2/s, `rain` in m/s.

    The outlet is the normal-flow one of the specification: beside a held depth the flow, at Froude 0.98, meets the
    inertial scheme's limit.
    """
    channel = pd.read_csv(reference.folder("hydro/macdonald_channel") / name)
    z = np.repeat(channel["topo"].to_numpy()[None, :], 3, axis=0)
    level = channel["wse"].to_numpy()
    run = simulate_arrays(
        z, 0.033, [rain], [0.0], cell_m=5.0, duration_s=1800.0,
        inflows=[Inflow(i, 0, [0.0], [inflow * 5.0]) for i in range(3)],
        boundaries=[Boundary("east", "free")], dtype="float64", scheme=scheme,
    )  # fmt: skip
    return float(np.abs(z[1] + run.depth[1] - level).mean())


@cache
def macdonald(reference: Reference) -> dict[str, float]:
    """Return the level errors without and with rain, by scheme."""
    found = {}
    for scheme in ("inertial", "full"):
        found[scheme] = macdonald_level(reference, "mcdo_norain.csv", 2.0, 0.0, scheme)
        found[f"rain_{scheme}"] = macdonald_level(reference, "mcdo_rain.csv", 1.0, 0.001, scheme)
    return found
