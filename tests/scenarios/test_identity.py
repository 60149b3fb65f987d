"""A run's id is the hash of its question: every file that a case names is part of it, known by the place that names it."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Annotated

import pytest
from annotated_types import Gt

import scenarios as sc
from scenarios.case import files, hazards
from scenarios.case.part import Part
from scenarios.runner import identity
from twin.errors import SourceError
from twin.variables import Unit

RAIN = "time,rain_mm\n2026-06-20 18:00,1\n2026-06-20 18:30,2\n2026-06-20 19:30,0\n"
STAGE = "time,stage_m\n2026-06-20 17:00,18.5\n2026-06-20 20:00,18.6\n"


@pytest.fixture
def two_files(storm: Path) -> sc.Case:
    """Rain and stage from two files of one name."""
    for folder, text in (("rain", RAIN), ("river", STAGE)):
        (storm.parent / folder).mkdir()
        (storm.parent / folder / "gauge.csv").write_text(text, "utf-8")
    forcing = {"rain": {"gauge": "rain/gauge.csv"}, "river_stage": {"gauge": "river/gauge.csv"}}
    return sc.load(storm).with_changes(forcing=forcing)


def test_two_files_of_one_name_are_two_inputs_and_either_makes_another_question(two_files: sc.Case) -> None:
    first, inputs = identity.run_id(two_files), identity.inputs(two_files)
    assert set(inputs) == {"city", "forcing.rain.gauge", "forcing.river_stage.gauge"}
    assert inputs["forcing.rain.gauge"] != inputs["forcing.river_stage.gauge"]
    seen = {first}
    for folder, text in (("rain", RAIN.replace(",2", ",3")), ("river", STAGE.replace("18.6", "18.7"))):
        (two_files.base / folder / "gauge.csv").write_text(text, "utf-8")
        seen.add(identity.run_id(two_files))
    assert len(seen) == 3, "an edit of the first file must not hide behind the second"
    (two_files.base / "rain" / "gauge.csv").write_text(RAIN, "utf-8")
    (two_files.base / "river" / "gauge.csv").write_text(STAGE, "utf-8")
    assert identity.run_id(two_files) == first


def test_an_edited_rain_file_is_another_flood_although_the_stage_file_has_the_same_name(two_files: sc.Case) -> None:
    case = two_files.with_changes(hours=0.5, hazards=[{"flood": {"cell_m": 20, "drainage": "none"}}])
    dry = sc.run(case)
    (case.base / "rain" / "gauge.csv").write_text(RAIN.replace("18:00,1", "18:00,40"), "utf-8")
    wet = sc.run(case)
    deepest = [float(run.fields["flood"]["water_depth"].max()) for run in (dry, wet)]
    assert dry.id != wet.id and deepest[1] > 3 * deepest[0] > 0


def test_a_file_that_is_not_there_is_told_with_the_place_that_names_it(two_files: sc.Case) -> None:
    (two_files.base / "river" / "gauge.csv").unlink()
    with pytest.raises(SourceError) as error:
        two_files.check()
    assert error.value.code == "file_missing"
    for lang in ("zh", "en"):
        assert all(word in error.value.message(lang) for word in ("forcing.river_stage.gauge", "river/gauge.csv"))


@pytest.fixture
def venue(storm: Path, monkeypatch: pytest.MonkeyPatch) -> sc.Case:
    """A toy hazard with a parameter that is a file."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "contract"))
    monkeypatch.setitem(hazards.HAZARDS, "smoke", "smoke")
    import smoke.model

    fields = [("layout", Path), ("strength", Annotated[float, Gt(0), Unit("1")], 5.0)]
    kind = dataclasses.make_dataclass(
        "Smoke", fields, bases=(hazards.model_class("smoke"),), frozen=True, kw_only=True, namespace={"needs": ()}
    )
    monkeypatch.setattr(smoke.model, "Smoke", kind)
    (storm.parent / "layout.geojson").write_text("{}", "utf-8")
    return sc.load(storm).with_changes(hazards=[{"smoke": {"layout": "layout.geojson"}}], forcing={})


def test_a_hazard_s_file_is_an_input_and_stands_in_the_scenario_s_folder(venue: sc.Case, tmp_path: Path) -> None:
    path = venue.base / "layout.geojson"
    assert venue.check().models["smoke"].layout == path
    assert set(identity.inputs(venue)) == {"city", "hazards.smoke.layout"}
    first = identity.run_id(venue)
    elsewhere = shutil.copytree(venue.base, tmp_path / "elsewhere", ignore=shutil.ignore_patterns("elsewhere", "home"))
    assert identity.run_id(dataclasses.replace(venue, base=elsewhere)) == first, (
        "the question is the same in another folder"
    )
    path.write_text('{"type": "FeatureCollection"}', "utf-8")
    assert identity.run_id(venue) != first
    path.unlink()
    with pytest.raises(SourceError) as error:
        venue.check()
    assert error.value.code == "file_missing" and "hazards.smoke.layout" in error.value.message("zh")


def test_files_are_found_wherever_they_are_named() -> None:
    class Row(Part):
        plan: Path
        more: dict[str, list[Path]] | None = None

    rows = [Row(plan=Path("a.csv")), Row(plan=Path("b.csv"), more={"maps": [Path("c.tif")]})]
    assert files.named(rows, "measures") == {
        "measures.0.plan": Path("a.csv"),
        "measures.1.plan": Path("b.csv"),
        "measures.1.more.maps.0": Path("c.tif"),
    }


def test_an_edit_of_what_makes_forcing_or_orders_events_asks_another_question(two_files: sc.Case) -> None:
    hashed = (*identity.COMMON, "hydro")
    assert {"twin", "scenarios.case", "scenarios.runner"} < set(hashed)
    prints = {identity.model_fingerprint(hashed[:k] + hashed[k + 1 :]) for k in range(len(hashed))}
    assert identity.versions(two_files.models)["models"] == identity.model_fingerprint(hashed) not in prints
    assert len(prints) == len(hashed), "each of them counts"
