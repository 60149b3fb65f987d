"""A binary heap of things that each have one key: the least comes first, of equal keys the lower number."""

from __future__ import annotations

from twin.jit import kernel


@kernel
def put(heap_out, place_out, key_out, size, thing, key):
    """Put `thing` into the heap at `key`, or move it there if it is in; return the new size.

    `heap_out` (thing,) holds the things in heap order, `place_out` (thing,) the place of each, -1 for one that is not in.
    """
    if place_out[thing] < 0:
        place_out[thing] = size
        heap_out[size] = thing
        size += 1
    key_out[thing] = key
    _rise(heap_out, place_out, key_out, place_out[thing])
    _sink(heap_out, place_out, key_out, size, place_out[thing])
    return size


@kernel
def drop_first(heap_out, place_out, key_out, size):
    """Take the first thing, `heap_out[0]`, out of the heap; return the new size."""
    place_out[heap_out[0]] = -1
    size -= 1
    if size > 0:
        heap_out[0] = heap_out[size]
        place_out[heap_out[0]] = 0
        _sink(heap_out, place_out, key_out, size, 0)
    return size


@kernel
def _before(key, a, b):
    return key[a] < key[b] or (key[a] == key[b] and a < b)


@kernel
def _rise(heap_out, place_out, key, k):
    thing = heap_out[k]
    while k > 0:
        above = (k - 1) >> 1
        other = heap_out[above]
        if not _before(key, thing, other):
            break
        heap_out[k] = other
        place_out[other] = k
        k = above
    heap_out[k] = thing
    place_out[thing] = k


@kernel
def _sink(heap_out, place_out, key, size, k):
    thing = heap_out[k]
    while True:
        below = 2 * k + 1
        if below >= size:
            break
        if below + 1 < size and _before(key, heap_out[below + 1], heap_out[below]):
            below += 1
        other = heap_out[below]
        if not _before(key, other, thing):
            break
        heap_out[k] = other
        place_out[other] = k
        k = below
    heap_out[k] = thing
    place_out[thing] = k
