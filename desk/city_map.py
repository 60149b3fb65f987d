"""The map of one run: the chosen field over the city, in time where it has a time, with the graded places.

A field on cells is laid on the map as a picture, one on things with an id as their shapes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable

import geopandas as gpd
import numpy as np
import pandas as pd
import pydeck as pdk
import streamlit as st
import xarray as xr

import scenarios as sc
from desk import pictures
from twin.blocks import Section
from twin.bridge.shapes import (
    LEVEL_COLOURS,
    UNKNOWN,
    Bounds,
    extent,
    levels_of,
    marked,
    on_cells,
    reach_of,
    shapes,
    window,
)
from twin.city import City
from twin.sheet import COLOURS, MapLayer
from twin.units import quantity
from twin.words import phrases, say

#: A map style of one plain background, inside the page: Streamlit's default base map would call out.
PLAIN_STYLE = (
    'data:application/json,{"version":8,"sources":{},"layers":[{"id":"paper","type":"background",'
    '"paint":{"background-color":"%23eef1f3"}}]}'
)


def legend(layer: MapLayer, lang: str, *, title: str = "", unknown: bool = False) -> str:
    """Return the colours of a layer and what they stand for, under its own name or another `title`."""
    names = layer.names or tuple(f"≥ {bound:g}" for bound in layer.bounds)
    steps = [*zip((c for _, c in layer.colormap), names, strict=True)]
    steps += [(UNKNOWN, say("report.unknown", lang=lang))] if unknown else []
    return f"{title or say(layer.word, lang=lang)}: {swatches(steps)}"


def swatches(steps: Iterable[tuple[str, str]]) -> str:
    """Return patches of colour, each with what it stands for."""
    return " ".join(
        f"<span style='background:{colour};padding:2px 12px;margin:0 4px 0 10px'></span>{name}"
        for colour, name in steps
    )


def city_map(run: sc.Run, section: Section, lang: str) -> None:
    """Let the planner choose a field, and draw it; the field in time can be played."""
    layers = {layer.code: layer for layer in section.sheet.drawable(section.fields)}
    code = st.radio(
        say("desk.field", lang=lang),
        list(layers),
        format_func=lambda c: _title(run, section, layers[c], lang),
        horizontal=True,
        key=f"field-{lang}",
    )
    layer = layers[code]
    in_time = code == section.sheet.lead_layer.code and "time" in section.fields[layer.variable].dims
    playing = in_time and st.toggle(say("desk.play", lang=lang), key="play")
    st.fragment(_draw, run_every=1.0 if playing else None)(run, section, layer, lang, in_time, playing)


@st.cache_data(show_spinner=False, max_entries=16)
def _base(run_id: str, bounds: Bounds, _city: City) -> str:
    return pictures.url(pictures.base_picture(_city, bounds), "jpeg")


@st.cache_data(show_spinner=False, max_entries=400)
def _frame(run_id: str, hazard: str, code: str, k: int | None, _section: Section, _layer: MapLayer) -> str:
    return pictures.field_image(_layer.of(_section.fields, k), _layer)


def _title(run: sc.Run, section: Section, layer: MapLayer, lang: str) -> str:
    """Return what a layer is called; of an ensemble, one that is no quantile shows member 0 and says so."""
    title = say(layer.word, lang=lang)
    if not run.members or layer in section.sheet.spread_layers:
        return title
    return say("desk.of_member", lang=lang, layer=title, member=0)


def _draw(run: sc.Run, section: Section, layer: MapLayer, lang: str, in_time: bool, playing: bool) -> None:
    """Draw the city with the field; each redraw while `playing` moves on by one output step."""
    city = run.case.city
    k = _moment(run, section, layer, lang, playing) if in_time else None
    field = layer.of(section.fields, k)
    bounds = window(city, reach_of(city, field, section.places))
    places = _places(run, section, bounds, lang)
    deck = pdk.Deck(
        layers=[
            _image(_base(run.id, bounds, city), pictures.corners(city, bounds)),
            _image(
                _frame(run.id, section.sheet.id, layer.code, k, section, layer), pictures.corners(city, extent(field))
            )
            if on_cells(field)
            else _features(_things(city, field, layer, section.places), "field", alpha=210),
            _features(places[~places["mark"]], "areas", alpha=70),
            _features(places[places["mark"]], "marks", alpha=255),
        ],
        initial_view_state=_view(city, bounds),
        map_style=PLAIN_STYLE,
        tooltip={"text": "{name}\n{told}"},
    )
    st.pydeck_chart(deck, height=640)
    title, unknown = _title(run, section, layer, lang), bool(np.isnan(field.values).any())
    st.markdown(legend(layer, lang, title=title, unknown=unknown), unsafe_allow_html=True)


def _moment(run: sc.Run, section: Section, layer: MapLayer, lang: str, playing: bool) -> int:
    """Return the output step to draw: the slider's, the next one while `playing`, the worst at first."""
    field = section.fields[layer.variable]
    stamps = pd.DatetimeIndex(field["time"].values).tz_localize("UTC").tz_convert(run.case.city.tz)
    key = f"time-{run.id}-{section.sheet.id}"
    if key not in st.session_state:
        worst = np.argmin if layer.sense == "below" else np.argmax
        st.session_state[key] = int(worst(field.sum([d for d in field.dims if d != "time"]).values))
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


def _things(city: City, field: xr.DataArray, layer: MapLayer, own: gpd.GeoDataFrame | None) -> gpd.GeoDataFrame:
    """Return the shape of each thing of a field on ids with its colour, its id and its value in words."""
    things = shapes(city, field, own)
    colours = pictures.coloured(field.values, layer.colormap)
    told = [quantity(float(value), "") for value in field.values]
    table = gpd.GeoDataFrame({"name": things.index, "told": told, "colour": colours.tolist()}, geometry=things.values)
    return table.set_crs(city.grid.crs)[(colours[:, 3] > 0) & things.notna().values]


def _places(run: sc.Run, section: Section, bounds: Bounds, lang: str) -> gpd.GeoDataFrame:
    """Return the graded places that have a colour, or of which nothing is known, as they are drawn.

    Areas and lines lie on the field, so they are left out unless the planner asks for them or there is nothing else.
    """
    places = section.exposure.places
    level, mark = levels_of(places), marked(places, bounds[2] - bounds[0])
    drawn = level != ""
    if (drawn & mark).any() and (drawn & ~mark).any():
        drawn &= mark | st.toggle(say("desk.areas", lang=lang), key="areas")
    levels = run.levels[run.levels["hazard"] == section.sheet.id].set_index("place")["probability"]
    words = {c: say(f"level.{c}", lang=lang) for c in COLOURS} | {"unknown": say("report.unknown", lang=lang)}
    told = []
    for place, colour in zip(places["id"][drawn], level[drawn], strict=True):
        chance = levels.get(place)
        told.append(words[colour] + ("" if chance is None or pd.isna(chance) else f" ({phrases.share(chance)})"))
    peaks = [quantity(p, u) for p, u in zip(places["peak"][drawn], places["unit"][drawn], strict=True)]
    colours = LEVEL_COLOURS | {"unknown": UNKNOWN}
    return gpd.GeoDataFrame(
        {
            "name": places[f"name_{lang}"][drawn],
            "told": [f"{of} · {peak}" for of, peak in zip(told, peaks, strict=True)],
            "colour": [[int(colours[c][i : i + 2], 16) for i in (1, 3, 5)] for c in level[drawn]],
            "mark": mark[drawn],
        },
        geometry=[
            shape.representative_point() if point else shape
            for shape, point in zip(places.geometry[drawn], mark[drawn], strict=True)
        ],
        crs=places.crs,
    )


def _image(image: str, corners: list[list[float]]) -> pdk.Layer:
    return pdk.Layer("BitmapLayer", image=pdk.types.String(image), bounds=corners)


def _features(table: gpd.GeoDataFrame, name: str, alpha: int) -> pdk.Layer:
    """Return areas, lines and points in their own colours as a layer; areas and points are filled with `alpha` (0..255)."""
    filled = table.assign(fill=[[*colour[:3], alpha] for colour in table["colour"]])
    points = name == "marks"
    return pdk.Layer(
        "GeoJsonLayer",
        json.loads(filled.to_crs("EPSG:4326").to_json()),
        id=name,
        get_fill_color="properties.fill",
        get_line_color=[255, 255, 255] if points else "properties.colour",
        line_width_min_pixels=1 if points else 2,
        get_point_radius=22,
        point_radius_min_pixels=5,
        pickable=True,
    )


def _view(city: City, bounds: Bounds) -> pdk.ViewState:
    """Return the view in which the bounds fill about 640 pixels in height."""
    west, south, east, north = bounds
    lon, lat = (float(v) for v in city.grid.lonlat((west + east) / 2, (south + north) / 2))
    metres_per_pixel = (north - south) / 620.0
    zoom = math.log2(156543.03 * math.cos(math.radians(lat)) / metres_per_pixel) - 1.0
    return pdk.ViewState(latitude=lat, longitude=lon, zoom=zoom)
