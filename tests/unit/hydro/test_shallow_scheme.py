"""What every user of the full scheme relies on: held cells, open rims, changed beds, restart, the ledger, collapse."""

from __future__ import annotations

import re

import numba
import numpy as np
import pytest

from hydro.kernels.shallow import settle
from hydro.kernels.shallow_faces import hllc
from hydro.proofs.exact import hills
from hydro.schemes.shallow import Shallow
from twin.errors import NumericsError


def free_volume(water: Shallow, held: np.ndarray) -> float:
    return float(water.h[~held].sum()) * water.cell_m**2


def test_the_ledger_closes_with_held_cells_and_open_rims() -> None:
    z = hills()
    water = Shallow(z, 0.03, 5.0, dtype="float64")
    held = np.zeros(z.shape, bool)
    held[30:34, 20:40] = True
    held[5, 5] = True
    water.hold(*np.nonzero(held[:, :]), np.where(z[held] > 4.0, 0.0, z[held] + 0.5))
    water.open("north")
    water.open("west")
    water.source[:] = np.where(held, 0.0, 60 / 3.6e6)
    water.h[~held] = 0.1
    start, level = free_volume(water, held), water.h[held].copy()
    water.advance(1200.0)
    rained = float(water.source.sum()) * 25.0 * 1200.0
    booked = water.booked
    assert all(booked[key] > 0.0 for key in ("into_held", "out_of_held", "over_rim"))
    expected = start + rained + booked["out_of_held"] - booked["into_held"] - booked["over_rim"]
    assert free_volume(water, held) == pytest.approx(expected, rel=1e-12)
    np.testing.assert_array_equal(water.h[held], level)


def test_a_cell_held_below_its_bed_swallows_what_reaches_it() -> None:
    water = Shallow(np.zeros((3, 20)), 0.02, 1.0, dtype="float64")
    water.h[:] = 0.5
    water.hold([0, 1, 2], [19, 19, 19], -1.0)
    water.advance(120.0)
    assert water.h[:, 19].max() == 0.0
    assert water.h[:, :19].max() < 0.05
    assert water.booked["into_held"] == pytest.approx(0.5 * 57 - water.h.sum(), rel=1e-12)


@pytest.mark.parametrize("slope", [0.001, 0.05])
@pytest.mark.parametrize("side", ["west", "east", "north", "south"])
def test_normal_flow_leaves_over_an_open_rim_at_normal_depth(side: str, slope: float) -> None:
    n, q, dx = 0.03, 0.5, 5.0
    z = np.tile(10.0 - slope * dx * np.arange(40), (3, 1))
    source = np.zeros_like(z)
    source[:, 0] = q / dx
    turn = {"east": lambda a: a, "west": np.fliplr, "south": np.transpose, "north": lambda a: np.flipud(a.T)}[side]
    water = Shallow(turn(z), n, dx, dtype="float64")
    water.open(side)
    water.source[:] = turn(source)
    water.advance(3600.0)
    normal = (q * n / np.sqrt(slope)) ** 0.6  # Manning, wide channel
    ny, nx = water.h.shape
    rim = {"east": (1, nx - 1), "west": (1, 0), "south": (ny - 1, 1), "north": (0, 1)}[side]
    assert water.h[rim] == pytest.approx(normal, rel=0.01)
    assert np.median(water.h) == pytest.approx(normal, rel=0.01)
    assert water.booked["over_rim"] == pytest.approx(3 * q * dx * 3600.0 - water.h.sum() * dx**2, rel=1e-9)


def test_still_water_does_not_come_in_over_an_open_rim() -> None:
    water = Shallow(np.tile(np.linspace(0.0, 1.0, 10), (3, 1)), 0.03, 2.0, dtype="float64")
    water.open("east")
    water.h[:] = np.maximum(0.8 - water.z, 0.0)
    water.u[:, :5] = -0.5
    water.advance(60.0)
    assert water.booked["over_rim"] >= 0.0


def test_a_later_run_goes_on_bit_for_bit() -> None:
    def prepared() -> Shallow:
        water = Shallow(hills(), 0.03, 5.0)
        water.source[:] = 50 / 3.6e6
        return water

    first = prepared()
    first.h[:] = 0.2
    first.advance(120.0)
    saved = first.arrays()
    first.advance(120.0)
    second = prepared()
    second.restore(saved)
    second.advance(120.0)
    for name, array in first.arrays().items():
        np.testing.assert_array_equal(second.arrays()[name], array)


def test_a_changed_bed_keeps_the_water() -> None:
    water = Shallow(hills(), 0.03, 5.0, dtype="float64")
    water.h[:] = 0.3
    water.advance(30.0)
    before, raised = water.h.sum(), hills()
    raised[:, 30] += 5.0
    water.set_bed(raised)
    assert water.h.sum() == before
    water.advance(300.0)
    assert water.h.sum() == pytest.approx(before, rel=1e-12)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (3, 3), (4, 4), (17, 5)])
def test_small_rasters_work(shape: tuple[int, int]) -> None:
    water = Shallow(np.arange(np.prod(shape), dtype=float).reshape(shape) * 0.1, 0.03, 1.0, dtype="float64")
    for side in ("west", "south"):
        water.open(side)
    water.h[:] = 0.5
    water.advance(10.0)
    assert water.h.sum() + water.booked["over_rim"] == pytest.approx(0.5 * np.prod(shape), rel=1e-12)


def test_columns_of_water_and_a_cliff_at_an_open_rim_do_not_stall_the_step() -> None:
    z = np.zeros((9, 9))
    z[:, 7] = 1000.0
    water = Shallow(z, 0.0, 0.5, dtype="float64")
    water.open("east")
    water.h[2, 2] = water.h[6, 3] = 5.0
    water.h[:, 8] = 0.1
    steps = water.advance(10.0)
    assert steps < 10.0 * 14.0 / (0.5 * 0.5)  # a front of 5 m of water runs at 2 sqrt(g h) = 14 m/s
    assert np.hypot(water.u, water.v).max() < 14.0
    assert water.h.sum() * 0.25 + water.booked["over_rim"] == pytest.approx(10.0 * 0.25 + 0.9 * 0.25, rel=1e-12)


def test_a_collapsed_step_says_where() -> None:
    water = Shallow(hills(), 0.03, 5.0)
    water.advance(60.0)
    water.source[7, 9] = np.inf
    with pytest.raises(NumericsError) as error:
        water.advance(60.0)
    assert error.value.code == "step_collapsed"
    assert (error.value.values["row"], error.value.values["col"]) == (7, 9)


def test_an_unknown_side_is_refused() -> None:
    with pytest.raises(ValueError, match="up"):
        Shallow(np.zeros((2, 2)), 0.03, 1.0).open("up")


def test_the_costly_loops_are_vectorised() -> None:
    rows = [np.ones(64) for _ in range(12)]  # code loaded from the cache shows no assembly: compile afresh
    for loop, values in ((hllc, rows), (settle, [*rows[:11], 0.5, 1.0, 5.0])):
        fresh = numba.njit(error_model="numpy")(loop.py_func)
        fresh(*values)
        assert re.search(r"v?sqrtpd", "".join(fresh.inspect_asm().values())), loop.py_func.__name__
