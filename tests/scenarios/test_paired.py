"""Two plans on the same draws: differences member by member, their interval, and "no difference" as an answer."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import scenarios as sc
from scenarios.planning import paired as module
from scenarios.runner.run import execute
from twin.errors import ScenarioError

QUICK = {
    "hours": 0.5,
    "forcing": {"rain": {"mm_h": 90, "hours": 0.5}},
    "hazards": [{"flood": {"cell_m": 40, "drainage": "none"}}],
    "ensemble": {"members": 5, "vary": {"rain.factor": {"lognormal": [1.0, 0.3]}}},
}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("paired")


@pytest.fixture
def made(storm: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a run of the storm with changes; what was run before is taken from the shelf."""
    monkeypatch.setenv("ANLAN_HOME", str(shelf))
    kept = shelf / "storm.yaml"
    if not kept.exists():
        kept.write_text(storm.read_text("utf-8"), "utf-8")

    def run(**changes: object) -> sc.Run:
        return execute(sc.load(kept).with_changes(**QUICK | changes))

    return run


WETTER = {"forcing": {"rain": {"mm_h": 140, "hours": 0.5}}}


def test_a_difference_is_that_of_the_members_with_students_interval(made) -> None:
    run, other = made(), made(**WETTER)
    table = sc.paired(run, other)
    rows = [r for r in table.index if r[1] == "people"]
    assert rows and (table.loc[rows, "mean"] > 0).any() and (table["members"] == 5).all()
    assert (table["low"] <= table["mean"]).all() and (table["mean"] <= table["high"]).all()
    assert (table["told"] == ((table["low"] > 0) | (table["high"] < 0))).all()
    one = rows[0]
    pairs = [[module.figures_of(r, *r.of_member(k), k)[one] for k in range(5)] for r in (run, other)]
    change = np.subtract(pairs[1], pairs[0])
    assert table.loc[one, "mean"] == pytest.approx(change.mean())
    assert table.loc[one, "high"] - table.loc[one, "mean"] == pytest.approx(
        2.776445 * change.std(ddof=1) / 5**0.5, rel=1e-5
    )
    text = sc.told_apart(run, other, "en")
    assert "5 members" in text[0] and len(text) == len(table) + 1 and any("people" in line for line in text[1:])


def test_what_changes_nothing_differs_in_no_member(made) -> None:
    run, other = made(), made(name={"zh": "另一名称", "en": "Another name"})
    assert not len(sc.paired(run, other))
    assert sc.told_apart(run, other, "en") == ["No figure differs in any of 5 members."]
    assert sc.told_apart(run, other, "zh") == ["5个成员中没有任何指标不同。"]


def test_other_draws_too_few_members_and_single_runs_are_not_paired(made) -> None:
    run, other = made(), made(seed=8)
    assert not module.can_pair(run, other)
    with pytest.raises(ScenarioError, match="member by member"):
        sc.paired(run, other)
    assert "cannot be told" in sc.told_apart(run, other, "en")[0]
    single = made(ensemble={})
    assert not module.can_pair(single, single) and sc.told_apart(single, single, "en") == []


def test_single_runs_of_a_hazard_by_chance_are_told_to_be_single_draws() -> None:
    sheets = {
        "a": SimpleNamespace(name={"en": "Fog"}, by_chance=True),
        "b": SimpleNamespace(name={"en": "Hail"}, by_chance=False),
    }
    run = SimpleNamespace(members=[], hazards=["a", "b"], sheet=sheets.__getitem__)
    (said,) = sc.told_apart(run, run, "en")
    assert said.startswith("Fog: each run is one draw") and "5 members" in said


def test_how_soon_people_arrive_is_compared_and_told_from_chance(made) -> None:
    """Two minutes to get going, or twelve: the time until half and until 95 % have arrived is a figure of runs and of members."""
    plans = [{"zones": "all", "mean_delay_min": minutes} for minutes in (2, 12)]
    soon, late = (
        made(hours=1.0, hazards=[*QUICK["hazards"], {"movement": {**plan, "compliance": 1.0}}]) for plan in plans
    )
    rows = [("movement", "said", code) for code in ("half", "most")]
    whole, table = sc.compare([soon, late]), sc.paired(soon, late)
    times = [[run.members_table("movement", "bound")[f"t{n}_s"] / 60.0 for n in (50, 95)] for run in (soon, late)]
    for k, row in enumerate(rows):
        assert [whole.loc[row, run.id] for run in (soon, late)] == [np.median(each[k]) for each in times]
        assert table.loc[row, "mean"] == pytest.approx((times[1][k] - times[0][k]).mean()) and table.loc[row, "told"]
    labels = sc.compared([soon, late], "en").index
    assert "Evacuation · 95 % have arrived (min after the first order)" in labels and labels.is_unique
    counted = [row for row in whole.index if row[:2] == ("movement", "counted")]
    assert len([name for name in labels if name.startswith("Evacuation · people at the end: ")]) == len(counted), (
        "no two share a name"
    )
