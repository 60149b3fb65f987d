"""What leaves a tank and a pool."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evacuation.release.sources.flashing_pipe import FlashingPipe
from evacuation.release.sources.flashing_pipe import friction as two_phase_friction
from evacuation.release.sources.given import Given
from evacuation.release.sources.pipe import GasPipe, LiquidPipe, friction
from evacuation.release.sources.pool import Pool
from evacuation.release.sources.source import Content, Way
from evacuation.release.sources.tank import Tank, airborne, cloud_density
from evacuation.release.sources.vessel import Vessel
from evacuation.release.substances import substance
from twin.errors import ScenarioError

CHLORINE, BENZENE, METHANE = substance("chlorine"), substance("benzene"), substance("methane")


def test_a_liquid_leaves_as_bernoulli_says() -> None:
    tank = Tank(BENZENE, "liquid", 10_000.0, 293.15, 101_325.0)
    area = math.pi / 4 * 0.05**2
    assert tank.rate(0.05) == pytest.approx(0.62 * area * tank.density * math.sqrt(2 * 9.81 * tank.side_m), rel=1e-9)
    before = tank.rate(0.05)
    assert tank.outflow(0.05, 600.0) == pytest.approx(10_000.0 - tank.kg, rel=1e-12)
    assert tank.rate(0.05) < before, "the head falls"


def test_a_tank_never_gives_more_than_it_holds() -> None:
    tank = Tank(CHLORINE, "pressurised_liquid", 100.0, 298.15, 7.8e5)
    out = sum(tank.outflow(0.1, 20.0) for _ in range(200))
    assert out == pytest.approx(100.0, rel=1e-6) and tank.kg >= 0.0


def test_gas_is_choked_and_stops_at_the_pressure_outside() -> None:
    tank = Vessel(METHANE, 50.0, 293.15, 1.0e6)
    gamma, area = METHANE.number("gamma_25C"), math.pi / 4 * 0.02**2
    throat = math.sqrt(gamma * METHANE.molar_kg / (8.314462 * 293.15)) * (2 / (gamma + 1)) ** (
        (gamma + 1) / (2 * (gamma - 1))
    )
    assert tank.rate(0.02) == pytest.approx(0.85 * area * 1.0e6 * throat, rel=1e-6)
    out = sum(tank.outflow(0.02, 20.0) for _ in range(400))
    assert tank.kg == pytest.approx(50.0 * 101_325.0 / 1.0e6, rel=1e-9) and tank.rate(0.02) == 0.0
    assert out + tank.kg == pytest.approx(50.0, rel=1e-12)


@pytest.mark.parametrize("step", [1.0, 20.0, 130.0])
def test_a_warm_vessel_empties_exponentially_while_the_flow_is_choked(step: float) -> None:
    vessel = Vessel(METHANE, 500.0, 293.15, 5.0e6)
    per_s = vessel.rate(0.02) / 500.0
    for k in range(1, round(650.0 / step) + 1):
        vessel.outflow(0.02, step)
        assert vessel.pressure / 101_325.0 > 1.9, "choked all along"
        assert vessel.kg == pytest.approx(500.0 * math.exp(-per_s * step * k), rel=1e-9)
        assert vessel.temperature == 293.15


def test_a_vessel_that_cools_empties_as_the_isentropic_law_says_and_faster_in_pressure() -> None:
    gamma = METHANE.number("gamma_25C")
    cold, warm = (Vessel(METHANE, 500.0, 293.15, 5.0e6, n) for n in (gamma, 1.0))
    per_s = cold.rate(0.02) / 500.0
    for vessel in (cold, warm):
        for _ in range(20):
            vessel.outflow(0.02, 20.0)
    left = (1.0 + 0.5 * (gamma - 1.0) * per_s * 400.0) ** (-2.0 / (gamma - 1.0))  # dm/dt ~ m^((gamma + 1) / 2)
    assert cold.kg == pytest.approx(500.0 * left, rel=1e-4)
    assert cold.temperature == pytest.approx(293.15 * left ** (gamma - 1.0), rel=1e-4)
    assert cold.pressure < warm.pressure and cold.kg > warm.kg
    for _ in range(600):
        cold.outflow(0.02, 20.0)
    assert cold.rate(0.02) == 0.0 and cold.pressure == pytest.approx(101_325.0, rel=1e-9)
    assert cold.kg == pytest.approx(500.0 * (101_325.0 / 5.0e6) ** (1.0 / gamma), rel=1e-9)


def test_gas_does_not_get_colder_than_its_boiling_point() -> None:
    vessel = Vessel(CHLORINE, 500.0, 293.15, 6.0e5, CHLORINE.number("gamma_25C"))
    for _ in range(4000):
        vessel.outflow(0.02, 20.0)
    assert vessel.temperature == CHLORINE.number("boiling_point") and vessel.pressure == pytest.approx(101_325.0)


def test_subsonic_flow_meets_choked_flow_without_a_step() -> None:
    gamma = METHANE.number("gamma_25C")
    critical = 101_325.0 * ((gamma + 1) / 2) ** (gamma / (gamma - 1))
    above, below = (Vessel(METHANE, 50.0, 293.15, critical * f).rate(0.02) for f in (1 + 1e-6, 1 - 1e-6))
    assert above == pytest.approx(below, rel=1e-4)


def gas_pipe(length_m: float, bore_mm: float) -> GasPipe:
    content = Content("line", METHANE, "gas", math.nan, 288.15, 6.0e6)
    return GasPipe.of(content, Way("gas_pipe", pipe_length_m=length_m, pipe_mm=bore_mm))


def test_a_torn_gas_pipe_begins_choked_over_its_bore_and_gives_all_that_is_above_the_pressure_of_the_air() -> None:
    pipe = gas_pipe(10_000.0, 500.0)
    full, area = pipe.kg, math.pi / 4 * 0.5**2
    assert full == pytest.approx(area * 1e4 * METHANE.gas_density(288.15, 6.0e6 - 101_325.0), rel=1e-12)
    bore = Vessel(METHANE, 1.0, 288.15, 6.0e6)
    assert pipe.first == pytest.approx(bore.rate(0.5) / 0.85, rel=1e-12)
    assert pipe.outflow(0.0, 1e-3) / 1e-3 == pytest.approx(pipe.first, rel=1e-3)
    out = sum(gas_pipe(10_000.0, 500.0).outflow(0.0, dt) for dt in (1e7,))
    assert out == pytest.approx(full, rel=1e-9)


def test_a_torn_gas_pipe_follows_both_exponentials_whatever_the_steps() -> None:
    """q = q0 / (1 + a) (a exp(-t / tb) + exp(-t / (a^2 tb))), with tb = 2/3 l / us (gamma f l / d)^0.5."""
    one, many = gas_pipe(10_000.0, 500.0), gas_pipe(10_000.0, 500.0)
    gamma = METHANE.number("gamma_25C")
    sound = math.sqrt(gamma * 8.314462 * 288.15 / METHANE.molar_kg)
    slow = 2 / 3 * 1e4 / sound * math.sqrt(gamma * friction(0.5) * 1e4 / 0.5)
    a, q0, t = one.kg / (slow * one.first), one.first, 300.0
    exact = q0 / (1 + a) * slow * (a * (1 - math.exp(-t / slow)) + a**2 * (1 - math.exp(-t / (a**2 * slow))))
    assert 0.0 < a < 1.0 and one.outflow(0.0, t) == pytest.approx(exact, rel=1e-9)
    assert sum(many.outflow(0.0, 20.0) for _ in range(15)) == pytest.approx(exact, rel=1e-7)


def test_a_pipe_must_be_long_for_the_formula_and_the_sentence_says_how_long() -> None:
    with pytest.raises(ScenarioError) as error:
        gas_pipe(40.0, 500.0)
    least = float(str(error.value.values["expected"]))
    assert gas_pipe(least, 500.0).shape < 1.0
    with pytest.raises(ScenarioError):
        gas_pipe(least - 1.5, 500.0)


def test_liquid_runs_through_a_pipe_against_its_friction() -> None:
    """Without length the pipe is a short one, Cd = 1.5^-0.5; far out the flow falls with the root of the length."""

    def rate(length_m: float) -> float:
        content = Content("tank", BENZENE, "liquid", 1e5, 293.15, 3e5)
        return LiquidPipe.of(content, Way("liquid_pipe", pipe_length_m=length_m, pipe_mm=100.0)).rate(0.0)

    tank = Tank(BENZENE, "liquid", 1e5, 293.15, 3e5)
    assert rate(1e-9) == pytest.approx(tank.rate(0.1) / 0.62 / math.sqrt(1.5), rel=1e-9)
    assert rate(4e6) == pytest.approx(0.5 * rate(1e6), rel=1e-4)
    head = 2 * (3e5 - 101_325.0) / tank.density + 2 * 9.81 * tank.side_m
    speed = math.sqrt(head / (1.5 + friction(0.1) * 500.0 / 0.1))
    assert rate(500.0) == pytest.approx(math.pi / 4 * 0.1**2 * tank.density * speed, rel=1e-12)
    assert friction(0.1) == pytest.approx(0.0162, rel=0.02), "Moody: e / d = 0.00045"


def flashing(length_m: float, pascal: float = math.nan) -> FlashingPipe:
    content = Content("tank", substance("propane"), "pressurised_liquid", 1e5, 298.15, pascal)
    return FlashingPipe.of(content, Way("flashing_pipe", pipe_length_m=length_m, pipe_mm=10.0))


def test_liquefied_gas_boils_in_a_pipe_and_leaves_at_the_flux_of_equilibrium() -> None:
    """Propane at 25 degrees C in a short pipe of 10 mm: L / (vv - vl) (T cp)^-0.5, some 8 500 kg m-2 s-1 (Crowl and Louvar 2011, ch. 4)."""
    pipe = flashing(0.1)
    area, head = math.pi / 4 * 0.01**2, 2 * pipe.density**2 * 9.81 * pipe.side_m
    assert math.sqrt((pipe.rate(0.0) / area / two_phase_friction(10.0)) ** 2 - head) == pytest.approx(8500.0, rel=0.15)
    hole = Tank(pipe.substance, pipe.phase, 1e5, 298.15, pipe.pressure)
    assert pipe.rate(0.0) < 0.7 * hole.rate(0.01), "liquid that has no time to boil leaves faster"
    pushed = flashing(0.1, 3e6).rate(0.0) / two_phase_friction(10.0)
    more = 2 * pipe.density * (3e6 - pipe.pressure) * area**2
    assert pushed**2 == pytest.approx((pipe.rate(0.0) / two_phase_friction(10.0)) ** 2 + more, rel=1e-9)
    assert pipe.airborne_share() == hole.airborne_share() > 0.5


def test_friction_of_a_two_phase_flow_follows_the_table_and_goes_on_beyond_it() -> None:
    assert [two_phase_friction(x) for x in (0.0, 50.0, 100.0, 200.0, 400.0)] == pytest.approx(
        [1.0, 0.85, 0.75, 0.65, 0.55]
    )
    far = [two_phase_friction(x) for x in np.linspace(0.0, 1e5, 2000)]
    assert (np.diff(far) < 0.0).all()
    assert two_phase_friction(4e6) == pytest.approx(0.5 * two_phase_friction(1e6), rel=1e-3), (
        "as the root of the length"
    )


@pytest.mark.parametrize("make", [
    lambda: flashing(5.0), lambda: Tank(BENZENE, "liquid", 10_000.0, 293.15, 2e5), lambda: Vessel(METHANE, 500.0, 293.15, 5e6),
    lambda: gas_pipe(10_000.0, 500.0), lambda: Given(METHANE, np.array([0.0, 1e4]), np.array([2.0, 0.0]), 293.15, 2e4),
])  # fmt: skip
def test_half_an_opening_lets_out_half_as_fast(make) -> None:
    whole, half, shut = make(), make(), make()
    assert shut.outflow(0.02, 20.0, 0.0, 0.0) == 0.0 and shut.kg == shut.full_kg
    assert half.outflow(0.02, 1e-2, 0.0, 0.5) == pytest.approx(0.5 * whole.outflow(0.02, 1e-2, 0.0, 1.0), rel=1e-3)


def test_flashing_carries_droplets() -> None:
    tank = Tank(CHLORINE, "pressurised_liquid", 100.0, 298.15, 7.8e5)
    assert tank.flash_share() == pytest.approx(1 - math.exp(-941.0 * (298.15 - 239.2) / 286963.0))
    assert tank.flash_share() < tank.airborne_share() < 1.0
    assert [airborne(x) for x in (0.0, 0.05, 0.1, 0.36, 0.6)] == pytest.approx([0.0, 0.1, 0.2, 1.0, 1.0], abs=1e-9)
    assert Tank(BENZENE, "liquid", 1.0, 293.15, 101_325.0).airborne_share() == 0.0
    wet = cloud_density(CHLORINE, 298.15, tank.flash_share(), tank.airborne_share())
    assert wet > CHLORINE.gas_density(239.2) > CHLORINE.gas_density(298.15) > 2.8


CONDUCTS = 1.1 / math.sqrt(math.pi * 6e-7)


@pytest.mark.parametrize("step", [5.0, 20.0])
def test_a_pool_that_the_ground_makes_boil_gives_off_with_the_root_of_time_in_all(step: float) -> None:
    """No wind: dm/dt = A k (Tg - Tb) / (L sqrt(pi a t)), so m = 2 A k (Tg - Tb) sqrt(t / (pi a)) / L."""
    pool = Pool(CHLORINE, bund_m2=40.0)
    pool.add(5000.0, 239.2)
    rates, total = [], 0.0
    for k in range(1, round(900.0 / step) + 1):
        gone = pool.evaporate(step, 0.0, 293.15)
        total += gone
        rates.append(gone / step)
        assert total == pytest.approx(
            2 * 40.0 * CONDUCTS * (293.15 - 239.2) * math.sqrt(step * k) / 286_963.0, rel=1e-9
        )
    assert total + pool.kg == pytest.approx(5000.0, rel=1e-12) and pool.area == 40.0 and pool.temperature == 239.2
    last, fourth = (round(s / step) for s in (800.0, 200.0))
    assert rates[last] / rates[fourth] == pytest.approx(0.5, rel=0.02), "t^(-1/2)"


def test_ground_that_is_wetted_later_boils_the_pool_as_fresh_ground_does() -> None:
    warm = CHLORINE.number("boiling_point") + 0.5
    pool, share = Pool(CHLORINE), 2 * CONDUCTS * 0.5 / 286_963.0
    pool.add(156.36, 240.0)
    assert pool.area == pytest.approx(10.0) and pool.temperature == 239.2, "it comes at its boiling point at most"
    first = pool.evaporate(100.0, 0.0, warm)
    assert first == pytest.approx(share * 10.0 * 10.0, rel=1e-9)
    pool.add(156.36, 240.0)
    second = pool.evaporate(100.0, 0.0, warm)
    assert second == pytest.approx(share * (10.0 * (math.sqrt(200.0) - 10.0) + 10.0 * 10.0), rel=2e-3)


def test_a_bund_holds_the_area_and_so_the_vapour() -> None:
    free, held = Pool(CHLORINE), Pool(CHLORINE, bund_m2=5.0)
    for pool in (free, held):
        pool.add(500.0, 239.2)
    assert held.area == 5.0 < free.area
    assert held.evaporate(20.0, 3.0, 293.15) < 0.3 * free.evaporate(20.0, 3.0, 293.15)


def test_a_pool_below_boiling_cools_in_the_wind_until_heat_pays_for_its_vapour() -> None:
    pool = Pool(BENZENE, bund_m2=50.0)
    pool.add(5000.0, 293.15)
    start = pool.drying(3.0, 293.15)
    assert start == pytest.approx(pool.drying(1.0, 293.15) * 3.0 ** (7 / 9), rel=1e-9)
    before, latent, cp = pool.kg, BENZENE.number("latent_heat_at_Tb"), BENZENE.number("liquid_heat_capacity")
    for _ in range(2000):
        at, kg = pool.temperature, pool.kg
        gone = pool.evaporate(20.0, 3.0, 293.15)
        assert gone == pytest.approx(20.0 * pool.drying(3.0, pool.temperature), rel=1e-3)
    rooted = CONDUCTS * 50.0 * 2 * (math.sqrt(40_000.0) - math.sqrt(39_980.0))
    wind = 20.0 * 50.0 * 0.0048 * 3.0 ** (7 / 9) * (2 * math.sqrt(50.0 / math.pi)) ** (-1 / 9) * 0.71 ** (-2 / 3)
    wind *= 1005.0 * 1.184 * 298.15 / 293.15
    heat = (rooted + wind) * (293.15 - pool.temperature) - kg * cp * (pool.temperature - at)
    assert latent * gone == pytest.approx(heat, rel=1e-6) and 260.0 < pool.temperature < 291.0
    assert pool.kg < before and pool.drying(3.0, pool.temperature) < 0.95 * start


def test_a_cold_liquefied_gas_in_the_wind_ends_colder_than_it_boils() -> None:
    pool = Pool(CHLORINE, bund_m2=20.0)
    pool.add(2000.0, 239.2)
    gone = [pool.evaporate(20.0, 5.0, 293.15) for _ in range(60)]
    assert pool.temperature < 239.2 and gone[0] > gone[10] > gone[-1] > 0.0
    halves = Pool(CHLORINE, bund_m2=20.0)
    halves.add(2000.0, 239.2)
    assert sum(halves.evaporate(10.0, 5.0, 293.15) for _ in range(120)) == pytest.approx(sum(gone), rel=0.01)
    assert sum(gone) + pool.kg == pytest.approx(2000.0, rel=1e-12)


@pytest.mark.parametrize(("length_m", "longer"), [(2000.0, 0.021), (200.0, 0.18)])
def test_the_time_of_a_torn_pipe_is_that_of_a_hole_as_wide_as_the_bore(length_m: float, longer: float) -> None:
    """Wilson's time constant for a hole of any size (see `pipe`), with the hole the whole bore; long pipes have one and the same."""
    pipe, gamma, bore = gas_pipe(length_m, 200.0), METHANE.number("gamma_25C"), 0.2
    sound = math.sqrt(gamma * 8.314462 * 288.15 / METHANE.molar_kg)
    held = bore / (gamma * friction(bore) * length_m)
    choked = ((gamma + 1.0) / 2.0) ** ((gamma + 1.0) / (gamma - 1.0))
    wide = 1.0  # area of the hole over that of the bore
    general = (
        2.0 / 3.0 * length_m / sound * held * choked**1.5 / wide**3 * ((1.0 + wide**2 / (held * choked)) ** 1.5 - 1.0)
    )
    assert general / pipe.slow_s - 1.0 == pytest.approx(longer, rel=0.15)
