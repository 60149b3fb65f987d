"""Runs side by side: differences follow from what is printed, and runs that are not like for like are named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import scenarios as sc
from scenarios.cli import app
from scenarios.planning.compare import compared_text
from twin.sheet import COLOURS


def numbers(text: str) -> tuple[float, float]:
    """Return a printed figure and its printed difference."""
    figure, change = re.fullmatch(r"([\d,.]+)(?: \(([-+][\d,.]+)\))?", text).groups()
    return float(figure.replace(",", "")), float((change or "0").replace(",", ""))


@given(st.sampled_from(["people", "harmed", "road_km", "places", "cost_cny"]), st.floats(10, 1e6), st.floats(10, 1e6))
def test_a_printed_difference_is_that_of_the_printed_figures(figure: str, value: float, first: float) -> None:
    now, change = numbers(compared_text(figure, value, first))
    before, none = numbers(compared_text(figure, first, first))
    assert none == 0.0 and change == pytest.approx(now - before, abs=1e-6)


@pytest.mark.parametrize(
    ("figure", "value", "first", "text"),
    [
        ("road_km", 1.26, 1.04, "1.3 (+0.3)"),
        ("people", 1249.0, 1151.0, "1,200"),
        ("people", 5.0, 120.0, "<10"),
        ("people", 120.0, 5.0, "120"),
        ("people", 0.0, 120.0, "0 (-120)"),
        ("cost_cny", 2150.4, 0.0, "2,150 (+2,150)"),
        ("people", float("nan"), 120.0, "–"),
        ("people", 120.0, float("nan"), "120"),
    ],
)
def test_a_hidden_count_gives_no_difference(figure: str, value: float, first: float, text: str) -> None:
    assert compared_text(figure, value, first) == text


def test_runs_of_other_cells_or_length_are_named_under_the_table(storm: Path) -> None:
    case = sc.load(storm).with_changes(hours=0.5, hazards=[{"flood": {"drainage": "none"}}])
    plain = sc.run(case)
    like = sc.run(case.with_setting("hazards.flood.cell_m=10").with_setting("hazards.flood.infiltration=none"))
    unlike = sc.run(case.with_setting("hazards.flood.cell_m=20").with_setting("hours=1"))
    rain = sc.run(case.with_setting("forcing.rain.hours=0.5"))
    assert sc.unlike([plain, rain], "en") == [], "another storm is what is compared"
    assert sc.unlike([plain, like], "en") == [], "10 m is what holds where the scenario says nothing"
    (note,) = sc.unlike([plain, like, unlike], "en")
    assert unlike.id in note and "cell size 10 → 20 m" in note and "hours simulated 0.5 → 1" in note
    (note,) = sc.unlike([plain, unlike], "zh")
    assert "网格10→20米" in note and "模拟时长0.5→1小时" in note
    told = CliRunner().invoke(app, ["compare", plain.id, unlike.id])
    assert told.exit_code == 0 and "Not like for like" in told.output
    assert "Not like for like" not in CliRunner().invoke(app, ["compare", plain.id, like.id]).output


def test_places_that_change_colour_are_named_the_worst_first(storm: Path) -> None:
    case = sc.load(storm).with_changes(hours=0.5, hazards=[{"flood": {"drainage": "none"}}])
    wet, less = sc.run(case), sc.run(case.with_changes(forcing={"rain": {"mm_h": 5, "hours": 0.5}}))
    before, after = ({row.place: row.level for row in run.levels.itertuples()} for run in (wet, less))
    changed = {place for place in {*before, *after} if before.get(place) != after.get(place)}
    told = sc.recoloured(wet, less, "en")
    assert changed and len(told) == len({(before.get(place), after.get(place)) for place in changed})
    rank = ["no colour", *COLOURS]
    worst = [max(map(rank.index, line.partition(": ")[0].split(" → "))) for line in told]
    assert worst == sorted(worst, reverse=True)
    assert all(" → " in line and "{" not in line for line in told) and sc.recoloured(wet, wet, "zh") == []
