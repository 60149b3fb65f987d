"""Gusts: how much higher a short mean of a plume may be than the ten-minute mean that the model gives."""

from __future__ import annotations

#: A plume's concentration is a mean over so long, s.
MEAN_S = 600.0
#: The peak that is given is a mean over so long, s; shorter ones than LEAST_S are taken as that (Ermak 1990).
PEAK_S, LEAST_S = 20.0, 10.0
#: Means of a plume that sways sideways go with this power of one over their time: 0.17 to 0.2 (Turner 1970, PHS 999-AP-26, from memory),
#: 0.2 in SLAB (Ermak 1990, UCRL-MA-105607; `slab.ambient`).
POWER = 0.2


def peak_factor(seconds: float) -> float:
    """Return how many times the ten-minute mean on the axis of a steady plume the highest mean over `seconds` (s) is: (600 s / t)^0.2.

    Over open or evenly rough ground. At a plume's edge and between walls gusts are more times as high as a mean that is smaller; a puff
    has no mean in time.
    """
    return float((MEAN_S / min(max(seconds, LEAST_S), MEAN_S)) ** POWER)
