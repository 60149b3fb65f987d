"""What the command line says when it is asked: help, single cases, near matches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def anlan(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "ANLAN_LANG": "en", "COLUMNS": "120", **extra}
    return subprocess.run(
        [sys.executable, "-m", "scenarios.cli", *arguments],
        env=env, cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def test_one_case_or_all_under_it_are_verified(tmp_path: Path) -> None:
    ids = {}
    for only in ("hydro/chicago", "hydro/ritter"):
        done = anlan("verify", "hydro", "--only", only, "--json", str(tmp_path / "v.json"))
        assert done.returncode == 0, done.stderr
        ids[only] = [case["id"] for case in json.loads((tmp_path / "v.json").read_text("utf-8"))["cases"]]
    assert ids == {
        "hydro/chicago": ["hydro/chicago"],
        "hydro/ritter": ["hydro/ritter", "hydro/ritter/order", "hydro/ritter/inertial"],
    }


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (("verify", "hidro"), "hydro"),
        (("verify", "--only", "hydro/rittr"), "hydro/ritter"),
        (("bench", "hidro"), "hydro"),
        (("bench", "--only", "hydro/W1-f23"), "hydro/W1-f32"),
    ],
)
def test_an_unknown_room_or_case_is_one_sentence_with_near_matches(arguments: tuple[str, ...], near: str) -> None:
    for lang in ("zh", "en"):
        told = anlan(*arguments, ANLAN_LANG=lang)
        assert told.returncode == 1 and not told.stdout
        assert len(told.stderr.splitlines()) == 1 and arguments[-1] in told.stderr and near in told.stderr
