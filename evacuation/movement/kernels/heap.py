"""A heap of things that each have one key: the least comes first, of equal keys the lower number.

Each place has four below it: half as many levels as with two, and the keys of four places lie on one line of the cache.
"""

from __future__ import annotations

import numpy as np

from twin.jit import kernel

#: Row k holds the thing that stands at place k of the heap, with its key; the row of a thing holds its place, -1 for none.
ROW = [("key", "f8"), ("thing", "i4"), ("place", "i4")]

HEAP = np.dtype(ROW, align=True)


@kernel(bare=True)
def put(heap_out, size, thing, key):
    """Put `thing` into the heap `heap_out` (thing,) of HEAP at `key`, or move it there if it is in; return the new size."""
    k = heap_out[thing].place
    if k < 0:
        _rise(heap_out, size, thing, key)
        return size + 1
    if key < heap_out[k].key:
        _rise(heap_out, k, thing, key)
    else:
        _sink(heap_out, size, k, thing, key)
    return size


@kernel(bare=True)
def drop_first(heap_out, size):
    """Take the first thing, `heap_out[0].thing`, out of the heap; return the new size."""
    heap_out[heap_out[0].thing].place = -1
    size -= 1
    if size > 0:
        _sink(heap_out, size, 0, heap_out[size].thing, heap_out[size].key)
    return size


@kernel(bare=True)
def _rise(heap_out, k, thing, key):
    """Let a thing rise from place `k`, of which what stands there is lost."""
    while k > 0:
        above = (k - 1) >> 2
        other, its = heap_out[above].thing, heap_out[above].key
        if key > its or (key == its and thing > other):
            break
        heap_out[k].thing, heap_out[k].key = other, its
        heap_out[other].place = k
        k = above
    heap_out[k].thing, heap_out[k].key = thing, key
    heap_out[thing].place = k


@kernel(bare=True)
def _sink(heap_out, size, k, thing, key):
    """Let a thing sink from place `k`, of which what stands there is lost."""
    while True:
        first = 4 * k + 1
        if first >= size:
            break
        below, least, lowest = first, heap_out[first].key, heap_out[first].thing
        for c in range(first + 1, min(first + 4, size)):
            its = heap_out[c].key
            if its < least or (its == least and heap_out[c].thing < lowest):
                below, least, lowest = c, its, heap_out[c].thing
        if key < least or (key == least and thing < lowest):
            break
        heap_out[k].thing, heap_out[k].key = lowest, least
        heap_out[lowest].place = k
        k = below
    heap_out[k].thing, heap_out[k].key = thing, key
    heap_out[thing].place = k
