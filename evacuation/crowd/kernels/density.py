"""Density of people by a Gaussian kernel on a raster, how long it stood above bounds, and the worst of each zone."""

from __future__ import annotations

import math

from evacuation.crowd.kernels.walls import crosses
from twin.jit import kernel


@kernel
def gaussian(density_out, weight_scratch, x, w, weight, cell, width, spots, sight):
    """Write at the spot of each cell the sum of weight exp(-d2 / width2) / (pi width2), cut at 3 widths and where a wall stands between.

    Weights of 1 give persons/m2 still to be divided by the kernel's share of open ground, weights of m2 of ground that share. `density_out`
    (ny, nx), places (n,), lengths in m; `spots` (2, ny, nx): x and w of cells that are not looked at in their middle, else NaN; `sight`:
    the walls by square.
    """
    ny, nx = density_out.shape
    density_out[:] = 0.0
    reach = 3.0 * width
    scale = 1.0 / (math.pi * width * width)
    for i in range(x.size):
        c0, c1 = max(int((x[i] - reach) / cell), 0), min(int((x[i] + reach) / cell), nx - 1)
        r0, r1 = max(int((w[i] - reach) / cell), 0), min(int((w[i] + reach) / cell), ny - 1)
        square = int(w[i] / sight.size) * sight.columns + int(x[i] / sight.size)
        first, last = sight.start[square], sight.start[square + 1]
        for c in range(c0, c1 + 1):
            d = ((c + 0.5) * cell - x[i]) / width
            weight_scratch[0, c - c0] = math.exp(-d * d) * scale * weight[i]
        for r in range(r0, r1 + 1):
            d = ((r + 0.5) * cell - w[i]) / width
            share = math.exp(-d * d)
            for c in range(c0, c1 + 1):
                qx, qw, part = (c + 0.5) * cell, (r + 0.5) * cell, share * weight_scratch[0, c - c0]
                if spots[0, r, c] == spots[0, r, c]:
                    qx, qw = spots[0, r, c], spots[1, r, c]
                    dx, dw = (qx - x[i]) / width, (qw - w[i]) / width
                    part = math.exp(-dx * dx - dw * dw) * scale * weight[i]
                if first < last and _walled(x[i], w[i], qx, qw, first, last, sight):
                    continue
                density_out[r, c] += part


@kernel(inline=True)
def _walled(px, pw, qx, qw, first, last, sight):
    """Return whether one of the walls `first` to `last` of `sight.near` stands between p and q."""
    for m in range(first, last):
        s = sight.near[m]
        if crosses(px, pw, qx, qw, sight.line[s, 0], sight.line[s, 1], sight.line[s, 2], sight.line[s, 3]):
            return True
    return False


@kernel
def keep_worst(highest_out, above_out, density, bounds, step):
    """Keep the highest density and add `step` seconds where it stands at or above each bound; `above_out` (bound, ny, nx).

    Bounds ascend and are above 0.
    """
    ny, nx = density.shape
    for i in range(ny):
        for j in range(nx):
            if density[i, j] > highest_out[i, j]:
                highest_out[i, j] = density[i, j]
            b = 0
            while b < bounds.size and density[i, j] >= bounds[b]:
                above_out[b, i, j] += step
                b += 1


@kernel
def worst_of_zones(density_out, load_out, density, zone_start, zone_cells, load, zone):
    """Write the highest density in the cells of each zone and the highest load of the people in it (`zone` of each, -1: none).

    The cells of zone k are `zone_cells` from `zone_start[k]` to `zone_start[k + 1]`; 0 for a zone without cells or people.
    """
    for k in range(density_out.size):
        density_out[k] = load_out[k] = 0.0
        for m in range(zone_start[k], zone_start[k + 1]):
            density_out[k] = max(density_out[k], density[zone_cells[m]])
    for i in range(zone.size):
        if zone[i] >= 0:
            load_out[zone[i]] = max(load_out[zone[i]], load[i])
