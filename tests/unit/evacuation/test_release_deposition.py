"""Dry deposition and the memory of sideways motion: exact limits, a ledger that closes, nothing where the ground takes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from scipy.integrate import quad

from evacuation.release.cloud import Cloud, Emission
from evacuation.release.dilution import PASSIVE
from evacuation.release.kernels import growth
from evacuation.release.kernels.similarity import (
    KAPPA,
    depletion,
    dissipation,
    phi_h,
    resistance,
    sideways,
    swayed,
    thinned,
    transport,
    vertical,
)
from evacuation.release.proofs.worlds import even_air, town, wind
from evacuation.release.release import Release
from evacuation.release.substances import substance
from twin.clock import Clock
from twin.streams import stream

AIR = even_air(0.3, 0.0, 1.92, z0=0.1)
PLUME = Emission(0, 0.0, 0.0, 1.0, 0.0, PASSIVE, 1.2, 0.5, 1.0)


@pytest.mark.parametrize("inv_l", [0.0, 0.05, -0.05])
def test_the_resistance_of_the_air_is_the_integral_over_its_mixing(inv_l: float) -> None:
    def over_mixing(z: float) -> float:
        return phi_h(z * inv_l) / (KAPPA * 0.3 * z)

    assert resistance(20.0, 0.1, inv_l, 0.3) == pytest.approx(quad(over_mixing, 0.1, 20.0)[0], rel=1e-6)
    assert resistance(0.05, 0.1, inv_l, 0.3) == 0.0


@pytest.mark.parametrize("inv_l", [0.0, 0.02, -0.02])
@pytest.mark.parametrize("zbar", [3.0, 30.0])
def test_a_cloud_that_the_ground_thins_still_holds_its_mass(zbar: float, inv_l: float) -> None:
    def share(z: float) -> float:
        return vertical(zbar, 0.1, inv_l, z) * thinned(0.01, 0.1, inv_l, 0.3, zbar, z)

    assert quad(share, 0.0, 40.0 * zbar, limit=200)[0] == pytest.approx(1.0, abs=0.12)
    assert thinned(0.01, 0.1, inv_l, 0.3, zbar, 0.0) < 1.0 < thinned(0.01, 0.1, inv_l, 0.3, zbar, 2.0 * zbar)
    assert thinned(0.0, 0.1, inv_l, 0.3, zbar, 1.0) == 1.0 and depletion(0.0, 0.1, inv_l, 0.3, zbar, 0.1) == 0.0


def test_a_plume_loses_what_its_depletion_says_and_the_ledger_closes() -> None:
    uptake, taken, cloud, zbar, left = 0.01, 0.0, Cloud(uptake=0.01), 1.0, 1.0
    puff = replace(PLUME, kg_s=0.0, kg=5.0)
    for k in range(30):
        taken += cloud.step([puff] if k == 0 else [], 20.0, 8, 8 * k, AIR, 20.0 * k)
    for _ in range(60_000):
        half = zbar + 0.005 * transport(zbar, 0.1, 0.0, 0.3)[1]
        left -= 0.01 * left * depletion(uptake, 0.1, 0.0, 0.3, half, vertical(half, 0.1, 0.0, 0.0))
        zbar += 0.01 * transport(half, 0.1, 0.0, 0.3)[1]
    assert cloud.mass.sum() == pytest.approx(5.0 * left, rel=2e-3) and left < 0.9
    assert cloud.mass.sum() + taken == pytest.approx(5.0, rel=1e-14)
    inert = Cloud()
    assert sum(inert.step([PLUME], 20.0, 8, 8 * k, AIR, 20.0 * k) for k in range(5)) == 0.0


def test_what_the_ground_takes_is_in_the_ledger_of_a_run() -> None:
    clock = Clock(datetime(2026, 6, 20, 18, 0, tzinfo=timezone(timedelta(hours=8))), 1200.0, 300.0)
    city = town()
    city.facilities["substance"] = "sulfur_dioxide"
    model = Release(substance="sulfur_dioxide", site="works/T1", mass_kg=300.0, wind_members=0)
    found = model.simulate(city, wind(clock, {0.0: (3.0, 0.0)}), clock, (), stream(7, "release"))
    assert found.balance.went_out["deposited"] > 1.0 and abs(found.balance.error) < 1e-12
    assert ("deposits", {"resistance": 500}) in found.notes
    assert substance("chlorine").uptake == 0.0


@pytest.mark.parametrize("inv_l", [0.0, 0.05, -0.05])
def test_a_particle_goes_straight_at_first_and_forgets_at_last(inv_l: float) -> None:
    ustar, lateral, z = 0.3, 2.5, 10.0
    turb, sway = swayed(0.0, 0.0, 1e-3, z, inv_l, ustar, lateral, 500.0)
    assert turb == pytest.approx(lateral * ustar * 1e-3, rel=1e-3)
    eddies = ustar * max(lateral, sideways(inv_l, 500.0))
    t = 2.0 * eddies**2 / (3.0 * dissipation(z, inv_l, ustar))
    turb, sway = swayed(0.0, 0.0, 1e4 * t, z, inv_l, ustar, lateral, 500.0)
    assert turb**2 == pytest.approx(2.0 * (lateral * ustar) ** 2 * t * 1e4 * t, rel=1e-3)
    assert sway == pytest.approx((lateral * ustar) ** 2 * t, rel=1e-9)
    first = swayed(0.0, 0.0, 0.3 * t, z, inv_l, ustar, lateral, 500.0)
    both = swayed(*first, 0.7 * t, z, inv_l, ustar, lateral, 500.0)
    np.testing.assert_allclose(both, swayed(0.0, 0.0, t, z, inv_l, ustar, lateral, 500.0), rtol=1e-12)


def test_a_source_that_loses_gas_is_known_to_its_ends() -> None:
    cloud = Cloud(uptake=0.01)
    for k in range(10):
        cloud.step([PLUME], 20.0, 8, 8 * k, AIR, 20.0 * k)
    left = cloud.ends[growth.SOURCE, 1]
    assert left[0] == left.min() < 0.95 and left.max() <= 1.0
