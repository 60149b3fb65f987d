"""Live counts move a run towards what is there: twins of a hidden truth, readings that are not to be believed, ledgers that close."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr

from evacuation.crowd.crowd import Crowd
from evacuation.crowd.live.correction import AHEAD_MIN
from scenarios.case import hazards
from tests.unit.evacuation.test_crowd_hazard import X, Y, clock, parts, with_hall
from twin.city import City
from twin.clock import Clock
from twin.hazard import Outcome
from twin.streams import stream
from twin.words import say


@pytest.fixture
def city(small_city: City) -> City:
    """The hall with one zone over its whole floor, a counter in it and one at its east gate."""
    floor = shapely.box(X, Y, X + 16, Y + 10)
    hall = with_hall(small_city, parts(front=floor))
    rows = [
        {"id": "inside", "kind": "zone_counter", "geometry": shapely.Point(X + 5, Y + 5)},
        {"id": "door", "kind": "gate_counter", "geometry": shapely.Point(X + 16.5, Y + 5)},
    ]
    more = gpd.GeoDataFrame([row | {"name_zh": row["id"], "name_en": row["id"]} for row in rows], crs=hall.grid.crs)
    return replace(hall, sensors=gpd.GeoDataFrame(pd.concat([hall.sensors, more]), crs=hall.grid.crs))


def told(at: pd.DatetimeIndex, **persons: list[float]) -> dict[str, xr.DataArray]:
    values = np.array(list(persons.values())).T
    return {"people_count": xr.DataArray(values, {"time": at.values, "sensor": list(persons)}, ("time", "sensor"))}


def simulate(city: City, persons: int, drivers: dict[str, xr.DataArray], seconds: float = 120.0) -> Outcome:
    model = Crowd("hall", persons=persons, leave_within_s=600.0)
    return model.simulate(city, drivers, clock(seconds), rng=stream(3, "crowd"))


def test_counts_bring_a_wrong_run_to_the_truth_and_its_forecast_too(city: City) -> None:
    truth = simulate(city, 200, {}).fields["zone_people"][:, 0].values
    times = clock(120).times
    counts = told(times[[2, 3, 4]], inside=list(truth[[2, 3, 4]]))
    blind, led = simulate(city, 120, {}), simulate(city, 120, counts)
    off = [np.abs(out.fields["zone_people"][:, 0].values - truth) for out in (blind, led)]
    assert (off[1][5:] < 0.35 * off[0][5:]).all(), "from the last reading on it is the forecast"
    table = led.tables["live"]
    assert table["state"].tolist() == ["ok"] * 3 and table["moved"].iloc[0] > 60
    assert led.balance.error == 0.0 and led.balance.came_in["counted_in"] == table["moved"].clip(lower=0).sum()
    assert led.counts["where"].iloc[-1].sum() != 120, "people were added"


def test_people_are_taken_away_too_and_a_gate_counter_tells_who_is_gone(city: City) -> None:
    times = clock(120).times
    led = simulate(city, 200, told(times[[2]], inside=[120.0]))
    moved = led.tables["live"]["moved"].iloc[0]
    assert moved < -50 and led.balance.went_out["counted_out"] == -moved and led.balance.error == 0.0
    plain = simulate(city, 200, {})
    passed = plain.fields["gate_flow"].sel(gate="hall/east").values[1:7].sum() * 10
    more = simulate(city, 200, told(times[[6]], door=[passed + 6.0]))
    row = more.tables["live"].iloc[0]
    assert row["expected"] == pytest.approx(passed) and -6.0 <= row["moved"] <= -3.0 and row["place"] == "hall/east"


def test_a_first_reading_far_off_the_run_waits_for_the_next_to_say_the_same(city: City) -> None:
    times = clock(120).times[[1, 2]]
    alone, again = (
        simulate(city, 120, told(times, inside=[900.0, second])).tables["live"] for second in (118.0, 910.0)
    )
    assert (
        alone["state"].tolist() == ["jump", "ok"] and alone["moved"].iloc[0] == 0 and abs(alone["moved"].iloc[1]) < 20
    )
    assert again["state"].tolist() == ["jump", "ok"] and again["moved"].iloc[1] > 300, "twice is no slip"


def test_missing_stuck_and_jumping_readings_move_nobody_and_are_told(city: City) -> None:
    hazards.sheet("crowd")
    times = clock(120).times
    start = simulate(city, 150, {}).fields["zone_people"][:, 0].values
    values = [start[1], np.nan, 1500.0, start[4]]
    led = simulate(city, 150, told(times[[1, 2, 3, 4]], inside=values))
    assert led.tables["live"]["state"].tolist() == ["ok", "missing", "jump", "ok"]
    assert led.tables["live"]["moved"].iloc[1:3].tolist() == [0.0, 0.0]
    notes = dict(led.notes)
    assert (notes["live"]["count"], notes["live"]["of"]) == (2, 4)
    assert notes["people"]["count"] == 150, "by the scenario: whom the counts added is told beside"
    assert notes["live_jump"]["sensors"] == ["inside"] and notes["live_missing"]["count"] == 1
    assert "inside" in say("note.crowd.live_jump", lang="en", **notes["live_jump"])
    model = Crowd("hall", persons=150, leave_within_s=150.0)
    held = told(clock(150).times[:12], inside=[150.0] * 12)
    stuck = model.simulate(city, held, clock(150), rng=stream(3, "crowd")).tables["live"]
    assert "stuck" in set(stuck["state"]), "the hall empties and the counter goes on saying 150"


def test_a_run_in_two_parts_believes_the_same_readings_as_one(city: City) -> None:
    """The hall empties; a reading far off the run and off the last good one is not believed in the second part either."""
    model = Crowd("hall", persons=150, leave_within_s=20.0)
    counts = told(clock(180).times[[1, 17]], inside=[148.0, 500.0])
    whole = model.simulate(city, counts, clock(180), rng=stream(3, "crowd"))
    first = model.simulate(city, counts, clock(60), rng=stream(3, "crowd"))
    later = Clock(clock(60).start + timedelta(seconds=60), 120.0, 10.0)
    second = model.simulate(city, counts, later, state=first.state)
    both = pd.concat([first.tables["live"], second.tables["live"]], ignore_index=True)
    assert both["state"].tolist() == whole.tables["live"]["state"].tolist() == ["ok", "jump"]
    assert both["moved"].tolist() == whole.tables["live"]["moved"].tolist()


def test_the_forecast_has_an_error_only_where_enough_was_read(city: City) -> None:
    ck = clock(1800, 60)
    model = Crowd("hall", persons=150, leave_within_s=3000.0)
    few, many = (
        model.simulate(
            city, told(ck.times[1 : n + 1], inside=[140.0 - 3 * k for k in range(n)]), ck, rng=stream(3, "c")
        )
        for n in (2, 6)
    )
    assert few.tables["forecast"]["sd"].isna().all() and few.tables["forecast"]["minutes"].tolist() == list(
        AHEAD_MIN[:2]
    )
    sd = many.tables["forecast"]["sd"].to_numpy()
    assert (np.diff(sd) > 0).all() and 5.0 < sd[0] < 150.0


def test_the_density_form_is_moved_by_counts_too(city: City) -> None:
    """A run that holds 60 people too few: three counts bring it to the truth, and the ledger closes."""
    model = Crowd("hall", persons=200, leave_within_s=600.0, form="stream", stream_cell_m=0.5)
    times = clock(120).times
    truth = model.simulate(city, {}, clock(120)).fields["zone_people"][:, 0].values
    few = replace(model, persons=140)
    led = few.simulate(city, told(times[[2, 3, 4]], inside=list(truth[[2, 3, 4]])), clock(120))
    off = np.abs(led.fields["zone_people"][5:, 0].values - truth[5:])
    assert off.max() < 10.0, "60 too few without the counts"
    table = led.tables["live"]
    assert table["moved"].iloc[0] > 40 and abs(led.balance.error) <= 1e-9
    assert led.balance.came_in["counted_in"] == pytest.approx(table["moved"].clip(lower=0).sum())
    less = few.simulate(city, told(times[[2]], inside=[80.0]), clock(60))
    assert less.tables["live"]["moved"].iloc[0] < -30 and abs(less.balance.error) <= 1e-9
    assert less.balance.went_out["counted_out"] == pytest.approx(-less.tables["live"]["moved"].iloc[0])
    assert len(led.tables["forecast"]) == 0, "the run ends before the forecast begins"
