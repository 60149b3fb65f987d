"""How a dense gas thins in the city's cloud: droplets make it heavier than its vapour, the ground takes its cold, stirring follows."""

from __future__ import annotations

import numpy as np
import pytest

from evacuation.release.cloud import Cloud, Emission
from evacuation.release.dilution import PASSIVE, Dilution, cold, even
from evacuation.release.kernels import growth
from evacuation.release.kernels.equilibrium import AIR_CP, AIR_MOLAR
from evacuation.release.leak import Leak
from evacuation.release.proofs.worlds import even_air
from evacuation.release.slab.ambient import moisture_of
from evacuation.release.slab.sources import Fluid
from evacuation.release.sources.pool import Pool
from evacuation.release.sources.tank import Tank
from evacuation.release.sources.vessel import Vessel
from evacuation.release.substances import substance

AIR = even_air(0.3, 0.0, 1.92, z0=0.3)
LAST = growth.POINTS - 1


def thinned(name: str, drops: float, temperature: float = 293.0) -> Dilution:
    fluid = Fluid.of(substance(name))
    dense = fluid.density(fluid.boiling, drops)
    return cold(fluid.matter(fluid.boiling, drops), dense, temperature, 101325.0)


@pytest.mark.parametrize(("name", "drops"), [("ammonia", 0.8), ("chlorine", 0.6), ("methane", 0.0)])
def test_a_trace_brings_the_weight_of_its_molecules_and_of_its_cold(name: str, drops: float) -> None:
    fluid, row = Fluid.of(substance(name)), thinned(name, drops).row
    deficit = fluid.cp_vapour * (293.0 - fluid.boiling)
    deficit += drops * fluid.latent
    assert row[growth.POINTS] == pytest.approx(1.0 - AIR_MOLAR / fluid.molar)
    assert row[LAST] == pytest.approx(row[growth.POINTS] + deficit / (AIR_CP * 293.0), rel=0.01)


def test_pure_gas_and_droplets_bring_what_their_density_says() -> None:
    fluid = Fluid.of(substance("chlorine"))
    air = 101325.0 * AIR_MOLAR / (8.314 * 293.0)
    assert thinned("chlorine", 0.6).row[0] == pytest.approx(1.0 - air / fluid.density(fluid.boiling, 0.6), rel=1e-3)


def test_ammonia_is_lighter_than_air_as_vapour_and_heavier_with_its_droplets() -> None:
    wet, dry = thinned("ammonia", 0.8).row, thinned("ammonia", 0.0).row
    assert wet[LAST] > 2.0 and dry[LAST] < 0.0 and wet[growth.POINTS] == dry[growth.POINTS] < 0.0


def test_moisture_that_condenses_warms_a_cold_cloud() -> None:
    """Far down all water is vapour again: a trace brings only its molecules and its cold, moist air or dry."""
    fluid = Fluid.of(substance("ammonia"))
    matter, dense = fluid.matter(fluid.boiling, 0.8), fluid.density(fluid.boiling, 0.8)
    dry, moist = (
        np.array(cold(matter, dense, 303.0, 101325.0, m).row[: growth.POINTS]) for m in (0.0, moisture_of(0.9, 303.0))
    )
    assert moisture_of(0.0, 303.0) == 0.0 and 0.02 < moisture_of(0.9, 303.0) < 0.03
    air = 101325.0 * AIR_MOLAR / (8.314 * 303.0)
    thick = np.arange(growth.POINTS) == 6  # a sixteenth of the density at the source
    excess = np.array([dry[thick], moist[thick]]).ravel() * dense * 10.0 ** (-6 / growth.PER_DECADE) / air
    assert excess[1] < 0.9 * excess[0], "mist gives its heat to the cloud"
    assert moist[LAST] == pytest.approx(dry[LAST], rel=0.03)


def test_even_gas_brings_the_same_at_every_concentration_warm_or_cold() -> None:
    row = np.array(even(0.6).row)
    for c in (3.0, 0.1, 1e-7):
        assert growth.brought(row, c, 3.2, 0.5) == pytest.approx((0.6, 0.0))
    assert growth.rates(5.0, 5.0, 2.0, 3.0, 3.2, 1.0, np.array(PASSIVE.row), False, 0.3, 0.0, 0.3, 1.2)[1] == 0.0


def test_the_cold_of_a_cloud_stirs_it_and_goes_into_the_ground() -> None:
    row = np.array(thinned("methane", 0.0).row)
    even_row = np.full(growth.POINTS + 1, growth.brought(row, 0.1, 1.8, 1.0)[0])
    asked = (10.0, 1.0, 1.0, 5.0, 1.8, 1.0)
    cool = growth.rates(*asked, row, False, 0.01, 0.0, 0.2, 1.2)
    dry = growth.rates(*asked, even_row, False, 0.01, 0.0, 0.2, 1.2)
    assert cool[2] > dry[2] and cool[3] > 0.0
    cloud = Cloud()
    source = Emission(0, 0.0, 0.0, 20.0, 0.0, Dilution(tuple(row)), 1.8, 10.0, 0.5)
    for k in range(30):
        cloud.step([source] if k < 5 else [], 20.0, 4, 4 * k, AIR, 20.0 * k)
    left = cloud.ends[growth.COLD, 1]
    assert (left > 0.0).all() and left[0] < 0.5 and left[0] == left.min() and len(cloud.dilutions) == 2


def test_a_cloud_whose_cold_is_all_but_gone_goes_on_as_one_without() -> None:
    """In light wind the ground takes the cold to a trace; that trace must not hold up the cloud's growth."""
    row = Dilution(tuple(thinned("chlorine", 0.6).row))
    light = even_air(0.05, -1.0 / 30.0, 3.0, z0=0.3)
    clouds = []
    for cold_left in (1e-11, 0.0):
        cloud = Cloud()
        cloud.step([Emission(0, 0.0, 0.0, 7.0, 0.0, row, 7.7, 100.0, 0.3)], 20.0, 2, 0, light, 0.0)
        cloud.ends[growth.COLD] = cold_left
        cloud.step([], 20.0, 2, 2, light, 20.0)
        clouds.append(cloud.ends.copy())
    np.testing.assert_allclose(clouds[0], clouds[1], rtol=1e-3, atol=1e-9)


def test_a_leak_of_liquefied_gas_carries_its_droplets_into_the_cloud() -> None:
    tank = Tank(substance("ammonia"), "pressurised_liquid", 5000.0, 293.15, 8.6e5)
    (jet,) = Leak("t", 0.0, 0.0, tank, Pool(tank.substance), hole_m=0.02).emit(20.0, AIR, 0, 1.0, 1.0, 0.0)
    assert jet.dilution.row[LAST] > 1.0
    gas = Vessel(substance("chlorine"), 50.0, 293.15, 5e5)
    (plain,) = Leak("t", 0.0, 0.0, gas, Pool(gas.substance), hole_m=0.02).emit(20.0, AIR, 0, 1.0, 1.0, 0.0)
    assert len(set(plain.dilution.row)) == 1 and plain.dilution.row[0] > 0.5


def test_gas_out_of_a_vessel_that_has_cooled_is_heavier_until_the_air_has_warmed_it() -> None:
    gas = substance("carbon_monoxide")
    vessel = Vessel(gas, 100.0, 293.15, 50e5, gas.number("gamma_25C"))
    vessel.outflow(0.05, 5.0)
    assert vessel.temperature < 250.0
    (jet,) = Leak("t", 0.0, 0.0, vessel, Pool(gas), hole_m=0.005).emit(20.0, AIR, 0, 1.0, 1.0, 0.0)
    row = jet.dilution.row
    assert row[0] > 0.1 > row[growth.POINTS] == pytest.approx(1.0 - AIR_MOLAR / gas.molar_kg)


def test_what_a_state_keeps_brings_the_way_of_thinning_back() -> None:
    cloud = Cloud()
    source = Emission(0, 0.0, 0.0, 5.0, 0.0, thinned("chlorine", 0.6), 9.0, 2.0, 1.0)
    cloud.step([source], 20.0, 4, 0, AIR, 0.0)
    again = Cloud(arrays=cloud.arrays())
    for one in (cloud, again):
        one.step([source], 20.0, 4, 4, AIR, 20.0)
    np.testing.assert_array_equal(cloud.ends, again.ends)
    assert len(again.dilutions) == 2
