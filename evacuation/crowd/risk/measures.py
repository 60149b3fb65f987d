"""Other ways to look at a crowd: Voronoi and grid density, pressure, line load on a barrier, slow sway."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from evacuation.crowd.people.law import STIFFNESS

#: Cells of Voronoi are cut at this distance from the person, m.
CUT_M = 1.0

#: Periods that count as slow sway of a crowd, s. It is told where chance alone would show it in so small a share of crowds.
SWAY_S, CHANCE = (4.0, 60.0), 1e-6


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
    at: NDArray[np.float64],
    v: NDArray[np.float64],
    where: NDArray[np.float64],
    width: float,
    kind: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """Return density times the variance of velocity at places (m, 2), 1/s2, with the weights exp(-d2 / width2) (Helbing et al. 2007).

    kind (n,): who walks in another direction for a reason of his own; each velocity is taken off the local mean of its own kind. Harmless
    flows exceed the published 0.02 (the data's README): only its rise above 5 persons/m2 means anything.
    """
    weight = np.exp(-((where[:, None, :] - at[None, :, :]) ** 2).sum(axis=2) / width**2)
    spread = np.zeros(len(where))
    for own in [np.ones(len(at), bool)] if kind is None else [kind == k for k in np.unique(kind)]:
        part, among = weight[:, own], v[own]
        mean = part @ among / np.maximum(part.sum(axis=1), np.finfo(float).tiny)[:, None]
        spread += (part * ((among[None, :, :] - mean[:, None, :]) ** 2).sum(axis=2)).sum(axis=1)
    return np.asarray(spread / (np.pi * width**2))


def line_load(line: shapely.LineString, at: NDArray[np.float64], radius: NDArray[np.float64]) -> float:
    """Return the load of bodies on a barrier, N/m: the springs of all that touch it, over its length."""
    over = radius - shapely.distance(line, shapely.points(at))
    return float(STIFFNESS * np.maximum(over, 0.0).sum() / line.length)


def sway(v: NDArray[np.float64], step_s: float, periods: float = 1.5) -> float:
    """Return the period of a slow sway of the crowd's mean velocity (time,), s; NaN for none.

    Of all periods within SWAY_S that fit in the time so often, the one whose wave with a straight trend leaves the least. It is told
    where noise that remembers its last step (of the first order, fitted to what is left) would have such a wave in less than CHANCE: a
    queue that wanders is no sway (after Torrence and Compo 1998, doi:10.1175/1520-0477(1998)079<0061:APGTWA>2.0.CO;2). Steps of people
    (about 2 Hz) and their sway (0.5 Hz) are quicker and not told.
    """
    n = len(v)
    t, length = step_s * np.arange(n), n * step_s
    longest = min(SWAY_S[1], length / periods)
    if longest <= SWAY_S[0]:
        return float("nan")
    often = np.arange(1.0 / longest, 1.0 / SWAY_S[0], 1.0 / (8.0 * length))
    trend = np.linalg.qr(np.column_stack([np.ones(n), t - t.mean()]))[0]
    angle = 2.0 * np.pi * np.outer(often, t)
    v, c, s = (part - (part @ trend) @ trend.T for part in (v, np.cos(angle), np.sin(angle)))
    cc, ss, cs, vc, vs = (c * c).sum(axis=1), (s * s).sum(axis=1), (c * s).sum(axis=1), c @ v, s @ v
    a, b = ((vc * ss - vs * cs), (vs * cc - vc * cs)) / (cc * ss - cs**2)
    taken = a * vc + b * vs
    k = int(taken.argmax())
    left = v - a[k] * c[k] - b[k] * s[k]
    square = float(left @ left)
    if square <= np.finfo(float).eps * float(v @ v):
        return float(1.0 / often[k]) if taken[k] > 0.0 else float("nan")
    r = float(left[1:] @ left[:-1]) / square
    r = min(
        max(r + (1.0 + 4.0 * r) / n, 0.0), 0.99
    )  # the estimate of a short series is too low by so much (Kendall 1954)
    noise = square / (n - 4) * (1.0 - r * r) / (1.0 - 2.0 * r * np.cos(2.0 * np.pi * often[k] * step_s) + r * r)
    told = taken[k] >= -2.0 * noise * np.log(CHANCE / max(len(often) / 8.0, 1.0))
    return float(1.0 / often[k]) if told else float("nan")
