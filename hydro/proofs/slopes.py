"""Rain on a plane against its exact hydrograph."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from hydro.arrays import simulate_arrays
from hydro.schemes.registry import SCHEMES
from twin.proof import Reference

#: Windows of the hydrograph, s, and depth of the pit behind the plane, m.
EVERY_S, PIT_M = 10.0, 50.0


class Plane(NamedTuple):
    """A plane under steady rain: slope, Manning's n (s m-1/3), length and cell (m), rain (m/s), duration (s)."""

    slope: float
    manning: float
    length_m: float
    cell_m: float
    rain_m_s: float
    duration_s: float

    @property
    def half_rise_s(self) -> float:
        """When half of the steady outflow is reached: q = a (i t)^(5/3) = i L / 2 with a = sqrt(S) / n."""
        a = self.slope**0.5 / self.manning
        return float((0.5 * self.rain_m_s * self.length_m / a) ** 0.6 / self.rain_m_s)


MM_H = 1.0 / 3.6e6
SMOOTH = Plane(0.05, 0.015, 800.0, 10.0, 10.8 * MM_H, 5400.0)
STREET = Plane(0.005, 0.03, 200.0, 2.0, 60.0 * MM_H, 3600.0)
GRASS = Plane(0.02, 0.15, 200.0, 5.0, 60.0 * MM_H, 3600.0)


def hydrograph(plane: Plane, scheme: str) -> dict[str, float]:
    """Return how far half-rise and peak of the outflow at the foot stand from the exact ones, relative.

    The outflow is read from a pit four cells wide behind the foot. Exact is the kinematic wave; at its steady end i L leaves.
    """
    along, pit, width = round(plane.length_m / plane.cell_m), 4, 4
    fall = plane.slope * plane.cell_m * (along - 0.5 - np.arange(along))
    z = np.tile(np.append(fall, np.full(pit, -PIT_M)), (width, 1))
    rain = np.where(np.arange(along + pit) < along, plane.rain_m_s, 0.0)
    run = simulate_arrays(
        z, plane.manning, np.broadcast_to(rain, (1, *z.shape)), [0.0], cell_m=plane.cell_m, scheme=scheme,
        duration_s=plane.duration_s, probes=[(i, along + k) for i in range(width) for k in range(pit)], every_s=EVERY_S,
    )  # fmt: skip
    flow = np.diff(run.probe_depth.sum(axis=1)) / np.diff(run.probe_s) * plane.cell_m / width  # m2/s
    steady, middle = plane.rain_m_s * plane.length_m, 0.5 * (run.probe_s[1:] + run.probe_s[:-1])
    k = int(np.argmax(flow >= 0.5 * steady))
    half = float(np.interp(0.5 * steady, flow[k - 1 : k + 1], middle[k - 1 : k + 1]))
    return {"half": abs(half / plane.half_rise_s - 1.0), "peak": abs(float(flow.max()) / steady - 1.0)}


def _all_schemes(plane: Plane) -> dict[str, float]:
    return {
        f"{scheme}_{name}": value for scheme in SCHEMES for name, value in hydrograph(plane, scheme).items()
    }  # fmt: skip


@cache
def plane_smooth(_: Reference) -> dict[str, float]:
    """Return the errors on 800 m of smooth hillside, by scheme."""
    return _all_schemes(SMOOTH)


@cache
def plane_street(_: Reference) -> dict[str, float]:
    """Return the errors on 200 m of street, by scheme."""
    return _all_schemes(STREET)


@cache
def plane_grass(_: Reference) -> dict[str, float]:
    """Return the errors on 200 m of grass, by scheme."""
    return _all_schemes(GRASS)
