"""Flood and three toys in one case: 20 m cells, cells of another grid, zones and edges go to one plan."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

import desk.city_map
import desk.main
import scenarios as sc
from scenarios.case.case import Case
from scenarios.planning.dossier import dossier
from scenarios.planning.draft import once
from scenarios.runner.run import Run, execute
from scenarios.runner.simulate import DRIVERS
from twin.bridge import EXPORTERS, plan_json
from twin.city import City
from twin.drivers import hand_on, handed
from twin.errors import ScenarioError
from twin.exposure import Moving, expose
from twin.exposure.people import floor_area_people
from twin.grid import Grid
from twin.plan import Plan
from twin.streams import stream

FOUR = ("flood", "smoke", "venue", "walk")


@pytest.fixture(scope="module")
def run(four: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The case, run once to plan and report."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANLAN_HOME", str(tmp_path_factory.mktemp("home")))
        yield sc.run(sc.load(four), fresh=True)


@pytest.fixture(scope="module")
def plan(run: Run) -> Plan:
    return sc.draft_plan(run)


def alone(four: Path, name: str, **changes) -> Run:
    return execute(sc.load(four).with_changes(hazards=[{name: {}}], **changes), fresh=True)


def under_smoke(run: Run, town: City) -> np.ndarray:
    """Return the share of each population cell that lies under the smoke's cells of 35 m; none where it holds no centre of one."""
    smoke, cells = run.fields["smoke"], town.population.geometry.bounds
    x, y = smoke["x"].values, smoke["y"].values
    part = np.clip((x[-1] + 17.5 - cells["minx"]) / 100, 0, 1) * np.clip((cells["maxy"] - y[-1] + 17.5) / 100, 0, 1)
    holds = [((x > c.minx) & (x < c.maxx)).any() and ((y > c.miny) & (y < c.maxy)).any() for c in cells.itertuples()]
    return np.where(holds, part, 0.0)


def lived_in(town: City) -> np.ndarray:
    """Return which population cells hold a home: their people are met at its doorstep, the others on open ground."""
    return floor_area_people(town, "day")[1] == 0.0


def test_each_field_keeps_its_own_axes(run: Run, town: City) -> None:
    fields = run.fields
    flood, smoke = (Grid.of_axes(town.grid.crs, fields[h]["y"], fields[h]["x"], h) for h in ("flood", "smoke"))
    assert (flood.cell_m, flood.shape, flood.bounds) == (20.0, (50, 50), town.grid.bounds)
    assert smoke.cell_m == 35.0 and smoke.west < town.grid.west < smoke.east < town.grid.east
    assert fields["venue"]["zone_density"].dims == ("time", "zone")
    inside = Grid.of_axes(town.grid.crs, fields["venue"]["y"], fields["venue"]["x"], "venue")
    assert inside.cell_m == 5.0 and inside.bounds == town.place("v1").bounds
    assert fields["walk"]["people_on_edge"].dims == ("time", "edge")
    assert list(fields["walk"]["edge"].values) == list(town.roads["id"])
    for hazard in FOUR:
        for name in fields[hazard]:
            assert np.isfinite(fields[hazard][name].values).all(), (hazard, name)


def test_each_hazard_has_colours_of_its_own(run: Run) -> None:
    levels = run.levels
    assert set(levels["hazard"]) == set(FOUR) and levels["probability"].isna().all()
    kinds = levels.groupby("hazard")["kind"].agg(set)
    assert kinds["venue"] >= {"hall_zone", "venue"} and kinds["walk"] <= {"road", "street"}
    assert kinds["smoke"] >= {"block", "hospital", "road"} and "underpass" in kinds["flood"]
    low = levels[(levels["hazard"] == "smoke") & levels["kind"].isin(["road", "street"])]
    assert len(low) and (low["peak"] <= low["threshold"]).all() and (low["unit"] == "m").all(), "lower is worse"
    assert run.exposure["smoke"].closures["closes"].notna().all() and len(run.exposure["smoke"].closures)


def test_a_bridge_is_clear_of_water_and_not_of_a_cloud(run: Run) -> None:
    roads = {h: run.exposure[h].roads.set_index("id") for h in ("flood", "smoke")}
    assert roads["flood"].loc["r2", "peak"] > 0.3 and roads["flood"].loc["bridge", "peak"] == 0.0
    assert roads["smoke"].loc["bridge", "peak"] < 50.0 and pd.notna(roads["smoke"].loc["bridge", "closes"])
    assert "street-bridge" in set(run.levels.loc[run.levels["hazard"] == "smoke", "place"])


def test_what_lies_beyond_a_field_is_not_known_and_said_to_be(run: Run, town: City) -> None:
    smoke, flood = run.exposure["smoke"], run.exposure["flood"]
    known = smoke.places.set_index("id")["known"]
    assert not known["k1"] and known[["h1", "s1", "b1", "v1"]].all() and flood.places["known"].all()
    assert "k1" not in set(run.levels.loc[run.levels["hazard"] == "smoke", "place"])
    beyond = 40.0 * (1.0 - under_smoke(run, town))[~lived_in(town)].sum()
    most = smoke.unknown.set_index(["scale", "of"])["most"]
    assert most["density", "people"] == pytest.approx(beyond, rel=1e-9) and not len(flood.unknown)
    assert 700 < beyond < 800 and run.exposure["smoke"].unknown["of"].eq("people").all()


def test_people_who_left_are_no_longer_at_home_for_anybody(run: Run, town: City) -> None:
    """By hand: of 4000 people, those at home by their shares and those on the roads; who arrived is nowhere any more."""
    walk = run.fields["walk"].load()
    home = (walk["people_at_home"].values * town.population["day"].values).sum(axis=1)
    by_hand = home + walk["people_on_edge"].values.sum(axis=1)
    ends = run.exposure["walk"].counts["ends"]["people"]
    np.testing.assert_allclose(by_hand, 4000.0 - ends[4], rtol=1e-12)
    assert by_hand[-1] < 2500 < by_hand[1] == 4000
    moving = Moving(walk["people_at_home"], walk["people_on_edge"])
    for hazard in ("flood", "smoke"):
        assert run.exposure[hazard].basis == "moving"
        sheet = run.sheet(hazard)
        scale = replace(sheet.scales[0], of=("people",), classes=(0.0, *sheet.scales[0].classes))
        whole = replace(sheet, scales=(scale,))
        fields = run.fields[hazard].load()
        known = expose(town, fields, whole, moving=moving).counts[scale.code]["people"].sum(axis=1)
        still = expose(town, fields, whole).counts[scale.code]["people"].sum(axis=1)
        lost = 4000.0 - still.iloc[0]
        assert (still == still.iloc[0]).all() and (lost > 0) == (hazard == "smoke"), "smoke does not know its east"
        assert (known <= by_hand + 1e-9).all() and (known >= by_hand - lost - 1e-9).all()
        if hazard == "flood":
            np.testing.assert_allclose(known, by_hand, rtol=1e-12)
    assert (run.exposure["venue"].basis, run.exposure["walk"].basis) == ("model", "model")


def test_who_moves_is_met_where_he_walks(run: Run, town: City) -> None:
    """By hand: the people on a road count in the class of the road, those at home in the class of their doorstep."""
    walk, smoke = run.fields["walk"].load(), run.fields["smoke"].load()
    sheet = run.sheet("smoke")
    uniform = smoke.assign(smoke_density=smoke["smoke_density"] * 0.0 + 3.0)
    seen = expose(town, uniform, sheet, moving=Moving(walk["people_at_home"], walk["people_on_edge"]))
    table, at = seen.counts["density"]["people"], 3
    part, lived = under_smoke(run, town), lived_in(town)
    at_home = walk["people_at_home"].values[at] * town.population["day"].values
    by_hand = at_home[lived].sum() + (at_home * part)[~lived].sum() + walk["people_on_edge"].values[at].sum()
    assert table.loc[table.index[at], 2.0] == pytest.approx(by_hand, rel=1e-9)
    assert table.drop(columns=2.0).iloc[at].sum() == 0.0


def test_the_models_own_people_are_counted_to_the_last(run: Run) -> None:
    ends, visitors = (run.exposure[h].counts[c]["people"] for h, c in (("walk", "ends"), ("venue", "people")))
    assert (ends.sum(axis=1) == 4000.0).all() and (visitors.sum(axis=1) == 9000.0).all()
    assert (ends == ends.round()).all().all() and ends[4].is_monotonic_increasing and ends.iloc[-1, 3] > 1000
    assert ends[1].is_monotonic_decreasing
    fine = run.fields["venue"]["crowd_density"].values.sum(axis=(1, 2)) * 25.0
    strips = run.fields["venue"]["zone_density"].values.mean(axis=1) * 120.0 * 60.0
    np.testing.assert_allclose(strips, visitors[2], rtol=1e-9)
    np.testing.assert_allclose(fine, visitors[2], rtol=1e-9)


def test_t95_stands_in_a_table(run: Run) -> None:
    blocks = run.tables_of("walk")["blocks"].set_index("id")
    assert blocks["advice"].to_dict() == {"b1": "leave", "b2": "stay"}
    assert blocks.loc["b1", "people"] == 1600 and np.isnan(blocks.loc["b2", "t95_s"])
    out = run.exposure["walk"].counts["ends"]["people"][4]
    seconds = (out.index - out.index[0]).total_seconds()
    t95 = blocks.loc["b1", "t95_s"]
    assert out[seconds >= t95].min() >= 0.95 * 1600 > out[seconds < t95].max()


def test_water_slows_those_who_walk_and_no_water_does_not(run: Run, four: Path, town: City) -> None:
    dry = alone(four, "walk")
    wet, free = (r.tables_of("walk")["blocks"]["t95_s"].iloc[0] for r in (run, dry))
    assert free < wet
    assert (dry.fields["walk"]["pace"] == 1.5).all() and float(run.fields["walk"]["pace"].min()) == 0.0
    slow = run.fields["walk"]["pace"].sel(edge="r2").values
    depth = run.exposure["flood"].series.sel(place="u1").values
    assert slow[0] == 1.5 and slow[-1] == 0.0 < depth[-1] and (np.diff(slow) <= 0).all()
    assert dry.exposure["walk"].counts["ends"]["people"].sum(axis=1).tolist() == [4000.0] * 7


def test_without_roads_everybody_stays(town: City, four: Path) -> None:
    case = sc.load(four).with_changes(hazards=[{"walk": {}}])
    bare = replace(town, roads=town.roads.iloc[:0])
    model = case.models["walk"]
    outcome = model.simulate(bare, {}, case.clock, (), stream(1, "walk"))
    assert outcome.fields["people_on_edge"].shape == (7, 0) and (outcome.fields["people_at_home"] == 1.0).all()
    moving = Moving.of(hand_on({}, model, outcome))
    seen = expose(bare, outcome.fields, case.sheet("walk"), counts=outcome.counts, moving=moving)
    assert len(seen.roads) == len(seen.places) == 0 and seen.counts["ends"]["people"][1].tolist() == [4000.0] * 7


def test_a_city_without_roads_goes_all_the_way(town: City, four: Path, tmp_path: Path) -> None:
    from twin.readers.city_folder import save_folder

    save_folder(replace(town, roads=town.roads.iloc[:0]), tmp_path / "bare")
    run = execute(sc.load(four).with_changes(city=str(tmp_path / "bare")), fresh=True)
    assert run.exposure["walk"].counts["ends"]["people"][1].tolist() == [4000.0] * 7
    assert ("layer_missing", {"layer": "roads"}) in [(code, dict(values)) for code, values in run.notes]
    assert {t.code for t in sc.draft_plan(run).tasks} >= {"keep_inside", "bolt_windows"}


def test_one_plan_has_tasks_of_all_four(run: Run, plan: Plan) -> None:
    tasks = {(t.hazard, t.code, t.place): t for t in plan.tasks}
    assert {t.hazard for t in plan.tasks} == {a.hazard for a in plan.alerts} == set(FOUR)
    leave, stay = tasks["walk", "clear_block", "b1"], tasks["walk", "keep_inside", "b2"]
    assert (leave.level, stay.level) == ("orange", "yellow") and leave.place_name["zh"] == "北街区"
    assert leave.trigger == {"table": "blocks", "at": "b1", "advice": "leave"}
    start = run.case.clock.start
    assert (leave.deadline - start).total_seconds() == 120.0, "three minutes before they leave after five"
    assert (leave.end - start).total_seconds() == leave.evidence["until_s"] == leave.evidence["t95_s"]
    assert stay.evidence["t95_s"] is None and leave.evidence["people"] == "1,600" and leave.crew == "ward-1-1"
    zone = tasks["venue", "hold_visitors", "v1-stage"]
    assert zone.place_kind == "hall_zone" and zone.crew.startswith("stewards-1") and zone.trigger["unit"] == "m-2"
    assert ("smoke", "bolt_windows", "h1") in tasks and ("flood", "close_underpass", "u1") in tasks
    again = plan_json.from_dict(json.loads(json.dumps(plan_json.to_dict(plan), allow_nan=False)))
    assert again.tasks == plan.tasks


def test_what_two_hazards_ask_of_one_place_is_one_task(plan: Plan) -> None:
    mine = plan.tasks[0]
    theirs = replace(
        mine, hazard="other", deadline=mine.deadline + timedelta(hours=1), end=mine.end + timedelta(hours=2)
    )
    elsewhere = replace(theirs, place="elsewhere")
    assert once([theirs, mine, elsewhere]) == [replace(mine, end=theirs.end), elsewhere]
    again = replace(mine, deadline=theirs.deadline)
    assert once([mine, again]) == [mine, again]  # a hazard's own tasks stay as it asks for them


def test_a_place_of_which_nothing_is_known_shelters_nobody(run: Run) -> None:
    """The shelter stays clear and is opened; were its place beyond the field, it would not be."""
    from scenarios.planning.draft import _Findings, _near_tasks

    sheet, exposure = run.sheet("smoke"), run.exposure["smoke"]
    rule = next(t for t in sheet.tasks if t.near)
    issued = run.case.clock.start
    assert [t.place for t in _near_tasks(_Findings(exposure, sheet, issued, ()), rule)] == ["s1"]
    unseen = exposure.places.assign(known=exposure.places["id"] != "s1")
    assert not _near_tasks(_Findings(replace(exposure, places=unseen), sheet, issued, ()), rule)


def test_a_measure_acts_on_a_venue_and_nowhere_else(four: Path) -> None:
    case = sc.load(four).with_changes(hazards=[{"venue": {}}])
    door = {"kind": "side_door", "place": "v1", "values": {"width_m": 20.0}}
    base, wide = (execute(case.with_changes(measures=m), fresh=True) for m in ([], [door]))
    stage = [r.fields["venue"]["zone_density"].sel(zone="v1-stage").values for r in (base, wide)]
    assert (stage[1] >= stage[0]).all() and stage[1].max() > stage[0].max()
    assert base.fields["venue"]["zone_density"].sel(zone="v1-hall").max() > 1.0
    for place in ("h1", "v1-stage"):
        with pytest.raises(ScenarioError) as error:
            case.with_changes(measures=[{**door, "place": place}]).check()
        assert error.value.code == "measure_place" and "v1" in error.value.message("zh")
    told = sc.compare([base, wide])
    assert told.loc[("venue", "counted", "people.2")].tolist() == [9000.0, 9000.0]
    assert told.loc[("venue", "crew_min", "hall_stewards")].tolist() == [0.0, 5.0]


def test_attendance_says_how_many_come(four: Path) -> None:
    few = alone(four, "venue", forcing={"attendance": [{"place": "v1", "persons": 100}]})
    assert (few.exposure["venue"].counts["people"]["people"].sum(axis=1) == 100.0).all() and not len(few.levels)


def test_a_hazards_own_error_speaks_both_languages(four: Path) -> None:
    with pytest.raises(ScenarioError) as error:
        alone(four, "venue", forcing={"attendance": [{"place": "v1", "persons": 50000}]})
    assert error.value.message("zh") == "50000人进不了场馆,最多43200人"
    assert error.value.message("en") == "50000 people do not fit into the venue, at most 43200 do"


def test_an_event_is_known_when_it_begins_and_a_measure_holds_back(four: Path) -> None:
    case = sc.load(four).with_changes(hazards=[{"smoke": {"rate_g_s": 0.5}}])
    flare = {"kind": "flare_up", "place": "*", "start": "18:10", "values": {"times": 10.0}}
    foam = {"kind": "foam", "place": "*", "start": "18:15", "values": {"share": 1.0}}
    calm, flared, held = (execute(case.with_changes(measures=m), fresh=True) for m in ([], [flare], [flare, foam]))
    peak = [float(r.fields["smoke"]["highest_density"].max()) for r in (calm, flared, held)]
    assert peak[0] < peak[2] < peak[1]
    assert held.balances["smoke"]["in"]["source"] == pytest.approx(0.5 * 600 + 5.0 * 300)
    tasks = [t for t in sc.draft_plan(flared).tasks if t.evidence["first"] > "2026-06-20T10:10"]
    assert tasks and all(t.known.isoformat() >= "2026-06-20T10:10" for t in tasks)


def test_two_halves_that_go_on_from_each_other_equal_the_whole(run: Run, four: Path) -> None:
    case = sc.load(four)
    first = execute(case.with_changes(hours=0.25), fresh=True)
    second = execute(
        case.with_changes(
            start="2026-06-20T18:15+08:00",
            hours=0.25,
            continues=first.id,
            forcing=case.raw["forcing"] | {"rain": {"mm_h": 120, "hours": 0.25}},
        ),
        fresh=True,
    )
    for hazard, lead in (("smoke", "smoke_density"), ("venue", "zone_density"), ("walk", "people_on_edge")):
        np.testing.assert_array_equal(run.fields[hazard][lead].values[3:], second.fields[hazard][lead].values)
    whole, half = (r.fields["flood"]["water_depth"].values for r in (run, second))
    np.testing.assert_allclose(half, whole[3:], atol=2e-3)  # the drain engine is handed the same rain in two parts


def test_the_order_decides_what_a_hazard_reads(four: Path, run: Run) -> None:
    """Those who walk before the water is simulated are not slowed by it; they are counted where they are all the same."""
    early = execute(sc.load(four).with_changes(hazards=[{"walk": {}}, {"flood": {"cell_m": 20}}]), fresh=True)
    assert (early.fields["walk"]["pace"] == 1.5).all() and early.exposure["flood"].basis == "moving"


def test_a_hazard_sees_only_what_it_asks_for(run: Run, four: Path) -> None:
    case: Case = sc.load(four)
    drivers, _ = case.drivers()
    given = {**drivers, **{n: run.fields["flood"][n].load() for n in ("water_depth", "water_speed")}}
    assert set(handed(given, case.models["smoke"])) == {"eastward_wind", "northward_wind"}
    assert set(handed(given, case.models["walk"])) == {"water_depth"}
    assert not handed(given, case.models["venue"])


def test_the_report_has_a_section_for_each_and_what_only_one_can_say(run: Run) -> None:
    page = (run.folder / "report.html").read_text("utf-8")
    heads = re.findall(r"<h2>(.*?)</h2>", page)
    names = [
        "内涝 Waterlogging",
        "烟雾 Smoke",
        "场馆人群 · 体育馆 Crowd in a venue · Sports hall",
        "步行疏散 Leaving on foot",
    ]
    assert [head for head in heads if head in names] == names
    for text in (
        "一医院关窗", "Shut the windows of First Hospital", "组织北街区居民撤离", "体育馆台前限流",
        "1,600 people, 95 % are out after", "各分区人数", "People in each zone", "浓度", "Where the smoke went",
        "Places of which nothing is known, which does not mean that they are safe (1): East school", "stopped on the way",
    ):  # fmt: skip
        assert text in page, text
    assert page.count("data:image/png") >= 4 * 2 + 3 and "{" not in re.sub(r"(?s)<style>.*?</style>", "", page)
    venue = page[page.index("<h2>场馆人群 · 体育馆") : page.index("<h2>步行疏散")]
    assert venue.index("各分区人数") < venue.index("体育馆入口") and venue.count("<table") == 3


def test_cap_has_what_each_sheet_asks_for(run: Run, plan: Plan, tmp_path: Path) -> None:
    about = dossier(run, plan)
    written = {path.stem: path.read_text("utf-8") for path in EXPORTERS["cap"](about, tmp_path)}
    assert set(written) == {f"{a.hazard}-{a.level}-{a.place_kind}" for a in plan.alerts}
    asked = {"smoke-red": ("Evacuate", "Immediate", "Fire"), "venue-yellow": ("Prepare", "Expected", "Rescue")}
    asked |= {"walk-yellow": ("Evacuate", "Expected", "Transport"), "flood-red": ("Avoid", "Future", "Met")}
    assert all(any(name.startswith(f"{begin}-") for name in written) for begin in asked)
    for name in written:
        if (begin := name.rpartition("-")[0]) not in asked:
            continue
        response, urgency, category = asked[begin]
        for tag, text in (("responseType", response), ("urgency", urgency), ("category", category)):
            assert f"<{tag}>{text}</{tag}>" in written[name], (name, tag)
        assert "<status>Draft</status>" in written[name] and "<certainty>Possible</certainty>" in written[name]
    zones = written["venue-yellow-hall_zone"]
    assert "体育馆台前" in zones and "Sports hall, front of stage" in zones and "Zone of a venue (1)" in zones


def test_geojson_has_a_shape_for_every_place_of_every_hazard(run: Run, plan: Plan, tmp_path: Path) -> None:
    files = {p.stem: json.loads(p.read_text("utf-8")) for p in EXPORTERS["geojson"](dossier(run, plan), tmp_path)}
    assert len(files["levels"]["features"]) == len(plan.alerts) and len(files["tasks"]["features"]) == len(plan.tasks)
    only_walk = replace(plan, tasks=tuple(t for t in plan.tasks if t.code in ("clear_block", "keep_inside")))
    about = replace(dossier(run, only_walk), sections=tuple(s for s in sc.sections(run) if s.sheet.id == "walk"))
    shapes = about.places()
    assert shapes.geometry["b1"].equals(run.case.city.place("b1")), (
        "a block that no hazard grades has its shape all the same"
    )


@pytest.mark.usefixtures("chinese")
def test_the_desk_draws_all_hazards_on_one_map_with_one_clock(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANLAN_HOME", str(run.folder.parents[2]))
    app = AppTest.from_file(str(Path(desk.main.__file__)), default_timeout=120).run()
    assert not app.exception
    layers = json.loads(app.get("deck_gl_json_chart")[0].proto.json)["layers"]
    kinds = [(layer["id"].partition("-")[0], layer["@@type"]) for layer in layers]
    cells = [("city", "BitmapLayer"), ("flood", "BitmapLayer"), ("smoke", "BitmapLayer")]
    ids = [(name, "GeoJsonLayer") for name in ("venue", "walk", "areas", "marks")]
    assert kinds == cells + ids, "cells are pictures, ids are shapes on them"
    legends = "".join(part.proto.body for part in app.get("html"))
    for layer in ("烟雾浓度 (mg/m³)", "分区密度 (人/m²)", "每米路上人数"):
        assert layer in legends
    assert len([s for s in app.select_slider if s.label == "时间"]) == 1 and len(app.button_group) == 4
    app.toggle(key="play").set_value(True).run()
    assert not app.exception


def test_a_field_is_drawn_at_its_last_value_and_before_its_first_it_is_unknown(run: Run) -> None:
    sections = {s.sheet.id: s for s in sc.sections(run)}
    times = desk.city_map._clock(sections)
    late = replace(sections["smoke"], fields=sections["smoke"].fields.isel(time=slice(1, None, 2)))
    steps = [desk.city_map._step(late, moment) for moment in times[:5]]
    assert steps == [-1, 0, 0, 1, 1]
    assert (desk.city_map._clock(sections | {"smoke": late}) == times).all(), "one clock for all"
    args = (run.case.city, late, late.sheet.lead_layer)
    code = late.sheet.lead_layer.code
    before, unknown = desk.city_map._frame.__wrapped__(run.id, "smoke", code, -1, *args)
    assert unknown and before["image"] != desk.city_map._frame.__wrapped__(run.id, "smoke", code, 0, *args)[0]["image"]


@pytest.mark.usefixtures("chinese")
def test_the_desk_tells_of_the_places_of_each(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANLAN_HOME", str(run.folder.parents[2]))
    app = AppTest.from_file(str(Path(desk.main.__file__)), default_timeout=120).run()
    assert next(r for r in app.radio if "烟雾" in r.options).options[:4] == [
        "内涝",
        "烟雾",
        "场馆人群 · 体育馆",
        "步行疏散",
    ]
    for hazard, told in {"smoke": "东校", "venue": "体育馆大厅", "walk": "北一巷"}.items():
        choice = next(r for r in app.radio if set(r.options) >= {"内涝", "烟雾", "步行疏散"})
        choice.set_value(hazard).run()
        assert not app.exception, hazard
        texts = [str(f.value.values) for f in app.dataframe] + [
            t.value for t in (*app.markdown, *app.error, *app.warning)
        ]
        assert any(told in text for text in texts), hazard


def test_two_runs_are_compared_in_the_words_of_each_hazard(run: Run, four: Path) -> None:
    closed = {"kind": "close_road", "place": "r3"}
    foam = {"kind": "foam", "place": "*", "values": {"share": 0.9}}
    other = execute(sc.load(four).with_changes(measures=[closed, foam]), fresh=True)
    table = sc.compared([run, other], "zh")
    assert {"烟雾", "场馆人群", "步行疏散"} <= {row.partition(" · ")[0] for row in table.index}
    figures = sc.compare([run, other])
    assert figures.loc[("smoke", "harmed", ">= D2")].diff().iloc[-1] < 0
    assert (
        figures.loc[("walk", "counted", "ends.3")].tolist()[0]
        == 0.0
        < figures.loc[("walk", "counted", "ends.3")].iloc[1]
    )
    assert (
        figures.loc[("city", "cost_cny", "")].iloc[1] == 200 and figures.loc[("smoke", "cost_cny", "")].iloc[1] == 800
    )
    for hazard in FOUR:
        change = sc.difference(run, other, hazard, run.sheet(hazard).lead_layer)
        assert set(change.dims) == set(run.sheet(hazard).lead_layer.of(run.fields[hazard]).dims)


def test_the_runs_files_are_few(run: Run) -> None:
    """A field on ids is one chunk, a field on cells one for each output time."""
    assert len(list((run.folder / "fields.zarr" / "walk" / "people_on_edge").rglob("c/*/*"))) == 1
    assert (
        len([p for p in (run.folder / "fields.zarr" / "smoke" / "smoke_density" / "c").rglob("*") if p.is_file()]) == 7
    )
    assert (run.folder / DRIVERS).is_dir() and (run.folder / "places" / "venue.parquet").exists()
