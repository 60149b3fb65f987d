"""Benchmarks of the release. Wall clocks run from arrays in memory to final fields; compilation is done before."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any
from unittest.mock import patch

import numpy as np
import shapely

import scenarios as sc
from benchmarks.peer import run_slabx
from evacuation.release.buildings.momentum import steady_wind
from evacuation.release.buildings.near_source import CELL_M as NEAR_CELL_M
from evacuation.release.buildings.near_source import HALF_M, LAYER_M, TOP_ROOFS
from evacuation.release.buildings.shelf import Shelf
from evacuation.release.buildings.wind import Box, Wind, layers, log_law, wind_around
from evacuation.release.cloud import Cloud, Emission
from evacuation.release.dilution import PASSIVE
from evacuation.release.kernels import pieces
from evacuation.release.kernels.equilibrium import GAS
from evacuation.release.locate.posterior import locate
from evacuation.release.locate.readings import Readings, friction
from evacuation.release.proofs.slab import STABLE
from evacuation.release.proofs.worlds import CRS, town, wind
from evacuation.release.release import TOLERANCE, Release
from evacuation.release.slab.ambient import blown, inv_l_of
from evacuation.release.slab.sources import EvaporatingPool, Fluid
from evacuation.release.slab.spread import spread
from evacuation.release.streets.facades import Facades
from evacuation.release.streets.street_form import StreetForm
from evacuation.release.substances import substance
from evacuation.release.toxicity import limits_of
from evacuation.release.weather import TILE_M, air_of, roughness
from twin.city import City
from twin.clock import Clock
from twin.grid import Grid
from twin.jit import on_threads, start_threads
from twin.landcover import surface_of
from twin.streams import stream

Row = dict[str, Any]

SIDE_M, CELL_M = 6000.0, 20.0
PUFFS, RECEPTORS, ROUNDS = 400, 300, 20
DETECTORS, MINUTES, RING_M, KG_S = 7, 60, 80.0, 0.02


def plain() -> City:
    """Return a plain of 6 km by 6 km with the town's houses and its tank."""
    small = town()
    count = round(SIDE_M / CELL_M)
    grid = Grid(CRS, small.grid.west, small.grid.north, CELL_M, count, count)
    ground = surface_of(np.full(grid.shape, 20.0), np.full(grid.shape, 3), grid.y, grid.x)
    whole = small.blocks.iloc[:1].set_geometry([shapely.box(*grid.bounds)], crs=CRS)
    return replace(small, grid=grid, surface=ground, blocks=whole)


def event(members: int, output_s: float) -> Callable[[], float]:
    """Return a job of an hour after a leak of chlorine, compiled and warm, that returns its wall seconds."""
    city, clock = plain(), Clock(datetime(2026, 6, 20, 18, 0, tzinfo=timezone(timedelta(hours=8))), 3600.0, output_s)
    drivers = wind(clock, {0.0: (2.0, 0.3), 1200.0: (2.2, -0.4), 2400.0: (1.8, 0.2)})
    model = Release(substance="chlorine", site="works/T1", mass_kg=2000.0, wind_members=members)
    model.simulate(city, drivers, clock.first(output_s * 10), (), stream(7, "release"))

    def run() -> float:
        began = time.perf_counter()
        model.simulate(city, drivers, clock, (), stream(7, "release"))
        return time.perf_counter() - began

    return run


def first_answer() -> Row:
    """Time a new event in a warm process: 6 km by 6 km at 20 m, one hour, fields each minute, the mean wind."""
    run = event(0, 60.0)
    walls = [run() for _ in range(3)]
    return {
        "metric": "an hour, 300 x 300 cells, 1-min fields",
        "value": min(walls),
        "unit": "s",
        "target": ("value", "<=", 1.0),
    }


def ensemble() -> Row:
    """Time the same hour with 64 wind members and their probabilities, fields each five minutes."""
    return {
        "metric": "an hour, 64 wind members",
        "value": event(64, 300.0)(),
        "unit": "s",
        "target": ("value", "<=", 40.0),
    }


def plume_pieces(count: int) -> np.ndarray:
    """Return the pieces of a plume across the plain, each as wide as its distance asks for."""
    table = np.zeros((count, pieces.COLUMNS))
    far = np.linspace(200.0, 5800.0, count)
    wide = 5.0 + 0.08 * far**0.9
    columns = {pieces.X0: far, pieces.AX: np.cos(0.3), pieces.AY: np.sin(0.3), pieces.LENGTH: 14.0, pieces.MASS: 1.0}
    columns |= {pieces.Y0: 3000.0, pieces.S0: wide, pieces.S1: 1.01 * wide, pieces.F0: wide / 2, pieces.F1: wide / 2}
    for column, values in columns.items():
        table[:, column] = values
    return table


def puffs() -> Row:
    """Time the kernel that adds 400 pieces of a plume to 300 by 300 cells."""
    start_threads()
    table = plume_pieces(PUFFS)
    c, starts = np.zeros((1, RECEPTORS, RECEPTORS)), np.array([0, PUFFS])
    walls = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        pieces.onto_cells(c, table, starts, 0.0, 6000.0, 20.0)
        walls.append(time.perf_counter() - began)
    return {
        "metric": "400 pieces on 300 x 300 cells, a step",
        "value": 1000.0 * float(np.median(walls[1:])),
        "unit": "ms",
    }


def street(every: bool) -> Row:
    """Time a step of 20 s of the street form in Linjiang under an hour's plume; with `every` road a canyon of 20 m by 12 m."""
    start_threads()
    city = sc.open_city("linjiang")
    grid, limits = city.grid.at_cell_size(CELL_M), limits_of(substance("chlorine"))
    clock = Clock(datetime(2026, 6, 20, 18, 0, tzinfo=timezone(timedelta(hours=8))), 3600.0, 600.0)
    facades = None
    if every:
        roads = len(city.roads)
        facades = Facades(np.full(roads, 20.0), np.full(roads, 12.0), np.ones((roads, 2)))
    form, cloud = StreetForm(city, grid, limits, 0.0, clock, 60.0, TOLERANCE, None, facades), Cloud()
    air = air_of(3.0, (0.8, 0.6), 0.0, 293.15, roughness(city), grid.west, grid.north, TILE_M, 30.0)
    middle = form.boxes.network.box_x[0], form.boxes.network.box_y[0]
    let = [Emission(0, *middle, 1.0, 0.0, PASSIVE, 1.2, 1.0, 1.0)]
    c, walls = np.zeros((1, *grid.shape)), []
    for k in range(180):
        cloud.step(let, 20.0, 8, 8 * k, air, 20.0 * k)
        cloud.onto(grid, air, c)
        began = time.perf_counter()
        form.step(cloud, air, let, 20.0, c[0])
        walls.append(time.perf_counter() - began)
    net = form.boxes.network
    target: Row = {} if every else {"target": ("value", "<=", 0.005)}
    return target | {
        "metric": f"a step of 20 s, {'every road' if every else 'roads between facades'} a canyon",
        "value": float(np.median(walls[1:])),
        "unit": "s",
        "detail": f"{len(city.roads)} roads, {len(net.road)} canyons, {len(net.box_x)} boxes; slowest {max(walls[1:]):.4f} s",
    }


def scaling() -> Row:
    """Hold what a piece costs a cell against the least: with 8 times the pieces, with a quarter and with 4 times the cells.

    CPU time on one thread, the least of rounds in turn; what waking the others costs a small grid stands beside it, as wall time on
    all threads.
    """
    threads = start_threads()
    cases = ((PUFFS, RECEPTORS), (8 * PUFFS, RECEPTORS), (PUFFS, RECEPTORS // 2), (PUFFS, 2 * RECEPTORS))
    jobs = [
        (plume_pieces(count), np.zeros((1, cells, cells)), np.array([0, count]), SIDE_M / cells)
        for count, cells in cases
    ]
    per = 1e9 / np.array([count * cells**2 for count, cells in cases])

    def least(clock: Callable[[], float], used: int) -> Any:
        took = np.empty((ROUNDS, len(jobs)))
        with on_threads(used):
            for k in range(ROUNDS):
                for n, (table, c, starts, cell_m) in enumerate(jobs):
                    began = clock()
                    pieces.onto_cells(c, table, starts, 0.0, SIDE_M, cell_m)
                    took[k, n] = clock() - began
        return took[1:].min(axis=0) * per

    cpu, wall = least(time.process_time, 1), least(time.perf_counter, threads)
    told = [
        f"{count} pieces, {cells}^2 cells {own:.4f} ({whole:.4f})"
        for (count, cells), own, whole in zip(cases, cpu, wall, strict=True)
    ]
    on_all = f"wall on {threads}, worst over best {wall.max() / wall.min():.2f}"
    return {
        "metric": "cost of a piece a cell, worst over best",
        "value": float(cpu.max() / cpu.min()),
        "unit": "1",
        "target": ("value", "<=", 1.5),
        "detail": f"CPU ns on one thread ({on_all}): {', '.join(told)}",
    }


#: A spill of LNG like Burro 8 (in the peer's own manual): rate (kg/s), seconds, area (m2), wind (m/s) at 3 m, z0 (m).
SPILL = {"rate": 116.93, "duration": 107.0, "area": 116.93 / 0.167}
SPILL_AT = [50.0, 100.0, 200.0, 400.0, 800.0]


def slab() -> Row:
    """Time the slab model on a spill of LNG beside slabx on the same deck: source to highest shares at five distances."""
    air = {"u_ref": 1.94, "z_ref": 3.0, "T": 290.0, "rh": 50.0, "z0": 2e-4, "stability": "E"}
    gas = {
        "mw": 0.016043, "cp_vapour": 2238.0, "cp_liquid": 3348.5, "dh_vap": 509_900.0, "T_boil": 111.7, "rho_liquid": 424.1
    }  # fmt: skip
    fluid = Fluid(
        0.016043, 2238.0, 3348.5, 424.1, 509_900.0, 111.7, 509_900.0 * 0.016043 / GAS
    )  # Clausius and Clapeyron
    ours = blown(z0=2e-4, temperature=290.0, humidity=0.5, inv_l=inv_l_of(STABLE["E"], 2e-4), wind_m_s=1.94, at_m=3.0)
    pool = EvaporatingPool(fluid, SPILL["rate"], SPILL["duration"], SPILL["area"], 111.7)

    def run() -> tuple[float, Any]:
        began = time.perf_counter()
        shares = spread(pool, ours, 2000.0).highest(np.array(SPILL_AT), 1.0, 10.0)
        return time.perf_counter() - began, shares

    run()
    wall, shares = min((run() for _ in range(5)), key=lambda done: done[0])
    theirs = run_slabx(
        {"gas": gas, "air": air, "pool": SPILL, "reach_m": 2000.0, "z_m": 1.0, "averaged_s": 10.0, "at_m": SPILL_AT, "rounds": 5}
    )  # fmt: skip
    row: Row = {"metric": "a spill of LNG, source to shares of the volume", "value": wall, "unit": "s"}
    if theirs is None:
        return row | {"detail": "slabx is not installed (make peers)"}
    apart = ", ".join(
        f"{x:g} m {100 * a:.2f}/{100 * b:.2f} %" for x, a, b in zip(SPILL_AT, shares, theirs["shares"], strict=True)
    )
    return row | {
        "peer": "slabx 1.0.7",
        "peer_value": theirs["wall_s"],
        "ratio": theirs["wall_s"] / wall,
        "detail": f"ours/theirs: {apart}",
    }


def ring() -> Readings:
    """Return an hour of seven detectors on a ring, a reading a minute, in a wind that turns once, of a source inside the ring."""
    rng = np.random.default_rng(5)
    minute, sensor = (a.ravel() for a in np.meshgrid(np.arange(MINUTES), np.arange(DETECTORS), indexing="ij"))
    angle, to = 2.0 * np.pi * sensor / DETECTORS, 2.0 * np.pi * minute / MINUTES
    at, neutral = RING_M * np.column_stack([np.cos(angle), np.sin(angle)]), np.zeros(len(to))
    blank = Readings(
        sensor=sensor, time_s=60.0 * minute, value=neutral, ends=np.hstack([at, at]), z=np.full(len(to), 1.5), east=np.cos(to),
        north=np.sin(to), speed=np.full(len(to), 3.0), ustar=friction(np.full(len(to), 3.0), 10.0, 0.03, neutral), inv_l=neutral,
        lateral=np.full(len(to), 1.92),
    )  # fmt: skip
    value = KG_S * blank.seen(60.0, -20.0) * np.exp(0.2 * rng.standard_normal(len(to)))
    return replace(blank, value=value + 1e-8 * np.abs(rng.standard_normal(len(to))))


def inversion() -> Row:
    """Time position, rate and wind bias sought from an hour of seven detectors in a box of 200 m; the error is said beside."""
    readings, box = ring(), (-100.0, -100.0, 100.0, 100.0)
    locate(readings, box, np.random.default_rng(3), steps=4, burn=2)
    began = time.perf_counter()
    found = locate(readings, box, np.random.default_rng(3))
    value = time.perf_counter() - began
    off = float(np.hypot(found.place[0] - 60.0, found.place[1] + 20.0))
    return {
        "metric": f"a source from 7 detectors, 420 readings; position {off:.1f} m off, rate {found.rate() / KG_S:.2f} of the true one",
        "value": value,
        "unit": "s",
        "target": ("value", "<=", 30.0),
    }


def detector_to_orders() -> Row:
    """Time the library's unseen leak from readings to plan and report, people's movement and all, in a warm process."""
    with tempfile.TemporaryDirectory() as home, patch.dict(os.environ, {"ANLAN_HOME": home}):
        case = sc.load("unseen-leak")
        sc.run(case.with_changes(hours=1.0), fresh=True)
        began = time.perf_counter()
        sc.run(case, fresh=True)
        value = time.perf_counter() - began
    return {
        "metric": "detector readings to drafted plan and report, two hours, Linjiang",
        "value": value,
        "unit": "s",
        "target": ("value", "<=", 60.0),
    }


def houses(count: int, side: int) -> np.ndarray:
    """Return the roofs (m) of so many houses and towers on side x side cells of 5 m, clear of the rim."""
    rng = stream(7, "benchmark-roofs")
    roof = np.zeros((side, side))
    for _ in range(count):
        (row, col), (deep, wide) = rng.integers(15, side - 25, 2), rng.integers(2, 10, 2)
        roof[row : row + deep, col : col + wide] = 5.0 * rng.integers(1, 12)
    return roof


def buildings_wind() -> Row:
    """Time the wind around 400 houses and towers on 300 x 300 x 30 cells, one sector: first guess and balance of mass to 1e-6."""
    roof = houses(400, 300)
    box = Box(0.0, 0.0, 5.0, layers(5.0, 150.0, 150.0))
    wind_around(roof[:40, :40], box, log_law(5.0, 10.0, 0.1), 270.0)
    walls = []
    for from_deg in (270.0, 225.0, 10.0):
        began = time.perf_counter()
        found = wind_around(roof, box, log_law(5.0, 10.0, 0.1), from_deg)
        walls.append(time.perf_counter() - began)
    return {
        "metric": "mass-consistent wind, 300 x 300 x 30 cells, a sector (median of three)",
        "value": float(np.median(walls)),
        "unit": "s",
        "target": ("value", "<=", 10.0),
        "detail": f"read again from disk {read_again(found, roof):.2f} s (median of five)",
    }


def read_again(found: Wind, roof: np.ndarray) -> float:
    """Return the wall of a wind that is kept on disk, from its question to its arrays, s."""
    walls = []
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, {"ANLAN_WIND_CACHE": folder}):
        shelf = Shelf(lambda *_: found, "bench")
        shelf(roof, found.box, log_law(5.0, 10.0, 0.1), 10.0)
        for _ in range(5):
            began = time.perf_counter()
            kept = Shelf(wind_around, "bench")(roof, found.box, log_law(5.0, 10.0, 0.1), 10.0)
            walls.append(time.perf_counter() - began)
            if not np.array_equal(kept.u, found.u):
                raise RuntimeError("a wind that is read again is not the one that was kept")
    return float(np.median(walls))


def momentum() -> Row:
    """Time the wind with its momentum around 60 houses and towers in a box as large as that of `near_source`, a sector."""
    side, z0 = round(2.0 * HALF_M / NEAR_CELL_M), 0.1
    roof = houses(60, side)
    box = Box(0.0, 0.0, NEAR_CELL_M, layers(LAYER_M, TOP_ROOFS * float(roof.max()), 20.0, 1.15))
    steady_wind(roof[:40, :40], box, log_law(5.0, 10.0, z0), 270.0, z0)
    walls, notes = [], []
    for from_deg in (270.0, 225.0):
        began = time.perf_counter()
        wind = steady_wind(roof, box, log_law(5.0, 10.0, z0), from_deg, z0)
        walls.append(time.perf_counter() - began)
        notes += [f"{from_deg:.0f} degrees: {dict(wind.notes).get('unsteady', 0.0):.3f}"]
    return {
        "metric": f"wind with its momentum, {side} x {side} x {len(box.z)} cells, a sector (mean of two)",
        "value": float(np.mean(walls)),
        "unit": "s",
        "detail": "share of change at the end where not at rest: " + ", ".join(notes),
    }


BENCHES: dict[str, Callable[[], Row]] = {
    "release/first-answer": first_answer,
    "release/ensemble": ensemble,
    "release/puffs": puffs,
    "release/street": lambda: street(every=False),
    "release/street/every": lambda: street(every=True),
    "release/scaling": scaling,
    "release/slab": slab,
    "release/inversion": inversion,
    "release/detector-to-orders": detector_to_orders,
    "release/wind": buildings_wind,
    "release/wind-momentum": momentum,
}
