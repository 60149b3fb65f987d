"""Benchmarks of the release. Wall clocks run from arrays in memory to final fields; compilation is done before."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import shapely

from evacuation.release.buildings.wind import Box, layers, log_law, wind_around
from evacuation.release.kernels import pieces
from evacuation.release.proofs.worlds import CRS, town, wind
from evacuation.release.release import Release
from twin.city import City
from twin.clock import Clock
from twin.grid import Grid
from twin.jit import start_threads
from twin.landcover import surface_of
from twin.streams import stream

Row = dict[str, Any]

SIDE_M, CELL_M = 6000.0, 20.0
PUFFS, RECEPTORS, ROUNDS = 400, 300, 20


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


def puffs() -> Row:
    """Time the kernel that adds 400 pieces of a plume to 300 by 300 cells."""
    start_threads()
    table = np.zeros((PUFFS, pieces.COLUMNS))
    far = np.linspace(200.0, 5800.0, PUFFS)
    wide = 5.0 + 0.08 * far**0.9
    columns = {pieces.X0: far, pieces.AX: np.cos(0.3), pieces.AY: np.sin(0.3), pieces.LENGTH: 14.0, pieces.MASS: 1.0}
    columns |= {pieces.Y0: 3000.0, pieces.S0: wide, pieces.S1: 1.01 * wide, pieces.F0: wide / 2, pieces.F1: wide / 2}
    for column, values in columns.items():
        table[:, column] = values
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


def buildings_wind() -> Row:
    """Time the wind around 400 houses and towers on 300 x 300 x 30 cells, one sector: first guess and balance of mass to 1e-6."""
    rng = stream(7, "benchmark-roofs")
    roof = np.zeros((300, 300))
    for _ in range(400):
        (row, col), (deep, wide) = rng.integers(15, 275, 2), rng.integers(2, 10, 2)
        roof[row : row + deep, col : col + wide] = 5.0 * rng.integers(1, 12)
    box = Box(0.0, 0.0, 5.0, layers(5.0, 150.0, 150.0))
    wind_around(roof[:40, :40], box, log_law(5.0, 10.0, 0.1), 270.0)
    walls = []
    for from_deg in (270.0, 225.0, 10.0):
        began = time.perf_counter()
        wind_around(roof, box, log_law(5.0, 10.0, 0.1), from_deg)
        walls.append(time.perf_counter() - began)
    return {
        "metric": "mass-consistent wind, 300 x 300 x 30 cells, a sector (median of three)",
        "value": float(np.median(walls)),
        "unit": "s",
        "target": ("value", "<=", 10.0),
    }


BENCHES: dict[str, Callable[[], Row]] = {
    "release/first-answer": first_answer,
    "release/ensemble": ensemble,
    "release/puffs": puffs,
    "release/wind": buildings_wind,
}
