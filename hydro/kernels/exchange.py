"""Exchange of water between the surface and the manholes of a drain network."""

from __future__ import annotations

import math

import numpy as np

from hydro.kernels.floats import GRAVITY
from twin.jit import kernel


@kernel
def exchange(
    volume_out,
    h_out,
    z,
    row,
    col,
    head,
    ahead,
    rim,
    inlet_length,
    inlet_area,
    shaft_area,
    store_area,
    open_share,
    cell_area,
    weir,
    orifice,
    dt,
):
    """Move one exchange step's water between cells and manholes; `volume_out` (m3) > 0 goes down, < 0 comes up.

    Flow is C A sqrt(2 g d) through the shaft (up) or the grate (down), d the drop from the higher to the lower level;
    down at most the weir over the inlet's rim, 2/3 C L y sqrt(2 g d), y the depth of the surface: the free weir, the
    submerged weir and the submerged orifice of Rubinato et al. 2017, doi:10.1016/j.jhydrol.2017.06.024 (their submerged
    weir without the 2/3; kept here, so that both weirs meet at d = y). A free inlet has d = y. Down times `open_share`.

    Damping: `ahead` is the head one step on if nothing is exchanged; a volume V moves it by V / store and the surface by
    V / cell. The drop is taken at the end of the step, which gives a quadratic for V, so no step passes the level.

    Shapes: `h_out`, `z` (ny, nx) of any float type, the rest (n,). Lengths in m, areas in m2, `dt` in s; `weir` and
    `orifice` are dimensionless. `volume_out` is what `h_out` lost after rounding to its own type, so the books close.
    """
    root_2g = math.sqrt(2.0 * GRAVITY)
    for k in range(row.size):
        i, j = row[k], col[k]
        depth = np.float64(h_out[i, j])
        ground = max(
            np.float64(z[i, j]), rim[k]
        )  # a lid below the terrain cell is taken at the cell, one above at its rim
        gap = ahead[k] - ground - depth
        share = 1.0 / (1.0 / store_area[k] + 1.0 / cell_area)  # volume that closes a gap of one metre
        volume = 0.0
        if gap > 0.0 and head[k] > ground:
            volume = -levelling(gap, orifice * shaft_area[k] * root_2g * dt, share)
        elif gap < 0.0 and depth > 0.0:
            opening = inlet_opening(depth, inlet_length[k], inlet_area[k], weir, orifice) * open_share[k]
            volume = opening * root_2g * math.sqrt(depth) * dt
            if ahead[k] + volume / share > ground:
                volume = levelling(-gap, opening * root_2g * dt, share)
            volume = min(volume, depth * cell_area)
        h_out[i, j] = max(depth - volume / cell_area, 0.0)
        volume_out[k] = (depth - np.float64(h_out[i, j])) * cell_area


@kernel(inline=True)
def inlet_opening(depth, length, area, weir, orifice):
    """Return the effective opening (m2) of an inlet under `depth` of water: of its weir or its grate, the lesser."""
    return min(weir * 2.0 / 3.0 * length * depth, orifice * area)


@kernel(inline=True)
def free_inlet(depth, length, area, weir, orifice):
    """Return the flow (m3/s) into an inlet that nothing backs up."""
    return inlet_opening(depth, length, area, weir, orifice) * math.sqrt(2.0 * GRAVITY * depth)


@kernel(inline=True)
def levelling(gap, per_root, share):
    """Return the volume V (m3) with V = per_root sqrt(gap - V / share): an orifice at the drop that V leaves."""
    if per_root <= 0.0:
        return 0.0
    back = 1.0 / share
    return 2.0 * gap / (back + math.sqrt(back * back + 4.0 * gap / (per_root * per_root)))
