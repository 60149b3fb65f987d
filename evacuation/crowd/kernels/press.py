"""How bodies move: contact forces, walls and gates.

Contact: spring, dashpot and sliding friction of Helbing, Farkas and Vicsek 2000 (doi:10.1038/35035023), friction at most that of Coulomb;
friction and dashpot are implicit in each contact, so that a step of 10 ms is stable at any squeeze. That of walls is dry. Everyone sums his
own contacts in a fixed order: the number of threads changes nothing. Forces act between outlines where they are nearest, along the shortest
way from one to the other: so springs have a potential, and a crowd that nothing drives comes to rest. They turn nobody; he turns himself.
"""

from __future__ import annotations

import math

import numba

from evacuation.crowd.kernels.arrays import MOST_WALLS
from evacuation.crowd.kernels.decide import BLOCK, FEW
from evacuation.crowd.kernels.outline import nearest, off_line, shoulder
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


@kernel(bare=True)
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


@kernel(inline=True)
def normal_force(over, rn, shared, law):
    """Return the normal force of a contact (N) of an overlap (m) that opens at `rn`: k overlap - c rn, no pull.

    The dashpot c is divided by 1 + c `shared`, which is dt (n_i + n_j) / m, n the contacts of each: this bounds what all of them take
    from one person in a step.
    """
    return max(law.stiffness * over - law.damping / (1.0 + law.damping * shared) * rn, 0.0)


@kernel(inline=True)
def contact(over, nx, nw, rx, rw, shared, law):
    """Return the `normal_force` of two bodies (N) and the force along x and w, of an overlap (m) along n and a relative velocity r.

    Friction is kappa overlap rt against the sliding, no more than `coulomb` times the normal force, kappa divided as the dashpot.
    """
    rn = rx * nx + rw * nw
    force = normal_force(over, rn, shared, law)
    rub = law.friction * over / (1.0 + law.friction * over * shared)
    slide = math.sqrt(max(rx * rx + rw * rw - rn * rn, 0.0))
    if rub * slide > law.coulomb * force:
        rub = law.coulomb * force / slide
    return force, force * nx - rub * (rx - rn * nx), force * nw - rub * (rw - rn * nw)


@kernel(inline=True)
def hold(nx, nw, force, vx, vw, law):
    """Return the dry friction along x and w of a wall that presses with `force` (N) along n, on who would move at v after this step.

    It takes all of v along the wall, but no more than `wall_coulomb` times the normal force: so a wall holds who leans.
    """
    vn = vx * nx + vw * nw
    tx, tw = vx - vn * nx, vw - vn * nw
    slide = math.sqrt(tx * tx + tw * tw)
    rub = law.mass / law.dt
    if rub * slide > law.wall_coulomb * force:
        rub = law.wall_coulomb * force / slide
    return -rub * tx, -rub * tw


@kernel(bare=True)
def push(people_out, pushed_out, begin, end, plans_out, floor, gates, law):
    """Write for people `begin` to `end` the velocity after a step and the load.

    m dv/dt = m (want - v) / relax + sum of `contact` over bodies (see `nearest`) + of `normal_force` and `hold` over walls. Load (N): half
    the largest principal value of sum f n n (f the normal forces), a mean over `load_time`: for somebody pressed by F from two sides it is
    F. On a slope m g sin(angle) pulls down whoever touches somebody or a wall; who stands free braces himself, and on a stair each step is
    level. A wall presses to the side on which one stands, so that no shoulder slips through. Whom of all walls the end of one presses
    hardest, as a door post does, turns his chest to it (`turn_x`, `turn_w`), so that his shoulders pass. Who touches others turns the more
    slowly (`turns`): the time is `turn_time` (1 + `turn_pressed` contacts); a post turns him undelayed.
    """
    dt, mass = law.dt, law.mass
    fade = dt / law.load_time
    x, w, vx, vw, touching = people_out.x, people_out.w, people_out.vx, people_out.vw, people_out.touching
    broad, deep, walls = people_out.broad, people_out.deep, pushed_out.walls
    for i in range(begin, end):
        px, pw, ux, uw = x[i], w[i], vx[i], vw[i]
        fx, fw = mass * (plans_out.want_x[i] - ux) / law.relax, mass * (plans_out.want_w[i] - uw) / law.relax
        sxx = sxw = sww = 0.0
        count, own = 0, max(touching[i], 1)
        ix, iw = shoulder(i, people_out)
        for m in range(plans_out.pairs[i]):
            j = plans_out.pair[i, m]
            dx, dw = px - x[j], pw - w[j]
            if dx * dx + dw * dw >= (broad[i] + broad[j]) * (broad[i] + broad[j]):
                continue
            hx, hw = nearest(i, j, dx, dw, people_out)
            both = deep[i] + deep[j]
            h = hx * hx + hw * hw
            if h >= both * both:
                continue
            if h < 1e-12:
                hx, hw, h = (1e-6 if i < j else -1e-6), 0.0, 1e-12
            h = math.sqrt(h)
            nx, nw = hx / h, hw / h
            shared = dt * (own + max(touching[j], 1)) / mass
            force, qx, qw = contact(both - h, nx, nw, ux - vx[j], uw - vw[j], shared, law)
            fx, fw, count = fx + qx, fw + qw, count + 1
            sxx += force * nx * nx
            sxw += force * nx * nw
            sww += force * nw * nw
        hard, post_x, post_w, held = deep[i], 0.0, 0.0, 0
        k = int(pw / floor.wall_size) * floor.wall_columns + int(px / floor.wall_size)
        for m in range(floor.wall_start[k], floor.wall_start[k + 1]):
            s = floor.wall_list[m]
            ax, aw, bx, bw = floor.line[s, 0], floor.line[s, 1], floor.line[s, 2], floor.line[s, 3]
            lx, lw = bx - ax, bw - aw
            l2 = lx * lx + lw * lw
            middle = ((px - ax) * lx + (pw - aw) * lw) / l2
            along = min(max(middle, 0.0), 1.0)
            dx, dw = px - ax - along * lx, pw - aw - along * lw
            if dx * dx + dw * dw >= broad[i] * broad[i] or not bars(s, px, pw, people_out.passed[i], floor, gates):
                continue
            h, nx, nw = deep[i], 0.0, 0.0
            for end in range(-1, 2, 2):
                at = min(max(middle + end * (ix * lx + iw * lw) / l2, 0.0), 1.0)
                hx, hw = px + end * ix - ax - at * lx, pw + end * iw - aw - at * lw
                far = math.sqrt(hx * hx + hw * hw)
                if 0.0 < along < 1.0 and 0.0 < at < 1.0 and hx * dx + hw * dw < 0.0:
                    far = -far
                if far < h and abs(far) > 1e-9:
                    h, nx, nw = far, hx / far, hw / far
                hx, hw = off_line(px - (bx if end > 0 else ax), pw - (bw if end > 0 else aw), ix, iw)
                far = math.sqrt(hx * hx + hw * hw)
                if far < h and far > 1e-9:
                    h, nx, nw = far, hx / far, hw / far
            if h >= deep[i]:
                continue
            if h < hard:
                hard, post_x, post_w = h, 0.0, 0.0
                if along <= 0.0 or along >= 1.0:
                    d = max(math.sqrt(dx * dx + dw * dw), 1e-9)
                    post_x, post_w = dx / d, dw / d
            force = normal_force(deep[i] - h, ux * nx + uw * nw, dt * own / mass, law)
            fx, fw, count = fx + force * nx, fw + force * nw, count + 1
            if held < MOST_WALLS:
                walls[i, held, 0], walls[i, held, 1], walls[i, held, 2] = nx, nw, force
                held += 1
            sxx += force * nx * nx
            sxw += force * nx * nw
            sww += force * nw * nw
        pushed_out.turns[i] = dt / law.turn_time / (1.0 + law.turn_pressed * count)
        if post_x != 0.0 or post_w != 0.0:
            plans_out.turn_x[i], plans_out.turn_w[i] = post_x, post_w
            pushed_out.turns[i] = dt / law.turn_time
        rr, cc = int(pw / floor.way_size), int(px / floor.way_size)
        if count > 0 and not floor.stair[rr, cc]:
            rx, rw = floor.rise_x[rr, cc], floor.rise_w[rr, cc]
            pull = mass * GRAVITY / math.sqrt(1.0 + rx * rx + rw * rw)
            fx -= pull * rx
            fw -= pull * rw
        ux, uw = ux + dt * fx / mass, uw + dt * fw / mass
        for m in range(held):
            fx, fw = hold(walls[i, m, 0], walls[i, m, 1], walls[i, m, 2], ux, uw, law)
            ux, uw = ux + dt * fx / mass, uw + dt * fw / mass
        pushed_out.vx[i], pushed_out.vw[i] = ux, uw
        pushed_out.touching[i] = count
        half, off = 0.5 * (sxx + sww), 0.5 * (sxx - sww)
        now = 0.5 * (half + math.sqrt(off * off + sxw * sxw))
        people_out.load[i] += fade * (now - people_out.load[i])
        if people_out.load[i] > LIGHT_N:
            people_out.crush[i] += dt * compression_rate(people_out.load[i])


@kernel(bare=True)
def move(people_out, pushed_out, begin, end, plans, floor, gates, law):
    """Move people `begin` to `end` by a step at their new velocities, and turn them to where they want to, the shorter way: of an
    outline both ends are alike. Nobody goes a way that crosses what bars him: he stops."""
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
            way = pushed_out.turns[i] if fx * to_x + fw * to_w >= 0.0 else -pushed_out.turns[i]
            fx, fw = fx + way * to_x, fw + way * to_w
            length = math.sqrt(fx * fx + fw * fw)
            people_out.face_x[i], people_out.face_w[i] = fx / length, fw / length
