"""The decision panel: runs, map, closures, exposed places, plan, comparison. It draws; child processes compute."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

import scenarios as sc
from desk.beside import two_runs, whole
from desk.city_map import city_map
from twin.bridge.fonts import embedded
from twin.bridge.maps import LEVEL_COLOURS
from twin.errors import TwinError
from twin.exposure.closures import closed_minutes
from twin.plan import shown
from twin.sheet import COLOURS
from twin.words import keys, phrases, say, template

#: The scenario a newcomer is offered first.
FIRST = "plum-rain-50yr"

#: Narrow margins: the tables of tasks and closures need the width.
PAGE = ".stMainBlockContainer {padding: 3rem 2.5rem}"


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
    names = {r.id: f"{r.manifest['name'][lang]} · {r.finished} · {r.id[:6]}" for r in runs}
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
    tabs = ("desk.map", "desk.beside", "report.closures", "desk.places", "desk.plan", "desk.runs", "desk.basis")
    views = st.tabs([t(key) for key in tabs])
    with views[0]:
        city_map(run, hazard, lang)
    with views[1]:
        two_runs(run, runs, names, hazard, lang)
    with views[2]:
        _closures(run, hazard, lang)
    with views[3]:
        _places(run, hazard, lang)
    with views[4]:
        _plan(run, lang)
    with views[5]:
        _runs(runs, lang)
    with views[6]:
        for code, values in run.notes:
            st.markdown(f"- {t(f'note.{code}', **values)}")


def _language() -> str:
    choice = st.sidebar.radio("语言 Language", ["中文", "English"], horizontal=True, key="language")
    return "zh" if choice == "中文" else "en"


def _start_a_run(lang: str) -> None:
    """Let the planner start a library scenario in a child process."""
    st.subheader(say("desk.start", lang=lang))
    known = sc.titles(lang)
    default = list(known).index(FIRST) if FIRST in known else 0
    name = st.selectbox(
        say("desk.scenario", lang=lang),
        list(known),
        index=default,
        format_func=known.__getitem__,
    )
    if st.button(say("desk.go", lang=lang), key="go"):
        try:
            sc.submit(sc.load(name), fresh=True)
        except TwinError as error:
            st.error(error.message(lang))


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
    text += "".join(r.manifest["name"]["zh"] for r in _runs) + "".join(sc.titles("zh").values())
    if _run is not None:
        text += "".join(_run.levels["name_zh"]) + "".join(crew.name_zh for crew in _run.case.city.resources)
        text += "".join(t.place_name["zh"] for t in sc.draft_plan(_run).tasks)
    source = f"url(data:font/woff;base64,{embedded(text + '中文')}) format('woff')"
    return f"<style>{PAGE} @font-face {{font-family: 'Anlan'; src: {source};}}</style>"


def _clock(stamps: pd.Series, run: sc.Run) -> pd.Series:
    """Return times as a clock in the city shows them, empty where there is none."""
    told, tz = run.case.clock.told, run.case.city.tz
    return stamps.map(lambda stamp: told(stamp, tz) if pd.notna(stamp) else "")


def _closures(run: sc.Run, hazard: str, lang: str) -> None:
    """List when places close and reopen, the first to close first."""
    sheet, table = run.sheet(hazard), run.exposure[hazard].closures
    if not len(table):
        st.info(say("desk.no_closures", lang=lang))
        return
    kinds = st.multiselect(
        say("report.kind", lang=lang),
        list(dict.fromkeys(table["kind"])),
        default=[k for k in dict.fromkeys(table["kind"]) if k != "street"],
        format_func=lambda k: say(f"place.{k}", lang=lang),
        key=f"closing-kinds-{lang}",
        placeholder=say("desk.all_kinds", lang=lang),
    )
    rows = table[table["kind"].isin(kinds)] if kinds else table
    reopens = _clock(rows["reopens"], run).replace("", say("report.still_closed", lang=lang))
    columns = {
        say("report.closes", lang=lang): _clock(rows["closes"], run).values,
        say("report.reopens", lang=lang): reopens.values,
        say("report.closed_min", lang=lang): [
            phrases.closed(minutes, spells, lang, still=pd.isna(reopening))
            for minutes, spells, reopening in zip(
                closed_minutes(rows, pd.Timestamp(run.exposure[hazard].series["time"].values[-1])),
                rows["spells"],
                rows["reopens"],
                strict=True,
            )
        ],
        say("report.place", lang=lang): rows[f"name_{lang}"].values,
        say("report.kind", lang=lang): [say(f"place.{k}", lang=lang) for k in rows["kind"]],
        say("report.peak_at", lang=lang, unit=sheet.unit): [
            f"{peak:.2f} @ {at}" for peak, at in zip(rows["peak"], _clock(rows["peak_time"], run), strict=True)
        ],
    }
    if sheet.danger:
        names = ("–", *sheet.danger.names)
        columns[say("report.danger", lang=lang)] = [names[k] for k in rows["danger"]]
    st.dataframe(pd.DataFrame(columns), hide_index=True, height=520)
    st.caption(say("report.closures_note", lang=lang))


def _places(run: sc.Run, hazard: str, lang: str) -> None:
    levels = run.levels[run.levels["hazard"] == hazard]
    kinds = st.multiselect(
        say("report.kind", lang=lang),
        sorted(set(levels["kind"])),
        format_func=lambda k: say(f"place.{k}", lang=lang),
        key=f"kinds-{lang}",
        placeholder=say("desk.all_kinds", lang=lang),
    )
    rows = levels[levels["kind"].isin(kinds)] if kinds else levels
    st.dataframe(
        pd.DataFrame(
            {
                say("report.level", lang=lang): [say(f"level.{c}", lang=lang) for c in rows["level"]],
                say("report.place", lang=lang): rows[f"name_{lang}"].values,
                say("report.kind", lang=lang): [say(f"place.{k}", lang=lang) for k in rows["kind"]],
                say("report.peak", lang=lang): rows["peak"].values,
                say("report.peak_time", lang=lang): _clock(rows["peak_time"], run).values,
                say("report.from", lang=lang): _clock(rows["from"], run).values,
                say("report.until", lang=lang): [
                    f"≥ {at}" if still else at
                    for at, still in zip(_clock(rows["until"], run), rows["open_end"], strict=True)
                ],
                say("report.rule", lang=lang): [
                    phrases.rule(run.sheet(hazard), kind, threshold, lang)
                    for kind, threshold in zip(rows["kind"], rows["threshold"], strict=True)
                ],
            }
        ),
        hide_index=True,
        height=520,
        column_config={say("report.peak", lang=lang): st.column_config.NumberColumn(format="%.2f")},
    )


def _plan(run: sc.Run, lang: str) -> None:
    plan = sc.draft_plan(run)
    told, tz = run.case.clock.told, run.case.city.tz
    st.caption(phrases.stamp(plan, lang))
    st.dataframe(
        pd.DataFrame(
            [
                {
                    "#": task.id,
                    say("report.deadline", lang=lang): " · ".join(
                        filter(None, (told(task.deadline, tz), phrases.missing_lead(task, lang)))
                    ),
                    say("report.until", lang=lang): ("≥ " if task.evidence["open_end"] else "") + told(task.end, tz),
                    say("report.task", lang=lang): say(f"task.{task.code}", lang=lang, place=task.place_name[lang]),
                    say("report.crew", lang=lang): " · ".join(
                        filter(None, (phrases.crew(task, lang), phrases.lateness(task, lang)))
                    ),
                    say("report.level", lang=lang): say(f"level.{task.level}", lang=lang),
                    say("report.unit", lang=lang): say(f"unit.{task.unit}", lang=lang),
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


def _runs(runs: list[sc.Run], lang: str) -> None:
    """List runs and compare two of them."""
    rows = [
        {
            "id": r.id,
            say("report.name", lang=lang): r.manifest["name"][lang],
            say("report.city", lang=lang): r.manifest["city"],
            say("report.finished", lang=lang): r.finished,
            say("desk.wall_s", lang=lang): round(r.manifest["wall_s"], 1),
        }
        for r in runs
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True)
    if len(runs) > 1:
        picked = st.multiselect(
            say("desk.compare", lang=lang),
            [r.id for r in runs],
            default=[r.id for r in runs[:2]],
            key="compare",
            placeholder=say("desk.other", lang=lang),
        )
        if len(picked) > 1:
            chosen = [r for r in runs if r.id in picked]
            figures = sc.compared(chosen, lang)
            st.dataframe(figures, height=whole(figures))
            for note in sc.unlike(chosen, lang):
                st.caption(note)


if __name__ == "__main__":
    main()
