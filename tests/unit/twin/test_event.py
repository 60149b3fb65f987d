"""The level and the affected range of a whole case, from hand-made exposures."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from scenarios.case import event_levels
from scenarios.case.hazards import sheet
from twin.city import City
from twin.errors import ScenarioError
from twin.event import event_of
from twin.exposure import Exposure
from twin.readers.city_folder import open_folder, save_folder
from twin.sheet import COLOURS


def exposure(city: City, known: tuple[str, ...], unknown: int = 0, people: tuple[float, ...] = ()) -> Exposure:
    """Return an exposure with places of 100 m x 100 m beside each other, and people in the classes of a scale that harms."""
    ids = [*known, *(f"lost{k}" for k in range(unknown))]
    squares = [shapely.box(100.0 * k, 0.0, 100.0 * k + 100.0, 100.0) for k in range(len(ids))]
    places = gpd.GeoDataFrame({"id": ids, "known": [i in known for i in ids]}, geometry=squares, crs=city.grid.crs)
    danger = sheet("flood").danger
    table = pd.DataFrame([people or [0.0] * len(danger.classes)], columns=list(danger.classes))
    return Exposure("flood", {danger.code: {"people": table}}, None, "night", None, places, None, None)


def levels(**colours: str) -> pd.DataFrame:
    return pd.DataFrame(
        {"place": list(colours), "level": list(colours.values()), "probability": np.full(len(colours), np.nan)}
    )


def found(city: City, about: Exposure, **colours: str):
    return event_of(levels(**colours), [(sheet("flood"), about)], city, event_levels.thresholds(city))


def test_one_red_place_makes_level_two_and_twenty_make_level_one(small_city: City) -> None:
    many = tuple(f"p{k}" for k in range(20))
    one = found(small_city, exposure(small_city, many), p0="red", p1="blue")
    assert (one.level, one.met, one.least) == ("II", "red", 1.0)
    assert one.area_km2 == 0.02 and one.places == {"blue": 1, "yellow": 0, "orange": 0, "red": 1}
    assert found(small_city, exposure(small_city, many), **dict.fromkeys(many, "red")).level == "I"
    assert found(small_city, exposure(small_city, many), **dict.fromkeys(many[:19], "red")).level == "II"
    assert found(small_city, exposure(small_city, many), p3="yellow").level == "IV"


def test_people_alone_can_decide(small_city: City) -> None:
    classes = sheet("flood").danger.classes
    harm = [0.0] * len(classes)
    harm[-1] = 5200.0
    event = found(small_city, exposure(small_city, ("p0",), people=tuple(harm)), p0="blue")
    assert (event.level, event.met, event.people) == ("III", "people", "5,200")


def test_a_place_of_two_hazards_counts_once_with_its_worst_colour(small_city: City) -> None:
    about = exposure(small_city, ("p0",))
    table = pd.concat([levels(p0="blue"), levels(p0="red")], ignore_index=True)
    flood = sheet("flood")
    event = event_of(table, [(flood, about), (flood, about)], small_city, event_levels.thresholds(small_city))
    assert event.places == {"blue": 0, "yellow": 0, "orange": 0, "red": 1} and event.area_km2 == 0.01


def test_nothing_known_is_not_nothing(small_city: City) -> None:
    event = found(small_city, exposure(small_city, (), unknown=3))
    assert event.level is None and event.unknown == 3 and event.area_km2 == 0.0
    assert sum(event.places[c] for c in COLOURS) == 0


def test_a_city_has_its_own_numbers(small_city: City, tmp_path) -> None:
    save_folder(replace(small_city, event_overrides={"I": {"red": 1}}), tmp_path / "own")
    city = open_folder(tmp_path / "own")
    event = found(city, exposure(city, ("p0",)), p0="red")
    assert event.level == "I" and event.source["zh"].startswith("city.yaml (I); ")


@pytest.mark.parametrize("rows", [{"V": {"red": 1}}, {"I": {"purple": 1}}, {"I": {"red": 0}}, {"I": {"red": "many"}}])
def test_a_wrong_number_is_told(small_city: City, rows: dict) -> None:
    with pytest.raises(ScenarioError) as error:
        event_levels.thresholds(replace(small_city, event_overrides=rows))
    assert (
        error.value.code == "event_level" and "event.V" in error.value.message("en")
    ) or "event.I" in error.value.message("zh")
