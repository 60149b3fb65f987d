"""Runs on the shelf are found by what they are called; those of an older format are told of, never taken for none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import scenarios as sc
from scenarios.case import manifest
from scenarios.case.manifest import FORMAT
from scenarios.case.shelf import find, runs_folder, shelf_name
from twin.errors import ScenarioError
from twin.words import LANGS, say


def shelve(home: Path, scenario: str, run: str, finished: str, form: int = FORMAT) -> Path:
    folder = home / "runs" / scenario / run
    folder.mkdir(parents=True)
    if form == FORMAT:
        manifest.seal(folder, {"finished": finished})
    else:
        (folder / "manifest.json").write_text(json.dumps({"format": form, "finished": finished}), "utf-8")
    return folder


def refused(key: str) -> ScenarioError:
    with pytest.raises(ScenarioError) as error:
        find(key)
    return error.value


def test_a_run_of_an_older_format_is_told_as_such_by_each_name_that_only_it_has(anlan_home: Path) -> None:
    assert refused("last").code == "no_runs"
    shelve(anlan_home, "rain", "aaaa1111", "2026-01-01", FORMAT - 1)
    shelve(anlan_home, "rain", "aaaa2222", "2026-01-02", FORMAT - 1)
    for key, run in (("last", "aaaa2222"), ("rain", "aaaa2222"), ("aaaa1111", "aaaa1111"), ("aaaa1", "aaaa1111")):
        error = refused(key)
        assert (error.code, error.values["run"], error.values["scenario"]) == ("run_format", run, "rain")
    assert refused("aaaa").code == "ambiguous_run" and refused("wind").code == "unknown_run"
    one = shelve(anlan_home, "wind", "bbbb1111", "2026-01-01")
    two = shelve(anlan_home, "rain", "aaaa3333", "2025-12-31")
    assert find("last") == one and find("rain") == find("aaaa") == two, "one that can be opened goes first"
    assert sc.older_runs()[0].name == "aaaa2222"


def test_what_is_told_of_older_runs_reads_well_for_one_and_for_many() -> None:
    for lang in LANGS:
        one, many = (say("report.older", lang=lang, count=n, names=["r"] * n) for n in (1, 2))
        assert "1" in one and "2" in many and "1 runs" not in one


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("night.yaml", "night"),
        ("v2.night.yaml", "v2.night"),
        ("scenario.yaml", "scenario"),
        ("last.yaml", "scenario-last"),
        ("..yaml", "scenario"),
        ("...yaml", "scenario"),
        (".hidden.yaml", "hidden"),
        ("a:b\n.yaml", "a-b-"),
    ],
)
def test_every_file_s_runs_stand_one_level_below_the_shelf(file: str, name: str, tmp_path: Path) -> None:
    assert shelf_name(str(tmp_path / "mine" / file)) == name
    run = shelve(tmp_path, name, "aaaa1111", "2026-01-01")
    assert shelf_name(str(run / "scenario.yaml")) == name, "a run's own scenario stands where the run does"


def test_a_run_of_a_file_named_by_dots_is_found(storm: Path) -> None:
    case = sc.load(storm.rename(storm.with_name("...yaml"))).with_changes(hours=0.5)
    run = sc.run(case.with_setting("hazards.flood.drainage=none"))
    assert run.folder.parent.parent == runs_folder()
    assert [r.id for r in sc.all_runs()] == [run.id] and sc.find_run("scenario").id == sc.find_run("last").id == run.id
    assert sc.run(run.case).folder == run.folder
