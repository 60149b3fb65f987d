"""Design storms against published depths and their own formula."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydro.storms.design_storm import alternating, chicago, formulas, intensity, pattern
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


#: Beijing zone II at 100 years, mm by minutes (Beijing Water Authority, risk map 2022).
BEIJING = {15: 47.0, 30: 70.0, 60: 97.0, 180: 148.0, 360: 189.0, 1440: 299.0}


@pytest.mark.parametrize("peak", [0.25, 0.4, 0.77])
def test_a_pattern_carries_each_published_depth_around_its_peak(peak) -> None:
    minutes = pattern(BEIJING, peak, 1.0)
    total = np.append(0.0, np.cumsum(minutes))
    assert len(minutes) == 1440 and total[-1] == pytest.approx(299.0)
    for duration, depth in BEIJING.items():
        edges = peak * 1440 - peak * duration, peak * 1440 + (1 - peak) * duration
        carried = np.interp(edges[1], np.arange(1441), total) - np.interp(edges[0], np.arange(1441), total)
        assert carried == pytest.approx(depth, rel=0.02)  # edges fall within a minute
    assert pattern(BEIJING, peak, 5.0).sum() == pytest.approx(299.0)


def test_the_published_day_follows_from_the_formula_too() -> None:
    day = chicago(intensity("beijing_zone2", 100), 1440, 0.4, 5.0)
    assert day.sum() == pytest.approx(299.0, rel=0.012) and day.max() * 3 <= 47.0 * 1.012 * 3


@given(st.floats(0.05, 0.95), st.sampled_from([60, 120, 1440]), st.sampled_from([5.0, 10.0]))
def test_alternating_blocks_carry_the_formula_in_every_window_and_fall_from_the_peak(peak, duration, step) -> None:
    formula = intensity("wuhan", 50)
    storm = alternating(formula, duration, peak, step)
    assert storm.sum() == pytest.approx(float(formula.depth_mm(duration)))
    top = int(storm.argmax())
    assert top == min(int(peak * len(storm)), len(storm) - 1)
    assert (np.diff(storm[: top + 1]) >= 0).all() and (np.diff(storm[top:]) <= 0).all()
    fell = np.sort(storm)[::-1].cumsum()
    np.testing.assert_allclose(fell, formula.depth_mm(np.arange(1, len(storm) + 1) * step))


@pytest.mark.parametrize("depths", [{60: 50.0}, {60: 50.0, 120: 40.0}, {60: 20.0, 120: 60.0}])
def test_a_pattern_that_rains_harder_outside_is_refused(depths) -> None:
    with pytest.raises(ScenarioError) as error:
        pattern(depths, 0.4)
    assert error.value.code == "pattern_depths"


def test_a_long_alternating_storm_is_not_stretched() -> None:
    with pytest.raises(ScenarioError) as error:
        alternating(intensity("shanghai", 50), 1440, 0.4)
    assert error.value.code == "formula_duration"
