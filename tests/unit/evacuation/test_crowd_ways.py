"""Fast sweeping that looks only at what may have changed gives what sweeping over everything gives."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from evacuation.crowd.kernels.eikonal import FAR, sweep, wake_around

CELL, TOLERANCE, MOST = 0.25, 1e-3, 500


def over_all(
    cost: NDArray[np.float64], slowness: NDArray[np.float64], blocked: NDArray[np.bool_], way: NDArray[np.float64]
) -> int:
    """Sweep over every cell, four times a round, until none moves by more than TOLERANCE; return the rounds."""
    ny, nx = cost.shape
    for turn in range(MOST):
        change = 0.0
        for rows, columns in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
            for i in range(ny)[::rows]:
                for j in range(nx)[::columns]:
                    if blocked[i, j] or cost[i, j] == 0.0:
                        continue
                    gx, gw = way[:, i, j]
                    x = [cost[i, j - 1]] if j > 0 and gx <= 1e-3 else []
                    x += [cost[i, j + 1]] if j < nx - 1 and gx >= -1e-3 else []
                    w = [cost[i - 1, j]] if i > 0 and gw <= 1e-3 else []
                    w += [cost[i + 1, j]] if i < ny - 1 and gw >= -1e-3 else []
                    a, b = min(x, default=FAR), min(w, default=FAR)
                    if min(a, b) >= FAR:
                        continue
                    f, gap = slowness[i, j] * CELL, abs(a - b)
                    new = min(a, b) + f if gap >= f else 0.5 * (a + b + math.sqrt(2.0 * f * f - gap * gap))
                    if new < cost[i, j]:
                        change = max(change, min(cost[i, j], 1e9) - new)
                        cost[i, j] = new
        if change <= TOLERANCE:
            return turn + 1
    return -1


@given(st.integers(0, 2**31 - 1), st.floats(0.0, 0.35))
@settings(max_examples=25, deadline=None)
def test_sweeping_what_is_awake_is_sweeping_everything(seed: int, walls: float) -> None:
    rng = np.random.default_rng(seed)
    shape = (17, 23)
    blocked, slowness = rng.random(shape) < walls, rng.uniform(1.0, 6.0, shape)
    way = np.where(rng.random(shape) < 0.05, 1.0, 0.0) * rng.normal(size=(2, *shape))
    cost = np.full(shape, FAR)
    cost[rng.integers(0, 17, 3), rng.integers(0, 23, 3)] = 0.0
    cost[blocked] = FAR
    plain, awake = cost.copy(), np.zeros(shape, dtype=bool)
    wake_around(awake, *np.nonzero(cost < FAR))
    rounds = sweep(cost, awake, slowness, blocked, way[0], way[1], CELL, TOLERANCE, MOST)
    assert rounds == over_all(plain, slowness, blocked, way)
    np.testing.assert_allclose(cost, plain, rtol=1e-12)
    lower = np.unravel_index(int(rng.integers(0, cost.size)), shape)
    if not blocked[lower] and 0.0 < cost[lower] < FAR:  # as across a stair: one cell gets cheaper from outside
        cost[lower] = plain[lower] = 0.4 * cost[lower]
        wake_around(awake, np.array([lower[0]]), np.array([lower[1]]))
        sweep(cost, awake, slowness, blocked, way[0], way[1], CELL, TOLERANCE, MOST)
        over_all(plain, slowness, blocked, way)
        np.testing.assert_allclose(cost, plain, rtol=1e-12)
