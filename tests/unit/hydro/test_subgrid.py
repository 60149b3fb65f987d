"""The subgrid scheme: exact volume, walls that hold, streets that convey, depths that agree with the fine scheme."""

from __future__ import annotations

import re

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import hydro.schemes.subgrid
from hydro import simulate_arrays
from hydro.kernels.subgrid import momentum, settle
from hydro.proofs.exact import hills
from hydro.schemes.subgrid import Subgrid, Tables
from twin.errors import ScenarioError

factors = st.integers(1, 5)
rough_ground = hnp.arrays(np.float64, (11, 17), elements=st.floats(0, 30, allow_nan=False))
few_blocked = hnp.arrays(np.bool_, (11, 17), elements=st.booleans())


def storm(water: Subgrid, mm_h: float, seconds: float) -> float:
    """Rain on the open ground, then as long without; return what fell, m3."""
    water.source[:] = np.where(water.open_m2 > 0, mm_h / 3.6e6, 0.0)
    fallen = float((water.source.astype(float) * water.open_m2).sum()) * seconds
    water.advance(seconds)
    water.source[:] = 0.0
    water.advance(seconds)
    return fallen


@settings(max_examples=40, deadline=None)
@given(rough_ground, few_blocked, factors, st.floats(1, 1000), st.floats(0.01, 0.3))
def test_no_negative_water_and_none_lost_on_any_terrain(z, blocked, factor, mm_h, n) -> None:
    z = np.where(blocked & (np.arange(17) % 3 > 0), z.max() + 1000.0, z)
    water = Subgrid(z, n, 5.0, factor=factor, dtype="float64")
    fallen = storm(water, mm_h, 300.0)
    assert water.h.min() >= 0.0
    assert abs(water.volume() - fallen) <= 1e-12 * fallen
    assert water.fine_depth().sum() * 25.0 == pytest.approx(fallen, rel=1e-9)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([2, 4]))
def test_a_symmetric_problem_has_a_symmetric_answer(seed, factor) -> None:
    half = np.random.default_rng(seed).uniform(0.0, 3.0, (12, 8))
    z = np.concatenate([half, half[:, ::-1]], axis=1)
    depths = []
    for terrain in (z, z.T, z[::-1]):
        water = Subgrid(terrain, 0.03, 5.0, factor=factor, dtype="float64")
        storm(water, 100.0, 300.0)
        depths.append(water.fine_depth())
    np.testing.assert_allclose(depths[0], depths[0][:, ::-1], atol=1e-9)
    np.testing.assert_allclose(depths[0], depths[1].T, atol=1e-9)
    np.testing.assert_allclose(depths[0], depths[2][::-1], atol=1e-9)


def test_water_finds_one_level_in_a_basin_that_no_coarse_cell_fits() -> None:
    z = np.full((42, 42), 5.0)
    z[9:31, 10:33] = 0.0
    z[15, 15:25] = 0.4  # an underwater bar
    water = Subgrid(z, 0.02, 2.0, factor=4, dtype="float64")
    water.source[4, 4] = 0.05 / water.open_m2[4, 4]
    water.advance(600.0)
    water.source[:] = 0.0
    water.advance(3000.0)
    level = water.fine_depth()[9:31, 10:33] + z[9:31, 10:33]
    wet = level > z[9:31, 10:33]
    assert np.ptp(level[wet]) < 1e-3
    assert water.volume() == pytest.approx(30.0, rel=1e-12)


def test_still_water_stays_still() -> None:
    z = hills()
    level = float(np.median(z))
    water = Subgrid(z, 0.03, 5.0, factor=4, dtype="float64")
    deep = np.maximum(level - z, 0.0)
    water.h[:] = water.coarse_source(deep)
    water.advance(600.0)
    assert max(np.abs(q).max() for q in water.flow()) < 1e-9
    np.testing.assert_allclose(water.fine_depth(), deep, atol=1e-9)


@pytest.mark.parametrize("factor", [1, 4])
def test_any_number_of_threads_gives_the_same_answer(monkeypatch, factor) -> None:
    monkeypatch.setattr(hydro.schemes.subgrid, "FORK_CELLS", 0)
    runs = []
    for threads in (1, 2):
        numba.set_num_threads(threads)
        water = Subgrid(hills(200, 300), 0.03, 5.0, factor=factor, dtype="float64")
        water.open("west")
        water.hold(3, 3, 4.0)
        storm(water, 60.0, 600.0)
        runs.append((water.h.copy(), water.highest.copy(), water.booked))
    np.testing.assert_array_equal(runs[0][0], runs[1][0])
    np.testing.assert_array_equal(runs[0][1], runs[1][1])
    assert runs[0][2] == runs[1][2]


def test_runs_that_share_tables_make_them_once_for_one_ground(monkeypatch) -> None:
    made = []
    make = Subgrid._make_tables
    monkeypatch.setattr(Subgrid, "_make_tables", lambda water, ground: made.append(ground) or make(water, ground))

    def run(tables: Tables | None, raised: float = 0.0, factor: int = 4):
        return simulate_arrays(
            hills() + raised, 0.03, [60 / 3.6e6], [0.0], cell_m=5.0, duration_s=600.0, scheme="subgrid", factor=factor,
            tables=tables,
        )  # fmt: skip

    alone, shared = run(None), Tables()
    for _ in range(3):
        np.testing.assert_array_equal(run(shared).depth, alone.depth)
    assert len(made) == 2
    run(shared, factor=3), run(shared, raised=0.5)
    assert len(made) == 4
    np.testing.assert_array_equal(run(shared).depth, alone.depth)
    assert len(made) == 5, "only the last ground is kept"


def test_factor_one_is_the_plain_scheme() -> None:
    plain = simulate_arrays(hills(), 0.03, [60 / 3.6e6, 0.0], [0.0, 1200.0], cell_m=5.0, duration_s=2400.0)
    water = Subgrid(hills(), 0.03, 5.0, factor=1, dtype="float64")
    storm(water, 60.0, 1200.0)
    assert np.abs(water.fine_depth() - plain.depth).max() < 5e-3
    assert np.abs(water.fine_depth(water.highest) - plain.max_depth).mean() < 5e-4


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 8])
def test_uniform_flow_reaches_manning_normal_depth(factor: int) -> None:
    slope, n, q = 0.002, 0.03, 0.3
    z = np.repeat((10.0 - slope * np.arange(600) * 5.0)[None, :], 2 * factor, axis=0)
    water = Subgrid(z, n, 5.0, factor=factor, dtype="float64")
    water.open("east")
    water.source[:, 0] = q * water.coarse_m / water.open_m2[:, 0]
    water.advance(7200.0)
    normal = (q * n / slope**0.5) ** 0.6
    middle = slice(water.h.shape[1] // 4, water.h.shape[1] // 2)
    assert water.h[1, middle].mean() == pytest.approx(normal, rel=0.02)
    assert water.flow()[0][1, middle].mean() == pytest.approx(q, rel=1e-3)


@pytest.mark.parametrize("at", range(12, 20))
@pytest.mark.parametrize("slanting", [False, True])
@pytest.mark.parametrize("factor", [2, 4])
def test_a_wall_one_fine_cell_wide_holds_water_back(at: int, slanting: bool, factor: int) -> None:
    z = np.zeros((16, 32))
    row, col = np.mgrid[:16, :32]
    step = row // 2 if slanting else 0
    z[(col == at + step) | (slanting & (col == at + step - 1) & (row % 2 == 0))] = 2.0  # a stair without gaps
    water = Subgrid(z, 0.03, 5.0, factor=factor)
    water.source[:, 0] = 1e-3
    water.advance(1200.0)
    water.source[:] = 0.0
    water.advance(600.0)
    depth = water.fine_depth()
    far = depth[col > at + step + factor]
    assert depth[:, 0].min() > 0.1
    assert far.max() == 0.0


@pytest.mark.parametrize("at", range(8, 12))
@pytest.mark.parametrize("blocked", [True, False])
def test_a_street_one_fine_cell_wide_conveys_as_in_the_fine_run(at: int, blocked: bool) -> None:
    """A street that falls 2 in 1000 between houses: normal depth of the street, not of the coarse cell."""
    slope, n, q = 0.002, 0.025, 0.2
    along = 10.0 - slope * np.arange(400) * 5.0
    z = np.repeat(along[None, :], 20, axis=0) + (0.0 if blocked else 6.0)
    if blocked:
        z[:] = along.max() + 1000.0
    z[at] = along
    water = Subgrid(z, n, 5.0, factor=4, dtype="float64")
    water.open("east")
    water.source[2, 0] = q * 5.0 / water.open_m2[2, 0]
    water.advance(7200.0)
    normal = (q * n / slope**0.5) ** 0.6
    assert water.fine_depth()[at, 100:200].mean() == pytest.approx(normal, rel=0.03)


def test_a_street_round_a_corner_stays_connected_and_a_yard_stays_dry() -> None:
    z = np.full((24, 24), 1010.0)
    z[5, 2:14] = z[5:20, 13] = z[9:11, 3:6] = 10.0  # a street with a bend, and a closed yard beside it
    z[20, 13] = 9.0
    water = Subgrid(z, 0.03, 5.0, factor=4)
    water.source[1, 0] = 2e-3
    water.advance(3600.0)
    depth = water.fine_depth()
    assert depth[20, 13] > 0.1
    assert depth[9:11, 3:6].max() == 0.0 and depth[z > 1000].max() == 0.0


@settings(max_examples=30, deadline=None)
@given(rough_ground, few_blocked, st.integers(2, 5), st.floats(0, 2))
def test_downscaled_depths_hold_the_same_water(z, blocked, factor, depth) -> None:
    z = np.where(blocked, z.max() + 1000.0, z)
    water = Subgrid(z, 0.03, 5.0, factor=factor, dtype="float64")
    water.h[:] = np.where(water.open_m2 > 0, depth, 0.0)
    assert water.fine_depth().sum() * 25.0 == pytest.approx(water.volume(), rel=1e-9, abs=1e-9)
    rate = np.where(blocked, 0.0, 1e-5 * z)
    coarse = water.coarse_source(rate)
    assert (coarse * water.open_m2).sum() == pytest.approx(rate.sum() * 25.0, rel=1e-12, abs=1e-15)


def test_books_close_with_open_rim_and_held_cells() -> None:
    water = Subgrid(hills(), 0.03, 5.0, factor=4, dtype="float64")
    for side in ("west", "south"):
        water.open(side)
    water.hold([2, 3], [7, 7], 4.0)
    water.hold([8], [9], -100.0)
    fallen = storm(water, 60.0, 1200.0)
    booked = water.booked
    assert min(booked.values()) > 0.0
    balance = fallen + booked["out_of_held"] - booked["into_held"] - booked["over_rim"]
    assert water.volume() == pytest.approx(balance, rel=1e-12)
    assert water.level[2, 7] == pytest.approx(4.0) and water.h[8, 9] == 0.0


def test_a_level_pool_leaves_over_every_open_side_alike() -> None:
    left = []
    for side in ("west", "east", "north", "south"):
        water = Subgrid(np.zeros((18, 18)), 0.03, 5.0, factor=4, dtype="float64")
        water.h[:] = np.where(water.open_m2 > 0, 0.3, 0.0)
        start = water.volume()
        water.open(side)
        water.advance(300.0)
        left.append(water.booked["over_rim"])
        assert water.volume() == pytest.approx(start - left[-1], rel=1e-12)
    assert left[0] == pytest.approx(left[2]) and left[1] == pytest.approx(left[3]) and min(left) > 1.0


def test_a_run_goes_on_bit_for_bit() -> None:
    whole, first, second = (Subgrid(hills(), 0.03, 5.0, factor=4) for _ in range(3))
    for water in (whole, first, second):
        water.open("east")
        water.source[:] = 2e-5
    for _ in range(4):
        whole.advance(300.0)
    first.advance(300.0)
    first.advance(300.0)
    second.restore(first.arrays())
    second.advance(300.0)
    second.advance(300.0)
    np.testing.assert_array_equal(whole.h, second.h)
    np.testing.assert_array_equal(whole.highest, second.highest)
    assert whole.booked == second.booked


def test_a_barrier_keeps_the_water_and_stops_the_flow() -> None:
    z = np.repeat((1.0 - 0.01 * np.arange(40))[None, :], 8, axis=0)
    water = Subgrid(z, 0.03, 5.0, factor=4, dtype="float64")
    water.h[:, :3] = 0.3
    before = water.volume()
    wall = z.copy()
    wall[:, 21] += 3.0
    water.set_bed(wall)
    assert water.volume() == before
    water.advance(1800.0)
    assert water.volume() == pytest.approx(before, rel=1e-12)
    assert water.fine_depth()[:, 24:].max() == 0.0 and water.fine_depth()[:, 16:20].max() > 0.2


def test_highest_depths_of_a_coarse_run_agree_with_the_fine_run() -> None:
    """Streets 15 m wide between blocked houses on a slope, 20 m cells: aim of the scheme is 0.05 m."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:120, :120]
    z = 10.0 - 0.003 * x - 0.002 * y + 0.03 * rng.standard_normal((120, 120))
    house = (x % 17 >= 3) & (y % 23 >= 3)
    z[house] = z.max() + 1000.0
    rain = np.stack([np.where(house, 0.0, 80 / 3.6e6), np.zeros(z.shape)])
    fine, coarse = (
        simulate_arrays(z, 0.03, rain, [0.0, 1800.0], cell_m=5.0, duration_s=3600.0, scheme=scheme)
        for scheme in ("inertial", "subgrid")
    )
    compared = ~house & (fine.max_depth > 0.05)
    error = (coarse.max_depth - fine.max_depth)[compared]
    assert compared.sum() > 1000 and abs(coarse.volume_error) < 1e-5
    assert np.sqrt((error**2).mean()) < 0.05 and abs(error.mean()) < 0.03


def test_the_inner_loops_are_vectorised() -> None:
    """Code loaded from the cache shows no assembly, so both are compiled afresh."""
    rows = [np.ones(64, np.float32) for _ in range(13)]
    fresh = numba.njit(error_model="numpy")(momentum.py_func)
    fresh(*rows, (np.float32(1.0), np.float32(20.0)), np.float32(0.4))
    assert re.search(r"v?sqrtps", "".join(fresh.inspect_asm().values()))
    fresh = numba.njit(error_model="numpy")(settle.py_func)
    fresh(*rows[:12])
    assert re.search(r"v?mulps", "".join(fresh.inspect_asm().values()))


@pytest.mark.parametrize(
    ("terrain", "roughness", "code"),
    [
        ([[0.0, np.nan]], 0.03, "array_gap"),
        ([0.0, 1.0], 0.03, "array_shape"),
        ([[0.0, 1.0]], 0.0, "array_value"),
        ([[0.0, 1.0]], [0.03, 0.03], "array_shape"),
    ],
)
def test_wrong_arrays_are_named(terrain, roughness, code) -> None:
    with pytest.raises(ScenarioError) as error:
        Subgrid(terrain, roughness, 5.0)
    assert error.value.code == code


@pytest.mark.parametrize(("bed", "code"), [(np.zeros((2, 2)), "array_shape"), ([[0.0, np.inf]] * 3, "array_gap")])
def test_a_new_bed_that_does_not_fit_is_named(bed, code) -> None:
    water = Subgrid(np.zeros((3, 2)), 0.03, 5.0)
    with pytest.raises(ScenarioError) as error:
        water.set_bed(bed)
    assert error.value.code == code and not water.z.any()


def test_a_side_that_does_not_exist_is_named() -> None:
    with pytest.raises(ScenarioError) as error:
        Subgrid(np.zeros((4, 4)), 0.03, 5.0).open("up")
    assert error.value.code == "unknown_side"


@pytest.mark.parametrize("axis", [0, 1])
def test_a_film_left_on_a_slope_runs_off_as_the_exact_one(axis: int) -> None:
    """Two millimetres on a slope of 4 %: h^(2/3) = x / (5/3 a t), a = sqrt(S) / n, up to where it is still 2 mm.

    The lower half of a coarse cell would hold 5 cm as a level wedge.
    """
    z = np.broadcast_to(16.0 - 0.2 * np.arange(80.0), (8, 80))
    water = Subgrid(z if axis == 1 else z.T, 0.03, 5.0, dtype="float64")
    water.open("east" if axis == 1 else "south")
    water.h[:] = 0.002
    before = water.volume()
    water.advance(1800.0)
    way = np.linspace(0.0, 400.0, 2001)
    exact = np.minimum((way / (5.0 / 3.0 * 0.2 / 0.03 * 1800.0)) ** 1.5, 0.002).mean() / 0.002
    assert water.volume() / before == pytest.approx(exact, abs=0.02)


def test_a_deep_cut_stays_level_while_water_is_taken() -> None:
    """An underpass 30 m wide and 2.5 m deep, half in each of two coarse cells, pumped every 5 s as drains do."""
    y, x = np.mgrid[:64, :40]
    z = np.where((y >= 20) & (y < 44), 26.0, 22.0)
    cut = (x >= 17) & (x < 23)
    z[cut] = np.minimum(19.4 + 0.0075 * (y - 32.0) ** 2, z)[cut]
    water = Subgrid(z, 0.02, 5.0, dtype="float64")
    beds, _ = water.tables
    depth = np.where(np.isfinite(beds), np.maximum(21.95 - water.datum - beds, 0.0), 0.0)
    water.h[:] = depth.sum(axis=-1) / np.isfinite(beds).sum(axis=-1)
    for _ in range(360):
        water.h[8, 5] -= 0.003
        water.advance(5.0)
    pool = water.level[6:10, 4:6]
    assert np.ptp(pool) < 0.01


def test_other_ground_in_the_same_arrays_is_not_taken_for_the_last() -> None:
    z, n = hills(), np.full((48, 60), 0.03)
    found = []
    for bed, rough in ((0.0, 1.0), (0.0, 2.0), (0.5, 1.0), (0.0, 1.0)):
        z[20], n[:] = z[20] + bed, 0.03 * rough
        water = Subgrid(z, n, 5.0)
        z[20] -= bed
        storm(water, 60.0, 600.0)
        found.append(water.h.copy())
    np.testing.assert_array_equal(found[0], found[3])
    assert all(np.abs(other - found[0]).max() > 1e-4 for other in found[1:3])
