"""The wind with its momentum: exact answers of small worlds and what must hold of any."""

from __future__ import annotations

import numpy as np
import pytest

from evacuation.release.buildings import momentum
from evacuation.release.buildings.momentum import SHARE, coarser, steady_wind
from evacuation.release.buildings.turbulence import turbulence
from evacuation.release.buildings.wind import Box, Wind, faces, layers, log_law, wind_around

CELL, Z0 = 4.0, 0.1
INFLOW = log_law(5.0, 10.0, Z0)
USTAR = 5.0 * 0.4 / np.log(10.0 / Z0)
BOX = Box(0.0, 0.0, CELL, layers(2.0, 60.0, 24.0, 1.2))


def cube() -> np.ndarray:
    roof = np.zeros((28, 36))
    roof[12:16, 10:14] = 16.0
    return roof


@pytest.fixture(scope="module")
def around() -> Wind:
    return steady_wind(cube(), BOX, INFLOW, 270.0, Z0)


def test_over_open_ground_it_is_the_inflow_at_once() -> None:
    wind = steady_wind(np.zeros((10, 12)), BOX, INFLOW, 300.0, Z0)
    assert np.array_equal(wind.u, wind_around(np.zeros((10, 12)), BOX, INFLOW, 300.0).u) and wind.ustar is None


def test_over_open_ground_the_steps_keep_a_logarithmic_wind_and_its_gusts() -> None:
    wind = wind_around(np.zeros((20, 24)), BOX, INFLOW, 240.0)
    stage = momentum._Stage(wind, INFLOW, 240.0, Z0, None)
    for k in range(100):
        stage.step(k)
    u, v, w = stage.faces()
    speed = np.hypot(u[:, 10, 12], v[:, 10, 12])
    assert speed == pytest.approx(INFLOW(BOX.z), rel=0.01) and np.abs(w).max() < 0.01 * speed.max()
    assert stage.ustar()[:-1, 10, 12] == pytest.approx(USTAR, rel=0.05)


def test_no_cell_makes_or_loses_air_and_nothing_flows_into_walls(around: Wind) -> None:
    (ax, ay, az), _ = faces(around.air, BOX)
    net = np.diff(around.u * ax, axis=2) + np.diff(around.v * ay, axis=1) + np.diff(around.w * az, axis=0)
    largest = float(INFLOW(BOX.edges[-1])) * CELL * max(CELL, float(np.diff(BOX.edges).max()))
    assert around.leak <= 1e-6 and np.abs(net).max() <= 2e-6 * largest
    solid = ~around.air
    assert not around.u[:, :, 1:][solid].any() and not around.u[:, :, :-1][solid].any()
    assert not around.v[:, 1:][solid].any() and not around.v[:, :-1][solid].any()
    assert not around.w[1:][solid].any() and not around.w[0].any()


def test_it_scales_with_the_speed(around: Wind) -> None:
    fast = steady_wind(cube(), BOX, log_law(10.0, 10.0, Z0), 270.0, Z0)
    assert np.allclose(fast.u, 2.0 * around.u, rtol=0.0, atol=1e-6) and np.allclose(
        fast.ustar, 2.0 * around.ustar, atol=1e-6
    )
    assert np.array_equal(around.scaled(2.0).ustar, 2.0 * around.ustar)


def test_a_mirror_shows_nearly_the_same_wind(around: Wind) -> None:
    u, v, _ = around.centres
    assert np.abs(u - u[:, ::-1]).max() < 0.05 * 5.0 and np.abs(v + v[:, ::-1]).max() < 0.05 * 5.0


def test_the_wake_turns_back_keeps_its_loss_of_speed_and_is_gusty(around: Wind) -> None:
    u = around.centres[0]
    assert u[1, 13, 15] < 0.0 < u[1, 13, 30] < u[1, 2, 30]  # 16 heights on, slower than beside
    assert around.ustar[9, 13, 16] > 1.5 * USTAR  # in the shear behind the roof
    assert np.array_equal(turbulence(around, Z0).ustar, around.ustar)


def test_it_says_no_longer_that_momentum_is_missing_but_where_it_did_not_come_to_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "mean_only" not in dict(steady_wind(cube(), BOX, INFLOW, 270.0, Z0, halvings=0).notes)
    monkeypatch.setattr(momentum, "MOST_PAIRS", 1)
    monkeypatch.setattr(momentum, "STEADY", 1e-9)
    assert dict(steady_wind(cube(), BOX, INFLOW, 270.0, Z0, halvings=0).notes)["unsteady"] > 1e-9


def test_it_is_the_mean_of_two_crossings_that_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = momentum._Stage(wind_around(cube(), BOX, INFLOW, 270.0), INFLOW, 270.0, Z0, None)
    steps: list[int] = []
    monkeypatch.setattr(stage, "step", steps.append)
    wind, energy = stage.crossing()
    assert len(steps) == 18  # 36 cells, two of them a step
    assert wind == pytest.approx(stage.wind) and energy == pytest.approx(stage.energy)
    assert stage.change(wind, 1.25 * wind) == pytest.approx(0.2)
    given = iter([1.0, 2.0, 4.0, 4.0 / 0.995, 9.0])  # the second pair differs by less than 1 %
    monkeypatch.setattr(momentum._Stage, "crossing", lambda self: (next(given) * wind, energy))
    found = steady_wind(cube(), BOX, INFLOW, 270.0, Z0, halvings=0)
    assert "unsteady" not in dict(found.notes) and next(given) == 9.0
    middle = wind.reshape(3, *stage.room)[0, 5, 3, 3]
    assert found.u[4, 2, 2] == pytest.approx(2.0 * (1.0 + 1.0 / 0.995) * middle, rel=0.02)


def test_beside_a_wall_the_strain_is_the_walls_law_and_what_is_sheared_along_it() -> None:
    roof = np.zeros((9, 9))
    roof[:, 4] = 30.0  # a wall from south to north
    stage = momentum._Stage(wind_around(roof, BOX, INFLOW, 180.0), INFLOW, 180.0, Z0, None)
    u, v, w = stage.wind.reshape(3, *stage.room)
    u[...] = w[...] = 0.0
    slope = 0.3
    v[...] = 2.0 + slope * np.arange(11) * CELL * (np.arange(11) != 5)  # along the wall, faster to the east; none in it
    momentum.strain(
        stage.strain, stage.speed, stage.wind, stage.air.ravel(), stage.length, stage.law, stage.shape, stage.widths,
        stage.thick[0], stage.spans,
    )  # fmt: skip
    found, law = (a.reshape(stage.room) for a in (stage.strain, stage.law * stage.speed / stage.length))
    assert found[3, 5, 8] == pytest.approx(slope) and law[3, 5, 8] == 0.0  # in the open: the shear alone
    assert found[3, 5, 6] == pytest.approx(law[3, 5, 6]) and law[3, 5, 6] > 0.0  # at the wall: no slope across it
    assert found[1, 5, 8] == pytest.approx(np.hypot(law[1, 5, 8], slope))  # at the ground: both


def test_air_that_turns_as_one_body_feels_no_stress_however_uneven_the_gusts() -> None:
    stage = momentum._Stage(wind_around(np.zeros((9, 11)), BOX, INFLOW, 270.0), INFLOW, 270.0, Z0, None)
    u, v, w = stage.wind.reshape(3, *stage.room)
    turns = 1e-9  # so slow that what the wind carries, of second order in it, does not count
    u[...], v[...], w[...] = -turns * np.arange(11)[:, None], turns * np.arange(13), 0.0
    stage.nu[:] = np.random.default_rng(5).uniform(0.1, 3.0, stage.nu.shape)
    before = stage.wind.copy()
    for n in range(3):
        first = tuple(1 + (n == m) for m in range(3))
        for colour in (0, 1):
            momentum.sweep(
                stage.wind, before[n], 0.0 * stage.pressure, 0.0 * stage.add, stage.nu, stage.speed, stage.air.ravel(), n,
                stage.shape, first, stage.widths, stage.thick[n], stage.apart[n], 0.0 * stage.drag, 5.0, colour,
            )  # fmt: skip
    assert np.abs(stage.wind - before).max() < 1e-6 * turns


def test_gusts_are_carried_with_second_order() -> None:
    stage = momentum._Stage(wind_around(np.zeros((9, 24)), BOX, INFLOW, 270.0), INFLOW, 270.0, Z0, None)
    u, v, w = stage.wind.reshape(3, *stage.room)
    u[...], v[...], w[...] = 2.0, 0.0, 0.0
    wave = np.sin(0.2 * np.arange(26))
    stage.energy.reshape(stage.room)[...] = wave
    momentum.second_order(stage.add, stage.energy, 0, stage.wind, stage.shape, (1, 1, 1), stage.widths, stage.thick[0])
    found = 2.0 * np.diff(wave)[1:-1] / CELL + stage.add.reshape(stage.room)[3, 5, 2:-1]
    middle, slope = slice(3, -3), 2.0 * 0.2 * np.cos(0.2 * np.arange(2, 25)) / CELL
    rising = np.abs(wave[2:25][middle]) < 0.9  # at crests it is limited
    assert np.abs(found[middle] - slope[middle])[rising].max() < 0.1 * np.abs(slope).max()
    assert np.abs(2.0 * np.diff(wave)[1:-1] / CELL - slope)[middle][rising].max() > 0.08 * np.abs(slope).max()


def test_no_component_of_the_gusts_has_a_negative_variance() -> None:
    stage = momentum._Stage(wind_around(cube(), BOX, INFLOW, 270.0), INFLOW, 270.0, Z0, None)
    for k in range(21):
        stage.step(k)
    energy = stage.energy.copy()
    stage.step(21)
    most = stage.strain / np.sqrt(3.0)  # of any rate of strain of air that keeps its volume
    assert (2.0 / 3.0 * energy - 2.0 * stage.nu * most >= -1e-12 * energy).all()
    assert (2.0 / 3.0 * energy - 2.0 * SHARE * stage.length * np.sqrt(energy) * most < 0.0).any()


def test_the_inflows_own_gusts_are_carried(around: Wind) -> None:
    gusty = steady_wind(cube(), BOX, INFLOW, 270.0, Z0, gusts=lambda z: np.full(np.shape(z), 4.0))
    assert gusty.ustar[5, 2, 3] == pytest.approx(2.0 * SHARE, rel=0.2) and gusty.ustar[5, 2, 3] > around.ustar[5, 2, 3]


def test_a_coarser_world_is_built_where_half_is() -> None:
    roof = np.zeros((3, 4))
    roof[0, :2], roof[2, 3] = 8.0, 5.0
    low, box = coarser(roof, Box(0.0, 0.0, 2.0, np.array([0.0, 1.0, 2.0, 4.0])))
    assert low.tolist() == [[8.0, 0.0], [0.0, 5.0]] and box.cell_m == 4.0 and box.edges.tolist() == [0.0, 2.0, 6.0]
