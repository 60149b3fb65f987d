"""How a scenario says by what way a substance leaves, what of it is refused, and what the result says."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from importlib.resources import files
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from evacuation.release import substances
from evacuation.release.proofs.worlds import town, wind
from evacuation.release.release import Release
from twin.city import City
from twin.clock import Clock
from twin.errors import ScenarioError
from twin.hazard import Action, Outcome
from twin.readers.city_folder import open_folder, save_folder

CLOCK = Clock(datetime(2026, 6, 20, 18, 0, tzinfo=timezone(timedelta(hours=8))), 120.0, 60.0)
EAST = wind(CLOCK, {0.0: (2.0, 0.0)})
PLACE = Release(substance="chlorine", site="b0", mass_kg=200.0, phase="gas", cell_m=100.0, wind_members=0)


@pytest.fixture(scope="module")
def city() -> City:
    return town()


def simulated(city: City, *actions: Action, **changes: Any) -> Outcome:
    return replace(PLACE, **changes).simulate(city, EAST, CLOCK, actions)


def refused(city: City, **changes: Any) -> ScenarioError:
    with pytest.raises(ScenarioError) as error:
        replace(PLACE, **changes).check(city, EAST, CLOCK)
    return error.value


def test_gas_at_the_pressure_of_the_air_or_of_none_is_refused(city: City) -> None:
    assert refused(city).code == "release_pressure"
    assert (error := refused(city, pressure_bar=1.0)).code == "release_no_pressure"
    assert error.values["found"] == 1e5 and error.values["expected"] == 101_325.0


def test_a_vessel_that_cools_is_told_and_lets_out_less_mass_late_than_a_warm_one(city: City) -> None:
    warm, cool = (simulated(city, pressure_bar=5.0, hole_mm=60.0, blowdown=how) for how in ("isothermal", "isentropic"))
    out = [run.tables["tanks"]["out_kg"].iloc[0] for run in (warm, cool)]
    assert out[0] > out[1] > 100.0
    assert "blowdown_isothermal" in dict(warm.notes) and "blowdown_isentropic" in dict(cool.notes)


def test_rates_in_time_come_when_they_are_told_and_no_later(city: City) -> None:
    """1 kg/s for half a minute, 3 kg/s for the next, then nothing: 30 kg, then 120 kg, and 120 kg to the end."""
    steps = {"rates_kg_s": ((0.0, 1.0), (0.5, 3.0), (1.0, 0.0)), "outflow": "rates", "phase": None, "mass_kg": None}
    run = simulated(city, **steps, height_m=20.0, start_min=0.5, step_s=30.0)
    assert run.tables["mass"]["out_kg"].tolist() == pytest.approx([0.0, 30.0, 120.0])
    assert dict(run.notes)["aloft_heavy"] == {"height": 20.0} and "tank_assumed" not in dict(run.notes)
    assert run.tables["tanks"]["left_kg"].isna().all() and "left_in_tanks" not in run.balance.remarks
    shut = simulated(city, Action("shut_valve", "b0", 30.0, 60.0), **steps, step_s=30.0)
    assert shut.tables["mass"]["out_kg"].tolist() == pytest.approx([0.0, 30.0, 30.0])


def test_rates_empty_a_tank_whose_content_is_known_and_never_more_than_that(city: City) -> None:
    rates = {"site": "works/T1", "outflow": "rates", "phase": None, "mass_kg": None}
    run = simulated(city, **rates, rates_kg_s=((0.0, 2.0), (1.0, 0.0)))
    held = float(city.facilities["mass_kg"].iloc[0])
    assert run.tables["tanks"]["left_kg"].tolist() == pytest.approx([held - 120.0])
    error = refused(city, **rates, rates_kg_s=((0.0, held), (1.0, 0.0)))
    assert error.code == "release_too_much" and error.values["found"] == 60.0 * held


@pytest.mark.parametrize("changes", [{"start_min": 2.0}, {"mass_kg": None, "outflow": "rates", "phase": None}])
def test_a_leak_that_begins_after_the_run_is_refused_before_it(city: City, changes: dict[str, Any]) -> None:
    """Of the rates, the first above 0 comes when the run has ended."""
    given = series({0.0: 0.0, 150.0: 1.0, 200.0: 0.0}) if "outflow" in changes else EAST
    model = replace(PLACE, pressure_bar=None if "outflow" in changes else 5.0, **changes)
    with pytest.raises(ScenarioError) as error:
        model.check(city, given, CLOCK)
    assert error.value.code == "release_start"


def test_a_run_that_goes_on_may_begin_its_leak_on_the_clock_of_the_first(city: City) -> None:
    """Minute 3 lies beyond a run of two minutes, and within one that goes on from it."""
    first = simulated(city, pressure_bar=5.0)
    later = replace(PLACE, pressure_bar=5.0, site="b1", start_min=3.0)
    later.check(city, EAST, CLOCK, (), first.state)
    with pytest.raises(ScenarioError, match="minute 4"):
        replace(later, start_min=4.0).check(city, EAST, CLOCK, (), first.state)


@pytest.mark.parametrize(
    "rates",
    [(), ((0.0, 1.0),), ((1.0, 1.0), (2.0, 0.0)), ((0.0, 1.0), (0.0, 0.0)), ((0.0, -1.0), (5.0, 0.0)), ((0.0, 1.0), (5.0, 2.0)),
     ((0.0, 0.0), (5.0, 0.0)), ((0.0, float("nan")), (5.0, 0.0))],
)  # fmt: skip
def test_a_list_that_is_no_release_in_time_is_refused(city: City, rates: tuple[tuple[float, float], ...]) -> None:
    error = refused(city, outflow="rates", rates_kg_s=rates, phase=None, mass_kg=None)
    assert error.code == "release_rates" and len(error.values["found"]) == len(rates)


def series(rows: dict[float, float]) -> dict[str, xr.DataArray]:
    """Return the wind and a series of rates: seconds -> kg/s from then on."""
    times = [CLOCK.times[0] + pd.Timedelta(seconds=s) for s in rows]
    return EAST | {"source_rate": xr.DataArray(list(rows.values()), {"time": times}, ("time",), "source_rate")}


GIVEN = replace(PLACE, outflow="rates", phase=None, mass_kg=None, step_s=30.0)


def test_a_series_of_rates_says_when_it_begins_and_what_comes(city: City) -> None:
    """Nothing for half a minute, 1 kg/s for the next, then 3 kg/s to the end of the run: 0, 30 and 210 kg."""
    run = GIVEN.simulate(city, series({0.0: 0.0, 30.0: 1.0, 60.0: 3.0}), CLOCK)
    assert run.tables["mass"]["out_kg"].tolist() == pytest.approx([0.0, 30.0, 210.0])
    assert run.tables["tanks"]["began_s"].tolist() == [30.0] and run.tables["tanks"]["left_kg"].isna().all()
    assert run.tables["events"]["begins_s"].tolist() == [30.0]


@pytest.mark.parametrize("rows", [{0.0: 1.0, 70.0: 3.0, 130.0: 0.5, 200.0: 0.0}, {0.0: 0.0, 90.0: 2.0}])
def test_a_series_of_rates_goes_on_where_an_earlier_run_stopped(city: City, rows: dict[float, float]) -> None:
    long = Clock(CLOCK.start, 240.0, 60.0)
    later = Clock(CLOCK.start + timedelta(seconds=120.0), 120.0, 60.0)
    whole = GIVEN.simulate(city, series(rows), long)
    first = GIVEN.simulate(city, series(rows), CLOCK)
    second = GIVEN.simulate(city, series(rows), later, state=first.state)
    np.testing.assert_array_equal(
        second.fields["gas_concentration"].isel(time=-1), whole.fields["gas_concentration"].isel(time=-1)
    )
    out = [run.tables["tanks"]["out_kg"].iloc[0] for run in (whole, second)]
    assert out[0] == pytest.approx(out[1], rel=1e-12) and out[0] > 100.0
    assert second.tables["tanks"]["began_s"].iloc[0] + 120.0 == whole.tables["tanks"]["began_s"].iloc[0]


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"rates_kg_s": ((0.0, 1.0), (1.0, 0.0))}, "release_rates_twice"), ({"start_min": 1.0}, "release_rates_twice"),
     ({"outflow": "hole"}, "release_unused")],
)  # fmt: skip
def test_a_series_of_rates_beside_another_word_on_them_is_refused(city: City, changes: dict, code: str) -> None:
    with pytest.raises(ScenarioError) as error:
        replace(GIVEN, **changes).check(city, series({0.0: 1.0, 60.0: 0.0}), CLOCK)
    assert error.value.code == code
    with pytest.raises(ScenarioError) as leaks_too:
        GIVEN.check(city, series({0.0: 1.0}), CLOCK, (Action("leak", "b0", 30.0, None, {"hole_mm": 20.0}),))
    assert leaks_too.value.values["name"] == "leak"


PIPE = {
    "substance": "carbon_monoxide",
    "mass_kg": None,
    "phase": None,
    "outflow": "gas_pipe",
    "pipe_length_m": 2000.0,
    "pipe_mm": 200.0,
}


def test_a_city_lets_out_a_substance_of_its_own_and_the_result_says_whose_it_is(city: City, tmp_path: Path) -> None:
    text = files(substances).joinpath("chlorine.csv").read_text("utf-8")
    save_folder(replace(city, substances={"works_gas": text}), tmp_path / "town")
    town = open_folder(tmp_path / "town")
    run = simulated(town, substance="works_gas", pressure_bar=5.0)
    assert (
        dict(run.notes)["own_substance"] == {"file": "substances/works_gas.csv"} and run.balance.came_in["tanks"] > 0.0
    )
    assert refused(city, substance="works_gas").code == "substance_unknown"
    (tmp_path / "town/substances/works_gas.csv").write_text(text.replace("AEGL3_60min,20", "AEGL3_60min,2"), "utf-8")
    assert open_folder(tmp_path / "town").content_hash != town.content_hash


def test_a_torn_gas_pipe_runs_from_the_scenario_and_says_what_it_leaves_out(city: City) -> None:
    run = simulated(city, **PIPE, pressure_bar=40.0)
    (row,) = run.tables["tanks"].to_dict("records")
    held = 3.1415926536 / 4 * 0.2**2 * 2000.0 * (40e5 - 101_325.0) * 0.0280101 / (8.314462 * 293.15)
    assert row["out_kg"] + row["left_kg"] == pytest.approx(held, rel=1e-6) and row["out_kg"] > 0.5 * held
    assert "gas_pipe" in dict(run.notes)


def test_a_pipe_that_cannot_be_is_refused(city: City) -> None:
    assert refused(city, **PIPE).code == "release_pressure"
    for lacks in ("pipe_length_m", "pipe_mm"):
        assert refused(city, **PIPE | {lacks: None}, pressure_bar=40.0).code == "release_pipe"
    short = refused(city, **PIPE | {"pipe_length_m": 20.0}, pressure_bar=40.0)
    assert short.code == "release_pipe_short"
    simulated(city, **PIPE | {"pipe_length_m": float(str(short.values["expected"]))}, pressure_bar=40.0)
    liquid = PIPE | {"outflow": "liquid_pipe", "mass_kg": 500.0}
    assert refused(city, **liquid | {"substance": "propane"}).code == "release_pipe_flashes"
    boils = liquid | {"outflow": "flashing_pipe"}
    assert refused(city, **boils | {"substance": "benzene"}).code == "release_pipe_calm"
    assert refused(city, **boils | {"substance": "propane", "pipe_length_m": 0.05}).code == "release_pipe_brief"


def test_liquefied_gas_runs_out_of_a_pipe_from_the_scenario(city: City) -> None:
    boils = {"substance": "propane", "outflow": "flashing_pipe", "mass_kg": 500.0, "phase": None}
    run = simulated(city, **boils, pipe_length_m=10.0, pipe_mm=25.0)
    (row,) = run.tables["tanks"].to_dict("records")
    assert row["out_kg"] + row["left_kg"] == pytest.approx(500.0, rel=1e-9) and row["out_kg"] > 100.0
    assert "two_phase" in dict(run.notes)


def test_a_run_goes_on_only_by_the_same_way_out(city: City) -> None:
    first = simulated(city, **PIPE, pressure_bar=40.0)
    with pytest.raises(ScenarioError, match="pipe_mm"):
        replace(PLACE, **PIPE | {"pipe_mm": 300.0}, pressure_bar=40.0).simulate(city, EAST, CLOCK, state=first.state)
    on = replace(PLACE, **PIPE, pressure_bar=40.0).simulate(city, EAST, CLOCK, state=first.state)
    whole = Clock(CLOCK.start, 240.0, 60.0)
    once = replace(PLACE, **PIPE, pressure_bar=40.0).simulate(city, wind(whole, {0.0: (2.0, 0.0)}), whole)
    assert on.tables["tanks"]["out_kg"].tolist() == once.tables["tanks"]["out_kg"].tolist()


@pytest.mark.parametrize(
    ("name", "changes"),
    [("rates_kg_s", {"rates_kg_s": ((0.0, 1.0), (5.0, 0.0))}), ("mass_kg", {"outflow": "rates", "phase": None}),
     ("pipe_mm", {"pipe_mm": 100.0}), ("mass_kg", {"outflow": "gas_pipe"}), ("phase", {"outflow": "liquid_pipe"}),
     ("phase", {"outflow": "rates", "mass_kg": None}),
     ("pressure_bar", {"outflow": "rates", "phase": None, "mass_kg": None, "pressure_bar": 3.0})],
)  # fmt: skip
def test_what_an_outflow_does_not_use_is_refused(city: City, name: str, changes: dict[str, Any]) -> None:
    error = refused(city, **changes)
    assert error.code == "release_unused" and error.values["name"] == name and name in str(error)


def test_a_patch_leaves_a_share_of_the_opening_and_two_leave_a_share_of_a_share(city: City) -> None:
    """Rates of 2 kg/s for two minutes: half of it from 30 s on, a quarter from 60 s to 90 s, then all again."""
    steps = {"rates_kg_s": ((0.0, 2.0), (2.0, 0.0)), "outflow": "rates", "phase": None, "mass_kg": None, "step_s": 30.0}
    half = (Action("patch", "b0", 30.0, 90.0, {"share": 0.5}), Action("patch", "b0", 60.0, 90.0, {"share": 0.5}))
    run = simulated(city, *half, **steps)
    assert run.tables["mass"]["out_kg"].tolist() == pytest.approx([0.0, 60.0 + 30.0, 90.0 + 15.0 + 60.0])
    whole = simulated(city, Action("patch", "b0", 60.0, None, {"share": 1.0}), **steps)
    assert whole.tables["mass"]["out_kg"].tolist() == pytest.approx([0.0, 120.0, 120.0])
    curtain = simulated(city, Action("water_curtain", "b0", 60.0, None, {"share": 0.5}), *half, **steps)
    assert curtain.tables["tanks"]["washed_kg"].tolist() == pytest.approx([0.5 * 75.0])


def test_a_measure_where_nothing_can_leak_is_refused(city: City) -> None:
    steps = {"rates_kg_s": ((0.0, 2.0), (2.0, 0.0)), "outflow": "rates", "phase": None, "mass_kg": None}
    with pytest.raises(ScenarioError) as error:
        replace(PLACE, **steps).check(city, EAST, CLOCK, (Action("patch", "b1", 30.0, None, {"share": 0.5}),))
    assert error.value.code == "release_measure" and "b1" in str(error.value) and "b0" in str(error.value)


def test_a_measure_at_a_tank_of_another_substance_is_refused(city: City) -> None:
    """The cloud of a run is that of one substance: a valve of another one's tank would change nothing, unseen."""
    tank = {
        "id": ["works/A"], "kind": ["tank"], "name_zh": ["氨罐"], "name_en": ["Ammonia tank"], "capacity": [0],
        "substance": ["ammonia"], "mass_kg": [500.0], "phase": ["pressurised_liquid"], "temperature_k": [298.15],
        "pressure_pa": [1e6], "floats_m": [0.6],
    }  # fmt: skip
    place = city.blocks.geometry.iloc[1].centroid
    with_tank = replace(city, facilities=gpd.GeoDataFrame(tank, geometry=[place], crs=city.grid.crs))
    steps = {"rates_kg_s": ((0.0, 2.0), (2.0, 0.0)), "outflow": "rates", "phase": None, "mass_kg": None}
    with pytest.raises(ScenarioError) as error:
        replace(PLACE, **steps).check(with_tank, EAST, CLOCK, (Action("shut_valve", "works/A", 30.0, None, {}),))
    assert error.value.code == "release_measure" and "works/A" in str(error.value)
