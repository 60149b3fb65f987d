"""A run that goes on from an earlier one: equal to the uninterrupted run, refused where it cannot be."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import scenarios as sc
from twin.errors import ScenarioError, TwinError

HELD = {"kind": "inlets", "place": "*", "start": "2026-06-20T18:00+08:00", "values": {"open_share": 0.3}}
RAIN = {"design": "chicago", "formula": "wuhan-2020", "return_period_years": 50, "hours": 1}
WHOLE_RAIN = {**RAIN, "begins": "2026-06-20T18:00+08:00"}


def first_half(storm: Path) -> sc.Case:
    return sc.load(storm).with_changes(hours=0.5, measures=[HELD])


def second_half(storm: Path, run: str, **changes: object) -> sc.Case:
    also = {"start": "2026-06-20T18:30+08:00", "forcing": {"rain": WHOLE_RAIN}, "continues": run}
    return first_half(storm).with_changes(**{**also, **changes})


@pytest.fixture
def before(storm: Path) -> sc.Run:
    return sc.run(first_half(storm))


@pytest.mark.parametrize("drainage", ["swmm", "none"])
def test_two_halves_are_the_whole(storm: Path, drainage: str) -> None:
    hazards = [{"flood": {"cell_m": 10, "precision": "float64", "drainage": drainage}}]
    held = [HELD] if drainage == "swmm" else []
    whole = sc.run(sc.load(storm).with_changes(hazards=hazards, measures=held))
    first = sc.run(first_half(storm).with_changes(hazards=hazards, measures=held))
    second = sc.run(second_half(storm, first.id, hazards=hazards, measures=held))
    one, a, b = (run.fields["flood"] for run in (whole, first, second))
    half = a.sizes["time"] - 1
    np.testing.assert_array_equal(one["water_depth"].values[half:], b["water_depth"].values)
    np.testing.assert_array_equal(one["water_speed"].values[half:], b["water_speed"].values)
    for name, together in (("max_water_depth", np.maximum), ("flood_danger", np.maximum), ("duration_above", np.add)):
        np.testing.assert_array_equal(one[name].values, together(a[name].values, b[name].values), err_msg=name)
    for part in ("rain", "surcharge"):
        parts = [run.balances["flood"]["in"][part] for run in (whole, first, second)]
        assert parts[0] == pytest.approx(parts[1] + parts[2], rel=1e-12)
    assert b["time"].values[0] == a["time"].values[-1]
    assert second.manifest["continues"] == first.id and first.manifest["continues"] is None
    notes = dict(second.notes)
    assert "rain_cut" not in notes, "what fell before the start, fell in the first run"
    assert notes["continues"]["run"] == first.id and ("flood.drains_replayed" in notes) == (drainage == "swmm")
    assert first.id in (second.folder / "report.html").read_text("utf-8")


def test_the_same_question_is_answered_from_the_shelf_however_the_run_is_named(storm: Path, before: sc.Run) -> None:
    second = sc.run(second_half(storm, before.id))
    for name in (str(before.folder), before.id[:6], "last"):
        if name != "last":
            assert sc.run(second_half(storm, name)).manifest["finished"] == second.manifest["finished"]
    assert second.case.scenario.continues == before.id
    assert sc.run(second.case).id == second.id
    other = sc.run(first_half(storm).with_changes(seed=8, measures=[{**HELD, "values": {"open_share": 0.1}}]))
    again = second_half(storm, other.id, measures=[HELD])
    assert sc.run(again).id != second.id, "another past is another question"


def test_a_run_in_a_child_process_goes_on_too(storm: Path, before: sc.Run) -> None:
    assert sc.submit(second_half(storm, before.id)).wait().manifest["continues"] == before.id


def test_what_cannot_go_on_is_refused_before_it_begins(storm: Path, before: sc.Run, small_folder: Path) -> None:
    refused = {
        "continues_time": {"start": "2026-06-20T18:40+08:00"},
        "continues_measure": {"measures": []},
        "continues_past": {"measures": [HELD, {**HELD, "place": "u1"}]},
        "unknown_run": {"continues": "no-such-run"},
    }
    for code, changes in refused.items():
        with pytest.raises(ScenarioError) as found:
            second_half(storm, before.id, **changes).check()
        assert found.value.code == code
        said = found.value.message("zh"), found.value.message("en")
        assert all(text for text in said) and "{" not in "".join(said)
    ended = {**HELD, "end": "2026-06-20T18:30+08:00"}
    second_half(storm, before.id, measures=[ended]).check()
    city = shutil.copytree(small_folder, small_folder.with_name("changed-town"))
    sheet = city / "city.yaml"
    sheet.write_text(sheet.read_text("utf-8").replace("小城", "大城"), "utf-8")
    with pytest.raises(ScenarioError) as found:
        second_half(storm, before.id, city=str(city)).check()
    assert found.value.code == "continues_city"


@pytest.mark.parametrize(
    "changed",
    [{"cell_m": 20}, {"drainage": "screening"}, {"scheme": "subgrid"}, {"exchange_s": 10}, {"precision": "float64"}],
    ids=str,
)
def test_a_state_fits_only_the_model_that_left_it(storm: Path, before: sc.Run, changed: dict[str, object]) -> None:
    with pytest.raises(TwinError) as found:
        sc.run(second_half(storm, before.id, hazards=[{"flood": {"cell_m": 10, **changed}}]))
    assert found.value.code == "state_setting"
    (name, value), said = *changed.items(), found.value.message("en")
    assert str(name) in said and str(value) in said
    assert not list(before.folder.parent.glob("*.part-*"))
