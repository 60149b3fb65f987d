"""Leaving on foot by road: the least dose against arithmetic, round water, over bridges, without roads."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import geopandas as gpd
import numpy as np
import pytest
import shapely
import xarray as xr

from evacuation.release.proofs.worlds import CRS, NORTH, WEST, town
from evacuation.release.release import Release
from evacuation.release.ways import Water, water_on, ways_of
from twin.city import City, empty_table
from twin.clock import Clock

CLOCK = Clock(datetime(2026, 6, 20, 10, tzinfo=UTC), 1200.0, 60.0)
SPEED, RATE = 1.0, 1e-3


def roads(lines: dict[str, list[tuple[float, float]]], level: int = 0) -> gpd.GeoDataFrame:
    """Return roads between points that are named by where they are."""
    return gpd.GeoDataFrame(
        {
            "id": list(lines), "u": [str(line[0]) for line in lines.values()], "v": [str(line[-1]) for line in lines.values()],
            "name_zh": list(lines), "name_en": list(lines), "road_class": "residential", "lanes": 2, "speed_kmh": 30.0,
            "level": level, "underpass": False,
        },
        geometry=[shapely.LineString([(WEST + x, NORTH - y) for x, y in line]) for line in lines.values()],
        crs=CRS,
    )  # fmt: skip


@pytest.fixture(scope="module")
def city() -> City:
    """A road of 600 m to the east, and one of 1000 m round it to the south."""
    lines = {
        "direct": [(10.0, 10.0), (610.0, 10.0)],
        "round": [(10.0, 10.0), (10.0, 210.0), (610.0, 210.0), (610.0, 10.0)],
    }
    return replace(town(), roads=roads(lines))


def least(city: City, rate: np.ndarray, field: xr.DataArray | None = None) -> np.ndarray:
    """Return the least dose from the western end at each piece."""
    ways = ways_of(city, SPEED, 60.0)
    assert ways is not None
    here, away = ways.nearest(WEST + 10.0, NORTH - 10.0)
    assert away == 0.0
    water = water_on(ways, field, CRS, CLOCK, 0.0, None)
    return ways.least_doses(np.array([here]), rate, city.grid, 60.0, water, 0)[0][0]


def cloud(city: City, east_m: float) -> np.ndarray:
    """Return a dose rate that is RATE west of `east_m` for 20 minutes."""
    rate = np.zeros((20, *city.grid.shape))
    rate[:, :, city.grid.x < WEST + east_m] = RATE
    return rate


def test_the_least_dose_is_rate_by_time_to_the_edge_of_the_cloud(city: City) -> None:
    # the cloud ends 300 m east, 290 m down the road: 29 pieces of 10 s begin in it
    assert least(city, cloud(city, 300.0))[0] == pytest.approx(29 * 10.0 * RATE, rel=1e-12)


def test_who_leaves_late_collects_to_the_end_at_most(city: City) -> None:
    dose = least(city, cloud(city, 300.0))
    assert dose[-1] == pytest.approx(10.0 * RATE) and (np.diff(dose) <= 1e-15).all()


def flood(city: City) -> xr.DataArray:
    """Return a metre of water on 200 m to 240 m east, 100 m wide, through the whole run."""
    depth = np.zeros((2, *city.grid.shape))
    depth[:, city.grid.y > NORTH - 100.0, 10:12] = 1.0
    times = [CLOCK.times.values[0], CLOCK.times.values[-1]]
    return xr.DataArray(depth, {"time": times, "y": city.grid.y, "x": city.grid.x}, ("time", "y", "x"), "water_depth")


def test_water_sends_people_round(city: City) -> None:
    # 200 m south, then 290 m east: 49 pieces
    assert least(city, cloud(city, 300.0), flood(city))[0] == pytest.approx(49 * 10.0 * RATE, rel=1e-12)


def test_a_bridge_stands_above_the_water(city: City) -> None:
    bridge = replace(city, roads=city.roads.assign(level=[1, 0]))
    assert least(bridge, cloud(city, 300.0), flood(city))[0] == pytest.approx(29 * 10.0 * RATE, rel=1e-12)


def test_what_an_earlier_run_met_comes_first(city: City) -> None:
    ways = ways_of(city, SPEED, 60.0)
    assert ways is not None
    whole = water_on(ways, flood(city), CRS, CLOCK, 0.0, None)
    on = water_on(ways, flood(city), CRS, CLOCK, 1200.0, whole.arrays())
    assert isinstance(on, Water) and list(on.times) == [0.0, 1200.0, 1200.0, 2400.0]
    assert list(on.frame_at(np.array([0.0, 1199.0, 1200.0, 2500.0]))) == [0, 0, 2, 3]


@pytest.mark.parametrize(("streets", "reason"), [(False, "no_roads"), (True, "leaving_halves")])
def test_without_roads_nobody_is_sent_out(streets: bool, reason: str) -> None:
    where = town() if streets else replace(town(), roads=empty_table("roads", CRS))
    clock = Clock(datetime(2026, 6, 20, 10, tzinfo=UTC), 3600.0, 300.0)
    given = {
        name: xr.DataArray([value], {"time": clock.times[:1].values}, name=name)
        for name, value in (("eastward_wind", 1.0), ("northward_wind", 0.0))
    }
    model = Release(
        substance="chlorine",
        site="works/T1",
        hole_mm=12.0,
        wind_members=0,
        warned_min=2.0,
        ready_min=0.0,
        walk_m_s=1.2,
        air_changes_shut=6.0,
    )
    table = model.simulate(where, given, clock).tables["advice"]
    assert reason in set(table["reason"])
    if not streets:
        assert (table["advice"] != "leave").all() and table["dose_leave"].isna().all()


def test_where_staying_and_leaving_both_kill_rescue_is_called() -> None:
    clock = Clock(datetime(2026, 6, 20, 10, tzinfo=UTC), 3600.0, 300.0)
    given = {
        name: xr.DataArray([value], {"time": clock.times[:1].values}, name=name)
        for name, value in (("eastward_wind", 1.0), ("northward_wind", 0.0))
    }
    model = Release(
        substance="chlorine",
        site="works/T1",
        hole_mm=40.0,
        wind_members=0,
        air_changes_open=30.0,
        air_changes_shut=20.0,
    )
    for where in (town(), replace(town(), roads=empty_table("roads", CRS))):
        table = model.simulate(where, given, clock).tables["advice"]
        deadly = (table["dose_stay"] >= 1.0) & ~(table["dose_leave"] < 1.0)
        assert table["rescue"].tolist() == deadly.tolist() and deadly.any() and not deadly.all()
