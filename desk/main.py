"""The decision panel: runs, map, closures, exposed places, plan, comparison. It draws; child processes compute."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

import scenarios as sc
from desk.beside import two_runs
from desk.blocks import cell, draw, plain, table, whole
from desk.choice import one_of
from desk.city_map import city_map
from twin import phrases
from twin.blocks import Block, Section, Text
from twin.bridge import section as common
from twin.bridge.fonts import embedded
from twin.bridge.front import conflicts, front
from twin.bridge.shapes import INK, LEVEL_COLOURS, UNKNOWN
from twin.errors import TwinError
from twin.plan import Plan
from twin.sheet import COLOURS
from twin.words import Word, keys, say, session_lang, template, written

#: The scenario a newcomer is offered first.
FIRST = "plum-rain-night"

#: So many runs that cannot be opened are named.
MOST_NAMED = 5

#: Narrow margins: the tables of tasks and closures need the width. A field's name is read to its end, on two lines if it must.
PAGE = (
    ".stMainBlockContainer {padding: 3rem 2.5rem} "
    "[data-variant='pills'] {height: auto; padding-block: 2px} "
    "[data-variant='pills'] * {white-space: normal; font-size: 13px; text-align: left}"
)


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
        _unopened(lang)
    runs = sc.all_runs()
    if not runs:
        st.html(_font("", runs, None))
        st.info(t("desk.no_runs"))
        return
    names = {r.id: f"{r.manifest['name'][lang]} · {r.finished} · {r.id[:6]}" for r in runs}
    chosen = _which(names, lang)
    if chosen is None:
        st.html(_font("", runs, None))
        return
    try:
        run = sc.find_run(str(next(r for r in runs if r.id == chosen).folder))
    except TwinError as error:
        st.error(plain(error.message(lang)))
        return
    sections = {s.sheet.id: s for s in _sections(str(run.folder), run)}
    hazard: str | None = next(iter(sections))
    if len(sections) > 1:
        hazard = one_of(
            st.radio,
            t("desk.hazard"),
            list(sections),
            key="hazard",
            default=hazard,
            format_func=lambda h: plain(sections[h].sheet.name[lang]),
            horizontal=True,
        )
    section = sections[str(hazard)]
    st.html(_font(run.id, runs, run))
    draw(front(sc.draft_plan(run), tuple(sections.values()), run.levels, run.case.city, run.told), section, run, lang)
    _headline(run, sections.values(), lang)
    tabs = {
        "desk.map": lambda: city_map(run, sections, lang),
        "desk.beside": lambda: two_runs(run, runs, names, section, lang),
        "desk.details": lambda: draw(_details(section), section, run, lang),
        "report.closures": lambda: _closures(run, section, lang),
        "desk.places": lambda: _places(run, section, lang),
        "desk.plan": lambda: _plan(run, section, lang),
        "desk.runs": lambda: _runs(runs, lang),
        "desk.basis": lambda: _basis(run, sections.values(), lang),
    }
    for view, show in zip(st.tabs([t(key) for key in tabs]), tabs.values(), strict=True):
        with view:
            show()


def _which(names: dict[str, str], lang: str) -> str | None:
    """Let the planner choose a run, the newest at first; None where the address names one that is not there any more."""
    default: str | None = next(iter(names))
    asked = st.query_params.get("run")
    if asked is not None and asked not in names:
        st.warning(say("desk.run_gone", lang=lang, run=asked))
        default = None
    return one_of(
        st.selectbox,
        say("desk.run", lang=lang),
        list(names),
        key="run",
        default=default,
        format_func=names.__getitem__,
        placeholder=say("desk.choose_run", lang=lang),
    )


@st.cache_resource(show_spinner=False, max_entries=8)
def _sections(folder: str, _run: sc.Run) -> tuple[Section, ...]:
    return sc.sections(_run)


@st.cache_resource(show_spinner=False, max_entries=8)
def _drafted(folder: str, _run: sc.Run) -> Plan:
    return sc.draft_plan(_run)


def _details(section: Section) -> list[Block]:
    """Return what is said of the hazard beside its maps and closures: its scales, its ledger and its own blocks."""
    blocks: list[Block] = []
    for scale in section.sheet.scales:
        blocks += [Text(Word(f"scale.{section.sheet.kind}.{scale.code}"), "title")]
        blocks += common.scaled(section, scale)
    return [*blocks, *common.basis(section), *common.balance(section), *section.blocks]


def _basis(run: sc.Run, sections: Iterable[Section], lang: str) -> None:
    """List what the models and the forcing say about themselves, and where classes and thresholds come from."""
    for word in common.limits(run.levels, run.case.scenario.ensemble.members):
        st.markdown(f"- {plain(word.in_words(lang))}")
    for of, notes in common.noted(run.notes, sections):
        st.markdown(f"**{plain(written(of, lang))}**")
        for note in notes:
            st.markdown(f"- {plain(written(note, lang))}")
    st.caption(plain(say("report.event_source", lang=lang, source=run.event.source)))
    for section in sections:
        for said, source in common.sources(section):
            st.caption(plain(f"{written(section.sheet.name, lang)} · {said.in_words(lang)}: {source}"))


def _unopened(lang: str) -> None:
    """Name the runs that cannot be opened: kept in an older format, or damaged."""
    if older := sc.older_runs():
        names = [f"{folder.parent.name} {folder.name[:6]}" for folder in older[:MOST_NAMED]] + ["…"] * (
            len(older) > MOST_NAMED
        )
        st.warning(plain(say("report.older", lang=lang, count=len(older), names=names)))
    for fault in sc.damaged_runs():
        st.warning(plain(fault.message(lang)))


def _language() -> str:
    """Let the reader choose a language; the first is that of the session, as it is of every command."""
    names = {"zh": "中文", "en": "English"}
    choice = one_of(
        st.sidebar.radio,
        "语言 Language",
        list(names),
        key="language",
        default=session_lang(),
        format_func=names.__getitem__,
        horizontal=True,
    )
    return str(choice)


def _start_a_run(lang: str) -> None:
    """Let the planner start a library scenario in a child process."""
    st.subheader(say("desk.start", lang=lang))
    known = sc.titles(lang)
    name = one_of(
        st.selectbox,
        say("desk.scenario", lang=lang),
        list(known),
        key="scenario",
        default=FIRST if FIRST in known else next(iter(known)),
        format_func=known.__getitem__,
    )
    if st.button(say("desk.go", lang=lang), key="go"):
        try:
            sc.submit(sc.load(str(name)), fresh=True)
        except TwinError as error:
            st.error(plain(error.message(lang)))


@st.fragment(run_every=2.0)
def _jobs(lang: str) -> None:
    """Show what runs now; a job that ends refreshes the page once, which goes on showing what it showed."""
    latest = sc.jobs()[:5]
    running = [j for j in latest if j.state == "running"]
    for job in running:
        st.progress(min(1.0, job.progress), text=plain(_how_far(job, lang)))
        if st.button(say("desk.cancel", lang=lang), key=f"cancel-{job.id}"):
            job.cancel()
    before = st.session_state.get("running", set())
    st.session_state["running"] = {j.id for j in running}
    ended = before - st.session_state["running"]
    st.session_state["ended"] = (st.session_state.get("ended", set()) | ended) & {j.id for j in latest}
    if ended:
        st.rerun()
    for job in latest:
        run = job.run
        if job.id in st.session_state["ended"] and run is not None:
            st.success(plain(say("desk.finished", lang=lang, name=job.name)))
            if run.id != st.query_params.get("run") and st.button(say("desk.show", lang=lang), key=f"show-{job.id}"):
                st.query_params["run"] = run.id
                st.rerun()
    if latest and (why := latest[0].error(lang)) is not None:
        st.error(plain(why))


def _how_far(job: sc.Job, lang: str) -> str:
    """Return the name of a job, the share done and how long it will still take."""
    left = job.left_s
    doing = "desk.reporting" if job.progress >= sc.COMPUTED else "desk.computing"
    told = "" if left is None else f" · {say('desk.left', lang=lang, span=phrases.span(max(1.0, left / 60.0), lang))}"
    return f"{job.name[lang]} · {say(doing, lang=lang)} {job.progress:.0%}{told}"


def _headline(run: sc.Run, sections: Iterable[Section], lang: str) -> None:
    """Show how many places have each colour (one of several hazards its worst), of how many nothing is known, and people."""
    found = run.event
    cards = [(say(f"level.{c}", lang=lang), str(found.places.get(c, "–")), LEVEL_COLOURS[c]) for c in reversed(COLOURS)]
    if found.unknown:
        cards.append((say("report.unknown", lang=lang), str(found.unknown), UNKNOWN))
    cards += [(written(said, lang), count, INK) for said, count in common.people_cards(sections)]
    boxes = "".join(
        f"<div style='flex:1;border-left:8px solid {colour};background:#f5f7f9;padding:6px 14px;border-radius:4px'>"
        f"<div style='font-size:14px;color:#5f6f7d'>{html.escape(label)}</div><div style='font-size:26px'>{html.escape(value)}</div></div>"
        for label, value, colour in cards
    )
    st.html(f"<div style='display:flex;flex-wrap:wrap;gap:12px'>{boxes}</div>")


@st.cache_data(show_spinner=False, max_entries=8)
def _font(run_id: str, _runs: list[sc.Run], _run: sc.Run | None) -> str:
    """Return the style that brings Chinese letters to a machine without fonts: those of the words and of this city."""
    text = "".join(template(key, "zh") for key in keys("zh"))
    text += "".join(r.manifest["name"]["zh"] for r in _runs) + "".join(sc.titles("zh").values())
    if _run is not None:
        city = _run.case.city
        text += "".join(name for exposure in _run.exposure.values() for name in exposure.places["name_zh"])
        text += "".join(city.facilities["name_zh"].astype(str)) + "".join(crew.name_zh for crew in city.resources)
        text += str(_run.event.source["zh"])
        tables = [table for hazard in _run.hazards for table in _run.tables_of(hazard).values()]
        text += "".join(str(v) for table in tables for name in table if str(name).endswith("_zh") for v in table[name])
        text += str(_run.notes)
        text += "".join(t.place_name["zh"] for t in _drafted(str(_run.folder), _run).tasks)
    source = f"url(data:font/woff;base64,{embedded(text + '中文')}) format('woff')"
    return f"<style>{PAGE} @font-face {{font-family: 'Anlan'; src: {source};}}</style>"


def _chosen(table: pd.DataFrame, default: set[str], key: str, lang: str) -> pd.DataFrame:
    """Let the planner choose kinds of place and return their rows; all where none is chosen."""
    known = list(dict.fromkeys(table["kind"]))
    wanted = st.session_state.get(key, default)
    kinds = st.multiselect(
        say("report.kind", lang=lang),
        known,
        default=[kind for kind in known if kind in wanted],
        format_func=lambda kind: say(f"place.{kind}", lang=lang),
        key=f"{key}-{lang}",
        placeholder=say("desk.all_kinds", lang=lang),
    )
    st.session_state[key] = kinds
    return table[table["kind"].isin(kinds)] if kinds else table


def _closures(run: sc.Run, section: Section, lang: str) -> None:
    """List when places close and reopen, the first to close first; at first those of the kinds a draft task closes."""
    closures = section.exposure.closures
    if not len(closures):
        st.info(say("desk.no_closures", lang=lang))
        return
    rows = _chosen(closures, common.closing_kinds(section), f"closing-{section.sheet.id}", lang)
    table(common.closures_table(section, rows, run.told), lang, most=520)
    st.caption(say("report.closures_note", lang=lang))


def _places(run: sc.Run, section: Section, lang: str) -> None:
    """List the places that have a colour, and name those of which nothing is known."""
    draw(common.unknown(section), section, run, lang)
    levels = run.levels[run.levels["hazard"] == section.sheet.id]
    rows = _chosen(levels, set(), f"kinds-{section.sheet.id}", lang)
    table(common.levels_table(rows, {section.sheet.id: section.sheet}, run.told), lang, most=520)


def _plan(run: sc.Run, section: Section, lang: str) -> None:
    plan = _drafted(str(run.folder), run)
    plan = replace(plan, state=sc.plan_state(plan))
    draw(conflicts(plan, run.told, len(plan.conflicts)), section, run, lang)
    chances = any(task.probability is not None for task in plan.tasks)
    st.caption(phrases.stamp(plan, lang))
    tasks = pd.DataFrame(
        [
            {
                "#": task.id,
                say("report.deadline", lang=lang): " · ".join(
                    filter(None, (run.told(task.deadline), phrases.missing_lead(task, lang)))
                ),
                say("report.until", lang=lang): ("≥ " if task.evidence["open_end"] else "") + run.told(task.end),
                say("report.task", lang=lang): cell(phrases.task(task, lang)),
                say("report.crew", lang=lang): cell(
                    " · ".join(filter(None, (phrases.crew(task, lang), phrases.lateness(task, lang))))
                ),
                say("report.level", lang=lang): say(f"level.{task.level}", lang=lang) if task.level else "",
                say("report.unit", lang=lang): say(f"unit.{task.unit}", lang=lang),
                **({say("report.probability", lang=lang): phrases.chance(task)} if chances else {}),
            }
            for task in plan.tasks
        ]
    )
    st.dataframe(tasks, hide_index=True, height=whole(len(tasks), 520))
    report = run.folder / "report.html"
    st.download_button(
        say("desk.report", lang=lang), report.read_bytes(), file_name=f"{plan.id}.html", mime="text/html"
    )


def _runs(runs: list[sc.Run], lang: str) -> None:
    """List runs and compare two of them."""
    rows = [
        {
            "id": r.id,
            say("report.name", lang=lang): cell(r.manifest["name"][lang]),
            say("report.city", lang=lang): cell(r.manifest["city"]),
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
            try:
                figures = sc.compared(chosen, lang)
            except TwinError as error:  # a run whose city is gone
                st.error(plain(error.message(lang)))
                return
            st.dataframe(figures, height=whole(len(figures)))
            for note in sc.unlike(chosen, lang):
                st.caption(plain(note))


if __name__ == "__main__":
    main()
