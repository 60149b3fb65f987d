"""Each hazard gets what it needs, or the case is refused before a second is simulated; what is stored keeps its axes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import xarray as xr

import scenarios as sc
from scenarios.case import hazards
from scenarios.runner.simulate import _unread
from twin.errors import RecordError, ScenarioError
from twin.words import LANGS, say


@pytest.fixture
def smoke(monkeypatch: pytest.MonkeyPatch) -> type:
    """The toy smoke of the contract tests, which here needs no wind."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "contract"))
    monkeypatch.setitem(hazards.HAZARDS, "smoke", "smoke")
    kind = hazards.model_class("smoke")
    monkeypatch.setattr(kind, "needs", ())
    return kind


def refused(case: sc.Case) -> ScenarioError:
    with pytest.raises(ScenarioError) as error:
        case.check()
    said = error.value.message("zh"), error.value.message("en")
    assert all("{" not in text for text in said)
    return error.value


def test_a_flood_that_nothing_drives_is_refused_and_told_what_would(storm: Path) -> None:
    error = refused(sc.load(storm).with_changes(forcing={}))
    assert error.code == "needs"
    assert all(
        word in error.message("en") for word in ("Waterlogging", "rainfall rate (forcing.rain)", "breach", "continues")
    )
    assert all(word in error.message("zh") for word in ("雨强(forcing.rain)", "河道水位(forcing.river_stage)", "接续"))


def test_a_stage_an_inflow_or_the_state_of_an_earlier_run_drives_a_flood(storm: Path) -> None:
    case = sc.load(storm).with_changes(hours=0.5)
    case.with_changes(forcing={"river_stage": 18.0}).check()
    poured = {"kind": "inflow", "place": "u1", "values": {"m3_s": 1.0}}
    case.with_changes(forcing={}, measures=[poured]).check()
    closed = {"kind": "close_road", "place": "r1"}
    assert refused(case.with_changes(forcing={}, measures=[closed])).code == "needs"
    before = sc.run(case)
    case.with_changes(forcing={}, start="2026-06-20T18:30+08:00", continues=before.id).check()


def test_a_tag_meets_a_need_only_from_a_hazard_that_stands_before(storm: Path, smoke: type, monkeypatch) -> None:
    monkeypatch.setattr(smoke, "needs", (("slows_travel",),))
    case = sc.load(storm)
    case.with_changes(hazards=[{"flood": {}}, {"smoke": {}}]).check()
    error = refused(case.with_changes(hazards=[{"smoke": {}}, {"flood": {}}]))
    assert error.code == "needs" and "slows_travel" in error.message("zh")


def test_two_givers_of_one_variable_are_refused(storm: Path, smoke: type, monkeypatch) -> None:
    flood = hazards.model_class("flood")
    monkeypatch.setattr(smoke, "gives", flood.gives[:1])
    error = refused(sc.load(storm).with_changes(hazards=[{"flood": {}}, {"smoke": {}}]))
    assert error.code == "given_twice"
    assert all(word in error.message("en") for word in ("water depth", "Waterlogging", "Smoke"))
    assert all(word in error.message("zh") for word in ("积水深度", "烟雾"))


def test_a_hazard_sees_only_what_it_names(storm: Path, smoke: type, monkeypatch) -> None:
    seen = []
    simulate = smoke.simulate
    monkeypatch.setattr(smoke, "reads", ("water_depth",))
    monkeypatch.setattr(
        smoke, "simulate", lambda self, city, drivers, *a: seen.append(drivers) or simulate(self, city, drivers, *a)
    )
    hazard = [{"flood": {"cell_m": 20, "drainage": "none"}}, {"smoke": {}}]
    run = sc.run(sc.load(storm).with_changes(hazards=hazard, hours=0.5))
    assert list(seen[0]) == ["water_depth"]
    xr.testing.assert_equal(seen[0]["water_depth"], run.fields["flood"]["water_depth"].load())


def test_the_stored_forcing_is_what_drove_the_run(storm: Path) -> None:
    people = [{"place": "h1", "persons": 300}, {"place": "s1", "persons": 20}]
    forcing = {"rain": {"mm_h": 30, "hours": 1}, "river_stage": 18.0, "attendance": people}
    case = sc.load(storm).with_changes(hours=0.5, forcing=forcing)
    run, (given, _) = sc.run(case), case.drivers()
    assert list(run.drivers) == sorted(given)
    for name, array in given.items():
        xr.testing.assert_identical(run.drivers[name], array)
    shutil.rmtree(run.folder / "drivers.zarr")
    with pytest.raises(RecordError) as error:
        _ = sc.find_run(run.id).drivers
    assert error.value.code == "run_damaged" and "anlan run" in error.value.message("zh")


def test_forcing_that_no_hazard_reads_is_told(storm: Path) -> None:
    people = [{"place": "h1", "persons": 300}]
    case = sc.load(storm).with_changes(forcing={"rain": {"mm_h": 30, "hours": 1}, "attendance": people})
    (note,) = _unread(case, case.drivers()[0])
    assert note == ("forcing_unread", {"found": ["forcing.attendance"]})
    assert all("forcing.attendance" in say(f"note.{note[0]}", lang=lang, **note[1]) for lang in LANGS)
    plain = case.with_changes(forcing={"rain": {"mm_h": 30, "hours": 1}})
    assert not _unread(plain, plain.drivers()[0])
