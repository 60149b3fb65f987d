"""The guards of who may import whom hold today, and hold for rooms that nobody has made yet."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("twin", "scenarios", "hydro", "evacuation", "desk")

LINT = "import sys; from importlinter.cli import lint_imports_command; sys.argv[1:] = ['--no-cache']; lint_imports_command()"

CIRCLES = f"""
import grimp, json, networkx
graph = grimp.build_graph(*{ROOMS!r}, cache_dir=None)
imports = networkx.DiGraph((m, i) for m in graph.modules for i in graph.find_modules_directly_imported_by(m))
print(json.dumps([sorted(c) for c in networkx.strongly_connected_components(imports) if len(c) > 1]))
"""


def python(code: str, root: Path) -> subprocess.CompletedProcess[str]:
    """Run code on the packages under `root`, whatever is installed."""
    return subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of all packages and of their rules, to break."""
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            copy = tmp_path / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def add(house: Path, files: dict[str, str]) -> None:
    """Write files into the copy, and make their folders packages."""
    for name, text in files.items():
        path = house / name
        path.parent.mkdir(parents=True, exist_ok=True)
        for folder in path.relative_to(house).parents[:-1]:
            (house / folder / "__init__.py").touch()
        with path.open("a", encoding="utf-8") as out:
            out.write(text)


def test_the_house_as_it_is_keeps_every_contract(house: Path) -> None:
    done = python(LINT, house)
    assert done.returncode == 0 and " 0 broken." in done.stdout, done.stdout + done.stderr


BREACHES = {
    "a kernel of a new room reads tables": (
        {"evacuation/release/kernels/x.py": "import pandas\n"},
        "Kernels see arrays only",
    ),
    "a kernel calls its own model": (
        {"evacuation/release/kernels/x.py": "import evacuation.release.cloud\n", "evacuation/release/cloud.py": ""},
        "Kernels see arrays only",
    ),
    "a kernel of the drains reads a noun": (
        {"hydro/drains/kernels/x.py": "import twin.city\n"},
        "Kernels see arrays only",
    ),
    "movement imports release": (
        {"evacuation/movement/y.py": "import evacuation.release\n", "evacuation/release/x.py": ""},
        "No room of a hazard imports another",
    ),
    "a room imports the flood": (
        {"evacuation/movement/y.py": "import hydro.flood\n"},
        "The rooms stand in one line",
    ),
    "a model of a new room reads YAML": (
        {"evacuation/crowd/z.py": "import yaml\n"},
        "Models know no files, schema, database or panel",
    ),
    "a new noun reads rasters": (
        {"twin/exposure/cells.py": "import rasterio\n"},
        "Only the doors of the twin touch formats",
    ),
    "a new noun opens the door in": (
        {"twin/blocks.py": "import twin.readers.raster\n"},
        "Only the doors of the twin touch formats",
    ),
    "a second file speaks to the engine": (
        {"hydro/drains/x.py": "import swmm\n"},
        "Only hydro.drains.swmm speaks to the SWMM engine",
    ),
    "two files in a circle": (
        {"evacuation/crowd/a.py": "import evacuation.crowd.b\n", "evacuation/crowd/b.py": "import evacuation.crowd.a\n"},
        "Folders stand in no circle",
    ),
    "two folders in a circle": (
        {"hydro/drains/a.py": "import hydro.ground.a\n", "hydro/ground/a.py": "import hydro.drains.b\n", "hydro/drains/b.py": ""},
        "Folders stand in no circle",
    ),
}  # fmt: skip


@pytest.mark.parametrize("breach", BREACHES)
def test_a_breach_breaks_its_contract(house: Path, breach: str) -> None:
    files, contract = BREACHES[breach]
    add(house, files)
    done = python(LINT, house)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{contract} BROKEN" in done.stdout, done.stdout


def test_files_stand_in_no_circle() -> None:
    done = python(CIRCLES, ROOT)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


def test_a_folder_and_a_file_in_it_that_import_each_other_are_a_circle(house: Path) -> None:
    add(house, {"evacuation/crowd/__init__.py": "import evacuation.crowd.a\n", "evacuation/crowd/a.py": ""})
    assert json.loads(python(CIRCLES, house).stdout) == []
    add(house, {"evacuation/crowd/a.py": "import evacuation.crowd\n"})
    assert json.loads(python(CIRCLES, house).stdout) == [["evacuation.crowd", "evacuation.crowd.a"]]


def test_every_folder_of_code_is_a_package_so_that_the_guards_see_it() -> None:
    folders = {path.parent for room in ROOMS for path in (ROOT / room).rglob("*.py")}
    assert not [folder for folder in folders if not (folder / "__init__.py").exists()]
