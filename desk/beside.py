"""Two runs side by side in the same colours, and what the second changes."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import streamlit as st

import scenarios as sc
from desk import pictures
from desk.blocks import cell, plain, whole
from desk.choice import one_of
from desk.city_map import legend
from twin.blocks import Section
from twin.bridge.shapes import Bounds, reach_of, window
from twin.city import City
from twin.errors import TwinError
from twin.sheet import MapLayer
from twin.words import say


def two_runs(run: sc.Run, runs: list[sc.Run], names: dict[str, str], section: Section, lang: str) -> None:
    """Draw the chosen field of `run`, of another run of the same city, and their difference, on one screen."""
    hazard, city, own = section.sheet.id, run.case.city, section.places
    city_runs = [r for r in runs if r.id != run.id and r.manifest["city"] == run.manifest["city"]]
    others = [r for r in city_runs if sc.same(hazard, run.case.models, r.case.models)]
    if not others:
        st.info(say("desk.no_other", lang=lang))
        return
    layers = {layer.code: layer for layer in section.sheet.drawable(section.fields)}
    left, right = st.columns(2)
    chosen = one_of(
        left.selectbox,
        say("desk.other", lang=lang),
        [r.id for r in others],
        key="other",
        default=others[0].id,
        format_func=names.__getitem__,
    )
    code = one_of(
        right.selectbox,
        say("desk.field", lang=lang),
        list(layers),
        key="beside-field",
        default=list(layers)[min(1, len(layers) - 1)],
        format_func=lambda c: say(layers[c].word, lang=lang),
    )
    other, layer = next(r for r in others if r.id == chosen), layers[str(code)]
    try:
        other = sc.find_run(str(other.folder))
        change = sc.difference(run, other, hazard, layer)
    except TwinError as error:
        st.warning(plain(error.message(lang)))
        return
    bounds = window(city, reach_of(city, change, own))
    base, steps = _base(run.id, bounds, city), pictures.change_colormap(layer)
    spread = {"up": round(float(change.max()), 2), "down": round(float(change.min()), 2)}
    names_there = (hazard, str(sc.same(hazard, run.case.models, other.case.models)))
    panels = (
        *(
            (_short(r, lang), _field(r.id, name, layer.code, bounds, base, r, layer, own))
            for r, name in zip((run, other), names_there, strict=True)
        ),
        (say("desk.change", lang=lang, **spread), pictures.over_city(base, city, bounds, change, steps, own)),
    )
    for column, (title, picture) in zip(st.columns(3), panels, strict=True):
        column.image(picture, width="stretch")
        column.markdown(f"**{plain(title)}**")
    st.markdown(legend(layer, lang, unknown=bool(np.isnan(change.values).any())), unsafe_allow_html=True)
    patches = pictures.swatches(pictures.change_steps(layer))
    st.markdown(f"{say('desk.change_legend', lang=lang)}: {patches}", unsafe_allow_html=True)
    told = (";" if lang == "zh" else "; ").join(sc.differing(run, other, lang)) or say("compare.alike", lang=lang)
    st.text(say("compare.differing", lang=lang, other=_short(other, lang), what=told))
    figures = sc.compared([run, other], lang).rename(columns={r.id: cell(_short(r, lang)) for r in (run, other)})
    st.dataframe(figures, height=whole(len(figures)))
    for line in (*sc.recoloured(run, other, lang), *sc.told_apart(run, other, lang)):
        st.text(line)
    for note in sc.unlike([run, other], lang):
        st.caption(plain(note))


def _short(run: sc.Run, lang: str) -> str:
    return f"{run.manifest['name'][lang]} · {run.id[:6]}"


@st.cache_data(show_spinner=False, max_entries=16)
def _base(run_id: str, bounds: Bounds, _city: City) -> bytes:
    return pictures.base_picture(_city, bounds)


@st.cache_data(show_spinner=False, max_entries=40)
def _field(
    run_id: str,
    hazard: str,
    code: str,
    bounds: Bounds,
    _base: bytes,
    _run: sc.Run,
    _layer: MapLayer,
    _own: gpd.GeoDataFrame | None,
) -> bytes:
    field = _layer.of(_run.fields[hazard])
    return pictures.over_city(_base, _run.case.city, bounds, field, _layer.colormap, _own)
