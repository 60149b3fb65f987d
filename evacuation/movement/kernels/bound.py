"""How many people can get through a network in a given time at the very most: temporally repeated flow.

Ford and Fulkerson 1958: the largest flow in time T is that of successive shortest paths, each repeated for the T less its length.
"""

from __future__ import annotations

import numpy as np

from evacuation.movement.kernels.heap import drop_first, put
from twin.jit import kernel

#: Flow below this, units a second, is rounding.
TINY = 1e-9


@kernel(bare=True)
def repeated_flow(
    length_out, rate_out, cut_out, flow_scratch, potential_scratch, reduced_scratch, heap_scratch, lead_scratch,
    time, capacity, up, down, out_start, out_link, into_start, into_link, source, goal,
):  # fmt: skip
    """Write the successive shortest paths from all sources to all goals; return how many there are (at most the space for them).

    Path k takes `length_out[k]` s and carries `rate_out[k]` units/s; `cut_out[k]` links at most bind between its length and
    the next (the last has infinity after it). `time` (link,) s and `capacity` (link,) units/s; links out of and into a node as
    in a table of rows; `source`, `goal` (node,) bool. Potentials keep reduced costs from falling below nothing.
    """
    flow_scratch[:] = 0.0
    potential_scratch[:] = 0.0
    found = 0
    while True:
        end = _search(
            potential_scratch, reduced_scratch, heap_scratch, lead_scratch, flow_scratch, time, capacity, up, down, out_start, out_link,
            into_start, into_link, source, goal,
        )  # fmt: skip
        if found > 0:
            cut_out[found - 1] = _binding(potential_scratch, time, up, down)
        if end < 0 or found == len(length_out):
            return found
        amount, node = np.inf, end
        while not (source[node] and lead_scratch[node] == 0):
            link = lead_scratch[node]
            if link > 0:
                amount = min(amount, capacity[link - 1] - flow_scratch[link - 1])
                node = up[link - 1]
            else:
                amount = min(amount, flow_scratch[-link - 1])
                node = down[-link - 1]
        node = end
        while not (source[node] and lead_scratch[node] == 0):
            link = lead_scratch[node]
            if link > 0:
                flow_scratch[link - 1] += amount
                node = up[link - 1]
            else:
                flow_scratch[-link - 1] -= amount
                node = down[-link - 1]
        length_out[found] = potential_scratch[end]
        rate_out[found] = amount
        found += 1


@kernel(bare=True)
def _search(
    potential_out, reduced_out, heap_out, lead_out, flow, time, capacity, up, down, out_start, out_link, into_start, into_link,
    source, goal,
):  # fmt: skip
    """Find the shortest way in the network of what is left; return the goal it ends at, -1 for none.

    `potential_out` becomes the distance of each node from the sources (infinite where there is no way), `lead_out` the link
    a node is reached by, + 1, negative against its direction, 0 for a source.
    """
    for node in range(len(potential_out)):
        heap_out[node].place = -1
        reduced_out[node] = np.inf
        lead_out[node] = 0
    size = 0
    for node in range(len(source)):
        if source[node]:
            reduced_out[node] = 0.0
            size = put(heap_out, size, node, 0.0)
    while size > 0:
        node = heap_out[0].thing
        size = drop_first(heap_out, size)
        for k in range(out_start[node], out_start[node + 1]):
            link = out_link[k]
            to = down[link]
            if capacity[link] - flow[link] > TINY and potential_out[to] < np.inf and not source[to]:
                step = max(time[link] + potential_out[node] - potential_out[to], 0.0)
                if reduced_out[node] + step < reduced_out[to]:
                    reduced_out[to] = reduced_out[node] + step
                    lead_out[to] = link + 1
                    size = put(heap_out, size, to, reduced_out[to])
        for k in range(into_start[node], into_start[node + 1]):
            link = into_link[k]
            to = up[link]
            if flow[link] > TINY and potential_out[to] < np.inf and not source[to]:
                step = max(potential_out[node] - time[link] - potential_out[to], 0.0)
                if reduced_out[node] + step < reduced_out[to]:
                    reduced_out[to] = reduced_out[node] + step
                    lead_out[to] = -link - 1
                    size = put(heap_out, size, to, reduced_out[to])
    end = -1
    for node in range(len(goal)):
        potential_out[node] = reduced_out[node] + potential_out[node]
        if goal[node] and potential_out[node] < np.inf and (end < 0 or potential_out[node] < potential_out[end]):
            end = node
    return end


@kernel(bare=True)
def _binding(potential, time, up, down):
    """Return how many links hold a flow back: those that take less than the difference of the times of their ends."""
    count = 0
    for link in range(len(time)):
        if potential[up[link]] < np.inf and potential[down[link]] > potential[up[link]] + time[link] + 1e-9:
            count += 1
    return count
