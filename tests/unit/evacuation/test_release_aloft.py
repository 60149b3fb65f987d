"""Gas that leaves high up: the plume around its axis, the rise of a stack, and what a scenario may say of it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.linalg import solve_banded

from evacuation.release.cloud import Cloud, Emission
from evacuation.release.dilution import PASSIVE
from evacuation.release.kernels.similarity import (
    KAPPA,
    phi_h,
    profile,
    transport,
    transport_aloft,
    vertical,
    vertical_aloft,
)
from evacuation.release.proofs.worlds import even_air, town
from evacuation.release.sources.stack import Stack
from tests.unit.evacuation.test_release_outflow import refused, simulated
from twin.city import City

Z0 = 0.1
STEPS = {"rates_kg_s": ((0.0, 1.0), (5.0, 0.0)), "outflow": "rates", "phase": None, "mass_kg": None}


@pytest.fixture(scope="module")
def city() -> City:
    return town()


@given(st.floats(0.3, 300.0), st.floats(6.0, 200.0), st.floats(-0.02, 0.02))
def test_all_of_a_plume_aloft_lies_above_the_ground_and_far_away_it_is_one_from_the_ground(spread, axis, inv_l) -> None:
    top = axis + 40.0 * spread
    whole = quad(lambda z: vertical_aloft(spread, axis, Z0, inv_l, z), 0.0, top, points=[axis], limit=400)[0]
    assert whole == pytest.approx(1.0, abs=1e-5)
    low = 1e-6
    assert vertical_aloft(spread, low, Z0, inv_l, 1.5) == pytest.approx(vertical(spread, Z0, inv_l, 1.5), rel=1e-6)
    assert transport_aloft(spread, low, Z0, inv_l, 0.3) == pytest.approx(transport(spread, Z0, inv_l, 0.3), rel=1e-4)


def at_the_ground(axis: float, ustar: float, inv_l: float, x: np.ndarray) -> np.ndarray:
    """Return the crosswind integral at 1.5 m of a line of 1 kg/s at `axis`: u dc/dx = d/dz (K dc/dz) in finite volumes."""
    faces = Z0 + 1200.0 * np.linspace(0.0, 1.0, 401) ** 2
    middle, thick = (faces[1:] + faces[:-1]) / 2, np.diff(faces)
    u = np.array([ustar / KAPPA * profile(z, Z0, inv_l) for z in middle])
    mixing = np.array([KAPPA * ustar * z / phi_h(z * inv_l) for z in faces[1:-1]]) / np.diff(middle)
    c, start = np.zeros(400), int(np.argmin(abs(middle - axis)))
    c[start] = 1.0 / (u[start] * thick[start])
    at, low = [0.0], [0.0]
    while at[-1] < x[-1]:
        dx = min(max(1.0, 0.02 * at[-1]), 100.0)
        bands = np.zeros((3, 400))
        bands[1] = u * thick / dx
        bands[1, :-1] += mixing
        bands[1, 1:] += mixing
        bands[0, 1:], bands[2, :-1] = -mixing, -mixing
        c = solve_banded((1, 1), bands, c * u * thick / dx)
        at.append(at[-1] + dx)
        low.append(float(np.interp(1.5, middle, c)))
    return np.interp(x, at, low)


@pytest.mark.parametrize(
    ("ustar", "inv_l", "axis", "off"),
    [(0.4, 0.0, 10.0, 0.07), (0.4, 0.0, 30.0, 0.07), (0.4, 0.0, 80.0, 0.07), (0.25, 1 / 80, 10.0, 0.2), (0.25, 1 / 80, 30.0, 0.25)],
)  # fmt: skip
def test_the_ground_below_a_plume_aloft_reads_as_in_the_equation_of_diffusion(ustar, inv_l, axis, off) -> None:
    """Highest and where: the model's own growth and shape against mixing solved level by level; stable air reads some less."""
    x = np.geomspace(20.0, 12_000.0, 400)
    exact = at_the_ground(axis, ustar, inv_l, x)
    spread, far, at, own = 0.5, 0.0, [0.0], [0.0]
    while far < x[-1]:
        speed, grown = transport_aloft(spread, axis, Z0, inv_l, ustar)
        dt = min(0.02 * spread / grown, 20.0)
        far, spread = far + speed * dt, spread + grown * dt
        at.append(far)
        own.append(vertical_aloft(spread, axis, Z0, inv_l, 1.5) / transport_aloft(spread, axis, Z0, inv_l, ustar)[0])
    own_at = np.interp(x, at, own)
    assert own_at.max() == pytest.approx(exact.max(), rel=off)
    assert x[own_at.argmax()] == pytest.approx(x[exact.argmax()], rel=0.35)
    assert own_at[-1] == pytest.approx(exact[-1], rel=off)


def test_a_plume_aloft_on_the_cells_is_the_formula_of_its_axis() -> None:
    """No gas at the ground near the stack; far away crosswind integrals as the formula says."""
    ustar, inv_l, axis = 0.4, 0.0, 40.0
    air, cloud = even_air(ustar, inv_l, 1.92, z0=Z0), Cloud()
    source = Emission(0, 0.0, 0.0, 1.0, 0.0, PASSIVE, 1.2, 0.5, 0.5, axis=axis)
    for k in range(60):
        cloud.step([source], 20.0, 8, 8 * k, air, 20.0 * k)
    assert cloud.airborne_kg == pytest.approx(1200.0, rel=1e-12)
    spread, far = 0.5, 0.0
    while far < 1500.0:
        speed, grown = transport_aloft(spread, axis, Z0, inv_l, ustar)
        dt = 0.005 * spread / grown
        far, spread = far + speed * dt, spread + grown * dt
    y = np.linspace(-900.0, 900.0, 901)
    across = float(cloud.at(np.full(901, far), y, air).sum() * 2.0)
    formula = vertical_aloft(spread, axis, Z0, inv_l, 1.5) / transport_aloft(spread, axis, Z0, inv_l, ustar)[0]
    assert across == pytest.approx(formula, rel=0.02)
    assert cloud.at(np.array([60.0]), np.zeros(1), air)[0] < 1e-6 * formula


def test_a_warm_stack_rises_as_briggs_says() -> None:
    """By hand: v 15 m/s, d 2 m, 400 K in air of 293.15 K, u(50 m)."""
    warm, u = Stack(2.0, 15.0, 400.0), 0.4 / KAPPA * math.log(50.0 / Z0)
    fb = 9.81 * 15.0 * 4.0 * (400.0 - 293.15) / 1600.0
    assert warm.rise(50.0, Z0, 0.4, 0.0, 293.15) == pytest.approx(21.425 * fb**0.75 / u, rel=1e-6)
    assert replace(warm, temperature=293.15).rise(50.0, Z0, 0.4, 0.0, 293.15) == pytest.approx(3.0 * 2.0 * 15.0 / u)
    assert warm.rise(50.0, Z0, 0.2, 0.02, 293.15) < warm.rise(50.0, Z0, 0.2, 0.0, 293.15)


def test_a_stack_in_a_scenario_is_higher_than_its_mouth_and_brings_less_to_the_ground(city: City) -> None:
    stack = {"height_m": 30.0, "stack_m": 1.0, "exit_m_s": 10.0, "exit_k": 420.0}
    high = simulated(city, **STEPS | stack)
    low = simulated(city, **STEPS)
    assert dict(high.notes)["aloft"]["height"] > 32.0 and "aloft" not in dict(low.notes)
    ground = [float(run.fields["max_gas_concentration"].max()) for run in (high, low)]
    assert ground[0] < 0.1 * ground[1]


def test_heavy_gas_that_leaves_high_up_is_taken_from_the_ground_and_told(city: City) -> None:
    run = simulated(city, **STEPS, height_m=30.0)
    assert dict(run.notes)["aloft_heavy"] == {"height": 30.0} and "aloft" not in dict(run.notes)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"stack_m": 1.0}, "release_stack"),
        ({"stack_m": 0.01, "exit_m_s": 1.0, "exit_k": 300.0}, "release_flue"),
        ({"outflow": "hole", "mass_kg": 10.0, "rates_kg_s": (), "stack_m": 1.0}, "release_unused"),
    ],
)
def test_a_stack_that_cannot_be_is_refused_before_the_run(city: City, changes: dict, code: str) -> None:
    assert refused(city, **STEPS | changes).code == code
