"""The report: one HTML file, both languages side by side, maps and font inside, no outside request."""

from __future__ import annotations

import base64
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from twin.bridge import maps
from twin.bridge.dossier import Dossier, Section
from twin.bridge.fonts import embedded
from twin.plan import shown
from twin.sheet import COLOURS
from twin.words import say

MOST_LEVELS = 40  # rows of the level table that are printed; all of them are in levels.geojson


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
    tz = dossier.city.tz
    page = template.render(
        plan=dossier.plan,
        city=dossier.city,
        facts=dossier.facts,
        sections=[_section(dossier, s) for s in dossier.sections],
        counts=[(c, int((dossier.levels["level"] == c).sum())) for c in reversed(COLOURS)],
        colours=maps.LEVEL_COLOURS,
        levels=dossier.levels.head(MOST_LEVELS).to_dict("records"),
        more_levels=max(0, len(dossier.levels) - MOST_LEVELS),
        forcing=_picture(maps.forcing_chart(dossier.drivers, tz)),
        local=lambda moment: _local(moment, tz),
        hm=lambda moment: _local(moment, tz)[-5:],
    )
    return page.replace("/*FONT*/", f"src:url(data:font/woff;base64,{embedded(page)}) format('woff');")


def _section(dossier: Dossier, section: Section) -> dict[str, Any]:
    sheet, exposure, city = section.sheet, section.exposure, dossier.city
    peak = section.fields[sheet.lead].max("time")
    title = " ".join(dossier.plan.scenario[k] for k in ("zh", "en"))
    return {
        "id": sheet.id,
        "name": sheet.name,
        "unit": sheet.unit,
        "map": _picture(maps.hazard_map(dossier.city, peak, sheet, exposure, title)),
        "levels": _picture(maps.level_map(dossier.city, exposure, title)),
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
        "balance": section.balance,
        "source": sheet.rules_source,
    }


def _peak(table: pd.DataFrame, low: float) -> float:
    """Return the largest simultaneous count in the class or above."""
    above = [c for c in table.columns if c >= low]
    return float(table[above].sum(axis=1).max())


def _local(moment: datetime | pd.Timestamp, tz: Any) -> str:
    stamp = pd.Timestamp(moment)
    stamp = stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp
    return str(stamp.tz_convert(tz).strftime("%Y-%m-%d %H:%M"))


def _picture(png: bytes | None) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}" if png else ""
