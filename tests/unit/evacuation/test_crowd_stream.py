"""The crowd as a density: from a scenario's figures to levels, on from a state, gates, attendance, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import scenarios as sc
from evacuation.crowd.crowd import Crowd
from evacuation.crowd.proofs.district import hall, open_stream
from evacuation.crowd.proofs.worlds import line
from scenarios.case.hazards import sheet
from tests.unit.evacuation.test_crowd_hazard import clock, parts, water, with_hall
from twin.city import City
from twin.errors import ScenarioError
from twin.hazard import Action, State
from twin.readers.city_folder import save_folder
from twin.streams import stream
from twin.words import say

FLOW = Crowd("hall", persons=150, form="stream", stream_cell_m=0.5)


@pytest.fixture
def city(small_city: City) -> City:
    return with_hall(small_city)


def test_a_crowd_leaves_as_a_density_and_the_ledger_closes(city: City) -> None:
    out = FLOW.simulate(city, {}, clock(180), rng=stream(1, "crowd"))
    where = out.counts["where"]
    assert where[2.0].iloc[0] == 150 and where[3.0].iloc[-1] == pytest.approx(150, abs=1)
    assert abs(out.balance.error) <= 1e-9
    gates = out.tables["gates"].set_index("id")
    assert gates.loc["hall/east", "passed_out"] > gates.loc["hall/north", "passed_out"] > 5
    assert np.isnan(gates["passed_in"]).all()
    assert not {"contact_force", "compression_dose"} & set(out.fields) and (out.fields["peak_density"] >= 0).all()
    notes = dict(out.notes)
    assert notes["stream"]["cell"] == 0.5 and "hall/north" in notes["stream_gates"]["gates"]
    sheet("crowd")
    for code, values in out.notes:
        assert all(say(f"note.crowd.{code}", lang=lang, **values) for lang in ("zh", "en"))


def test_a_split_run_equals_the_whole(city: City, tmp_path: Path) -> None:
    whole = FLOW.simulate(city, {}, clock(60))
    first = FLOW.simulate(city, {}, clock(32, 4))
    first.state.save(tmp_path / "state.npz")
    second = FLOW.simulate(city, {}, clock(28, 4), state=State.load(tmp_path / "state.npz"))
    np.testing.assert_array_equal(second.fields["crowd_density"].values[-1], whole.fields["crowd_density"].values[-1])
    assert second.tables["gates"].equals(whole.tables["gates"])


def test_one_form_does_not_go_on_from_the_other(city: City) -> None:
    first = FLOW.simulate(city, {}, clock(10))
    with pytest.raises(ScenarioError, match="form"):
        Crowd("hall", persons=150).simulate(city, {}, clock(10), state=first.state)


def test_water_and_meters_hold_people_back(city: City) -> None:
    dry = FLOW.simulate(city, {}, clock(60)).counts["where"][3.0].iloc[-1]
    times = clock(60).times
    wet = FLOW.simulate(city, {"water_depth": water(city, times, [0.5] * len(times))}, clock(60))
    gates = wet.tables["gates"].set_index("id")
    assert gates.loc["hall/north", "shut_by"] == "water" and gates.loc["hall/north", "passed_out"] == 0
    assert wet.counts["where"][3.0].iloc[-1] <= dry
    slow = FLOW.simulate(city, {}, clock(60), (Action("meter_inflow", "hall/east", 0.0, None, {"persons_per_s": 0.5}),))
    assert slow.tables["gates"].set_index("id").loc["hall/east", "passed_out"] == pytest.approx(30, abs=6)


def test_attendance_is_followed(city: City) -> None:
    times = clock(120, 60).times
    series = xr.DataArray([[20.0], [80.0], [30.0]], {"time": times.values, "place": ["hall"]}, ("time", "place"))
    out = Crowd("hall", form="stream", stream_cell_m=0.5).simulate(city, {"attendance": series}, clock(180, 60))
    inside = out.counts["where"][2.0].tolist()
    assert inside[0] == 20 and inside[1] == pytest.approx(80, abs=1) and inside[3] == pytest.approx(30, abs=2)


def test_more_people_than_there_is_room_are_refused_or_wait_outside(city: City, small_city: City) -> None:
    with pytest.raises(ScenarioError) as error:
        Crowd("hall", persons=1000, form="stream").simulate(city, {}, clock(10))
    assert error.value.code == "venue_too_many"
    rows = parts()
    rows.loc[rows["id"] == "hall/floor", "geometry"] = shapely.box(500_402.0, 3_399_402.0, 500_404.0, 3_399_404.0)
    out = Crowd("hall", arrivals_per_s=20.0, form="stream", stream_cell_m=0.5).simulate(
        with_hall(small_city, rows), {}, clock(20)
    )
    assert dict(out.notes)["outside"]["count"] > 50 and abs(out.balance.error) <= 1e-9


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.2, 5.0), st.floats(2.0, 12.0))
def test_nobody_is_made_or_lost_in_any_hall(seed: int, density: float, wide: float) -> None:
    stream_ = open_stream(hall(1.0, line((60, 20 - wide / 2), (60, 20 + wide / 2))))
    floor = stream_.finder.walkable
    rng = np.random.default_rng(seed)
    stream_.walking[0][floor] = density * rng.random(int(floor.sum()))
    count = stream_.inside
    stream_.walk(40)
    assert stream_.inside + stream_.out.sum() == pytest.approx(count, rel=1e-12)
    assert stream_.total.min() >= 0.0 and stream_.total.max() <= 5.4 + 1e-9
    assert (stream_.total[~floor & ~stream_.finder.gate_cells(0) & ~stream_.finder.beyond_cells(0)] == 0.0).all()


@pytest.mark.parametrize("form", ["stream", "mixed"])
def test_from_scenario_to_plan(city: City, tmp_path: Path, form: str) -> None:
    """The forms that follow nobody, or few, go all the way to a plan and a report, and say what they do not know."""
    save_folder(city, tmp_path / "town")
    path = tmp_path / "evening.yaml"
    path.write_text(
        f"""schema: 1
name: {{zh: 礼堂散场, en: The hall empties}}
city: {tmp_path / "town"}
start: 2026-06-20T18:00+08:00
hours: 0.02
output_minutes: 0.2
hazards:
  - crowd: {{venue: hall, persons: 180, form: {form}, stream_cell_m: 0.5}}
seed: 7
""",
        "utf-8",
    )
    run = sc.run(sc.load(path), fresh=True)
    assert abs(run.balances["crowd"]["relative_error"]) <= 1e-9
    page = (run.folder / "report.html").read_text("utf-8")
    assert ("followed person by person" in page) == (form == "mixed")
    assert "load: not known" in page, "nobody follows people beside the zones"
    assert ("N on one person" in page) == (form == "mixed")
