"""What every hazard promises, held by the rooms there are and by three toys: cells, zones and edges."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml
from pydantic import TypeAdapter

import scenarios as sc
from hydro.variables import WATER_DEPTH
from scenarios.case import hazards
from scenarios.case.schema import json_schema
from twin import words
from twin.city import City
from twin.clock import Clock
from twin.drivers import hand_on, handed
from twin.errors import ScenarioError, SourceError
from twin.exposure import expose
from twin.grade import grade
from twin.hazard import Hazard, Outcome, State
from twin.sheet import COLOURS, Sheet
from twin.streams import stream
from twin.variables import conform_array

#: Parameters that make a hazard quick; people are counted one by one, so nothing may be lost of them.
QUICK: dict[str, dict[str, Any]] = {
    "flood": {"cell_m": 20.0},
    "release": {"substance": "chlorine", "site": "u1", "mass_kg": 500.0, "wind_members": 2},
    "movement": {"zones": "all", "mean_delay_min": 5.0},
}
EXACT = ("venue", "walk", "movement")

#: Of flammable gases, of detectors or of streets alone; and the ledger that says where everybody is, not who came: both halves hold
#: the population.
SOMETIMES, STANDS = ("flammable_share", "source_share", "max_street_concentration", "gas_may_burn"), ("movement",)

#: Said once for a run, with seconds on its own clock, which is another one in the second half.
ON_THE_CLOCK = ("leave_before", "advice_from")
NAMES = ("flood", "release", "movement", "smoke", "venue", "walk")


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest, toys: dict[str, str]) -> str:
    return request.param


@pytest.fixture(scope="module")
def clock(four: Path) -> Clock:
    return Clock(sc.load(four).scenario.start, 1800.0, 300.0)


@pytest.fixture(scope="module")
def given(four: Path, town: City, clock: Clock) -> Mapping[str, xr.DataArray]:
    """The forcing of the case and water that rises on 20 m cells, as an earlier hazard would give it."""
    drivers, _ = sc.load(four).drivers()
    grid = town.grid.at_cell_size(20.0)
    rising = np.linspace(0.0, 0.4, len(clock.times))[:, None, None] * np.ones(grid.shape)
    depth = xr.DataArray(rising, {"time": clock.times.values, "y": grid.y, "x": grid.x}, name="water_depth")
    return {**drivers, "water_depth": conform_array(depth, WATER_DEPTH)}


def model(name: str) -> Hazard:
    return hazards.model_class(name)(**QUICK.get(name, {}))


def simulate(name: str, city: City, given: Mapping[str, Any], clock: Clock, state: State | None = None) -> Outcome:
    return model(name).simulate(city, handed(given, model(name)), clock, (), stream(1, name), state)


@pytest.fixture(scope="module")
def whole(town: City, given: Mapping[str, xr.DataArray], clock: Clock) -> dict[str, Outcome]:
    """Half an hour of each hazard, once."""
    return {name: simulate(name, town, given, clock) for name in NAMES}


def test_the_model_keeps_the_protocol(name: str) -> None:
    kind = hazards.model_class(name)
    assert isinstance(model(name), Hazard) and dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen
    assert all(isinstance(group, tuple) and group for group in kind.needs) and isinstance(kind.reads, tuple)


def test_the_sheet_is_whole_in_both_languages(name: str, whole: dict[str, Outcome]) -> None:
    sheet, outcome = hazards.sheet(name), whole[name]
    needed = {f"hazard.{name}", f"layer.{name}.now", f"ledger.{name}.title", *(layer.word for layer in sheet.layers)}
    needed |= {f"task.{name}.{t.code}" for t in sheet.tasks} | {f"unit.{t.unit}" for t in sheet.tasks}
    needed |= {f"place.{kind}" for kind in sheet.rules} | {f"scale.{name}.{s.code}" for s in sheet.scales}
    needed |= {f"statistic.{name}.{rule.statistic}" for rule in sheet.rules.values()}
    needed |= {f"scale.{name}.{s.code}.{k + 1}" for s in sheet.scales if not s.variable for k in range(len(s.classes))}
    needed |= {f"unlike.{name}.{key}" for key in sheet.unlike}
    needed |= {f"evidence.{name}.{task.code}" for task in sheet.tasks if task.table}
    for kind, measure in sheet.measures.items():
        needed |= {f"measure.{kind}", *(f"value.{kind}.{value}" for value in measure.values)}
        needed |= {f"unit.{measure.unit}"} if measure.unit else set()
    parts = (outcome.balance.came_in, outcome.balance.went_out, outcome.balance.stored)
    needed |= {f"ledger.{name}.{part}" for side in parts for part in side}
    needed |= {f"note.{name}.{code}" for code, _ in outcome.notes}
    needed |= {f"place.{kind}" for kind in ([] if outcome.places is None else outcome.places["kind"])}
    for lang in words.LANGS:
        assert not needed - words.keys(lang)
        for code, values in outcome.notes:
            assert "{" not in words.say(f"note.{name}.{code}", lang=lang, **values)


def test_no_sentence_of_the_sheet_is_cut_at_a_comma(name: str) -> None:
    """Unquoted in braces, YAML ends a sentence at its comma and takes the rest for a key without a value."""
    raw = yaml.safe_load(files(hazards.HAZARDS[name]).joinpath("hazard.yaml").read_text("utf-8"))
    named = list(raw["words"].values()) + [layer["label"] for layer in raw.get("layers", [])] + [raw["name"]]
    named += [scale["label"] for scale in raw["scales"]] + [measure["name"] for measure in raw.get("measures", [])]
    named += list(raw.get("crews", {}).values()) + list(raw.get("kinds", {}).values())
    assert all(set(pair) == set(words.LANGS) for pair in named)
    classes = [c for scale in raw["scales"] for c in scale["classes"] if isinstance(c, dict)]
    assert all(set(row) <= {"from", "name", *words.LANGS} and all(map(row.get, words.LANGS)) for row in classes)


def test_the_fields_are_those_that_the_sheet_speaks_of(name: str, whole: dict[str, Outcome]) -> None:
    sheet, fields = hazards.sheet(name), whole[name].fields
    gives = {v.name for v in hazards.model_class(name).gives}
    assert gives | {sheet.lead} <= set(fields)
    for rule in sheet.rules.values():
        assert fields[rule.variable].attrs["units"] == rule.unit
    for scale in sheet.scales:
        assert not scale.variable or fields[scale.variable].attrs["units"] == scale.unit
        assert bool(scale.variable) != (scale.code in whole[name].counts)
    for layer in (layer for layer in (sheet.lead_layer, *sheet.layers) if layer.variable not in SOMETIMES):
        assert layer.variable in fields and "time" not in layer.of(fields).dims
        assert list(layer.bounds) == sorted(layer.bounds) and layer.steps and min(layer.steps) > 0
        assert not layer.names or len(layer.names) == len(layer.colormap)
    for variable, worst in sheet.kept.items():
        signs = {rule.sign for rule in sheet.rules.values() if rule.variable == variable}
        assert fields[worst].attrs["units"] == fields[variable].attrs["units"] and "time" not in fields[worst].dims
        assert all((sign * fields[worst] >= (sign * fields[variable]).max("time") - 1e-6).all() for sign in signs)
    assert (sheet.peak_layer.of(fields) >= sheet.lead_layer.of(fields) - 1e-6).all()


def test_a_split_run_equals_the_whole_run(
    name: str, town: City, given: Mapping[str, xr.DataArray], clock: Clock, whole: dict[str, Outcome], tmp_path: Path
) -> None:
    first = simulate(name, town, given, clock.first(900.0))
    first.state.save(tmp_path / "state.npz")
    kept = State.load(tmp_path / "state.npz")
    assert (kept.hazard, kept.grid_hash, kept.numbers) == (name, first.state.grid_hash, dict(first.state.numbers))
    for array, value in first.state.arrays.items():
        np.testing.assert_array_equal(kept.arrays[array], value)
    second = simulate(name, town, given, clock.after(900.0), kept)
    for variable in hazards.model_class(name).gives:
        both, later = whole[name].fields[variable.name], second.fields[variable.name].values
        assert both.values.any() or variable.name in SOMETIMES, "nothing happens, so nothing is shown"
        shift = 900.0 if variable.name in ON_THE_CLOCK else 0.0
        np.testing.assert_array_equal((both[3:] if "time" in both.dims else both).values - shift, later)
    for code, table in whole[name].counts.items():
        pd.testing.assert_frame_equal(table.iloc[3:], second.counts[code], check_exact=True)
    for part in (whole[name].balance, first.balance, second.balance):
        assert abs(part.error) <= part.tolerance
        assert name not in EXACT or part.error == part.tolerance == 0.0
    for side in ("came_in", "went_out", "stored") if name not in STANDS else ():
        parts = [getattr(outcome.balance, side) for outcome in (whole[name], first, second)]
        total, *halves = (np.array([part[key] for key in parts[0]]) for part in parts)
        np.testing.assert_allclose(sum(halves), total, rtol=1e-6, atol=1e-3 * max(1.0, np.abs(total).max()))


def test_the_same_question_has_the_same_answer_and_no_input_is_touched(
    name: str, town: City, given: Mapping[str, xr.DataArray], clock: Clock, whole: dict[str, Outcome]
) -> None:
    before = {key: array.copy(deep=True) for key, array in given.items()}
    again = simulate(name, town, given, clock)
    xr.testing.assert_identical(again.fields, whole[name].fields)
    for key, array in given.items():
        xr.testing.assert_identical(array, before[key])


def test_what_it_gives_is_handed_on_as_it_is(name: str, whole: dict[str, Outcome]) -> None:
    drivers = hand_on({}, hazards.model_class(name), whole[name])
    for variable in hazards.model_class(name).gives:
        xr.testing.assert_identical(drivers[variable.name], whole[name].fields[variable.name])
        assert set(drivers[variable.name].attrs.get("tags", "").split()) == variable.tags


def test_it_is_graded_from_blue_to_red(name: str, town: City, whole: dict[str, Outcome]) -> None:
    sheet, outcome = hazards.sheet(name), whole[name]
    seen = expose(town, outcome.fields, sheet, places=outcome.places, counts=outcome.counts)
    levels = grade(seen, sheet)
    assert len(levels) and set(levels["hazard"]) == {name} and set(levels["level"]) <= set(COLOURS)
    for row in levels.to_dict("records"):
        rule = sheet.rules[row["kind"]]
        assert rule.sign * row["peak"] >= rule.sign * row["threshold"] and row["unit"] == rule.unit
        assert row["from"] <= row["reached"] <= row["until"] <= row["expires"] and row["rule"].startswith(f"{name}/")
    assert set(seen.counts) == {scale.code for scale in sheet.scales}
    for scale in sheet.scales:
        assert set(seen.counts[scale.code]) == set(scale.of)
        for table in seen.counts[scale.code].values():
            assert list(table.columns) == list(scale.classes) and (table >= 0).all().all()


def test_a_state_of_another_hazard_is_refused(
    name: str, town: City, given: Mapping[str, xr.DataArray], clock: Clock
) -> None:
    with pytest.raises(SourceError) as error:
        simulate(name, town, given, clock.first(300.0), State("other", town.grid.hash, {}))
    assert error.value.code == "state_foreign"


def test_unknown_parameters_are_refused(name: str, four: Path) -> None:
    case = sc.load(four).with_changes(hazards=[{name: {"sped": 3}}])
    with pytest.raises(ScenarioError, match="sped"):
        case.check()
    assert name in json_schema()["$defs"]
    assert TypeAdapter(hazards.model_class(name)).json_schema()["title"]


def test_its_own_errors_have_their_sentences_in_its_sheet(name: str) -> None:
    """An error of a hazard may be told in the common words, or under its name in its sheet."""
    folder = Path(next(iter(find_spec(hazards.HAZARDS[name]).submodule_search_locations)))
    pattern = re.compile(rf'Error\(\s*"({name}\.[a-z0-9_]+)"')
    codes = {code for path in folder.rglob("*.py") for code in pattern.findall(path.read_text("utf-8"))}
    assert codes or name != "venue"
    hazards.sheet(name)
    assert {f"error.{code}" for code in codes} <= words.keys("zh") & words.keys("en")


def test_a_sheet_has_one_of_each_kind_of_thing(name: str) -> None:
    sheet: Sheet = hazards.sheet(name)
    for codes in ([s.code for s in sheet.scales], [t.code for t in sheet.tasks], [y.code for y in sheet.layers]):
        assert len(codes) == len(set(codes))
    assert all(measure.owner == name for measure in sheet.measures.values())
    assert set(sheet.cap.response) == set(sheet.cap.urgency) == set(COLOURS)
