"""Infiltration against the exact answers of its laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scenarios as sc
from hydro.flood import Flood
from hydro.ground.soil import DECAY_PER_H, SOILS, capacity
from twin.clock import Clock

LOAM = 2


def ponded(law, hours, step_s=60.0, soil=LOAM):
    """What goes in under standing water, step by step from what went in so far, m."""
    soaked, kind = np.zeros(1), np.array([soil])
    for _ in range(round(hours * 3600 / step_s)):
        soaked = soaked + capacity(kind, soaked, law, step_s) * step_s
    return soaked[0]


@pytest.mark.parametrize("soil", range(1, len(SOILS)))
@pytest.mark.parametrize("hours", [0.5, 3.0])
def test_horton_gives_its_integral(soil, hours) -> None:
    s = SOILS[soil]
    mm = s.conductivity_mm_h * hours
    mm += (s.initial_mm_h - s.conductivity_mm_h) / DECAY_PER_H * (1 - np.exp(-DECAY_PER_H * hours))
    assert ponded("horton", hours, soil=soil) == pytest.approx(s.pervious * mm / 1000, rel=1e-9)


@pytest.mark.parametrize("soil", range(1, len(SOILS)))
@pytest.mark.parametrize(("hours", "step_s"), [(0.1, 60.0), (2.0, 60.0), (2.0, 300.0)])
def test_green_ampt_keeps_its_implicit_law_at_any_step(soil, hours, step_s) -> None:
    s = SOILS[soil]
    depth = ponded("green-ampt", hours, step_s, soil) / s.pervious * 1000
    suction = s.suction_mm * 0.5 * s.porosity
    assert depth - suction * np.log1p(depth / suction) == pytest.approx(s.conductivity_mm_h * hours, rel=1e-9)


def test_wetness_is_the_share_of_pores_filled_before_the_rain() -> None:
    kind, none_yet = np.full(2, 2), np.zeros(2)
    rates = [capacity(kind, none_yet, "green-ampt", 60.0, w)[0] for w in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert rates == sorted(rates, reverse=True) and len(set(rates)) == 5
    s = SOILS[2]
    depth, suction = rates[1] * 60 * 1000, s.suction_mm * 0.75 * s.porosity
    assert depth - suction * np.log1p(depth / suction) == pytest.approx(s.conductivity_mm_h / 60, rel=1e-6)
    assert rates[4] == pytest.approx(s.conductivity_mm_h / 3.6e6), "full soil takes its conductivity"
    np.testing.assert_array_equal(capacity(kind, none_yet), capacity(kind, none_yet, wetness=0.5))


def test_constant_and_none() -> None:
    assert ponded("constant", 2.0) == pytest.approx(2 * 3.4e-3)
    assert ponded("none", 2.0) == 0.0
    assert ponded("green-ampt", 2.0, soil=0) == 0.0, "sealed ground"


@given(st.floats(0, 0.5), st.floats(0, 0.5), st.sampled_from(["green-ampt", "horton"]), st.integers(1, 5))
def test_wetter_soil_takes_less_and_never_less_than_its_conductivity(a, b, law, soil) -> None:
    dry, wet = sorted([a, b])
    rates = capacity(np.full(2, soil), np.array([dry, wet]), law)
    assert rates[0] >= rates[1] * (1 - 1e-9)
    assert rates[1] >= SOILS[soil].pervious * SOILS[soil].conductivity_mm_h / 3.6e6 * (1 - 1e-9)


def test_a_flood_chooses_its_law(small_city, storm) -> None:
    case = sc.load(storm)
    drivers, clock = case.drivers()[0], Clock(case.scenario.start, 1200.0, 300.0)
    soaked = {
        law: Flood(drainage="none", infiltration=law)
        .simulate(small_city, drivers, clock)
        .balance.went_out["infiltration"]
        for law in ("green-ampt", "horton", "constant", "none")
    }
    assert soaked["none"] == 0.0 < soaked["constant"] < min(soaked["horton"], soaked["green-ampt"])
