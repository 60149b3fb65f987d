"""The cloud's concentration at places of different heights: over the roofs of streets and at their ends."""

from __future__ import annotations

import math

from evacuation.release.kernels.growth import X, Y, Z
from evacuation.release.kernels.pieces import (
    AX,
    AY,
    LENGTH,
    MASS,
    REACH,
    ROOT_TWO,
    ROOT_TWO_PI,
    S0,
    S1,
    X0,
    Y0,
    mean_place,
)
from evacuation.release.kernels.similarity import shape
from twin.jit import kernel


@kernel
def prepare(shapes_out, ends, z0, west, north, tile_m, inv_l):
    """Fill shapes_out (piece, 2, 4) of both ends of each piece: what its vertical profile exp(-(z / b)^s) hangs on.

    Exponent s, ln b, largest share per metre of height (m-1), ln of the mean height. ends (field, 2, piece); z0 (row, column) m.
    """
    n_rows, n_cols = z0.shape
    for k in range(len(shapes_out)):
        for e in range(2):
            row = min(max(int((north - ends[Y, e, k]) / tile_m), 0), n_rows - 1)
            col = min(max(int((ends[X, e, k] - west) / tile_m), 0), n_cols - 1)
            mean = ends[Z, e, k]
            s, _ = shape(mean, z0[row, col], inv_l)
            log_b = math.log(mean) + math.lgamma(1.0 / s) - math.lgamma(2.0 / s)
            shapes_out[k, e, 0], shapes_out[k, e, 1] = s, log_b
            shapes_out[k, e, 2] = s * math.exp(-log_b - math.lgamma(1.0 / s))
            shapes_out[k, e, 3] = math.log(mean)


@kernel
def at_heights(c_out, shapes, drawn, x, y, z):
    """Fill c_out (place,), kg m-3, at map points x, y and heights z (m), all (place,).

    As `pieces.at_points`, within REACH of each piece, each place with its own height, or the cloud's mean height where that is lower.
    drawn (piece, COLUMNS) the pieces as `pieces.draw` prepares them, of which what hangs on the height is not read; shapes: see `prepare`.
    """
    for i in range(len(c_out)):
        log_z, total = math.log(z[i]), 0.0
        for k in range(len(drawn)):
            s0, s1, length = drawn[k, S0], drawn[k, S1], drawn[k, LENGTH]
            ax, ay, dx, dy = drawn[k, AX], drawn[k, AY], x[i] - drawn[k, X0], y[i] - drawn[k, Y0]
            u, v, reach = ax * dx + ay * dy, ax * dy - ay * dx, REACH * max(s0, s1)
            if abs(v) > reach or u < -reach or u > length + reach:
                continue
            t = 1.0
            if length > 0.0:
                base, slope = mean_place(length, s0, s1)
                t = min(max(base + slope * u, 0.0), 1.0)
            inverse = 0.0  # 1 / f, f the share per metre at this height
            for e in range(2):
                part = t if e == 1 else 1.0 - t
                if part > 0.0:
                    over_b = min(log_z, shapes[k, e, 3]) - shapes[k, e, 1]
                    inverse += part * math.exp(math.exp(shapes[k, e, 0] * over_b)) / shapes[k, e, 2]
            inv = 1.0 / (s0 + t * (s1 - s0))
            q = 0.5 * (v * inv) * (v * inv)
            if length > 0.0:
                along = 0.5 * (math.erf(u * inv / ROOT_TWO) - math.erf((u - length) * inv / ROOT_TWO))
                total += drawn[k, MASS] / ROOT_TWO_PI * along * math.exp(-q) * inv / inverse
            else:
                total += (
                    drawn[k, MASS] / (2.0 * math.pi) * math.exp(-q - 0.5 * (u * inv) * (u * inv)) * inv * inv / inverse
                )
        c_out[i] = total
