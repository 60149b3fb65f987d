"""Movement's own blocks of report and panel: an unused shelter is not an empty one, and loads are told as people read figures."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from evacuation.movement.movement import Movement
from evacuation.movement.proofs import worlds
from evacuation.movement.report import blocks
from scenarios.case import hazards
from twin.blocks import Table, Text
from twin.streams import stream
from twin.words import written

ALL = Movement(zones="all", mean_delay_min=5.0)


def cells(found, city, title: str, lang: str) -> list[list[str]]:
    """Return the rows of the table under a title."""
    hazards.sheet("movement")  # brings the words
    told = blocks(SimpleNamespace(tables=found.tables), city, worlds.clock(0.5))
    at = next(k for k, b in enumerate(told) if isinstance(b, Text) and written(b.said, "en") == title)
    table = next(b for b in told[at:] if isinstance(b, Table))
    return [[written(c.said if isinstance(c, Text) else c, lang) for c in row] for row in table.rows]


@pytest.mark.parametrize(("lang", "why"), [("en", "not used: no places"), ("zh", "不使用:没有位置")])
def test_a_shelter_that_is_not_used_says_why_and_shows_no_figure(lang: str, why: str) -> None:
    town = worlds.town(4, people=20.0)
    places = np.where(town.facilities["id"] == "s1", 0.0, 600.0)
    half = replace(town, facilities=town.facilities.assign(capacity=places))
    found = ALL.simulate(half, {}, worlds.clock(0.5), (), stream(7, "movement"))
    used, unused = cells(found, half, "Shelters", lang)
    assert used[2] != "–" and ":" in used[3] and unused[2:] == ["–", why, "–"]


def test_the_load_of_a_zone_is_told_for_half_and_for_nearly_all_and_in_plain_figures() -> None:
    town = worlds.town(4, people=20.0)
    loads = []
    for rate in (1e-9, 1e-4, 1.0):
        fields = {"toxic_dose_rate": worlds.cloud(town, worlds.clock(0.5), rate)}
        found = ALL.simulate(town, fields, worlds.clock(0.5), (), stream(7, "movement"))
        zone = found.tables["zones"].iloc[0]
        assert zone["load_left_half"] <= zone["load_left"] and zone["load_stayed_half"] <= zone["load_stayed"]
        loads += [row[8] for row in cells(found, town, "Zones told to leave", "en")]
    assert all(load.count(" · ") == 1 and "e-" not in load and "e+" not in load for load in loads)
    assert "<0.001 · <0.001" in loads


@pytest.mark.parametrize(
    ("t50", "t95", "said"),
    [(600.0, 1200.0, "95 % after 20 min"), (600.0, np.nan, "half: 10 min"), (np.nan, np.nan, "not even half")],
)
def test_how_far_the_zones_have_cleared_is_said_without_a_gap(t50: float, t95: float, said: str) -> None:
    town = worlds.town(4, people=20.0)
    found = ALL.simulate(town, {}, worlds.clock(0.5), (), stream(7, "movement"))
    found.tables["bound"] = found.tables["bound"].assign(t50_s=t50, t95_s=t95)
    hazards.sheet("movement")
    strong = [
        b
        for b in blocks(SimpleNamespace(tables=found.tables), town, worlds.clock(0.5))
        if getattr(b, "style", "") == "strong"
    ]
    assert said in written(strong[0].said, "en")
    assert all(
        "–" not in written(strong[0].said, lang) and "{" not in written(strong[0].said, lang) for lang in ("zh", "en")
    )


def test_roads_of_one_name_are_one_row_of_those_stranded() -> None:
    town = worlds.town(4, people=20.0)
    town = replace(town, roads=town.roads.assign(name_zh="中路", name_en="Middle Road"))
    found = ALL.simulate(town, {}, worlds.clock(0.5), (), stream(7, "movement"))
    rows = [
        ("r0-0-0", "road", "road_impassable", 30.0),
        ("r0-1-0", "road", "road_impassable", 20.0),
        ("b1", "home", "no_way", 40.0),
    ]
    found.tables["stranded"] = pd.DataFrame(rows, columns=["id", "where", "why", "persons"])
    told = cells(found, town, "Where people are stranded at the end", "en")
    assert [(row[0], row[2]) for row in told] == [("Middle Road", "50"), (town.place_name("b1")["en"], "40")]
