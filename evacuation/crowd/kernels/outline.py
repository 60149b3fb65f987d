"""Outlines of bodies: ellipses, their short axis along the way one faces."""

from __future__ import annotations

import math

from twin.jit import kernel


@kernel(inline=True)
def reach(i, dx, dw, people):
    """Return how far the outline of person `i` reaches along (dx, dw), over the length of that vector, which is not 0.

    The radius of an ellipse with the half axes `deep` (along `face`) and `broad` on the line that joins two centres, as in Chraibi,
    Seyfried and Schadschneider 2010 (doi:10.1103/PhysRevE.82.046111): two bodies touch where their shares add up to more than 1.
    """
    deep, broad = people.deep[i], people.broad[i]
    ahead = dx * people.face_x[i] + dw * people.face_w[i]
    across = dx * people.face_w[i] - dw * people.face_x[i]
    return deep * broad / math.sqrt(broad * broad * ahead * ahead + deep * deep * across * across)
