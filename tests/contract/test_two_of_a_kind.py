"""Two hazards of one kind in one case, each at a place of its own: from scenario to plan, messages, report and desk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from lxml import etree
from streamlit.testing.v1 import AppTest

import desk.main
import scenarios as sc
from scenarios.runner.run import execute
from twin import phrases
from twin.bridge import cap
from twin.city import City
from twin.errors import ScenarioError
from twin.readers.city_folder import save_folder
from twin.sheet import kind_of, names_of
from twin.words import LANGS

HALL, SCHOOL = {"venue": {"at": "v1"}}, {"venue": {"at": "k1", "coming": 8000}}
ZONES = {"venue": {"v1-gate", "v1-hall", "v1-stage"}, "venue-2": {"k1-gate", "k1-hall", "k1-stage"}}


@pytest.fixture(scope="module")
def case(toys: dict[str, str], town: City, tmp_path_factory: pytest.TempPathFactory) -> sc.Case:
    """Twenty minutes of two venues of a town that has a third one."""
    folder = tmp_path_factory.mktemp("two")
    kinds = town.facilities["kind"].where(~town.facilities["id"].isin(["k1", "h1"]), "venue")
    save_folder(replace(town, facilities=town.facilities.assign(kind=kinds)), folder / "town")
    path = folder / "two.yaml"
    path.write_text(
        f"""schema: 1
name: {{zh: 两处场馆, en: Two venues}}
city: {folder / "town"}
start: 2026-06-20T18:00+08:00
hours: 0.4
output_minutes: 4
hazards:
  - venue: {{at: v1}}
  - venue: {{at: k1, coming: 8000}}
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


@pytest.fixture
def at_home(run: sc.Run, monkeypatch: pytest.MonkeyPatch) -> sc.Run:
    """The run, on the shelf of this test."""
    monkeypatch.setenv("ANLAN_HOME", str(run.folder.parents[2]))
    return run


def refused(case: sc.Case, **changes: Any) -> ScenarioError:
    with pytest.raises(ScenarioError) as error:
        case.with_changes(**changes).check()
    assert all("{" not in error.value.message(lang) for lang in LANGS)
    return error.value


def zone_density(run: sc.Run, hazard: str) -> np.ndarray:
    return run.fields[hazard]["zone_density"].values


def test_a_name_says_its_kind() -> None:
    names = names_of(["a", "b", "a", "a-b", "a"])
    assert names == ["a", "b", "a-2", "a-b", "a-3"]
    assert [kind_of(name) for name in names] == ["a", "b", "a", "a-b", "a"]


def test_each_keeps_fields_tables_places_state_and_ledger_of_its_own(run: sc.Run) -> None:
    assert run.hazards == ("venue", "venue-2") == tuple(run.balances)
    for name, zones in ZONES.items():
        assert set(run.fields[name]["zone"].values) == zones == set(run.tables_of(name)["zones"]["id"])
        assert set(run.tables_of(name)) == {"zones"} and set(run.places_of(name)["id"]) == zones
        assert zones <= set(run.exposure[name].places["id"]) and run.exposure[name].hazard == name
        assert set(run.levels.loc[run.levels["hazard"] == name, "place"]) & zones
        assert (run.folder / f"state-{name}.npz").exists()
    counted = [run.exposure[name].counts["people"]["people"].sum(axis=1).iloc[0] for name in ZONES]
    assert counted == [9000.0, 8000.0]


def test_plan_messages_and_shapes_tell_the_two_apart(at_home: sc.Run, tmp_path: Path) -> None:
    plan = sc.draft_plan(at_home)
    assert {task.hazard for task in plan.tasks} == {"venue", "venue-2"} == {a.hazard for a in plan.alerts}
    for task in plan.tasks:
        assert task.place in ZONES[task.hazard] and task.place_name["en"] in phrases.task(task, "en")
    files = sc.export(plan, tmp_path, formats=("json", "geojson", "cap"))
    titles = {"venue": "场馆人群 · 体育馆", "venue-2": "场馆人群 · 东校"}
    messages = {p.stem: etree.parse(p).getroot() for p in files if p.suffix == ".xml"}
    assert {name.partition("-yellow")[0] for name in messages if "-yellow" in name} == set(titles)
    for name, message in messages.items():
        cap.check(message)
        mine = "venue-2" if name.startswith("venue-2-") else "venue"
        assert message.findtext(".//{*}event") == titles[mine] and name in message.findtext("{*}identifier")
    shapes = json.loads(next(p for p in files if p.name == "levels.geojson").read_text("utf-8"))["features"]
    assert {s["properties"]["hazard"] for s in shapes} == set(titles)


def test_report_and_notes_name_the_place_of_each(run: sc.Run) -> None:
    page = (run.folder / "report.html").read_text("utf-8")
    for title in (
        "场馆人群 · 体育馆",
        "Crowd in a venue · Sports hall",
        "场馆人群 · 东校",
        "Crowd in a venue · East school",
    ):
        assert title in page
    told = [phrases.note(code, values, "en") for code, values in run.notes if code.startswith("venue")]
    assert (
        len(told) == 2 and told[0].startswith("Sports hall: 9000 visitors") and told[1].startswith("East school: 8000 ")
    )
    assert all(text in page for text in told)


def test_a_measure_reaches_the_one_that_is_about_its_place(run: sc.Run, case: sc.Case) -> None:
    wide = {"kind": "side_door", "place": "k1", "values": {"width_m": 10.0}}
    other = execute(case.with_changes(measures=[wide]))
    assert (zone_density(other, "venue") == zone_density(run, "venue")).all()
    assert (zone_density(other, "venue-2") != zone_density(run, "venue-2")).any()
    figures = sc.compare([run, other])
    assert (
        figures.loc[("venue-2", "cost_cny", ""), other.id] == 100.0 and ("venue", "cost_cny", "") not in figures.index
    )


def test_a_measure_that_none_is_about_is_refused(case: sc.Case) -> None:
    error = refused(case, measures=[{"kind": "clear_hall", "place": "h1"}])
    assert error.code == "measure_elsewhere"
    assert all(word in error.message("en") for word in ("clear_hall", "h1", "v1", "k1"))


def test_two_that_nothing_tells_apart_are_refused(case: sc.Case) -> None:
    error = refused(case, hazards=[HALL, {"venue": {"at": "v1", "coming": 5}}])
    assert error.code == "site_twice" and "v1" in error.message("zh")
    wind = {"wind": {"speed_m_s": 1.0, "from_deg": 250}}
    error = refused(case, hazards=["smoke", HALL, "smoke"], forcing=wind)
    assert error.code == "hazard_twice" and "smoke" in error.message("en") and "烟雾浓度" in error.message("zh")


def test_the_same_place_is_compared_with_itself_in_any_order(run: sc.Run, case: sc.Case) -> None:
    other = execute(case.with_changes(hazards=[SCHOOL, HALL]))
    assert other.id != run.id and (zone_density(other, "venue-2") == zone_density(run, "venue")).all()
    figures = sc.compare([run, other])
    pd.testing.assert_series_equal(figures[run.id], figures[other.id], check_names=False)
    assert {row.rpartition(" · ")[0] for row in sc.compared([run, other], "zh").index} == {
        "场馆人群 · 体育馆", "场馆人群 · 东校",
    }  # fmt: skip
    layer = run.sheet("venue").lead_layer
    assert (sc.difference(run, other, "venue", layer) == 0.0).all()
    assert {key for key, _, _ in sc.changed(run, other)} >= {"hazards.venue.at", "hazards.venue-2.at"}


def test_a_later_run_goes_on_with_each_at_its_place(run: sc.Run, case: sc.Case) -> None:
    first = execute(case.with_changes(hours=0.2))
    later = {"start": "2026-06-20T18:12+08:00", "hours": 0.2, "hazards": [SCHOOL, HALL]}
    second = execute(case.with_changes(**later, continues=first.id))
    for name, there in (("venue", "venue-2"), ("venue-2", "venue")):
        assert (zone_density(second, name) == zone_density(run, there)[3:]).all()


def test_what_varies_is_named_by_the_one_that_it_belongs_to(run: sc.Run, case: sc.Case) -> None:
    varied = {"members": 3, "vary": {"venue-2.come_in_s": {"uniform": [300, 900]}}}
    several = execute(case.with_changes(ensemble=varied).check())
    spread = {name: several.fields[name] for name in ZONES}
    assert float(abs(spread["venue"]["zone_density_p90"] - spread["venue"]["zone_density_p10"]).max()) == 0.0
    assert float((spread["venue-2"]["zone_density_p90"] - spread["venue-2"]["zone_density_p10"]).max()) > 0.0
    plan = sc.draft_plan(several)
    assert {task.hazard for task in plan.tasks} == set(ZONES)
    assert case.with_setting("hazards.venue-2.coming=700").models["venue-2"].coming == 700
    assert case.with_setting("hazards.venue.coming=700").models["venue-2"].coming == 8000


@pytest.mark.usefixtures("chinese")
def test_the_desk_lets_one_choose_between_the_two(at_home: sc.Run) -> None:
    app = AppTest.from_file(str(Path(desk.main.__file__)), default_timeout=120).run()
    assert not app.exception
    choice = next(r for r in app.radio if "场馆人群 · 东校" in r.options)
    assert choice.options[:2] == ["场馆人群 · 体育馆", "场馆人群 · 东校"]
    choice.set_value("venue-2").run()
    assert not app.exception and any("东校大厅" in str(frame.value.values) for frame in app.dataframe)
