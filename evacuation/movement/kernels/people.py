"""Who is given a place where, what state people are in, and how many there are of each."""

from __future__ import annotations

import numpy as np

from evacuation.movement.kernels.queues import AT_HOME, NO_WAY, SAFE, fast_ms
from twin.jit import kernel

#: States of a party, in the order in which they are counted.
ARRIVED_OUT, ARRIVED_IN, STAYS, ON_ROAD, AWAITS, HELD_UP, OVER_EXPOSED = range(7)

#: A party as it is counted: its persons, the rows of their cell, of their block, and of the pair of block and junction they leave
#: by; whether they are in care.
PARTY = np.dtype([("persons", "f8"), ("cell", "i4"), ("block", "i4"), ("pair", "i4"), ("care", "?")], align=True)


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
def who_is_cut_off(who_out, travellers, links, cost, some):
    """Write who on the road or in an entry queue has no way to its goal now, (traveller,), rising; return how many.

    `cost` (group, node); who has no goal is left out where there is not `some` way (node,) to any.
    """
    count = 0
    for p in range(len(travellers)):
        link, group = travellers[p].link, travellers[p].group
        if link >= 0:
            node = links[link].down
            if some[node] if group < 0 else cost[group, node] == np.inf:
                who_out[count] = p
                count += 1
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
def _state_of(travellers, links, parties, p, cost, serves, exits, ordered, load, harmful):
    """Return the state of party `p`, with its toxic load; see `states`."""
    link, group = travellers[p].link, travellers[p].group
    if load >= harmful:
        return OVER_EXPOSED
    if link == SAFE:
        return ARRIVED_OUT if serves[group] == exits else ARRIVED_IN
    if link == AT_HOME:
        return AWAITS if parties[p].care and ordered[parties[p].block] else STAYS
    if (not links[link].entry and links[link].speed <= 0.0) or group < 0 or cost[group, links[link].down] == np.inf:
        return HELD_UP
    return STAYS if links[link].entry else ON_ROAD


@kernel(bare=True)
def _dose_of(travellers, links, p):
    """Return what traveller `p` has collected up to now on the way."""
    link = travellers[p].link
    now = links[link].dose - travellers[p].mark if link >= 0 else 0.0
    return max(travellers[p].dose + now, 0.0)


@kernel(bare=True)
def dose_now(dose_out, travellers, links):
    """Write what each traveller has collected up to now on the way, (traveller,)."""
    for p in range(len(travellers)):
        dose_out[p] = _dose_of(travellers, links, p)


@kernel(bare=True)
def _fast_s_of(travellers, links, p):
    """Return how long traveller `p` has been in fast water up to now on the way, s."""
    link = travellers[p].link
    now = fast_ms(links, link, 0.0) if link >= 0 and links[link].was_fast else 0
    return (travellers[p].fast_ms + now) / 1000.0


@kernel(bare=True)
def fast_now(seconds_out, travellers, links):
    """Write how long each traveller has been in fast water up to now on the way, (traveller,), s."""
    for p in range(len(travellers)):
        seconds_out[p] = _fast_s_of(travellers, links, p)


@kernel(bare=True)
def states(state_out, travellers, links, parties, cost, serves, exits, ordered, home_dose, harmful):
    """Write the state of each party, (party,): over-exposed before all, then arrived, held up, waiting to be fetched, at home, on the way.

    Held up is who stands on a road on which nobody moves, or has no open way ahead at these costs (group, node). `serves` (group,)
    is the row of places a group belongs to, `exits` that of the ways out; `ordered` (block,); `home_dose` (party,) is the load
    collected at home, `harmful` the load from which on one is over-exposed.
    """
    for p in range(len(parties)):
        load = home_dose[p] + _dose_of(travellers, links, p)
        state_out[p] = _state_of(travellers, links, parties, p, cost, serves, exits, ordered, load, harmful)


@kernel(bare=True)
def tally(
    states_out, doses_out, loads_out, fast_out, cells_out, roads_out, goals_out, pairs_out, poisoned_out, travellers, links, parties,
    cost, road, serves, exits, ordered, home_dose, classes, bounds_s,
):  # fmt: skip
    """Add up persons: by state, by class of the load on the way and of all load, by time in fast water, and by where they are.

    `fast_out` (bound + 1,) those who have been in fast water for no more than the first of `bounds_s`, rising, ..., for more than the last.
    `cells_out` (cell,) and `pairs_out` (pair,) those at home (in cells without those in care), `roads_out` (road,) those on the road,
    `goals_out` (goal,) those who have arrived; `poisoned_out` (block,) says where anybody has the load of the last of `classes`.
    All else as in `states`.
    """
    harmful = classes[-1]
    for p in range(len(parties)):
        link, persons = travellers[p].link, parties[p].persons
        dose = _dose_of(travellers, links, p)
        load = home_dose[p] + dose
        states_out[_state_of(travellers, links, parties, p, cost, serves, exits, ordered, load, harmful)] += persons
        doses_out[_class_of(dose, classes)] += persons
        loads_out[_class_of(load, classes)] += persons
        fast_out[_exceeded(_fast_s_of(travellers, links, p), bounds_s)] += persons
        if load >= harmful:
            poisoned_out[parties[p].block] = True
        if link == AT_HOME or (link >= 0 and links[link].entry):
            pairs_out[parties[p].pair] += persons
            if not parties[p].care:
                cells_out[parties[p].cell] += persons
        elif link >= 0:
            roads_out[road[link]] += persons
        else:
            goals_out[serves[travellers[p].group]] += persons


@kernel(bare=True)
def _class_of(load, classes):
    """Return the class of a load: the last whose lower bound it reaches."""
    k = len(classes) - 1
    while k > 0 and load < classes[k]:
        k -= 1
    return k


@kernel(bare=True)
def _exceeded(value, bounds):
    """Return how many of the `bounds`, rising, a value exceeds."""
    k = 0
    while k < len(bounds) and value > bounds[k]:
        k += 1
    return k
