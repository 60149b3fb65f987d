"""Who people are: each person's draws come from his own number and the run's key, so that two plans meet the same people."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from evacuation.crowd.kernels import draws as kernel

#: Free walking speed of adults, m/s: Weidmann 1993 (mean, standard deviation), cut at these bounds.
SPEED_M_S, SPEED_SD, SPEED_CUT = 1.34, 0.26, (0.6, 2.0)

#: An adult seen from above: shoulder breadth and chest depth, m (Pheasant and Haslegrave 2006, men, median); both vary as
#: shoulder breadth does, by 6 %, cut at two standard deviations.
BREADTH_M, DEPTH_M, SIZE_SD, SIZE_CUT = 0.465, 0.25, 0.06, 2.0

#: What is drawn, each from a stream of its own.
SPEED, BODY, LEAVES, PLACE, ORDER, KNOWS, PARTY = range(7)


def uniform(key: int, ids: NDArray[np.int64], purpose: int) -> NDArray[np.float64]:
    """Return one number in (0, 1) for each person and purpose: splitmix64 of key, person and purpose."""
    drawn = np.empty(len(ids))
    kernel.uniform(drawn, np.uint64(key & 0xFFFFFFFFFFFFFFFF), ids, np.uint64(purpose))
    return drawn


def free_speed(key: int, ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return free speeds, m/s: normal, cut by taking the quantile within the bounds."""
    return _cut_normal(uniform(key, ids, SPEED), SPEED_M_S, SPEED_SD, *SPEED_CUT)


def body(key: int, ids: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Return half the shoulder breadth, `broad`, and half the chest depth, `deep`, of bodies, m: one size scales both."""
    least, most = 1.0 - SIZE_CUT * SIZE_SD, 1.0 + SIZE_CUT * SIZE_SD
    size = _cut_normal(uniform(key, ids, BODY), 1.0, SIZE_SD, least, most)
    return {"broad": 0.5 * BREADTH_M * size, "deep": 0.5 * DEPTH_M * size}


def _cut_normal(u: NDArray[np.float64], mean: float, sd: float, low: float, high: float) -> NDArray[np.float64]:
    from_p, to_p = ndtr((low - mean) / sd), ndtr((high - mean) / sd)
    return np.asarray(mean + sd * ndtri(from_p + u * (to_p - from_p)))
