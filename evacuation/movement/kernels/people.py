"""Who is given a place where."""

from __future__ import annotations

import numpy as np

from evacuation.movement.kernels.queues import NO_WAY
from twin.jit import kernel


@kernel(bare=True)
def give_places(travellers_out, left_out, quota_out, who, persons, zone, node, cost):
    """Give each of `who` (n,), in their order, the goal nearest to their `node` (n,) that has places for them.

    `left_out` (group,) are the places left, infinite for ways out of the city, which stand last and are taken only by those for
    whom no shelter is left within reach. Goals for which a plan keeps places for one's `zone` (n,), `quota_out` (zone, group)
    persons, come before all others. `cost` (group, node), s. Who finds none has group -1.
    """
    groups = len(left_out)
    for k in range(len(who)):
        p, best, least = who[k], NO_WAY, np.inf
        for g in range(groups):
            kept = quota_out[zone[k], g] >= persons[p] and left_out[g] >= persons[p]
            if kept and cost[g, node[k]] < least:
                best, least = g, cost[g, node[k]]
        if best >= 0:
            quota_out[zone[k], best] -= persons[p]
        for g in range(groups if best < 0 else 0):
            if left_out[g] == np.inf and best >= 0:
                break
            if left_out[g] >= persons[p] and cost[g, node[k]] < least:
                best, least = g, cost[g, node[k]]
        travellers_out[p].group = best
        if best >= 0:
            left_out[best] -= persons[p]


@kernel(bare=True)
def who_is_cut_off(cut_out, travellers, links, cost):
    """Mark the travellers on the road or in an entry queue whose goal no way leads to now, (traveller,); return how many."""
    count = 0
    for p in range(len(travellers)):
        link, group = travellers[p].link, travellers[p].group
        cut_out[p] = link >= 0 and (group < 0 or cost[group, links[link].down] == np.inf)
        count += cut_out[p]
    return count


@kernel(bare=True)
def see(travellers_out, links, next_link, blocked):
    """Let those who go by habit learn the roads of the moment when the road they want is `blocked` (link,); return how many.

    They see it from the road before: `next_link` (row, node) holds their ways from row `ways` on, those of the moment from 0 on.
    """
    count = 0
    for p in range(len(travellers_out)):
        link, group, habit = travellers_out[p].link, travellers_out[p].group, travellers_out[p].ways
        if habit > 0 and link >= 0 and group >= 0:
            following = next_link[habit + group, links[link].down]
            if (following >= 0 and blocked[following]) or following == NO_WAY:
                travellers_out[p].ways = 0
                count += 1
    return count


@kernel(bare=True)
def dose_now(dose_out, travellers, links):
    """Write what each traveller has collected up to now on the way, (traveller,)."""
    for p in range(len(travellers)):
        link = travellers[p].link
        dose_out[p] = travellers[p].dose
        if link >= 0:
            dose_out[p] += links[link].dose - travellers[p].mark


@kernel(bare=True)
def seen(link_out, group_out, dose_out, held_out, travellers, links, cost):
    """Write of each traveller (traveller,) its link, its group, what it has collected on the way, and whether it is held up.

    Held up is who stands on a road on which nobody moves, or has no open way ahead at these costs (group, node).
    """
    for p in range(len(travellers)):
        link, group = travellers[p].link, travellers[p].group
        link_out[p], group_out[p], dose_out[p], held_out[p] = link, group, travellers[p].dose, False
        if link >= 0:
            dose_out[p] += links[link].dose - travellers[p].mark
            stands = not links[link].entry and links[link].speed <= 0.0
            held_out[p] = stands or group < 0 or cost[group, links[link].down] == np.inf
