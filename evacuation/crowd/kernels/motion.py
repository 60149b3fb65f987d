"""How people decide and how bodies move: gap ahead and direction, contact forces, walls and gates.

Speed: the collision-free speed model, Tordeux, Chraibi and Seyfried 2016 (doi:10.1007/978-3-319-33482-0_29). Direction: as Xu,
Chraibi, Tordeux and Zhang 2019 (doi:10.1016/j.physa.2019.122521), so that neighbours turn nobody back.
Contact: spring, dashpot and sliding friction of Helbing, Farkas and Vicsek 2000 (doi:10.1038/35035023), friction and dashpot
implicit in each pair, so that a step of 10 ms is stable at any squeeze. Everyone sums his own contacts in a fixed order: the
number of threads changes nothing.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba

from twin.jit import kernel

MOST_PAIRS = 40  # neighbours that can touch one person within a decision


class Law(NamedTuple):
    """The figures of the law of motion, SI; see `evacuation.crowd.people.law` for their sources."""

    dt: float
    mass: float
    relax: float
    gap_time: float
    gap_length: float
    repulsion: float
    repulsion_range: float
    push: float
    stiffness: float
    damping: float
    friction: float
    skin: float
    load_time: float


@kernel
def sort_by_cell(order_out, start_out, cell_out, x, w, size, columns, rows):
    """Write the order of people by cell (row by row) and where each cell starts; return -1, or who stands outside the raster."""
    n = x.size
    start_out[:] = 0
    for i in range(n):
        c, r = int(x[i] / size), int(w[i] / size)
        if not (x[i] >= 0.0 and w[i] >= 0.0 and c < columns and r < rows):
            return i
        cell_out[i] = r * columns + c
        start_out[cell_out[i] + 1] += 1
    for k in range(rows * columns):
        start_out[k + 1] += start_out[k]
    for i in range(n):
        k = cell_out[i]
        order_out[start_out[k]] = i
        start_out[k] += 1
    for k in range(rows * columns, 0, -1):
        start_out[k] = start_out[k - 1]
    start_out[0] = 0
    return -1


@kernel(inline=True)
def side(x0, w0, x1, w1, x, w):
    """Return on which side of the line through two points a third lies: the sign of the result."""
    return (x1 - x0) * (w - w0) - (w1 - w0) * (x - x0)


@kernel(inline=True)
def bars(s, x, w, passed, line, gate_of, shut, metered, way):
    """Return whether line `s` stops somebody at (x, w) who holds the pass of gate `passed` (-1: none).

    A wall always does; a gate when it is shut, when it is metered and he holds no pass, and from its far side when it is one
    way (`way` 1: from positive to negative side, -1: the other, 0: both).
    """
    g = gate_of[s]
    if g < 0:
        return True
    if shut[g]:
        return True
    if metered[g] and passed != g:
        return True
    if way[g] != 0:
        at = side(line[s, 0], line[s, 1], line[s, 2], line[s, 3], x, w)
        return at * way[g] < 0.0
    return False


@kernel(inline=True)
def crosses(ax, aw, bx, bw, x0, w0, x1, w1):
    """Return whether the way from a to b meets the line from 0 to 1, its ends included."""
    p, q = side(x0, w0, x1, w1, ax, aw), side(x0, w0, x1, w1, bx, bw)
    if p * q > 0.0 or (p == 0.0 and q == 0.0):
        return False
    return side(ax, aw, bx, bw, x0, w0) * side(ax, aw, bx, bw, x1, w1) <= 0.0


@kernel(parallel=True)
def decide(
    want_x_out, want_w_out, pair_out, pairs_out, ahead_scratch, x, w, vx, vw, radius, free, group, leaves, passed, t,
    start, size, columns, rows, direction_x, direction_w, cost, way_cell,
    line, gate_of, shut, metered, way, wall_start, wall_list, wall_size, wall_columns, law,
):  # fmt: skip
    """Write each person's wanted velocity and whom he may touch until the next decision; return the most such pairs of one.

    Direction e = unit(e0 + sum of k exp((l - s_ij) / D) to the side away from each neighbour ahead), e0 the way to his goal;
    speed min(free, (s - l) / T), s the distance to the nearest one in his way. Of two with the same goal the one nearer to it
    goes first: the other is not in his way and does not turn him, so that no two wait for each other for ever. Who has no
    gap left leans towards his goal with `push` newton. A gate that bars him stands in his way like a person. Who has not left yet
    (`leaves` > t), and who has no way, stands. People behind a wall are not seen. Arrays of people (n,), of pairs
    (n, MOST_PAIRS); `direction_x`, `direction_w` and `cost` (group, ny, nx) on cells of `way_cell`.
    """
    n = x.size
    close = law.gap_length + 5.0 * law.repulsion_range
    fr, fc = direction_x.shape[1], direction_x.shape[2]
    for i in numba.prange(n):
        # the way to the goal, from the four cells around, and how far it still is; negative for who stands
        want_x_out[i] = want_w_out[i] = 0.0
        ahead_scratch[i] = -1.0
        if leaves[i] > t or group[i] < 0:
            continue
        fx, fw = x[i] / way_cell - 0.5, w[i] / way_cell - 0.5
        c, r = math.floor(fx), math.floor(fw)
        ax, aw = fx - c, fw - r
        ex = ew = 0.0
        for q in range(4):
            rr, cc = int(r) + q // 2, int(c) + q % 2
            if 0 <= rr < fr and 0 <= cc < fc:
                weight = (ax if q % 2 else 1.0 - ax) * (aw if q // 2 else 1.0 - aw)
                ex += weight * direction_x[group[i], rr, cc]
                ew += weight * direction_w[group[i], rr, cc]
        length = math.sqrt(ex * ex + ew * ew)
        if length > 1e-6:
            want_x_out[i], want_w_out[i] = ex / length, ew / length
            rr, cc = int(w[i] / way_cell), int(x[i] / way_cell)
            off = (x[i] - (cc + 0.5) * way_cell) * want_x_out[i] + (w[i] - (rr + 0.5) * way_cell) * want_w_out[i]
            ahead_scratch[i] = max(cost[group[i], rr, cc] - off, 0.0)
    for i in numba.prange(n):
        px, pw = x[i], w[i]
        k = int(pw / wall_size) * wall_columns + int(px / wall_size)
        first, last = wall_start[k], wall_start[k + 1]
        ex, ew, far = want_x_out[i], want_w_out[i], ahead_scratch[i]
        walks = far >= 0.0
        speed = math.sqrt(vx[i] * vx[i] + vw[i] * vw[i])
        see = law.gap_length + min(free[i], speed + 0.5) * law.gap_time
        reach = radius[i] + 0.25 + law.skin
        if walks:
            reach = max(reach, close)
        c0, c1 = max(int((px - reach) / size), 0), min(int((px + reach) / size), columns - 1)
        r0, r1 = max(int((pw - reach) / size), 0), min(int((pw + reach) / size), rows - 1)
        count = 0
        aside = 0.0
        for r in range(r0, r1 + 1):
            for j in range(start[r * columns + c0], start[r * columns + c1 + 1]):
                if j == i:
                    continue
                dx, dw = px - x[j], pw - w[j]
                d2 = dx * dx + dw * dw
                touch = radius[i] + radius[j] + law.skin
                if d2 > touch * touch and d2 > close * close:
                    continue
                hidden = False
                for m in range(first, last):
                    s = wall_list[m]
                    if crosses(px, pw, x[j], w[j], line[s, 0], line[s, 1], line[s, 2], line[s, 3]) and bars(
                        s, px, pw, passed[i], line, gate_of, shut, metered, way
                    ):
                        hidden = True
                        break
                if hidden:
                    continue
                if d2 <= touch * touch:
                    if count < MOST_PAIRS:
                        pair_out[i, count] = j
                    count += 1
                yields = ahead_scratch[j] > far and group[j] == group[i]
                if walks and not yields and d2 <= close * close and ex * dx + ew * dw < 0.0:
                    strength = law.repulsion * math.exp((law.gap_length - math.sqrt(d2)) / law.repulsion_range)
                    aside += strength if ex * dw - ew * dx > 0.0 else -strength
        pairs_out[i] = count
        if not walks:
            want_x_out[i] = want_w_out[i] = 0.0
            continue
        length = math.sqrt(1.0 + aside * aside)
        ex, ew = (ex - aside * ew) / length, (ew + aside * ex) / length
        gap = see
        c0 = max(int((min(px, px + see * ex) - law.gap_length) / size), 0)
        c1 = min(int((max(px, px + see * ex) + law.gap_length) / size), columns - 1)
        r0 = max(int((min(pw, pw + see * ew) - law.gap_length) / size), 0)
        r1 = min(int((max(pw, pw + see * ew) + law.gap_length) / size), rows - 1)
        for r in range(r0, r1 + 1):
            for j in range(start[r * columns + c0], start[r * columns + c1 + 1]):
                dx, dw = x[j] - px, w[j] - pw
                ahead = ex * dx + ew * dw
                if ahead <= 0.0 or j == i or (ahead_scratch[j] > far and group[j] == group[i]):
                    continue
                if abs(ew * dx - ex * dw) > law.gap_length or ahead > gap:
                    continue
                d = math.sqrt(dx * dx + dw * dw)
                if d >= gap:
                    continue
                hidden = False
                for m in range(first, last):
                    s = wall_list[m]
                    if crosses(px, pw, x[j], w[j], line[s, 0], line[s, 1], line[s, 2], line[s, 3]) and bars(
                        s, px, pw, passed[i], line, gate_of, shut, metered, way
                    ):
                        hidden = True
                        break
                if not hidden:
                    gap = d
        for m in range(first, last):
            s = wall_list[m]
            ax, aw, bx, bw = line[s, 0], line[s, 1], line[s, 2], line[s, 3]
            if gate_of[s] < 0 or not crosses(px, pw, px + see * ex, pw + see * ew, ax, aw, bx, bw):
                continue
            if bars(s, px, pw, passed[i], line, gate_of, shut, metered, way):
                off = abs(side(ax, aw, bx, bw, px, pw)) / abs(ex * (bw - aw) - ew * (bx - ax))
                gap = min(gap, off + 0.5 * law.gap_length)
        pace = min(free[i], max((gap - law.gap_length) / law.gap_time, 0.0))
        if gap <= law.gap_length:
            pace = min(law.push * law.relax / law.mass, free[i])
            ex, ew = want_x_out[i], want_w_out[i]
        want_x_out[i], want_w_out[i] = pace * ex, pace * ew
    most = 0
    for i in range(n):
        most = max(most, pairs_out[i])
    return most


@kernel(parallel=True)
def press(
    x_out, w_out, vx_out, vw_out, touching_out, load_out, crossed_out, new_vx_scratch, new_vw_scratch, new_touching_scratch,
    want_x, want_w, pair, pairs, radius, passed, line, gate_of, shut, metered, way,
    wall_start, wall_list, wall_size, wall_columns, law, steps,
):  # fmt: skip
    """Move people by `steps` steps of `law.dt` under drive and contact; note gates crossed and the load on each.

    m dv/dt = m (want - v) / relax + sum of (k overlap - c vn) n - kappa overlap vt over bodies and walls; no pull. Dashpot and
    friction are divided by 1 + coefficient dt (n_i + n_j) / m, n the contacts of each, which bounds what all of them
    take from one person in a step. `load_out` (N): half the largest principal value of sum f n n (f the normal forces), a mean
    over `load_time`: for somebody pressed by F from two sides it is F. A way that would cross what bars him is not gone: he
    stops. `crossed_out` is 1 + gate, negative when crossed from the positive side to the negative.
    """
    n = x_out.size
    dt, mass = law.dt, law.mass
    fade = dt / law.load_time
    for _ in range(steps):
        for i in numba.prange(n):
            px, pw, ux, uw = x_out[i], w_out[i], vx_out[i], vw_out[i]
            fx, fw = mass * (want_x[i] - ux) / law.relax, mass * (want_w[i] - uw) / law.relax
            sxx = sxw = sww = 0.0
            count, own = 0, max(touching_out[i], 1)
            for m in range(pairs[i]):
                j = pair[i, m]
                dx, dw = px - x_out[j], pw - w_out[j]
                d2, both = dx * dx + dw * dw, radius[i] + radius[j]
                if d2 >= both * both:
                    continue
                count += 1
                d = max(math.sqrt(d2), 1e-6)
                nx, nw, over = dx / d, dw / d, both - d
                rx, rw = ux - vx_out[j], uw - vw_out[j]
                rn = rx * nx + rw * nw
                shared = dt * (own + max(touching_out[j], 1)) / mass
                force = max(law.stiffness * over - law.damping / (1.0 + law.damping * shared) * rn, 0.0)
                rub = law.friction * over / (1.0 + law.friction * over * shared)
                fx += force * nx - rub * (rx - rn * nx)
                fw += force * nw - rub * (rw - rn * nw)
                sxx += force * nx * nx
                sxw += force * nx * nw
                sww += force * nw * nw
            k = int(pw / wall_size) * wall_columns + int(px / wall_size)
            for m in range(wall_start[k], wall_start[k + 1]):
                s = wall_list[m]
                ax, aw, bx, bw = line[s, 0], line[s, 1], line[s, 2], line[s, 3]
                lx, lw = bx - ax, bw - aw
                along = ((px - ax) * lx + (pw - aw) * lw) / (lx * lx + lw * lw)
                along = min(max(along, 0.0), 1.0)
                dx, dw = px - ax - along * lx, pw - aw - along * lw
                d2 = dx * dx + dw * dw
                if d2 >= radius[i] * radius[i] or not bars(s, px, pw, passed[i], line, gate_of, shut, metered, way):
                    continue
                count += 1
                d = max(math.sqrt(d2), 1e-6)
                nx, nw, over = dx / d, dw / d, radius[i] - d
                rn = ux * nx + uw * nw
                shared = dt * own / mass
                force = max(law.stiffness * over - law.damping / (1.0 + law.damping * shared) * rn, 0.0)
                rub = law.friction * over / (1.0 + law.friction * over * shared)
                fx += force * nx - rub * (ux - rn * nx)
                fw += force * nw - rub * (uw - rn * nw)
                sxx += force * nx * nx
                sxw += force * nx * nw
                sww += force * nw * nw
            new_vx_scratch[i], new_vw_scratch[i] = ux + dt * fx / mass, uw + dt * fw / mass
            new_touching_scratch[i] = count
            half, off = 0.5 * (sxx + sww), 0.5 * (sxx - sww)
            now = 0.5 * (half + math.sqrt(off * off + sxw * sxw))
            load_out[i] += fade * (now - load_out[i])
        for i in numba.prange(n):
            px, pw = x_out[i], w_out[i]
            ux, uw = new_vx_scratch[i], new_vw_scratch[i]
            qx, qw = px + dt * ux, pw + dt * uw
            k = int(pw / wall_size) * wall_columns + int(px / wall_size)
            for m in range(wall_start[k], wall_start[k + 1]):
                s = wall_list[m]
                if crosses(px, pw, qx, qw, line[s, 0], line[s, 1], line[s, 2], line[s, 3]):
                    if bars(s, px, pw, passed[i], line, gate_of, shut, metered, way):
                        qx, qw, ux, uw = px, pw, 0.0, 0.0
                        break
                    before = side(line[s, 0], line[s, 1], line[s, 2], line[s, 3], px, pw)
                    crossed_out[i] = (1 + gate_of[s]) if before < 0.0 else -(1 + gate_of[s])
            x_out[i], w_out[i], vx_out[i], vw_out[i] = qx, qw, ux, uw
            touching_out[i] = new_touching_scratch[i]
