"""People at gates and goals: who may pass a metered gate next, who has crossed one, who has left."""

from __future__ import annotations

from evacuation.crowd.kernels.order import copy
from twin.jit import kernel

BEYOND_M = 1.0  # who goes out by a gate of the rim is in the way of others until he is so far beyond it
AT_GATE_M = 0.6  # nobody is let through a metered gate from further away than this


@kernel(bare=True)
def meter(people_out, tokens_out, n, t, floor, gates, ways):
    """Give passes at metered gates, to the nearest who wants to go through, so many a second and never two at once.

    A gate that lets nobody through gives none, not even the one that it has saved.
    """
    for k in range(gates.metered.size):
        if not gates.metered[k] or not gates.passes[k] > 0.0:
            continue
        tokens_out[k] = min(tokens_out[k] + gates.passes[k], max(1.0, gates.passes[k]))
        while tokens_out[k] >= 1.0:
            who = next_at(k, people_out, n, t, floor, ways)
            if who < 0:
                break
            people_out.passed[who] = k
            tokens_out[k] -= 1.0


@kernel(bare=True)
def next_at(k, people, n, t, floor, ways):
    """Return who is nearest to gate `k`, has left and holds no pass yet, and whose way leads through it; -1 for nobody.

    Who stands at a post, where only his shoulder is before the gate, is asked for his way beside it: at the post itself there is none.
    """
    who, nearest = -1, AT_GATE_M
    step_x, step_w, half = floor.gate_step[k, 0], floor.gate_step[k, 1], 0.5 * floor.way_size
    for i in range(n):
        dx, dw = people.x[i] - floor.gate_end[k, 0], people.w[i] - floor.gate_end[k, 1]
        along, off = dx * step_x + dw * step_w, step_x * dw - step_w * dx
        beside = people.broad[i]
        if people.passed[i] == k or people.out[i] >= 0 or people.leaves[i] > t:
            continue
        if not -beside < along < floor.gate_long[k] + beside:
            continue
        if (
            abs(off) > nearest
            or abs(off) >= AT_GATE_M
            or (abs(off) == nearest and people.number[i] > people.number[who])
        ):
            continue
        at, group = min(max(along, half), floor.gate_long[k] - half), people.group[i]
        row = int((floor.gate_end[k, 1] + at * step_w + off * step_x) / floor.way_size)
        col = int((floor.gate_end[k, 0] + at * step_x - off * step_w) / floor.way_size)
        heading = ways.w[group, row, col] * step_x - ways.x[group, row, col] * step_w
        if heading * off < 0.0:
            who, nearest = i, abs(off)
    return who


@kernel(inline=True)
def goal_at(i, people, floor):
    """Return the goal in which person `i` stands, of those that he wants; -1 for none."""
    ny, nx = floor.goal_of.shape
    row, col = int(people.w[i] / floor.way_size), int(people.x[i] / floor.way_size)
    goal = floor.goal_of[min(row, ny - 1), min(col, nx - 1)]
    return goal - 1 if goal > 0 and floor.wants[people.group[i], goal - 1] else -1


@kernel(bare=True)
def let_go(people_out, counts_out, crossed, n, t, floor, gates):
    """Count who crossed a gate, and let go who left or reached a goal that he wants and that takes him; return how many stay.

    Who goes out by a gate of the rim walks straight on and has left when he is `BEYOND_M` beyond it, or when it is shut. Those
    who stay keep their order and are the first of `people_out`.
    """
    stay = 0
    for i in range(n):
        gone = False
        if crossed[i] != 0:
            k = abs(crossed[i]) - 1
            inward = (crossed[i] > 0) == (floor.inner[k] > 0)
            counts_out.flows[k, 0 if inward else 1] += 1
            people_out.passed[i] = -1
            if floor.rim[k]:
                people_out.out[i] = -1 if inward else k
        k = people_out.out[i]
        if k >= 0:
            dx, dw = people_out.x[i] - floor.gate_end[k, 0], people_out.w[i] - floor.gate_end[k, 1]
            off = floor.gate_step[k, 0] * dw - floor.gate_step[k, 1] * dx
            if gates.shut[k] or abs(off) >= BEYOND_M:
                counts_out.left_by_gate[k] += 1
                gone = True
        if floor.wants.shape[1] > 0 and not gone and people_out.leaves[i] <= t:
            goal = goal_at(i, people_out, floor)
            if goal >= 0 and counts_out.left_by_goal[goal] < gates.takes[goal]:
                counts_out.left_by_goal[goal] += 1
                gone = True
        if not gone:
            if stay < i:
                copy(people_out, stay, people_out, i)
            stay += 1
    return stay
