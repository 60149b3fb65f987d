"""Spatial queues on links, moved from event to event: no step, so nothing to converge.

A traveller (a car, or a party on foot, of some `weight`) runs a link at the link's speed, waits at its end behind those
before it (FIFO), and moves on when the end lets one pass (`gap` seconds per unit), the next link lets one in (the same gap) and
has room. Room that is left at the end of a link is room at its begin `wave_s` later: so queues grow and dissolve backwards, as in
the link transmission model (Yperman 2007, kinematic wave with a triangular or, where capacity is held low, a trapezoidal
diagram). Where several links want into one, each gets its share by capacity (start-time fair queueing, Goyal 1997).
Speed, entry, dose rate and fast water of a link hold for the length of one call. Layers of links that nobody changes between run
beside each other.

An event reads a dozen figures of one or two links, anywhere in the network. So a link is a record, and its figures lie
side by side in the order of their use: separate arrays cost a cache miss each, and numba counts references to every one of them
at every call.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from evacuation.movement.kernels.agenda import moment, note, open_call, take
from twin.jit import kernel

#: What `next_link` says instead of a link.
NO_WAY, ARRIVED = -1, -2

#: Where a traveller is when it is on no link.
AT_HOME, SAFE = -1, -2

#: A link, three lines of the cache long: what both its ends need, then what is needed when somebody leaves it, then when one enters.
LINK = np.dtype(
    [
        ("speed", "f8"),  # m/s, 0 where nobody moves
        ("gap", "f8"),  # seconds a unit takes to pass either end
        ("run", "f8"),  # m that its travellers have come since the first start
        ("dose", "f8"),  # what one who stood there since the first start has collected
        ("dose_rate", "f8"),  # 1/s
        ("inside", "f8"),  # units on it, and units that have left it but are not yet room at its begin
        ("count", "i4"),  # travellers on it
        ("hole_count", "i4"),  # those that have left it and whose room has not reached its begin
        ("hole", "i4"),  # the first of these holes
        ("first", "i4"),  # during a call: the first link that waits to get into this one
        ("next_out", "f8"),  # s, when its end is free again
        ("wave_s", "f8"),  # seconds until room left at the end is room at the begin
        ("passed", "f8"),  # units that have left it
        ("start", "f8"),  # during a call: the virtual time at which it began to wait
        ("lead", "i4"),  # the first traveller on it
        ("down", "i4"),  # node it ends at
        ("turn", "i4"),  # its first place among the turns: one for each link it can lead to
        ("after", "i4"),  # during a call: the next link that waits for the same as this one
        ("ring", "i4"),  # its first place among the holes
        ("ring_end", "i4"),  # and the place after its last
        ("entry", "?"),  # a queue of those who set out: no length, no end of room
        ("was_fast", "?"),  # fast water flows on it, or has since the first start
        ("next_in", "f8"),  # s, when its begin is free again
        ("virtual", "f8"),  # virtual time of those who want in
        ("storage", "f8"),  # units that have room
        ("length", "f8"),  # m
        ("last", "i4"),  # the last traveller on it, if there is any
        ("slot", "i4"),  # which of the links that leave its first node it is
        ("opened", "?"),  # may be entered
        ("fast", "?"),  # fast water flows on it
        ("fast_s", "f8"),  # s for which fast water has flowed on it since the first start
        ("spare", "f8"),
    ],
    align=True,
)

#: Where a link stands: kept from call to call, and in a saved state. All else holds for one call.
LINK_STANDS = (
    "count", "lead", "last", "hole_count", "inside", "run", "dose", "fast_s", "next_out", "next_in", "virtual", "passed",
)  # fmt: skip

#: A hole: the moment at which the room that somebody left reaches the begin of the link, s, and the units that had it.
HOLE = np.dtype([("room_s", "f8"), ("weight", "f4")], align=True)

#: As long as a line of the cache, so that an event reads one.
TRAVELLER = np.dtype(
    [
        ("weight", "f4"),  # units of its links: cars, or persons on foot
        ("group", "i4"),  # where it goes, a row of `next_link`; -1 for nowhere
        ("ways", "i4"),  # rows to add to it: 0, or where in `next_link` the ways begin that it goes by
        ("link", "i4"),  # the link it is on, or AT_HOME, SAFE
        ("behind", "i4"),  # who comes behind it on its link, if anybody does
        ("fast_ms", "i4"),  # ms in fast water on links it has left, less what the link it is on had seen when it came
        ("reach", "f8"),  # `run` at which it is at the link's end; of an entry queue the moment it sets out
        ("mark", "f8"),  # `dose` of the link when it came
        ("dose", "f8"),  # collected on links it has left
        ("left", "f8"),  # s, when it came onto the road
        ("safe", "f8"),  # s, when it arrived
    ],
    align=True,
)


@kernel(bare=True)
def fast_ms(links, i, since):
    """Return for how long fast water has flowed on link `i` since the first start, ms, `since` s into a call: up to 24 days."""
    return int(1000.0 * (links[i].fast_s + (since if links[i].fast else 0.0)) + 0.5)


@kernel(bare=True)
def _ready(links, travellers, i, t0):
    """Return when the first traveller of link `i` can leave it, infinite for never at this speed."""
    p = links[i].lead
    if links[i].entry:
        return max(travellers[p].reach, links[i].next_out)
    ahead = travellers[p].reach - links[i].run
    if ahead <= 1e-9:
        return max(t0, links[i].next_out)
    if links[i].speed <= 0.0:
        return np.inf
    return max(t0 + ahead / links[i].speed, links[i].next_out)


@kernel(bare=True)
def _make_room(links_out, holes, j, t):
    """Count room that has reached the begin of link `j` by `t`."""
    while links_out[j].hole_count > 0 and holes[links_out[j].hole].room_s <= t:
        links_out[j].inside -= holes[links_out[j].hole].weight
        links_out[j].hole_count -= 1
        links_out[j].hole = (
            links_out[j].hole + 1 if links_out[j].hole + 1 < links_out[j].ring_end else links_out[j].ring
        )


@kernel(bare=True)
def _leave_room(links_out, holes_out, i, weight, t):
    """Note that somebody of `weight` has left link `i`."""
    size = links_out[i].ring_end - links_out[i].ring
    if links_out[i].hole_count == size:
        _make_room(links_out, holes_out, i, t)
    at = links_out[i].hole + links_out[i].hole_count
    at = at if at < links_out[i].ring_end else at - size
    holes_out[at].room_s = t + links_out[i].wave_s
    holes_out[at].weight = weight
    links_out[i].hole_count += 1


@kernel(bare=True)
def _fits(links, j, weight):
    return links[j].inside + weight <= links[j].storage or links[j].inside == 0.0


@kernel(bare=True)
def _append(links_out, travellers_out, i, p):
    """Put traveller `p` behind all others on link `i`."""
    if links_out[i].count == 0:
        links_out[i].lead = p
    else:
        travellers_out[links_out[i].last].behind = p
    links_out[i].last = p
    links_out[i].count += 1
    travellers_out[p].link = i


@kernel(bare=True)
def _see_end(links, travellers, call_out, things_out, lists_out, i, t):
    """Note when link `i` is to be looked at again."""
    if links[i].count > 0:
        note(call_out, things_out, lists_out, i, max(_ready(links, travellers, i, call_out[0].begin), t))


@kernel(bare=True)
def _see_begin(links, holes, call_out, things_out, lists_out, j, t):
    """Note when the begin of link `j` is to be looked at again: when it is free and has room, or else when somebody leaves it."""
    when = max(links[j].next_in, t)
    if links[j].inside >= links[j].storage:
        if links[j].hole_count == 0:
            return
        when = max(when, holes[links[j].hole].room_s)
    e = len(links) + j
    if when < moment(call_out, things_out, e):
        note(call_out, things_out, lists_out, e, when)


@kernel(bare=True)
def _leave(links_out, travellers_out, holes_out, call_out, things_out, lists_out, i, t):
    """Take the first traveller off link `i`."""
    p, since = links_out[i].lead, t - call_out[0].begin
    weight = travellers_out[p].weight
    links_out[i].lead = travellers_out[p].behind
    links_out[i].count -= 1
    links_out[i].next_out = t + weight * links_out[i].gap
    links_out[i].passed += weight
    stood = links_out[i].dose + links_out[i].dose_rate * since
    travellers_out[p].dose += stood - travellers_out[p].mark
    if links_out[i].was_fast:
        travellers_out[p].fast_ms += fast_ms(links_out, i, since)
    if links_out[i].entry:
        travellers_out[p].left = t
    else:
        _leave_room(links_out, holes_out, i, weight, t)
        if links_out[i].first >= 0:
            _see_begin(links_out, holes_out, call_out, things_out, lists_out, i, t)
    _see_end(links_out, travellers_out, call_out, things_out, lists_out, i, t)


@kernel(bare=True)
def _enter(links_out, travellers_out, call_out, things_out, lists_out, j, p, t):
    """Put traveller `p` onto link `j`."""
    weight, since = travellers_out[p].weight, t - call_out[0].begin
    _append(links_out, travellers_out, j, p)
    links_out[j].inside += weight
    links_out[j].next_in = t + weight * links_out[j].gap
    travellers_out[p].reach = links_out[j].run + links_out[j].speed * since + links_out[j].length
    travellers_out[p].mark = links_out[j].dose + links_out[j].dose_rate * since
    if links_out[j].fast or links_out[j].fast_s > 0.0:  # as `was_fast`, from the line of the cache that is read here
        travellers_out[p].fast_ms -= fast_ms(links_out, j, since)
    if links_out[j].count == 1 and links_out[j].speed > 0.0:
        when = max(t + links_out[j].length / links_out[j].speed, links_out[j].next_out)
        note(call_out, things_out, lists_out, j, when)


@kernel(bare=True)
def _serve(links_out, travellers_out, holes_out, tags_out, call_out, things_out, lists_out, i, j, start, t):
    """Move the first traveller of link `i` onto link `j`, whose virtual time goes on to `start`."""
    p = links_out[i].lead
    links_out[j].virtual = start
    tags_out[links_out[i].turn + links_out[j].slot] = start + travellers_out[p].weight * links_out[i].gap
    _leave(links_out, travellers_out, holes_out, call_out, things_out, lists_out, i, t)
    _enter(links_out, travellers_out, call_out, things_out, lists_out, j, p, t)


@kernel(bare=True)
def _at_end(links_out, travellers_out, holes_out, tags_out, call_out, things_out, lists_out, next_link, i, t):
    """Let the first traveller of link `i` arrive, move on or wait."""
    p = links_out[i].lead
    group = travellers_out[p].group
    j = next_link[group + travellers_out[p].ways, links_out[i].down] if group >= 0 else NO_WAY
    if j == ARRIVED:
        travellers_out[p].link = SAFE
        travellers_out[p].safe = t
        _leave(links_out, travellers_out, holes_out, call_out, things_out, lists_out, i, t)
        return
    if j < 0 or not links_out[j].opened:
        return  # until the next call
    start = max(links_out[j].virtual, tags_out[links_out[i].turn + links_out[j].slot])
    _make_room(links_out, holes_out, j, t)
    if links_out[j].first < 0 and links_out[j].next_in <= t and _fits(links_out, j, travellers_out[p].weight):
        _serve(links_out, travellers_out, holes_out, tags_out, call_out, things_out, lists_out, i, j, start, t)
        return
    links_out[i].start = start
    links_out[i].after = links_out[j].first
    links_out[j].first = i
    _see_begin(links_out, holes_out, call_out, things_out, lists_out, j, t)


@kernel(bare=True)
def _at_begin(links_out, travellers_out, holes_out, tags_out, call_out, things_out, lists_out, j, t):
    """Let in the one of those who wait for link `j` whose turn it is."""
    _make_room(links_out, holes_out, j, t)
    if links_out[j].first < 0:
        return
    if links_out[j].next_in > t:
        _see_begin(links_out, holes_out, call_out, things_out, lists_out, j, t)
        return
    best, before_best, before, i = -1, -1, -1, links_out[j].first
    while i >= 0:
        if (
            best < 0
            or links_out[i].start < links_out[best].start
            or (links_out[i].start == links_out[best].start and i < best)
        ):
            best, before_best = i, before
        before, i = i, links_out[i].after
    if not _fits(links_out, j, travellers_out[links_out[best].lead].weight):
        if links_out[j].hole_count > 0:
            when = holes_out[links_out[j].hole].room_s
            note(call_out, things_out, lists_out, len(links_out) + j, when)
        return  # else when someone leaves it
    if before_best < 0:
        links_out[j].first = links_out[best].after
    else:
        links_out[before_best].after = links_out[best].after
    start = links_out[best].start
    _serve(links_out, travellers_out, holes_out, tags_out, call_out, things_out, lists_out, best, j, start, t)
    if links_out[j].first >= 0:
        _see_begin(links_out, holes_out, call_out, things_out, lists_out, j, t)


@kernel(bare=True)
def advance(links_out, travellers_out, holes_out, tags_out, call_out, things_out, lists_out, next_link, own, t0, t1):
    """Move those on the links `own` (n,), rising, from `t0` to `t1`, s; return how many events there were.

    `links_out` (link,) LINK, `travellers_out` (traveller,) TRAVELLER, `holes_out` (hole,) HOLE, `tags_out` (turn,) the virtual time
    of each turn. An agenda is the working space: `call_out` (1,) CALL, `things_out` (2 x link,) THING, `lists_out` (spell,): link e is
    looked at at its end, e - links at its begin. `next_link` (group, node): the link that leads on from a node, NO_WAY or
    ARRIVED; no way leads from `own` links to others. Those who wait are looked at anew at `t0`.
    """
    open_call(call_out, lists_out, t0, t1)
    first, last, events = -1, -1, 0
    for i in own:
        if links_out[i].count > 0:
            when = _ready(links_out, travellers_out, i, t0)
            if when > t0:
                note(call_out, things_out, lists_out, i, when)
                continue
            # most of a jammed network is looked at at once: in a row, not through the heap
            if first < 0:
                first = i
            else:
                links_out[last].after = i
            links_out[i].after, last = -1, i
    while first >= 0:
        i, first = first, links_out[first].after
        events += 1
        _at_end(links_out, travellers_out, holes_out, tags_out, call_out, things_out, lists_out, next_link, i, t0)
    while True:
        e, t = take(call_out, things_out, lists_out)
        if e < 0:
            break
        events += 1
        if e < len(links_out):
            _at_end(links_out, travellers_out, holes_out, tags_out, call_out, things_out, lists_out, next_link, e, t)
        else:
            j = e - len(links_out)
            _at_begin(links_out, travellers_out, holes_out, tags_out, call_out, things_out, lists_out, j, t)
    for i in own:
        links_out[i].first = -1
        _make_room(links_out, holes_out, i, t1)
        links_out[i].run += links_out[i].speed * (t1 - t0)
        links_out[i].dose += links_out[i].dose_rate * (t1 - t0)
        if links_out[i].fast:
            links_out[i].fast_s += t1 - t0
    return events


@kernel(parallel=True)
def advance_beside(
    events_out, links_out, travellers_out, holes_out, tags_out, calls_out, things_out, lists_out, next_link, own, starts, t0, t1
):  # fmt: skip
    """Do what `advance` does for several layers at a time, which know nothing of one another; write the events of each, (layer,).

    The links of layer m are `own[starts[m]:starts[m + 1]]`, its agenda is row m of `calls_out`, `things_out` and `lists_out`.
    """
    for m in prange(len(events_out)):
        events_out[m] = advance(
            links_out, travellers_out, holes_out, tags_out, calls_out[m], things_out[m], lists_out[m], next_link,
            own[starts[m] : starts[m + 1]], t0, t1,
        )  # fmt: skip


@kernel(bare=True)
def set_out(links_out, travellers_out, who, entry, when, t0):
    """Put travellers `who` (n,) at the end of the entry queues `entry` (n,); they set out at `when` (n,),
    rising in each queue, s; the links stand as they do at `t0`.
    """
    for k in range(len(who)):
        p, i = who[k], entry[k]
        _append(links_out, travellers_out, i, p)
        travellers_out[p].reach = when[k]
        travellers_out[p].mark = links_out[i].dose + links_out[i].dose_rate * (when[k] - t0)


@kernel(bare=True)
def waiting(count_out, links, travellers, persons):
    """Write the persons who stand at the end of each link, or in an entry queue, and wait, (link,); `persons` (traveller,)."""
    count_out[:] = 0.0
    for p in range(len(travellers)):
        i = travellers[p].link
        if i >= 0 and (links[i].entry or travellers[p].reach - links[i].run <= 1e-9):
            count_out[i] += persons[p]
