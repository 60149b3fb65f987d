"""Timed works on the ground: breaches, barriers, sandbags and entrances."""

from __future__ import annotations

import dataclasses

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr

from hydro.flood import Flood
from hydro.ground.works import CREST, Entrances, bed_at, bed_key
from twin.clock import Clock
from twin.hazard import Action, Drivers

START = pd.Timestamp("2026-06-20T18:00+08:00").to_pydatetime()
CLOCK = Clock(START, 1800.0, 300.0)


def rain(mm_h: float) -> Drivers:
    return {"rain_rate": xr.DataArray([mm_h / 3.6e6], {"time": CLOCK.times[:1]})}


@pytest.fixture
def levee_city(small_city):
    """A levee with its crest at 30 m along the middle of the town."""
    west, north = small_city.grid.west, small_city.grid.north
    line = shapely.LineString([(west + 505, north - 5), (west + 505, north - 995)])
    levees = gpd.GeoDataFrame({"id": ["dyke"], "crest_m": [30.0]}, geometry=[line], crs=small_city.grid.crs)
    surface = small_city.surface.copy(deep=True)
    surface["terrain"][:, 50] = 30.0
    surface["building"][:, 50] = False
    return dataclasses.replace(small_city, levees=levees, surface=surface)


BREACH = Action("breach", "dyke", 600.0, None, {"width_m": 60.0, "bottom_m": 22.0, "at": 0.5, "minutes": 5.0})


def test_a_breach_grows_and_never_raises_ground(levee_city) -> None:
    base = levee_city.surface["terrain"].values
    early, half, late = (bed_at(levee_city, base, (BREACH,), t) for t in (0.0, 720.0, 2000.0))
    np.testing.assert_array_equal(early, base)
    assert 22.0 < half[50, 50] < 30.0 and late[50, 50] == 22.0 and late[10, 50] == 30.0
    assert (late <= base).all() and 50.0 <= 10.0 * (late != base)[:, 50].sum() <= 80.0
    assert bed_key((BREACH,), 0.0) == () != bed_key((BREACH,), 720.0) != bed_key((BREACH,), 2000.0)


def test_water_comes_through_a_breach_and_none_is_made(levee_city) -> None:
    model = Flood(drainage="none", precision="float64", edge="closed", infiltration="none")
    whole = model.simulate(levee_city, rain(250.0), CLOCK)
    broken = model.simulate(levee_city, rain(250.0), CLOCK, (BREACH,))
    east = {k: float(o.fields["water_depth"][-1, :, 52:].sum()) for k, o in {"whole": whole, "broken": broken}.items()}
    assert east["broken"] > 1.05 * east["whole"]
    assert abs(broken.balance.error) <= 1e-9


def test_water_over_the_step_runs_into_an_entrance_and_sandbags_keep_it_out(small_city) -> None:
    spot = small_city.facilities.iloc[[0]].assign(id="m1", kind="metro_entrance")
    city = dataclasses.replace(small_city, facilities=pd.concat([small_city.facilities, spot], ignore_index=True))
    model = Flood(drainage="none", precision="float64", infiltration="none")
    free = model.simulate(city, rain(150.0), CLOCK)
    table = free.tables["entrances"].set_index("id")
    assert table.loc["m1", "inflow_m3"] > 10.0 and 0.0 < table.loc["m1", "first_s"] < 1800.0
    assert free.balance.went_out["entrances"] == pytest.approx(table["inflow_m3"].sum())
    assert abs(free.balance.error) <= 1e-9
    bags = (Action("sandbags", "m1", 0.0, None, {"height_m": 1.9}),)
    assert model.simulate(city, rain(150.0), CLOCK, bags).balance.went_out["entrances"] == 0.0


def test_an_entrance_takes_what_a_broad_crest_passes(small_city) -> None:
    spot = small_city.facilities.iloc[[0]].assign(kind="metro_entrance", step_m=0.2, width_m=5.0)
    city = dataclasses.replace(small_city, facilities=spot)
    h = np.full(city.grid.shape, 0.5)
    entrances = Entrances(city, np.ones(city.grid.shape, bool))
    entrances.take(0.0, 2.0, h, ())
    assert entrances.total_m3 == pytest.approx(CREST * 5.0 * 0.3**1.5 * 2.0)
    assert not entrances.assumed
    assert h.min() == pytest.approx(0.5 - entrances.total_m3 / 100.0)


def test_water_poured_in_at_a_place_is_booked_apart_from_rain(small_city) -> None:
    model = Flood(drainage="none", precision="float64", infiltration="none", edge="closed")
    burst = Action("inflow", "s1", 300.0, 900.0, {"m3_s": 0.5})
    outcome = model.simulate(small_city, rain(20.0), CLOCK, (burst,))
    plain = model.simulate(small_city, rain(20.0), CLOCK)
    assert outcome.balance.came_in["inflow"] == pytest.approx(300.0)
    assert outcome.balance.came_in["rain"] == pytest.approx(plain.balance.came_in["rain"])
    assert abs(outcome.balance.error) <= 1e-9
    more = float((outcome.fields["water_depth"][-1] - plain.fields["water_depth"][-1]).sum()) * 100.0
    assert more == pytest.approx(300.0, rel=1e-3)


def test_a_hole_in_the_terrain_is_a_wall(small_city) -> None:
    """Water is lost over the rim of the city, never into missing data amid it."""
    surface = small_city.surface.copy(deep=True)
    ny, nx = surface["terrain"].shape
    surface["terrain"][ny // 2 - 4 : ny // 2 + 4, nx // 2 - 4 : nx // 2 + 4] = np.nan
    holed = dataclasses.replace(small_city, surface=surface)
    times = Clock(pd.Timestamp("2026-06-20T18:00+08:00").to_pydatetime(), 1800.0, 300.0)
    rain = {"rain_rate": xr.DataArray([60 / 3.6e6], {"time": times.times[:1]})}
    whole, parted = (Flood(drainage="none").simulate(city, rain, times).balance for city in (small_city, holed))
    assert parted.came_in["rain"] < whole.came_in["rain"]
    assert parted.went_out["edge"] < 1.02 * whole.went_out["edge"]
