"""Wind around buildings and particles in it: exact answers of small worlds."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

from evacuation.release.buildings.obstacles import Obstacles, roofs, wall_direction
from evacuation.release.buildings.particles import Swarm, particles
from evacuation.release.buildings.turbulence import SHARE, closeness, scalar_speed, turbulence
from evacuation.release.buildings.wind import Box, Sectors, Wind, faces, layers, log_law, power_law, wind_around
from evacuation.release.kernels import zones
from evacuation.release.kernels.particles import pair
from evacuation.release.proofs.building_wind import hits, of_table
from twin.errors import ScenarioError
from twin.jit import on_threads

CELL = 4.0
INFLOW = log_law(5.0, 10.0, 0.1)
BOX = Box(100.0, 200.0, CELL, layers(2.0, 70.0, 30.0))


def cube(ny: int = 29, nx: int = 40) -> np.ndarray:
    roof = np.zeros((ny, nx))
    roof[12:17, 12:17] = 20.0
    return roof


@pytest.fixture(scope="module")
def around() -> Wind:
    return wind_around(cube(), BOX, INFLOW, 270.0)


def net(wind: Wind) -> np.ndarray:
    (ax, ay, az), _ = faces(wind.air, wind.box)
    return np.diff(wind.u * ax, axis=2) + np.diff(wind.v * ay, axis=1) + np.diff(wind.w * az, axis=0)


def test_over_open_ground_the_wind_stays_the_inflow() -> None:
    wind = wind_around(np.zeros((20, 24)), BOX, INFLOW, 300.0)
    u, v, w = wind.centres
    speed, to = INFLOW(BOX.z)[:, None, None], np.deg2rad(300.0 + 180.0)
    assert np.abs(u - speed * np.sin(to)).max() < 1e-12 and np.abs(v - speed * np.cos(to)).max() < 1e-12
    assert not w.any() and wind.rounds == 0


def test_no_cell_makes_or_loses_air(around: Wind) -> None:
    largest = float(INFLOW(BOX.z).max()) * CELL * max(CELL, float(np.diff(BOX.edges).max()))
    assert around.leak <= 1e-6 and np.abs(net(around)).max() <= 1e-6 * largest and around.rounds > 1


def test_nothing_flows_into_a_building(around: Wind) -> None:
    solid = ~around.air
    for field, axis in ((around.u, 2), (around.v, 1), (around.w, 0)):
        count = field.shape[axis]
        low, high = np.take(field, range(count - 1), axis), np.take(field, range(1, count), axis)
        assert not low[solid].any() and not high[solid].any()
    assert not around.w[0].any()


def test_what_enters_the_box_leaves_it(around: Wind) -> None:
    (ax, ay, az), _ = faces(around.air, BOX)
    into = (around.u * ax)[:, :, 0].sum() + (around.v * ay)[:, 0].sum()
    out = (around.u * ax)[:, :, -1].sum() + (around.v * ay)[:, -1].sum() + (around.w * az)[-1].sum()
    assert into == pytest.approx(out, rel=1e-5)
    # A plane through the cube and its surroundings carries what entered before it, less what left by sides and top.
    before = np.s_[:, :, :14]
    side = (
        (around.v * ay)[:, -1][:, :14].sum() - (around.v * ay)[:, 0][:, :14].sum() + (around.w * az)[-1][:, :14].sum()
    )
    assert (around.u * ax)[:, :, 14].sum() == pytest.approx((around.u * ax)[:, :, 0].sum() - side, rel=1e-5)
    assert np.abs(net(around)[before]).max() < 1e-3


def test_a_mirror_shows_the_same_wind(around: Wind) -> None:
    u, v, w = around.centres
    assert np.abs(u - u[:, ::-1]).max() < 1e-4 and np.abs(v + v[:, ::-1]).max() < 1e-4
    assert np.abs(w - w[:, ::-1]).max() < 1e-4


def test_a_quarter_turn_turns_the_wind() -> None:
    roof = np.zeros((24, 24))
    roof[8:14, 10:13] = 12.0
    west = wind_around(roof, BOX, INFLOW, 270.0)
    north = wind_around(roof.T[::-1], BOX, INFLOW, 0.0)  # turned clockwise: what was east is south
    assert np.abs(west.centres[0] - -north.centres[1][:, ::-1].transpose(0, 2, 1)).max() < 1e-4


def test_behind_the_cube_the_wind_turns_back_and_beside_it_speeds_up(around: Wind) -> None:
    u = around.centres[0]
    assert u[2, 14, 18] < 0.0 < u[2, 14, 39] and u[2, 10, 14] > u[2, 10, 0]


def test_lengths_of_zones_are_those_of_the_papers() -> None:
    roof = np.zeros((30, 30))
    roof[10:15, 10:20] = 10.0  # 40 m along x, 20 m across
    seen = Obstacles.of(roof, CELL).seen(1.0, 0.0, np.array([4.0]))[0]
    assert seen[zones.WIDTH] == pytest.approx(20.0) and seen[zones.HEIGHT] == 10.0
    assert seen[zones.CAVITY] == pytest.approx(1.8 * 20.0 / (3.0**0.3 * (1.0 + 0.24 * 2.0)))
    assert seen[zones.FRONT] == pytest.approx(1.5 * 20.0 / (1.0 + 0.8 * 2.0))
    assert (
        zones.behind(1.0, 0.0, 0.0, 10.0, 20.0, 14.0) == 14.0 and zones.behind(1.0, 10.0, 0.0, 10.0, 20.0, 14.0) == 0.0
    )


def test_touching_houses_of_one_height_are_one_obstacle_and_a_tower_is_another() -> None:
    roof = np.zeros((10, 12))
    roof[3:6, 2:5], roof[3:6, 5:8], roof[3:6, 8:10] = 9.0, 10.0, 30.0
    obstacles = Obstacles.of(roof, CELL)
    assert len(obstacles.height) == 2 and obstacles.label[4, 3] == obstacles.label[4, 6] != obstacles.label[4, 9]


def test_roofs_are_those_of_the_footprints() -> None:
    houses = gpd.GeoDataFrame({"height_m": [6.0, 9.0]}, geometry=[shapely.box(2, 2, 6, 6), shapely.box(5, 2, 9, 4)])
    roof = roofs(houses, 0.0, 0.0, 1.0, (10, 12))
    assert roof[2, 2] == 6.0 and roof[2, 5] == 9.0 and roof[5, 5] == 6.0 and roof.sum() == 6.0 * 14 + 9.0 * 8


def test_a_wind_says_where_it_leaves_its_validity(around: Wind) -> None:
    assert dict(around.notes) == {"mean_only": 1.0}
    roof = np.zeros((20, 24))
    roof[2:4, 5:10] = 40.0
    told = dict(wind_around(roof, BOX, INFLOW, 270.0).notes)
    assert told == {"mean_only": 1.0, "near_side": pytest.approx(0.2), "low_box": BOX.edges[-1] / 40.0, "thin": 1.0}
    assert wind_around(np.zeros((20, 24)), BOX, INFLOW, 270.0).notes == ()


def test_a_sector_is_worked_out_once_and_scales_with_the_speed() -> None:
    sectors = Sectors(cube(), BOX, INFLOW, 10.0)
    one, two = sectors.wind(5.0, 268.0), sectors.wind(10.0, 275.0)
    assert np.array_equal(two.u, 2.0 * one.u) and len(sectors._kept) == 1
    assert sectors.wind(5.0, 359.0) is not one and sorted(sectors._kept) == [0, 12]


def test_turbulence_over_open_ground_has_the_inflows_friction() -> None:
    wind = wind_around(np.zeros((6, 8)), BOX, INFLOW, 270.0)
    ustar = turbulence(wind, 0.1).ustar[:-1]
    assert ustar == pytest.approx(5.0 * 0.4 / np.log(100.0), rel=1e-9)


def test_the_nearest_wall_is_half_a_cell_away_or_more_wherever_a_roof_ends_in_its_layer() -> None:
    box = Box(0.0, 0.0, 5.0, layers(2.0, 20.0, 20.0))
    for height in (2.01, 2.5, 2.99, 3.99):  # the centre of the second layer is at 3 m
        roof = np.zeros((9, 9))
        roof[4, 4] = height
        wind = wind_around(roof, box, log_law(5.0, 10.0, 0.1), 270.0)
        distance, near = closeness(wind)
        over = 1 if height < 3.0 else 2
        assert distance[over, 4, 4] == 1.0 and near[over, 4, 4] and not wind.air[over - 1, 4, 4]
        assert distance[wind.air].min() == 1.0 and not distance[~wind.air].any()
        assert distance[over - 1, 4, 5] == min(2.5, box.z[over - 1])  # beside the wall, or nearer to the ground


def test_over_a_street_the_nearest_wall_is_the_edge_of_a_roof() -> None:
    roof = np.zeros((9, 9))
    roof[:, :3] = roof[:, 6:] = 10.0  # a street 15 m wide between houses
    box = Box(0.0, 0.0, 5.0, layers(2.0, 40.0, 40.0))
    distance, _ = closeness(wind_around(roof, box, log_law(5.0, 10.0, 0.1), 180.0))
    assert distance[4, 4, 4] == 7.5 and distance[0, 4, 4] == 1.0  # in the street: half its width; over the ground
    assert distance[6, 4, 4] == pytest.approx(np.hypot(7.5, 3.0))  # at 13 m: the edges, not the ground
    assert distance[6, 4, 1] == 3.0 and distance[6, 4, 3] == pytest.approx(np.hypot(2.5, 3.0))
    assert not distance[2, 4, 1]


def test_the_walls_direction_is_that_of_most_of_their_length() -> None:
    court = shapely.box(0, 0, 40, 20).difference(shapely.box(10, 5, 30, 15))
    houses = gpd.GeoDataFrame(
        geometry=[court, shapely.MultiPolygon([shapely.box(60, 0, 70, 9), shapely.box(80, 0, 99, 9)])]
    )
    assert wall_direction(houses) == 0.0 == wall_direction(houses.iloc[:0])
    for turn in (-44.0, -3.0, 21.5, 44.0):
        assert wall_direction(houses.set_geometry(houses.rotate(turn, origin=(7, 5)))) == pytest.approx(turn, abs=1e-5)
    shed = gpd.GeoDataFrame(geometry=[houses.geometry[0], shapely.affinity.rotate(shapely.box(50, 0, 51, 1), 40.0)])
    assert abs(wall_direction(shed)) < 1.0


def test_gusts_alone_give_a_scalar_speed_in_calm_air() -> None:
    wind = wind_around(np.zeros((6, 8)), BOX, INFLOW, 270.0)
    gusty, calm = turbulence(wind, 0.1), wind.scaled(0.0)
    felt, speed = scalar_speed(calm, gusty, np.array([116.0]), np.array([212.0]), np.array([5.0]))
    sigma = np.sqrt(2.0 / 3.0) * gusty.ustar[2, 3, 3] / SHARE  # of the energy (u* / SHARE)^2
    assert speed[0] == 0.0 and felt[0] == pytest.approx(np.sqrt(8.0 / np.pi) * sigma, rel=1e-6)  # Maxwell 1860


def test_random_numbers_are_normal_and_no_two_particles_share_them() -> None:
    numbers = np.array([pair(3, n, 4 * k) for n in range(100) for k in range(200)]).ravel()
    assert abs(numbers.mean()) < 4.0 / np.sqrt(len(numbers)) and numbers.var() == pytest.approx(1.0, abs=0.03)
    assert len(np.unique(numbers)) == len(numbers)


@pytest.fixture
def start(around: Wind) -> Swarm:
    return Swarm.at(np.tile([136.0, 258.0, 2.0], (500, 1)), np.random.default_rng(1))


def test_particles_are_the_same_on_one_thread_and_two_and_in_two_parts(around: Wind, start: Swarm) -> None:
    mixing = turbulence(around, 0.1)
    *_, whole = particles(around, mixing, start, 8.0, 4.0, 5)
    with on_threads(1):
        (first,) = particles(around, mixing, start, 4.0, 4.0, 5)
        (second,) = particles(around, mixing, first, 4.0, 4.0, 5)
    assert np.array_equal(second.position, whole.position) and np.array_equal(second.here, whole.here)


def test_particles_stay_in_the_air_and_go_with_the_wind(around: Wind, start: Swarm) -> None:
    for swarm in particles(around, turbulence(around, 0.1), start, 60.0, 5.0, 5):
        x, y, z = swarm.position[swarm.here].T
        k = np.searchsorted(BOX.edges, z, side="right") - 1
        assert around.air[k, ((y - 200.0) / CELL).astype(int), ((x - 100.0) / CELL).astype(int)].all()
    assert not swarm.here.all() and x.mean() > 136.0


@pytest.mark.parametrize("spot", [[158.0, 258.0, 2.0], [90.0, 258.0, 2.0]])
def test_a_start_in_a_building_or_outside_is_refused(around: Wind, spot: list[float]) -> None:
    with pytest.raises(ScenarioError, match="particles"):
        list(
            particles(
                around, turbulence(around, 0.1), Swarm.at(np.array([spot]), np.random.default_rng(1)), 1.0, 1.0, 1
            )
        )


@pytest.mark.parametrize("broken", [np.nan, -1.0, 90.0])
def test_roofs_that_cannot_be_are_refused(broken: float) -> None:
    roof = cube()
    roof[3, 3] = broken
    with pytest.raises(ScenarioError, match="roofs"):
        wind_around(roof, BOX, INFLOW, 270.0)


def test_an_inflow_that_cannot_be_is_refused() -> None:
    for make in (
        lambda: log_law(0.0, 10.0, 0.1),
        lambda: log_law(3.0, 5.0, 0.1, 6.0),
        lambda: power_law(3.0, 10.0, 0.0),
    ):
        with pytest.raises(ScenarioError, match="inflow"):
            make()


def test_the_proofs_profile_and_hit_rate_are_what_they_say() -> None:
    inflow = of_table(np.array([1.0, np.e]), np.array([2.0, 3.0]))
    assert inflow(np.array([0.5, np.sqrt(np.e), 9.0])) == pytest.approx([2.0 * 0.5**0.2, 2.5, 3.0])
    assert hits(np.array([1.0, 1.0, 0.1, 0.1]), np.array([1.24, 1.26, 0.15, 0.17])) == 0.5
