"""From detector readings to orders: a leak that nobody has seen is found, and the run goes on from its samples."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr

from evacuation.release.locate.detected import _readings, _table
from evacuation.release.proofs.worlds import CRS, NORTH, WEST, town, wind
from evacuation.release.release import Release
from evacuation.release.report import headline
from evacuation.release.substances import substance
from evacuation.release.weather import Weather
from scenarios.case import hazards
from twin.blocks import Text
from twin.clock import Clock
from twin.errors import ScenarioError
from twin.hazard import Action, Drivers
from twin.streams import stream
from twin.words import written

CLOCK = Clock(datetime(2026, 6, 20, 10, tzinfo=UTC), 3600.0, 300.0)
AIR = wind(CLOCK, {0.0: (2.5, 0.4), 600.0: (2.4, -0.5)})
PLACES = {
    "g1": (420.0, 1000.0),
    "g2": (430.0, 960.0),
    "g3": (480.0, 1040.0),
    "g4": (250.0, 1010.0),
    "g5": (600.0, 1010.0),
}
SOUGHT = Release(substance="chlorine", site="detected", wind_members=8)


@pytest.fixture(scope="module")
def city():
    points = [shapely.Point(WEST + x, NORTH - y) for x, y in PLACES.values()]
    names = list(PLACES)
    sensors = gpd.GeoDataFrame(
        {"id": names, "kind": "gas_detector", "name_zh": names, "name_en": names}, geometry=points, crs=CRS
    )
    return replace(town(), sensors=sensors)


def read(city, scale: float = 1.0) -> Drivers:
    """Return what the detectors read each five minutes of 20 minutes, 15 % off, of a leak of 0.5 kg/s or so at works/T1."""
    seen = Release(substance="chlorine", site="works/T1", hole_mm=6.0, wind_members=0).simulate(city, AIR, CLOCK)
    field, rng = seen.fields["gas_concentration"].isel(time=slice(1, 5)), np.random.default_rng(2)
    at = city.sensors.geometry
    values = field.sel(
        x=xr.DataArray(at.x, dims="sensor"), y=xr.DataArray(at.y, dims="sensor"), method="nearest"
    ).values
    values = scale * values * np.exp(0.15 * rng.standard_normal(values.shape))
    axes = {"time": field["time"].values, "sensor": list(PLACES)}
    tags = {"tags": "detector_reading"}
    return AIR | {
        "detector_concentration": xr.DataArray(values, axes, ("time", "sensor"), "detector_concentration", tags)
    }


@pytest.fixture(scope="module")
def found(city):
    return SOUGHT.simulate(city, read(city), CLOCK, (), stream(7, "release"))


def test_the_leak_is_found_where_it_is(city, found) -> None:
    source = found.tables["source"].set_index("share")
    tank = city.facilities.geometry.iloc[0]
    assert np.hypot(source["x"][0.5] - tank.x, source["y"][0.5] - tank.y) < 60.0
    true = Release(substance="chlorine", site="works/T1", hole_mm=6.0, wind_members=0).simulate(city, AIR, CLOCK)
    rate = true.tables["tanks"]["most_kg_s"].iloc[0]
    assert source["rate"][0.05] < rate < source["rate"][0.95]
    assert found.tables["suspects"]["id"].tolist() == ["works/T1"] and found.tables["suspects"]["share"].iloc[0] > 0.2
    assert float(found.fields["source_share"].sum()) == pytest.approx(1.0, abs=1e-5)


def test_members_have_sources_of_their_own_and_the_ledger_closes(found) -> None:
    arrays = found.state.arrays
    assert arrays["cloud_shifts"].shape == (1, 9, 2) and not arrays["cloud_shifts"][:, 0].any()
    assert arrays["cloud_strengths"][0, 0] == 1.0 and arrays["cloud_strengths"][0, 1:].std() > 0.0
    assert abs(found.balance.error) < 1e-9 and found.balance.came_in["tanks"] > 0.0


def test_nobody_is_told_before_the_last_reading(found) -> None:
    told = found.tables["advice"]
    assert set(told["known_s"].dropna()) == {1200.0} and (told["by_s"].dropna() >= 1200.0).all()
    assert "detected" in dict(found.notes)


def test_the_first_page_gives_the_ranges_of_the_source_beside_its_values(city, found) -> None:
    hazards.sheet("release")

    def first(**fit: object) -> list[Text]:
        tables = {**found.tables, "fit": found.tables["fit"].assign(**fit)}
        section = SimpleNamespace(tables=tables, fields=found.fields)
        return [block for block in headline(section, city, CLOCK) if isinstance(block, Text)]

    source, out_kg = found.tables["source"].set_index("share"), found.tables["tanks"]["out_kg"].iloc[0]
    away = source["radius_m"].iloc[0]
    assert 0.0 < away == pytest.approx(dict(found.notes)["detected"]["radius"], abs=0.5)
    known, ranges = (written(block.said, "en") for block in first(guessed=False)[:2])
    assert f"{out_kg:,.0f} kg out" in known and f"within {np.ceil(away):.0f} m" in ranges
    for share in (0.05, 0.95):
        assert f"{out_kg * source['rate'][share] / source['rate'][0.5]:,.0f}" in ranges
    words = [written(block.said, "en") for block in first(guessed=True) if block.style == "alarm"]
    assert any("may lie outside the ranges" in text for text in words)
    assert not any("outside the ranges" in written(block.said, "en") for block in first(guessed=False))
    assert any("g4 read no gas" in written(block.said, "en") for block in first(silent="g4"))
    assert not any("read no gas" in written(block.said, "en") for block in first(silent=""))


@pytest.mark.parametrize("change", [{"scale": 0.0}, None])
def test_no_reading_no_source(city, change) -> None:
    given = read(city, **change) if change else AIR
    with pytest.raises(ScenarioError, match="no gas detector"):
        SOUGHT.check(city, given, CLOCK) if change is None else SOUGHT.simulate(city, given, CLOCK)


@pytest.mark.parametrize("told", [{"mass_kg": 500.0}, {"start_min": 5.0}, {"outflow": "sudden"}, {"bund_m2": 9.0}, {}])
def test_what_is_said_of_a_source_that_is_sought_is_refused(city, told) -> None:
    given = AIR | {"source_rate": xr.DataArray([1.0], {"time": [np.datetime64("2026-06-20T10:00")]}, ("time",))}
    with pytest.raises(ScenarioError, match=next(iter(told), "source_rate")) as error:
        replace(SOUGHT, **told).check(city, AIR if told else given, CLOCK)
    assert error.value.code == "release_sought"


@pytest.mark.parametrize(
    "kind, values", [("leak", {"hole_mm": 20.0}), ("shut_valve", {}), ("water_curtain", {"share": 0.4})]
)
def test_a_measure_that_a_source_not_yet_known_would_not_feel_is_refused(city, kind, values) -> None:
    done = (Action(kind, "works/T1", 900.0, None, values),)
    for call in (SOUGHT.check, SOUGHT.simulate):
        with pytest.raises(ScenarioError, match=kind) as error:
            call(city, read(city), CLOCK, done)
        assert error.value.code == "release_sought_measure"


def test_a_detector_that_never_reads_gas_is_named_and_one_that_does_is_not(city) -> None:
    given = read(city)
    given["detector_concentration"][:, list(PLACES).index("g4")] = 0.0
    dead = SOUGHT.simulate(city, given, CLOCK, (), stream(7, "release"))
    heard = given["detector_concentration"].max("time")
    silent = [str(n) for n in heard["sensor"].values if float(heard.sel(sensor=n)) == 0.0]
    assert "g4" in silent and "g1" not in silent and dict(dead.notes)["detectors_silent"] == {"sensors": silent}


def test_a_share_of_a_flammable_limit_that_the_substance_lacks_is_refused(city) -> None:
    given = read(city)
    shares = given.pop("detector_concentration").rename("detector_lfl_share")
    for told in (SOUGHT.check, SOUGHT.simulate):
        with pytest.raises(ScenarioError) as error:
            told(city, given | {"detector_lfl_share": shares}, CLOCK)
        assert error.value.code == "release_no_lfl"


def test_tanks_that_might_float_beside_a_source_that_is_sought_are_told_of(city, found) -> None:
    grid = city.grid.at_cell_size(20.0)
    field = xr.DataArray(
        np.zeros((1, grid.ny, grid.nx)), {"time": CLOCK.times[:1], "y": grid.y, "x": grid.x}, ("time", "y", "x")
    )
    wet = SOUGHT.simulate(city, read(city) | {"water_depth": field}, CLOCK, (), stream(7, "release"))
    assert "sought_floats" in dict(wet.notes) and "sought_floats" not in dict(found.notes)


def test_two_leaks_are_both_found_and_both_run() -> None:
    """Two tanks 500 m apart across the wind, detectors beyond each: both are in ledger, members and tables."""
    places = PLACES | {f"h{k}": (x, y + 500.0) for k, (x, y) in enumerate(PLACES.values())}
    base = town()
    second = base.facilities.assign(id="works/T2", geometry=[shapely.Point(WEST + 300, NORTH - 1510)])
    points = [shapely.Point(WEST + x, NORTH - y) for x, y in places.values()]
    names = list(places)
    columns = {"id": names, "kind": "gas_detector", "name_zh": names, "name_en": names}
    city = replace(
        base, facilities=gpd.GeoDataFrame(pd.concat([base.facilities, second], ignore_index=True), crs=CRS),
        sensors=gpd.GeoDataFrame(columns, geometry=points, crs=CRS),
    )  # fmt: skip
    runs = [
        Release(substance="chlorine", site=site, hole_mm=6.0, wind_members=0).simulate(city, AIR, CLOCK)
        for site in ("works/T1", "works/T2")
    ]
    field = sum(run.fields["gas_concentration"].isel(time=slice(1, 5)) for run in runs)
    at = {n: xr.DataArray([getattr(p, n) for p in points], dims="sensor") for n in "xy"}
    values = field.sel(at, method="nearest").values * np.exp(0.15 * np.random.default_rng(2).standard_normal((4, 10)))
    axes = {"time": field["time"].values, "sensor": names}
    tags = {"tags": "detector_reading"}
    given = AIR | {
        "detector_concentration": xr.DataArray(values, axes, ("time", "sensor"), "detector_concentration", tags)
    }
    found = SOUGHT.simulate(city, given, CLOCK, (), stream(7, "release"))
    assert dict(found.notes)["detected_several"] == {"count": 2}
    middle = found.tables["source"].query("share == 0.5")
    away = np.hypot(
        middle["x"].to_numpy()[:, None] - city.facilities.geometry.x.to_numpy(),
        middle["y"].to_numpy()[:, None] - city.facilities.geometry.y.to_numpy(),
    )
    assert (away.min(axis=0) < 80.0).all() and set(found.tables["suspects"]["id"]) == {"works/T1", "works/T2"}
    assert len(found.tables["tanks"]) == 2 and abs(found.balance.error) < 1e-9
    assert found.state.arrays["cloud_shifts"].shape == (2, 9, 2)
    assert float(found.fields["source_share"].sum()) == pytest.approx(1.0, abs=1e-5)


def test_a_detector_that_sticks_is_named_and_left_out(city) -> None:
    """Half an hour of a sixth detector, far from the cloud, that gives one high value: the tank is found as without it."""
    given = read(city)
    own = given["detector_concentration"]
    times = own["time"].values[0] + np.arange(8) * np.timedelta64(150, "s")
    stuck = xr.DataArray(np.full((8, 1), 2e-5), {"time": times, "sensor": ["g6"]}, ("time", "sensor"))
    both = xr.concat([own, stuck], "sensor", join="outer").assign_attrs(own.attrs)
    more = city.sensors.iloc[[0]].assign(id="g6", geometry=[shapely.Point(WEST + 900.0, NORTH - 200.0)])
    wider = replace(city, sensors=gpd.GeoDataFrame(pd.concat([city.sensors, more], ignore_index=True), crs=CRS))
    run = replace(SOUGHT, wind_members=0).simulate(
        wider, given | {"detector_concentration": both}, CLOCK, (), stream(7, "release")
    )
    assert run.tables["detectors"][["sensor", "fault", "readings"]].to_numpy().tolist() == [["g6", "sticks", 8]]
    assert dict(run.notes)["detector_sticks"]["sensors"] == ["g6"]
    source, tank = run.tables["source"].set_index("share"), city.facilities.geometry.iloc[0]
    assert np.hypot(source["x"][0.5] - tank.x, source["y"][0.5] - tank.y) < 60.0


def test_only_a_detector_that_sticks_is_no_answer(city) -> None:
    given = read(city)
    own = given["detector_concentration"]
    times = own["time"].values[0] + np.arange(8) * np.timedelta64(150, "s")
    stuck = xr.DataArray(
        np.full((8, 1), 2e-5), {"time": times, "sensor": ["g1"]}, ("time", "sensor"), own.name, own.attrs
    )
    with pytest.raises(ScenarioError, match="can be believed"):
        SOUGHT.simulate(city, AIR | {"detector_concentration": stuck}, CLOCK)


def test_a_path_reads_the_mean_between_its_ends(city) -> None:
    """The readings of a path are laid along it, and a plume that crosses it is diluted by its length: a point in it reads more."""
    drivers, weather = read(city), Weather(city, AIR, CLOCK)
    moved = city.sensors.copy()
    moved.loc[0, "geometry"] = shapely.LineString([(WEST + 420.0, NORTH - 1300.0), (WEST + 420.0, NORTH - 700.0)])
    own = replace(city, sensors=moved)
    SOUGHT.check(own, drivers, CLOCK)
    seen = {}
    for name, at in (("path", own), ("point", city)):
        table = _table(at, drivers, CLOCK, substance("chlorine"))
        found = _readings(table, CLOCK, weather, WEST + 300.0, NORTH - 1010.0, 1.0)
        seen[name] = found.seen(WEST + 300.0, NORTH - 1010.0)[(table["sensor"] == "g1").to_numpy()]
    assert (seen["path"] > 0.0).all() and (seen["path"] < 0.5 * seen["point"]).all()
    moved.loc[0, "geometry"] = shapely.LineString(
        [(WEST, NORTH - 9.0), (WEST + 9.0, NORTH - 9.0), (WEST, NORTH - 99.0)]
    )
    with pytest.raises(ScenarioError, match="g1"):
        SOUGHT.check(replace(city, sensors=moved), drivers, CLOCK)


def test_a_detector_outside_the_city_is_named(city) -> None:
    moved = city.sensors.copy()
    moved.loc[2, "geometry"] = shapely.Point(WEST - 5000.0, NORTH)
    with pytest.raises(ScenarioError, match="g3 stands at"):
        SOUGHT.check(replace(city, sensors=moved), read(city), CLOCK)
