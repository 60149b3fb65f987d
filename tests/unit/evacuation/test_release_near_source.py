"""Near the source: particles between buildings, handed over to puffs; on open ground both are alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import shapely

from evacuation.release.buildings import near_source
from evacuation.release.buildings.near_members import NearMembers
from evacuation.release.buildings.near_source import BetweenBuildings, Surroundings
from evacuation.release.buildings.wind import wind_around
from evacuation.release.cloud import Cloud, Emission
from evacuation.release.dilution import PASSIVE, even
from evacuation.release.proofs.worlds import CRS, NORTH, WEST, even_air, town, wind
from evacuation.release.release import Release
from twin.city import City, empty_table
from twin.clock import Clock
from twin.hazard import Outcome

X, Y, DT = WEST + 310.0, NORTH - 1010.0, 20.0
AIR = replace(even_air(0.3, 0.0, 1.92, z0=0.03, highest_m=400.0), west=WEST - 1e5, north=NORTH + 1e5)
GAS = Emission(0, X, Y, 2.0, 0.0, PASSIVE, 1.2, 1.0, 1.0)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ANLAN_WIND_CACHE", str(tmp_path / "winds"))
    monkeypatch.setattr(near_source, "HALF_M", 100.0)
    monkeypatch.setattr(near_source, "PARTICLES", 400)


@pytest.fixture(scope="module")
def city() -> City:
    return town()


@pytest.fixture(scope="module")
def open_city(city: City) -> City:
    return replace(city, buildings=empty_table("buildings", CRS))


def carried(near: BetweenBuildings, steps: range, emission: Emission = GAS) -> tuple[np.ndarray, float, float]:
    """Return the mean concentration over the steps, and what the ground took and what was lost, kg."""
    mean, taken, lost = np.zeros((100, 100)), 0.0, 0.0
    for k in steps:
        c = np.zeros((100, 100))
        more = near.step([emission] if emission.kg_s or k == 0 else [], DT, k, AIR, k * DT, c, (0.0, 0.0))
        mean, taken, lost = mean + c / len(steps), taken + more[0], lost + more[1]
    return mean, taken, lost


def test_on_open_ground_particles_and_their_puffs_are_the_plume(open_city: City) -> None:
    grid, near, cloud = open_city.grid, BetweenBuildings(open_city, open_city.grid, 0.0, None), Cloud()
    carried(near, range(25))
    ours, _, _ = carried(near, range(25, 45))
    plume = np.zeros((1, *grid.shape))
    for k in range(45):
        cloud.step([GAS], DT, 8, 8 * k, AIR, k * DT)
    cloud.onto(grid, AIR, plume)
    for metres in (60, 300, 600):  # within the box, and far outside
        col = int((X - WEST + metres) / grid.cell_m)
        across = (np.arange(grid.ny) - 50) * grid.cell_m
        a, b = ours[:, col], plume[0, :, col]
        assert a.sum() == pytest.approx(b.sum(), rel=0.2)  # the band for the two models: `particles/integral`
        if metres < 100:
            continue  # narrower than a cell
        widths = [np.sqrt((c * (across - (c * across).sum() / c.sum()) ** 2).sum() / c.sum()) for c in (a, b)]
        assert widths[0] == pytest.approx(widths[1], rel=0.25)


@pytest.mark.parametrize("emission", [GAS, replace(GAS, kg_s=0.0, kg=500.0)])
def test_no_mass_is_lost_at_the_hand_over(city: City, emission: Emission) -> None:
    near = BetweenBuildings(city, city.grid, 0.0, None)
    _, taken, lost = carried(near, range(12), emission)
    came = 12 * DT * emission.kg_s + emission.kg
    assert near.airborne_kg + taken + lost == pytest.approx(came, rel=1e-12)
    assert 0.0 < near.far.airborne_kg < came  # some has left the box


def test_two_halves_are_the_whole(city: City) -> None:
    whole, first = (BetweenBuildings(city, city.grid, 0.0, None) for _ in range(2))
    carried(whole, range(6))
    carried(first, range(3))
    second = BetweenBuildings(city, city.grid, 0.0, first.arrays())
    carried(second, range(3, 6))
    one, two = whole.arrays(), second.arrays()
    assert one.keys() == two.keys() and all(np.array_equal(one[name], two[name]) for name in one)


def test_the_ground_takes_as_much_of_the_particles_as_of_the_plume(open_city: City) -> None:
    uptake, steps = 0.01, range(20)
    air = replace(AIR, ustar=np.full_like(AIR.ustar, 0.15))  # so light that all stays in the box
    near, cloud = BetweenBuildings(open_city, open_city.grid, uptake, None), Cloud(uptake=uptake)
    taken, puffs, lost = 0.0, 0.0, 0.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_source, "HALF_M", 300.0)
        for k in steps:
            more = near.step([GAS], DT, k, air, k * DT, np.zeros((100, 100)), (0.0, 0.0))
            taken, lost = taken + more[0], lost + more[1]
            puffs += cloud.step([GAS], DT, 8, 8 * k, air, k * DT)
    assert taken == pytest.approx(puffs, rel=0.2) and taken > 0.01 * len(steps) * DT * GAS.kg_s
    assert near.airborne_kg + taken + lost == pytest.approx(len(steps) * DT * GAS.kg_s, rel=1e-12)


def test_without_uptake_the_ground_takes_nothing(open_city: City) -> None:
    assert carried(BetweenBuildings(open_city, open_city.grid, 0.0, None), range(3))[1] == 0.0


def walled(city: City) -> City:
    """Return the city with one wall 24 m high across the wind behind the source."""
    wall = shapely.box(X + 30, Y - 50, X + 50, Y + 50)
    return replace(city, buildings=city.buildings.iloc[:1].assign(floors=8).set_geometry([wall], crs=CRS))


def test_a_wind_is_worked_out_once_and_a_spoilt_file_again(
    city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, city = [], walled(city)
    monkeypatch.setattr(near_source, "steady_wind", lambda *given, z0_m: asked.append(z0_m) or wind_around(*given))
    one, first = (BetweenBuildings(city, city.grid, 0.0, None) for _ in range(2))
    a, _, _ = carried(one, range(2))
    kept = list((tmp_path / "winds").iterdir())
    assert len(asked) == 1 and [path.suffix for path in kept] == [".wind"]
    b, _, _ = carried(first, range(2))
    assert len(asked) == 1 and np.array_equal(a, b) and "near_spoilt" not in dict(first.notes())
    whole = kept[0].read_bytes()
    for spoilt in (whole[:1000], b"", whole[:3000] + bytes(64) + whole[3064:]):
        kept[0].write_bytes(spoilt)
        near = BetweenBuildings(city, city.grid, 0.0, None)
        c, _, _ = carried(near, range(2))
        assert np.array_equal(a, c) and dict(near.notes())["near_spoilt"] == {"count": 1}
        assert list((tmp_path / "winds").iterdir()) == kept and kept[0].read_bytes() != spoilt
    assert len(asked) == 4
    higher = replace(city, buildings=city.buildings.assign(floors=9))
    carried(BetweenBuildings(higher, city.grid, 0.0, None), range(1))
    assert len(asked) == 5  # other roofs, another wind


def test_where_nothing_can_be_written_winds_are_worked_out_all_the_same(
    city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("ANLAN_WIND_CACHE", str(tmp_path / "file" / "winds"))
    near = BetweenBuildings(city, city.grid, 0.0, None)
    assert carried(near, range(1))[0].max() > 0.0 and "near_spoilt" not in dict(near.notes())


def test_a_wall_keeps_gas_from_what_lies_behind_it(open_city: City, city: City) -> None:
    free, _, _ = carried(BetweenBuildings(open_city, open_city.grid, 0.0, None), range(20))
    near = BetweenBuildings(walled(city), city.grid, 0.0, None)
    behind, _, _ = carried(near, range(20))
    row, col = 50, int((X - WEST + 60) / 20.0)
    assert behind[row - 1 : row + 2, col].mean() < 0.7 * free[row - 1 : row + 2, col].mean()
    assert "near_source" in {code for code, _ in near.notes()}


def test_the_box_is_turned_so_that_walls_lie_along_its_cells(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_source, "steady_wind", lambda *given, z0_m: wind_around(*given))
    plain = walled(city)
    houses = plain.buildings
    leaning = replace(plain, buildings=houses.set_geometry(houses.rotate(20.0, origin=(X, Y))))
    one, other = (Surroundings(each, city.grid, X, Y, 0.1) for each in (plain, leaning))
    assert one.turn_deg == 0.0 and other.turn_deg == pytest.approx(20.0, abs=1e-5)
    assert one.sectors.roof.any() and np.array_equal(one.sectors.roof, other.sectors.roof)
    east = np.array([[X + 50.0, Y, 3.0]])  # a point east of the place on the map is south of east in the box
    assert other.turned(east, -1.0)[0] == pytest.approx(
        [X + 50.0 * np.cos(np.radians(20.0)), Y - 50.0 * np.sin(np.radians(20.0)), 3.0], abs=1e-4
    )
    assert other.turned(other.turned(east, -1.0), 1.0) == pytest.approx(east, abs=1e-8)
    assert np.array_equal(one.carrier(270.0).wind.u, other.carrier(250.0).wind.u)  # across the wall in both
    row, col = np.nonzero(other.open < 1.0)
    taken = 1.0 - other.open[row, col]
    middle = leaning.buildings.geometry.centroid.iloc[0]
    assert (taken * (WEST + 20.0 * col + 10.0)).sum() / taken.sum() == pytest.approx(middle.x, abs=3.0)
    assert (taken * (NORTH - 20.0 * row - 10.0)).sum() / taken.sum() == pytest.approx(middle.y, abs=3.0)


def test_a_source_in_a_building_begins_outside_and_says_so(city: City) -> None:
    house = city.buildings.iloc[:1].set_geometry([shapely.box(X - 20, Y - 20, X + 20, Y + 20)], crs=CRS)
    near = BetweenBuildings(replace(city, buildings=house), city.grid, 0.0, None)
    carried(near, range(1))
    assert dict(near.notes())["near_moved"]["metres"] >= 17


def test_of_a_heavy_gas_the_higher_cloud_is_shown(open_city: City) -> None:
    near, c = BetweenBuildings(open_city, open_city.grid, 0.0, None), np.full((100, 100), 1e-3)
    near.step([replace(GAS, dilution=even(0.5))], DT, 0, AIR, 0.0, c, (0.0, 0.0))
    assert c.min() == 1e-3 and c.max() > 1e-3 and "near_dense" in {code for code, _ in near.notes()}


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    clock = Clock(datetime(2026, 6, 20, 4, tzinfo=UTC), 900.0)
    model = Release(substance="chlorine", site="works/T1", mass_kg=600.0, wind_members=0, near_source=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_source, "HALF_M", 120.0)
        return model.simulate(town(), wind(clock, {0.0: (2.0, 0.3), 600.0: (1.5, 1.5)}), clock)


def test_a_run_closes_its_ledger_and_says_what_it_did(outcome: Outcome) -> None:
    assert {"near_source", "near_dense"} <= {code for code, _ in outcome.notes}
    assert float(outcome.fields["max_gas_concentration"].max()) > 0.0 and abs(outcome.balance.error) <= 1e-9


def test_a_member_goes_with_its_own_wind_and_strength_and_the_mean_as_without_members(open_city: City) -> None:
    near = NearMembers(
        open_city, open_city.grid, Cloud(np.array([90.0]), np.array([1.0]), strengths=np.array([[1.0, 3.0]])), None
    )
    alone, c, grid = BetweenBuildings(open_city, open_city.grid, 0.0, None), np.zeros((2, 100, 100)), open_city.grid
    for k in range(4):
        one = np.zeros((100, 100))
        alone.step([GAS], DT, k, AIR, k * DT, one, (0.0, 0.0))
        taken, _ = near.step([GAS], DT, k, AIR, k * DT, c, (0.0, 0.0))
        assert np.array_equal(c[0], one) and taken == 0.0
    east, south = ((c * off).sum(axis=(1, 2)) / c.sum(axis=(1, 2)) for off in (grid.x - X, Y - grid.y[:, None]))
    assert east[0] > 20.0 > abs(south[0]) and south[1] > 20.0 > abs(
        east[1]
    )  # the wind goes east, the member's a quarter clockwise
    assert near.others[0].airborne_kg == pytest.approx(3.0 * near.airborne_kg, rel=1e-9)
    assert dict(near.notes())["near_members"]["count"] == 200
    held = near.others[0].airborne_kg
    near.step([replace(GAS, gone=(0.5, 0.1))], DT, 4, AIR, 4 * DT, c, (0.0, 0.0))
    assert near.others[0].airborne_kg == pytest.approx(held, rel=1e-9), (
        "three times half of what the source holds is more than there is"
    )


def test_a_member_has_its_own_stability_outside_the_box(open_city: City) -> None:
    """Its puffs are narrower in stable air; in the box the same particles go the same way."""
    calmer = replace(AIR, inv_l=0.03, lateral=1.3)
    kept = []
    for off in (0, 2):
        cloud = Cloud(np.zeros(1), np.ones(1), classes=np.array([off]))
        near, air = NearMembers(open_city, open_city.grid, cloud, None), replace(AIR, beside=(AIR, calmer))
        c = np.zeros((2, 100, 100))
        for k in range(15):
            near.step([GAS], DT, k, air, k * DT, c, (0.0, 0.0))
        kept.append((c, near.others[0].position))
    (one, at), (other, still_at) = kept
    assert np.array_equal(one[0], other[0]) and np.array_equal(at, still_at)
    far = open_city.grid.x > X + 150.0
    assert other[1][:, far].max() > 1.05 * one[1][:, far].max() > 0.0


def test_members_with_sources_of_their_own_stay_puffs_and_say_so(open_city: City) -> None:
    cloud = Cloud(np.zeros(1), np.ones(1), shifts=np.array([[[0.0, 0.0], [40.0, 0.0]]]))
    near, c = NearMembers(open_city, open_city.grid, cloud, None), np.full((2, 100, 100), 1e-3)
    near.step([GAS], DT, 0, AIR, 0.0, c, (0.0, 0.0))
    assert (c[1] == 1e-3).all() and c[0].min() == 0.0 and "near_puffs" in dict(near.notes())


def test_members_cut_in_two_are_the_whole(open_city: City) -> None:
    def through(near: NearMembers, steps: range) -> np.ndarray:
        c = np.zeros((3, 100, 100))
        for k in steps:
            near.step([GAS], DT, k, AIR, k * DT, c, (0.0, 0.0))
        return c

    cloud = Cloud(np.array([20.0, -15.0]), np.array([0.8, 1.3]))
    whole, first = (NearMembers(open_city, open_city.grid, cloud, None) for _ in range(2))
    through(first, range(3))
    second = NearMembers(open_city, open_city.grid, cloud, first.arrays())
    assert np.array_equal(through(whole, range(6)), through(second, range(3, 6)))
