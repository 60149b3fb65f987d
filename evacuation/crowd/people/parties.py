"""Who walks with whom: how many make a party, and places beside one another for its members."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evacuation.crowd.people import draws
from evacuation.crowd.people.walkers import People

#: A party has no more members than this: of the parties of a crowd with the largest share fewer than one in 1e5 would.
MOST = 12

#: Members who are there at the start stand about so far from the next one of their party, m, or nearer where it is full (assumed).
NEAR_M = 0.8

#: Rows of a triangular lattice lie so much nearer to one another than its places.
ROWS = float(np.sqrt(0.75))


class Parties:
    """The parties of those who come to each source, in the order in which they come: the same in every plan.

    Sizes follow a Poisson law without 0, as those of walking groups do that were counted in a street (Moussaid et al. 2010,
    doi:10.1371/journal.pone.0010047: up to 70 % of people walk in one). Its parameter, -ln(1 - share), is the one with which the
    `share` of all people (0 to 0.9) have company. `rooms` is how many people each source holds: no party is larger.
    """

    def __init__(self, key: int, share: float, rooms: list[int]) -> None:
        self.share, self._key, self._rooms = share, key, rooms
        weight = np.cumprod(np.append(1.0, -np.log1p(-share) / np.arange(2, MOST + 1)))
        self._below = np.cumsum(weight) / weight.sum()

    def sizes(self, source: int, begin: int, count: int) -> NDArray[np.int64]:
        """Return for `count` people of a source, from its number `begin` on, how many a party has whose first one he is, (count,)."""
        ids = (begin + np.arange(count, dtype=np.int64)) * len(self._rooms) + source
        drawn = 1 + np.searchsorted(self._below[:-1], draws.uniform(self._key, ids, draws.PARTY))
        return np.minimum(drawn, self._rooms[source])

    def of(self, source: int, begin: int, ends: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the sizes, (party,), into which the people of a source fall, from its number `begin` on; no party goes past one of `ends`,
        (n,), in ascending order, of which the last is their count."""
        count = int(ends[-1])
        drawn, stop = self.sizes(source, begin, count), ends[np.searchsorted(ends, np.arange(count), side="right")]
        found, k = [], 0
        while k < count:
            found.append(min(int(drawn[k]), int(stop[k]) - k))
            k += found[-1]
        return np.array(found, dtype=np.int64)


def one_by_one(at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the places (n, 2) of a lattice, given row by row, with every second row backwards: so the next is beside the last."""
    row = np.cumsum(np.append(0, np.diff(at[:, 1]) != 0.0))
    return at[np.lexsort((np.where(row % 2, -at[:, 0], at[:, 0]), row))]


def broken(at: NDArray[np.float64], apart: float) -> NDArray[np.int64]:
    """Return the ends of the stretches of a line of places (n, 2) in which each is within two steps of `apart`, m, of the next."""
    far = np.hypot(*np.diff(at, axis=0).T) > 2.0 * apart + 1e-6
    return np.append(np.flatnonzero(far) + 1, len(at))


def drawn_together(at: NDArray[np.float64], apart: float, sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the places (n, 2) of people who stand `apart`, m, from one another with those of a party NEAR_M from one another."""
    centre = np.add.reduceat(at, np.cumsum(sizes) - sizes) / sizes[:, None]
    middle = np.repeat(centre, sizes, axis=0)
    return np.asarray(middle + min(NEAR_M / apart, 1.0) * (at - middle))


def beside(free: NDArray[np.float64], sizes: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return places (n, 2) of those `free` for parties of these sizes, one after the other as long as a whole one fits, and the sizes of
    those that do: the first free place and those nearest to it."""
    found = [free[:0]]
    for k, size in enumerate(sizes):
        if size > len(free):
            sizes = sizes[:k]
            break
        near = np.argsort(np.hypot(*(free - free[0]).T), kind="stable")[:size]
        found.append(free[near])
        free = np.delete(free, near, axis=0)
    return np.concatenate(found), sizes


def first_of(people: People) -> NDArray[np.int64]:
    """Return the number of the first one of everybody's party, his own for who is alone, (n,): a party draws from it as one."""
    return np.where(people.party >= 0, people.party, people.number)


def latest(people: People, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for everybody the largest of the `values`, (n,), of his party."""
    _, of = np.unique(first_of(people), return_inverse=True)
    most = np.full(len(values), -np.inf)
    np.maximum.at(most, of, values)
    return most[of]
