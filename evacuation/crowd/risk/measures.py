"""Other ways to look at a crowd: Voronoi and grid density, pressure, line load on a barrier, slow sway."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from evacuation.crowd.people.law import STIFFNESS

#: Cells of Voronoi are cut at this distance from the person, m.
CUT_M = 1.0

#: Periods that count as slow sway of a crowd, s, and how often the strongest must exceed the median power to be told.
SWAY_S, SWAY_STRENGTH = (4.0, 60.0), 30.0


def voronoi(at: NDArray[np.float64], ground: shapely.Geometry) -> NDArray[np.object_]:
    """Return everybody's Voronoi cell (n,) of places (n, 2) on the ground, cut at CUT_M."""
    circles = shapely.buffer(shapely.points(at), CUT_M, quad_segs=4)
    if len(at) == 1:
        return np.asarray(shapely.intersection(circles, ground))
    found = shapely.voronoi_polygons(shapely.multipoints(at), extend_to=ground, ordered=True)
    return np.asarray(shapely.intersection(shapely.intersection(shapely.get_parts(found), circles), ground))


def voronoi_density(at: NDArray[np.float64], ground: shapely.Geometry, place: shapely.Geometry) -> float:
    """Return persons/m2 in a place: the mean of 1 / cell over it; 0 where nobody is near."""
    if len(at) == 0:
        return 0.0
    cells = voronoi(at, ground)
    parts, areas = shapely.area(shapely.intersection(cells, place)), shapely.area(cells)
    known = areas > 0.0
    return float((parts[known] / areas[known]).sum() / place.area)


def grid_density(at: NDArray[np.float64], place: shapely.Geometry) -> float:
    """Return persons/m2 in a place by counting who stands in it."""
    return float(shapely.contains_xy(place, at).sum() / place.area) if len(at) else 0.0


def pressure(
    at: NDArray[np.float64], v: NDArray[np.float64], where: NDArray[np.float64], width: float
) -> NDArray[np.float64]:
    """Return density times the variance of velocity at places (m, 2), 1/s2, with the weights exp(-d2 / width2) (Helbing et al. 2007).

    Harmless flows exceed the published 0.02 (the data's README): only its rise above 5 persons/m2 means anything.
    """
    weight = np.exp(-((where[:, None, :] - at[None, :, :]) ** 2).sum(axis=2) / width**2)
    total = weight.sum(axis=1)
    mean = weight @ v / total[:, None]
    spread = (weight * ((v[None, :, :] - mean[:, None, :]) ** 2).sum(axis=2)).sum(axis=1) / total
    return np.asarray(total / (np.pi * width**2) * spread)


def line_load(line: shapely.LineString, at: NDArray[np.float64], radius: NDArray[np.float64]) -> float:
    """Return the load of bodies on a barrier, N/m: the springs of all that touch it, over its length."""
    over = radius - shapely.distance(line, shapely.points(at))
    return float(STIFFNESS * np.maximum(over, 0.0).sum() / line.length)


def sway(v: NDArray[np.float64], step_s: float) -> float:
    """Return the period of a slow sway of the crowd's mean velocity (time,), s; NaN for none.

    The strongest period of the windowed spectrum within SWAY_S, refined by the parabola through its logarithm, where it exceeds the median
    power SWAY_STRENGTH times. Steps of people (about 2 Hz) and their sway (0.5 Hz) are quicker and not told.
    """
    n = len(v)
    padded = 8 * n
    power = np.abs(np.fft.rfft((v - v.mean()) * np.hanning(n), padded)) ** 2
    period = np.full(len(power), np.inf)
    period[1:] = padded * step_s / np.arange(1, len(power))
    slow = np.flatnonzero((period >= SWAY_S[0]) & (period <= min(SWAY_S[1], n * step_s / 1.5)))
    if not len(slow):
        return float("nan")
    k = int(slow[power[slow].argmax()])
    if power[k] < SWAY_STRENGTH * np.median(power[1:]):
        return float("nan")
    a, b, c = np.log(power[k - 1 : k + 2])
    return float(padded * step_s / (k + 0.5 * (a - c) / (a - 2.0 * b + c)))
