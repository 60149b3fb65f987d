"""The surface kernel: mass, positivity, symmetry, threads, speed of inner loops."""

from __future__ import annotations

import re
import subprocess
import sys

import numba
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hydro import Boundary, Inflow, simulate_arrays
from hydro.kernels.floats import inverse_cube_root, inverse_fifth_root, inverse_seven_thirds
from hydro.kernels.inertial_rows import face_flows, fill, film_waves, gives_too_much, limit, pour, shares
from hydro.proofs.exact import hills
from hydro.schemes.inertial import Inertial
from hydro.schemes.shallow import Shallow
from twin.errors import NumericsError
from twin.jit import kernel

terrains = hnp.arrays(np.float64, (9, 12), elements=st.floats(0, 30, allow_nan=False))


@settings(max_examples=40, deadline=None)
@given(terrains, st.floats(0, 1000), st.floats(0.01, 0.3))
def test_no_negative_depth_and_no_lost_water_on_any_terrain(z, mm_h, n) -> None:
    run = simulate_arrays(z, n, [mm_h / 3.6e6, 0.0], [0.0, 300.0], cell_m=5.0, duration_s=600.0, dtype="float64")
    assert run.depth.min() >= 0.0
    assert abs(run.volume_error) <= 1e-12


ledges = np.where(np.isin(np.arange(40), [2, 9, 10, 19]), 0.0, 1.5).reshape(8, 5)  # films over ledges: chaos in 10 min


@settings(max_examples=15, deadline=None)
@given(hnp.arrays(np.float64, (8, 5), elements=st.floats(0, 3)), st.sampled_from(["float32", "float64"]))
@example(ledges, "float32")
@example(ledges, "float64")
def test_a_symmetric_problem_has_a_symmetric_answer_to_the_last_digit(half, dtype) -> None:
    z = np.concatenate([half, half[:, ::-1]], axis=1)
    run = simulate_arrays(z, 0.03, [100 / 3.6e6], [0.0], cell_m=5.0, duration_s=600.0, dtype=dtype)
    np.testing.assert_array_equal(run.depth, run.depth[:, ::-1])
    turned = simulate_arrays(z.T, 0.03, [100 / 3.6e6], [0.0], cell_m=5.0, duration_s=600.0, dtype=dtype)
    np.testing.assert_array_equal(run.depth, turned.depth.T)


def test_water_finds_one_level_in_a_basin() -> None:
    z = np.full((21, 21), 5.0)
    z[5:16, 5:16] = 0.0
    run = simulate_arrays(
        z,
        0.02,
        [0.0],
        [0.0],
        cell_m=2.0,
        duration_s=3600.0,
        inflows=[Inflow(6, 6, [0.0, 600.0], [0.05, 0.0])],
        dtype="float64",
    )
    pool = run.depth[5:16, 5:16]
    assert np.ptp(pool) < 1e-3 and pool.mean() * 121 * 4.0 == pytest.approx(30.0, rel=1e-9)


def test_ripples_die_below_the_stability_limit_and_stand_above_it() -> None:
    """Ripples are what a checkerboard is made of; the slow swing of the whole pool, which friction alone damps, is not."""
    i, j = np.indices((11, 11))
    checkerboard = (-1.0) ** (i + j)
    z = np.full((21, 21), 5.0)
    z[5:16, 5:16] = 0.0
    rough = {}
    source = np.zeros((21, 21))
    source[6, 6] = 0.05 / 2.0**2
    for courant in (0.66, 0.70):
        water = Inertial(z, 0.02, 2.0, courant=courant)
        water.feed(source)
        water.advance(600.0)
        water.feed(0.0)
        water.advance(1200.0)
        rough[courant] = 0.0
        for _ in range(30):  # ripples that stand swing, so the highest of half an hour counts
            water.advance(60.0)
            pool = water.h[5:16, 5:16].astype(float)
            rough[courant] = max(rough[courant], abs(((pool - pool.mean()) * checkerboard).mean()))
    assert rough[0.66] < 1e-6 < 1e-3 < rough[0.70]


@pytest.mark.parametrize("seconds", [1.5, 1.3, 0.65])
def test_a_deep_pool_makes_no_ripples_whatever_the_length_of_calls(seconds: float) -> None:
    """The longest stable step is 0.646 s; a long step and one of half its length in turn would feed a checkerboard.

    What it starts with, 1 cm, may swing on as long waves: nothing damps those but friction.
    """
    i, j = np.indices((60, 60))
    water = Inertial(np.zeros((60, 60)), 0.02, 5.0, dtype="float64")
    water.fill(2.5 + 0.01 * np.random.default_rng(0).uniform(-1, 1, (60, 60)))
    for _ in range(round(600 / seconds)):
        water.advance(seconds)
    assert abs((water.h * (-1.0) ** (i + j)).mean()) < 1e-6
    assert np.abs(water.h - 2.5).max() < 0.003


@pytest.mark.parametrize("scheme", ["inertial", "full", "subgrid"])
def test_a_flow_along_a_side_enters_where_the_side_conveys_it(scheme: str) -> None:
    """A V-shaped valley takes 5, then 10 m3/s over its upper end; what comes in is exact and runs through in full."""
    y, x = np.mgrid[:20, :120]
    z = 20.0 - 0.01 * x + 0.1 * np.abs(y - 9.5)
    run = simulate_arrays(
        z, 0.03, 0.0, [0.0], cell_m=5.0, duration_s=7200.0, scheme=scheme, factor=2, dtype="float64",
        boundaries=[Boundary("west", "flow", [0.0, 1800.0], [5.0, 10.0]), Boundary("east", "free")],
    )  # fmt: skip
    assert run.volume_in == pytest.approx(1800 * 5.0 + 5400 * 10.0, rel=1e-12)
    assert abs(run.volume_error) < 1e-12
    assert run.flow_x[:, 60].sum() * 5.0 == pytest.approx(10.0, rel=5e-3)
    assert run.depth[9:11, 2].min() > 0.2 and run.depth[0, 2] < 1e-3


def test_uniform_flow_reaches_manning_normal_depth() -> None:
    slope, n, q = 0.002, 0.03, 0.3
    x = np.arange(400) * 5.0
    z = np.repeat((10.0 - slope * x)[None, :], 3, axis=0)
    z[:, -60:] -= 40.0
    run = simulate_arrays(
        z, n, [0.0], [0.0], cell_m=5.0, duration_s=5400.0, inflows=[Inflow(i, 0, [0.0], [q * 5.0]) for i in range(3)]
    )
    normal = (q * n / slope**0.5) ** 0.6
    assert run.depth[1, 60:240].mean() == pytest.approx(normal, rel=0.01)


@pytest.mark.parametrize("slope", [0.002, 0.004, 0.006])
def test_fast_deep_flow_is_not_held_back_below_froude_one(slope: float) -> None:
    """Where the deepest water is also the fastest, a fixed share of the cell per face would cap it at Froude 0.42."""
    n, q = 0.025, 1.0
    z = np.repeat((20.0 - slope * np.arange(500) * 5.0)[None, :], 3, axis=0)
    run = simulate_arrays(
        z, n, [0.0], [0.0], cell_m=5.0, duration_s=900.0, inflows=[Inflow(i, 0, [0.0], [q * 5.0]) for i in range(3)]
    )
    normal = (q * n / slope**0.5) ** 0.6
    assert 0.5 < q / normal / (9.81 * normal) ** 0.5 < 1.0
    assert run.depth[1, 20:60].mean() == pytest.approx(normal, rel=0.01)


def test_water_spreads_as_far_along_the_grid_as_across_it() -> None:
    """41 cells along a row and 29 x 29 cells on the diagonal are equally far; friction with |q| alone puts 6 % between them."""
    run = simulate_arrays(
        np.zeros((121, 121)), 0.05, [0.0], [0.0], cell_m=5.0, duration_s=3600.0, inflows=[Inflow(60, 60, [0.0], [8.0])]
    )
    along, oblique = run.depth[60, 60 + 41], run.depth[60 + 29, 60 + 29]
    assert along > 0.05 and along == pytest.approx(oblique, rel=0.03)


def test_an_open_side_lets_a_flood_go_without_damming_it() -> None:
    slope, n, q = 0.005, 0.033, 2.0
    z = np.repeat((5.0 - slope * np.arange(200) * 5.0)[None, :], 3, axis=0)
    inflows = [Inflow(i, 0, [0.0], [q * 5.0]) for i in range(3)]
    run = simulate_arrays(
        z, n, [0.0], [0.0], cell_m=5.0, duration_s=1200.0, inflows=inflows, boundaries=[Boundary("east", "free")]
    )
    normal = (q * n / slope**0.5) ** 0.6
    assert run.depth[1, -1] == pytest.approx(normal, rel=0.02)
    assert run.max_depth[1, -20:].max() <= 1.5 * normal


@pytest.mark.parametrize("scheme", ["inertial", "full"])
def test_a_tide_at_one_side_keeps_the_volume(scheme: str) -> None:
    z = np.repeat((-2.0 + np.arange(40) / 15.0)[None, :], 6, axis=0)
    times = np.arange(0.0, 600.0, 10.0)
    tide = Boundary("west", "stage", times.tolist(), (0.5 * np.sin(times / 60.0)).tolist())
    run = simulate_arrays(
        z, 0.03, [0.0], [0.0], cell_m=5.0, duration_s=600.0, depth=np.maximum(-z, 0.0), boundaries=[tide],
        scheme=scheme, dtype="float64",
    )  # fmt: skip
    assert run.volume_in > 100.0 and run.volume_out > 100.0
    assert abs(run.volume_error) <= 1e-12


@pytest.mark.parametrize(("real", "packed"), [(np.float32, "sqrtps"), (np.float64, "sqrtpd")])
def test_the_inner_loops_are_vectorised(real, packed) -> None:
    """Code loaded from the cache shows no assembly, so the kernels are compiled afresh."""
    how = {"error_model": "numpy", "fastmath": {"contract"}}
    row = np.zeros(64, real)
    for f, arguments, sign in (
        (face_flows, [row] * 4 + [np.zeros(65, real)] * 2 + [row] * 6 + [1.0, 5.0], packed),
        (film_waves, [row] * 7 + [1.0, 5.0], packed.replace("sqrt", "mul")),
        (gives_too_much, [row] * 5 + [5.0], packed.replace("sqrt", "max")),
        (shares, [row] * 6 + [5.0], packed.replace("sqrt", "div")),
        (limit, [row] * 3, packed.replace("sqrt", "mul")),
        (fill, [row] * 7 + [real(0.2)], packed.replace("sqrt", "add")),
        (pour, [row] * 3 + [real(0.2)], packed.replace("sqrt", "and")),
    ):
        fresh = numba.njit(**how)(f.py_func)
        fresh(*(a.copy() if isinstance(a, np.ndarray) else a for a in arguments))
        code = "".join(fresh.inspect_asm().values())
        assert re.search(rf"v?{sign}\s", code), f"{f.__name__}: no packed {sign}, its loop lost its vectorisation"


def test_a_cached_kernel_may_be_the_first_thing_a_process_calls(small_folder) -> None:
    code = f"""
import numpy as np
from hydro.ground.surface import Surface
from pathlib import Path
from twin.readers.city_folder import open_folder
city = open_folder(Path({str(small_folder)!r}))
surface = Surface(city, scheme="inertial", closed=True, precision="float32", courant=None)
class clock: times = [np.datetime64("2026-01-01")]
surface.advance(np.where(surface.land, 1e-5, 0.0), 5.0, clock, 0.0)
"""
    for _ in range(2):  # the first call compiles and stores, the second loads
        assert subprocess.run([sys.executable, "-c", code], timeout=300).returncode == 0


@pytest.mark.parametrize(("real", "tolerance"), [(np.float32, 2.5e-6), (np.float64, 1e-9)])
def test_roots_of_depth(real, tolerance) -> None:
    roots = kernel(lambda x: inverse_cube_root(x))
    frictions = kernel(
        lambda x: inverse_seven_thirds(x)
    )  # on a line of its own: the cache tells lambdas by their lines
    fifths = kernel(
        lambda x: inverse_fifth_root(x)
    )  # fmt: skip
    x = np.geomspace(1e-6, 1e3, 200).astype(real)
    np.testing.assert_allclose([roots(v) for v in x], x.astype(float) ** (-1 / 3), rtol=tolerance)
    np.testing.assert_allclose([frictions(v) for v in x], x.astype(float) ** (-7 / 3), rtol=7 * tolerance)
    np.testing.assert_allclose([fifths(v) for v in x], x.astype(float) ** (-1 / 5), rtol=tolerance)


def test_a_dam_at_the_start_takes_the_full_equations_and_still_water_does_not() -> None:
    bed, depth = np.zeros((4, 40)), np.where(np.arange(40) < 20, 2.0, 0.0)
    run = simulate_arrays(bed, 0.03, [0.0], [0.0], cell_m=5.0, duration_s=10.0, depth=np.tile(depth, (4, 1)))
    assert (run.scheme, run.why) == ("full", "dam break at the start")
    shore = np.tile(np.linspace(0.0, 4.0, 40), (4, 1))
    still = np.maximum(2.0 - shore, 0.0)
    calm = simulate_arrays(shore, 0.03, [0.0], [0.0], cell_m=5.0, duration_s=10.0, depth=still)
    assert calm.scheme == "inertial" and "no dam" in calm.why
    asked = simulate_arrays(shore, 0.03, [0.0], [0.0], cell_m=5.0, duration_s=10.0, depth=still, scheme="full")
    assert (asked.scheme, asked.why) == ("full", "as asked")


def test_float32_stays_within_a_millimetre_of_float64() -> None:
    z = hills() + 3000.0  # a high plain: the datum keeps the digits
    runs = [
        simulate_arrays(z, 0.03, [60 / 3.6e6, 0.0], [0.0, 1800.0], cell_m=5.0, duration_s=3600.0, dtype=dtype)
        for dtype in ("float32", "float64")
    ]
    assert np.abs(runs[0].depth - runs[1].depth).max() <= 1e-3
    assert np.abs(runs[0].max_depth - runs[1].max_depth).max() <= 1e-3


def test_dry_columns_are_skipped_without_a_change() -> None:
    """A pool fed at one cell spreads alike whether or not a trace of rain keeps every column awake."""
    z = hills()
    inflow = [Inflow(20, 30, [0.0, 600.0], [0.5, 0.0])]
    one = {"cell_m": 5.0, "duration_s": 900.0, "inflows": inflow, "dtype": "float64"}
    dry = simulate_arrays(z, 0.03, [0.0], [0.0], **one)
    awake = simulate_arrays(z, 0.03, [1e-30], [0.0], **one)
    np.testing.assert_allclose(dry.depth, awake.depth, atol=1e-12)
    assert dry.depth.min() == 0.0 < dry.depth.max()


@settings(max_examples=30, deadline=None)
@given(terrains, st.floats(0, 1000), st.floats(0.01, 0.3))
def test_float32_makes_no_negative_depth_and_keeps_its_books(z, mm_h, n) -> None:
    run = simulate_arrays(z, n, [mm_h / 3.6e6, 0.0], [0.0, 300.0], cell_m=5.0, duration_s=600.0)
    assert run.depth.min() >= 0.0
    assert abs(run.volume_error) <= 1e-4


def test_a_step_that_collapses_names_time_and_cell() -> None:
    depth = np.zeros((5, 6))
    depth[3, 2] = 1e9
    with pytest.raises(NumericsError, match="0 s, row 3, column 2"):
        simulate_arrays(
            np.zeros((5, 6)), 0.03, [0.0], [0.0], cell_m=1.0, duration_s=10.0, depth=depth, scheme="inertial"
        )


def damage(water, where: str, value: float) -> None:
    """Put `value` into one cell from outside."""
    if where == "source":
        source = np.full(water.h.shape, 1e-5)
        source[7, 9] = value
        water.feed(source)
    else:
        water.h[7, 9] = value
        water.wake([7], [9])


@pytest.mark.parametrize("scheme", [Inertial, Shallow])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(48, 60), (200, 240)])  # one band of rows, and two
@pytest.mark.parametrize(("where", "value"), [("source", np.nan), ("source", np.inf), ("h", np.nan), ("h", np.inf)])
def test_what_is_no_number_is_found_at_once_and_its_cell_named(scheme, dtype, shape, where, value) -> None:
    water = scheme(hills(*shape), 0.03, 5.0, dtype=dtype)
    water.feed(np.full(shape, 1e-5))
    water.advance(100.0, 0.0)
    damage(water, where, value)
    with pytest.raises(NumericsError, match="100 s, row 7, column 9") as error:
        water.advance(60.0, 100.0)
    assert error.value.code == "step_collapsed"


@pytest.mark.parametrize("value", [np.nan, -np.nan, np.inf, -np.inf])
def test_no_call_returns_water_that_is_no_number(value: float) -> None:
    """Written without `wake`, it is met when the next gathered rain is poured, at the latest at the end of the call."""
    water = Inertial(hills(), 0.03, 5.0)
    water.feed(np.full(water.h.shape, 1e-5))
    water.advance(100.0, 0.0)
    water.h[7, 9] = value
    with pytest.raises(NumericsError) as error:
        water.advance(20.0, 100.0)
    assert 100.0 < error.value.values["at_s"] <= 120.0
    assert abs(error.value.values["row"] - 7) <= 3 and abs(error.value.values["col"] - 9) <= 3


@pytest.mark.parametrize(("scheme", "rate"), [(Inertial, 1e4), (Shallow, 1e6)])
def test_a_collapse_amid_a_call_names_its_own_time_and_the_cell_that_is_fed(scheme, rate: float) -> None:
    water = scheme(np.zeros((9, 9)), 0.03, 1.0, dtype="float64")
    source = np.zeros((9, 9))
    source[4, 5] = rate  # m/s: grows until the step is too short for its waves or its depth is none on Earth
    water.feed(source)
    with pytest.raises(NumericsError) as error:
        water.advance(3600.0, 500.0)
    values = error.value.values
    assert 500.0 < values["at_s"] < 4100.0 and values["time"] == f"{values['at_s']:g} s"
    assert (values["row"], values["col"]) == (4, 5)


def test_what_leaves_over_an_open_side_and_a_held_level_is_booked() -> None:
    z = np.tile(np.linspace(2.0, 0.0, 60), (8, 1))
    free = simulate_arrays(
        z,
        0.03,
        [50 / 3.6e6],
        [0.0],
        cell_m=5.0,
        duration_s=1800.0,
        boundaries=[Boundary("east", "free")],
        dtype="float64",
    )
    assert 0.3 < free.volume_out / free.volume_in < 1.0 and abs(free.volume_error) <= 1e-12
    stage = Boundary("east", "stage", [0.0, 900.0], [0.0, 1.0])
    tide = simulate_arrays(
        z, 0.03, [0.0], [0.0], cell_m=5.0, duration_s=1800.0, boundaries=[stage], dtype="float64", probes=[(4, 45)]
    )
    assert abs(tide.volume_error) <= 1e-12 and tide.volume_in > 0.0
    assert tide.probe_depth[-1, 0] == pytest.approx(1.0 - z[4, 45], abs=0.05)


def test_plain_tuples_serve_as_inflows_and_boundaries() -> None:
    run = simulate_arrays(
        np.zeros((4, 5)),
        0.03,
        [0.0],
        [0.0],
        cell_m=5.0,
        duration_s=60.0,
        inflows=[(1, 1, [0.0], [1.0])],
        boundaries=[("east", "free")],
    )
    assert run.volume_in == pytest.approx(60.0)
