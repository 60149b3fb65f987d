"""Roads that something bars: nobody comes onto them once it is known, who is amid them walks out, and it is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from evacuation.movement.movement import Movement
from evacuation.movement.proofs import worlds
from evacuation.movement.record import STATES
from scenarios.case import hazards
from twin.city import City
from twin.hazard import Outcome
from twin.streams import stream
from twin.words import say

ALL = Movement(zones="all", mean_delay_min=5.0)
CLOCK = worlds.clock(1.0)
KNOWN = 2.0


@pytest.fixture(scope="module")
def town() -> City:
    return worlds.town(5, shelter_places=200.0, people=40.0)


def bars(city: City, roads: list[str], levels: list[float]) -> dict[str, xr.DataArray]:
    """Return what stands on some roads at each output time; the last of `levels` stays."""
    values = np.zeros((len(CLOCK.times), len(city.roads)))
    level = np.array(levels + levels[-1:] * (len(values) - len(levels)))
    values[:, city.roads["id"].isin(roads).to_numpy()] = level[:, None]
    axes = {"time": CLOCK.times.values, "edge": city.roads["id"].to_numpy(str)}
    attrs = {"units": "1", "tags": "bars_travel", "long_name": "thin ice", "long_name_zh": "薄冰"}
    return {"thin_ice": xr.DataArray(values, axes, tuple(axes), "thin_ice", attrs)}


def leave(city: City, drivers: dict[str, xr.DataArray] | None = None, model: Movement = ALL) -> Outcome:
    return model.simulate(city, drivers or {}, CLOCK, (), stream(7, "movement"))


def arrived(found: Outcome) -> float:
    return float(found.counts["end_state"].iloc[-1, :2].sum())


def busiest(found: Outcome) -> str:
    on = found.fields["people_on_edge"]
    return str(on["edge"].values[int(on.sum("time").argmax())])


def test_who_would_cross_a_barred_road_takes_another_way(town: City) -> None:
    free = leave(town)
    road = busiest(free)
    found = leave(town, bars(town, [road], [KNOWN]))
    assert (
        found.fields["people_on_edge"].sel(edge=road).max() == 0.0 < free.fields["people_on_edge"].sel(edge=road).max()
    )
    assert arrived(found) == pytest.approx(arrived(free), rel=0.05)
    assert (found.fields["road_closed"].sel(edge=road) == 1).all()


def test_who_has_no_other_way_waits_until_it_is_over(town: City) -> None:
    """Every road is barred for half an hour: nobody drives until then; who lives where a shelter stands is there without a road."""
    cars = replace(town, population=town.population.assign(car_share=1.0))
    found = leave(cars, bars(town, list(town.roads["id"]), [KNOWN] * 6 + [0.0]))
    clearing = found.tables["clearing"].set_index("time_s")["arrived"]
    assert clearing[1800.0] < 0.2 * clearing[3600.0]
    assert found.fields["people_on_edge"].isel(time=slice(None, 6)).max() == 0.0


def test_who_walks_amid_barred_roads_goes_on_out_of_them(town: City) -> None:
    walkers = replace(town, population=town.population.assign(car_share=0.0))
    found = leave(walkers, bars(town, list(town.roads["id"]), [KNOWN]))
    assert arrived(found) > 0.5 * found.tables["bound"]["leaving"].iloc[0]


def test_a_danger_that_nobody_knows_of_keeps_nobody_off_and_who_is_in_it_is_told(town: City) -> None:
    free = leave(town)
    road = busiest(free)
    on = free.fields["people_on_edge"].sel(edge=road).values
    began = int(np.argmax(on > 0.0))
    found = leave(town, bars(town, [road], [0.0] * began + [1.0] * 2 + [KNOWN] * 2 + [0.0]))
    (row,) = found.tables["barred"].to_dict("records")
    step = CLOCK.step_s
    assert row["id"] == road and row["at_begin"] == on[began] > 0.0 and row["most"] >= on[began + 1]
    assert [row[name] / step for name in ("from_s", "closed_s", "until_s")] == [began, began + 2, began + 4]
    hazards.sheet("movement")  # brings the words
    for lang, name in (("en", "(thin ice)"), ("zh", "(薄冰)")):
        said = say("note.movement.barred", lang=lang, **dict(found.notes)["barred"])
        assert name in said and "{" not in said


def test_who_is_on_a_road_as_it_is_barred_leaves_it(town: City) -> None:
    free = leave(town)
    road = busiest(free)
    began = int(np.argmax(free.fields["people_on_edge"].sel(edge=road).values > 0.0))
    found = leave(town, bars(town, [road], [0.0] * began + [KNOWN]))
    on = found.fields["people_on_edge"].sel(edge=road).values
    assert (
        on[began] > 0.0 and on[-1] == 0.0 and float(found.counts["end_state"].iloc[-1, STATES.index("stranded")]) == 0.0
    )


def test_nothing_that_bars_is_no_row_and_no_note(town: City) -> None:
    for drivers in ({}, bars(town, [], [0.0])):
        found = leave(town, drivers)
        assert found.tables["barred"].empty and "barred" not in dict(found.notes)
