"""By which roads some of the synthetic parties go, and when: trajectories on edges.

Between two decisions the ways do not change, so the links that a party has passed follow from where it was and where it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evacuation.movement.kernels.queues import AT_HOME, SAFE
from evacuation.movement.people.households import Households
from evacuation.movement.roads.network import FOOT, Network
from evacuation.movement.roads.queues import Queues
from twin.city import City

#: Parties whose paths are kept, evenly spread over all who leave; what one party may pass in a step at most.
MOST, LINKS = 1000, 10_000

COLUMNS = ("party", "by", "persons", "id", "reverse", "enter_s", "leave_s")


@dataclass(frozen=True)
class Paths:
    """Links that parties came onto in one step, (n,): number in the sample, link (-1: arrived) and when, s on the clock.

    The last moment of each party in a step is exact. Those before it count back from it at the speed of the roads: for one who had
    to wait at the end of one of them they are too late, by less than the step.
    """

    who: NDArray[np.int64]
    link: NDArray[np.int64]
    when: NDArray[np.float64]


def sample(leaves: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return whose paths are kept: at most MOST of those who leave."""
    who = np.flatnonzero(leaves)
    return who[np.linspace(0, len(who) - 1, min(MOST, len(who))).astype(np.int64)]


def followed(
    who: NDArray[np.int64], before: NDArray[np.int32], queues: Queues, ways: NDArray[np.int32], t0: float, t1: float,
    began_s: float,
) -> Paths:  # fmt: skip
    """Return by which links `who` (n,) have come from the link `before` (n,) between `t0` and `t1`, s on the clock, by `ways`.

    `ways` (row, node) are those that held in the step; the clock began `began_s` after the first start.
    """
    links, own = queues.links, queues.travellers[who]
    row = np.maximum(own["group"] + own["ways"], 0)
    at, after = before.astype(np.int64), own["link"].astype(np.int64)
    moving = np.flatnonzero((at != after) & (at != AT_HOME) & (at != SAFE))
    numbers, passed_by = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for _ in range(LINKS):
        if not len(moving):
            break
        at[moving] = np.maximum(ways[row[moving], links["down"][at[moving]]], -1)
        numbers.append(moving)
        passed_by.append(at[moving])
        moving = moving[(at[moving] >= 0) & (at[moving] != after[moving])]
    number, link = np.concatenate(numbers), np.concatenate(passed_by)
    order = np.argsort(number, kind="stable")
    number, link = number[order], link[order]
    if not len(link):
        return Paths(number, link, np.zeros(0))
    speed, length, run = (links[name][link] for name in ("speed", "length", "run"))
    moves = (speed > 0.0) & (link >= 0)
    took = np.where(moves, length / np.where(moves, speed, 1.0), 0.0)
    ahead = np.where(moves, (own["reach"][number] - length - run) / np.where(moves, speed, 1.0), 0.0)
    last = np.r_[number[1:] != number[:-1], True]
    end = np.where(link < 0, own["safe"][number] - began_s, t1 + ahead)[
        last
    ]  # of each party, in the order of its number
    till_last = np.cumsum(np.where(last, 0.0, took)[::-1])[::-1]
    of = np.cumsum(np.r_[0, last[:-1]])
    when = end[of] - (till_last - till_last[last][of])
    return Paths(number, link, np.where(last, end[of], np.clip(when, t0, end[of])))


def passed(paths: list[Paths], who: NDArray[np.int64], city: City, network: Network, homes: Households) -> pd.DataFrame:
    """Return a row for each road that a party passes: `party` (a number, of nobody real), `by` car, foot, bus or rescue, `persons`,
    the road's `id`, `reverse` (against its drawn direction), `enter_s` and `leave_s` on the clock: NaN for one still there at the end.
    """  # fmt: skip
    number, link, when = (
        np.concatenate([np.zeros(0), *(getattr(p, name) for p in paths)]) for name in ("who", "link", "when")
    )
    order = np.lexsort((np.arange(len(when)), number))
    number, link, when = number[order].astype(np.int64), link[order].astype(np.int64), when[order]
    leave = np.append(when[1:], np.nan)
    leave[np.r_[number[1:] != number[:-1], True] if len(number) else slice(0)] = np.nan
    on = link >= 0
    number, link = number[on], link[on]
    return pd.DataFrame(
        {
            "party": number,
            "by": by(homes)[who][number],
            "persons": homes.persons[who][number],
            "id": city.roads["id"].astype(str).values[network.road[link]],
            "reverse": network.reverse[link],
            "enter_s": when[on],
            "leave_s": leave[: len(on)][on],
        },
        columns=list(COLUMNS),
    )


def by(homes: Households) -> NDArray[np.str_]:
    """Return how each party goes, (party,): "car", "foot", "bus" or "rescue"."""
    alone = np.where(homes.layer == FOOT, "foot", "car")
    return np.where(homes.care >= 0, "rescue", np.where(homes.seats > 0.0, "bus", alone))
