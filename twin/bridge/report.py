"""The report: one HTML file, both languages side by side, maps and font inside, no outside request."""

from __future__ import annotations

import base64
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from twin.bridge import drive_chart, maps
from twin.bridge.dossier import Dossier, Section
from twin.bridge.drives import MOST_ACTIONS, drives, held
from twin.bridge.fonts import embedded
from twin.bridge.ledger import whole_ledger
from twin.closures import closed_minutes
from twin.plan import shown
from twin.sheet import COLOURS
from twin.words import phrases, say

MOST_LEVELS = 40  # rows of the level table that are printed; all of them are in the run's levels.geojson
MOST_CLOSURES = 40  # rows of the table of closures that are printed; all of them are in the run's exposure
MOST_MANHOLES = 5  # the manholes named that gave back most


def write(dossier: Dossier, folder: Path) -> list[Path]:
    """Write `report.html`."""
    path = folder / "report.html"
    path.write_text(render(dossier), "utf-8")
    return [path]


def render(dossier: Dossier) -> str:
    """Return the page."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"shown": shown}
    environment.globals |= {
        "zh": lambda key, **v: say(key, lang="zh", **v),
        "en": lambda key, **v: say(key, lang="en", **v),
    }
    template = environment.from_string(files("twin.bridge").joinpath("report.html.j2").read_text("utf-8"))
    sheets = {s.sheet.id: s.sheet for s in dossier.sections}
    page = template.render(
        plan=dossier.plan,
        city=dossier.city,
        facts=dossier.facts,
        sections=[_section(dossier, s) for s in dossier.sections],
        counts=[(c, int((dossier.levels["level"] == c).sum())) for c in reversed(COLOURS)],
        colours=maps.LEVEL_COLOURS,
        levels=dossier.levels.head(MOST_LEVELS).to_dict("records"),
        more_levels=max(0, len(dossier.levels) - MOST_LEVELS),
        forcing=_picture(drive_chart.chart(held(dossier.drivers, dossier.clock), dossier.city.tz)),
        drives=drives(dossier),
        more_actions=max(0, len(dossier.actions) - MOST_ACTIONS),
        local=lambda moment: dossier.local(moment).strftime("%Y-%m-%d %H:%M"),
        hm=dossier.hour,
        known=pd.notna,
        any_open=any(task.evidence.get("open_end") for task in dossier.plan.tasks),
        open_end=lambda task: bool(task.evidence.get("open_end")),
        stamp=phrases.stamp,
        crew=phrases.crew,
        lateness=phrases.lateness,
        missing_lead=phrases.missing_lead,
        closed=phrases.closed,
        rule=lambda row, lang: phrases.rule(sheets[row["hazard"]], row["kind"], row["threshold"], lang),
    )
    return page.replace("/*FONT*/", f"src:url(data:font/woff;base64,{embedded(page)}) format('woff');")


def _section(dossier: Dossier, section: Section) -> dict[str, Any]:
    sheet, exposure, city = section.sheet, section.exposure, dossier.city
    title = " ".join(dossier.plan.scenario[k] for k in ("zh", "en"))
    peak, layers = sheet.peak_layer, sheet.drawable(section.fields)
    return {
        "id": sheet.id,
        "name": sheet.name,
        "unit": sheet.unit,
        "map": _picture(maps.hazard_map(city, peak.of(section.fields), peak, exposure, title)),
        "more_maps": [
            (layer.word, _picture(maps.layer_map(city, layer.of(section.fields), layer))) for layer in layers[2:]
        ],
        "levels": _picture(maps.level_map(city, exposure, title)),
        "chart": _picture(maps.exposure_chart(city, exposure, sheet)),
        "classes": [
            {
                "low": low,
                "high": high,
                "people": _peak(exposure.people, low) if len(city.population) else None,
                "buildings": _peak(exposure.buildings, low) if len(city.buildings) else None,
                "road_km": _peak(exposure.road_m, low) / 1000.0 if len(city.roads) else None,
            }
            for low, high in zip(exposure.classes, (*exposure.classes[1:], None), strict=True)
        ],
        "danger": _danger(section),
        "closures": _closures(section),
        "ledger": _ledger(section),
        "manholes": _manholes(section),
        "entrances": _entrances(dossier, section),
        "source": sheet.rules_source,
    }


def _danger(section: Section) -> dict[str, Any] | None:
    """Return people, buildings and roads from each danger class up, from the last harmless class on, and what they mean."""
    danger, table = section.sheet.danger, section.exposure.danger
    if danger is None or not len(table):
        return None
    upward = table.iloc[::-1].cumsum().iloc[::-1]
    rows = [
        {"name": danger.names[k], "word": f"danger.{section.sheet.id}.{k + 1}", **row}
        for k, row in enumerate(upward.to_dict("records"))
    ]
    harms = rows[danger.harms_from - 1]
    first = max(0, danger.harms_from - 2)
    return {"rows": rows[first:], "harms": harms["name"], "people": harms["people"], "source": danger.source}


def _closures(section: Section) -> dict[str, Any]:
    """Return the closures to print: of the kinds a draft task closes, else of all; `others` counts the rest by kind."""
    sheet, table = section.sheet, section.exposure.closures
    end = pd.Timestamp(section.exposure.series["time"].values[-1])
    table = table.assign(minutes=closed_minutes(table, end))
    asked = {task.place for task in sheet.tasks if task.at == "closes"} or set(table["kind"])
    listed = table[table["kind"].isin(asked)]
    names = ("–", *sheet.danger.names) if sheet.danger else ()
    return {
        "rows": [
            {**row, "danger": names[row["danger"]] if names else None}
            for row in listed.head(MOST_CLOSURES).to_dict("records")
        ],
        "more": max(0, len(listed) - MOST_CLOSURES),
        "others": list(table["kind"][~table["kind"].isin(asked)].value_counts().items()),
    }


def _ledger(section: Section) -> dict[str, Any]:
    """Return the table of where the water went, what passed between surface and drains, and how far each account closes."""
    balance = section.balance
    remarks = balance["remarks"]
    drained = "swmm_outflow_m3" in remarks
    return {
        "rows": whole_ledger(balance),
        "unit": balance["unit"],
        "closure": {"error": f"{balance['relative_error']:.1e}", "tolerance": f"{balance['tolerance']:.0e}"},
        "between": {
            name: f"{balance[side][key]:,.0f}"
            for name, side, key in (
                ("inlets", "out", "inlets"),
                ("roofs", "out", "roofs_to_drains"),
                ("back", "in", "surcharge"),
            )
        }
        if drained
        else None,
        "percent": f"{100.0 * remarks['swmm_continuity_error']:.3f}" if remarks.get("swmm_engine_s") else None,
        "time": {"engine": round(remarks["swmm_engine_s"], 1), "exchange": round(remarks["swmm_exchange_s"], 1)}
        if remarks.get("swmm_engine_s")
        else None,
    }


def _manholes(section: Section) -> dict[str, Any] | None:
    """Return how many manholes gave water back and which gave most."""
    table = section.tables.get("manholes")
    if table is None or not len(table):
        return None
    giving = table[table["surcharged_m3"] > 0]
    worst = giving.nlargest(MOST_MANHOLES, "surcharged_m3").to_dict("records")
    return {"manholes": len(table), "giving": len(giving), "worst": worst}


def _entrances(dossier: Dossier, section: Section) -> list[dict[str, Any]]:
    """Return the underground entrances that water enters, the first first; their names come from the city."""
    table = section.tables.get("entrances")
    if table is None:
        return []
    names = dossier.city.facilities.set_index("id")[["name_zh", "name_en"]]
    start = pd.Timestamp(section.fields["time"].values[0])
    wet = table[table["inflow_m3"] > 0].sort_values(["first_s", "id"])
    return [
        {**row, **names.loc[row["id"]].to_dict(), "first": start + pd.Timedelta(seconds=row["first_s"])}
        for row in wet.to_dict("records")
    ]


def _peak(table: pd.DataFrame, low: float) -> float:
    """Return the largest simultaneous count in the class or above."""
    above = [c for c in table.columns if c >= low]
    return float(table[above].sum(axis=1).max())


def _picture(png: bytes | None) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}" if png else ""
