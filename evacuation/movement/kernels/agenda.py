"""What is to be looked at when: things with a moment each, taken out in the order of their moments, of equal ones the lower number first.

The span of a call is cut into short spells. What comes in a later spell stands in the list of that spell, in no order; only what
comes in the present one is in a heap. So the heap has a few dozen things however many there are, and stays in the nearest cache.
"""

from __future__ import annotations

import numpy as np

from evacuation.movement.kernels.heap import ROW, drop_first, put
from twin.jit import kernel

#: Spells of a call.
SPELLS = 1024

#: Row of a thing: its place in the heap (as in HEAP), -1 where it is nowhere, IN_A_LIST where it stands in the list of a spell, at its
#: moment `when`, before the thing `after` (-1 for none).
THING = np.dtype([*ROW, ("when", "f8"), ("after", "i4")], align=True)

IN_A_LIST = -2

#: A call: from `begin` to `end`, s, `rate` spells a second; the present `spell`, and the count of things in the heap.
CALL = np.dtype([("begin", "f8"), ("end", "f8"), ("rate", "f8"), ("spell", "i4"), ("count", "i4")], align=True)


@kernel(bare=True)
def open_call(call_out, lists_out, begin, end):
    """Begin a call: nothing is noted yet. `call_out` (1,) CALL; `lists_out` (spell,) the first thing of each list, -1 for none."""
    call_out[0].begin, call_out[0].end = begin, end
    call_out[0].rate = len(lists_out) / (end - begin)
    call_out[0].spell, call_out[0].count = 0, 0
    lists_out[:] = -1


@kernel(bare=True)
def _spell_of(call, lists, when):
    """Return the spell of a moment: never less for a later one."""
    return min(max(int((when - call[0].begin) * call[0].rate), 0), len(lists) - 1)


@kernel(bare=True)
def note(call_out, things_out, lists_out, thing, when):
    """Note that `thing` is to be looked at at `when`, s, if that is before the end of the call.

    A thing noted before is moved, which is rare, and only ever to an earlier moment.
    """
    if when >= call_out[0].end:
        return
    if things_out[thing].place == IN_A_LIST:
        _unlist(call_out, things_out, lists_out, thing)
    spell = _spell_of(call_out, lists_out, when)
    if spell <= call_out[0].spell:
        call_out[0].count = put(things_out, call_out[0].count, thing, when)
        return
    things_out[thing].place, things_out[thing].when = IN_A_LIST, when
    things_out[thing].after, lists_out[spell] = lists_out[spell], thing


@kernel(bare=True)
def _unlist(call, things_out, lists_out, thing):
    """Take a thing out of the list in which it stands."""
    things_out[thing].place = -1
    spell = _spell_of(call, lists_out, things_out[thing].when)
    if lists_out[spell] == thing:
        lists_out[spell] = things_out[thing].after
        return
    before = lists_out[spell]
    while things_out[before].after != thing:
        before = things_out[before].after
    things_out[before].after = things_out[thing].after


@kernel(bare=True)
def moment(call, things, thing):
    """Return the moment at which `thing` is noted, s, infinite for one that is not."""
    if things[thing].place == IN_A_LIST:
        return things[thing].when
    return things[things[thing].place].key if things[thing].place >= 0 else np.inf


@kernel(bare=True)
def take(call_out, things_out, lists_out):
    """Take the thing out that comes first; return it and its moment, -1 where nothing is left."""
    while call_out[0].count == 0:
        if call_out[0].spell == len(lists_out) - 1:
            return -1, np.inf
        call_out[0].spell += 1
        thing, lists_out[call_out[0].spell] = lists_out[call_out[0].spell], -1
        while thing >= 0:
            things_out[thing].place = -1
            call_out[0].count = put(things_out, call_out[0].count, thing, things_out[thing].when)
            thing = things_out[thing].after
    thing, when = things_out[0].thing, things_out[0].key
    call_out[0].count = drop_first(things_out, call_out[0].count)
    return thing, when
