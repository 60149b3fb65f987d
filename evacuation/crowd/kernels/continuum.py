"""A crowd as a density: conserved, never negative, never above the jam density."""

from __future__ import annotations

import math

from twin.jit import kernel

FREE_M_S, SHAPE, JAM_M2 = 1.34, 1.913, 5.4  # Weidmann 1993
CRITICAL_M2 = 1.75  # density of the highest flow of his relation


@kernel(inline=True)
def walking_flow(density):
    """Return persons/m/s at a density, Weidmann's v = 1.34 (1 - exp(-1.913 (1/rho - 1/5.4))); 0 for nobody and for a jam."""
    if density <= 0.0 or density >= JAM_M2:
        return 0.0
    return density * FREE_M_S * (1.0 - math.exp(-SHAPE * (1.0 / density - 1.0 / JAM_M2)))


@kernel
def spread(density_out, flow_x_out, flow_w_out, way_x, way_w, wall, cell, dt):
    """Move a density by one step of d(rho)/dt + div(rho v(rho) e) = 0, e the unit way (way_x, way_w).

    Hughes 2002, doi:10.1016/S0191-2615(01)00015-7.

    Through each face goes the smaller of what the cell behind can send and the one ahead can take (Daganzo 1994), times the part of e
    across the face (mean of both cells). Arrays (ny, nx), persons/m2; `flow_x_out` (ny, nx + 1) and `flow_w_out` (ny + 1, nx), persons/s.
    Nothing passes walls or the rim. Stable for dt <= cell / (2 * 1.34 m/s).
    """
    ny, nx = density_out.shape
    highest = walking_flow(CRITICAL_M2)
    for i in range(ny):
        for j in range(1, nx):
            flow_x_out[i, j] = 0.0
            if wall[i, j - 1] or wall[i, j]:
                continue
            e = 0.5 * (way_x[i, j - 1] + way_x[i, j])
            behind, ahead = (
                (density_out[i, j - 1], density_out[i, j]) if e > 0.0 else (density_out[i, j], density_out[i, j - 1])
            )
            send = walking_flow(behind) if behind < CRITICAL_M2 else highest
            take = highest if ahead < CRITICAL_M2 else walking_flow(ahead)
            flow_x_out[i, j] = e * min(send, take) * cell
    for i in range(1, ny):
        for j in range(nx):
            flow_w_out[i, j] = 0.0
            if wall[i - 1, j] or wall[i, j]:
                continue
            e = 0.5 * (way_w[i - 1, j] + way_w[i, j])
            behind, ahead = (
                (density_out[i - 1, j], density_out[i, j]) if e > 0.0 else (density_out[i, j], density_out[i - 1, j])
            )
            send = walking_flow(behind) if behind < CRITICAL_M2 else highest
            take = highest if ahead < CRITICAL_M2 else walking_flow(ahead)
            flow_w_out[i, j] = e * min(send, take) * cell
    share = dt / (cell * cell)
    for i in range(ny):
        for j in range(nx):
            density_out[i, j] += share * (
                flow_x_out[i, j] - flow_x_out[i, j + 1] + flow_w_out[i, j] - flow_w_out[i + 1, j]
            )
