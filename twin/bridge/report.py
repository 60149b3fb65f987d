"""The report: one HTML file, both languages side by side, maps and font inside, no outside request."""

from __future__ import annotations

import base64
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from twin import phrases
from twin.blocks import Section
from twin.bridge import drive_chart, maps
from twin.bridge.dossier import Dossier
from twin.bridge.drives import MOST_ACTIONS, drives, held
from twin.bridge.fonts import embedded
from twin.bridge.front import conflicts, front
from twin.bridge.section import common, levels_table, limits, noted, people_cards, sources
from twin.bridge.shapes import LEVEL_COLOURS, UNKNOWN
from twin.plan import Plan
from twin.sheet import COLOURS
from twin.words import LANGS, Phrase, Word, written

MOST_LEVELS = 40  # rows of the level table that are printed; all of them are in the run's levels.geojson


def write(dossier: Dossier, folder: Path) -> list[Path]:
    """Write `report.html`."""
    path = folder / "report.html"
    path.write_text(render(dossier), "utf-8")
    return [path]


def render(dossier: Dossier) -> str:
    """Return the page."""
    plan, city, levels = dossier.plan, dossier.city, dossier.levels
    title = " ".join(plan.scenario[lang] for lang in LANGS)
    sheets = {s.sheet.id: s.sheet for s in dossier.sections}
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.FunctionLoader(_part),
    )
    environment.globals |= {
        "kind": lambda block: type(block).__name__,
        "w": Word,
        "tell": tell,
        "word": lambda key, **values: tell(Word(key, values)),
        "line": lambda key, **values: tell(Word(key, values), " "),
        "each": _each,
        "phrases": phrases,
        "sources": sources,
        "colours": LEVEL_COLOURS,
        "picture": lambda block, s: _image(maps.picture(city, block, s.places, title if block.wide else "")),
        "curve": lambda block: _image(maps.curve(block, city.tz)),
    }
    page = environment.get_template("report.html.j2").render(
        css=Markup(_part("report.css")),
        plan=plan,
        front=front(plan, dossier.sections, levels, city, dossier.hour),
        conflicts=conflicts(plan, dossier.hour, MOST_LEVELS),
        city=city,
        facts=dossier.facts,
        sections=[(s, [*common(s, dossier.hour), *s.blocks]) for s in dossier.sections],
        counts=[(c, plan.event.places.get(c, "–")) for c in reversed(COLOURS)],
        unknown=plan.event.unknown,
        people=people_cards(dossier.sections),
        notes=noted(plan.notes, dossier.sections),
        grey=UNKNOWN,
        warnings=_warnings(plan),
        levels=levels_table(levels.head(MOST_LEVELS), sheets, dossier.hour),
        more_levels=max(0, len(levels) - MOST_LEVELS),
        level_map=lambda s: _image(maps.level_map(city, s.exposure.places, _titled(s, title, len(sheets)))),
        forcing=_image(drive_chart.chart(held(dossier.drivers, dossier.clock), city)),
        drives=drives(dossier),
        more_actions=max(0, len(dossier.actions) - MOST_ACTIONS),
        local=lambda moment: dossier.local(moment).strftime("%Y-%m-%d %H:%M"),
        hm=dossier.hour,
        stamp=_each(phrases.stamp, plan),
        limits=limits(levels, dossier.facts["members"]),
    )
    return page.replace("/*FONT*/", f"src:url(data:font/woff;base64,{embedded(page)}) format('woff');")


def tell(phrase: Phrase, joint: str = "<br>") -> Markup:
    """Return a phrase in each language, `joint` (HTML) between them; once where it is the same in both."""
    return Markup(joint).join(escape(text) for text in dict.fromkeys(written(phrase, lang) for lang in LANGS))


def _part(name: str) -> str:
    return files("twin.bridge").joinpath(name).read_text("utf-8")


def _each(phrase: Callable[..., str], of: Any) -> dict[str, str]:
    """Return what a function of `twin.phrases` says in each language."""
    return {lang: phrase(of, lang) for lang in LANGS}


def _warnings(plan: Plan) -> list[Word]:
    """Return how many tasks would be late and how many get no crew in time."""
    late = sum(bool(task.late_min) for task in plan.tasks)
    without = sum(task.no_crew == "too_late" for task in plan.tasks)
    counted = (("report.late", late), ("report.uncrewed", without))
    return [Word(key, {"count": count}) for key, count in counted if count]


def _titled(section: Section, title: str, hazards: int) -> str:
    """Return the title of a map of levels, with the hazard where there are several."""
    return title if hazards == 1 else f"{title} · " + " ".join(section.sheet.name[lang] for lang in LANGS)


def _image(png: bytes | None) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}" if png else ""
