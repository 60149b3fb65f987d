"""The release as a hazard: events, floats, advice, bad input, split runs; a case from scenario to plan."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr

import scenarios as sc
from evacuation.release import substances
from evacuation.release.proofs.worlds import CRS, NORTH, WEST, town, wind
from evacuation.release.release import Release
from evacuation.release.report import headline, marks
from evacuation.release.slab.ambient import inv_l_of
from evacuation.release.weather import OPEN_Z0, SHORTEST_L_M, Weather, class_off, roughness, stability, sun_height
from scenarios.case.hazards import reported, sheet
from scenarios.runner.run import execute
from twin import words
from twin.blocks import Block, Curve, Section, Table, Text
from twin.city import City
from twin.clock import Clock
from twin.errors import ScenarioError
from twin.hazard import Action, State
from twin.readers.city_folder import save_folder
from twin.streams import stream
from twin.words import Phrase

START = datetime(2026, 6, 20, 18, 0, tzinfo=timezone(timedelta(hours=8)))
CLOCK = Clock(START, 1800.0, 300.0)
EAST = wind(CLOCK, {0.0: (2.0, 0.0)})
CHLORINE = Release(substance="chlorine", site="works/T1", mass_kg=600.0, start_min=5.0, wind_members=3)


@pytest.fixture(scope="module")
def city() -> City:
    return town()


def simulate(
    city: City,
    drivers=EAST,
    clock: Clock = CLOCK,
    actions: tuple[Action, ...] = (),
    state=None,
    model=CHLORINE,
    **changes,
):
    return replace(model, **changes).simulate(city, drivers, clock, actions, stream(7, "release"), state)


def codes(outcome) -> set[str]:
    return {code for code, _ in outcome.notes}


@pytest.fixture(scope="module")
def leak(city: City):
    return simulate(city)


def test_the_cloud_goes_where_the_wind_goes_and_not_before_the_leak(leak) -> None:
    c = leak.fields["gas_concentration"]
    assert not c.isel(time=slice(0, 2)).any() and float(c.isel(time=2).max()) > 0
    x = (c.isel(time=3) * c["x"]).sum() / c.isel(time=3).sum()
    assert float(x) > WEST + 400.0
    far_west = c.sel(x=slice(None, WEST + 100.0))
    assert float(far_west.max()) < 1e-3 * float(c.max())


def test_the_dose_rate_adds_up_to_the_dose(leak) -> None:
    summed = leak.fields["toxic_dose_rate"].isel(time=slice(0, -1)).sum("time") * CLOCK.step_s
    np.testing.assert_allclose(summed, leak.fields["outdoor_dose"], rtol=1e-4, atol=1e-9)
    assert set(leak.fields["toxic_dose_rate"].attrs["tags"].split()) == {"harms_people", "dose_rate"}
    assert float(leak.fields["indoor_dose"].max()) < float(leak.fields["outdoor_dose"].max())


def test_peaks_hold_every_step(leak) -> None:
    fields = leak.fields
    assert (fields["max_gas_concentration"] >= fields["gas_concentration"].max("time") * (1 - 1e-6)).all()
    assert (fields["max_gas_severity"] >= fields["gas_severity"].max("time") * (1 - 1e-6)).all()
    assert float(fields["max_gas_severity"].max()) > 3.0
    assert float(fields["probability_aegl2"].max()) == 1.0 and "flammable_share" not in fields
    assert "gusts" in codes(leak) and "gusts_burn" not in codes(leak)


def test_a_split_run_equals_the_whole(city: City, leak, tmp_path: Path) -> None:
    first = simulate(city, clock=CLOCK.first(900.0))
    first.state.save(tmp_path / "state.npz")
    second = simulate(city, clock=CLOCK.after(900.0), state=State.load(tmp_path / "state.npz"))
    for name in ("gas_concentration", "toxic_dose_rate", "gas_severity"):
        np.testing.assert_array_equal(leak.fields[name].values[3:], second.fields[name].values)
    for name in ("indoor_dose", "outdoor_dose", "max_gas_severity", "probability_aegl2", "stay_or_leave"):
        np.testing.assert_array_equal(leak.fields[name].values, second.fields[name].values)
    with pytest.raises(ScenarioError, match="cell_m"):
        simulate(city, clock=CLOCK.after(900.0), state=first.state, cell_m=40.0)


def test_a_run_that_goes_on_needs_no_new_leak_but_no_tank_may_be_forgotten(city: City) -> None:
    first = simulate(city, clock=CLOCK.first(900.0), wind_members=0)
    on = simulate(city, clock=CLOCK.after(900.0), state=first.state, model=Release(wind_members=0))
    assert on.fields["gas_concentration"].isel(time=0).any() and on.tables["tanks"]["id"].tolist() == ["works/T1"]
    place = simulate(city, clock=CLOCK.first(900.0), site="b0", wind_members=0)
    with pytest.raises(ScenarioError, match="b0"):
        simulate(city, clock=CLOCK.after(900.0), state=place.state, model=Release(wind_members=0))


def test_a_gas_that_is_lighter_than_air_is_told(city: City) -> None:
    bottle = {"id": "works/T1", "substance": "ammonia", "phase": "gas", "pressure_pa": 8e5}
    outcome = simulate(replace(city, facilities=city.facilities.assign(**bottle)), substance="ammonia", wind_members=0)
    assert "buoyant" in codes(outcome) and "two_phase" not in codes(outcome)


def test_advice_weighs_both_doses(leak) -> None:
    table = leak.tables["advice"].set_index("id")
    assert set(table["advice"]) <= {"none", "stay", "leave"} and list(leak.fields["block"].values) == list(table.index)
    met = table[table["severity"] >= 1.0]
    assert len(met) and (met["advice"] != "none").all() and (met["dose_stay"] < met["dose_outdoors"]).all()
    leaves = table["advice"] == "leave"
    assert (table["dose_leave"][leaves] < 0.5 * table["dose_stay"][leaves]).all()
    assert np.array_equal(np.isfinite(leak.fields["leave_before"].values), leaves.values)
    assert (met["by_s"] >= met["known_s"]).all(), "nobody is told before it can be known"
    assert table["known_s"].iloc[0] == 5 * 60.0 + 10 * 60.0


def test_a_block_that_only_some_members_meet_is_told_to_stay(city: City) -> None:
    wide = simulate(city, wind_members=10, direction_sd_deg=60.0, mass_kg=1500.0, hole_mm=40.0)
    table = wide.tables["advice"]
    possible = table[table["reason"] == "possible"]
    assert (possible["advice"] == "stay").all() and (possible["probability"] >= 0.1).all()
    quiet = table[table["advice"] == "none"]
    assert (quiet["probability"] < 0.1).all() and (quiet["severity"] < 1.0).all()


def test_no_members_means_no_probability(city: City) -> None:
    one = simulate(city, wind_members=0)
    assert "probability_aegl2" not in one.fields and "one_wind" in codes(one)
    assert one.tables["advice"]["probability"].isna().all(), "what is not known is not 0 %"


def test_members_shift_with_the_stream_and_repeat_with_it(city: City, leak) -> None:
    again = simulate(city)
    np.testing.assert_array_equal(again.fields["probability_aegl2"], leak.fields["probability_aegl2"])
    other = CHLORINE.simulate(city, EAST, CLOCK, (), stream(8, "release"))
    assert (other.fields["probability_aegl2"] != leak.fields["probability_aegl2"]).any()
    np.testing.assert_array_equal(other.fields["gas_concentration"], leak.fields["gas_concentration"])


def depth(rows: list[float]) -> xr.DataArray:
    grid = town().grid
    frames = np.stack([np.full(grid.shape, d, np.float32) for d in rows])
    return xr.DataArray(
        frames, {"time": CLOCK.times[: len(rows)], "y": grid.y, "x": grid.x}, ("time", "y", "x"), "water_depth"
    )


def test_a_tank_floats_when_the_water_reaches_its_depth_and_not_before(city: City) -> None:
    drivers = {**EAST, "water_depth": depth([0.0, 0.3, 0.59, 0.61, 0.5, 0.2])}
    floats = simulate(city, drivers, model=Release(wind_members=0))
    row = floats.tables["tanks"].iloc[0]
    assert (row["id"], row["cause"], row["began_s"]) == ("works/T1", "flood", 900.0)
    c = floats.fields["gas_concentration"]
    assert not c.isel(time=slice(0, 4)).any() and c.isel(time=4).any()
    assert "floated" in codes(floats)
    dry = simulate(city, {**EAST, "water_depth": depth([0.0, 0.3, 0.59])}, model=Release(wind_members=0))
    assert not dry.fields["gas_concentration"].any() and "no_leak" in codes(dry)
    assert (dry.tables["advice"]["advice"] == "none").all()


def test_a_tank_of_another_substance_that_floats_is_told(city: City) -> None:
    two = gpd.GeoDataFrame(
        pd.concat([city.facilities, city.facilities.assign(id="works/T2", substance="petrol")], ignore_index=True),
        crs=CRS,
    )
    floats = simulate(
        replace(city, facilities=two),
        {**EAST, "water_depth": depth([0.0, 0.9])},
        model=Release(substance="chlorine", wind_members=0),
    )
    told = dict(floats.notes)["other_substance"]
    assert told["tank"] == "works/T2" and told["substance"] == "petrol"


def test_events_open_and_shut_a_leak(city: City) -> None:
    event = Action("leak", "works/T1", 300.0, 600.0, {"hole_mm": 10.0})
    once = simulate(city, actions=(event,), model=Release(wind_members=0))
    out = once.tables["mass"].set_index("time")["out_kg"].values
    assert out[1] == 0.0 and out[2] > 0.0 and out[-1] == out[2]
    shut = simulate(
        city,
        actions=(replace(event, end_s=None), Action("shut_valve", "works/T1", 420.0)),
        model=Release(wind_members=0),
    )
    assert 0.3 * out[2] < shut.tables["mass"]["out_kg"].iloc[-1] < 0.5 * out[2]
    curtain = simulate(city, actions=(Action("water_curtain", "works/T1", 0.0, None, {"share": 0.5}),))
    assert curtain.balance.went_out["washed_out"] > 50.0 and abs(curtain.balance.error) < 1e-12


def test_where_nothing_can_leak_the_check_refuses_it(city: City) -> None:
    unsited = Release(substance="chlorine", wind_members=0)
    assert any("release_site" in group and "water_depth" in group for group in unsited.needs)
    assert not any("release_site" in group for group in replace(unsited, site="works/T1").needs)
    unsited.check(city, EAST, CLOCK)
    fixed = replace(city, facilities=city.facilities.assign(floats_m=np.nan))
    with pytest.raises(ScenarioError, match="nothing can leak"):
        unsited.check(fixed, EAST, CLOCK)
    unsited.check(fixed, EAST, CLOCK, (Action("leak", "works/T1", 300.0, None, {"hole_mm": 10.0}),))


def _said(blocks: list[Block]) -> list[Phrase]:
    return [block.said for block in blocks if isinstance(block, Text)]


def test_a_valve_that_is_shut_before_the_leak_is_told_and_nothing_is_said_to_leak(city: City) -> None:
    valve = Action("shut_valve", "works/T1", 0.0)
    shut = simulate(city, actions=(valve,), wind_members=0)
    assert dict(shut.notes)["held"] == {"tank": "works/T1", "measure": "shut_valve"} and "valve" in codes(shut)
    sheet("release")
    section = SimpleNamespace(tables=shut.tables, fields=shut.fields)
    first, *rest = headline(section, city, CLOCK)
    assert first.style == "alarm" and "the valve is shut" in words.written(first.said, "en")
    assert not any("leaks from" in words.written(said, "en") for said in _said(rest)) and not marks(section, city)
    late = simulate(city, actions=(replace(valve, start_s=600.0),), wind_members=0)
    assert "held" not in codes(late) and "valve" in codes(late)


def test_no_valve_and_no_patch_holds_a_tank_that_bursts(city: City) -> None:
    closed = (Action("shut_valve", "works/T1", 0.0), Action("patch", "works/T1", 0.0, None, {"share": 1.0}))
    burst = simulate(city, actions=closed, outflow="sudden", wind_members=0)
    assert burst.tables["mass"]["out_kg"].iloc[-1] == 600.0 and "held" not in codes(burst)


def test_a_flammable_gas_shows_where_it_burns(city: City) -> None:
    lpg = simulate(city, model=Release(substance="lpg", site="b0", mass_kg=3000.0, outflow="sudden", wind_members=2))
    assert float(lpg.fields["flammable_share"].max()) > 0.5 and float(lpg.fields["max_gas_severity"].max()) >= 3.0
    assert "probability_flammable" in lpg.fields and {"gusts_sudden", "gusts_burn"} <= codes(lpg)


def test_a_cloud_that_leaves_is_not_called_safe(city: City) -> None:
    fast = simulate(city, wind(CLOCK, {0.0: (8.0, 0.0)}), wind_members=0)
    assert dict(fast.notes)["over_edge"]["kg"] > 10.0


def test_what_drifts_beyond_the_city_is_told_with_the_part_that_the_ledger_calls_far_off(city: City) -> None:
    sheet("release")
    clock = Clock(START, 5400.0, 300.0)
    far = simulate(city, wind(clock, {0.0: (14.0, 0.0)}), clock, wind_members=0)
    told, lost = dict(far.notes)["over_edge"], far.balance.went_out["out_of_sight"]
    assert told["far"] == lost > 1.0 and told["kg"] >= lost
    first = headline(SimpleNamespace(tables=far.tables, fields=far.fields), city, clock)
    (said,) = [text for said in _said(first) if "beyond the city" in (text := words.written(said, "en"))]
    assert f"{told['kg']:,.0f} kg of gas" in said and f"{lost:,.0f} kg of it more than 10 km off" in said


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"substance": "clorine"}, "chlorine"),
        ({"substance": "bare", "site": "b0"}, "danger to life"),
        ({"substance": "ammonia"}, "holds chlorine"),
        ({"mass_kg": 5000.0}, "more than works/T1 holds"),
        ({"site": "b0", "mass_kg": None}, "mass_kg"),
        ({"site": None}, "nothing can leak"),
        ({"family": "hse_slot"}, "cpr18e"),
        ({"step_s": 7.0}, "7 s"),
        ({"site": "b0", "phase": "gas"}, "pressure"),
    ],
)
def test_what_cannot_be_is_told_before_it_begins(city: City, changes: dict, says: str) -> None:
    rows = files(substances).joinpath("methane.csv").read_text("utf-8").splitlines()
    city = replace(city, substances={"bare": "\n".join(row for row in rows if not row.startswith("HJ169"))})
    with pytest.raises(ScenarioError, match=says):
        simulate(city, **changes)


def test_what_a_tank_holds_is_looked_at_before_the_run_where_the_scenario_leaves_it_to_the_tank(city: City) -> None:
    odd = replace(city, facilities=city.facilities.assign(substance="unobtainium"))
    with pytest.raises(ScenarioError, match="unobtainium"):
        Release(site="works/T1").check(odd, EAST, CLOCK)


def test_a_liquid_that_would_boil_is_kept_cold_where_nobody_says_how_warm_and_refused_where_it_is_said(
    city: City,
) -> None:
    cold = simulate(city, site="b0", mass_kg=200.0, phase="liquid", wind_members=0)
    told = dict(cold.notes)["kept_cold"]
    assert told["site"] == "b0" and told["kelvin"] == pytest.approx(239.0, abs=0.5)
    with pytest.raises(ScenarioError, match="boiling point") as error:
        simulate(city, phase="liquid", wind_members=0)
    assert error.value.code == "release_boils"


def test_a_site_outside_the_grid_is_refused(city: City) -> None:
    away = city.facilities.set_geometry([shapely.Point(WEST - 500.0, NORTH - 100.0)], crs=CRS)
    with pytest.raises(ScenarioError, match="outside"):
        simulate(replace(city, facilities=away))


def test_what_a_tank_does_not_say_is_assumed_and_noted(city: City) -> None:
    bare = city.facilities.assign(mass_kg=np.nan, temperature_k=np.nan, pressure_pa=np.nan, phase=None)
    outcome = simulate(replace(city, facilities=bare), mass_kg=None, wind_members=0)
    told = dict(outcome.notes)["tank_assumed"]
    assert told["kg"] == 10_000.0 and told["phase"] == "pressurised_liquid" and len(told["what"]) == 3


def test_the_wind_shifts_when_the_forcing_says_and_not_at_an_output_time(city: City) -> None:
    shifts = {0.0: (2.0, 0.0), 480.0: (0.0, 2.5), 600.0: (0.0, 2.5), 840.0: (0.0, -2.0), 7200.0: (3.0, 0.0)}
    table = simulate(city, wind(CLOCK, shifts), clock=CLOCK.first(900.0), wind_members=0).tables["wind"]
    assert [CLOCK.seconds(t) for t in table["time"]] == [0.0, 480.0, 840.0]
    assert table["from_deg"].tolist() == pytest.approx([270.0, 180.0, 0.0])


def test_calm_and_missing_weather_are_told(city: City) -> None:
    outcome = simulate(city, wind(CLOCK, {0.0: (0.0, 0.0)}), wind_members=0)
    assert {"calm_few", "assumed_air_temperature", "assumed_cloud_cover", "one_wind", "two_phase", "form"} <= codes(
        outcome
    )
    assert float(outcome.fields["gas_concentration"].max()) > 0


def test_members_differ_in_stability_and_the_result_says_so(city: City) -> None:
    """The draws of turn and speed stay what they were; where the class varies only members have another air."""
    one, other = (simulate(city, wind_members=8, stability_share=share) for share in (0.0, 1.0))
    kept = [run.state.arrays for run in (one, other)]
    assert not kept[0]["cloud_classes"].any() and set(kept[1]["cloud_classes"][1:]) == {1, 2}
    np.testing.assert_array_equal(kept[0]["cloud_turns"], kept[1]["cloud_turns"])
    np.testing.assert_array_equal(one.fields["gas_concentration"], other.fields["gas_concentration"])
    assert (kept[0]["reached"] != kept[1]["reached"]).any()
    assert "stability_one" in codes(one) and dict(other.notes)["stability_varied"] == {"percent": 100.0}


def test_a_class_off_keeps_to_day_and_night() -> None:
    d, open_air = inv_l_of(4.0, OPEN_Z0), [inv_l_of(k, OPEN_Z0) for k in (3.0, 5.0)]
    assert class_off(d, -1.0, day=True) == pytest.approx(open_air[0]) and class_off(d, 1.0, day=True) == 0.0
    assert class_off(d, 1.0, day=False) == pytest.approx(open_air[1]) and class_off(d, -1.0, day=False) == 0.0
    assert class_off(open_air[0], 1.0, day=True) == pytest.approx(0.0, abs=1e-9)
    assert class_off(inv_l_of(5.5, OPEN_Z0), 1.0, day=False) <= 1.0 / SHORTEST_L_M


def test_air_follows_sun_cloud_and_houses(city: City) -> None:
    noon, night = pd.Timestamp("2026-06-21 04:24"), pd.Timestamp("2026-06-21 16:24")
    assert (
        np.rad2deg(sun_height(noon, 114.0, 30.0)) == pytest.approx(83.4, abs=1.0) and sun_height(night, 114.0, 30.0) < 0
    )
    high = sun_height(noon, 114.0, 30.0)
    assert stability(2.0, 300.0, 0.0, high) < stability(8.0, 300.0, 0.0, high) < 0
    assert stability(2.0, 290.0, 0.0, -0.5) > stability(2.0, 290.0, 1.0, -0.5) > 0
    z0 = roughness(city)
    assert z0.min() == 0.03 and 0.2 < z0.max() < 3.0
    weather = Weather(city, wind(CLOCK, {0.0: (3.0, 0.0), 600.0: (0.0, -4.0)}), CLOCK)
    before, after = weather.at(590.0), weather.at(600.0)
    assert (before.east, before.north_ward) == (1.0, 0.0) and (after.east, after.north_ward) == (0.0, -1.0)
    assert after.ustar.max() > before.ustar.max() and before.ustar.max() > before.ustar.min()


def test_every_note_has_its_sentence(leak) -> None:
    sheet("release")
    for code, values in leak.notes:
        for lang in words.LANGS:
            assert words.say(f"note.release.{code}", lang=lang, **values)


@pytest.fixture
def case(city: City, tmp_path: Path) -> sc.Case:
    save_folder(city, tmp_path / "town")
    path = tmp_path / "leak.yaml"
    path.write_text(
        f"""schema: 1
name: {{zh: 小镇氯气泄漏, en: Chlorine in the town}}
city: {tmp_path / "town"}
start: 2026-06-20T18:00+08:00
hours: 0.5
forcing:
  wind: {{speed_m_s: 2.0, from_deg: 270}}
  weather: {{temperature_c: 26, cloud_tenths: 6}}
hazards:
  - release: {{wind_members: 2}}
measures:
  - {{kind: leak, place: works/T1, start: "18:05", values: {{hole_mm: 30}}}}
seed: 7
""",
        "utf-8",
    )
    return sc.load(path)


def test_a_case_goes_from_scenario_to_levels_plan_and_report(case: sc.Case) -> None:
    run = execute(case, fresh=True)
    levels = run.levels.set_index("place")
    assert set(levels["hazard"]) == {"release"} and "orange" in set(levels["level"])
    tasks = sc.draft_plan(run).tasks
    told = {t.place: t.code for t in tasks if t.code in ("stay_inside", "stay_possible", "leave_block")}
    advice = run.tables["release-advice"].set_index("id")
    codes = {"stay": "stay_inside", "leave": "leave_block"}
    asked = {
        b: "stay_possible" if r == "possible" else codes[a]
        for b, a, r in advice[["advice", "reason"]].itertuples()
        if a != "none"
    }
    assert told == asked
    assert min(t.known for t in tasks) >= case.scenario.start + timedelta(minutes=5), (
        "nobody knows of the leak before it"
    )
    exposure = run.exposure["release"]
    section = Section(
        run.sheet("release"), run.fields["release"], exposure, run.balances["release"], run.tables_of("release")
    )
    blocks = reported("release", section, case.city, case.clock).blocks
    assert any(isinstance(b, Curve) for b in blocks)
    table = next(b for b in blocks if isinstance(b, Table))
    assert len(table.rows) == int((advice["advice"] != "none").sum()) and len(table.heads) == len(table.rows[0])


@pytest.mark.slow  # compiles the flood too
def test_a_tank_that_the_flood_lifts_is_known_only_from_then_on(case: sc.Case) -> None:
    """The chain flood - tank: rain fills a closed town until its tank floats."""
    rain = {"mm_h": 600, "hours": 0.5}
    chained = case.with_changes(
        forcing={"rain": rain, "wind": {"speed_m_s": 2.0, "from_deg": 270}},
        hazards=[
            {"flood": {"drainage": "none", "infiltration": "none", "edge": "closed", "cell_m": 20, "exchange_s": 10}},
            {"release": {"substance": "chlorine", "wind_members": 0}},
        ],
        measures=[],
        hours=1.5,
    )
    city = replace(chained.city, facilities=chained.city.facilities.assign(floats_m=0.15))
    vars(chained)["city"] = city
    run = execute(chained, fresh=True)
    row = run.tables["release-tanks"].iloc[0]
    depth = run.fields["flood"]["water_depth"].sel(x=WEST + 300.0, y=NORTH - 1010.0, method="nearest").values
    first = int(np.argmax(depth >= 0.15))
    assert row["cause"] == "flood" and row["began_s"] == first * 300.0 > 0
    assert not run.fields["release"]["gas_concentration"].isel(time=slice(0, first + 1)).any().compute()
    tasks = [t for t in sc.draft_plan(run).tasks if t.hazard == "release"]
    assert tasks and all(t.known >= chained.scenario.start + timedelta(seconds=first * 300.0) for t in tasks)


def test_a_release_without_wind_is_refused(case: sc.Case) -> None:
    with pytest.raises(ScenarioError, match="wind"):
        case.with_changes(forcing={}).check()


def test_an_unknown_tank_of_an_event_is_refused(case: sc.Case) -> None:
    wrong = case.with_changes(measures=[{"kind": "leak", "place": "works/T9", "values": {"hole_mm": 30}}])
    with pytest.raises(ScenarioError, match="works/T1"):
        wrong.check()
