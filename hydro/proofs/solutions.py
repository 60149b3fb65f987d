"""Exact solutions of the shallow-water equations, for verification (collected in Delestre et al. 2013, doi:10.1002/fld.3741)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from hydro.kernels.floats import GRAVITY

Array = NDArray[np.floating]


class Solution(NamedTuple):
    """Depth (m) and velocity towards +x and +y (m/s)."""

    h: Array
    u: Array
    v: Array


def ritter(x: Array, t: float, depth: float) -> Solution:
    """Return a dam break at x = 0 over a flat dry frictionless bed at `t` > 0 s; `depth` (m) stands at x < 0 before.

    Ritter 1892: between -c t and 2 c t, h = (2 c - x / t)^2 / 9g and u = 2/3 (x / t + c), c = sqrt(g depth).
    """
    c = math.sqrt(GRAVITY * depth)
    s = np.clip(x / t, -c, 2.0 * c)
    h = (2.0 * c - s) ** 2 / (9.0 * GRAVITY)
    return Solution(h, np.where(x / t < 2.0 * c, 2.0 / 3.0 * (s + c), 0.0), np.zeros_like(h))


def stoker(x: Array, t: float, left: float, right: float) -> Solution:
    """Return a dam break at x = 0 onto standing water at `t` > 0 s; `left` > `right` > 0 are the depths before, m.

    Stoker 1957: a rarefaction, a plateau of depth h2 and a shock. h2 makes u = 2 (c_left - c_2) of the rarefaction equal
    to (h2 - right) sqrt(g (h2 + right) / (2 h2 right)) of the shock.
    """

    def shock_u(h: float) -> float:
        return (h - right) * math.sqrt(0.5 * GRAVITY * (h + right) / (h * right))

    c = math.sqrt(GRAVITY * left)
    middle = brentq(lambda h: 2.0 * (c - math.sqrt(GRAVITY * h)) - shock_u(h), right, left, xtol=1e-14)
    u = shock_u(middle)
    shock = middle * u / (middle - right)
    s = x / t
    fan = np.clip(s, -c, u - math.sqrt(GRAVITY * middle))
    h = np.where(s < shock, (2.0 * c - fan) ** 2 / (9.0 * GRAVITY), right)
    return Solution(h, np.where(s < shock, 2.0 / 3.0 * (fan + c), 0.0), np.zeros_like(h))


class Bowl(NamedTuple):
    """Thacker's (1981) plane surface turning in a paraboloid z = -depth (1 - r^2 / radius^2) without friction.

    `depth` at the centre, m; `radius` of the still shore, m; `amplitude` of the turning centre, m.
    """

    depth: float = 0.1
    radius: float = 1.0
    amplitude: float = 0.5

    @property
    def period(self) -> float:
        """Time of one turn, s: 2 pi radius / sqrt(2 g depth)."""
        return 2.0 * math.pi * self.radius / math.sqrt(2.0 * GRAVITY * self.depth)

    def bed(self, x: Array, y: Array) -> Array:
        """Return the bed, m; x and y from the centre."""
        return -self.depth * (1.0 - (x**2 + y**2) / self.radius**2)

    def water(self, x: Array, y: Array, t: float) -> Solution:
        """Return the water at `t` s; its velocity is the same everywhere and zero on dry ground."""
        w = 2.0 * math.pi / self.period
        turn = 2.0 * x * math.cos(w * t) + 2.0 * y * math.sin(w * t) - self.amplitude
        h = np.maximum(self.amplitude * self.depth / self.radius**2 * turn - self.bed(x, y), 0.0)
        u, v = -self.amplitude * w * math.sin(w * t), self.amplitude * w * math.cos(w * t)
        return Solution(h, np.where(h > 0, u, 0.0), np.where(h > 0, v, 0.0))
