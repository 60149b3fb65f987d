"""The graded places of all hazards of a run as they are drawn on the map: each place once, in its worst colour."""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import streamlit as st

import scenarios as sc
from desk import pictures
from twin import phrases
from twin.blocks import Section
from twin.bridge.shapes import LEVEL_COLOURS, UNKNOWN, Bounds, apart, levels_of, marked
from twin.sheet import COLOURS
from twin.units import quantity
from twin.words import say

#: The worse, the later; of what nothing is known is drawn before what is known to be hit.
RANKS = ("unknown", *COLOURS)


def graded(run: sc.Run, sections: Mapping[str, Section], bounds: Bounds, lang: str) -> gpd.GeoDataFrame:
    """Return the places within bounds that have a colour, or of which nothing is known, the worst last.

    Columns: `name`, `told` (what each hazard does there, a line each), `level`, `colour`, `mark` (drawn as a point), `geometry`;
    `partly`: one hazard colours the place and of another nothing is known there, so that the colour is the least it may be.
    """
    return _graded(run.id, bounds, lang, run, sections)


def levels_legend(places: gpd.GeoDataFrame, lang: str) -> str:
    """Return the colours of the levels, and that of unknown places where there are such."""
    unknown = ["unknown"] if (places["level"] == "unknown").any() else []
    steps = [(_colours()[level], _word(level, lang)) for level in (*COLOURS, *unknown)]
    partly = say("desk.partly", lang=lang) if places["partly"].any() else ""
    return f"{say('desk.levels', lang=lang)}: {pictures.swatches(steps)} {partly}"


@st.cache_data(show_spinner=False, max_entries=32)
def _graded(run_id: str, bounds: Bounds, lang: str, _run: sc.Run, _sections: Mapping[str, Section]) -> gpd.GeoDataFrame:
    found = pd.concat([_of_hazard(_run, section, lang) for section in _sections.values()], ignore_index=True)
    found = gpd.GeoDataFrame(found, geometry="geometry", crs=_run.case.city.grid.crs)
    found = found[found.intersects(shapely.box(*bounds))].sort_values("rank", kind="stable")
    told = found.groupby("id", sort=False)["told"].agg("\n".join)
    worst = found.drop_duplicates("id", keep="last").set_index("id")
    lost = worst.index.isin(found.loc[found["rank"] == RANKS.index("unknown"), "id"])
    partly = lost & (worst["rank"] > RANKS.index("unknown"))
    mark = marked(worst, bounds[2] - bounds[0])
    points = [s.representative_point() if m else s for s, m in zip(worst.geometry, mark, strict=True)]
    level = [RANKS[k] for k in worst["rank"]]
    colour = [[int(_colours()[name][i : i + 2], 16) for i in (1, 3, 5)] for name in level]
    worst = worst.assign(
        told=told.reindex(worst.index), level=level, colour=colour, mark=mark, partly=partly, geometry=points
    )
    shown = worst[["name", "told", "level", "colour", "mark", "partly", "geometry"]].reset_index(drop=True)
    areas = ~shown["mark"].to_numpy(bool)
    shown.loc[areas, "geometry"] = apart(shown.geometry[areas])  # else colours mix: red within yellow looks orange
    return shown


def _of_hazard(run: sc.Run, section: Section, lang: str) -> pd.DataFrame:
    """Return the places that one hazard gives a colour, or does not know."""
    hazard, places = section.sheet.id, section.exposure.places
    level = levels_of(places)
    places, level = places[level != ""], level[level != ""]
    chances = run.levels[run.levels["hazard"] == hazard].set_index("place")["probability"]
    who = f"{section.sheet.name[lang]}: " if len(run.hazards) > 1 else ""
    told = []
    for place, colour, peak, unit in zip(places["id"], level, places["peak"], places["unit"], strict=True):
        chance = chances.get(place)
        likely = "" if chance is None or pd.isna(chance) else f" ({phrases.share(chance)})"
        told.append(f"{who}{_word(colour, lang)}{likely} · {quantity(peak, unit)}")
    return pd.DataFrame(
        {
            "id": places["id"].astype(str),
            "name": places[f"name_{lang}"],
            "told": told,
            "rank": np.array([RANKS.index(name) for name in level], dtype=int),
            "geometry": places.geometry,
        }
    )


def _colours() -> dict[str, str]:
    return LEVEL_COLOURS | {"unknown": UNKNOWN}


def _word(level: str, lang: str) -> str:
    return say("report.unknown" if level == "unknown" else f"level.{level}", lang=lang)
