"""Every library scenario runs (small), and what it says holds; the notebook runs."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from lxml import etree
from nbclient import NotebookClient

import scenarios as sc
from scenarios.case import hazards
from twin.sheet import kind_of

ROOT = Path(__file__).parents[2]


CAP = "{urn:oasis:names:tc:emergency:cap:1.2}"


def messages_ask_what_the_plan_asks(run: sc.Run, folder: Path) -> None:
    """Who is told to stay inside by the plan is not told to evacuate by a message, and the other way round."""
    plan = sc.draft_plan(run)
    sc.export(plan, folder)
    asked: dict[str, set[str]] = {}
    for path in folder.rglob("cap/release-*-block*.xml"):
        info = etree.parse(path).getroot().find(f"{CAP}info")
        names = {area.findtext(f"{CAP}areaDesc") for area in info.iterfind(f"{CAP}area")}
        asked.setdefault(info.findtext(f"{CAP}responseType"), set()).update(names)
    codes = ("stay_inside", "stay_possible", "leave_block")
    tasks = {code: {t.place_name["zh"] for t in plan.tasks if t.code == code} for code in codes}
    assert asked.get("Evacuate", set()) == tasks["leave_block"]
    assert asked["Shelter"] >= tasks["stay_inside"] != set() and asked["Shelter"] >= tasks["stay_possible"]


#: What makes a case quick enough for a test: coarse cells, and no more than so many members and people.
COARSE = {"flood": {"cell_m": 20}, "release": {"cell_m": 40}}
AT_MOST = {"release": {"wind_members": 4}, "crowd": {"persons": 3600, "arrivals_per_s": 0.2}}

#: Cases that are quick as they are, and show nothing with fewer people.
SMALL = ("festival-lane",)


def small(case: sc.Case) -> sc.Case:
    """Return a library case on coarse cells, with few people and an hour less."""
    for hazard, model in case.models.items():
        fewer = {k: v for k, v in AT_MOST.get(kind_of(hazard), {}).items() if getattr(model, k) > v}
        for key, value in (COARSE.get(kind_of(hazard), {}) | fewer).items():
            case = case.with_setting(f"hazards.{hazard}.{key}={value}")
    return case.with_changes(hours=max(min(1.0, case.scenario.hours), case.scenario.hours - 1.0))


#: Cases that take half a minute and more: large venues, and the night that the test of the whole mission runs, too.
SLOW = ("festival-lane", "fireworks-square", "plum-rain-night", "stadium-rain")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else [])
        for name in sorted(p.stem for p in (ROOT / "scenarios" / "library").glob("*.yaml"))
    ],
)
def test_library_scenario(name: str, tmp_path: Path) -> None:
    case = sc.load(name).check()
    assert case.scenario.about_minutes, "the list of scenarios says how long each takes"
    run = sc.run(case if name in SMALL else small(case))
    for balance in run.balances.values():
        assert abs(balance["relative_error"]) <= balance["tolerance"] <= 1e-4
    assert (run.folder / "report.html").stat().st_size > 50_000
    assert set(run.levels["level"]) <= {"blue", "yellow", "orange", "red"} and len(run.levels)
    assert sc.draft_plan(run).message_status == ("Exercise" if case.scenario.mode == "drill" else "Draft")
    assert set(run.levels["hazard"]) <= set(run.hazards)
    if name == "plum-rain-night":
        told = dict(run.notes)
        assert set(run.hazards) == {*hazards.HAZARDS, "crowd-2"}
        assert told["crowd-2.dose"]["percent"] > told["crowd.dose"]["percent"], "the alley lies beside the tank"
        assert run.exposure["crowd-2"].counts["where"]["people"].iloc[-1].sum() == 200
    if name == "chlorine-tank":
        messages_ask_what_the_plan_asks(run, tmp_path)
    if "flood" not in run.hazards:
        return
    assert run.balances["flood"]["in"]["rain"] > 0
    assert {"underpass", "block", "road"} <= set(run.levels["kind"])
    peak = run.fields["flood"]["water_depth"].max("time")
    west, north = run.case.city.grid.west, run.case.city.grid.north
    old_town = peak.sel(x=slice(west + 2000, west + 2500), y=slice(north - 2750, north - 3100))
    hill = peak.sel(x=slice(west + 300, west + 800), y=slice(north - 300, north - 800))
    assert float(old_town.max()) > 0.4 > 0.1 > float(hill.median()), "the low old town floods, the hill does not"


def test_the_scenario_of_the_guide_passes_its_check_and_each_measure_is_costed(tmp_path: Path) -> None:
    """All that `docs/scenario.md` shows can be written down and checked as it stands, on the demonstration city."""
    block = (ROOT / "docs" / "scenario.md").read_text("utf-8").split("```yaml\n")[1].split("```")[0]
    (tmp_path / "guide.yaml").write_text(block, "utf-8")
    case = sc.load(tmp_path / "guide.yaml").check()
    kinds = {action.kind for action in case.actions()}
    assert {"gate", "drain_pump"} <= kinds <= set(hazards.measures(case.models))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("first_flood", ["inlets cleaned"]),
        pytest.param("water", ["duration_above", "清理后", "Xicheng Road"], marks=pytest.mark.slow),
        ("release", ["indoors_enough", "19:13关阀"]),
        ("evacuation", ["bound_departures_s", "buses:", "T95:"]),
        pytest.param("crowd", ["peak density", "red after nan", "positions", "moved"], marks=pytest.mark.slow),
    ],
)
def test_notebook(name: str, said: list[str], tmp_path: Path) -> None:
    os.environ["ANLAN_HOME"] = str(tmp_path / "home")
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "notebooks are kept without their outputs"
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(ROOT)}}).execute()
    text = str([cell.get("outputs") for cell in notebook.cells])
    assert "image/png" in text and all(words in text for words in said)
