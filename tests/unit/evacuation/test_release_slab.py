"""The slab: a mixture at rest, a jet that keeps mass and heat, droplets that keep a jet on the ground, a plume that turns into a puff."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from evacuation.release.kernels import slab_mixing as f
from evacuation.release.kernels.equilibrium import AIR_CP, AIR_MOLAR, GAS, contents, mixture
from evacuation.release.kernels.slab_air import mean_wind, wind
from evacuation.release.slab.ambient import ambient, blown, inv_l_of
from evacuation.release.slab.sources import Burst, EvaporatingPool, Fluid, Jet
from evacuation.release.slab.spread import Slab, spread
from evacuation.release.sources.tank import Tank
from evacuation.release.substances import substance
from twin.errors import ScenarioError

AMMONIA, CHLORINE, METHANE = (Fluid.of(substance(name)) for name in ("ammonia", "chlorine", "methane"))
AIR = blown(z0=0.01, temperature=293.0, humidity=0.5, inv_l=0.0, wind_m_s=4.0, at_m=10.0)
JET = Jet(AMMONIA, 40.0, 300.0, 0.5, 1.0, 0.8)
POOL = EvaporatingPool(METHANE, 50.0, 120.0, 400.0)


@pytest.fixture(scope="module")
def jet() -> Slab:
    return spread(JET, AIR, 3000.0)


def test_dry_gases_mix_to_the_mean_of_their_heat() -> None:
    matter = CHLORINE.matter(293.0, 0.0)
    share, cp = 0.3, 0.3 * CHLORINE.cp_vapour + 0.7 * AIR_CP
    temperature, density, heat, vapour, _ = mixture(share, cp * 280.0, 0.0, 101325.0, matter)
    moles = 0.7 / AIR_MOLAR + 0.3 / CHLORINE.molar
    assert (
        temperature == pytest.approx(280.0, abs=1e-3) and heat == pytest.approx(cp) and vapour == pytest.approx(share)
    )
    assert density == pytest.approx(101325.0 / (moles * GAS * 280.0), rel=1e-5)


@pytest.mark.parametrize("share", [0.9, 0.5, 0.1, 0.01])
def test_droplets_and_mist_are_at_saturation_and_carry_the_enthalpy(share: float) -> None:
    matter = AMMONIA.matter(AMMONIA.boiling, 0.8)
    enthalpy = share * matter.enthalpy + (1.0 - share) * AIR_CP * 300.0
    temperature, _, _, vapour, wet = mixture(share, enthalpy, 0.01, 101325.0, matter)
    back, again, _ = contents(temperature, share, 0.01, 101325.0, matter)
    assert back == pytest.approx(enthalpy, abs=0.1) and again == pytest.approx(vapour, rel=1e-6)
    moles = (1.0 - share) * 0.99 / AIR_MOLAR + vapour / AMMONIA.molar + wet / 0.01802
    full = math.exp(matter.sat_a - matter.sat_b / (temperature + matter.sat_c))
    pressed = vapour / AMMONIA.molar / moles
    assert pressed == pytest.approx(full, rel=1e-4) if vapour < share else pressed <= full


@pytest.mark.parametrize("inv_l", [0.0, 0.03, -0.03])
def test_the_mean_wind_is_the_integral_of_the_wind(inv_l: float) -> None:
    air = ambient(z0=0.01, temperature=293.0, humidity=0.5, inv_l=inv_l, ustar=0.3)
    z = np.concatenate([np.linspace(1e-9, 0.05, 4001), np.geomspace(0.0501, 30.0, 8001)])
    total = np.trapezoid([wind(v, air) for v in z], z)
    assert mean_wind(30.0, air) == pytest.approx(total / 30.0, rel=1e-5)


def test_a_pasquill_class_comes_back_from_its_length() -> None:
    for number in (1.0, 3.0, 4.5, 6.0):
        air = ambient(z0=0.01, temperature=293.0, humidity=0.5, inv_l=inv_l_of(number, 0.01), ustar=0.3)
        assert air.mixed == pytest.approx(130.0 * 2.0 ** (7.0 - number), rel=1e-6)


def test_every_stretch_of_a_plume_carries_what_the_source_lets_go(jet: Slab) -> None:
    rows = jet.table[: jet.plume]
    carried = 2.0 * rows[:, f.SHARE] * rows[:, f.DENSITY] * rows[:, f.SPEED] * rows[:, f.WIDE] * rows[:, f.DEPTH]
    assert carried == pytest.approx(np.full(len(rows), JET.kg_s), rel=1e-6)


def test_a_section_of_the_drawn_plume_carries_the_same(jet: Slab) -> None:
    x, y, z = 200.0, np.linspace(-300.0, 300.0, 2401), np.linspace(0.0, 60.0, 601)
    share = np.array([2.0 * jet.scale(x) * jet.across(x, y, 600.0) * jet.upward(x, v) for v in z])
    mean = np.trapezoid(np.trapezoid(share, y, axis=1), z)
    assert mean == pytest.approx(2.0 * jet.at(x, f.WIDE) * jet.at(x, f.DEPTH) * jet.volume_share(x), rel=2e-3)


def test_a_plume_turns_into_a_puff_without_a_step(jet: Slab) -> None:
    before, after = jet.table[jet.plume - 1], jet.table[jet.plume]
    same = [f.X, f.SHARE, f.TEMPERATURE, f.DENSITY, f.WIDE, f.DEPTH, f.SPEED, f.SIDE, f.CENTRE]
    assert after[same] == pytest.approx(before[same], rel=1e-9)
    puff = jet.table[jet.plume :]
    mass = 4.0 * puff[:, f.SHARE] * puff[:, f.DENSITY] * puff[:, f.WIDE] * puff[:, f.LONG] * puff[:, f.DEPTH]
    assert mass == pytest.approx(np.full(len(puff), JET.kg_s * JET.seconds), rel=1e-6)
    assert 2.0 * puff[0, f.LONG] / puff[0, f.SPEED] == pytest.approx(JET.seconds, rel=2e-2)


def test_droplets_keep_a_jet_of_ammonia_on_the_ground_where_as_much_vapour_alone_would_rise() -> None:
    wet = spread(JET, AIR, 500.0)
    dry = spread(replace(JET, liquid=0.0, temperature=293.0), AIR, 500.0)
    at = np.array([50.0, 100.0, 300.0])
    assert (wet.at(at, f.CENTRE) < 0.5 * wet.at(at, f.DEPTH)).all() and (wet.at(at, f.DENSITY) > AIR.density).all()
    assert (dry.at(at, f.DENSITY) < AIR.density).all() and dry.at(300.0, f.CENTRE) > 5.0
    on_ground = wet.highest(at, 1.0, 10.0), dry.highest(at, 1.0, 10.0)
    assert (on_ground[0] > 0.005).all() and on_ground[0][2] > 5.0 * on_ground[1][2]


def test_a_cold_cloud_warms_on_the_ground_until_it_is_as_warm_as_the_air(jet: Slab) -> None:
    assert jet.at(2.0, f.TEMPERATURE) < AMMONIA.boiling < jet.at(400.0, f.TEMPERATURE) < AIR.temperature
    assert jet.at(400.0, f.HEAT) > jet.at(100.0, f.HEAT) > 0.0


def test_a_pool_too_heavy_for_the_wind_spreads_upwind() -> None:
    calm = ambient(z0=0.001, temperature=293.0, humidity=0.5, inv_l=0.05, ustar=0.07)
    heavy, light = spread(POOL, calm, 100.0), spread(replace(POOL, kg_s=1.0), calm, 100.0)
    assert heavy.table[0, f.X] < -1.5 * POOL.half_m
    assert light.table[0, f.X] == pytest.approx(-POOL.half_m, rel=2e-3)


def test_a_sudden_release_spreads_both_ways_and_drifts_off() -> None:
    burst = spread(Burst(CHLORINE, 2000.0, 40.0, 0.5), AIR, 1500.0)
    assert burst.table[0, f.SPEED] == 0.0 and burst.plume == 0
    early = burst.table[np.searchsorted(burst.table[:, f.TIME], 5.0)]
    assert early[f.SIDE] > 1.0 and early[f.END] > 1.0 and early[f.DEPTH] < 0.5 * burst.table[0, f.DEPTH]
    far = burst.highest(np.array([200.0, 500.0, 1000.0]), 1.0, 10.0)
    assert (np.diff(far) < 0).all() and (far > 0).all()


def test_a_longer_mean_is_lower_and_wider(jet: Slab) -> None:
    assert jet.highest(500.0, 1.0, 600.0) < jet.highest(500.0, 1.0, 10.0)
    assert jet.softness(500.0, 600.0)[1] > jet.softness(500.0, 10.0)[1]


def test_a_jet_of_a_tank_keeps_its_momentum_and_its_droplets() -> None:
    tank = Tank(substance("chlorine"), "pressurised_liquid", 5000.0, 293.15, 7.0e5)
    jet = Jet.of_tank(tank, 0.025, 60.0, 1.0)
    assert jet.kg_s == pytest.approx(tank.rate(0.025) * tank.airborne_share()) and 0.0 < jet.liquid < 1.0
    speed = jet.kg_s / (jet.area_m2 * jet.fluid.density(jet.at, jet.liquid))
    assert speed == pytest.approx(math.sqrt(2.0 * (7.0e5 - 101325.0) / tank.density))
    with pytest.raises(ScenarioError, match="flash"):
        Jet.of_tank(Tank(substance("benzene"), "liquid", 5000.0, 293.15, 2e5), 0.025, 60.0, 1.0)


def test_what_cannot_be_is_one_clear_error() -> None:
    with pytest.raises(ScenarioError, match="kg_s"):
        spread(replace(JET, kg_s=0.0), AIR, 100.0)
    with pytest.raises(ScenarioError, match="wind_m_s"):
        blown(z0=0.01, temperature=293.0, humidity=0.5, inv_l=0.0, wind_m_s=0.0, at_m=10.0)
