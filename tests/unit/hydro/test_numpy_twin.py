"""The inertial scheme written a second time, plainly, in NumPy: what the fused kernel must equal."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hydro import Inflow, simulate_arrays
from hydro.kernels.floats import DROP, DRY_M, GRAVITY
from hydro.kernels.inertial import FILM_S, FILM_STEPS, GATHER_M, GATHER_STEPS
from hydro.kernels.inertial_rows import CLIFF, FILM_WAVE, THETA
from hydro.proofs.exact import hills
from hydro.schemes.inertial import Inertial

COURANT, MARGIN = Inertial.courant, 1e-12


def deep(z0, z1, h0, h1):
    """Return the depth at faces, at least DRY_M, and where they carry flow."""
    depth = np.maximum(z0 + h0, z1 + h1) - np.maximum(z0, z1)
    return np.maximum(depth, DRY_M), depth > DRY_M


def along(q, across, z, h, n, dt, dx):
    """Return the raw flow through all faces along axis 1 (rims closed) and the deepest face; `q` and `across` hold all faces."""
    z0, z1, h0, h1 = z[:, :-1], z[:, 1:], h[:, :-1], h[:, 1:]
    d, wet = deep(z0, z1, h0, h1)
    p = 0.25 * (across[:-1, :-1] + across[:-1, 1:] + across[1:, :-1] + across[1:, 1:])
    old = q[:, 1:-1]
    centred = THETA * old + 0.5 * (1 - THETA) * (q[:, :-2] + q[:, 2:])
    slope = (z0 + h0) - (z1 + h1)
    f = GRAVITY * dt * (0.5 * (n[:, :-1] + n[:, 1:])) ** 2 * np.hypot(old, p) * d ** (-7 / 3)
    new = (centred + GRAVITY * dt / dx * d * slope + f * old) / (1.0 + 2.0 * f)
    most = d * np.sqrt(GRAVITY * np.maximum(d, DROP * np.abs(slope)))
    inner = np.where(wet, np.clip(new, -most, most), 0.0)
    return np.pad(inner, ((0, 0), (1, 1))), d.max()


def fastest_film(q, z, h, n, dt, dx):
    """Return what stands for the fastest film among the faces along axis 1."""
    z0, z1, h0, h1 = z[:, :-1], z[:, 1:], h[:, :-1], h[:, 1:]
    d, _ = deep(z0, z1, h0, h1)
    fall, n = np.abs((z0 + h0) - (z1 + h1)), 0.5 * (n[:, :-1] + n[:, 1:])
    v = np.abs(q[:, 1:-1]) / d
    head = np.minimum(v**2 / GRAVITY, np.maximum(d, DROP * fall))
    normal = np.minimum(head, d ** (4 / 3) * fall / dx / n**2 / GRAVITY) * np.where(fall < CLIFF * dx, FILM_WAVE, 1.0)
    return np.where(GRAVITY * dt * n**2 * v * d ** (-4 / 3) > 1.0, normal, head).max()


def shared(q, share):
    """Scale flows along axis 1 to what the cells they leave can give."""
    padded = np.pad(share, ((0, 0), (1, 1)), constant_values=1.0)
    return q * np.where(q > 0, padded[:, :-1], padded[:, 1:])


def simulate(z, n, source, duration, dx):
    """Advance from dry ground under a constant source; return depths."""
    h, qx, qy = np.zeros_like(z), np.zeros((z.shape[0], z.shape[1] + 1)), np.zeros((z.shape[0] + 1, z.shape[1]))
    t, steps, gathered, deepest, film, looked = 0.0, 0, 0.0, 0.0, 0.0, 0.0
    while duration - t > 1e-9:
        rules = max(deepest, film, 1e-3)
        longest = COURANT * dx / np.sqrt(GRAVITY * rules)
        dt = COURANT * dx / np.sqrt(GRAVITY * (rules + source.max() * longest))
        left = duration - t
        dt = left / math.ceil(left / dt)
        new_x, deep_x = along(qx, qy, z, h, n, dt, dx)
        turned, deep_y = along(qy.T, qx.T, z.T, h.T, n.T, dt, dx)
        new_y, deepest = turned.T, max(deep_x, deep_y)
        out = (np.maximum(-new_x[:, :-1], 0) + np.maximum(new_x[:, 1:], 0)
               + np.maximum(-new_y[:-1], 0) + np.maximum(new_y[1:], 0))  # fmt: skip
        share = np.minimum(1.0, h * dx / dt * (1 - MARGIN) / np.maximum(out, 1e-30))
        qx, qy = shared(new_x, share), shared(new_y.T, share.T).T
        h = h + (qx[:, :-1] - qx[:, 1:] + qy[:-1] - qy[1:]) * dt / dx
        gathered += dt
        if (steps + 1) % GATHER_STEPS == 0 or source.max() * (gathered + dt) > GATHER_M or dt >= left:
            h, gathered = h + source * gathered, 0.0
        looked += dt
        if looked >= min(FILM_STEPS * dt, FILM_S):
            looked, film = 0.0, max(fastest_film(qx, z, h, n, dt, dx), fastest_film(qy.T, z.T, h.T, n.T, dt, dx))
        t, steps = t + dt, steps + 1
    return h


@pytest.mark.parametrize("threads", [1, 2])
def test_the_kernel_equals_its_numpy_twin(threads: int) -> None:
    z = hills()
    rng = np.random.default_rng(2)
    n = rng.uniform(0.02, 0.1, z.shape)
    source = np.full(z.shape, 80 / 3.6e6)
    source[12, 20] += 0.4 / 25.0
    run = simulate_arrays(
        z, n, [80 / 3.6e6], [0.0], cell_m=5.0, duration_s=60.0, dtype="float64", threads=threads,
        inflows=[Inflow(12, 20, [0.0], [0.4])],
    )  # fmt: skip
    np.testing.assert_allclose(run.depth, simulate(z, n, source, 60.0, 5.0), atol=1e-9)
    assert run.depth.max() > 0.05
