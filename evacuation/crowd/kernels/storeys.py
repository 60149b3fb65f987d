"""Stairs that join two levels: who is on one near its middle, and people who change levels there as they walk.

Levels lie side by side (`venue/levels.py`), so that a stair lies on both of its levels; each half is walked on one of them.
"""

from __future__ import annotations

import math

from evacuation.crowd.kernels.arrays import Bodies
from evacuation.crowd.kernels.order import copy
from evacuation.crowd.kernels.walk import walk
from twin.jit import kernel


@kernel(bare=True)
def across(moved_out, past_out, x, w, stairs, low, high):
    """Write for each place (n,) on a stair how far east its place on the other level lies, m, and how far past the middle of the stair
    it is, m, seen from its level; both 0 elsewhere, and for who is not more than `low` and at most `high` past it."""
    for i in range(x.size):
        moved_out[i], past_out[i] = beyond(x[i], w[i], stairs, low, high)


@kernel(bare=True)
def beyond(x, w, stairs, low, high):
    """Return for a place what `across` writes."""
    for k in range(stairs.moved.size):
        map_x, map_y = stairs.west + x - stairs.laid[k], stairs.north - w
        past = stairs.way[k] * (map_x * stairs.up_x[k] + map_y * stairs.up_y[k] - stairs.middle[k])
        if low < past <= high and within(x, w, stairs.side, stairs.first[k], stairs.first[k + 1]):
            return stairs.moved[k], past
    return 0.0, 0.0


@kernel(bare=True)
def within(x, w, side, first, last):
    """Return whether a place lies within the polygon of sides `first` to `last` (side: x0, w0, x1, w1)."""
    inside = False
    for s in range(first, last):
        x0, w0, x1, w1 = side[s, 0], side[s, 1], side[s, 2], side[s, 3]
        if (w0 > w) != (w1 > w) and x < x0 + (w - w0) * (x1 - x0) / (w1 - w0):
            inside = not inside
    return inside


@kernel(bare=True)
def change(bodies_out, n, stairs, seen):
    """Let the first `n` people change levels and set those within `seen` m of a middle a second time after them, on the other level and
    with a number below 0; return how many that makes. `bodies_out` has room for twice as many."""
    count = n
    for i in range(n):
        moved, past = beyond(bodies_out.x[i], bodies_out.w[i], stairs, -seen, math.inf)
        if past > 0.0:
            bodies_out.x[i] += moved
            moved = -moved  # from where he is now, so that a walk gives the same to the bit in however many calls
        if moved != 0.0 and past < seen:
            copy(bodies_out, count, bodies_out, i)
            bodies_out.x[count] = bodies_out.x[i] + moved
            bodies_out.number[count] = -1 - bodies_out.number[i]
            count += 1
    return count


@kernel(bare=True)
def drop(bodies_out, n):
    """Take those out of the first `n` who are there a second time; return how many stay. They keep their order."""
    stay = 0
    for i in range(n):
        if bodies_out.number[i] >= 0:
            if stay < i:
                copy(bodies_out, stay, bodies_out, i)
            stay += 1
    return stay


@kernel
def first_of(bodies, n):
    """Return the first `n` people: the same arrays, seen so far."""
    return Bodies(
        bodies.x[:n], bodies.w[:n], bodies.vx[:n], bodies.vw[:n], bodies.broad[:n], bodies.deep[:n], bodies.face_x[:n],
        bodies.face_w[:n], bodies.free[:n], bodies.group[:n], bodies.leaves[:n], bodies.number[:n], bodies.party[:n],
        bodies.passed[:n], bodies.waits[:n], bodies.out[:n], bodies.touching[:n], bodies.load[:n], bodies.crush[:n], bodies.dose[:n],
    )  # fmt: skip


@kernel
def walk_storeys(first_out, second_out, counts_out, n, times, stairs, seen, floor, gates, ways, law, steps):
    """Move the first `n` people of `first_out` by a decision at each of `times`, in turn into `second_out` and `first_out`; return what
    `walk` does.

    Before each decision whoever has passed the middle of a stair goes on on the other level, and whoever is within `seen` m of it is set a
    second time on the level where he is not: those there see and touch him, and nothing of the law of motion ends at the middle. After
    it the second ones are gone. Both arrays have room for twice as many.
    """
    now, after = first_out, second_out
    for k in range(times.size):
        if n == 0:
            break
        count = change(now, n, stairs, seen)
        count, problem, _, found = walk(
            after, now, counts_out, first_of(now, count), times[k : k + 1], floor, gates, ways, law, steps
        )
        if problem != 0:
            return count, problem, k, found
        now, after = after, now
        n = drop(now, count)
    change(now, n, stairs, 0.0)
    return n, 0, 0, 0
