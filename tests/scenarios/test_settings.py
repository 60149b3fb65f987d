"""What two scenarios say differently, in words; and what a scenario that was changed is called."""

from __future__ import annotations

from pathlib import Path

import pytest

import scenarios as sc
from scenarios.case.settings import differing
from twin.words import written

FIFTY = "Fifty-year storm on a plum-rain night"


def told(case: sc.Case, other: sc.Case, lang: str = "en") -> list[str]:
    return [written(phrase, lang) for phrase in differing(case, other)]


def test_a_changed_scenario_is_called_after_what_differs() -> None:
    case = sc.load("plum-rain-50yr")
    assert case.title["en"] == FIFTY
    twenty = case.with_setting("forcing.rain.return_period_years=20")
    assert twenty.title == {
        "zh": "降雨重现期50→20年(改自“梅雨夜五十年一遇暴雨”)",
        "en": f"return period of the rain 50 → 20 years (“{FIFTY}”, changed)",
    }
    assert twenty.with_setting("forcing.rain.return_period_years=50").title["en"] == FIFTY, "and back"
    assert case.with_setting("hazards.flood.precision=float32").title["en"] == FIFTY, "a default written out"
    renamed = twenty.with_changes(name={"zh": "二十年", "en": "Twenty years"})
    assert renamed.title["en"] == "Twenty years"


def test_the_run_of_a_changed_scenario_carries_its_new_name(storm: Path) -> None:
    run = sc.run(sc.load(storm).with_changes(hours=0.5, hazards=[{"flood": {"drainage": "none"}}]))
    name = "hours simulated 1 → 0.5, drainage swmm → none (“Storm on the small town”, changed)"
    assert run.manifest["name"]["en"] == name == sc.draft_plan(run).scenario["en"]
    assert name in (run.folder / "report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"forcing": {"rain": {"mm_h": 20, "hours": 1}, "river_stage": 19.0}},
            "rain: design chicago, formula wuhan-2020",
        ),
        ({"forcing": {"river_stage": 19.0}}, "begins 18:00 → none"),
        ({"hours": 2}, "hours simulated 4 → 2"),
        ({"hazards": [{"flood": {"cell_m": 5}}, {"crowd": {"venue": "venue-square"}}]}, "also with Crowd"),
        ({"hazards": [{"flood": {"cell_m": 5, "exchange_s": 10}}]}, "exchange_s: 5 → 10 s"),
        (
            {"measures": [{"kind": "inlets", "place": "*", "values": {"open_share": 1.0}}]},
            "added: Inlets cleaned or clogged, Whole city, open share 1",
        ),
    ],
)
def test_each_kind_of_difference_is_one_phrase(changes: dict[str, object], said: str) -> None:
    case = sc.load("plum-rain-50yr")
    (phrase,) = told(case, case.with_changes(**changes))
    assert said in phrase


def test_a_measure_that_is_gone_is_left_out() -> None:
    gate = {"kind": "open_gate", "place": "venue-square/square-east", "start": "21:06"}
    case = sc.load("fireworks-square").with_changes(measures=[gate])
    (phrase,) = told(case, case.with_changes(measures=[]), "zh")
    assert phrase.startswith("取消增开出入口,") and phrase.endswith("21:06")
