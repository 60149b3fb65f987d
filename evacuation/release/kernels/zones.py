"""First guess of the wind around buildings: zones behind, before, between and on them (Roeckle 1990, Kaplan and Dinar 1996).

Each column of air looks along the wind for the buildings it is behind, and against it for the one it stands before. Behind a wall, at the
distance x from it, a cavity as long as d turns the wind back and a wake three times as long slows it:

    u = -U(H) (1 - x / d)^2,  x < d;    u = U(z) (1 - (d / x)^1.5),  d < x < 3 d,    d = L_R ((1 - (z / H)^2) (1 - (2 y / W)^2))^0.5

with U(H) the inflow at the roof (Kaplan and Dinar 1996, doi:10.1016/1352-2310(95)00233-2). Before a front wall the wind is slowed to 0.4
in an ellipsoid 0.6 H high and L_F long and still in its inner 0.4 (Bagal et al. 2004). Where a second wall stands within L_R
there is a canyon of the width S: across it u = -4 U(H) x / S (1 - x / S), w = -|1/2 - x / S| (2 x / S - 1) U(H), along it the inflow
(Roeckle 1990; Singh et al. 2008, doi:10.1007/s10652-008-9084-5). On a roof that the wind meets within 15 degrees of its normal a vortex
0.22 R high and 0.9 R long is turned back in its lower half (Pol et al. 2006), R the scale of `obstacles`.
"""

from __future__ import annotations

import math

import numba as nb

from twin.jit import kernel

#: Columns of the table of obstacles.
HEIGHT, WIDTH, MIDDLE, CAVITY, FRONT, VORTEX, ROOF_WIND = range(7)
SLOWED, INNER, LOW = 0.4, 0.4, 0.6
WAKE = 3.0
#: Cosine of the largest angle between the wind and the normal of a front at which its roof has a vortex.
STRAIGHT = math.cos(math.radians(15.0))


@kernel
def behind(x, across, z, height, width, cavity):
    """Return the length d of the cavity on the line `across` from the middle of the building at height z, 0 beyond it."""
    flank, top = 2.0 * across / width, z / height
    return cavity * math.sqrt(max((1.0 - top * top) * (1.0 - flank * flank), 0.0))


@kernel(parallel=True)
def guess(u_out, v_out, w_out, label, roof, normal_x, normal_y, table, z, inflow, east, north, cell, reach):
    """Fill the first guess u_out, v_out, w_out (nz, ny, nx), m s-1 at the centres of cells, towards east, north and up.

    label (ny, nx): obstacle of a column, -1 for none; roof (ny, nx) its height, m. normal (ny, nx): unit vector out of the wall, on the
    cells of obstacles at their edge. table (obstacle, columns): see above, m and m s-1. z (nz,) centres of layers, inflow (nz,) speed at
    them, (east, north) unit vector that the air moves to. cell m; reach m: how far a column looks.
    """
    nz, (ny, nx) = len(z), label.shape
    for j in nb.prange(ny):
        for i in range(nx):
            own, bottom = label[j, i], roof[j, i]
            # Against the wind's coming: the first wall downwind.
            ahead, ahead_of, front_j, front_i = 2.0 * reach, -1, 0, 0
            for step in range(1, int(2.0 * reach / cell)):
                far = (0.5 * step - 0.25) * cell
                jj, ii = math.floor(j + 0.5 + north * far / cell), math.floor(i + 0.5 + east * far / cell)
                if jj < 0 or jj >= ny or ii < 0 or ii >= nx:
                    break
                if label[jj, ii] >= 0 and label[jj, ii] != own and roof[jj, ii] > bottom:
                    ahead, ahead_of, front_j, front_i = far - 0.25 * cell, label[jj, ii], jj, ii
                    break
            for k in range(nz):
                solid = z[k] < bottom
                u_out[k, j, i] = 0.0 if solid else inflow[k]
                v_out[k, j, i] = 0.0 if solid else -1.0
                w_out[k, j, i] = 0.0
            # For now u is the speed along the wind, v is -1 until a cavity or canyon has set the cell, then its speed across.
            across = (j + 0.5) * cell * east - (i + 0.5) * cell * north
            if own >= 0:
                _on_roof(u_out, v_out, label, normal_x, normal_y, table, z, inflow, east, north, cell, j, i)
            if ahead_of >= 0:
                _before(u_out, table, z, bottom, ahead, ahead_of, across, j, i)
            hidden, last = bottom, own
            for step in range(1, int(2.0 * reach / cell)):
                far = (0.5 * step - 0.25) * cell
                jj, ii = math.floor(j + 0.5 - north * far / cell), math.floor(i + 0.5 - east * far / cell)
                if jj < 0 or jj >= ny or ii < 0 or ii >= nx:
                    break
                o = label[jj, ii]
                if o >= 0 and o != last:
                    x, height, speed = far - 0.25 * cell, table[o, HEIGHT], table[o, ROOF_WIND]
                    for k in range(nz):
                        if z[k] < bottom or z[k] >= height:
                            continue
                        d = behind(x, across - table[o, MIDDLE], z[k], height, table[o, WIDTH], table[o, CAVITY])
                        if x >= WAKE * d:
                            continue
                        gap = x + ahead
                        free = v_out[k, j, i] == -1.0
                        if (
                            free and z[k] >= hidden and ahead_of >= 0 and gap < table[o, CAVITY]
                            and z[k] < table[ahead_of, HEIGHT]
                        ):  # fmt: skip
                            nxx = normal_x[jj, ii] - normal_x[front_j, front_i]
                            nyy = normal_y[jj, ii] - normal_y[front_j, front_i]
                            length = math.hypot(nxx, nyy)
                            if length < 1e-6:
                                nxx, nyy, length = east, north, 1.0
                            cosine, sine = (nxx * east + nyy * north) / length, (nyy * east - nxx * north) / length
                            share = x / gap
                            over = -4.0 * speed * share * (1.0 - share) * cosine
                            beside = inflow[k] * sine
                            u_out[k, j, i] = over * cosine + beside * sine
                            v_out[k, j, i] = over * sine - beside * cosine
                            w_out[k, j, i] = -abs(0.5 - share) * (2.0 * share - 1.0) * speed * cosine
                        elif x < d:
                            if free and z[k] >= hidden:
                                u_out[k, j, i] = -speed * (1.0 - x / d) ** 2
                                v_out[k, j, i] = 0.0
                        elif free:
                            u_out[k, j, i] = min(u_out[k, j, i], inflow[k] * (1.0 - (d / x) ** 1.5))
                hidden = max(hidden, roof[jj, ii])
                last = o
            for k in range(nz):
                s = u_out[k, j, i]
                n = v_out[k, j, i] if v_out[k, j, i] != -1.0 else 0.0
                u_out[k, j, i] = s * east - n * north
                v_out[k, j, i] = s * north + n * east


@kernel
def _before(u_out, table, z, bottom, x, o, across, j, i):
    """Slow the column before obstacle o, x from its front."""
    flank = 2.0 * (across - table[o, MIDDLE]) / table[o, WIDTH]
    for k in range(len(z)):
        top = z[k] / (LOW * table[o, HEIGHT])
        long = table[o, FRONT] * math.sqrt(max((1.0 - top * top) * (1.0 - flank * flank), 0.0))
        if z[k] >= bottom and x < long:
            u_out[k, j, i] *= 0.0 if x < INNER * long else SLOWED


@kernel
def _on_roof(u_out, v_out, label, normal_x, normal_y, table, z, inflow, east, north, cell, j, i):
    """Turn the wind back in the lower half of the vortex on the roof."""
    own = label[j, i]
    ny, nx = label.shape
    long, high, roof = 0.9 * table[own, VORTEX], 0.22 * table[own, VORTEX], table[own, HEIGHT]
    for step in range(1, int(2.0 * long / cell) + 1):
        far = (0.5 * step - 0.25) * cell
        jj, ii = math.floor(j + 0.5 - north * far / cell), math.floor(i + 0.5 - east * far / cell)
        if jj < 0 or jj >= ny or ii < 0 or ii >= nx:
            return
        if label[jj, ii] != own:
            edge = far - 0.5 * cell
            ej, ei = math.floor(j + 0.5 - north * edge / cell), math.floor(i + 0.5 - east * edge / cell)
            if label[ej, ei] != own or -(normal_x[ej, ei] * east + normal_y[ej, ei] * north) < STRAIGHT:
                return
            share = (far - 0.25 * cell) / long
            top = high * math.sqrt(max(4.0 * share * (1.0 - share), 0.0))
            for k in range(len(z)):
                if roof <= z[k] < roof + 0.5 * top:
                    u_out[k, j, i], v_out[k, j, i] = -inflow[k], 0.0
            return
