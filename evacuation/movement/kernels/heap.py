"""A binary heap of things that each have one key: the least comes first, of equal keys the lower number."""

from __future__ import annotations

import numpy as np

from twin.jit import kernel

#: Row k holds the thing that stands at place k of the heap; the row of a thing holds its place, -1 for none, and its key.
HEAP = np.dtype([("thing", "i4"), ("place", "i4"), ("key", "f8")], align=True)


@kernel
def put(heap_out, size, thing, key):
    """Put `thing` into the heap `heap_out` (thing,) of HEAP at `key`, or move it there if it is in; return the new size."""
    if heap_out[thing].place < 0:
        heap_out[thing].place = size
        heap_out[size].thing = thing
        size += 1
    heap_out[thing].key = key
    _rise(heap_out, heap_out[thing].place)
    _sink(heap_out, size, heap_out[thing].place)
    return size


@kernel
def drop_first(heap_out, size):
    """Take the first thing, `heap_out[0].thing`, out of the heap; return the new size."""
    heap_out[heap_out[0].thing].place = -1
    size -= 1
    if size > 0:
        heap_out[0].thing = heap_out[size].thing
        heap_out[heap_out[0].thing].place = 0
        _sink(heap_out, size, 0)
    return size


@kernel
def _before(heap, a, b):
    return heap[a].key < heap[b].key or (heap[a].key == heap[b].key and a < b)


@kernel
def _rise(heap_out, k):
    thing = heap_out[k].thing
    while k > 0:
        above = (k - 1) >> 1
        other = heap_out[above].thing
        if not _before(heap_out, thing, other):
            break
        heap_out[k].thing = other
        heap_out[other].place = k
        k = above
    heap_out[k].thing = thing
    heap_out[thing].place = k


@kernel
def _sink(heap_out, size, k):
    thing = heap_out[k].thing
    while True:
        below = 2 * k + 1
        if below >= size:
            break
        if below + 1 < size and _before(heap_out, heap_out[below + 1].thing, heap_out[below].thing):
            below += 1
        other = heap_out[below].thing
        if not _before(heap_out, other, thing):
            break
        heap_out[k].thing = other
        heap_out[other].place = k
        k = below
    heap_out[k].thing = thing
    heap_out[thing].place = k
