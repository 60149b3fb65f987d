"""One flipped bit in a city's files is found when the city is opened: by its sum, and without sums by what ground can be."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import scenarios as sc
from data import linjiang
from scenarios.case.build import check_any
from twin.city import City
from twin.errors import SourceError
from twin.readers.city_folder import SUMS, open_folder, save_folder, seal
from twin.words import LANGS


@pytest.fixture
def sealed(small_folder: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "sealed"
    shutil.copytree(small_folder, folder)
    seal(folder)
    return folder


def refused(folder: Path) -> SourceError:
    with pytest.raises(SourceError) as error:
        open_folder(folder)
    assert all("{" not in error.value.message(lang) for lang in LANGS)
    return error.value


def test_any_flipped_bit_in_any_sealed_file_is_found_and_its_file_named(sealed: Path) -> None:
    rng = np.random.default_rng(12)
    whole = open_folder(sealed)
    files = sorted(p for p in sealed.iterdir() if p.name not in ("city.yaml", SUMS))
    assert {"terrain.tif", "landcover.tif", "roads.parquet", "drains.inp"} <= {p.name for p in files}
    for path in files:
        content = path.read_bytes()
        for at in rng.integers(0, len(content), 5):
            damaged = bytearray(content)
            damaged[at] ^= 1 << int(rng.integers(8))
            path.write_bytes(damaged)
            error = refused(sealed)
            assert error.code == "city_file_changed" and path.name in error.message("zh")
        path.write_bytes(content)
    assert open_folder(sealed).content_hash == whole.content_hash


def test_a_file_that_is_gone_is_named_and_a_change_that_is_meant_is_let_through(sealed: Path) -> None:
    roads = sealed / "roads.parquet"
    roads.unlink()
    assert (refused(sealed).code, refused(sealed).values["where"]) == ("city_file_gone", str(roads))
    sums = sealed / SUMS
    sums.write_text("".join(r for r in sums.read_text().splitlines(True) if "roads" not in r), "utf-8")
    assert not len(open_folder(sealed).roads)
    sums.write_text("oneword\n", "utf-8")
    assert refused(sealed).code == "file_unreadable"


def test_own_thresholds_may_be_written_into_a_sealed_city(sealed: Path) -> None:
    head = sealed / "city.yaml"
    head.write_text(head.read_text("utf-8").replace("levels: {}", "levels: {flood: {road: {blue: 0.1}}}"), "utf-8")
    assert open_folder(sealed).level_overrides == {"flood": {"road": {"blue": 0.1}}}


@pytest.mark.parametrize("level", [1.8e38, -600.0])
def test_ground_that_cannot_be_is_refused_in_a_city_without_sums(
    level: float, small_city: City, tmp_path: Path
) -> None:
    terrain = small_city.surface["terrain"].copy()
    terrain[3, 5] = level
    save_folder(replace(small_city, surface=small_city.surface.assign(terrain=terrain)), tmp_path / "odd")
    error = refused(tmp_path / "odd")
    assert (error.code, error.values["row"], error.values["col"], error.values["count"]) == ("terrain_range", 3, 5, 1)


def test_the_check_of_a_city_tells_that_it_has_no_sums(sealed: Path) -> None:
    assert "unsealed" not in {f.code for f in check_any(str(sealed))}
    (sealed / SUMS).unlink()
    assert "unsealed" in {f.code for f in check_any(str(sealed))}


def test_the_demonstration_city_is_sealed_as_it_stands() -> None:
    folder = Path(linjiang.__file__).parent
    named = {row.split(maxsplit=1)[1] for row in (folder / SUMS).read_text("utf-8").splitlines()}
    assert {"terrain.tif", "drains.inp", "roads.parquet", "resources.yaml"} <= named
    assert sc.open_city("linjiang").id == "linjiang"
