"""Shortest ways back from where people want to go, and the last moment to leave before the ways close."""

from __future__ import annotations

import numpy as np
from numba import prange

from evacuation.movement.kernels.heap import drop_first, put
from evacuation.movement.kernels.queues import ARRIVED, NO_WAY
from twin.jit import kernel


@kernel(bare=True)
def ways(cost_out, next_out, heap_scratch, cost, up, into_start, into_link, goal_start, goal_node):
    """Write for each group of goals the cost of the way from each node and the link it begins with (Dijkstra 1959, reversed).

    `cost` (link,) s, infinite where closed; links into node n are `into_link[into_start[n]:into_start[n + 1]]`; goals of
    group g are `goal_node[goal_start[g]:goal_start[g + 1]]`. `cost_out`, `next_out` (group, node): infinite and NO_WAY
    where no way leads.
    """
    for g in range(len(goal_start) - 1):
        lead, least = next_out[g], cost_out[g]
        lead[:] = NO_WAY
        least[:] = np.inf
        for node in range(len(lead)):
            heap_scratch[node].place = -1
        size = 0
        for k in range(goal_start[g], goal_start[g + 1]):
            lead[goal_node[k]] = ARRIVED
            least[goal_node[k]] = 0.0
            size = put(heap_scratch, size, goal_node[k], 0.0)
        while size > 0:
            node = heap_scratch[0].thing
            size = drop_first(heap_scratch, size)
            for k in range(into_start[node], into_start[node + 1]):
                link = into_link[k]
                reached = least[node] + cost[link]
                if reached < least[up[link]]:
                    lead[up[link]] = link
                    least[up[link]] = reached
                    size = put(heap_scratch, size, up[link], reached)


@kernel(parallel=True)
def ways_beside(cost_out, next_out, heap_scratch, cost, up, into_start, into_link, goal_start, goal_node):
    """Do what `ways` does, for several groups at a time; `heap_scratch` (group, node)."""
    for g in prange(len(goal_start) - 1):
        ways(
            cost_out[g : g + 1], next_out[g : g + 1], heap_scratch[g], cost, up, into_start, into_link, goal_start[g : g + 2], goal_node
        )  # fmt: skip


@kernel(bare=True)
def keep_ways(next_out, kept, least, cost, head, share):
    """Put into `next_out` (group, node) the choice `kept` there before, where it is still good enough.

    It stays where the way by it costs at most 1 + `share` of the `least` (group, node), and leads to a node nearer to the goal: so
    nobody is led in a circle. `cost` (choice,) s, `head` (choice,) the node that a choice leads to.
    """
    for g in range(len(next_out)):
        for node in range(next_out.shape[1]):
            old = kept[g, node]
            if old >= 0 and next_out[g, node] >= 0 and old != next_out[g, node]:
                beyond = least[g, head[old]]
                if beyond < least[g, node] and cost[old] + beyond <= (1.0 + share) * least[g, node]:
                    next_out[g, node] = old


@kernel(bare=True)
def last_departures(
    last_out, heap_scratch, first, closes, times, speed, run, length, up, into_start, into_link, goal_node
):
    """Write the last moment at which one can leave each node and still get through, (node,): minus infinity for not even at once.

    Labels are set from the latest on. A link must be left again before it `closes` (link,), s, which is infinite for never. It
    is run at `speed` (step, link), m/s, that holds from `times` (step,) on, the last for ever; `run` (step, link) is what has
    been run by then, m. `first` is the step from which one looks ahead.
    """
    last_out[:] = -np.inf
    for node in range(len(last_out)):
        heap_scratch[node].place = -1
    size = 0
    for k in range(len(goal_node)):
        last_out[goal_node[k]] = np.inf
        size = put(heap_scratch, size, goal_node[k], -np.inf)
    while size > 0:
        node = heap_scratch[0].thing
        size = drop_first(heap_scratch, size)
        for k in range(into_start[node], into_start[node + 1]):
            link = into_link[k]
            out_by = min(last_out[node], closes[link])
            enter = _enter_by(out_by, first, times, speed, run, length[link], link)
            if enter > last_out[up[link]]:
                last_out[up[link]] = enter
                size = put(heap_scratch, size, up[link], -enter)


@kernel(bare=True)
def _enter_by(out_by, first, times, speed, run, length, link):
    """Return the last moment to enter a link so as to have left it at `out_by`; minus infinity when that is too late."""
    step = len(times) - 1
    if out_by == np.inf:
        return np.inf if speed[step, link] > 0.0 else -np.inf
    while step > first and times[step] > out_by:
        step -= 1
    target = run[step, link] + speed[step, link] * (out_by - times[step]) - length
    if out_by < times[first] or target < run[first, link]:
        return -np.inf
    while step > first and run[step, link] > target:
        step -= 1
    if speed[step, link] <= 0.0:
        return times[step]
    return times[step] + (target - run[step, link]) / speed[step, link]
