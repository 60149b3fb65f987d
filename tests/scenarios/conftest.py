"""A quick run of a toy on a shelf, for what becomes of runs and plans afterwards."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import scenarios as sc
from scenarios.case import hazards

TOYS = Path(__file__).parents[1] / "contract"


@pytest.fixture(scope="session")
def _shelved(small_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one run of half an hour of smoke over the small town, and its scenario."""
    home = tmp_path_factory.mktemp("shelved")
    scenario = home / "smoke.yaml"
    scenario.write_text(
        f"""schema: 1
name: {{zh: 小城烟雾, en: Smoke on the small town}}
city: {small_folder}
start: 2026-06-20T18:00+08:00
hours: 0.5
forcing:
  wind: {{speed_m_s: 1.05, from_deg: 253}}
hazards:
  - smoke
seed: 7
""",
        "utf-8",
    )
    with pytest.MonkeyPatch.context() as patch:
        _register(patch)
        patch.setenv("ANLAN_HOME", str(home))
        sc.run(sc.load(scenario))
    return home


@pytest.fixture
def smoke(_shelved: Path, anlan_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sc.Run]:
    """The run, on the shelf of this test's own home."""
    _register(monkeypatch)
    shutil.copytree(_shelved, anlan_home)
    yield sc.find_run("last")


def _register(patch: pytest.MonkeyPatch) -> None:
    patch.syspath_prepend(str(TOYS))
    patch.setitem(hazards.HAZARDS, "smoke", "smoke")
