"""Outlines of bodies: three discs, a chest between two shoulders, the shoulders to either side of the way one faces."""

from __future__ import annotations

import math

from twin.jit import kernel

#: Radius of a shoulder over half the breadth of the body: adults of Korhonen and Hostikka 2009, FDS+Evac (VTT Working Papers 119).
SHOULDER = 0.3725


@kernel(inline=True)
def shoulder(i, people):
    """Return the radius of a shoulder of person `i`, m, and the vector from his centre to that of his left one; to the right it is
    the opposite one. Both end at half his breadth; the radius of his chest is half its depth."""
    out = (1.0 - SHOULDER) * people.broad[i]
    return SHOULDER * people.broad[i], out * people.face_w[i], -out * people.face_x[i]


@kernel(inline=True)
def between(i, j, dx, dw, people):
    """Return the distance of the outlines of persons `i` and `j`, m, negative where they overlap; (dx, dw): from centre to centre."""
    ri, ix, iw = shoulder(i, people)
    rj, jx, jw = shoulder(j, people)
    d2, oi2, oj2 = dx * dx + dw * dw, ix * ix + iw * iw, jx * jx + jw * jw
    own, other, both = dx * ix + dw * iw, dx * jx + dw * jw, ix * jx + iw * jw
    shoulders = min(own - abs(other + both), -own - abs(other - both))
    return min(
        min(
            math.sqrt(d2) - people.deep[i] - people.deep[j],
            math.sqrt(max(d2 + oi2 + oj2 + 2.0 * shoulders, 0.0)) - ri - rj,
        ),
        min(
            math.sqrt(max(d2 + oi2 - 2.0 * abs(own), 0.0)) - ri - people.deep[j],
            math.sqrt(max(d2 + oj2 - 2.0 * abs(other), 0.0)) - people.deep[i] - rj,
        ),
    )
