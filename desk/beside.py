"""Two runs side by side in the same colours, and what the second changes."""

from __future__ import annotations

import pandas as pd
import streamlit as st
import xarray as xr

import scenarios as sc
from desk import pictures
from desk.city_map import legend, swatches
from twin.errors import ScenarioError
from twin.sheet import MapLayer
from twin.words import say


def two_runs(run: sc.Run, runs: list[sc.Run], names: dict[str, str], hazard: str, lang: str) -> None:
    """Draw the chosen field of `run`, of another run of the same city, and their difference, on one screen."""
    others = [r for r in runs if r.id != run.id and hazard in r.hazards and r.manifest["city"] == run.manifest["city"]]
    if not others:
        st.info(say("desk.no_other", lang=lang))
        return
    layers = {layer.code: layer for layer in run.sheet(hazard).drawable(run.fields[hazard])}
    left, right = st.columns(2)
    chosen = left.selectbox(
        say("desk.other", lang=lang), [r.id for r in others], format_func=names.__getitem__, key=f"other-{lang}"
    )
    code = right.selectbox(
        say("desk.field", lang=lang),
        list(layers),
        index=min(1, len(layers) - 1),
        format_func=lambda c: say(layers[c].word, lang=lang),
        key=f"beside-field-{lang}",
    )
    other, layer = next(r for r in others if r.id == chosen), layers[code]
    try:
        change = sc.difference(run, other, hazard, layer)
    except ScenarioError as error:
        st.warning(error.message(lang))
        return
    panels = (
        (_short(run, lang), _field(run.id, hazard, code, run, layer)),
        (_short(other, lang), _field(other.id, hazard, code, other, layer)),
        (
            say("desk.change", lang=lang, up=round(float(change.max()), 2), down=round(float(change.min()), 2)),
            _change(run, change, layer),
        ),
    )
    for column, (title, picture) in zip(st.columns(3), panels, strict=True):
        column.image(picture, width="stretch")
        column.markdown(f"**{title}**")
    st.markdown(legend(layer, lang), unsafe_allow_html=True)
    steps = swatches(pictures.change_steps(layer))
    st.markdown(f"{say('desk.change_legend', lang=lang)}: {steps}", unsafe_allow_html=True)
    rows = [f"`{key}`: {_set(a, lang)} → {_set(b, lang)}" for key, a, b in sc.changed(run, other)]
    if rows:
        st.markdown(f"{say('desk.changed', lang=lang)}: " + "; ".join(rows))
    figures = sc.compared([run, other], lang).rename(columns={r.id: _short(r, lang) for r in (run, other)})
    st.dataframe(figures, height=whole(figures))
    for note in sc.unlike([run, other], lang):
        st.caption(note)


def whole(table: pd.DataFrame) -> int:
    """Return the height at which a table shows every row, pixels."""
    return 38 + 35 * len(table)


def _set(value: object, lang: str) -> str:
    return say("desk.default", lang=lang) if value is None else str(value)


def _short(run: sc.Run, lang: str) -> str:
    return f"{run.manifest['name'][lang]} · {run.id[:6]}"


@st.cache_data(show_spinner=False, max_entries=8)
def _base(run_id: str, _run: sc.Run) -> bytes:
    return pictures.base_picture(_run.case.city)


@st.cache_data(show_spinner=False, max_entries=40)
def _field(run_id: str, hazard: str, code: str, _run: sc.Run, _layer: MapLayer) -> bytes:
    field = _layer.of(_run.fields[hazard])
    return pictures.over_city(_base(run_id, _run), _run.case.city, field, _layer.colormap)


def _change(run: sc.Run, change: xr.DataArray, layer: MapLayer) -> bytes:
    return pictures.over_city(_base(run.id, run), run.case.city, change, pictures.change_colormap(layer))
