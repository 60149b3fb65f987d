"""Outlines of bodies: all within half a chest's depth of a line from shoulder to shoulder, across the way one faces.

They are convex, so that nobody hooks into anybody, and two of them have one distance, whose slope is a unit vector.
"""

from __future__ import annotations

import math

from twin.jit import kernel


@kernel(inline=True)
def shoulder(i, people):
    """Return the vector from the centre of person `i` to the left end of his line, m; to the right end it is the opposite one."""
    out = people.broad[i] - people.deep[i]
    return out * people.face_w[i], -out * people.face_x[i]


@kernel(inline=True)
def off_line(px, pw, lx, lw):
    """Return the vector to the point p from the nearest one of the line from -l to l."""
    t = min(max((px * lx + pw * lw) / max(lx * lx + lw * lw, 1e-12), -1.0), 1.0)
    return px - t * lx, pw - t * lw


@kernel(inline=True)
def nearest(i, j, dx, dw, people):
    """Return the vector to the line of person `i` from that of person `j`, where they are nearest, m; (dx, dw): from centre to centre,
    from `j` to `i`. Of two lines that do not cross one of the four ends is a nearest point."""
    ix, iw = shoulder(i, people)
    jx, jw = shoulder(j, people)
    hx, hw = off_line(dx + ix, dw + iw, jx, jw)
    kx, kw = off_line(dx - ix, dw - iw, jx, jw)
    if kx * kx + kw * kw < hx * hx + hw * hw:
        hx, hw = kx, kw
    kx, kw = off_line(dx + jx, dw + jw, ix, iw)
    if kx * kx + kw * kw < hx * hx + hw * hw:
        hx, hw = kx, kw
    kx, kw = off_line(dx - jx, dw - jw, ix, iw)
    if kx * kx + kw * kw < hx * hx + hw * hw:
        hx, hw = kx, kw
    return hx, hw


@kernel(inline=True)
def between(i, j, dx, dw, people):
    """Return the distance of the outlines of persons `i` and `j`, m, negative where they overlap; (dx, dw): from centre to centre."""
    hx, hw = nearest(i, j, dx, dw, people)
    return math.sqrt(hx * hx + hw * hw) - people.deep[i] - people.deep[j]
