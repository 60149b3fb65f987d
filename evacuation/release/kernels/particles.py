"""Lagrangian particles in a wind on the faces of cells and turbulence at their centres (Thomson 1987, J. Fluid Mech. 180, 529).

A particle moves with U + sigma_i v_i; its fluctuation over the local standard deviation follows

    dv_i = -v_i / T_i dt + d sigma_i / dx_i dt + (2 / T_i)^0.5 dW_i,     T_i = 2 sigma_i^2 / (C0 epsilon)

which is Thomson's well-mixed model for normal turbulence without correlations in steady wind that neither makes nor loses air: d(sigma
v) along the way gives its drift term by term. The wind within a cell is straight between its faces, so it loses no air there either; u*
is trilinear between centres and its slope is that of the same surface. Walls, ground and, where the sides are joined, the top reflect.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from twin.jit import kernel

LEAVE, JOINED = 0, 1
#: A step is at most this share of the Lagrangian time, and of the time that crosses a cell.
SHARE_OF_TIME, SHARE_OF_CELL = 0.1, 0.3
#: No step is shorter, s.
SHORTEST_S = 1e-4


@kernel
def uniform(seed, particle, drawn):
    """Return a number in (0, 1) that depends on nothing but its arguments: splitmix64 (Steele et al. 2014,
    doi:10.1145/2660193.2660195)."""
    x = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(particle) * np.uint64(0xD1342543DE82EF95)
    x += np.uint64(drawn) * np.uint64(0x9E3779B97F4A7C15)
    for _ in range(2):
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x = x ^ (x >> np.uint64(31))
        x += np.uint64(0x9E3779B97F4A7C15)
    return (float(x >> np.uint64(11)) + 0.5) * (1.0 / 9007199254740992.0)


@kernel
def pair(seed, particle, drawn):
    """Return two standard normal numbers (Box and Muller 1958)."""
    far = math.sqrt(-2.0 * math.log(uniform(seed, particle, drawn)))
    turn = 2.0 * math.pi * uniform(seed, particle, drawn + 1)
    return far * math.cos(turn), far * math.sin(turn)


@kernel
def layer(edges, z, k):
    """Return the layer that holds z, sought from k on."""
    while k > 0 and z < edges[k]:
        k -= 1
    while k + 2 < len(edges) and z >= edges[k + 1]:
        k += 1
    return k


@kernel
def _between(at, count):
    """Return the lower of the two centres around `at` (in cells from the first centre) and the share of the upper."""
    low = math.floor(at)
    if low < 0:
        return 0, 0.0
    if low >= count - 1:
        return max(count - 2, 0), 1.0 if count > 1 else 0.0
    return low, at - low


@kernel
def met(x, y, z, k, u, v, w, ustar, length, edges, cell, sigma_w):
    """Return what a particle meets at a place of the box: mean wind (3), u*, its slope (3), Lagrangian time, layer and its thickness."""
    nz, ny, nx = ustar.shape
    i, j, k = min(max(int(x / cell), 0), nx - 1), min(max(int(y / cell), 0), ny - 1), layer(edges, z, k)
    dz = edges[k + 1] - edges[k]
    fx, fy, fz = (
        min(max(x / cell - i, 0.0), 1.0),
        min(max(y / cell - j, 0.0), 1.0),
        min(max((z - edges[k]) / dz, 0.0), 1.0),
    )
    mean_x = u[k, j, i] + fx * (u[k, j, i + 1] - u[k, j, i])
    mean_y = v[k, j, i] + fy * (v[k, j + 1, i] - v[k, j, i])
    mean_z = w[k, j, i] + fz * (w[k + 1, j, i] - w[k, j, i])
    # The eight centres around the place.
    i0, sx = _between(x / cell - 0.5, nx)
    j0, sy = _between(y / cell - 0.5, ny)
    lower = k if fz >= 0.5 else k - 1
    k0, sz, apart = 0, 0.0, 1.0
    if nz > 1:
        k0 = min(max(lower, 0), nz - 2)
        z0, z1 = 0.5 * (edges[k0] + edges[k0 + 1]), 0.5 * (edges[k0 + 1] + edges[k0 + 2])
        apart = z1 - z0
        sz = min(max((z - z0) / apart, 0.0), 1.0)
    i1, j1, k1 = min(i0 + 1, nx - 1), min(j0 + 1, ny - 1), min(k0 + 1, nz - 1)
    q00 = ustar[k0, j0, i0] + sx * (ustar[k0, j0, i1] - ustar[k0, j0, i0])
    q01 = ustar[k0, j1, i0] + sx * (ustar[k0, j1, i1] - ustar[k0, j1, i0])
    q10 = ustar[k1, j0, i0] + sx * (ustar[k1, j0, i1] - ustar[k1, j0, i0])
    q11 = ustar[k1, j1, i0] + sx * (ustar[k1, j1, i1] - ustar[k1, j1, i0])
    low, high = q00 + sy * (q01 - q00), q10 + sy * (q11 - q10)
    q = low + sz * (high - low)
    grow_z = (high - low) / apart if 0.0 < sz < 1.0 else 0.0
    grow_y = ((q01 - q00) + sz * ((q11 - q10) - (q01 - q00))) / cell if 0.0 < sy < 1.0 else 0.0
    d00 = ustar[k0, j0, i1] - ustar[k0, j0, i0]
    d01 = ustar[k0, j1, i1] - ustar[k0, j1, i0]
    d10 = ustar[k1, j0, i1] - ustar[k1, j0, i0]
    d11 = ustar[k1, j1, i1] - ustar[k1, j1, i0]
    near, far = d00 + sy * (d01 - d00), d10 + sy * (d11 - d10)
    grow_x = (near + sz * (far - near)) / cell if 0.0 < sx < 1.0 else 0.0
    r = length[k0, j0, i0] + sz * (length[k1, j0, i0] - length[k0, j0, i0])
    time = r / (sigma_w * sigma_w * q)
    return mean_x, mean_y, mean_z, q, grow_x, grow_y, grow_z, time, k, dz


@kernel(parallel=True)
def move(position_out, fluctuation_out, drawn_out, here_out, u, v, w, ustar, length, air, edges, west, south, cell,
         sigmas, seed, seconds, sides):  # fmt: skip
    """Move each particle that is here by `seconds`.

    position_out (n, 3) m east, north, above ground; fluctuation_out (n, 3) in standard deviations; drawn_out (n,) random numbers used so
    far; here_out (n,) False once it has left. u, v, w: wind on faces, m s-1; ustar (m s-1, above 0), length (m, above 0): (nz, ny, nx),
    solids filled from their neighbours; air: False in solids; edges (nz + 1,) of layers, m; sigmas (3,): standard deviations over u*.
    sides: LEAVE or JOINED, what leaves on one side comes in on the other and the top reflects. Nothing depends on the order of particles
    or on threads.
    """
    nz, ny, nx = air.shape
    top, wide, deep = edges[nz], nx * cell, ny * cell
    for n in nb.prange(len(here_out)):
        if not here_out[n]:
            continue
        x, y, z = position_out[n, 0] - west, position_out[n, 1] - south, position_out[n, 2]
        a, b, c = fluctuation_out[n, 0], fluctuation_out[n, 1], fluctuation_out[n, 2]
        left, drawn, k = seconds, drawn_out[n], 0
        while left > 0.0:
            old_x, old_y, old_z = x, y, z
            mean_x, mean_y, mean_z, q, _, _, _, time, k, dz = met(
                x, y, z, k, u, v, w, ustar, length, edges, cell, sigmas[2]
            )
            i, j = min(int(x / cell), nx - 1), min(int(y / cell), ny - 1)
            go_x, go_y, go_z = mean_x + sigmas[0] * q * a, mean_y + sigmas[1] * q * b, mean_z + sigmas[2] * q * c
            step = min(left, SHARE_OF_TIME * time)
            step = min(step, SHARE_OF_CELL / (max(abs(go_x), abs(go_y)) / cell + abs(go_z) / dz + 1e-9))
            step = max(step, min(SHORTEST_S, left))
            # The middle of the step decides: the well-mixed state is kept to second order.
            half_x, half_y, half_z = x + 0.5 * step * go_x, y + 0.5 * step * go_y, z + 0.5 * step * go_z
            if half_z < 0.0:
                half_z = -half_z
            if sides == JOINED:
                half_x, half_y = half_x % wide, half_y % deep
            mean_x, mean_y, mean_z, q, grow_x, grow_y, grow_z, time, _, _ = met(
                half_x, half_y, half_z, k, u, v, w, ustar, length, edges, cell, sigmas[2]
            )
            time_x, time_y = time * (sigmas[0] / sigmas[2]) ** 2, time * (sigmas[1] / sigmas[2]) ** 2
            kept_x, kept_y, kept_z = math.exp(-step / time_x), math.exp(-step / time_y), math.exp(-step / time)
            g0, g1 = pair(seed, n, drawn)
            g2, _ = pair(seed, n, drawn + 2)
            drawn += 4
            new_a = kept_x * a + math.sqrt(1.0 - kept_x * kept_x) * g0
            new_a += time_x * (1.0 - kept_x) * sigmas[0] * grow_x
            new_b = kept_y * b + math.sqrt(1.0 - kept_y * kept_y) * g1
            new_b += time_y * (1.0 - kept_y) * sigmas[1] * grow_y
            new_c = kept_z * c + math.sqrt(1.0 - kept_z * kept_z) * g2
            new_c += time * (1.0 - kept_z) * sigmas[2] * grow_z
            x += step * (mean_x + 0.5 * sigmas[0] * q * (a + new_a))
            y += step * (mean_y + 0.5 * sigmas[1] * q * (b + new_b))
            z += step * (mean_z + 0.5 * sigmas[2] * q * (c + new_c))
            a, b, c = new_a, new_b, new_c
            left -= step
            # Ground and top.
            if z < 0.0:
                z, c = -z, -c
            if z >= top:
                if sides == LEAVE:
                    here_out[n] = False
                    break
                z, c = 2.0 * top - z - 1e-9, -c
            if x < 0.0 or x >= wide or y < 0.0 or y >= deep:
                if sides == LEAVE:
                    here_out[n] = False
                    break
                x, y = x % wide, y % deep
            # Walls, one direction after the other; a step is shorter than a cell.
            i2, j2, k2 = min(int(x / cell), nx - 1), min(int(y / cell), ny - 1), layer(edges, z, k)
            if not air[k2, j2, i2]:
                if i2 != i and not air[k, j, i2]:
                    face = max(i, i2) * cell if abs(i - i2) == 1 else (0.0 if i2 > i else wide)
                    x, a = (2.0 * face - x) % wide, -a
                if j2 != j and not air[k, j2, i]:
                    face = max(j, j2) * cell if abs(j - j2) == 1 else (0.0 if j2 > j else deep)
                    y, b = (2.0 * face - y) % deep, -b
                if k2 != k and not air[k2, j, i]:
                    z, c = 2.0 * edges[max(k, k2)] - z, -c
                i2, j2, k2 = min(int(x / cell), nx - 1), min(int(y / cell), ny - 1), layer(edges, z, k)
                if not air[k2, j2, i2]:  # round a corner: back to the cell it came from
                    x, y, z = old_x, old_y, old_z
                    a, b, c = -a, -b, -c
        position_out[n, 0], position_out[n, 1], position_out[n, 2] = x + west, y + south, z
        fluctuation_out[n, 0], fluctuation_out[n, 1], fluctuation_out[n, 2] = a, b, c
        drawn_out[n] = drawn
