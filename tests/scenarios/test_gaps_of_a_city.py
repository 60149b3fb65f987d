"""What a city lacks is said by name: cells without terrain with what stands on them, manholes that cannot take water."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import scenarios as sc
from scenarios.cli import main
from twin.city import City
from twin.readers.city_folder import save_folder
from twin.readers.findings import check_city
from twin.readers.swmm_inp import drains_of
from twin.words import say


def holed(city: City, rows: slice, cols: slice) -> City:
    terrain = city.surface["terrain"].values.copy()
    terrain[rows, cols] = np.nan
    return dataclasses.replace(city, surface=city.surface.assign(terrain=(("y", "x"), terrain)))


def run_of(city: City, tmp_path: Path) -> sc.Run:
    save_folder(city, tmp_path / "city")
    raw = {
        "schema": 1, "name": {"zh": "雨", "en": "rain"}, "city": str(tmp_path / "city"), "start": "2026-06-20T18:00+08:00",
        "hours": 0.25, "forcing": {"rain": {"mm_h": 60, "hours": 0.25}}, "hazards": [{"flood": {"cell_m": 10}}],
    }  # fmt: skip
    (tmp_path / "case.yaml").write_text(yaml.safe_dump(raw, allow_unicode=True), "utf-8")
    return sc.run(sc.load(tmp_path / "case.yaml"))


def test_a_hole_with_a_road_houses_and_people_on_it_is_told_by_name(
    small_city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    city = holed(small_city, slice(20, 30), slice(10, 30))  # two population cells, one road, three houses a side
    notes = dict(run_of(city, tmp_path).notes)
    assert notes["terrain_gap"] == {"cells": 200, "percent": pytest.approx(2.0), "enclosed": 200}
    used = notes["terrain_gap_used"]
    middles = small_city.buildings.geometry.centroid
    houses = middles.x.between(500_100, 500_299) & middles.y.between(3_399_700, 3_399_800)
    assert used["names"] == [{"zh": "长街", "en": "Long Street"}] and used["roads"] == 1
    assert used["buildings"] == houses.sum() > 0 and used["people"] == "240"
    for lang, name in (("zh", "长街"), ("en", "Long Street")):
        assert name in say("note.terrain_gap_used", lang=lang, **used)
        monkeypatch.setenv("ANLAN_LANG", lang)
        monkeypatch.setenv("COLUMNS", "300")
        monkeypatch.setattr("sys.argv", ["anlan", "city", "check", str(tmp_path / "city")])
        with pytest.raises(SystemExit):
            main()
        told = capsys.readouterr().out
        assert "200" in told and "2 %" in told and name in told


def test_bare_ground_outside_the_city_is_counted_without_a_warning(small_city: City) -> None:
    bare = dataclasses.replace(small_city, population=small_city.population.iloc[:0])
    codes = {f.code: f for f in check_city(holed(bare, slice(90, 100), slice(0, 100)))}
    assert codes["terrain_gap"].count == 1000 and codes["terrain_gap"].values["enclosed"] == 0
    assert "terrain_gap_used" not in codes
    assert not [f for f in check_city(small_city) if f.code.startswith("terrain_gap")]


def test_manholes_that_cannot_take_water_are_named_with_the_reason(small_city: City, tmp_path: Path) -> None:
    drains = small_city.drains
    assert drains is not None
    inp = drains.inp.replace("J1 500255 3399745", "J1 500255 3401745")  # a kilometre north of the terrain
    moved = dataclasses.replace(small_city, drains=drains_of(inp, small_city.grid.crs, "moved"))
    run = run_of(holed(moved, slice(20, 31), slice(40, 51)), tmp_path)  # J2 lies amid a hole
    table = run.tables["flood-uncoupled"].set_index("id")["reason"]
    assert table.to_dict() == {"J1": "outside_grid", "J2": "no_open_cell"}
    note = dict(run.notes)["flood.manholes_uncoupled"]
    assert note == {"count": 2, "outside": 1, "walled": 1, "ids": ["J1", "J2"]}
    assert "J1、J2" in say("note.flood.manholes_uncoupled", lang="zh", **note)
    assert set(run.tables["flood-manholes"]["id"]) == {"J3"}


def test_a_city_whose_manholes_all_take_water_has_an_empty_table(small_city: City, tmp_path: Path) -> None:
    run = run_of(small_city, tmp_path)
    assert isinstance(run.tables["flood-uncoupled"], pd.DataFrame) and run.tables["flood-uncoupled"].empty
    assert "flood.manholes_uncoupled" not in dict(run.notes)
