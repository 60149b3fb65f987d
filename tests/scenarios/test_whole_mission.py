"""All four hazards in one small case: water lifts a tank, its cloud drifts over a town that leaves, a hall empties."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from lxml import etree

import scenarios as sc
from evacuation.release.variables import STAY_OR_LEAVE, TOXIC_DOSE_RATE
from scenarios.case import hazards
from scenarios.planning.dossier import dossier
from scenarios.runner.run import execute
from twin import words
from twin.bridge import cap, front
from twin.city import City, empty_table
from twin.errors import TwinError
from twin.exposure import Moving, expose
from twin.plan import Conflict
from twin.readers.city_folder import save_folder

ALL = ("flood", "release", "movement", "crowd")
X, Y = 500_600.0, 3_399_400.0  # the hall's south-western corner


def town(city: City) -> City:
    """The small town with a tank beside its basin and a hall with one gate."""
    more = gpd.GeoDataFrame(
        {
            "id": ["works/T1", "hall"], "kind": ["tank", "venue"], "name_zh": ["液氯储罐", "礼堂"],
            "name_en": ["Chlorine tank", "Hall"], "capacity": [0, 100], "substance": ["chlorine", None],
            "mass_kg": [2000.0, np.nan], "floats_m": [0.2, np.nan],
        },
        geometry=[shapely.Point(500_500, 3_399_745), shapely.box(X, Y, X + 16, Y + 10)],
        crs=city.grid.crs,
    )  # fmt: skip
    gate = shapely.LineString([(X + 16, Y + 4), (X + 16, Y + 6)])
    walls = shapely.LineString([(X + 16, Y + 6), (X + 16, Y + 10), (X, Y + 10), (X, Y), (X + 16, Y), (X + 16, Y + 4)])
    venues = gpd.GeoDataFrame(
        {
            "id": ["hall/gate", "hall/walls", "hall/floor"], "kind": ["gate", "wall", "source"], "venue": "hall",
            "name_zh": ["东门", "墙", "场内"], "name_en": ["East gate", "Walls", "Floor"],
        },
        geometry=[gate, walls, shapely.box(X + 1, Y + 1, X + 10, Y + 9)],
        crs=city.grid.crs,
    )  # fmt: skip
    facilities = gpd.GeoDataFrame(pd.concat([city.facilities, more], ignore_index=True), crs=city.grid.crs)
    return replace(city, id="mission", facilities=facilities, venues=venues)


@pytest.fixture(scope="module")
def case(small_city: City, tmp_path_factory: pytest.TempPathFactory) -> sc.Case:
    """Half an hour of a cloudburst on the town."""
    folder = tmp_path_factory.mktemp("mission")
    save_folder(town(small_city), folder / "town")
    path = folder / "mission.yaml"
    path.write_text(
        f"""schema: 1
name: {{zh: 小城四灾, en: Small town with four hazards}}
city: {folder / "town"}
start: 2026-06-20T21:00+08:00
hours: 0.5
forcing:
  rain: {{mm_h: 180, hours: 0.5}}
  wind: {{speed_m_s: 2.0, from_deg: 200}}
  attendance: [{{place: hall, persons: 40}}, {{place: hall, persons: 0, at: "21:05"}}]
hazards:
  - flood: {{cell_m: 20, drainage: none}}
  - release: {{substance: chlorine, site: works/T1, start_min: 29, wind_members: 4}}
  - movement: {{zones: all, mean_delay_min: 5}}
  - crowd: {{venue: hall}}
seed: 7
""",
        "utf-8",
    )
    return sc.load(path)


@pytest.fixture(scope="module")
def run(case: sc.Case, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sc.Run]:
    """The case, run once to plan and report."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANLAN_HOME", str(tmp_path_factory.mktemp("home")))
        yield sc.run(case.check(), fresh=True)


def test_it_runs_to_one_plan_one_report_and_messages(run: sc.Run, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("ANLAN_HOME", str(run.folder.parents[2]))
    assert set(run.balances) == set(ALL)
    for name, balance in run.balances.items():
        assert abs(balance["relative_error"]) <= balance["tolerance"], name
    plan = sc.draft_plan(run)
    assert {task.hazard for task in plan.tasks} >= {"flood", "release", "movement"}
    assert [t.deadline for t in plan.tasks] == sorted(t.deadline for t in plan.tasks)
    files = sc.export(plan, tmp_path / "outbox", formats=("json", "geojson", "cap"))
    messages = [path for path in files if path.suffix == ".xml"]
    assert {path.name.partition("-")[0] for path in messages} >= {"flood", "release", "movement"}
    for path in messages:
        cap.check(etree.parse(path).getroot())
    page = (run.folder / "report.html").read_text("utf-8")
    for name in ALL:
        assert all(text in page for text in run.sheet(name).name.values()), name


def test_the_water_lifts_the_tank_and_the_plan_knows_of_the_cloud_from_then_on(run: sc.Run) -> None:
    tank = run.tables_of("release")["tanks"].set_index("id").loc["works/T1"]
    depth = run.fields["flood"]["water_depth"].max(("y", "x")).values
    first = 300.0 * int(np.argmax(depth >= 0.2))
    assert tank["cause"] == "flood" and tank["began_s"] == first > 0.0, (
        "the deepest cell is the basin's, where the tank stands"
    )
    begins = run.case.clock.times[0].tz_localize("UTC") + pd.Timedelta(seconds=first)
    told = [task for task in sc.draft_plan(run).tasks if task.hazard == "release"]
    assert told and all(task.known >= begins for task in told)
    assert (
        not run.fields["release"]["gas_concentration"].sel(time=run.case.clock.times[: round(first / 300.0) + 1]).any()
    )


def test_people_are_counted_on_one_basis_everywhere(run: sc.Run) -> None:
    """By hand: whoever the movement has not brought to a goal is at home by its shares, or on its roads; for every hazard."""
    city, moved = run.case.city, run.fields["movement"].load()
    assert {name: run.exposure[name].basis for name in ALL} == {
        "flood": "moving", "release": "moving", "movement": "model", "crowd": "model",
    }  # fmt: skip
    states = run.exposure["movement"].counts["end_state"]["people"]
    people = city.population["night"].sum()
    beds = city.facilities.set_index("id").loc["h1", "capacity"]
    assert (states.sum(axis=1) == people + beds).all(), "who is in care comes on top of the people of the cells"
    home = (moved["people_at_home"].values * city.population["night"].values).sum(axis=1)
    by_hand = home + moved["people_on_edge"].values.sum(axis=1)
    arrived = run.tables_of("movement")["clearing"]["arrived"].values
    np.testing.assert_allclose(by_hand, people - arrived, rtol=1e-5)
    assert by_hand[0] == people and arrived[-1] > 1000
    assert ("apart", {"sites": [{"zh": "礼堂", "en": "Hall"}]}) in run.notes, "those at the hall are in no other count"
    moving = Moving(moved["people_at_home"], moved["people_on_edge"])
    for name in ("flood", "release"):
        own = run.sheet(name)
        scale = next(s for s in own.scales if "people" in s.of and s.when == "at_once")
        everybody = replace(own, scales=(replace(scale, of=("people",), classes=(0.0, *scale.classes)),))
        found = expose(city, run.fields[name].load(), everybody, moving=moving).counts[scale.code]["people"].sum(axis=1)
        np.testing.assert_allclose(found, by_hand, rtol=1e-5, err_msg=name)


def test_the_same_question_has_the_same_answer(run: sc.Run, case: sc.Case, monkeypatch) -> None:
    again = execute(case, fresh=True)
    assert again.folder != run.folder and again.id == run.id
    for name in ALL:
        xr.testing.assert_identical(again.fields[name].load(), run.fields[name].load())
    assert sc.draft_plan(again) == sc.draft_plan(run)
    monkeypatch.setenv("ANLAN_HOME", str(run.folder.parents[2]))
    assert sc.run(case).folder == run.folder


WIND = {"speed_m_s": 2.0, "from_deg": 200}

Change = Callable[[City], City]


def refused(case: sc.Case) -> TwinError:
    """Check a case that cannot be; nothing of it may be simulated."""
    with pytest.raises(TwinError) as error:
        case.check()
    assert all("{" not in error.value.message(lang) for lang in ("zh", "en"))
    return error.value


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"forcing": {"rain": {"mm_h": 30, "hours": 0.5}}}, "needs", "speed_m_s, from_deg"),
        ({"release": {"site": "works/T9", "substance": "chlorine"}}, "release_site", "hazards.release.site"),
        ({"release": {"site": "works/T1", "substance": "ammonia"}}, "release_other", "chlorine"),
        ({"movement": {"zones": ["b9"]}}, "movement_zone", "b1"),
        ({"crowd": {"venue": "hill"}}, "venue_unknown", "hall"),
    ],
)
def test_what_cannot_be_is_refused_before_a_second_is_simulated(
    case: sc.Case, changes: dict[str, Any], code: str, said: str
) -> None:
    rows = {name: changes.get(name, row[name]) for row in case.raw["hazards"] for name in row}
    changed = case.with_changes(
        hazards=[{name: row} for name, row in rows.items()], forcing=changes.get("forcing", case.raw["forcing"])
    )
    error = refused(changed)
    assert error.code == code and said in error.message("en")


def test_a_release_of_which_nobody_says_where_it_leaks_is_refused_without_a_flood(case: sc.Case) -> None:
    alone = case.with_changes(hazards=[{"release": {"substance": "chlorine"}}], forcing={"wind": WIND})
    error = refused(alone)
    assert error.code == "needs" and "hazards.release.site" in error.message("en")
    event = {"kind": "leak", "place": "works/T1", "start": "21:05", "values": {"hole_mm": 10}}
    alone.with_changes(measures=[event]).check()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda city: replace(city, population=empty_table("population", city.grid.crs)), "movement_no_people"),
        (lambda city: replace(city, venues=city.venues[city.venues["kind"] != "gate"]), "venue_no_gate"),
    ],
)
def test_a_city_that_lacks_a_link_is_refused_before_a_second_is_simulated(
    case: sc.Case, tmp_path: Path, change: Change, code: str
) -> None:
    save_folder(change(case.city), tmp_path / "town")
    assert refused(case.with_changes(city=str(tmp_path / "town"))).code == code


def test_two_hazards_that_own_one_measure_are_refused(case: sc.Case, monkeypatch: pytest.MonkeyPatch) -> None:
    sheets = {name: hazards.sheet(name) for name in ALL}
    taken = sheets["release"].measures["leak"]
    sheets["crowd"] = replace(
        sheets["crowd"], measures={**sheets["crowd"].measures, "leak": replace(taken, owner="crowd")}
    )
    monkeypatch.setattr(hazards, "sheet", sheets.__getitem__)
    error = refused(case)
    assert error.code == "measure_owners" and error.values["found"] == "leak"


def test_who_is_to_flee_before_the_cloud_is_computed_is_allowed_and_said(case: sc.Case) -> None:
    """The movement stands before the release: it runs, and the plan says what it does not know."""
    rows = {name: row for entry in case.raw["hazards"] for name, row in entry.items()}
    leak = {"kind": "leak", "place": "works/T1", "start": "21:01", "values": {"hole_mm": 20}}
    order = [{"movement": rows["movement"]}, {"release": {"substance": "chlorine", "wind_members": 0}}]
    run = execute(case.with_changes(hazards=order, measures=[leak], hours=0.25))
    (values,) = [values for code, values in sc.draft_plan(run).notes if code == "read_later"]
    for lang in ("zh", "en"):
        said = words.say("note.read_later", lang=lang, **values)
        assert all(hazards.sheet(n).name[lang] in said for n in ("movement", "release"))
        assert all(getattr(v, lang) in said for v in (TOXIC_DOSE_RATE, STAY_OR_LEAVE))


def test_an_order_that_can_be_needs_no_such_note(run: sc.Run) -> None:
    assert not [code for code, _ in run.notes if code == "read_later"]


def test_a_town_whose_only_shelter_floods_still_has_its_plan(case: sc.Case, small_city: City, tmp_path: Path) -> None:
    """The shelter stands in the basin: nobody is sent there, and movement gives it no colour."""
    moved = small_city.facilities.copy()
    moved.loc[moved["id"] == "s1", "geometry"] = shapely.Point(500_500, 3_399_745)
    save_folder(replace(small_city, facilities=moved), tmp_path / "town")
    order = [{"flood": {"cell_m": 20, "drainage": "none"}}, {"movement": {"zones": "all", "mean_delay_min": 5}}]
    forcing = {"rain": {"mm_h": 180, "hours": 0.5}}
    run = sc.run(case.with_changes(city=str(tmp_path / "town"), hazards=order, forcing=forcing))
    named = [run.case.city.place_name("s1")]
    assert ("movement.shelter_water", {"names": named}) in [(code, dict(values)) for code, values in run.notes]
    assert "s1" not in set(run.exposure["movement"].places["id"]) and run.fields["movement"].sizes["shelter"] == 0
    alarms = [b for b in front.event(run.event, run.case.city, sc.sections(run)) if getattr(b, "style", "") == "alarm"]
    assert not alarms, "that nobody goes there is no lack of knowledge"


def test_orders_do_not_send_people_to_a_place_that_a_conflict_speaks_against(run: sc.Run) -> None:
    plan = sc.draft_plan(run)
    (opening,) = [t for t in plan.tasks if t.code == "open_shelter" and t.place == "s1"]
    leaving = next(t for t in plan.tasks if t.code == "warn_zone")
    unfit = Conflict("in_danger", (opening.id,), "s1", opening.place_name, opening.start, ("flood",), "red")
    for conflicts, named in ((), True), ((unfit,), False):
        orders = cap.Orders.of(dossier(run, replace(plan, conflicts=conflicts)))
        said = " ".join(orders.said("movement", leaving.place, "en"))
        assert (opening.place_name["en"] in said) is named and "leave from" in said
