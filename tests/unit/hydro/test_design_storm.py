"""Design storms against published depths and their own formula."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydro.design_storm import chicago, formulas, intensity
from twin.errors import ScenarioError

#: total, largest step, first step, last step in mm (reference hydro/design_storms, exact differences, 120 min in 5 min steps).
STORMS = [("wuhan", 50, 0.39, 117.71, 19.39, 2.035, 2.004), ("beijing_zone2", 50, 0.40, 114.81, 19.11, 1.890, 1.863),
          ("shanghai", 5, 0.405, 76.40, 13.90, 1.257, 1.242)]  # fmt: skip


@pytest.mark.parametrize(("formula", "years", "peak", "total", "largest", "first", "last"), STORMS)
def test_published_chicago_storms(formula, years, peak, total, largest, first, last) -> None:
    steps = chicago(intensity(formula, years), 120, peak)
    assert steps.sum() == pytest.approx(total, abs=0.006)
    assert steps.max() == pytest.approx(largest, abs=0.006)
    assert (steps[0], steps[-1]) == (pytest.approx(first, abs=6e-4), pytest.approx(last, abs=6e-4))


@given(st.floats(0.2, 0.8), st.sampled_from([15, 30, 60]))
def test_every_window_around_the_peak_carries_its_own_depth(peak: float, window: int) -> None:
    formula = intensity("wuhan", 50)
    minutes = chicago(formula, 120, peak, 1.0)
    sums = np.convolve(minutes, np.ones(window), "valid")
    assert sums.max() <= float(formula.depth_mm(window)) + 1e-9
    assert sums.max() >= 0.985 * float(formula.depth_mm(window))


def test_single_formulae_give_official_depths() -> None:
    for key, minutes, depth in (
        ("shenzhen_west_P2", 5, 11.426),
        ("shenzhen_west_P100", 180, 220.739),
        ("shenzhen_east_P5", 30, 50.807),
    ):
        years = float(formulas()[key]["P_fixed"])
        assert float(intensity(key, years).depth_mm(minutes)) == pytest.approx(depth, rel=0.0025)


@pytest.mark.parametrize(
    ("formula", "years", "code"),
    [
        ("wuhn", 50, "unknown_formula"),
        ("wuhan", 1000, "return_period"),
        ("wuhan", -1, "return_period"),
        ("shanghai_old", 5, "formula_form"),
    ],
)
def test_a_wrong_question_is_named(formula, years, code) -> None:
    with pytest.raises(ScenarioError) as error:
        intensity(formula, years)
    assert error.value.code == code


def test_a_formula_is_not_stretched_beyond_its_duration() -> None:
    with pytest.raises(ScenarioError) as error:
        chicago(intensity("shanghai", 50), 360, 0.4)
    assert error.value.code == "formula_duration"


def test_rows_of_unconfirmed_source_say_so() -> None:
    assert intensity("wuhan-2020", 50).confirmed
    rows = formulas()
    for key, row in rows.items():
        if row["confidence"].startswith("memory"):
            years = float(row["P_fixed"] or row["P_min"] or 10)
            try:
                assert not intensity(key, years).confirmed
            except ScenarioError as error:
                assert error.code == "formula_form"
