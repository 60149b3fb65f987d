"""Which zone is released when: a search that holds back those who would only stand in a queue, and keeps what clears sooner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: First step of the search, as a share of what a zone's people take longer than others, and the least: assumed.
STEP, LEAST = 0.6, 0.1


@dataclass(frozen=True)
class Trial:
    """What a release gives: the time that matters (T95), s, and how long the people of each zone take after their order, (zone,), s."""

    t95_s: float
    wait_s: NDArray[np.float64]


def staged(
    trial: Callable[[NDArray[np.float64]], Trial], zones: int, rounds: int = 6
) -> tuple[NDArray[np.float64], Trial, Trial]:
    """Return the delays (zone,), s, of the best release found, what it gives, and what comes of releasing all at once.

    Each of `rounds` trials holds zones back by a share of what their people take longer than those of the fastest zone. What clears
    sooner is kept; else the step halves, down to LEAST. Where nothing is better all delays are 0: then the roads, not
    the order of release, set the time.
    """
    delays = np.zeros(zones)
    at_once = best = trial(delays)
    step = STEP
    for _ in range(rounds):
        held = delays + step * (best.wait_s - best.wait_s.min())
        held -= held.min()
        found = trial(held)
        if found.t95_s < best.t95_s:
            delays, best = held, found
        elif step <= LEAST:
            break
        else:
            step *= 0.5
    return delays, best, at_once
