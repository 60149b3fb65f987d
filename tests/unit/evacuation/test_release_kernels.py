"""The cloud's kernels: shapes that hold their mass, cells that agree with points, dense gas that turns passive without a step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad

from evacuation.release.cloud import Cloud, Emission
from evacuation.release.dilution import PASSIVE, even
from evacuation.release.kernels import growth, pieces
from evacuation.release.kernels.pieces import bell, normal
from evacuation.release.kernels.similarity import shape, transport, vertical
from evacuation.release.proofs.worlds import even_air
from twin.grid import Grid

GRID = Grid("EPSG:4547", -500.0, 1000.0, 20.0, 100, 150)
AIR = even_air(0.3, 0.0, 1.92, z0=0.3)
PLUME = Emission(0, 0.0, 0.0, 2.0, 0.0, PASSIVE, 1.2, 1.0, 1.0)
BURST = Emission(0, 0.0, 0.0, 0.0, 500.0, even(0.6), 3.2, 4.0, 3.0)


def run(emission: Emission, steps: int, air=AIR, only_first: bool = False, cloud: Cloud | None = None) -> Cloud:
    cloud = cloud or Cloud()
    for k in range(steps):
        cloud.step([emission] if k == 0 or not only_first else [], 20.0, 8, 8 * k, air, 20.0 * k)
    return cloud


def test_a_member_of_another_stability_is_the_cloud_of_that_air() -> None:
    """To the last bit, on its way and on the cells; the pieces of the mean are those without members."""
    beside = (even_air(0.3, -0.03, 2.4, z0=0.3, highest_m=500.0), even_air(0.25, 0.03, 1.9, z0=0.3, highest_m=80.0))
    gas = replace(PLUME, dilution=even(0.6), dense=3.2)
    cloud = Cloud(np.zeros(2), np.ones(2), uptake=1e-3, classes=np.array([1, 2]))
    run(gas, 12, replace(AIR, beside=beside), cloud=cloud)
    own = np.zeros((3, *GRID.shape))
    cloud.onto(GRID, replace(AIR, beside=beside), own)
    for member, air in enumerate((AIR, *beside)):
        alone, c = Cloud(uptake=1e-3), np.zeros((1, *GRID.shape))
        run(gas, 12, air, cloud=alone)
        alone.onto(GRID, air, c)
        np.testing.assert_array_equal(own[member], c[0])
    assert own[0].max() > 0.0 and not np.array_equal(own[1], own[2])


@pytest.mark.parametrize("inv_l", [0.0, 0.05, -0.05])
@pytest.mark.parametrize("zbar", [0.5, 5.0, 60.0])
def test_a_cloud_holds_its_mass_over_height(zbar: float, inv_l: float) -> None:
    whole = quad(lambda z: vertical(zbar, 0.1, inv_l, z), 0.0, 60.0 * zbar, limit=200)[0]
    mean = quad(lambda z: z * vertical(zbar, 0.1, inv_l, z), 0.0, 60.0 * zbar, limit=200)[0]
    assert whole == pytest.approx(1.0, abs=1e-6) and mean == pytest.approx(zbar, rel=1e-5)


def test_unstable_air_lifts_faster_than_stable_air() -> None:
    lifts = [transport(10.0, 0.1, inv_l, 0.3)[1] for inv_l in (0.05, 0.0, -0.05)]
    assert lifts == sorted(lifts) and lifts[0] > 0
    assert all(shape(10.0, 0.1, inv_l)[0] >= 1.0 for inv_l in (0.05, 0.0, -0.05))


def test_fast_functions_are_close_to_the_exact_ones() -> None:
    q = np.linspace(0.0, 11.0, 2000)
    assert max(abs(bell(v) / np.exp(-v) - 1.0) for v in q) < 5e-5
    assert bell(11.1) == bell(1e9) == 0.0
    x = np.linspace(-4.0, 4.0, 801)
    exact = np.array([quad(lambda s: np.exp(-s * s / 2) / np.sqrt(2 * np.pi), -12, v)[0] for v in x[::40]])
    assert max(abs(normal(v) - e) for v, e in zip(x[::40], exact, strict=True)) < 3e-4


@pytest.mark.parametrize(("emission", "only_first", "to"), [(PLUME, False, 1e-3), (BURST, True, 3e-3)])
def test_cells_and_points_agree(emission: Emission, only_first: bool, to: float) -> None:
    cloud = run(emission, 15, only_first=only_first)
    c = np.full((1, *GRID.shape), np.nan)
    cloud.onto(GRID, AIR, c)
    xx, yy = np.meshgrid(GRID.x, GRID.y)
    points = cloud.at(xx.ravel(), yy.ravel(), AIR).reshape(GRID.shape)
    assert np.abs(c[0] - points).max() < to * points.max() and points.max() > 0


@pytest.mark.parametrize("to_deg", [0.0, 37.0, 90.0, 180.0, 200.0, 270.0])
@pytest.mark.parametrize("length", [0.0, 60.0, 700.0])
def test_a_piece_is_drawn_alike_in_every_direction(to_deg: float, length: float) -> None:
    a, s = np.deg2rad(to_deg), np.hypot(60.0, length / 4.0)
    piece = np.array([[210.0, 190.0, np.cos(a), np.sin(a), length, s, 1.3 * s, 20.0, 30.0, 5.0]])
    cells, points = np.full((1, *GRID.shape), np.nan), np.zeros(GRID.shape).ravel()
    pieces.onto_cells(cells, piece, np.array([0, 1]), GRID.west, GRID.north, GRID.cell_m)
    xx, yy = np.meshgrid(GRID.x, GRID.y)
    pieces.at_points(points, piece, xx.ravel(), yy.ravel())
    assert points.max() > 0 and np.abs(cells.ravel() - points).max() < 3e-3 * points.max()


def test_a_piece_leaves_no_trace_beyond_what_it_reaches() -> None:
    piece = np.array([[203.0, 197.0, 1.0, 0.0, 30.0, 4.0, 5.0, 20.0, 30.0, 5.0]])
    cells = np.full((1, *GRID.shape), np.nan)
    pieces.onto_cells(cells, piece, np.array([0, 1]), GRID.west, GRID.north, GRID.cell_m)
    xx, yy = np.meshgrid(GRID.x, GRID.y)
    far = np.maximum(np.maximum(203.0 - xx, xx - 233.0), np.abs(yy - 197.0)) > 5.0 * pieces.REACH + GRID.cell_m
    assert cells[0][far].max() < 1e-9 * cells.max()


def test_the_mass_over_the_ground_is_the_mass_let_go() -> None:
    cloud = run(BURST, 12, only_first=True)
    c = np.zeros((1, *GRID.shape))
    cloud.onto(GRID, AIR, c, z=0.0)
    share = [vertical(cloud.ends[growth.Z, e, 0], 0.3, 0.0, 0.0) for e in (0, 1)]
    assert c.sum() * GRID.cell_area_m2 / np.mean(share) == pytest.approx(500.0, rel=0.01)
    assert cloud.airborne_kg == 500.0


def test_joining_keeps_mass_and_leaves_the_cloud_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    joined = run(PLUME, 60)
    monkeypatch.setattr("evacuation.release.cloud.JOINED", 0.0)
    apart = run(PLUME, 60)
    assert len(joined.mass) < 0.4 * len(apart.mass)
    assert joined.airborne_kg == pytest.approx(apart.airborne_kg, rel=1e-12)
    x = np.array([100.0, 400.0, 900.0, 900.0])
    y = np.array([0.0, 20.0, 0.0, 100.0])
    np.testing.assert_allclose(joined.at(x, y, AIR), apart.at(x, y, AIR), rtol=0.01)


def test_a_member_that_is_not_turned_is_the_wind_as_it_is() -> None:
    cloud = run(PLUME, 10, cloud=Cloud(np.array([0.0, 40.0]), np.array([1.0, 1.2])))
    c = np.zeros((3, *GRID.shape))
    cloud.onto(GRID, AIR, c)
    np.testing.assert_array_equal(c[0], c[1])
    alone = np.zeros((1, *GRID.shape))
    run(PLUME, 10).onto(GRID, AIR, alone)
    np.testing.assert_array_equal(c[0], alone[0])
    south = c[2].sum(axis=1)  # turned clockwise, an east-bound cloud goes south
    assert GRID.y[int(south.argmax())] <= 0 and (c[2] * GRID.y[:, None]).sum() < 0


def test_dense_gas_spreads_first_and_turns_passive_without_a_step() -> None:
    heavy, light = (
        run(BURST, 1, only_first=True),
        run(Emission(**{**vars(BURST), "dilution": PASSIVE}), 1, only_first=True),
    )
    assert heavy.ends[growth.BOX, 1, 0] > 2 * light.ends[growth.BOX, 1, 0]
    assert heavy.ends[growth.Z, 1, 0] < light.ends[growth.Z, 1, 0]
    widths, tops = [], []
    for k in range(1, 900):
        heavy.step([], 2.0, 8, 8 * k, AIR, 2.0 * k)
        middle = heavy.ends[:, 1, 0]
        tops.append(float(heavy.at(middle[[growth.X]], middle[[growth.Y]], AIR)[0]))
        widths.append(middle[growth.BOX])
    ratios = np.array(tops[2:]) / np.array(tops[1:-1])
    assert (ratios < 1.0).all() and ratios.min() > 0.85 and (np.diff(ratios) > -1e-4).all(), (
        "it fades ever slower, without a step"
    )
    assert (np.diff(widths) >= 0).all() and heavy.mass.sum() == 500.0
    sigma = np.hypot(heavy.ends[growth.BOX, 1, 0], heavy.ends[growth.TURB, 1, 0])
    _, spread, grown, _ = growth.rates(*heavy.ends[[growth.BOX, growth.TURB, growth.Z, growth.SOURCE, growth.DENSE, growth.COLD], 1, 0],
                                       heavy.dilutions[1], True, 0.3, 0.0, 0.3, 1.2)  # fmt: skip
    assert spread < 0.02 * sigma and grown == pytest.approx(
        transport(heavy.ends[growth.Z, 1, 0], 0.3, 0.0, 0.3)[1], rel=0.1
    )


def test_what_is_far_outside_is_lost_from_sight_with_its_mass() -> None:
    cloud = run(Emission(**{**vars(BURST), "x": 15_000.0}), 1, only_first=True)
    assert cloud.lose(GRID) == 500.0 and cloud.airborne_kg == 0.0
    near = run(BURST, 1, only_first=True)
    assert near.lose(GRID) == 0.0 and near.airborne_kg == 500.0
