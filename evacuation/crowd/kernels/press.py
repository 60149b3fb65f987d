"""How bodies move: contact forces, walls and gates.

Contact: spring, dashpot and sliding friction of Helbing, Farkas and Vicsek 2000 (doi:10.1038/35035023), friction at most that of
Coulomb; friction and dashpot are implicit in each pair, so that a step of 10 ms is stable at any squeeze. Everyone sums his own
contacts in a fixed order: the number of threads changes nothing. Forces act along the line that joins the centres: they turn nobody;
he turns himself.
"""

from __future__ import annotations

import math

import numba

from evacuation.crowd.kernels.decide import BLOCK, FEW
from evacuation.crowd.kernels.outline import reach
from evacuation.crowd.kernels.walls import bars, crosses, side
from twin.jit import kernel

GRAVITY = 9.81  # m/s2
LIGHT_N = 300.0  # a lighter load adds no compression dose: it would take 45 minutes to harm


@kernel(inline=True)
def compression_rate(load):
    """Return the compression dose per second under a load (N): 1 / (15 s (6227 N / load)^1.72); a dose of 1 is taken as fatal.

    A power law through 15 s at 6227 N and 4 to 6 minutes at 1112 N (Hopkins et al. 1993 in Lee and Hughes 2006).
    """
    return (load / 6227.0) ** 1.72 / 15.0


@kernel
def press(people_out, pushed_out, n, plans_out, floor, gates, law, steps):
    """Move the first `n` people by `steps` steps of `law.dt` under drive and contact; note gates crossed and the load on each.

    `pushed_out.crossed` is 1 + gate, negative when crossed from the positive side to the negative, 0 for none.
    """
    for i in range(n):
        pushed_out.crossed[i] = 0
    for _ in range(steps):
        if n < FEW:
            push(people_out, pushed_out, 0, n, plans_out, floor, gates, law)
            move(people_out, pushed_out, 0, n, plans_out, floor, gates, law)
        else:
            push_side_by_side(people_out, pushed_out, n, plans_out, floor, gates, law)
            move_side_by_side(people_out, pushed_out, n, plans_out, floor, gates, law)


# One loop in each parallel kernel: numba would make one of two, and somebody would be pushed by who has moved already.


@kernel(parallel=True)
def push_side_by_side(people_out, pushed_out, n, plans_out, floor, gates, law):
    """Push the first `n` people on all threads."""
    for b in numba.prange((n + BLOCK - 1) // BLOCK):
        push(people_out, pushed_out, b * BLOCK, min((b + 1) * BLOCK, n), plans_out, floor, gates, law)


@kernel(parallel=True)
def move_side_by_side(people_out, pushed_out, n, plans, floor, gates, law):
    """Move the first `n` people on all threads."""
    for b in numba.prange((n + BLOCK - 1) // BLOCK):
        move(people_out, pushed_out, b * BLOCK, min((b + 1) * BLOCK, n), plans, floor, gates, law)


@kernel
def push(people_out, pushed_out, begin, end, plans_out, floor, gates, law):
    """Write for people `begin` to `end` the velocity after a step and the load.

    m dv/dt = m (want - v) / relax + sum of (k overlap - c vn) n - kappa overlap vt over bodies and walls; no pull, and no more
    friction than `coulomb` times the normal force; outlines and their overlap: see `reach`. Dashpot and friction are divided by
    1 + coefficient dt (n_i + n_j) / m, n the contacts of each, which bounds what all of them take from one person in a step. Load
    (N): half the largest principal value of sum f n n (f the normal forces), a mean over `load_time`: for somebody pressed by F
    from two sides it is F. On a slope m g sin(angle) pulls down whoever touches somebody or a wall; who stands free braces himself,
    and on a stair each step is level. Whom the end of a wall presses, as a door post does, turns his chest to it (`turn_x`,
    `turn_w`), so that his shoulders pass.
    """
    dt, mass = law.dt, law.mass
    fade = dt / law.load_time
    x, w, vx, vw, touching = people_out.x, people_out.w, people_out.vx, people_out.vw, people_out.touching
    for i in range(begin, end):
        px, pw, ux, uw = x[i], w[i], vx[i], vw[i]
        fx, fw = mass * (plans_out.want_x[i] - ux) / law.relax, mass * (plans_out.want_w[i] - uw) / law.relax
        sxx = sxw = sww = 0.0
        count, own = 0, max(touching[i], 1)
        for m in range(plans_out.pairs[i]):
            j = plans_out.pair[i, m]
            dx, dw = px - x[j], pw - w[j]
            d = math.sqrt(dx * dx + dw * dw)
            if d < 1e-6:
                dx, dw, d = (1e-6 if i < j else -1e-6), 0.0, 1e-6
            share = reach(i, dx, dw, people_out) + reach(j, dx, dw, people_out)
            if share <= 1.0:
                continue
            count += 1
            nx, nw, over = dx / d, dw / d, (share - 1.0) * d
            rx, rw = ux - vx[j], uw - vw[j]
            rn = rx * nx + rw * nw
            shared = dt * (own + max(touching[j], 1)) / mass
            force = max(law.stiffness * over - law.damping / (1.0 + law.damping * shared) * rn, 0.0)
            rub = law.friction * over / (1.0 + law.friction * over * shared)
            slide = math.sqrt(max(rx * rx + rw * rw - rn * rn, 0.0))
            if rub * slide > law.coulomb * force:
                rub = law.coulomb * force / slide
            fx += force * nx - rub * (rx - rn * nx)
            fw += force * nw - rub * (rw - rn * nw)
            sxx += force * nx * nx
            sxw += force * nx * nw
            sww += force * nw * nw
        k = int(pw / floor.wall_size) * floor.wall_columns + int(px / floor.wall_size)
        for m in range(floor.wall_start[k], floor.wall_start[k + 1]):
            s = floor.wall_list[m]
            ax, aw, bx, bw = floor.line[s, 0], floor.line[s, 1], floor.line[s, 2], floor.line[s, 3]
            lx, lw = bx - ax, bw - aw
            along = ((px - ax) * lx + (pw - aw) * lw) / (lx * lx + lw * lw)
            along = min(max(along, 0.0), 1.0)
            dx, dw = px - ax - along * lx, pw - aw - along * lw
            d = math.sqrt(dx * dx + dw * dw)
            if d >= people_out.broad[i] or d < 1e-9:
                continue
            share = reach(i, dx, dw, people_out)
            if share <= 1.0 or not bars(s, px, pw, people_out.passed[i], floor, gates):
                continue
            count += 1
            nx, nw, over = dx / d, dw / d, (share - 1.0) * d
            if along <= 0.0 or along >= 1.0:
                plans_out.turn_x[i], plans_out.turn_w[i] = nx, nw
            rn = ux * nx + uw * nw
            shared = dt * own / mass
            force = max(law.stiffness * over - law.damping / (1.0 + law.damping * shared) * rn, 0.0)
            rub = law.friction * over / (1.0 + law.friction * over * shared)
            slide = math.sqrt(max(ux * ux + uw * uw - rn * rn, 0.0))
            if rub * slide > law.coulomb * force:
                rub = law.coulomb * force / slide
            fx += force * nx - rub * (ux - rn * nx)
            fw += force * nw - rub * (uw - rn * nw)
            sxx += force * nx * nx
            sxw += force * nx * nw
            sww += force * nw * nw
        rr, cc = int(pw / floor.way_size), int(px / floor.way_size)
        if count > 0 and not floor.stair[rr, cc]:
            rx, rw = floor.rise_x[rr, cc], floor.rise_w[rr, cc]
            pull = mass * GRAVITY / math.sqrt(1.0 + rx * rx + rw * rw)
            fx -= pull * rx
            fw -= pull * rw
        pushed_out.vx[i], pushed_out.vw[i] = ux + dt * fx / mass, uw + dt * fw / mass
        pushed_out.touching[i] = count
        half, off = 0.5 * (sxx + sww), 0.5 * (sxx - sww)
        now = 0.5 * (half + math.sqrt(off * off + sxw * sxw))
        people_out.load[i] += fade * (now - people_out.load[i])
        if people_out.load[i] > LIGHT_N:
            people_out.crush[i] += dt * compression_rate(people_out.load[i])


@kernel
def move(people_out, pushed_out, begin, end, plans, floor, gates, law):
    """Move people `begin` to `end` by a step at their new velocities, and turn them to where they want to, the shorter way: of an
    outline both ends are alike. Nobody goes a way that crosses what bars him: he stops."""
    turned = law.dt / law.turn_time
    for i in range(begin, end):
        px, pw = people_out.x[i], people_out.w[i]
        ux, uw = pushed_out.vx[i], pushed_out.vw[i]
        qx, qw = px + law.dt * ux, pw + law.dt * uw
        k = int(pw / floor.wall_size) * floor.wall_columns + int(px / floor.wall_size)
        for m in range(floor.wall_start[k], floor.wall_start[k + 1]):
            s = floor.wall_list[m]
            ax, aw, bx, bw = floor.line[s, 0], floor.line[s, 1], floor.line[s, 2], floor.line[s, 3]
            if crosses(px, pw, qx, qw, ax, aw, bx, bw):
                if bars(s, px, pw, people_out.passed[i], floor, gates):
                    qx, qw, ux, uw = px, pw, 0.0, 0.0
                    break
                before = side(ax, aw, bx, bw, px, pw)
                pushed_out.crossed[i] = (1 + floor.gate_of[s]) if before < 0.0 else -(1 + floor.gate_of[s])
        people_out.x[i], people_out.w[i], people_out.vx[i], people_out.vw[i] = qx, qw, ux, uw
        people_out.touching[i] = pushed_out.touching[i]
        to_x, to_w = plans.turn_x[i], plans.turn_w[i]
        if to_x != 0.0 or to_w != 0.0:
            fx, fw = people_out.face_x[i], people_out.face_w[i]
            way = turned if fx * to_x + fw * to_w >= 0.0 else -turned
            fx, fw = fx + way * to_x, fw + way * to_w
            length = math.sqrt(fx * fx + fw * fw)
            people_out.face_x[i], people_out.face_w[i] = fx / length, fw / length
