"""The full shallow-water scheme against exact solutions, invariants and measured run-up."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from hydro.kernels.inertial import GRAVITY
from hydro.proofs.exact import hills
from hydro.proofs.shallow import bowl, channel, dam_break, order, run_up
from hydro.proofs.solutions import Bowl, ritter, stoker
from hydro.schemes.shallow import Shallow
from twin.jit import most_threads, on_threads

REFERENCE = Path(os.environ.get("ANLAN_REFERENCE", "-"))
needs_reference = pytest.mark.skipif(not (REFERENCE / "hydro").is_dir(), reason="no reference data (ANLAN_REFERENCE)")


def storm(z, h, source, *, threads=2, seconds=60.0, dtype="float64", n=0.03) -> Shallow:
    with on_threads(min(threads, most_threads())):
        water = Shallow(z, n, 2.0, dtype=dtype)
        water.h[:], water.source[:] = h, source
        water.advance(seconds)
    return water


def rough(seed: int, shape=(20, 24)):
    rng = np.random.default_rng(seed)
    z = rng.uniform(0.0, 3.0, shape)
    z[rng.random(shape) < 0.03] += 5.0  # roofs
    z[rng.random(shape) < 0.03] = 1003.0  # blocked cells
    return z, rng.uniform(0.0, 2.0, shape) * (rng.random(shape) < 0.6), rng.uniform(0.0, 1e-4, shape)


@pytest.mark.parametrize(("dtype", "bound"), [("float64", 1e-9), ("float32", 1e-5)])
def test_a_lake_with_dry_islands_stays_at_rest(dtype: str, bound: float) -> None:
    z = hills()
    z[20:24, 30:33] += 1000.0
    water = Shallow(z, 0.03, 5.0, dtype=dtype)
    level = float(np.median(z))
    water.h[:] = np.maximum(level - water.z, 0.0)
    assert (water.h == 0.0).any()
    water.hold([47, 47], np.argsort(z[47])[:2], level)
    water.advance(600.0)
    assert max(float(np.abs(q).max()) for q in water.flow()) <= bound


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
def test_a_storm_on_rough_ground_makes_no_water_and_no_negative_depth(seed: int) -> None:
    z, h, source = rough(seed)
    water = storm(z, h, source)
    came = h.sum() + 60.0 * source.sum()
    assert abs(water.h.sum() / came - 1.0) <= 1e-12
    assert water.h.min() >= 0.0
    assert (water.highest >= water.h).all()
    np.testing.assert_array_equal(storm(z, h, source, threads=1).h, water.h)


@pytest.mark.slow
@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000))
def test_turned_and_mirrored_problems_have_turned_and_mirrored_answers(seed: int) -> None:
    z, h, source = rough(seed)
    answer = storm(z, h, source).h
    for turn in (np.transpose, np.flipud, np.fliplr, np.rot90):
        turned = storm(turn(z), turn(h), turn(source)).h
        np.testing.assert_allclose(turned, turn(answer), rtol=0.0, atol=1e-12)


def test_exact_solutions_keep_what_their_equations_say() -> None:
    x = np.linspace(-24.0, 24.0, 4801)
    for exact, volume in ((ritter(x, 3.0, 1.0), 24.0), (stoker(x, 2.0, 1.0, 0.1), 24.0 * 1.1)):
        assert np.trapezoid(exact.h, x) == pytest.approx(volume, abs=0.01)
        fan = (exact.h < 0.999) & (exact.u > 0) & (np.gradient(exact.h, x) < -1e-6) & (exact.h > 0.45)
        invariant = exact.u[fan] + 2.0 * np.sqrt(GRAVITY * exact.h[fan])
        np.testing.assert_allclose(invariant, 2.0 * np.sqrt(GRAVITY), rtol=1e-12)
    bowl_ = Bowl()
    start, end = (bowl_.water(np.array([0.3, -0.9]), np.array([0.1, 0.2]), t) for t in (0.0, bowl_.period))
    np.testing.assert_allclose(start.h, end.h, atol=1e-14)


@pytest.mark.parametrize("downstream", [0.0, 0.1])
def test_dam_breaks_converge_to_ritter_and_stoker(downstream: float) -> None:
    runs = [dam_break(cells, downstream) for cells in (100, 200, 400)]
    assert order([run.depth for run in runs]) >= 0.9
    assert order([run.flow for run in runs]) >= 0.9
    assert runs[-1].depth <= 0.0015  # of 1 m
    assert abs(runs[-1].front_lag_m) <= 0.02 * 18.8  # 2 % of the way the front 2 sqrt(g h) t has come


def test_dam_break_in_float32_is_as_near() -> None:
    assert dam_break(200, 0.0, dtype="float32").depth == pytest.approx(dam_break(200, 0.0).depth, rel=0.01)


@pytest.mark.slow
def test_the_turning_bowl_converges() -> None:
    errors = [bowl(cells) for cells in (50, 100, 200)]
    assert order(errors) >= 1.5
    assert errors[-1] <= 0.01


def test_film_on_a_steep_plane_takes_the_kinematic_depth() -> None:
    slope, n, rain, dx = 0.2, 0.02, 50.0 / 3.6e6, 2.0
    x = (np.arange(50) + 0.5) * dx
    water = Shallow(np.tile(20.0 - slope * x, (3, 1)), n, dx, dtype="float64")
    water.open("east")
    water.source[:] = rain
    water.advance(900.0)
    exact = (n * rain * x / np.sqrt(slope)) ** 0.6  # q = rain x = sqrt(S) h^(5/3) / n
    below = slice(4, None)  # the highest cells feel the wall behind them
    np.testing.assert_allclose(water.flow()[0][1, below], rain * x[below], rtol=0.01)
    np.testing.assert_allclose(water.h[1, below], exact[below], rtol=0.01)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_rain_runs_off_rough_steep_ground_with_roofs_and_cliffs(dtype: str) -> None:
    rng = np.random.default_rng(4)
    z = np.tile(30.0 - 0.3 * np.arange(60), (40, 1)) + rng.uniform(0.0, 0.25, (40, 60))  # every cell falls to the east
    z[10:14, 10:14] += 5.0
    z[20:30, 30:33] = 1000.0 + z.max()
    water = Shallow(z, 0.03, 2.0, dtype=dtype)
    water.open("east")
    water.source[:] = np.where(z < 1000.0, 50.0 / 3.6e6, 0.0)
    steps = water.advance(900.0)
    before = water.booked["over_rim"]
    water.advance(300.0)
    rate = (water.booked["over_rim"] - before) / 300.0
    assert rate == pytest.approx(float(water.source.sum()) * 4.0, rel=0.01)
    assert water.h[z < 1000.0].min() > 0.0
    assert steps < 900.0 * 5.0 / (0.5 * 2.0)  # as if no wave were faster than 5 m/s: cliffs do not stall the step


@needs_reference
@pytest.mark.reference
@pytest.mark.slow
@pytest.mark.parametrize(("name", "inflow", "rain"), [("mcdo_norain", 2.0, 0.0), ("mcdo_rain", 1.0, 0.001)])
def test_the_macdonald_channel(name: str, inflow: float, rain: float) -> None:
    _, bed, level = np.loadtxt(
        REFERENCE / "hydro" / "macdonald_channel" / f"{name}.csv", delimiter=",", skiprows=1, unpack=True
    )
    assert channel(bed, level, inflow, rain) < 0.01


@needs_reference
@pytest.mark.reference
@pytest.mark.slow
def test_the_monai_valley_run_up() -> None:
    folder = REFERENCE / "hydro" / "okushiri_lab"
    with rasterio.open(folder / "bathymetry.tif") as raster:
        north_up = raster.read(1).astype(float)[:, :392]
    bed = north_up[::-1].reshape(122, 2, 196, 2).mean(axis=(1, 3))
    time, incident = np.loadtxt(folder / "Benchmark_2_input.txt", skiprows=1, unpack=True)
    places = {"ch5": (4.521, 1.196), "ch7": (4.521, 1.696), "ch9": (4.521, 2.196)}
    measured = np.loadtxt(folder / "output_ch5-7-9.txt", skiprows=1)
    measured = measured[measured[:, 0] <= 22.5]
    crests = run_up(bed, 0.028, time, incident, places)
    for k, name in enumerate(places, start=1):
        top = measured[:, k].argmax()
        assert crests[name].crest == pytest.approx(0.01 * measured[top, k], rel=0.20)
        assert crests[name].time == pytest.approx(measured[top, 0], abs=0.5)
