"""What every hazard promises; the toy `smoke` goes all the way to a plan and a page."""

from __future__ import annotations

import dataclasses
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import yaml
from pydantic import TypeAdapter
from streamlit.testing.v1 import AppTest

import desk.main
import scenarios as sc
from scenarios.case import hazards
from scenarios.case.schema import json_schema
from twin import words
from twin.clock import Clock
from twin.errors import ScenarioError, SourceError
from twin.hazard import Hazard, State
from twin.sheet import COLOURS
from twin.streams import stream


@pytest.fixture
def smoke(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register the toy: one folder, one line."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setitem(hazards.HAZARDS, "smoke", "smoke")


@pytest.fixture(params=["flood", "smoke"])
def name(request: pytest.FixtureRequest, smoke: None) -> str:
    return request.param


def simulate(name, city, storm, clock, state=None):
    case = sc.load(storm)
    drivers, _ = case.drivers()
    model = hazards.model_class(name)()
    return model.simulate(city, drivers, clock, (), stream(1, name), state)


def test_the_model_keeps_the_protocol(name: str) -> None:
    kind = hazards.model_class(name)
    assert isinstance(kind(), Hazard) and dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen


def test_the_sheet_is_whole_in_both_languages(name: str) -> None:
    sheet = hazards.sheet(name)
    kind = hazards.model_class(name)
    assert sheet.lead in {v.name for v in kind.gives}
    assert set(sheet.events) | set(sheet.measures) <= set(kind.understands) and not set(sheet.events) & set(
        sheet.measures
    )
    for rule in sheet.rules.values():
        bounds = [rule[c] for c in COLOURS]
        assert bounds == sorted(bounds)
    for lang in words.LANGS:
        needed = {f"hazard.{name}", f"layer.{name}.now", f"ledger.{name}.title"} | {
            layer.word for layer in sheet.layers
        }
        needed |= (
            {f"task.{t.code}" for t in sheet.tasks}
            | {f"unit.{t.unit}" for t in sheet.tasks}
            | {f"place.{k}" for k in sheet.rules}
            | {f"statistic.{name}.{rule['statistic']}" for rule in sheet.rules.values()}
            | {f"measure.{measure}" for measure in kind.understands}
            | {f"value.{value}" for values in kind.understands.values() for value in values}
        )
        assert needed <= words.keys(lang)


def test_a_split_run_equals_the_whole_run(name: str, small_city, storm: Path, tmp_path: Path) -> None:
    whole_clock = Clock(sc.load(storm).scenario.start, 1800.0, 300.0)
    whole = simulate(name, small_city, storm, whole_clock)
    first = simulate(name, small_city, storm, whole_clock.first(900.0))
    first.state.save(tmp_path / "state.npz")
    second = simulate(name, small_city, storm, whole_clock.after(900.0), State.load(tmp_path / "state.npz"))
    lead = hazards.sheet(name).lead
    np.testing.assert_array_equal(whole.fields[lead].values[3:], second.fields[lead].values)
    assert abs(whole.balance.error) <= whole.balance.tolerance


def test_the_fields_carry_what_the_sheet_draws(name: str, small_city, storm: Path) -> None:
    sheet = hazards.sheet(name)
    fields = simulate(name, small_city, storm, Clock(sc.load(storm).scenario.start, 1800.0, 300.0)).fields
    for layer in (sheet.lead_layer, *sheet.layers):
        assert layer.of(fields).dims == ("y", "x") and list(layer.bounds) == sorted(layer.bounds)
        assert not layer.names or len(layer.names) == len(layer.colormap)
        assert layer.steps and min(layer.steps) > 0
    peak, lead = fields[sheet.peak_layer.variable], fields[sheet.lead]
    assert peak.attrs["units"] == lead.attrs["units"] and (sheet.peak_layer.of(fields) >= lead.max("time")).all()
    if sheet.danger:
        assert 1 <= int(fields[sheet.danger.variable].max()) <= len(sheet.danger.names)


def test_no_sentence_of_the_sheet_is_cut_at_a_comma(name: str) -> None:
    """Unquoted in braces, YAML ends a sentence at its comma and takes the rest for a key without a value."""
    raw = yaml.safe_load(files(hazards.HAZARDS[name]).joinpath("hazard.yaml").read_text("utf-8"))
    named = list(raw["words"].values()) + [layer["label"] for layer in raw.get("layers", [])] + [raw["name"]]
    assert all(set(pair) == set(words.LANGS) for pair in named)
    assert all(set(row) == {"name", *words.LANGS} for row in (raw["exposure"].get("danger") or {}).get("classes", []))


def test_a_state_of_another_hazard_is_refused(name: str, small_city, storm: Path) -> None:
    clock = Clock(sc.load(storm).scenario.start, 300.0, 300.0)
    with pytest.raises(SourceError):
        simulate(name, small_city, storm, clock, State("other", small_city.grid.hash, {}))


def test_unknown_parameters_are_refused(name: str, storm: Path) -> None:
    case = sc.load(storm).with_changes(hazards=[{name: {"sped": 3}}])
    with pytest.raises(ScenarioError, match="sped"):
        case.check()
    assert name in json_schema()["$defs"]
    assert TypeAdapter(hazards.model_class(name)).json_schema()["title"]


def test_smoke_goes_to_a_plan_and_a_page(smoke: None, storm: Path) -> None:
    case = sc.load(storm).with_changes(hazards=[{"flood": {}}, {"smoke": {}}], hours=0.5)
    run = sc.run(case)
    assert set(run.levels["hazard"]) == {"flood", "smoke"}
    assert run.exposure["smoke"].closures["id"].tolist() == ["h1"], "closures cost a hazard one word of its sheet"
    assert not len(run.exposure["smoke"].danger) and len(run.exposure["flood"].danger) == 6
    plan = sc.draft_plan(run)
    assert [t.place for t in plan.tasks if t.code == "shut_windows"] == ["h1"]
    page = (run.folder / "report.html").read_text("utf-8")
    assert "一医院关窗" in page and "Shut the windows of First Hospital" in page and "烟雾" in page
    app = AppTest.from_file(str(Path(desk.main.__file__)), default_timeout=60).run()
    assert not app.exception
    choice = next(r for r in app.radio if "smoke" in r.options or "烟雾" in r.options)
    choice.set_value("smoke").run()
    assert not app.exception
