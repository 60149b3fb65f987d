"""Balance of momentum of the mean wind on a staggered grid: one pseudo-time step towards the steady wind.

The unknowns are the components of the wind on the faces of cells, the pressure over density p and the energy of the gusts k at their
centres:

    dU_n/dt + U_m dU_n/dx_m = -dp/dx_n + d/dx_m (nu (dU_n/dx_m + dU_m/dx_n))
    dk/dt + U_m dk/dx_m = d/dx_m (nu dk/dx_m) + nu S^2 - c^3 k^1.5 / l,     S^2 = 2 S_ij S_ij
    nu = min(c l k^0.5, k / (3^0.5 S))

with the mixing length l, kappa times the distance to the nearest wall, and c = u* / k^0.5 where gusts are made and lost alike (Prandtl's
one equation of 1945, as in Pope 2000, Turbulent Flows, section 10.3). The bound on nu keeps the variance of each component of the gusts,
2 k / 3 - 2 nu S_nn, from being negative where air is strained fast, as before walls and at corners (Durbin 1996,
doi:10.1016/0142-727X(95)00073-Y). The step is implicit with upwind differences; what a limited
second-order difference (van Leer 1974, doi:10.1016/0021-9991(74)90019-9) adds is taken from the step before, so steady wind and gusts
are of second order. Walls and ground take up momentum by the logarithmic law.

Layout: all arrays have one ring of cells around the box, (nz + 2) x (ny + 2) x (nx + 2), and are flat. The strides (1, nx + 2,
(nx + 2)(ny + 2)) lead to the next cell towards east, north and up. Component n at index c stands on the face between the cells c -
stride[n] and c, so one kernel serves all three.
"""

from __future__ import annotations

import math

import numba as nb

from twin.jit import kernel

KAPPA = 0.40


@kernel
def _limited(back, ahead):
    """Return half of van Leer's slope of two differences, 0 where they differ in sign."""
    both = back * ahead
    return max(both, 0.0) / (back + ahead if both > 0.0 else 1.0)


@kernel
def _bend(add_out, here, less, more, back, ahead, below, below_too, above, above_too, over):
    """Add to add_out, along a row, what second order adds across the faces below and above: speeds there are means of two."""
    for i in range(len(add_out)):
        up, down = 0.5 * (above[i] + above_too[i]), 0.5 * (below[i] + below_too[i])
        rise, fall = more[i] - here[i], here[i] - less[i]
        add = abs(up) * _limited(fall if up > 0.0 else ahead[i] - more[i], rise)
        add_out[i] += over * (add - abs(down) * _limited(less[i] - back[i] if down > 0.0 else rise, fall))


@kernel(parallel=True)
def second_order(add_out, carried, own, wind, shape, first, widths, thick):
    """Fill add_out (cells,), what second-order differences add to the upwind ones of U_m d carried/dx_m, its unit s-1.

    carried (cells,): what the wind carries, a component of it or the energy of the gusts; own: the stride along that component, 0 for
    the energy; wind (3, cells) m s-1; shape (nz, ny, nx); first (3,): the first inner face along x, y and z, counted from the ring;
    widths (2,): cell sizes along x and y, m; thick (nz + 2,): of the volume around the faces of a layer, m. In the outermost
    columns upwind differences remain. What it fills in solids means nothing.
    """
    nz, ny, nx = shape
    sy, sz = nx + 2, (nx + 2) * (ny + 2)
    strides, count = (1, sy, sz), nx + 1 - first[0]
    for row in nb.prange((nz + 1 - first[2]) * (ny + 1 - first[1])):
        k, j = first[2] + row // (ny + 1 - first[1]), first[1] + row % (ny + 1 - first[1])
        over = (1.0 / widths[0], 1.0 / widths[1], 1.0 / thick[k])
        a = k * sz + j * sy + first[0]
        add_out[a : a + count] = 0.0
        for m in range(3):
            if m == 1 and (j == first[1] or j == ny):
                continue
            s, speed, begin, end = strides[m], wind[m], a + (m == 0), a + count - (m == 0)
            back, ahead = (s if m == 2 and k == first[2] else 2 * s), (s if m == 2 and k == nz else 2 * s)
            _bend(
                add_out[begin:end], carried[begin:end], carried[begin - s : end - s], carried[begin + s : end + s],
                carried[begin - back : end - back], carried[begin + ahead : end + ahead], speed[begin:end],
                speed[begin - own : end - own], speed[begin + s : end + s], speed[begin + s - own : end + s - own], over[m],
            )  # fmt: skip


@kernel(parallel=True)
def sweep(wind_out, before, pressure, add, nu, speed, air, n, shape, first, widths, thick, apart, drag, dt, colour):
    """Solve component n of wind_out on the faces of one colour, (i + j + k) % 2, for the values of its neighbours.

    wind_out (3, cells): m s-1; before (cells,): component n at the step's begin; pressure (cells,) over density, m2 s-2;
    add: see `second_order`; nu (cells,) m2 s-1; speed (cells,) m s-1; apart (nz + 2,): from a face's centre to the one above, m, for
    level components z_mean ln(z_above / z), which keeps a logarithmic wind; drag
    (nz + 2, 2): square of kappa over the log law at side walls and at ground and roofs; dt s. The rest as in `second_order`.
    """
    nz, ny, nx = shape
    sy, sz = nx + 2, (nx + 2) * (ny + 2)
    strides = (1, sy, sz)
    own, rate = strides[n], 1.0 / dt
    for row in nb.prange((nz + 1 - first[2]) * (ny + 1 - first[1])):
        k, j = first[2] + row // (ny + 1 - first[1]), first[1] + row % (ny + 1 - first[1])
        over = (1.0 / widths[0], 1.0 / widths[1], 1.0 / thick[k])
        upper, lower = (over[0], over[1], 1.0 / apart[k]), (over[0], over[1], 1.0 / apart[k - 1])
        for i in range(first[0] + (first[0] + j + k + colour) % 2, nx + 1, 2):
            c = k * sz + j * sy + i
            if air[c] == 0 or air[c - own] == 0:
                continue
            right = before[c] * rate - (pressure[c] - pressure[c - own]) * over[n] - add[c]
            middle = rate
            felt = 0.5 * (speed[c] + speed[c - own])
            for m in range(3):
                s = strides[m]
                above = 0.5 * (wind_out[m, c + s] + wind_out[m, c + s - own])
                below = 0.5 * (wind_out[m, c] + wind_out[m, c - own])
                if m == n:
                    mix_above, mix_below = 2.0 * nu[c], 2.0 * nu[c - own]
                else:
                    free_above, free_below = (
                        0.5 * (air[c + s] + air[c + s - own]),
                        0.5 * (air[c - s] + air[c - s - own]),
                    )
                    mix_above = free_above * 0.25 * (nu[c] + nu[c - own] + nu[c + s] + nu[c + s - own])
                    mix_below = free_below * 0.25 * (nu[c] + nu[c - own] + nu[c - s] + nu[c - s - own])
                    middle += (2.0 - free_above - free_below) * drag[k, 0 if m < 2 else 1] * felt * over[m]
                    turned = mix_above * (wind_out[m, c + s] - wind_out[m, c + s - own])
                    turned -= mix_below * (wind_out[m, c] - wind_out[m, c - own])
                    right += turned * over[n] * over[m]
                from_above = (max(-above, 0.0) + mix_above * upper[m]) * over[m]
                from_below = (max(below, 0.0) + mix_below * lower[m]) * over[m]
                right += from_above * wind_out[n, c + s] + from_below * wind_out[n, c - s]
                middle += from_above + from_below
            wind_out[n, c] = right / middle


@kernel(parallel=True)
def strain(strain_out, speed_out, wind, air, length, law, shape, widths, thick, spans):
    """Fill the rate of strain strain_out, (2 S_ij S_ij)^0.5 (s-1), and the speed_out (m s-1) at the centres of cells, 0 in solids.

    length (cells,): mixing length, m; law (cells,): kappa / ln(distance / z0) in cells that touch a wall, where u* is that times the
    speed, else 0: there u* / length takes the place of the slopes across the wall; thick (nz + 2,): of layers, m; spans (nz + 2,): what
    the difference between the layers above and below is divided by, m: z ln(z_above / z_below), so that a logarithmic wind has its own
    slope.
    """
    nz, ny, nx = shape
    sy, sz = nx + 2, (nx + 2) * (ny + 2)
    strides = (1, sy, sz)
    for row in nb.prange(nz * ny):
        k, j = 1 + row // ny, 1 + row % ny
        for i in range(1, nx + 1):
            c = k * sz + j * sy + i
            if air[c] == 0:
                strain_out[c], speed_out[c] = 0.0, 0.0
                continue
            total, square = 0.0, 0.0
            for n in range(3):
                s = strides[n]
                centre = 0.5 * (wind[n, c] + wind[n, c + s])
                square += centre * centre
                step = widths[n] if n < 2 else thick[k]
                along = (wind[n, c + s] - wind[n, c]) / step
                total += 2.0 * along * along
                m = (n + 1) % 3
                t = strides[m]
                total += (_across(wind, air, n, m, c, s, t, k, widths, spans)
                          + _across(wind, air, m, n, c, t, s, k, widths, spans)) ** 2  # fmt: skip
            speed_out[c] = math.sqrt(square)
            strain_out[c] = math.sqrt(total + (law[c] * speed_out[c] / length[c]) ** 2)


@kernel(parallel=True)
def gustiness(energy_out, before, wind, add, strain, nu, length, air, shape, widths, thick, apart, share, dt, colour):
    """Solve the energy of the gusts energy_out (cells,), m2 s-2, in the cells of one colour for the values of their neighbours.

    before (cells,): k at the step's begin; strain S, s-1; length l, m; share: c. No energy passes walls; below 0, where what is taken
    from the step before would lead on the way, it stops. The rest as in `sweep`.
    """
    nz, ny, nx = shape
    sy, sz = nx + 2, (nx + 2) * (ny + 2)
    strides, rate = (1, sy, sz), 1.0 / dt
    for row in nb.prange(nz * ny):
        k, j = 1 + row // ny, 1 + row % ny
        over = (1.0 / widths[0], 1.0 / widths[1], 1.0 / thick[k])
        upper, lower = (over[0], over[1], 1.0 / apart[k]), (over[0], over[1], 1.0 / apart[k - 1])
        for i in range(1 + (1 + j + k + colour) % 2, nx + 1, 2):
            c = k * sz + j * sy + i
            if air[c] == 0:
                continue
            right = before[c] * rate + nu[c] * strain[c] * strain[c] - add[c]
            middle = rate + share**3 * math.sqrt(energy_out[c]) / length[c]
            for m in range(3):
                s = strides[m]
                mix_above, mix_below = air[c + s] * 0.5 * (nu[c] + nu[c + s]), air[c - s] * 0.5 * (nu[c] + nu[c - s])
                from_above = (max(-wind[m, c + s], 0.0) + mix_above * upper[m]) * over[m]
                from_below = (max(wind[m, c], 0.0) + mix_below * lower[m]) * over[m]
                right += from_above * energy_out[c + s] + from_below * energy_out[c - s]
                middle += from_above + from_below
            energy_out[c] = max(right / middle, 0.0)


@kernel
def _across(wind, air, n, m, c, s, t, k, widths, spans):
    """Return the slope along m of component n at the centre of cell c, 0 where a wall stands there."""
    if air[c + t] == 0 or air[c - t] == 0:
        return 0.0
    gap = 2.0 * widths[m] if m < 2 else spans[k]
    return 0.5 * (wind[n, c + t] + wind[n, c + t + s] - wind[n, c - t] - wind[n, c - t + s]) / gap


@kernel(parallel=True)
def gain(rest_out, wind, shape, widths, thick):
    """Fill rest_out (nz + 2, ny + 2, nx + 2) with the net flow into each cell, m3 s-1."""
    nz, ny, nx = shape
    sy, sz = nx + 2, (nx + 2) * (ny + 2)
    for k in nb.prange(1, nz + 1):
        for j in range(1, ny + 1):
            for i in range(1, nx + 1):
                c = k * sz + j * sy + i
                flow = (wind[0, c + 1] - wind[0, c]) * widths[1] + (wind[1, c + sy] - wind[1, c]) * widths[0]
                rest_out[k, j, i] = -flow * thick[k] - (wind[2, c + sz] - wind[2, c]) * widths[0] * widths[1]


@kernel(parallel=True)
def push(wind_out, pressure_out, phi, tx, ty, tz, widths, thick, dt):
    """Take the slope of phi (nz + 2, ny + 2, nx + 2) from the wind and add phi / dt to the pressure; t: conductances of faces, m."""
    nz, ny, nx = tx.shape[0], tx.shape[1], tx.shape[2] - 1
    sy, sz = nx + 2, (nx + 2) * (ny + 2)
    for k in nb.prange(1, nz + 2):
        for j in range(1, ny + 2):
            for i in range(1, nx + 2):
                c = k * sz + j * sy + i
                if k <= nz and j <= ny:
                    slope = tx[k - 1, j - 1, i - 1] * (phi[k, j, i] - phi[k, j, i - 1])
                    wind_out[0, c] -= slope / (widths[1] * thick[k])
                if k <= nz and i <= nx:
                    slope = ty[k - 1, j - 1, i - 1] * (phi[k, j, i] - phi[k, j - 1, i])
                    wind_out[1, c] -= slope / (widths[0] * thick[k])
                if j <= ny and i <= nx:
                    slope = tz[k - 1, j - 1, i - 1] * (phi[k, j, i] - phi[k - 1, j, i])
                    wind_out[2, c] -= slope / (widths[0] * widths[1])
                if k <= nz and j <= ny and i <= nx:
                    pressure_out[c] += phi[k, j, i] / dt
