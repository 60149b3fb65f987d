"""Which columns of each row can hold or receive water, and how the rows are shared out among threads."""

from __future__ import annotations

from twin.jit import kernel


@kernel(inline=True)
def faces(i, lo, hi):
    """Return the columns in which the north faces of row i can carry water: the hull of the rows on both sides."""
    ny = lo.size
    if i == 0:
        return lo[0], hi[0]
    if i == ny:
        return lo[ny - 1], hi[ny - 1]
    if lo[i] >= hi[i]:
        return lo[i - 1], hi[i - 1]
    if lo[i - 1] >= hi[i - 1]:
        return lo[i], hi[i]
    return min(lo[i - 1], lo[i]), max(hi[i - 1], hi[i])


@kernel
def spread(lo_out, hi_out, wet, fed):
    """Write each row's active columns: where it or a neighbour row is wet, one cell more, and where a source feeds it."""
    ny = lo_out.size
    active = 0
    for i in range(ny):
        a, b = fed[i, 0], fed[i, 1]
        for r in range(max(i - 1, 0), min(i + 2, ny)):
            if wet[r, 0] < wet[r, 1]:
                a, b = (min(a, wet[r, 0] - 1), max(b, wet[r, 1] + 1)) if a < b else (wet[r, 0] - 1, wet[r, 1] + 1)
        lo_out[i], hi_out[i] = max(a, 0), min(b, fed[ny, 1])
        active += max(0, hi_out[i] - lo_out[i])
    return active


@kernel
def cut(cuts_out, lo, hi, active):
    """Cut the rows into bands of about equal numbers of active cells; the first and last cut enclose them all."""
    bands = cuts_out.size - 1
    ny = lo.size
    first, end = 0, ny
    while first < end and lo[first] >= hi[first]:
        first += 1
    while end > first and lo[end - 1] >= hi[end - 1]:
        end -= 1
    cuts_out[0] = first
    so_far, k = 0, 1
    for i in range(first, end):
        while k < bands and so_far * bands >= active * k:
            cuts_out[k] = i
            k += 1
        so_far += max(0, hi[i] - lo[i])
    cuts_out[k:] = end
