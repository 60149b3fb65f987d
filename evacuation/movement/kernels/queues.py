"""Spatial queues on links, moved from event to event: no step, so nothing to converge.

A traveller (a car, or a party on foot, of some `weight`) runs a link at the link's speed, waits at its end behind those
before it (FIFO), and moves on when the end lets one pass (`gap` seconds per unit), the next link lets one in (the same gap) and
has room. Room that is left at the end of a link is room at its begin `wave_s` later: so queues grow and dissolve backwards, as in
the link transmission model (Yperman 2007, kinematic wave with a triangular or, where capacity is held low, a trapezoidal
diagram). Where several links want into one, each gets its share by capacity (start-time fair queueing, Goyal 1997).
Speed, entry and dose rate of a link hold for the length of one call.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evacuation.movement.kernels.heap import drop_first, put
from twin.jit import kernel

#: What `next_link` says instead of a link.
NO_WAY, ARRIVED = -1, -2

#: Where a traveller is when it is on no link (`Travellers.link`).
AT_HOME, SAFE = -1, -2


class Links(NamedTuple):
    """Links, shape (link,): first what they are, then where they stand.

    `entry` links are the queues of those who set out: no length, no end of room.
    """

    up: NDArray[np.int32]  # node they begin at
    down: NDArray[np.int32]  # node they end at
    length: NDArray[np.float64]  # m
    speed: NDArray[np.float64]  # m/s, 0 where nobody moves
    gap: NDArray[np.float64]  # seconds a unit takes to pass either end
    storage: NDArray[np.float64]  # units that have room
    wave_s: NDArray[np.float64]  # seconds until room left at the end is room at the begin
    opened: NDArray[np.bool_]  # may be entered
    entry: NDArray[np.bool_]
    dose_rate: NDArray[np.float64]  # 1/s
    slot: NDArray[np.int32]  # which of the links that leave its first node it is
    turn: NDArray[np.int32]  # its first place in Rings.tag: one for each link it can lead to
    ring: NDArray[np.int32]  # its first place in Rings.queue
    size: NDArray[np.int32]  # places there
    head: NDArray[np.int32]
    count: NDArray[np.int32]
    hole_head: NDArray[np.int32]
    hole_count: NDArray[np.int32]
    inside: NDArray[np.float64]  # units on it, and units that have left it but are not yet room at its begin
    run: NDArray[np.float64]  # m that its travellers have come since the first start
    dose: NDArray[np.float64]  # what one who stood there since the first start has collected
    next_out: NDArray[np.float64]  # s, when its end is free again
    next_in: NDArray[np.float64]  # s, when its begin is free again
    virtual: NDArray[np.float64]  # virtual time of those who want in
    passed: NDArray[np.float64]  # units that have left it


class Rings(NamedTuple):
    """Queues of all links in one row, each a ring of fixed size; `tag` (turn,) is the virtual time of each turn."""

    queue: NDArray[np.int32]  # travellers, the first to come first
    hole_time: NDArray[np.float64]  # s, when left room reaches the begin
    hole_weight: NDArray[np.float64]
    tag: NDArray[np.float64]


class Travellers(NamedTuple):
    """Travellers, shape (traveller,)."""

    weight: NDArray[np.float64]  # units of their links: cars, or persons on foot
    group: NDArray[np.int32]  # where they go, a row of `next_link`; -1 for nowhere
    link: NDArray[np.int32]  # the link they are on, or AT_HOME, SAFE
    reach: NDArray[np.float64]  # `run` at which they are at the link's end; of an entry link the moment they set out
    mark: NDArray[np.float64]  # `dose` of the link when they came
    dose: NDArray[np.float64]  # collected on links they have left
    left: NDArray[np.float64]  # s, when they came onto the road
    safe: NDArray[np.float64]  # s, when they arrived


class Events(NamedTuple):
    """Working space of one call: links to be looked at, the first in time first; `waiting` lists of those who want in."""

    heap: NDArray[np.int32]  # 2 x link: the end of link e, or the begin of link e - links
    place: NDArray[np.int32]
    key: NDArray[np.float64]
    first: NDArray[np.int32]  # link -> the first link that waits for it
    after: NDArray[np.int32]  # link -> the next that waits for the same
    start: NDArray[np.float64]  # virtual time at which a link began to wait


@kernel
def _ready(links, travellers, rings, i, t0):
    """Return when the first traveller of link `i` can leave it, infinite for never at this speed."""
    p = rings.queue[links.ring[i] + links.head[i]]
    if links.entry[i]:
        return max(travellers.reach[p], links.next_out[i])
    ahead = travellers.reach[p] - links.run[i]
    if ahead <= 1e-9:
        return max(t0, links.next_out[i])
    if links.speed[i] <= 0.0:
        return np.inf
    return max(t0 + ahead / links.speed[i], links.next_out[i])


@kernel
def _make_room(links_out, rings, j, t):
    """Count room that has reached the begin of link `j` by `t`."""
    while links_out.hole_count[j] > 0:
        at = links_out.ring[j] + links_out.hole_head[j]
        if rings.hole_time[at] > t:
            break
        links_out.inside[j] -= rings.hole_weight[at]
        links_out.hole_head[j] = (links_out.hole_head[j] + 1) % links_out.size[j]
        links_out.hole_count[j] -= 1


@kernel
def _fits(links, j, weight):
    return links.inside[j] + weight <= links.storage[j] or links.inside[j] == 0.0


@kernel
def _see_end(links, travellers, rings, events_out, size, i, t0, t):
    """Note when link `i` is to be looked at again; return the size of the heap."""
    if links.count[i] > 0:
        when = _ready(links, travellers, rings, i, t0)
        if when < np.inf:
            size = put(events_out.heap, events_out.place, events_out.key, size, i, max(when, t))
    return size


@kernel
def _see_begin(links, rings, events_out, size, j, t):
    """Note when the begin of link `j` is to be looked at again: when it is free and, if it is full, has room."""
    when = max(links.next_in[j], t)
    if links.hole_count[j] > 0 and links.inside[j] >= links.storage[j]:
        when = max(when, rings.hole_time[links.ring[j] + links.hole_head[j]])
    e = len(links.down) + j
    if events_out.place[e] < 0 or when < events_out.key[e]:
        size = put(events_out.heap, events_out.place, events_out.key, size, e, when)
    return size


@kernel
def _leave(links_out, travellers_out, rings_out, events_out, size, i, t0, t):
    """Take the first traveller off link `i`; return the size of the heap."""
    at = links_out.ring[i] + links_out.head[i]
    p = rings_out.queue[at]
    weight = travellers_out.weight[p]
    links_out.head[i] = (links_out.head[i] + 1) % links_out.size[i]
    links_out.count[i] -= 1
    links_out.next_out[i] = t + weight * links_out.gap[i]
    links_out.passed[i] += weight
    stood = links_out.dose[i] + links_out.dose_rate[i] * (t - t0)
    travellers_out.dose[p] += stood - travellers_out.mark[p]
    if links_out.entry[i]:
        travellers_out.left[p] = t
    else:
        hole = links_out.ring[i] + (links_out.hole_head[i] + links_out.hole_count[i]) % links_out.size[i]
        rings_out.hole_time[hole] = t + links_out.wave_s[i]
        rings_out.hole_weight[hole] = weight
        links_out.hole_count[i] += 1
        if events_out.first[i] >= 0:
            size = _see_begin(links_out, rings_out, events_out, size, i, t)
    return _see_end(links_out, travellers_out, rings_out, events_out, size, i, t0, t)


@kernel
def _enter(links_out, travellers_out, rings_out, events_out, size, j, p, t0, t):
    """Put traveller `p` onto link `j`; return the size of the heap."""
    weight = travellers_out.weight[p]
    last = links_out.ring[j] + (links_out.head[j] + links_out.count[j]) % links_out.size[j]
    rings_out.queue[last] = p
    links_out.count[j] += 1
    links_out.inside[j] += weight
    links_out.next_in[j] = t + weight * links_out.gap[j]
    travellers_out.link[p] = j
    travellers_out.reach[p] = links_out.run[j] + links_out.speed[j] * (t - t0) + links_out.length[j]
    travellers_out.mark[p] = links_out.dose[j] + links_out.dose_rate[j] * (t - t0)
    if links_out.count[j] == 1:
        size = _see_end_of_new(links_out, events_out, size, j, t)
    return size


@kernel
def _see_end_of_new(links, events_out, size, j, t):
    if links.speed[j] > 0.0:
        when = max(t + links.length[j] / links.speed[j], links.next_out[j])
        size = put(events_out.heap, events_out.place, events_out.key, size, j, when)
    return size


@kernel
def _serve(links_out, travellers_out, rings_out, events_out, size, i, j, start, t0, t):
    """Move the first traveller of link `i` onto link `j`, whose virtual time goes on to `start`."""
    p = rings_out.queue[links_out.ring[i] + links_out.head[i]]
    links_out.virtual[j] = start
    rings_out.tag[links_out.turn[i] + links_out.slot[j]] = start + travellers_out.weight[p] * links_out.gap[i]
    size = _leave(links_out, travellers_out, rings_out, events_out, size, i, t0, t)
    return _enter(links_out, travellers_out, rings_out, events_out, size, j, p, t0, t)


@kernel
def _at_end(links_out, travellers_out, rings_out, events_out, next_link, size, i, t0, t):
    """Let the first traveller of link `i` arrive, move on or wait; return the size of the heap."""
    p = rings_out.queue[links_out.ring[i] + links_out.head[i]]
    group = travellers_out.group[p]
    j = next_link[group, links_out.down[i]] if group >= 0 else NO_WAY
    if j == ARRIVED:
        travellers_out.link[p] = SAFE
        travellers_out.safe[p] = t
        return _leave(links_out, travellers_out, rings_out, events_out, size, i, t0, t)
    if j < 0 or not links_out.opened[j]:
        return size  # until the next call
    start = max(links_out.virtual[j], rings_out.tag[links_out.turn[i] + links_out.slot[j]])
    _make_room(links_out, rings_out, j, t)
    if events_out.first[j] < 0 and links_out.next_in[j] <= t and _fits(links_out, j, travellers_out.weight[p]):
        return _serve(links_out, travellers_out, rings_out, events_out, size, i, j, start, t0, t)
    events_out.start[i] = start
    events_out.after[i] = events_out.first[j]
    events_out.first[j] = i
    return _see_begin(links_out, rings_out, events_out, size, j, t)


@kernel
def _at_begin(links_out, travellers_out, rings_out, events_out, size, j, t0, t):
    """Let in the one of those who wait for link `j` whose turn it is; return the size of the heap."""
    _make_room(links_out, rings_out, j, t)
    if events_out.first[j] < 0:
        return size
    if links_out.next_in[j] > t:
        return _see_begin(links_out, rings_out, events_out, size, j, t)
    best, before_best, before, i = -1, -1, -1, events_out.first[j]
    while i >= 0:
        if (
            best < 0
            or events_out.start[i] < events_out.start[best]
            or (events_out.start[i] == events_out.start[best] and i < best)
        ):
            best, before_best = i, before
        before, i = i, events_out.after[i]
    p = rings_out.queue[links_out.ring[best] + links_out.head[best]]
    if not _fits(links_out, j, travellers_out.weight[p]):
        if links_out.hole_count[j] > 0:
            when = rings_out.hole_time[links_out.ring[j] + links_out.hole_head[j]]
            e = len(links_out.down) + j
            size = put(events_out.heap, events_out.place, events_out.key, size, e, when)
        return size  # else when someone leaves it
    if before_best < 0:
        events_out.first[j] = events_out.after[best]
    else:
        events_out.after[before_best] = events_out.after[best]
    start = events_out.start[best]
    size = _serve(links_out, travellers_out, rings_out, events_out, size, best, j, start, t0, t)
    if events_out.first[j] >= 0:
        size = _see_begin(links_out, rings_out, events_out, size, j, t)
    return size


@kernel
def advance(links_out, travellers_out, rings_out, events_scratch, next_link, t0, t1):
    """Move everybody from `t0` to `t1`, s; return how many events there were.

    `next_link` (group, node): the link that leads on from a node, NO_WAY or ARRIVED. Those who wait are looked at anew at `t0`.
    """
    count = len(links_out.down)
    events_scratch.place[:] = -1
    events_scratch.first[:] = -1
    events_scratch.after[:] = -1
    size, events = 0, 0
    for i in range(count):
        size = _see_end(links_out, travellers_out, rings_out, events_scratch, size, i, t0, t0)
    while size > 0:
        e = events_scratch.heap[0]
        t = events_scratch.key[e]
        if t >= t1:
            break
        size = drop_first(events_scratch.heap, events_scratch.place, events_scratch.key, size)
        events += 1
        if e < count:
            size = _at_end(links_out, travellers_out, rings_out, events_scratch, next_link, size, e, t0, t)
        else:
            size = _at_begin(links_out, travellers_out, rings_out, events_scratch, size, e - count, t0, t)
    for i in range(count):
        links_out.run[i] += links_out.speed[i] * (t1 - t0)
        links_out.dose[i] += links_out.dose_rate[i] * (t1 - t0)
    return events


@kernel
def set_out(links_out, travellers_out, rings_out, who, entry, when):
    """Put travellers `who` (n,) at the end of the entry queues `entry` (n,); they set out at `when` (n,), rising in each queue."""
    for k in range(len(who)):
        p, i = who[k], entry[k]
        last = links_out.ring[i] + (links_out.head[i] + links_out.count[i]) % links_out.size[i]
        rings_out.queue[last] = p
        links_out.count[i] += 1
        travellers_out.link[p] = i
        travellers_out.reach[p] = when[k]
        travellers_out.mark[p] = links_out.dose[i]


@kernel
def waiting(count_out, links, travellers, rings, persons):
    """Write the persons who stand at the end of each link and wait, (link,); `persons` (traveller,)."""
    for i in range(len(links.down)):
        count_out[i] = 0.0
        for k in range(links.count[i]):
            p = rings.queue[links.ring[i] + (links.head[i] + k) % links.size[i]]
            if links.entry[i] or travellers.reach[p] - links.run[i] > 1e-9:
                break
            count_out[i] += persons[p]
