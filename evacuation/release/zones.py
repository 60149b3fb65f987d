"""Zones by how likely they are: how much ground, and how far, the wind members reach a level on with 10, 50 and 90 %."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from twin.grid import Grid

#: Share of members from which on a cell belongs to a zone: hardly to be ruled out, as likely as not, nearly certain.
LIKELY = (0.1, 0.5, 0.9)

COLUMNS = ["level", "likely", "area_m2", "reach_m", "at_rim"]


def zones(
    grid: Grid, shares: Mapping[str, NDArray[np.floating]], sources: Sequence[tuple[float, float]]
) -> pd.DataFrame:
    """Return a row per level (`shares`: level -> share of members (y, x) that reach it) and likelihood: area, reach, whether at the rim.

    area_m2: of the cells in the zone. reach_m: from the nearest source (map points) to the far corner of the farthest of them, missing
    without sources or cells. at_rim: the zone touches the city's rim, so that it goes on, by how much is not known.
    """
    xx, yy = np.meshgrid(grid.x, grid.y)
    away, half = np.full(grid.shape, np.inf), 0.5 * grid.cell_m
    for x, y in sources:
        away = np.minimum(away, np.hypot(np.abs(xx - x) + half, np.abs(yy - y) + half))
    rows = []
    for level, share in shares.items():
        for likely in LIKELY:
            zone = share >= likely - 1e-9
            rim = zone[[0, -1]].any() or zone[:, [0, -1]].any()
            reach = float(away[zone].max()) if zone.any() and len(sources) else np.nan
            rows.append((level, likely, float(zone.sum()) * grid.cell_area_m2, reach, bool(rim)))
    return pd.DataFrame(rows, columns=COLUMNS)


def of_danger(
    grid: Grid, worst: NDArray[np.floating], shares: NDArray[np.floating], sources: Sequence[tuple[float, float]]
) -> pd.Series:
    """Return the row of `zones` of where life is in danger: at severity 3 (y, x), or so in a few of the wind members.

    `shares` (level, y, x) of them that reach what is deadly or burns; NaN without members.
    """
    met = (worst >= 3.0) | (np.nan_to_num(shares) >= LIKELY[0] - 1e-9).any(axis=0)
    return zones(grid, {"life": met.astype(float)}, sources).iloc[0]
