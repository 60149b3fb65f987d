"""A run that will not fit into memory or onto the disk is told before it begins, with what to change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import scenarios as sc
from scenarios.runner import fits
from scenarios.runner.pool import at_once
from twin.city import City
from twin.errors import ScenarioError
from twin.words import LANGS

GB = 1e9


def large(storm: Path, city: City, **changes: object) -> sc.Case:
    """The storm of ten hours with output every minute on a grid of 2000 x 2000 cells, of which only the grid is there."""
    case = sc.load(storm).with_changes(hours=10, output_minutes=1, **changes)
    vars(case)["city"] = replace(city, grid=replace(city.grid, ny=2000, nx=2000))  # a cached property
    return case


def test_a_run_larger_than_the_memory_is_refused_and_the_step_that_is_named_fits(
    storm: Path, small_city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fits, "disk_left", lambda _: 1e15)
    monkeypatch.setattr(fits, "memory_left", lambda: 16 * GB)
    with pytest.raises(ScenarioError) as error:
        fits.check_fits(large(storm, small_city), tmp_path)
    found = error.value.values
    assert (error.value.code, found["found"], found["minutes"]) == ("no_memory", 8 * 2000 * 2000 * 601 / GB, 2)
    assert all(
        "19.232" in error.value.message(lang) and "output_minutes" in error.value.message(lang) for lang in LANGS
    )
    coarser = large(storm, small_city, ensemble={"members": 1})
    vars(coarser)["scenario"] = coarser.scenario.model_copy(update={"output_minutes": 2.0})
    fits.check_fits(coarser, tmp_path)


def test_members_that_run_at_one_time_each_take_their_own(
    storm: Path, small_city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fits, "memory_left", lambda: 0.0)
    needed = []
    for members in (1, 4):
        with pytest.raises(ScenarioError) as error:
            fits.check_fits(large(storm, small_city, ensemble={"members": members}), tmp_path)
        needed.append(error.value.values["found"])
    assert needed[1] == needed[0] * at_once(4)


@pytest.mark.parametrize(("what", "code"), [("memory_left", "no_memory"), ("disk_left", "no_disk")])
def test_nothing_is_begun_that_does_not_fit(
    what: str, code: str, storm: Path, anlan_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fits, what, lambda *_: 1e4)
    with pytest.raises(ScenarioError) as error:
        sc.run(sc.load(storm))
    assert error.value.code == code and not list((anlan_home / "runs").glob("*"))


def test_what_is_left_is_known_on_this_machine(tmp_path: Path) -> None:
    assert 0 < fits.memory_left() < 1e14
    assert fits.disk_left(tmp_path / "not" / "there") == pytest.approx(fits.disk_left(tmp_path), rel=0.01)
