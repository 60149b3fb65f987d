"""The map of one run: fields of all its hazards one above the other at one moment, with the places they grade.

A field on cells is laid on the map as a picture, one on things with an id as their shapes. What has a time follows one clock:
each field is shown at its value at or before the moment. What has none is shown as it is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pydeck as pdk
import shapely
import streamlit as st
import xarray as xr

import scenarios as sc
from desk import people, pictures, served
from desk.blocks import plain
from desk.choice import one_of
from desk.levels import RANKS, graded, levels_legend
from desk.own_marks import own_legend, own_marks
from twin.blocks import Section
from twin.bridge.shapes import FIELD_LINE, UNKNOWN, Bounds, apart, extent, reach_of, shapes, window
from twin.city import City
from twin.grid import on_cells
from twin.sheet import MapLayer
from twin.units import quantity
from twin.words import say

#: A map style of one plain background, inside the page: Streamlit's default base map would call out.
PLAIN_STYLE = (
    'data:application/json,{"version":8,"sources":{},"layers":[{"id":"paper","type":"background",'
    '"paint":{"background-color":"%23eef1f3"}}]}'
)

#: How much of a picture is seen where several lie one above the other.
AMONG_OTHERS = 0.75

#: The choice of the whole city among what can be looked at; any other is a hazard's name in the case.
CITY = ""

Sections = Mapping[str, Section]
Chosen = list[tuple[Section, MapLayer]]


def legend(layer: MapLayer, lang: str, *, title: str = "", unknown: bool = False) -> str:
    """Return the colours of a layer and what they stand for, under its own name or another `title`."""
    names = layer.names or tuple(f"≥ {bound:g}" for bound in layer.bounds)
    steps = [*zip((c for _, c in layer.colormap), names, strict=True)]
    steps += [(UNKNOWN, say("report.unknown", lang=lang))] if unknown else []
    return f"{title or say(layer.word, lang=lang)}: {pictures.swatches(steps)}"


def city_map(run: sc.Run, sections: Sections, lang: str) -> None:
    """Let the planner choose fields of all hazards and where to look, and draw them; fields in time can be played."""
    st.fragment(_choose)(run, sections, lang)


def _choose(run: sc.Run, sections: Sections, lang: str) -> None:
    drawing, choices = st.columns([5, 2], gap="medium")
    with choices:
        chosen = [pair for section in sections.values() for pair in _fields(run, section, lang)]
        looks = _looks(run.id, run.case.city, sections)
        look: str | None = next(iter(looks))
        if len(looks) > 1:
            look = one_of(
                st.radio,
                say("desk.look", lang=lang),
                list(looks),
                key="look",
                default=look,
                format_func=_look_name(sections, lang),
            )
        bounds = looks[str(look)]
        places = graded(run, sections, bounds, lang)
        mark, rank = places["mark"], places["level"].map(RANKS.index)
        if mark.any() and not mark.all():
            worse = bool(rank[~mark].max() > rank[mark].max())  # the worst of the map is never hidden at first
            if not st.toggle(say("desk.areas", lang=lang), value=worse, key=f"areas-{run.id}"):
                places = places[mark]
        walked = people.followed(sections.values())
        if walked and not st.toggle(say("desk.people", lang=lang), value=True, key="people"):
            walked = []
    with drawing:
        moves = bool(walked) or any(_in_time(section, layer) for section, layer in chosen)
        playing = moves and st.toggle(say("desk.play", lang=lang), key="play")
        drawn = st.fragment(_draw, run_every=1.0 if playing else None)
        drawn(run, sections, chosen, walked, bounds, places, lang, moves, playing)


def _fields(run: sc.Run, section: Section, lang: str) -> Chosen:
    """Let the planner choose among the fields of a hazard; at first the lead variable's is."""
    layers = {layer.code: layer for layer in section.sheet.drawable(section.fields)}
    kept = f"fields-{run.id}-{section.sheet.id}"
    codes = st.pills(
        plain(section.sheet.name[lang]),
        list(layers),
        selection_mode="multi",
        wrap=True,
        default=st.session_state.get(kept, [section.sheet.lead_layer.code]),
        format_func=lambda code: _title(run, section, layers[code], lang),
        key=f"{kept}-{lang}",
    )
    st.session_state[kept] = codes
    return [(section, layer) for code, layer in layers.items() if code in codes]


def _title(run: sc.Run, section: Section, layer: MapLayer, lang: str) -> str:
    """Return what a layer is called; of an ensemble, one that is no quantile shows member 0 and says so."""
    title = say(layer.word, lang=lang)
    if not run.members or layer in section.sheet.spread_layers:
        return title
    return say("desk.of_member", lang=lang, layer=title, member=0)


def _look_name(sections: Sections, lang: str) -> Any:
    return lambda look: plain(sections[look].sheet.name[lang]) if look else say("desk.look_city", lang=lang)


@st.cache_data(show_spinner=False, max_entries=16)
def _looks(run_id: str, _city: City, _sections: Sections) -> dict[str, Bounds]:
    """Return what can be looked at: the city where a hazard reaches over much of it, and the place of each that does not."""
    whole, found = _city.grid.bounds, {}
    for hazard, section in _sections.items():
        layer = section.sheet.lead_layer
        found[hazard] = window(
            _city, reach_of(_city, layer.of(section.fields, 0 if _in_time(section, layer) else None), section.places)
        )
    small = {hazard: bounds for hazard, bounds in found.items() if bounds != whole}
    return small if len(small) == 1 == len(found) else {CITY: whole} | small


def _in_time(section: Section, layer: MapLayer) -> bool:
    return "time" in section.fields[layer.variable].dims


def _draw(
    run: sc.Run,
    sections: Sections,
    chosen: Chosen,
    walked: list[Section],
    bounds: Bounds,
    places: gpd.GeoDataFrame,
    lang: str,
    moves: bool,
    playing: bool,
) -> None:
    """Draw the city with the chosen fields and the people of the sections `walked`; each redraw while `playing` moves on by one step of
    the clock."""
    city = run.case.city
    moment = _moment(run, sections, walked, lang, playing) if moves else None
    fields, legends = [], [levels_legend(places, lang)]
    for section, layer in chosen:
        step = _step(section, moment) if moment is not None and _in_time(section, layer) else None
        frame, unknown = _frame(run.id, section.sheet.id, layer.code, step, city, section, layer)
        fields.append((f"{section.sheet.id}-{layer.code}", frame))
        legends.append(legend(layer, lang, title=_title(run, section, layer, lang), unknown=unknown))
    standing = []
    if moment is not None:
        for section in walked:
            layer_of, told = people.dots(city, section, run.case.clock, moment, lang)
            standing.append(layer_of)
            legends.append(told)
    own, named = own_marks(city, sections.values(), bounds, lang), own_legend(sections.values(), bounds, lang)
    legends += [named] if named else []
    pictured = sum("image" in frame for _, frame in fields)
    base = {"image": _base(run.id, bounds, city), "kind": "jpeg", "bounds": pictures.corners(city, bounds)}
    deck = pdk.Deck(
        layers=[
            _image("city", base, 1.0),
            *(_image(name, f, AMONG_OTHERS if pictured > 1 else 1.0) for name, f in fields if "image" in f),
            *(_features(name, f["shapes"]) for name, f in fields if "shapes" in f),
            *standing,
            _features("areas", _collection(_rimmed(places[~places["mark"]]), 70)),
            _features("marks", _collection(_rimmed(places[places["mark"]]), 255)),
            *([_features("own", _collection(own, 255))] if len(own) else []),
        ],
        initial_view_state=_view(city, bounds),
        map_style=PLAIN_STYLE,
        tooltip={"text": "{name}\n{told}"},
    )
    st.pydeck_chart(deck, height=640)
    st.html("".join(f"<div style='font-size:14px;line-height:1.9'>{told}</div>" for told in legends))


def _moment(run: sc.Run, sections: Sections, walked: list[Section], lang: str, playing: bool) -> np.datetime64:
    """Return the moment to draw: the slider's, the next one of the clock while `playing`, the worst at first."""
    times = np.unique(np.concatenate([_clock(sections), people.moments(walked, run.case.clock)]))
    key = f"time-{run.id}-{len(times)}"
    if key not in st.session_state:
        st.session_state[key] = int(np.searchsorted(times, _worst(run.id, sections)))
    elif playing:
        st.session_state[key] = (st.session_state[key] + 1) % len(times)

    seconds = pd.DatetimeIndex(times).second
    finer = bool(seconds.any())  # moments of one minute must read differently: the slider knows them by how they read

    def told(k: int) -> str:
        """Return a moment as it is read, with its second where not all lie on whole minutes."""
        hour = run.case.clock.told(times[k], run.case.city.tz)
        return f"{hour}:{seconds[k]:02d}" if finer else hour

    k = st.select_slider(say("desk.time", lang=lang), list(range(len(times))), format_func=told, key=key)
    return times[int(k)]


def _clock(sections: Sections) -> np.ndarray:
    """Return every moment at which a field of any hazard has a value, as UTC."""
    return np.unique(np.concatenate([s.fields["time"].values for s in sections.values() if "time" in s.fields]))


def _step(section: Section, moment: np.datetime64) -> int:
    """Return the last output step at or before a moment, -1 before the first."""
    return int(np.searchsorted(section.fields["time"].values, moment, side="right")) - 1


@st.cache_data(show_spinner=False, max_entries=16)
def _worst(run_id: str, _sections: Sections) -> np.datetime64:
    """Return the moment at which the lead fields together are worst: each by its steps of colour, summed and scaled."""
    times = _clock(_sections)
    score = np.zeros(len(times))
    for section in _sections.values():
        layer = section.sheet.lead_layer
        if not _in_time(section, layer):
            continue
        fields = [layer.of(section.fields, k).values for k in range(section.fields.sizes["time"])]
        sums = np.array([int(np.digitize(field[~np.isnan(field)], layer.bounds).sum()) for field in fields])
        sums = -sums if layer.sense == "below" else sums
        steps = np.array([_step(section, moment) for moment in times])
        share = (sums - sums.min()) / (np.ptp(sums) or 1.0)
        score += np.where(steps >= 0, share[steps], 0.0)
    return np.datetime64(times[int(np.argmax(score))])


@st.cache_data(show_spinner=False, max_entries=16)
def _base(run_id: str, bounds: Bounds, _city: City) -> bytes:
    return pictures.base_picture(_city, bounds)


@st.cache_data(show_spinner=False, max_entries=800)
def _frame(
    run_id: str, hazard: str, code: str, step: int | None, _city: City, _section: Section, _layer: MapLayer
) -> tuple[dict[str, Any], bool]:
    """Return a field at an output step as an image with its bounds or as shapes, and whether anything of it is unknown.

    Before its first step (-1) all of it is.
    """
    field = _layer.of(_section.fields, None if step is None else max(step, 0))
    if step == -1:
        field = xr.full_like(field, np.nan, dtype=float)
    unknown = bool(np.isnan(field.values).any())
    if on_cells(field):
        image = pictures.field_image(field, _layer)
        return {"image": image, "kind": "png", "bounds": pictures.corners(_city, extent(field))}, unknown
    return {"shapes": _collection(_things(_city, field, _layer, _section.places), 210)}, unknown


def _things(city: City, field: xr.DataArray, layer: MapLayer, own: gpd.GeoDataFrame | None) -> gpd.GeoDataFrame:
    """Return the shape of each thing of a field on ids with its colour, its id and its value in words."""
    things = apart(shapes(city, field, own))
    colours = pictures.coloured(field.values, layer.colormap)
    told = [quantity(float(value), "") for value in field.values]
    drawn = {"colour": colours.tolist(), "rim": colours.tolist(), "wide": FIELD_LINE}
    table = gpd.GeoDataFrame({"name": things.index, "told": told, **drawn}, geometry=things.values, crs=city.grid.crs)
    highest_last = np.argsort(field.values, kind="stable")
    return table.iloc[highest_last][((colours[:, 3] > 0) & things.notna().values)[highest_last]]


def _rimmed(places: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return places with the colour and the width (pixels) of their rim: grey and broad where another hazard is not known there."""
    grey = [int(UNKNOWN[i : i + 2], 16) for i in (1, 3, 5)]
    own = [[255, 255, 255] if mark else colour for mark, colour in zip(places["mark"], places["colour"], strict=True)]
    rim = [grey if partly else colour for partly, colour in zip(places["partly"], own, strict=True)]
    wide = np.where(places["partly"], 4, np.where(places["mark"], 1, 2))
    return places.assign(rim=rim, wide=wide)


def _collection(table: gpd.GeoDataFrame, alpha: int) -> dict[str, Any]:
    """Return shapes as GeoJSON, to be filled with their colours and `alpha` (0..255); to 1e-6 degrees, about 0.1 m."""
    filled = table.assign(fill=[[*colour[:3], alpha] for colour in table["colour"]]).to_crs("EPSG:4326")
    rounded = shapely.transform(filled.geometry.values, lambda at: at.round(6))
    return dict(json.loads(filled.set_geometry(gpd.GeoSeries(rounded, index=filled.index, crs=filled.crs)).to_json()))


def _image(name: str, frame: Mapping[str, Any], opacity: float) -> pdk.Layer:
    return pdk.Layer(
        "BitmapLayer",
        id=name,
        image=pdk.types.String(served.picture(frame["image"], frame["kind"], name)),
        bounds=frame["bounds"],
        opacity=opacity,
        texture_parameters={
            "magFilter": "nearest",
            "minFilter": "linear",
        },  # cells as they are, not blended into each other
    )


def _features(name: str, collection: dict[str, Any]) -> pdk.Layer:
    """Return areas, lines and points as a layer, each filled in its own colour, with a rim of its own colour and width."""
    return pdk.Layer(
        "GeoJsonLayer",
        served.collection(collection, name),
        id=name,
        get_fill_color="properties.fill",
        get_line_width="properties.wide",
        get_line_color="properties.rim",
        line_width_units=pdk.types.String("pixels"),
        get_point_radius=1,
        point_radius_min_pixels=6,
        pickable=True,
    )


def _view(city: City, bounds: Bounds) -> pdk.ViewState:
    """Return the view in which the bounds fill about 640 pixels in height."""
    west, south, east, north = bounds
    lon, lat = (float(v) for v in city.grid.lonlat((west + east) / 2, (south + north) / 2))
    metres_per_pixel = (north - south) / 620.0
    zoom = math.log2(156543.03 * math.cos(math.radians(lat)) / metres_per_pixel) - 1.0
    return pdk.ViewState(latitude=lat, longitude=lon, zoom=zoom)
