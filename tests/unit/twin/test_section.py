"""What is said of every hazard in the same way, for hazards made up here: classes, unknown, whom counts rest on, probabilities."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from lxml import etree, html

from scenarios.case.event_levels import thresholds
from twin import words
from twin.blocks import Curve, Picture, Section, Table, Text
from twin.bridge import cap, geojson, plan_json, report
from twin.bridge import section as common
from twin.bridge.dossier import Dossier
from twin.clock import Clock
from twin.event import event_of
from twin.exposure import expose
from twin.grade import grade
from twin.hazard import Balance
from twin.plan import Alert, Conflict, Plan, Task
from twin.sheet import COLOURS, Cap, MapLayer, Rule, Scale, Sheet, TaskRule
from twin.words import LANGS, written

CRS, WEST, NORTH = "EPSG:4547", 500_000.0, 3_400_000.0
CLOCK = Clock(datetime(2026, 6, 20, 10, tzinfo=UTC), 1800.0, 600.0)
NOW = datetime(2026, 6, 20, 10, tzinfo=UTC)
SAYS = {
    "dust": ("沙尘", "Dust"),
    "fair": ("集会", "Fair"),
}


def pair(zh: str, en: str) -> dict[str, str]:
    return {"zh": zh, "en": en}


@pytest.fixture(autouse=True)
def _words() -> None:
    for hazard, (zh, en) in SAYS.items():
        family = {
            f"hazard.{hazard}": pair(zh, en),
            f"layer.{hazard}.now": pair(f"{zh}数值", f"{en} now"),
            f"ledger.{hazard}.title": pair(f"{zh}去向", f"Where the {en.lower()} went"),
            f"ledger.{hazard}.source": pair("源", "source"),
            f"ledger.{hazard}.here": pair("现存", "here"),
            f"scale.{hazard}.now": pair(f"{zh}等级", f"{en} class"),
            f"scale.{hazard}.end": pair("结局", "End state"),
            f"scale.{hazard}.end.1": pair("在场", "inside"),
            f"scale.{hazard}.end.2": pair("已离开", "gone"),
            f"statistic.{hazard}.max": pair("最大值", "largest value"),
            f"task.{hazard}.go": pair("到{place}", "Go to {place}"),
            f"evidence.{hazard}.go": pair("{minutes}分钟", "{minutes} min"),
        }
        words.add(family | {"place.zone": pair("分区", "Zone"), "unit.steward": pair("引导员", "Steward")})


def sheet(hazard: str, rules: dict[str, Rule], *scales: Scale, **more: object) -> Sheet:
    zh, en = SAYS[hazard]
    return Sheet(
        id=hazard,
        model="",
        name=pair(zh, en),
        lead="v",
        scales=scales,
        rules=rules,
        rules_version="toy",
        rules_source="made up",
        expiry_hours=1.0,
        tasks=(TaskRule("go", "steward", 5.0, 5.0, place="hospital", at="closes"),),
        cap=Cap(
            ("Safety",),
            {c: "Shelter" for c in COLOURS} | {"red": "Evacuate"},
            dict.fromkeys(COLOURS, "Immediate"),
            "3X",
        ),
        lead_layer=MapLayer(
            "now", "v", f"layer.{hazard}.now", ((0.5, "#fde0a0"), (2.0, "#c8372d")), steps=(1.0, 2.0, 3.0)
        ),
        **more,
    )


def rule(unit: str, closes_at: str | None = None) -> Rule:
    return Rule("v", unit, "max", 0.5, 1.0, 2.0, 4.0, closes_at=closes_at)


def ledger() -> dict:
    return Balance("kg", {"source": 2.0}, {}, {"here": 2.0}, 1e-9).as_dict()


def made(city, sheet: Sheet, fields: xr.Dataset, **more: object) -> Section:
    own = more.get("places")
    return Section(sheet, fields, expose(city, fields, sheet, **more), ledger(), {}, own)


def dust(city) -> Section:
    """A cloud on cells of 20 m, of which the north is not known; the hospital closes."""
    grid = city.grid.at_cell_size(20.0)
    values = np.full((CLOCK.steps + 1, *grid.shape), 3.0)
    values[:, :14] = np.nan
    values[:, 25:] = 0.0
    fields = xr.Dataset(
        {"v": (("time", "y", "x"), values)}, coords={"time": CLOCK.times.values, "y": grid.y, "x": grid.x}
    )
    scale = Scale("now", ("people", "buildings", "roads"), (0.5, 2.0), "v", "mg/m³")
    rules = {"hospital": rule("mg/m³", "yellow"), "block": rule("mg/m³"), "shelter": rule("mg/m³")}
    return made(city, sheet("dust", rules, scale), fields)


def fair(city) -> Section:
    """Three zones of the hazard's own, the last not known; it counts its own people."""
    boxes = [shapely.box(WEST + 400 + 20 * k, NORTH - 500, WEST + 418 + 20 * k, NORTH - 470) for k in range(3)]
    own = gpd.GeoDataFrame({"id": ["a", "b", "c"], "kind": "zone"}, geometry=boxes, crs=CRS)
    own = own.assign(name_zh=["甲区", "乙区", "丙区"], name_en=["Zone A", "Zone B", "Zone C"])
    values = np.tile([0.2, 5.0, np.nan], (CLOCK.steps + 1, 1))
    fields = xr.Dataset(
        {"v": (("time", "zone"), values)}, coords={"time": CLOCK.times.values, "zone": own["id"].values}
    )
    counts = pd.DataFrame({1: [900.0, 500.0, 7.0, 7.0], 2: [0.0, 400.0, 893.0, 893.0]}, index=CLOCK.times)
    table = sheet("fair", {"zone": rule("1/m²")}, Scale("end", ("people",), (1.0, 2.0)))
    return made(city, table, fields, places=own, counts={"end": counts})


def said(blocks: list, lang: str = "en") -> str:
    """Return all that the texts and tables of blocks say."""
    parts = []
    for block in blocks:
        if isinstance(block, Text):
            parts.append(written(block.said, lang))
        elif isinstance(block, Table):
            for row in (block.heads, *block.rows):
                parts.append(" | ".join(written(c.said if isinstance(c, Text) else c, lang) for c in row))
    return "\n".join(parts)


def told(moment: object) -> str:
    return CLOCK.told(moment, CLOCK.start.tzinfo)


def test_classes_have_a_row_each_and_one_for_those_of_whom_nothing_is_known(small_city) -> None:
    text = said(common.common(dust(small_city), told))
    assert "Dust class | People (most at one time) | Buildings | Roads (km)" in text
    assert re.search(r"≥ 0\.5 mg/m³ \| [\d,]+ \| \d+ \| \d", text) and "≥ 2 mg/m³" in text
    assert re.search(r"unknown \| [\d,]+ \| 14 \| 1\.0", text), "the northern row of houses and the street"
    assert "People are those who are there by day" in text


def test_places_of_which_nothing_is_known_are_named(small_city) -> None:
    section = fair(small_city)
    (named,) = common.unknown(section)
    assert "safe (1): Zone C" in written(named.said, "en") and "Zone C" in written(named.said, "en")
    assert "丙区" in written(named.said, "zh") and named.style == "alarm"
    many = replace(section, exposure=replace(section.exposure, places=section.exposure.places.iloc[[2] * 25]))
    assert said(common.unknown(many)).endswith("Zone C, and 5 more")


def test_a_scale_that_the_model_counts_tells_each_class_and_hides_the_few(small_city) -> None:
    section = fair(small_city)
    text = said(common.common(section, told))
    assert "End state | People (most at one time) | People (at the end)" in text
    assert "inside | 900 | <10" in text and "gone | 890 | 890" in text
    assert "People are counted by the model itself." in text and "spread over floor area" not in text
    assert "在场 | 900 | <10" in said(common.common(section, told), "zh")


def test_a_scale_on_which_everybody_stays_in_the_first_class_is_one_sentence(small_city) -> None:
    section = fair(small_city)
    table = section.exposure.counts["end"]["people"]
    still = table.copy()
    still.iloc[:, 0], still.iloc[:, 1] = 900.0, 0.0
    exposure = replace(section.exposure, counts={"end": {"people": still}})
    calm = replace(section, exposure=exposure)
    (sentence,) = common.scaled(calm, section.sheet.scales[0])
    assert "“inside”" in said([sentence]) and "“在场”" in said([sentence], "zh")
    late = replace(exposure, spread={90: section.exposure.counts})
    assert len(common.scaled(replace(section, exposure=late), section.sheet.scales[0])) > 1, (
        "in some member they do not"
    )
    harms = replace(section.sheet.scales[0], harms_from=2.0)
    assert len(common.scaled(calm, harms)) > 1, "that nobody is harmed is a figure of its own"


def test_a_chart_leaves_out_a_class_that_hides_the_others_and_says_so(small_city) -> None:
    section = fair(small_city)
    (scale,) = section.sheet.scales
    for few, drawn in ((1.0, 1), (400.0, 2)):
        counts = pd.DataFrame({1: [900.0, 899.0], 2: [0.0, few]}, index=CLOCK.times[:2])
        one = replace(section, exposure=replace(section.exposure, counts={"end": {"people": counts}}))
        found = common.scaled(one, scale)
        (chart,) = (block for block in found if isinstance(block, Curve))
        assert len(chart.labels) == len(chart.colours) == chart.table.shape[1] == drawn
        assert ("Not drawn" in said(found)) == (drawn == 1)


def test_the_map_of_a_hazard_without_a_field_of_worst_values_is_the_lead_variables(small_city) -> None:
    section = fair(small_city)
    picture = common.peak(section)
    assert isinstance(picture, Picture) and picture.field.dims == ("zone",) and picture.places is not None


def test_units_are_those_of_the_place_and_closures_those_a_task_closes(small_city) -> None:
    text = said(common.closing(dust(small_city), told))
    assert "First Hospital | Hospital | 3.00 mg/m³ @ 10:00" in text and "still closed at the end" in text
    assert common.closing(fair(small_city), told) == []


def test_common_text_speaks_of_no_water() -> None:
    text = "".join(words.template(key, lang) for lang in LANGS for key in words.keys(lang) if key.startswith(
        ("report.people", "report.unknown", "report.closures", "report.ledger", "report.more", "report.harmed", "chart.people",
         "chart.roads", "report.limits", "report.no_", "report.share", "cap.", "desk.")))  # fmt: skip
    assert not re.findall(r"(?i)water|flood|depth|drain|水|涝|淹|蓄|积|深", text.replace("面积", ""))


def levels(sections: list[Section], shares: dict[str, float] | None) -> pd.DataFrame:
    table = pd.concat([grade(s.exposure, s.sheet) for s in sections], ignore_index=True)
    if shares is None:
        return table
    columns = {f"share_{c}": shares[c] for c in COLOURS}
    return table.assign(**columns, probability=[shares[c] for c in table["level"]])


def dossier(city, sections: list[Section], shares: dict[str, float] | None = None) -> Dossier:
    table = levels(sections, shares)
    alerts = tuple(
        Alert(
            row["hazard"],
            row["place"],
            row["kind"],
            pair(row["name_zh"], row["name_en"]),
            row["level"],
            row["reached"].tz_localize("UTC").to_pydatetime(),
            row["expires"].tz_localize("UTC").to_pydatetime(),
            row["rule"],
            row["threshold"],
            row["peak"],
            row["probability"],
        )
        for row in table.to_dict("records")
    )
    evidence = {"minutes": 12.0, "open_end": False}
    task = Task(
        "T1",
        "fair",
        "go",
        "r1",
        "road",
        city.place_name("r1"),
        "orange",
        NOW,
        NOW,
        NOW,
        "steward",
        {"at": "r1"},
        evidence,
    )
    plan = Plan(
        id="P1",
        run_id="1",
        scenario=pair("情景", "Scenario"),
        city={"id": city.id} | pair(city.name_zh, city.name_en),
        mode="planning",
        state="drafted",
        made=NOW,
        valid_until=max(a.expires for a in alerts),
        tasks=(task,),
        alerts=alerts,
        event=event_of(table, [(s.sheet, s.exposure) for s in sections], city, thresholds(city)),
    )
    return Dossier(
        plan,
        city,
        CLOCK,
        {},
        (),
        table,
        tuple(sections),
        {"seed": 1, "members": 1 if shares is None else 4, "versions": {}},
    )


def test_two_hazards_stand_in_one_report_and_a_single_run_knows_no_probability(small_city) -> None:
    page = html.fromstring(report.render(dossier(small_city, [dust(small_city), fair(small_city)])))
    text = page.xpath("//main")[0].text_content()
    heads = [h.text_content() for h in page.xpath("//h2")]
    assert heads[:3] == ["沙尘 Dust", "集会 Fair", "各地点风险等级 Level of each place"]
    assert "one run: how likely its levels are is not known" in text.lower() and "Probability" not in text
    table = page.xpath("//h2[contains(., 'Level of each place')]/following-sibling::table[1]")[0]
    rows = [[" ".join(cell.itertext()) for cell in row] for row in table.xpath(".//tr")]
    assert "Hazard" in rows[0][1] and {row[1] for row in rows[1:]} == {"沙尘 Dust", "集会 Fair"}
    assert any("Zone B" in row[2] and "5.00 1/m²" in row[4] for row in rows[1:])
    cards = [card.text_content() for card in page.xpath("//div[contains(@class, 'card')]")]
    assert any("unknown" in card and "1" in card for card in cards)
    assert "到长街" in text and "12 min" in text, "a task of a table's row tells its own figures"


def test_the_first_page_answers_what_where_who_by_when_how_sure(small_city) -> None:
    about = dossier(small_city, [dust(small_city), fair(small_city)])
    page = html.fromstring(report.render(about))
    text = page.xpath("//main")[0].text_content()
    assert (
        text.index("Level of the event: II (serious), because")
        < text.index("What comes")
        < text.index("各地点风险等级")
    )
    tables = page.xpath("//table")
    rows = [[" ".join(cell.itertext()) for cell in row] for row in tables[0].xpath(".//tr[td]")]
    assert [row[0].split()[-1] for row in rows] == ["Dust", "Fair"]
    assert "red" in rows[1][1] and "Zone B" in rows[1][2] and "乙区" in rows[1][2]
    assert all("no probability known" in row[4] and "概率不明" in row[4] for row in rows)
    first = [" ".join(cell.itertext()) for cell in tables[1].xpath(".//tr[td]")[0]]
    assert "Steward" in first[2] and first[3] == "–" and "到长街" in first[1]
    assert re.search(
        r"Places of which nothing is known: 1 \((Fair|Dust) – [^()]+: 1\)\. Level and range above are lower bounds\.",
        text,
    )


def test_the_first_page_tells_the_share_of_members_and_conflicts(small_city) -> None:
    shares = {"blue": 1.0, "yellow": 0.75, "orange": 0.5, "red": 0.25}
    about = dossier(small_city, [dust(small_city), fair(small_city)], shares)
    conflict = Conflict("in_danger", ("T1",), "r1", small_city.place_name("r1"), NOW, ("fair",), "red")
    about = replace(about, plan=replace(about.plan, conflicts=(conflict,)))
    raw = plan_json.to_dict(about.plan)
    assert plan_json.from_dict(raw).conflicts == (conflict,)
    page = html.fromstring(report.render(about))
    cells = [" ".join(row.itertext()) for row in page.xpath("//table")[0].xpath(".//tr[td]")]
    assert all("of the members reach this level" in row for row in cells)
    text = page.xpath("//main")[0].text_content()
    assert text.count("Conflicts in the plan that the duty officer must decide (1)") == 2, (
        "in front and beside the tasks"
    )
    assert "Fair brings it to red: not to be used" in text and "集会使该地点达到红色,不宜启用" in text


def test_an_ensemble_tells_probabilities_in_report_and_cap(small_city, tmp_path) -> None:
    shares = {"blue": 1.0, "yellow": 0.75, "orange": 0.5, "red": 0.25}
    about = dossier(small_city, [dust(small_city), fair(small_city)], shares)
    text = html.fromstring(report.render(about)).xpath("//main")[0].text_content()
    assert "Probability" in text and "share of the ensemble's members" in text and "deterministic" not in text
    assert all(part in text for part in ("100 %", "75 %", "50 %", "25 %"))
    paths = {path.name: etree.parse(path).getroot() for path in cap.write(about, tmp_path)}
    assert set(paths) == {"dust-orange-block.xml", "dust-orange-hospital.xml", "fair-red-zone-possible.xml"}
    info = paths["fair-red-zone-possible.xml"].find("{*}info")
    told = paths["fair-red-zone-possible.xml"].findtext("{*}info[{*}language='en']/{*}description")
    assert "fewer than half" in told, "a quarter of the members is no expectation"
    assert info.findtext("{*}responseType") == "Evacuate" and info.findtext("{*}urgency") == "Immediate"
    assert [e.tag.rpartition("}")[2] for e in info][:7] == [
        "language", "category", "event", "responseType", "urgency", "severity", "certainty"
    ]  # fmt: skip
    assert info.findtext("{*}eventCode/{*}value") == "3X"
    assert info.findtext("{*}parameter/{*}valueName") == "probability b"
    assert info.findtext("{*}parameter/{*}value") == "0.25" and "(25 %)" in info.findtext("{*}description")
    assert paths["dust-orange-hospital.xml"].find("{*}info").findtext("{*}responseType") == "Shelter"


def test_places_of_tasks_that_no_hazard_grades_have_their_shape(small_city, tmp_path) -> None:
    _, path = geojson.write(dossier(small_city, [fair(small_city)]), tmp_path)
    assert '"place": "r1"' in path.read_text("utf-8") and '"LineString"' in path.read_text("utf-8")


def test_what_a_city_has_no_data_of_is_a_dash_and_never_none(small_city) -> None:
    city = replace(small_city, population=small_city.population.iloc[:0], buildings=small_city.buildings.iloc[:0])
    section = dust(city)
    assert set(section.exposure.counts["now"]) == {"roads"}
    text = said(common.common(section, told))
    assert re.search(r"≥ 0\.5 mg/m³ \| – \| – \| \d", text), "people and buildings unknown, roads counted"
    assert "People are those who are there" not in text, "nobody is counted"
    assert said([Text(word) for word, _ in common.people_cards([section])]) == "Dust: nobody is counted (people)"
    assert [count for _, count in common.people_cards([section])] == ["–"]
    about = dossier(city, [section])
    assert about.plan.event.people is None
    bare = replace(city, facilities=city.facilities.iloc[:0], blocks=city.blocks.iloc[:0])
    nowhere = dust(bare)
    assert not len(nowhere.exposure.places)
    event = event_of(
        grade(nowhere.exposure, nowhere.sheet), [(nowhere.sheet, nowhere.exposure)], bare, thresholds(bare)
    )
    assert event.places == {}, "no place can be graded, which is not: none is red"


def test_each_hazard_has_a_card_of_people(small_city) -> None:
    cards = common.people_cards([dust(small_city), fair(small_city)])
    assert written(cards[0][0], "en") == "Dust: Dust class 0.5 mg/m³ or worse (people)" and cards[0][1] != "0"
    assert (written(cards[1][0], "en"), cards[1][1]) == ("Fair: everybody in the model (people)", "900")
    page = html.fromstring(report.render(dossier(small_city, [dust(small_city), fair(small_city)])))
    shown = [card.text_content() for card in page.xpath("//div[contains(@class, 'card')]")]
    assert any("everybody in the model" in card and "900" in card for card in shown)


def test_notes_stand_under_the_hazard_that_they_speak_of(small_city) -> None:
    words.add(
        {
            "note.fair.gates": pair("门有误差", "gates are guessed"),
            "note.all": pair("都有误差", "all is guessed"),
            "note.dust.unheard": pair("未听到", "not heard"),
        }
    )
    sections = [dust(small_city), fair(small_city)]
    told_of = common.noted([("fair.gates", {}), ("all", {}), ("dust.unheard", {})], sections)
    assert [(written(of, "en"), [written(note, "en") for note in notes]) for of, notes in told_of] == [
        ("The whole case", ["all is guessed"]),
        ("Dust", ["not heard"]),
        ("Fair", ["gates are guessed"]),
    ]
    about = dossier(small_city, sections)
    about = replace(about, plan=replace(about.plan, notes=(("fair.gates", {}), ("all", {}))))
    text = html.fromstring(report.render(about)).xpath("//main")[0].text_content()
    whole, fair_again = text.index("The whole case"), text.rindex("集会 Fair", 0, text.index("gates are guessed"))
    assert text.index("Basis and limits") < whole < text.index("all is guessed") < fair_again
