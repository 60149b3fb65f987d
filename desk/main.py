"""The decision panel: runs, map with playback, exposed places, plan. It draws; child processes compute."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pydeck as pdk
import streamlit as st

import scenarios as sc
from desk import pictures
from twin.bridge.fonts import embedded
from twin.bridge.maps import LEVEL_COLOURS
from twin.plan import shown
from twin.sheet import COLOURS
from twin.words import keys, say, template

#: A map style of one plain background, inside the page: Streamlit's default base map would call out.
PLAIN_STYLE = (
    'data:application/json,{"version":8,"sources":{},"layers":[{"id":"paper","type":"background",'
    '"paint":{"background-color":"%23eef1f3"}}]}'
)

#: The scenario a newcomer is offered first.
FIRST = "plum-rain-50yr"


def main() -> None:
    """Draw the page."""
    st.set_page_config(page_title="安澜 Anlan", layout="wide")
    lang = _language()

    def t(key: str, **values: Any) -> str:
        return say(key, lang=lang, **values)

    st.title(t("desk.title"))
    with st.sidebar:
        _start_a_run(lang)
        _jobs(lang)
    runs = sc.all_runs()
    if not runs:
        st.html(_font("", runs, None))
        st.info(t("desk.no_runs"))
        return
    names = {
        r.id: f"{r.manifest['name'][lang]} · {r.manifest['finished'][:16].replace('T', ' ')} · {r.id[:6]}" for r in runs
    }
    chosen = st.selectbox(t("desk.run"), list(names), format_func=names.__getitem__)
    run = next(r for r in runs if r.id == chosen)
    hazard = (
        run.hazards[0]
        if len(run.hazards) == 1
        else st.radio(t("desk.hazard"), run.hazards, format_func=lambda h: t(f"hazard.{h}"), horizontal=True)
    )
    run.sheet(hazard)  # brings the hazard's words in
    st.html(_font(run.id, runs, run))
    _headline(run, lang)
    views = st.tabs([t("desk.map"), t("desk.places"), t("desk.plan"), t("desk.runs"), t("desk.basis")])
    with views[0]:
        playing = st.toggle(t("desk.play"), key="play")
        st.fragment(_map, run_every=1.0 if playing else None)(run, hazard, lang, playing)
    with views[1]:
        _places(run, hazard, lang)
    with views[2]:
        _plan(run, lang)
    with views[3]:
        _runs(runs, lang)
    with views[4]:
        for code, values in run.notes:
            st.markdown(f"- {t(f'note.{code}', **values)}")


def _language() -> str:
    choice = st.sidebar.radio("语言 Language", ["中文", "English"], horizontal=True, key="language")
    return "zh" if choice == "中文" else "en"


def _start_a_run(lang: str) -> None:
    """Let the planner start a library scenario in a child process."""
    st.subheader(say("desk.start", lang=lang))
    known = sc.library()
    default = list(known).index(FIRST) if FIRST in known else 0
    name = st.selectbox(
        say("desk.scenario", lang=lang),
        list(known),
        index=default,
        format_func=lambda n: sc.load(n).scenario.name.model_dump()[lang],
    )
    if st.button(say("desk.go", lang=lang), key="go"):
        sc.submit(sc.load(name), fresh=True)


@st.fragment(run_every=2.0)
def _jobs(lang: str) -> None:
    """Show what runs now; a finished job refreshes the page once."""
    running = [j for j in sc.jobs()[:5] if j.state == "running"]
    for job in running:
        st.progress(min(1.0, job.progress), text=f"{job.id[:15]} {job.progress:.0%}")
        if st.button(say("desk.cancel", lang=lang), key=f"cancel-{job.id}"):
            job.cancel()
    before = st.session_state.get("running", set())
    st.session_state["running"] = {j.id for j in running}
    if before - st.session_state["running"]:
        st.rerun()
    failed = [j for j in sc.jobs()[:1] if j.state == "failed"]
    for job in failed:
        st.error(job.error(lang) or job.id)


def _headline(run: sc.Run, lang: str) -> None:
    """Show how many places have each colour and how many people are touched."""
    counts = run.levels["level"].value_counts()
    cards = [(say(f"level.{c}", lang=lang), str(int(counts.get(c, 0))), LEVEL_COLOURS[c]) for c in reversed(COLOURS)]
    people = run.exposure[run.hazards[0]].people
    many = shown(float(people.sum(axis=1).max())) if len(run.case.city.population) else "–"
    cards.append((say("desk.people", lang=lang, low=people.columns[0]), many, "#5f6f7d"))
    boxes = "".join(
        f"<div style='flex:1;border-left:8px solid {colour};background:#f5f7f9;padding:6px 14px;border-radius:4px'>"
        f"<div style='font-size:14px;color:#5f6f7d'>{label}</div><div style='font-size:26px'>{value}</div></div>"
        for label, value, colour in cards
    )
    st.html(f"<div style='display:flex;gap:12px'>{boxes}</div>")


@st.cache_data(show_spinner=False, max_entries=8)
def _font(run_id: str, _runs: list[sc.Run], _run: sc.Run | None) -> str:
    """Return the style that brings Chinese letters to a machine without fonts: those of the words and of this city."""
    text = "".join(template(key, "zh") for key in keys("zh"))
    text += "".join(r.manifest["name"]["zh"] for r in _runs) + "".join(
        s.scenario.name.zh for s in map(sc.load, sc.library().values())
    )
    if _run is not None:
        text += "".join(_run.levels["name_zh"]) + "".join(t.place_name["zh"] for t in sc.draft_plan(_run).tasks)
    return f"<style>@font-face {{font-family: 'Anlan'; src: url(data:font/woff;base64,{embedded(text + '中文')}) format('woff');}}</style>"


@st.cache_data(show_spinner=False, max_entries=8)
def _base(run_id: str, _run: sc.Run) -> str:
    return pictures.base_image(_run.case.city)


@st.cache_data(show_spinner=False, max_entries=400)
def _frame(run_id: str, hazard: str, k: int, _run: sc.Run) -> str:
    sheet = _run.sheet(hazard)
    return pictures.field_image(_run.fields[hazard][sheet.lead].isel(time=k), sheet)


def _map(run: sc.Run, hazard: str, lang: str, playing: bool) -> None:
    """Draw the city with the field at one time; each redraw while `playing` moves on by one output step."""
    city, sheet = run.case.city, run.sheet(hazard)
    lead = run.fields[hazard][sheet.lead]
    stamps = pd.DatetimeIndex(lead["time"].values).tz_localize("UTC").tz_convert(city.tz)
    worst = int(np.argmax(lead.sum(("y", "x")).values))
    key = f"time-{run.id}-{hazard}"
    if playing:
        st.session_state[key] = (st.session_state.get(key, worst) + 1) % len(stamps)
    else:
        st.session_state.setdefault(key, worst)
    k = st.select_slider(
        say("desk.time", lang=lang),
        list(range(len(stamps))),
        format_func=lambda n: stamps[n].strftime("%H:%M"),
        key=key,
    )
    places = _level_points(run, hazard, lang)
    deck = pdk.Deck(
        layers=[
            pdk.Layer("BitmapLayer", image=pdk.types.String(_base(run.id, run)), bounds=pictures.corners(city)),
            pdk.Layer(
                "BitmapLayer",
                image=pdk.types.String(_frame(run.id, hazard, k, run)),
                bounds=pictures.corners(city, lead),
            ),
            pdk.Layer(
                "ScatterplotLayer",
                data=places,
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
    stops = " ".join(
        f"<span style='background:{c};padding:2px 14px'></span> ≥ {b:g}" for b, c in sheet.style["colormap"]
    )
    st.markdown(f"{say(f'style.{hazard}', lang=lang)}: {stops}", unsafe_allow_html=True)


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


def _places(run: sc.Run, hazard: str, lang: str) -> None:
    levels = run.levels[run.levels["hazard"] == hazard]
    tz = run.case.city.tz
    kinds = st.multiselect(
        say("report.kind", lang=lang),
        sorted(set(levels["kind"])),
        format_func=lambda k: say(f"place.{k}", lang=lang),
        key="kinds",
    )
    rows = levels[levels["kind"].isin(kinds)] if kinds else levels

    def clock(stamps: pd.Series) -> pd.Series:
        return pd.to_datetime(stamps).dt.tz_localize("UTC").dt.tz_convert(tz).dt.strftime("%H:%M")

    st.dataframe(
        pd.DataFrame(
            {
                say("report.level", lang=lang): [say(f"level.{c}", lang=lang) for c in rows["level"]],
                say("report.place", lang=lang): rows[f"name_{lang}"].values,
                say("report.kind", lang=lang): [say(f"place.{k}", lang=lang) for k in rows["kind"]],
                say("report.peak", lang=lang): rows["peak"].round(2).values,
                say("report.from", lang=lang): clock(rows["from"]).values,
                say("report.until", lang=lang): clock(rows["until"]).values,
                say("report.rule", lang=lang): [
                    f"{r} ≥ {t:g}" for r, t in zip(rows["rule"], rows["threshold"], strict=True)
                ],
            }
        ),
        hide_index=True,
        height=520,
    )


def _plan(run: sc.Run, lang: str) -> None:
    plan = sc.draft_plan(run)
    tz = run.case.city.tz
    st.caption(say(f"report.stamp.{plan.message_status}", lang=lang))
    st.dataframe(
        pd.DataFrame(
            [
                {
                    "#": task.id,
                    say("report.deadline", lang=lang): task.deadline.astimezone(tz).strftime("%H:%M"),
                    say("report.task", lang=lang): say(f"task.{task.code}", lang=lang, place=task.place_name[lang]),
                    say("report.unit", lang=lang): say(f"unit.{task.unit}", lang=lang),
                    say("report.level", lang=lang): say(f"level.{task.level}", lang=lang),
                    say("report.crew", lang=lang): _crew(task, lang),
                }
                for task in plan.tasks
            ]
        ),
        hide_index=True,
        height=520,
    )
    report = run.folder / "report.html"
    st.download_button(
        say("desk.report", lang=lang), report.read_bytes(), file_name=f"{plan.id}.html", mime="text/html"
    )


def _crew(task: Any, lang: str) -> str:
    if task.crew is None:
        return say("report.no_crew", lang=lang)
    late = (
        say("report.minutes_late", lang=lang, minutes=task.late_min)
        if task.late_min
        else say("report.in_time", lang=lang)
    )
    return f"{task.crew_name[lang]} · {late}"


def _runs(runs: list[sc.Run], lang: str) -> None:
    """List runs and compare two of them."""
    rows = [
        {
            "id": r.id,
            say("report.name", lang=lang): r.manifest["name"][lang],
            say("report.city", lang=lang): r.manifest["city"],
            say("report.finished", lang=lang): r.manifest["finished"][:19],
            "s": r.manifest["wall_s"],
        }
        for r in runs
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True)
    if len(runs) > 1:
        picked = st.multiselect(
            say("desk.compare", lang=lang), [r.id for r in runs], default=[r.id for r in runs[:2]], key="compare"
        )
        if len(picked) > 1:
            st.dataframe(sc.compare([r for r in runs if r.id in picked]))


if __name__ == "__main__":
    main()
