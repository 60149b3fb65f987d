"""The subgrid scheme where a planner uses it: balance, measures, held cells, restart, depths that agree with the fine run."""

from __future__ import annotations

import dataclasses

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from hydro import Boundary, Inflow, simulate_arrays
from hydro.flood import TOLERANCE, Flood
from hydro.ground.works import cells_along
from hydro.proofs.exact import hills
from hydro.schemes.subgrid_view import SubgridView
from twin.clock import Clock
from twin.hazard import Action, Drivers

START = pd.Timestamp("2026-06-20T18:00+08:00").to_pydatetime()
CLOCK = Clock(START, 2700.0, 300.0)
BASE = Flood(drainage="none", scheme="subgrid", subgrid_factor=2)


def rain(mm_h: float, stage: float | None = None) -> Drivers:
    """Rain for half an hour of the clock's 45 minutes; with it a river level."""
    drivers = {"rain_rate": xr.DataArray([mm_h / 3.6e6, 0.0], {"time": CLOCK.times[[0, 6]]})}
    return drivers if stage is None else drivers | {"river_stage": xr.DataArray([stage], {"time": CLOCK.times[:1]})}


@pytest.fixture
def river_city(small_city):
    """A river 30 m wide along the east side, its bed at 18 m."""
    surface = small_city.surface.copy(deep=True)
    surface["river"][:, 94:97] = True
    surface["building"][:, 94:97] = False
    surface["terrain"][:, 94:97] = 18.0
    return dataclasses.replace(small_city, surface=surface)


@pytest.mark.parametrize("drainage", ["none", "screening", "swmm"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_the_books_of_a_storm_close(small_city, drainage, precision) -> None:
    model = dataclasses.replace(BASE, drainage=drainage, precision=precision)
    run = model.simulate(small_city, rain(90.0), CLOCK)
    assert abs(run.balance.error) <= TOLERANCE[precision]
    assert run.balance.came_in["rain"] > 1e4 and run.balance.went_out["infiltration"] > 100.0
    assert (run.balance.went_out["inlets"] > 100.0) == (drainage != "none")
    assert float(run.fields["water_depth"].min()) >= 0.0
    assert ("scheme", {"name": "subgrid", "why": "asked"}) in run.notes


def test_depths_along_the_street_agree_with_the_fine_run(small_city) -> None:
    """0.10 m root mean square is what a planner may be told of streets; two coarse cells are as wide as the street's basin."""
    fine = dataclasses.replace(BASE, scheme="inertial").simulate(small_city, rain(90.0), CLOCK).fields
    coarse = BASE.simulate(small_city, rain(90.0), CLOCK).fields
    street = np.zeros(small_city.grid.shape, bool)
    for line in small_city.roads.geometry:
        street[cells_along(small_city.grid, line)] = True
    street &= fine["max_water_depth"].values > 0.05
    error = (coarse["max_water_depth"].values - fine["max_water_depth"].values)[street]
    assert street.sum() > 10 and np.sqrt((error**2).mean()) < 0.10
    late = [float(f["water_depth"][-1].where(street).mean()) for f in (fine, coarse)]
    assert late[1] == pytest.approx(late[0], abs=0.10)


def test_a_pump_takes_what_it_lifts(small_city) -> None:
    pump = Action("pump", "u1", 600.0, None, {"flow_m3_s": 0.2})
    model = dataclasses.replace(BASE, precision="float64")
    with_pump, without = (model.simulate(small_city, rain(90.0), CLOCK, a) for a in ((pump,), ()))
    taken = with_pump.balance.went_out["pumps"]
    assert 0.0 < taken <= 0.2 * 2100.0 * (1 + 1e-9)
    assert abs(with_pump.balance.error) <= TOLERANCE["float64"]
    stored = [o.balance.stored["surface"] for o in (without, with_pump)]
    assert stored[1] < stored[0]


def test_a_barrier_keeps_the_water_back(small_city) -> None:
    """A wall of 2 m across the valley, along the border of coarse cells and then through their middle."""
    west, north = small_city.grid.west, small_city.grid.north
    for x in (605, 615):
        line = shapely.LineString([(west + x, north - 5), (west + x, north - 995)])
        levees = gpd.GeoDataFrame({"id": ["wall"], "crest_m": [30.0]}, geometry=[line], crs=small_city.grid.crs)
        city = dataclasses.replace(small_city, levees=levees)
        wall = Action("barrier", "wall", 300.0, None, {"height_m": 2.0})
        model = dataclasses.replace(BASE, precision="float64", edge="closed", infiltration="none")
        free, held = (model.simulate(city, rain(90.0), CLOCK, a) for a in ((), (wall,)))
        assert abs(held.balance.error) <= TOLERANCE["float64"]
        east = [float(o.fields["water_depth"][-1, :, 63:].sum()) for o in (free, held)]
        assert east[1] < 0.98 * east[0]


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_river_and_rim_are_booked_apart(river_city, precision) -> None:
    model = dataclasses.replace(BASE, precision=precision)
    low, high = (model.simulate(river_city, rain(90.0, stage), CLOCK).balance for stage in (19.0, 21.5))
    for balance in (low, high):
        assert abs(balance.error) <= TOLERANCE[precision]
        assert balance.went_out["edge"] > 0.0
    assert low.went_out["river"] > 100.0 and high.came_in["river"] > 1000.0 > low.came_in["river"]


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_split_run_equals_the_whole_run(river_city, precision) -> None:
    model = dataclasses.replace(BASE, precision=precision)
    actions = (Action("pump", "u1", 300.0, None, {"flow_m3_s": 0.2}),)
    whole = model.simulate(river_city, rain(90.0, 21.5), CLOCK, actions)
    first = model.simulate(river_city, rain(90.0, 21.5), CLOCK.first(1200.0), actions)
    later = (Action("pump", "u1", -900.0, None, {"flow_m3_s": 0.2}),)
    second = model.simulate(river_city, rain(90.0, 21.5), CLOCK.after(1200.0), later, state=first.state)
    np.testing.assert_array_equal(whole.fields["water_depth"].values[4:], second.fields["water_depth"].values)
    highest = [run.fields["max_water_depth"].values for run in (whole, first, second)]
    parts = [run.state.arrays["coarse_highest"] for run in (whole, first, second)]
    np.testing.assert_array_equal(parts[0], np.maximum(parts[1], parts[2]))
    joined = np.maximum(highest[1], highest[2])  # each of its own hours, the first with the rain that lies at its end
    np.testing.assert_allclose(highest[0], joined, rtol=0, atol=1e-3)
    assert (highest[0] <= joined).all()
    assert abs(second.balance.error) <= TOLERANCE[precision]
    for name in ("river", "edge", "infiltration", "pumps"):
        parts = first.balance.went_out[name] + second.balance.went_out[name]
        assert parts == pytest.approx(whole.balance.went_out[name], rel=1e-6)


def test_arrays_come_back_on_the_fine_grid() -> None:
    z = hills(50, 62)
    run = simulate_arrays(
        z, 0.03, [60 / 3.6e6, 0.0], [0.0, 1200.0], cell_m=5.0, duration_s=2400.0, scheme="subgrid", factor=4,
        inflows=[Inflow(10, 10, [0.0, 900.0], [0.8, 0.0])], dtype="float64", probes=[(3, 4)],
        boundaries=[Boundary("east", "free"), Boundary("west", "stage", values=[float(z[:, 0].min()) + 0.5])],
    )  # fmt: skip
    assert run.scheme == "subgrid" and abs(run.volume_error) <= 1e-12
    assert {a.shape for a in (run.depth, run.max_depth, run.flow_x, run.flow_y)} == {z.shape}
    assert (run.max_depth >= run.depth - 1e-12).all() and run.probe_depth[-1, 0] == run.depth[3, 4]
    assert run.volume_out > 0.0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 5), st.sampled_from(["float32", "float64"]))
def test_what_is_taken_and_given_outside_changes_the_water_by_as_much(seed, factor, dtype) -> None:
    """Every fine cell may be emptied: the volume follows to the last digit though depths are rounded."""
    rng = np.random.default_rng(seed)
    water = SubgridView(rng.uniform(0.0, 3.0, (13, 17)), 0.03, 5.0, factor=factor, dtype=dtype)
    water.feed(np.full((13, 17), 2e-5))
    water.advance(300.0)
    water.feed(np.zeros((13, 17)))
    for share in (0.3, 1.0, 0.0):
        before, standing = water.volume(), water.depth().astype(float)
        water.depth()[:] = np.where(rng.uniform(size=standing.shape) < share, 0.0, standing)
        water.depth()[4, 5] += 0.25
        more = float((water.depth().astype(float) - standing).sum()) * 25.0
        assert water.volume() == pytest.approx(before + more, rel=1e-12, abs=1e-9)
        now = water.volume()
        water.advance(1.0)
        assert water.volume() == pytest.approx(now, rel=1e-12 if dtype == "float64" else 1e-5)
        assert water.depth().min() >= 0.0
        assert float(water.depth().sum(dtype=float)) * 25.0 == pytest.approx(water.volume(), rel=1e-5, abs=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_depths_are_those_of_one_level_in_each_coarse_cell(dtype) -> None:
    z = hills(22, 33)
    level = float(np.median(z))
    z[5, 6:20] = z.max() + 1000.0
    lake = np.where(z < 900.0, np.maximum(level - z, 0.0), 0.0)
    water = SubgridView(z, 0.03, 5.0, factor=4, dtype=dtype)
    water.fill(lake)
    tight = {"float32": 2e-5, "float64": 1e-12}[dtype]
    np.testing.assert_allclose(water.depth(), lake, atol=tight)
    np.testing.assert_allclose(water.highest_depth(), lake, atol=tight)
    assert water.depth()[5, 10] == 0.0


def test_flow_is_shared_as_the_ground_conveys() -> None:
    """On a plane that falls to the east a deep gutter takes more per width than the verge; both carry all the rain."""
    z = np.repeat((1.0 - 0.002 * np.arange(80))[None, :], 8, axis=0)
    z[[1, 5]] -= 0.1
    water = SubgridView(z, 0.03, 5.0, factor=4, dtype="float64")
    water.open("east")
    water.feed(np.full(z.shape, 50 / 3.6e6))
    water.advance(10800.0)
    qx, _ = water.flow()
    for at in (40, 43):
        assert qx[1, at] > 2.0 * qx[2, at] >= 0.0
        through = float(qx[:, at].sum()) * 5.0
        assert through == pytest.approx(50 / 3.6e6 * 8 * 25.0 * 42, rel=1e-3)  # 42 columns lie before the centre


@pytest.mark.parametrize("every_s", [60.0, 5.0])
def test_an_inflow_finds_its_level_in_the_coarse_cell(every_s: float) -> None:
    """2 m3/s into one fine cell of a gentle slope: as deep as by the fine scheme, whatever the reading interval."""
    z = np.broadcast_to(10.0 - 0.01 * np.arange(80.0), (60, 80))
    deepest = {}
    for scheme in ("inertial", "subgrid"):
        run = simulate_arrays(
            z, 0.03, 0.0, [0.0], cell_m=5.0, duration_s=1200.0, inflows=[Inflow(30, 10, [0.0], [2.0])], scheme=scheme,
            every_s=every_s,
        )  # fmt: skip
        deepest[scheme] = run.max_depth.max()
        assert run.depth[28:32, 8:12].min() > 0.02 or scheme == "inertial"
    assert deepest["subgrid"] == pytest.approx(deepest["inertial"], abs=0.1)


def test_depths_do_not_depend_on_when_they_are_asked_for() -> None:
    """The rain that still lies where it fell is that of the last `advance`, also where a new one is set before the look."""
    rain = np.zeros((48, 60))
    rain[:24] = 60 / 3.6e6
    seen = []
    for look_first in (True, False):
        water = SubgridView(hills(), 0.03, 5.0, dtype="float64")
        water.feed(rain)
        water.advance(30.0)
        early = water.depth().copy() if look_first else None
        water.feed(0.0)
        seen.append(water.depth().copy() if early is None else early)
    np.testing.assert_array_equal(*seen)
