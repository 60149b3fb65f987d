"""Exchange of water between the surface and the manholes of a drain network."""

from __future__ import annotations

import math

from hydro.kernels.inertial import GRAVITY
from twin.jit import kernel


@kernel
def exchange(
    volume_out,
    h,
    z,
    row,
    col,
    head,
    rim,
    inlet_length,
    inlet_area,
    shaft_area,
    pond_area,
    open_share,
    cell_area,
    weir,
    orifice,
    dt,
):
    """Move one exchange step's water between cells and manholes; `volume_out` (m3) > 0 goes down, < 0 comes up.

    Down: the lesser of a weir over the inlet's rim and an orifice through its grate, both times the share that is not
    blocked (Rubinato et al. 2017, doi:10.1016/j.jhydrol.2017.06.024), at most what the cell holds and at most what
    levels head and surface. Up: an orifice through the shaft under head minus surface, at most what stands ponded above
    the rim. Lengths in m, areas in m2, `dt` in s; `weir` and `orifice` are the dimensionless discharge coefficients.
    """
    for k in range(row.size):
        i, j = row[k], col[k]
        depth = h[i, j]
        ground = max(z[i, j], rim[k])  # a lid below the terrain cell is taken at the cell, one above at its rim
        level = ground + depth
        volume = 0.0
        if head[k] > level:
            flow = orifice * shaft_area[k] * math.sqrt(2.0 * GRAVITY * (head[k] - level))
            volume = -min(flow * dt, (head[k] - level) * pond_area[k])
        elif depth > 0.0:
            drop = level - max(head[k], ground)
            over = weir * 2.0 / 3.0 * inlet_length[k] * math.sqrt(2.0 * GRAVITY * drop) * drop
            through = orifice * inlet_area[k] * math.sqrt(2.0 * GRAVITY * drop)
            volume = min(min(over, through) * open_share[k] * dt, depth * cell_area * (1.0 - 1e-12))
            if head[k] > ground:
                volume = min(volume, drop * pond_area[k])
        h[i, j] = depth - volume / cell_area
        volume_out[k] = volume
