"""The map of one run: the chosen field over the city, in time where it has a time, with the graded places."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pydeck as pdk
import streamlit as st

import scenarios as sc
from desk import pictures
from twin.bridge.maps import LEVEL_COLOURS
from twin.sheet import MapLayer
from twin.words import say

#: A map style of one plain background, inside the page: Streamlit's default base map would call out.
PLAIN_STYLE = (
    'data:application/json,{"version":8,"sources":{},"layers":[{"id":"paper","type":"background",'
    '"paint":{"background-color":"%23eef1f3"}}]}'
)


def legend(layer: MapLayer, lang: str) -> str:
    """Return the colours of a layer and what they stand for."""
    names = layer.names or tuple(f"≥ {bound:g}" for bound in layer.bounds)
    return f"{say(layer.word, lang=lang)}: {swatches(zip((c for _, c in layer.colormap), names, strict=True))}"


def swatches(steps: Iterable[tuple[str, str]]) -> str:
    """Return patches of colour, each with what it stands for."""
    return " ".join(
        f"<span style='background:{colour};padding:2px 12px;margin:0 4px 0 10px'></span>{name}"
        for colour, name in steps
    )


def city_map(run: sc.Run, hazard: str, lang: str) -> None:
    """Let the planner choose a field, and draw it; the field in time can be played."""
    layers = {layer.code: layer for layer in run.sheet(hazard).drawable(run.fields[hazard])}
    code = st.radio(
        say("desk.field", lang=lang),
        list(layers),
        format_func=lambda c: say(layers[c].word, lang=lang),
        horizontal=True,
        key=f"field-{lang}",
    )
    layer = layers[code]
    in_time = code == run.sheet(hazard).lead_layer.code
    playing = in_time and st.toggle(say("desk.play", lang=lang), key="play")
    st.fragment(_draw, run_every=1.0 if playing else None)(run, hazard, layer, lang, in_time, playing)


@st.cache_data(show_spinner=False, max_entries=8)
def _base(run_id: str, _run: sc.Run) -> str:
    return pictures.base_image(_run.case.city)


@st.cache_data(show_spinner=False, max_entries=400)
def _frame(run_id: str, hazard: str, code: str, k: int | None, _run: sc.Run, _layer: MapLayer) -> str:
    return pictures.field_image(_layer.of(_run.fields[hazard], k), _layer)


def _draw(run: sc.Run, hazard: str, layer: MapLayer, lang: str, in_time: bool, playing: bool) -> None:
    """Draw the city with the field; each redraw while `playing` moves on by one output step."""
    city = run.case.city
    k = _moment(run, hazard, layer, lang, playing) if in_time else None
    deck = pdk.Deck(
        layers=[
            pdk.Layer("BitmapLayer", image=pdk.types.String(_base(run.id, run)), bounds=pictures.corners(city)),
            pdk.Layer(
                "BitmapLayer",
                image=pdk.types.String(_frame(run.id, hazard, layer.code, k, run, layer)),
                bounds=pictures.corners(city, run.fields[hazard][layer.variable]),
            ),
            pdk.Layer(
                "ScatterplotLayer",
                data=_level_points(run, hazard, lang),
                get_position=["lon", "lat"],
                get_fill_color="colour",
                get_line_color=[255, 255, 255],
                stroked=True,
                line_width_min_pixels=1,
                get_radius=22,
                radius_min_pixels=5,
                pickable=True,
            ),
        ],
        initial_view_state=pdk.ViewState(latitude=_middle(city)[0], longitude=_middle(city)[1], zoom=_zoom(city)),
        map_style=PLAIN_STYLE,
        tooltip={"text": "{name}\n{level} · {peak}"},
    )
    st.pydeck_chart(deck, height=640)
    st.markdown(legend(layer, lang), unsafe_allow_html=True)


def _moment(run: sc.Run, hazard: str, layer: MapLayer, lang: str, playing: bool) -> int:
    """Return the output step to draw: the slider's, the next one while `playing`, the worst at first."""
    field = run.fields[hazard][layer.variable]
    stamps = pd.DatetimeIndex(field["time"].values).tz_localize("UTC").tz_convert(run.case.city.tz)
    key = f"time-{run.id}-{hazard}"
    if key not in st.session_state:
        st.session_state[key] = int(np.argmax(field.sum(("y", "x")).values))
    elif playing:
        st.session_state[key] = (st.session_state[key] + 1) % len(stamps)
    return int(
        st.select_slider(
            say("desk.time", lang=lang),
            list(range(len(stamps))),
            format_func=lambda n: run.case.clock.told(stamps[n], run.case.city.tz),
            key=key,
        )
    )


def _level_points(run: sc.Run, hazard: str, lang: str) -> list[dict[str, Any]]:
    places = run.exposure[hazard].places.set_index("id")
    levels = run.levels[(run.levels["hazard"] == hazard) & ~run.levels["kind"].isin(["block", "road", "street"])]
    centres = places.geometry.loc[levels["place"]].centroid.to_crs("EPSG:4326")
    return [
        {
            "lon": point.x,
            "lat": point.y,
            "name": row[f"name_{lang}"],
            "level": say(f"level.{row['level']}", lang=lang),
            "peak": f"{row['peak']:.2f} {run.sheet(hazard).unit}",
            "colour": _rgb(LEVEL_COLOURS[row["level"]]),
        }
        for (_, row), point in zip(levels.iterrows(), centres, strict=True)
    ]


def _rgb(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


def _middle(city: Any) -> tuple[float, float]:
    west, south, east, north = city.grid.bounds
    lon, lat = city.grid.lonlat((west + east) / 2, (south + north) / 2)
    return float(lat), float(lon)


def _zoom(city: Any) -> float:
    """Return the zoom at which the city's height fills about 640 pixels."""
    lat, _ = _middle(city)
    metres_per_pixel = (city.grid.north - city.grid.south) / 620.0
    return math.log2(156543.03 * math.cos(math.radians(lat)) / metres_per_pixel) - 1.0
