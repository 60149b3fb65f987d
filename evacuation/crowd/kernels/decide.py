"""How people decide: the way to the goal, who stands in it, whom one may touch.

Speed: the collision-free speed model, Tordeux, Chraibi and Seyfried 2016 (doi:10.1007/978-3-319-33482-0_29). Direction: as Xu,
Chraibi, Tordeux and Zhang 2019 (doi:10.1016/j.physa.2019.122521), so that neighbours turn nobody back. Who has people coming
towards him chooses among a few directions (after Moussaid, Helbing and Theraulaz 2011, doi:10.1073/pnas.1016507108).
"""

from __future__ import annotations

import math

import numba

from evacuation.crowd.kernels.arrays import ANY
from evacuation.crowd.kernels.eikonal import FAR
from evacuation.crowd.kernels.gates import goal_at
from evacuation.crowd.kernels.outline import between
from evacuation.crowd.kernels.walls import bars, crosses, hidden, side, walled
from twin.jit import kernel

#: Directions looked at when people come towards one: cosine and sine of 0 (see `choose`), and of 0.5 and 1 radian to either side.
TURNS = ((0.87758, 0.47943), (0.87758, -0.47943), (0.54030, 0.84147), (0.54030, -0.84147))
HABIT = 0.05  # of his free speed: another direction must be better by as much
LANE_AHEAD_M = (
    2.0  # over this distance people ahead count less and less in the choice of a lane; seen to one and a half of it
)
FACING = 0.5  # cosine: who come against one another more than this pass with their shoulders turned
JOINING = 0.2  # two ways run together where they close at more than this share of a walk (assumed)
BROADEST_M, DEEPEST_M = 0.27, 0.145  # half of the broadest shoulders and the deepest chest there are
APART_M = 1.0  # whoever is further ahead of the last of his party than this slows down
HELD = 0.85  # whoever is slower than this share of his own pace is held up by the one before him (assumed)
MOST_PAIRS = 40  # neighbours that can touch one person within a decision
FEW = 3000  # a crowd smaller than this is moved by one thread, which spares it the waiting
BLOCK = 128  # people whom a thread moves at a time


@kernel(bare=True)
def decide(plans_out, parties_scratch, n, start, people, t, floor, gates, ways, law):
    """Write the plans of the first `n` people at `t`; return the most pairs of one. `start`: see `sort_by_cell`.
    `parties_scratch` (parties,).

    Everybody's way comes first, for one looks at that of others.
    """
    if n < FEW:
        head(plans_out, 0, n, people, t, floor, gates, ways)
        wait_for_each_other(plans_out, parties_scratch, n, start, people, floor)
        choose(plans_out, 0, n, start, people, t, floor, gates, law)
    else:
        head_side_by_side(plans_out, n, people, t, floor, gates, ways)
        wait_for_each_other(plans_out, parties_scratch, n, start, people, floor)
        choose_side_by_side(plans_out, n, start, people, t, floor, gates, law)
    most = 0
    for i in range(n):
        most = max(most, plans_out.pairs[i])
    return most


# One loop in each parallel kernel: numba would make one of two, and somebody would look at who has not decided yet.


@kernel(parallel=True)
def head_side_by_side(plans_out, n, people, t, floor, gates, ways):
    """Write the ways of the first `n` people on all threads."""
    for b in numba.prange((n + BLOCK - 1) // BLOCK):
        head(plans_out, b * BLOCK, min((b + 1) * BLOCK, n), people, t, floor, gates, ways)


@kernel(parallel=True)
def choose_side_by_side(plans_out, n, start, people, t, floor, gates, law):
    """Write the plans of the first `n` people on all threads."""
    for b in numba.prange((n + BLOCK - 1) // BLOCK):
        choose(plans_out, b * BLOCK, min((b + 1) * BLOCK, n), start, people, t, floor, gates, law)


@kernel(bare=True)
def head(plans_out, begin, end, people, t, floor, gates, ways):
    """Write for people `begin` to `end` the way to the goal, from the four cells around, and how far it still is.

    That is negative for who stands: who has not left yet (`leaves` > t), and who has no way. Who has gone out walks straight on. Who
    was pushed where there is no way goes to the nearest cell with one. Who would walk into a wall within a cell, as at a door post that
    cuts his cell, goes to the best cell around.
    """
    fr, fc = ways.x.shape[1], ways.x.shape[2]
    x, w, group, way_size = people.x, people.w, people.group, floor.way_size
    for i in range(begin, end):
        plans_out.way_x[i] = plans_out.way_w[i] = 0.0
        plans_out.ahead[i], plans_out.free[i], plans_out.pace[i] = -1.0, people.free[i], 1.0
        if people.out[i] >= 0:
            k = people.out[i]
            sign = -floor.inner[k]
            plans_out.way_x[i], plans_out.way_w[i] = -sign * floor.gate_step[k, 1], sign * floor.gate_step[k, 0]
            plans_out.ahead[i] = 0.0
            continue
        if people.leaves[i] > t or group[i] < 0:
            continue
        fx, fw = x[i] / way_size - 0.5, w[i] / way_size - 0.5
        c, r = math.floor(fx), math.floor(fw)
        ax, aw = fx - c, fw - r
        ex = ew = 0.0
        for q in range(4):
            rr, cc = int(r) + q // 2, int(c) + q % 2
            if 0 <= rr < fr and 0 <= cc < fc:
                weight = (ax if q % 2 else 1.0 - ax) * (aw if q // 2 else 1.0 - aw)
                ex += weight * ways.x[group[i], rr, cc]
                ew += weight * ways.w[group[i], rr, cc]
        length = math.sqrt(ex * ex + ew * ew)
        rr, cc = int(w[i] / way_size), int(x[i] / way_size)
        k = int(w[i] / floor.wall_size) * floor.wall_columns + int(x[i] / floor.wall_size)
        first, last = floor.wall_start[k], floor.wall_start[k + 1]
        step = way_size / max(length, 1e-6)
        to_x, to_w = x[i] + step * ex, w[i] + step * ew
        to_row, to_col = -1, -1
        if ways.cost[group[i], rr, cc] >= FAR:
            rr, cc = beside(rr, cc, i, people, floor, gates, ways)
            if rr < 0:
                continue
            if length <= 1e-6 or hidden(x[i], w[i], to_x, to_w, people.passed[i], first, last, floor, gates):
                to_row, to_col = rr, cc
        elif walled(x[i], w[i], to_x, to_w, first, last, floor):
            to_row, to_col = downhill_from(rr, cc, i, people, first, last, floor, ways)
        if to_row >= 0:
            ex, ew = (to_col + 0.5) * way_size - x[i], (to_row + 0.5) * way_size - w[i]
            length = math.sqrt(ex * ex + ew * ew)
        if length > 0.0:
            want_x, want_w = ex / length, ew / length
            off = (x[i] - (cc + 0.5) * way_size) * want_x + (w[i] - (rr + 0.5) * way_size) * want_w
            plans_out.way_x[i], plans_out.way_w[i] = want_x, want_w
            plans_out.ahead[i] = max(ways.cost[group[i], rr, cc] - off, 0.0)
            rise = want_x * floor.rise_x[rr, cc] + want_w * floor.rise_w[rr, cc]
            plans_out.pace[i] = pace_on(rise, floor.stair[rr, cc])
            plans_out.free[i] = people.free[i] * plans_out.pace[i]


@kernel(bare=True)
def beside(row, col, i, people, floor, gates, ways):
    """Return the nearest cell with a way around the cell of person `i`, who was pushed where there is none; (-1, -1) for none.

    Only cells that no wall hides from him count.
    """
    px, pw, group = people.x[i], people.w[i], people.group[i]
    k = int(pw / floor.wall_size) * floor.wall_columns + int(px / floor.wall_size)
    best_row, best_col, least = -1, -1, 1e30
    for r in range(max(row - 3, 0), min(row + 4, ways.cost.shape[1])):
        for c in range(max(col - 3, 0), min(col + 4, ways.cost.shape[2])):
            cx, cw = (c + 0.5) * floor.way_size, (r + 0.5) * floor.way_size
            d2 = (cx - px) ** 2 + (cw - pw) ** 2
            if ways.cost[group, r, c] >= FAR or d2 >= least:
                continue
            if not hidden(px, pw, cx, cw, people.passed[i], floor.wall_start[k], floor.wall_start[k + 1], floor, gates):
                best_row, best_col, least = r, c, d2
    return best_row, best_col


@kernel(bare=True)
def downhill_from(row, col, i, people, first, last, floor, ways):
    """Return the cell from which the way of person `i` is the shortest, of his own and the eight around it that no wall hides from him;
    (-1, -1) for none."""
    px, pw, group = people.x[i], people.w[i], people.group[i]
    best_row, best_col, least = -1, -1, FAR
    for r in range(max(row - 1, 0), min(row + 2, ways.cost.shape[1])):
        for c in range(max(col - 1, 0), min(col + 2, ways.cost.shape[2])):
            cx, cw = (c + 0.5) * floor.way_size, (r + 0.5) * floor.way_size
            if ways.cost[group, r, c] < least and not walled(px, pw, cx, cw, first, last, floor):
                best_row, best_col, least = r, c, ways.cost[group, r, c]
    return best_row, best_col


@kernel(inline=True)
def pace_on(rise, stair):
    """Return the horizontal speed over that on the level, on ground that rises by `rise` a metre in walking direction.

    Stairs: 0.61 m/s up and 0.69 m/s down where 1.34 m/s are walked on the level (Weidmann 1993). Slopes: exp(-3.5 |rise + 0.05|)
    over its value on the level, not above 1 (Tobler 1993).
    """
    if stair:
        return 0.61 / 1.34 if rise > 0.0 else 0.69 / 1.34
    return min(math.exp(3.5 * (0.05 - abs(rise + 0.05))), 1.0)


@kernel(bare=True)
def wait_for_each_other(plans_out, parties_scratch, n, start, people, floor):
    """Slow whoever is ahead of the last of his party: from `APART_M` before him on to a stop at four times that (assumed).

    A party is as fast as its slowest. Who has not left yet or has no way is not waited for, and nobody waits in the way of others
    (`holds_up`): who stood still in a door would keep out the very one he waits for.
    """
    if parties_scratch.size == 0:
        return
    parties_scratch[:] = 0.0
    for i in range(n):
        if people.party[i] >= 0 and plans_out.ahead[i] >= 0.0:
            parties_scratch[people.party[i]] = max(parties_scratch[people.party[i]], plans_out.ahead[i])
    for i in range(n):
        k = people.party[i]
        if k >= 0 and plans_out.ahead[i] >= 0.0:
            before = parties_scratch[k] - plans_out.ahead[i]
            if before > APART_M and not holds_up(plans_out, i, start, people, floor):
                plans_out.free[i] *= max((4.0 * APART_M - before) / (3.0 * APART_M), 0.0)


@kernel(bare=True)
def holds_up(plans_out, i, start, people, floor):
    """Return whether somebody of another party is held up right behind person `i`: within `APART_M`, as near to his way as both are
    broad, the same way, and slower than `HELD` of his own pace."""
    px, pw, ex, ew = people.x[i], people.w[i], plans_out.way_x[i], plans_out.way_w[i]
    c0, c1 = max(int((px - APART_M) / floor.size), 0), min(int((px + APART_M) / floor.size), floor.columns - 1)
    r0, r1 = max(int((pw - APART_M) / floor.size), 0), min(int((pw + APART_M) / floor.size), floor.rows - 1)
    for r in range(r0, r1 + 1):
        for j in range(start[r * floor.columns + c0], start[r * floor.columns + c1 + 1]):
            if people.party[j] == people.party[i] or plans_out.ahead[j] < 0.0:
                continue
            dx, dw = px - people.x[j], pw - people.w[j]
            if dx * dx + dw * dw > APART_M * APART_M or ex * dx + ew * dw <= 0.0:
                continue
            near = abs(ew * dx - ex * dw) < people.broad[i] + people.broad[j]
            forward = ex * people.vx[j] + ew * people.vw[j]
            own = ex * plans_out.way_x[j] + ew * plans_out.way_w[j]
            if near and own > 0.0 and forward < HELD * own * people.free[j] * plans_out.pace[j]:
                return True
    return False


@kernel(bare=True)
def choose(plans_out, begin, end, start, people, t, floor, gates, law):
    """Write for people `begin` to `end` the wanted velocity and whom each may touch until the next decision.

    Direction e = unit(e0 + sum of k exp((a - d_ij) / D) to the side away from each neighbour ahead), e0 the way to his goal, d_ij
    between centres, a `repulsion_at`; k is `repulsion` where everybody has the same goals, else `dodge`, and up to twice that for
    who comes towards him. Speed min(free, (s - l + Tf v) / (T + Tf)), s the gap to the outline of the nearest one in his way, who
    walks away at v; T is longer by as much as the ground slows him, so that a queue passes a stair the more slowly. Of two with the
    same goal the one nearer to it goes first: the other is not in his way and does not turn him, so that no two wait for each
    other for ever; who touches somebody nearer is stopped by him, too, where their ways run together, so that no arch holds before a
    door. Whom people of another group come towards looks in `TURNS` from e0, too, and takes the direction in which speed along e0, less
    `follow` free speeds for the share of those in it who come towards him, is largest: so lanes form. Who has next to no gap left leans
    towards his goal with `push` newton, and closes what there is of the gap l up to `closing` more quickly. Who waits leans with
    `queue_push`: a metered gate is in his way, or somebody of his group who waited for it, or in a goal that takes nobody now, at the last
    decision, and who is in the way as broad as both are, so that nobody slips in beside him. If somebody comes towards him he steps aside,
    no faster than he leans if he is held by a touch. A gate that bars him stands in his way like a person. People behind a wall are not
    seen.
    """
    metered = gates.metered.any()
    for goal in range(gates.takes.size):
        metered = metered or gates.takes[goal] != ANY
    for i in range(begin, end):
        px, pw = people.x[i], people.w[i]
        k = int(pw / floor.wall_size) * floor.wall_columns + int(px / floor.wall_size)
        first, last = floor.wall_start[k], floor.wall_start[k + 1]
        aside = touch(plans_out, i, start, people, first, last, floor, gates, law)
        if people.out[i] >= 0:
            aside = 0.0
        plans_out.waits[i] = 0
        if plans_out.ahead[i] < 0.0:
            if metered and people.leaves[i] <= t and people.group[i] >= 0 and floor.wants.shape[1] > 0:
                plans_out.waits[i] = goal_at(i, people, floor) >= 0
            plans_out.want_x[i] = plans_out.want_w[i] = 0.0
            continue
        goal_x, goal_w, free = plans_out.way_x[i], plans_out.way_w[i], plans_out.free[i]
        length = math.sqrt(1.0 + aside * aside)
        along, across = 1.0 / length, aside / length
        ex, ew, pace, side_step, meets, waits, best = goal_x, goal_w, 0.0, 0.0, False, False, -math.inf
        # One call of `look` for all directions: it is put in its place here, and would be so twice.
        for turn in range(-1, len(TURNS)):
            if turn >= 0:
                along, across = TURNS[turn]
            tx, tw = along * goal_x - across * goal_w, along * goal_w + across * goal_x
            there, met, share, queues = look(
                plans_out, i, tx, tw, turn >= 0, metered, start, people, first, last, floor, gates, law
            )
            worth = max(there, 0.0) * along + ((0.0 if turn >= 0 else HABIT) - law.follow * share) * free
            if worth > best:
                best, ex, ew, pace, side_step = worth, tx, tw, there, across
                meets, waits = met or turn >= 0, queues
            if turn < 0 and share <= 0.0:
                break
        plans_out.waits[i] = waits
        blocked, lean = pace <= 0.0, min((law.queue_push if waits else law.push) * law.relax / law.mass, free)
        room = min(max(1.0 + pace * (law.gap_time + law.foresight) / law.gap_length, 0.0), 1.0)
        closes = min(lean * (1.0 + law.closing * room), free)
        if pace < closes:
            pace, ex, ew = closes, goal_x, goal_w
        if blocked and meets:
            way = 1.0 if side_step >= 0.0 else -1.0
            ex, ew = 0.6 * goal_x - 0.8 * way * goal_w, 0.6 * goal_w + 0.8 * way * goal_x
            pace = lean if people.touching[i] > 0 else min(law.sidestep, free)
        plans_out.want_x[i], plans_out.want_w[i] = pace * ex, pace * ew


@kernel(bare=True)
def touch(plans_out, i, start, people, first, last, floor, gates, law):
    """Write whom person `i` may touch and where he turns to; return by how much his neighbours turn him aside.

    He turns to where he walks, and sideways to pass somebody who comes against him within `turn_ahead` and as near to his way as
    both are broad, unless somebody holds him by touching him.
    """
    x, w, broad, group, ahead = people.x, people.w, people.broad, people.group, plans_out.ahead
    px, pw = x[i], w[i]
    ex, ew, far = plans_out.way_x[i], plans_out.way_w[i], ahead[i]
    walks = far >= 0.0
    plans_out.turn_x[i], plans_out.turn_w[i] = ex, ew
    close = law.repulsion_at + 5.0 * law.repulsion_range
    far_off = broad[i] + BROADEST_M + law.skin
    if walks:
        far_off = max(far_off, close, law.sight)
    c0, c1 = max(int((px - far_off) / floor.size), 0), min(int((px + far_off) / floor.size), floor.columns - 1)
    r0, r1 = max(int((pw - far_off) / floor.size), 0), min(int((pw + far_off) / floor.size), floor.rows - 1)
    count = 0
    aside = 0.0
    for r in range(r0, r1 + 1):
        for j in range(start[r * floor.columns + c0], start[r * floor.columns + c1 + 1]):
            if j == i:
                continue
            dx, dw = px - x[j], pw - w[j]
            d2 = dx * dx + dw * dw
            if d2 > far_off * far_off:
                continue
            both = broad[i] + broad[j] + law.skin
            touches = d2 <= both * both
            touches = touches and between(i, j, dx, dw, people) <= law.skin
            turns, comes = False, 0.0
            if walks and ex * dx + ew * dw < 0.0:
                if group[j] != group[i]:
                    comes = max(-(ex * plans_out.way_x[j] + ew * plans_out.way_w[j]), 0.0)
                turns = comes > 0.0 or (d2 <= close * close and not (ahead[j] > far and group[j] == group[i]))
            if not (touches or turns) or hidden(px, pw, x[j], w[j], people.passed[i], first, last, floor, gates):
                continue
            if touches:
                if count < MOST_PAIRS:
                    plans_out.pair[i, count] = j
                count += 1
            if turns:
                d = math.sqrt(d2)
                # to the side away from him; of two who meet each keeps to the right unless he stands clearly right of the other
                right = ex * dw - ew * dx + 0.2 * comes * d > 0.0
                met = max(d - law.meet_time * comes * plans_out.free[i], 0.5 * law.repulsion_at)
                strength = (1.0 + comes) * math.exp((law.repulsion_at - met) / law.repulsion_range)
                aside += strength if right else -strength
                across = abs(ex * dw - ew * dx)
                if comes > FACING and d < law.turn_ahead and across < broad[i] + broad[j] and people.touching[i] == 0:
                    plans_out.turn_x[i], plans_out.turn_w[i] = -ew, ex
    plans_out.pairs[i] = count
    return aside * (law.dodge if floor.wants.shape[0] > 1 else law.repulsion)


@kernel(inline=True)
def look(plans_out, i, ex, ew, walls, metered, start, people, first, last, floor, gates, law):
    """Return how fast person `i` can go in direction e, whether somebody stops him who comes towards him, their share of those ahead, and
    whether a metered gate stops him, or somebody of his group who waits for one. A speed below 0 says how much of the gap l is missing.

    Ground is free to the outline of the next one in his way or to a gate that bars him, with `walls` to a wall, too; `metered`: whether
    any gate is, so that somebody may wait for it. In the share
    (0..1) those ahead count by exp(-distance / LANE_AHEAD_M), and half a person more who is not there.
    """
    x, w, ahead, free = people.x, people.w, plans_out.ahead, plans_out.free[i]
    px, pw, far = x[i], w[i], ahead[i]
    speed = math.sqrt(people.vx[i] * people.vx[i] + people.vw[i] * people.vw[i])
    gap_time = law.gap_time / plans_out.pace[i]
    gap = law.gap_length + min(free, speed + 0.5) * (gap_time + law.foresight)
    several, see = floor.wants.shape[0] > 1, gap + people.deep[i] + DEEPEST_M
    if several:
        see = max(see, 1.5 * LANE_AHEAD_M)
    reach = people.broad[i] + BROADEST_M if metered else law.lane
    leaving, meets, waits = free, False, False
    everybody, against = 0.5, 0.0
    c0 = max(int((min(px, px + see * ex) - reach) / floor.size), 0)
    c1 = min(int((max(px, px + see * ex) + reach) / floor.size), floor.columns - 1)
    r0 = max(int((min(pw, pw + see * ew) - reach) / floor.size), 0)
    r1 = min(int((max(pw, pw + see * ew) + reach) / floor.size), floor.rows - 1)
    for r in range(r0, r1 + 1):
        for j in range(start[r * floor.columns + c0], start[r * floor.columns + c1 + 1]):
            dx, dw = x[j] - px, w[j] - pw
            along = ex * dx + ew * dw
            if along <= 0.0 or j == i or (ahead[j] > far and people.group[j] == people.group[i]):
                continue
            off, d = abs(ew * dx - ex * dw), math.sqrt(dx * dx + dw * dw)
            if along > (see if several else gap + people.broad[i] + BROADEST_M):
                continue
            room = between(i, j, dx, dw, people)
            queues = metered and people.waits[j] != 0 and people.group[j] == people.group[i]
            if off > (people.broad[i] + people.broad[j] if queues else law.lane):
                if room > 0.0 or people.group[j] != people.group[i]:
                    continue
                join_x, join_w = plans_out.way_x[j] - plans_out.way_x[i], plans_out.way_w[j] - plans_out.way_w[i]
                if join_x * dx + join_w * dw > -JOINING * d:
                    continue
            opposes = people.group[j] != people.group[i] and ex * plans_out.way_x[j] + ew * plans_out.way_w[j] < 0.0
            if several:
                weight = math.exp(-d / LANE_AHEAD_M)
                everybody += weight
                against += weight if opposes else 0.0
            if opposes and off > law.pass_lane:
                continue
            if room < gap and not hidden(px, pw, x[j], w[j], people.passed[i], first, last, floor, gates):
                gap, leaving, meets = room, ex * people.vx[j] + ew * people.vw[j], opposes
                waits = queues
                if not opposes:
                    leaving = max(leaving, 0.0)
    for m in range(first, last):
        s = floor.wall_list[m]
        ax, aw, bx, bw = floor.line[s, 0], floor.line[s, 1], floor.line[s, 2], floor.line[s, 3]
        if (floor.gate_of[s] < 0 and not walls) or not crosses(px, pw, px + see * ex, pw + see * ew, ax, aw, bx, bw):
            continue
        if bars(s, px, pw, people.passed[i], floor, gates):
            off = abs(side(ax, aw, bx, bw, px, pw)) / abs(ex * (bw - aw) - ew * (bx - ax)) - people.deep[i]
            off = min(2.0 * off, off + 0.5 * law.gap_length)  # half the gap is kept
            if off < gap:
                gap, leaving, meets = off, 0.0, False
                waits = floor.gate_of[s] >= 0 and gates.metered[floor.gate_of[s]] and not gates.shut[floor.gate_of[s]]
    room = gap - law.gap_length + law.foresight * leaving
    return min(free, room / (gap_time + law.foresight)), meets, against / everybody, waits
