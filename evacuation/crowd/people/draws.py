"""Who people are: each person's draws come from his own number and the run's key, so that two plans meet the same people."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from evacuation.crowd.kernels import draws as kernel

#: Free walking speed of adults, m/s: Weidmann 1993 (mean, standard deviation), cut at these bounds.
SPEED_M_S, SPEED_SD, SPEED_CUT = 1.34, 0.26, (0.6, 2.0)

#: Diameter of the disc with an adult's area, m: shoulder breadth 0.465 by chest depth 0.25 as an ellipse (Pheasant and
#: Haslegrave 2006, men, median); it varies as shoulder breadth does, by 6 %, cut at two standard deviations.
DIAMETER_M, DIAMETER_SHARE, DIAMETER_CUT = 0.341, 0.06, 2.0

#: What is drawn, each from a stream of its own.
SPEED, BODY, LEAVES, PLACE, ORDER, KNOWS = range(6)


def uniform(key: int, ids: NDArray[np.int64], purpose: int) -> NDArray[np.float64]:
    """Return one number in (0, 1) for each person and purpose: splitmix64 of key, person and purpose."""
    drawn = np.empty(len(ids))
    kernel.uniform(drawn, np.uint64(key & 0xFFFFFFFFFFFFFFFF), ids, np.uint64(purpose))
    return drawn


def free_speed(key: int, ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return free speeds, m/s: normal, cut by taking the quantile within the bounds."""
    return _cut_normal(uniform(key, ids, SPEED), SPEED_M_S, SPEED_SD, *SPEED_CUT)


def radius(key: int, ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the radii of bodies, m."""
    sd = DIAMETER_SHARE * DIAMETER_M
    low, high = DIAMETER_M - DIAMETER_CUT * sd, DIAMETER_M + DIAMETER_CUT * sd
    return 0.5 * _cut_normal(uniform(key, ids, BODY), DIAMETER_M, sd, low, high)


def _cut_normal(u: NDArray[np.float64], mean: float, sd: float, low: float, high: float) -> NDArray[np.float64]:
    from_p, to_p = ndtr((low - mean) / sd), ndtr((high - mean) / sd)
    return np.asarray(mean + sd * ndtri(from_p + u * (to_p - from_p)))
