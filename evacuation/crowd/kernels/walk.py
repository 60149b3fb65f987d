"""People in motion, from decision to decision, without a word to Python in between."""

from __future__ import annotations

import numpy as np

from evacuation.crowd.kernels.arrays import MOST_WALLS, Order, Plans, Pushed
from evacuation.crowd.kernels.decide import MOST_PAIRS, decide
from evacuation.crowd.kernels.gates import let_go, meter
from evacuation.crowd.kernels.order import sort_by_cell
from evacuation.crowd.kernels.press import press
from twin.jit import kernel

OUTSIDE, PACKED = 1, 2  # problems that end a walk


@kernel
def walk(first_out, second_out, counts_out, people, times, floor, gates, ways, law, steps):
    """Move people by a decision at each of `times`, in turn into `first_out` and `second_out`, as long as anybody is there.

    Return how many are there in the end, and what is wrong: 0 or a problem, at which decision, and its figure (OUTSIDE: the
    number of the person who stands outside the raster; PACKED: how many one person could touch). `steps`: of the contacts
    between two decisions. Arrays written have room for all of `people`.
    """
    n = people.x.size
    start, first = (
        np.empty(floor.rows * floor.columns + 1, np.int32),
        np.empty(max(floor.rows, floor.columns) + 1, np.int32),
    )
    order = Order(np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int32), first)
    parties = np.zeros(1 + people.party.max() if n else 0)
    plans = Plans(
        np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n),
        np.empty(n, np.int32), np.empty((n, MOST_PAIRS), np.int32), np.empty(n, np.int32),
    )  # fmt: skip
    walls = np.empty((n, MOST_WALLS, 3))
    pushed = Pushed(np.empty(n), np.empty(n), np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n), walls)
    now, after, spare = people, first_out, second_out
    for k in range(times.size):
        if n == 0:
            break
        who = sort_by_cell(after, start, order, now, n, floor)
        if who >= 0:
            return n, OUTSIDE, k, now.number[who]
        now, after, spare = after, spare, after
        meter(now, counts_out.tokens, n, times[k], floor, gates, ways)
        most = decide(plans, parties, n, start, now, times[k], floor, gates, ways, law)
        if most > MOST_PAIRS:
            return n, PACKED, k, most
        now.waits[:n] = plans.waits[:n]
        press(now, pushed, n, plans, floor, gates, law, steps)
        n = let_go(now, counts_out, pushed.crossed, n, times[k], floor, gates)
    return n, 0, 0, 0
