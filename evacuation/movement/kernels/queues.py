"""Spatial queues on links, moved from event to event: no step, so nothing to converge.

A traveller (a car, or a party on foot, of some `weight`) runs a link at the link's speed, waits at its end behind those
before it (FIFO), and moves on when the end lets one pass (`gap` seconds per unit), the next link lets one in (the same gap) and
has room. Room that is left at the end of a link is room at its begin `wave_s` later: so queues grow and dissolve backwards, as in
the link transmission model (Yperman 2007, kinematic wave with a triangular or, where capacity is held low, a trapezoidal
diagram). Where several links want into one, each gets its share by capacity (start-time fair queueing, Goyal 1997).
Speed, entry and dose rate of a link hold for the length of one call.

An event reads a dozen figures of one or two links, anywhere in the network. So a link is a record, and its figures lie
side by side: separate arrays cost a cache miss each, and numba counts references to every one of them at every call.
"""

from __future__ import annotations

import numpy as np

from evacuation.movement.kernels.heap import drop_first, put
from twin.jit import kernel

#: What `next_link` says instead of a link.
NO_WAY, ARRIVED = -1, -2

#: Where a traveller is when it is on no link.
AT_HOME, SAFE = -1, -2

#: What a link is: its figures hold for one call.
LINK_IS = (
    ("up", "i4"),  # node it begins at
    ("down", "i4"),  # node it ends at
    ("entry", "?"),  # a queue of those who set out: no length, no end of room
    ("opened", "?"),  # may be entered
    ("length", "f8"),  # m
    ("speed", "f8"),  # m/s, 0 where nobody moves
    ("gap", "f8"),  # seconds a unit takes to pass either end
    ("storage", "f8"),  # units that have room
    ("wave_s", "f8"),  # seconds until room left at the end is room at the begin
    ("dose_rate", "f8"),  # 1/s
    ("slot", "i4"),  # which of the links that leave its first node it is
    ("turn", "i4"),  # its first place among the turns: one for each link it can lead to
    ("ring", "i8"),  # its first place among the places
    ("size", "i4"),  # places it has
)

#: Where a link stands: kept from call to call, and in a saved state.
LINK_STANDS = (
    ("count", "i4"),  # travellers on it
    ("hole_count", "i4"),  # those that have left it and whose room has not reached its begin
    ("inside", "f8"),  # units on it, and units that have left it but are not yet room at its begin
    ("run", "f8"),  # m that its travellers have come since the first start
    ("dose", "f8"),  # what one who stood there since the first start has collected
    ("next_out", "f8"),  # s, when its end is free again
    ("next_in", "f8"),  # s, when its begin is free again
    ("virtual", "f8"),  # virtual time of those who want in
    ("passed", "f8"),  # units that have left it
)

#: Where in its ring its first traveller stands, and who waits during a call: the first link that waits to get into this one,
#: the next that waits for the same as this one, and the virtual time at which it began.
LINK_WAITS = (("head", "i4"), ("first", "i4"), ("after", "i4"), ("start", "f8"))

LINK = np.dtype([*LINK_IS, *LINK_STANDS, *LINK_WAITS], align=True)

#: A place of a ring: a traveller and its units; when it has left, the moment at which its room reaches the begin of the link, s.
#: In each ring those that have left stand before those on the link.
PLACE = np.dtype([("traveller", "i4"), ("weight", "f4"), ("room_s", "f8")], align=True)

#: As long as a line of the cache, so that an event reads one.
TRAVELLER = np.dtype(
    [
        ("weight", "f4"),  # units of its links: cars, or persons on foot
        ("group", "i4"),  # where it goes, a row of `next_link`; -1 for nowhere
        ("ways", "i4"),  # rows to add to it: 0, or where in `next_link` the ways begin that it goes by
        ("link", "i4"),  # the link it is on, or AT_HOME, SAFE
        ("reach", "f8"),  # `run` at which it is at the link's end; of an entry queue the moment it sets out
        ("mark", "f8"),  # `dose` of the link when it came
        ("dose", "f8"),  # collected on links it has left
        ("left", "f8"),  # s, when it came onto the road
        ("safe", "f8"),  # s, when it arrived
        ("spare", "f8"),
    ],
    align=True,
)


@kernel(bare=True)
def _place(links, i, k):
    """Return the place of the traveller that is the `k`-th on link `i`; with `k` below nothing that of one who has left it."""
    at = links[i].head + k
    if at < 0:
        at += links[i].size
    elif at >= links[i].size:
        at -= links[i].size
    return links[i].ring + at


@kernel(bare=True)
def _ready(links, travellers, places, i, t0):
    """Return when the first traveller of link `i` can leave it, infinite for never at this speed."""
    p = places[links[i].ring + links[i].head].traveller
    if links[i].entry:
        return max(travellers[p].reach, links[i].next_out)
    ahead = travellers[p].reach - links[i].run
    if ahead <= 1e-9:
        return max(t0, links[i].next_out)
    if links[i].speed <= 0.0:
        return np.inf
    return max(t0 + ahead / links[i].speed, links[i].next_out)


@kernel(bare=True)
def _make_room(links_out, places, j, t):
    """Count room that has reached the begin of link `j` by `t`."""
    while links_out[j].hole_count > 0:
        at = _place(links_out, j, -links_out[j].hole_count)
        if places[at].room_s > t:
            break
        links_out[j].inside -= places[at].weight
        links_out[j].hole_count -= 1


@kernel(bare=True)
def _fits(links, j, weight):
    if links[j].count + links[j].hole_count >= links[j].size:
        return False
    return links[j].inside + weight <= links[j].storage or links[j].inside == 0.0


@kernel(bare=True)
def _see_end(links, travellers, places, heap_out, size, i, t0, t1, t):
    """Note when link `i` is to be looked at again, if that is before `t1`; return the size of the heap."""
    if links[i].count > 0:
        when = max(_ready(links, travellers, places, i, t0), t)
        if when < t1:
            size = put(heap_out, size, i, when)
    return size


@kernel(bare=True)
def _see_begin(links, places, heap_out, size, j, t1, t):
    """Note when the begin of link `j` is to be looked at again: when it is free and, if it is full, has room."""
    when = max(links[j].next_in, t)
    if links[j].hole_count > 0 and links[j].inside >= links[j].storage:
        when = max(when, places[_place(links, j, -links[j].hole_count)].room_s)
    e = len(links) + j
    if when < t1 and (heap_out[e].place < 0 or when < heap_out[heap_out[e].place].key):
        size = put(heap_out, size, e, when)
    return size


@kernel(bare=True)
def _leave(links_out, travellers_out, places_out, heap_out, size, i, t0, t1, t):
    """Take the first traveller off link `i`; return the size of the heap."""
    at = links_out[i].ring + links_out[i].head
    p = places_out[at].traveller
    weight = places_out[at].weight
    links_out[i].head = _place(links_out, i, 1) - links_out[i].ring
    links_out[i].count -= 1
    links_out[i].next_out = t + weight * links_out[i].gap
    links_out[i].passed += weight
    stood = links_out[i].dose + links_out[i].dose_rate * (t - t0)
    travellers_out[p].dose += stood - travellers_out[p].mark
    if links_out[i].entry:
        travellers_out[p].left = t
    else:
        places_out[at].room_s = t + links_out[i].wave_s
        links_out[i].hole_count += 1
        if links_out[i].first >= 0:
            size = _see_begin(links_out, places_out, heap_out, size, i, t1, t)
    return _see_end(links_out, travellers_out, places_out, heap_out, size, i, t0, t1, t)


@kernel(bare=True)
def _enter(links_out, travellers_out, places_out, heap_out, size, j, p, t0, t1, t):
    """Put traveller `p` onto link `j`; return the size of the heap."""
    weight = travellers_out[p].weight
    last = _place(links_out, j, links_out[j].count)
    places_out[last].traveller = p
    places_out[last].weight = weight
    places_out[last].room_s = 0.0
    links_out[j].count += 1
    links_out[j].inside += weight
    links_out[j].next_in = t + weight * links_out[j].gap
    travellers_out[p].link = j
    travellers_out[p].reach = links_out[j].run + links_out[j].speed * (t - t0) + links_out[j].length
    travellers_out[p].mark = links_out[j].dose + links_out[j].dose_rate * (t - t0)
    if links_out[j].count == 1:
        size = _see_end_of_new(links_out, heap_out, size, j, t1, t)
    return size


@kernel(bare=True)
def _see_end_of_new(links, heap_out, size, j, t1, t):
    if links[j].speed > 0.0:
        when = max(t + links[j].length / links[j].speed, links[j].next_out)
        if when < t1:
            size = put(heap_out, size, j, when)
    return size


@kernel(bare=True)
def _serve(links_out, travellers_out, places_out, tags_out, heap_out, size, i, j, start, t0, t1, t):
    """Move the first traveller of link `i` onto link `j`, whose virtual time goes on to `start`."""
    p = places_out[links_out[i].ring + links_out[i].head].traveller
    links_out[j].virtual = start
    tags_out[links_out[i].turn + links_out[j].slot] = start + travellers_out[p].weight * links_out[i].gap
    size = _leave(links_out, travellers_out, places_out, heap_out, size, i, t0, t1, t)
    return _enter(links_out, travellers_out, places_out, heap_out, size, j, p, t0, t1, t)


@kernel(bare=True)
def _at_end(links_out, travellers_out, places_out, tags_out, heap_out, next_link, size, i, t0, t1, t):
    """Let the first traveller of link `i` arrive, move on or wait; return the size of the heap."""
    p = places_out[links_out[i].ring + links_out[i].head].traveller
    group = travellers_out[p].group
    j = next_link[group + travellers_out[p].ways, links_out[i].down] if group >= 0 else NO_WAY
    if j == ARRIVED:
        travellers_out[p].link = SAFE
        travellers_out[p].safe = t
        return _leave(links_out, travellers_out, places_out, heap_out, size, i, t0, t1, t)
    if j < 0 or not links_out[j].opened:
        return size  # until the next call
    start = max(links_out[j].virtual, tags_out[links_out[i].turn + links_out[j].slot])
    _make_room(links_out, places_out, j, t)
    if links_out[j].first < 0 and links_out[j].next_in <= t and _fits(links_out, j, travellers_out[p].weight):
        return _serve(links_out, travellers_out, places_out, tags_out, heap_out, size, i, j, start, t0, t1, t)
    links_out[i].start = start
    links_out[i].after = links_out[j].first
    links_out[j].first = i
    return _see_begin(links_out, places_out, heap_out, size, j, t1, t)


@kernel(bare=True)
def _at_begin(links_out, travellers_out, places_out, tags_out, heap_out, size, j, t0, t1, t):
    """Let in the one of those who wait for link `j` whose turn it is; return the size of the heap."""
    _make_room(links_out, places_out, j, t)
    if links_out[j].first < 0:
        return size
    if links_out[j].next_in > t:
        return _see_begin(links_out, places_out, heap_out, size, j, t1, t)
    best, before_best, before, i = -1, -1, -1, links_out[j].first
    while i >= 0:
        if (
            best < 0
            or links_out[i].start < links_out[best].start
            or (links_out[i].start == links_out[best].start and i < best)
        ):
            best, before_best = i, before
        before, i = i, links_out[i].after
    p = places_out[links_out[best].ring + links_out[best].head].traveller
    if not _fits(links_out, j, travellers_out[p].weight):
        if links_out[j].hole_count > 0:
            when = places_out[_place(links_out, j, -links_out[j].hole_count)].room_s
            e = len(links_out) + j
            if when < t1:
                size = put(heap_out, size, e, when)
        return size  # else when someone leaves it
    if before_best < 0:
        links_out[j].first = links_out[best].after
    else:
        links_out[before_best].after = links_out[best].after
    start = links_out[best].start
    size = _serve(links_out, travellers_out, places_out, tags_out, heap_out, size, best, j, start, t0, t1, t)
    if links_out[j].first >= 0:
        size = _see_begin(links_out, places_out, heap_out, size, j, t1, t)
    return size


@kernel(bare=True)
def advance(links_out, travellers_out, places_out, tags_out, heap_scratch, next_link, t0, t1):
    """Move everybody from `t0` to `t1`, s; return how many events there were.

    `links_out` (link,) LINK, `travellers_out` (traveller,) TRAVELLER, `places_out` (place,) PLACE, `tags_out` (turn,) the virtual
    time of each turn, `heap_scratch` (2 x link,) HEAP: link e is looked at at its end, e - links at its begin.
    `next_link` (group, node): the link that leads on from a node, NO_WAY or ARRIVED. Those who wait are looked at anew at `t0`.
    """
    count = len(links_out)
    for i in range(count):
        links_out[i].first = -1
        links_out[i].after = -1
        heap_scratch[i].place = -1
        heap_scratch[count + i].place = -1
    size, events = 0, 0
    for i in range(count):
        size = _see_end(links_out, travellers_out, places_out, heap_scratch, size, i, t0, t1, t0)
    while size > 0:
        e = heap_scratch[0].thing
        t = heap_scratch[0].key
        size = drop_first(heap_scratch, size)
        events += 1
        if e < count:
            size = _at_end(links_out, travellers_out, places_out, tags_out, heap_scratch, next_link, size, e, t0, t1, t)
        else:
            size = _at_begin(links_out, travellers_out, places_out, tags_out, heap_scratch, size, e - count, t0, t1, t)
    for i in range(count):
        links_out[i].run += links_out[i].speed * (t1 - t0)
        links_out[i].dose += links_out[i].dose_rate * (t1 - t0)
    return events


@kernel(bare=True)
def set_out(links_out, travellers_out, places_out, who, entry, when, t0):
    """Put travellers `who` (n,) at the end of the entry queues `entry` (n,); they set out at `when` (n,),
    rising in each queue, s; the links stand as they do at `t0`.
    """
    for k in range(len(who)):
        p, i = who[k], entry[k]
        last = _place(links_out, i, links_out[i].count)
        places_out[last].traveller = p
        places_out[last].weight = travellers_out[p].weight
        places_out[last].room_s = 0.0
        links_out[i].count += 1
        travellers_out[p].link = i
        travellers_out[p].reach = when[k]
        travellers_out[p].mark = links_out[i].dose + links_out[i].dose_rate * (when[k] - t0)


@kernel(bare=True)
def waiting(count_out, links, travellers, places, persons):
    """Write the persons who stand at the end of each link and wait, (link,); `persons` (traveller,)."""
    for i in range(len(links)):
        count_out[i] = 0.0
        for k in range(links[i].count):
            p = places[_place(links, i, k)].traveller
            if links[i].entry or travellers[p].reach - links[i].run > 1e-9:
                break
            count_out[i] += persons[p]
