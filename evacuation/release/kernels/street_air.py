"""The cloud's concentration at places of different heights: over the roofs of streets and at their ends."""

from __future__ import annotations

import math

from evacuation.release.kernels.growth import AXIS, X, Y, Z
from evacuation.release.kernels.pieces import (
    AX,
    AY,
    LEAST_SHARE,
    LENGTH,
    MASS,
    REACH,
    ROOT_TWO_PI,
    S0,
    S1,
    X0,
    Y0,
    bell,
    mean_place,
    normal,
)
from evacuation.release.kernels.similarity import shape, vertical_aloft
from twin.jit import kernel


@kernel
def prepare(inverse_out, ends, z0, west, north, tile_m, inv_l, levels):
    """Fill inverse_out (piece, 2, level), m: 1 / the share per metre of height at both ends of each piece, at heights `levels` (m).

    Or at the cloud's mean height where that is lower; of a cloud around an axis aloft always at these heights. ends (field, 2, piece);
    z0 (row, column) m on tiles; see `similarity.vertical` and `vertical_aloft`.
    """
    n_rows, n_cols = z0.shape
    for k in range(len(inverse_out)):
        for e in range(2):
            row = min(max(int((north - ends[Y, e, k]) / tile_m), 0), n_rows - 1)
            col = min(max(int((ends[X, e, k] - west) / tile_m), 0), n_cols - 1)
            mean = ends[Z, e, k]
            if ends[AXIS, e, k] > 0.0:
                for i in range(len(levels)):
                    share = vertical_aloft(mean, ends[AXIS, e, k], z0[row, col], inv_l, levels[i])
                    inverse_out[k, e, i] = 1.0 / max(share, LEAST_SHARE)
                continue
            s, _ = shape(mean, z0[row, col], inv_l)
            log_b = math.log(mean) + math.lgamma(1.0 / s) - math.lgamma(2.0 / s)
            least = math.exp(log_b + math.lgamma(1.0 / s)) / s
            for i in range(len(levels)):
                over_b = math.log(min(levels[i], mean)) - log_b
                inverse_out[k, e, i] = least * math.exp(math.exp(s * over_b))


@kernel
def at_heights(c_out, inverse, drawn, x, y, level):
    """Fill c_out (place,), kg m-3, at map points x, y and heights `level`, the numbers of those of `inverse`, all (place,).

    As `pieces.onto_cells`, each place at its own height. drawn (piece, COLUMNS) the pieces as `pieces.draw`
    prepares them, of which what hangs on the height is not read; inverse: see `prepare`.
    """
    for i in range(len(c_out)):
        total, m = 0.0, level[i]
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
            inv = 1.0 / (s0 + t * (s1 - s0))
            part = inv / (inverse[k, 0, m] + t * (inverse[k, 1, m] - inverse[k, 0, m]))
            if length > 0.0:
                along = normal(u * inv) - normal((u - length) * inv)
                total += drawn[k, MASS] / ROOT_TWO_PI * along * bell(min(0.5 * (v * inv) * (v * inv), 11.0)) * part
            else:
                q = 0.5 * (u * u + v * v) * inv * inv
                total += drawn[k, MASS] / (2.0 * math.pi) * bell(min(q, 11.0)) * inv * part
        c_out[i] = total
