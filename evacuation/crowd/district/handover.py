"""Where a district's crowd is dense it becomes single people: who reaches such ground leaves the density and is owed there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evacuation.crowd.district.stream import Stream

#: Who walks and who stays: the order of the densities in `HandOver.owed`.
WALKS, STAYS = 0, 1


class HandOver:
    """Cells `single` (ny, nx) of a stream, whose people are single; `owed` (WALKS or STAYS, group, ny, nx) persons stand there and are not
    whole yet.

    Persons are kept to rounding: those of the stream, owed, and taken out as people less those given back make what was put in.
    """

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.single = np.zeros(stream.total.shape, dtype=bool)
        self.owed = np.zeros((2, *stream.walking.shape))

    @property
    def persons(self) -> float:
        """Persons in the density and owed."""
        return self.stream.inside + float(self.owed.sum())

    def begin(self, cells: NDArray[np.bool_]) -> None:
        """Turn cells into cells of single people."""
        self.single |= cells & ~self.stream.finder.wall
        self.take_in()

    def walk(self, seconds: int) -> None:
        """Move the density on by whole seconds; who reaches a cell of single people is owed there."""
        for _ in range(seconds):
            self.stream.walk(1)
            self.take_in()

    def take_in(self) -> None:
        """Owe whoever is on cells of single people."""
        for owed, density in zip(self.owed, (self.stream.walking, self.stream.staying), strict=True):
            owed[:, self.single] += density[:, self.single] * self.stream.cell**2
            density[:, self.single] = 0.0

    def people(self, kind: int, group: int, room: NDArray[np.int64], within: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Take whole people of a kind and group out of what is owed `within` cells, at most `room` in each; return how many in each.

        Both (ny, nx). Never more than are owed there in all; where parts of several cells make a person, the fullest gives more than it
        has.
        """
        owed = np.where(within, self.owed[kind, group], 0.0)
        most = max(int(np.floor(owed.sum() + 1e-9)), 0)
        whole = np.clip(np.floor(owed + 1e-9), 0, room).astype(np.int64).ravel()
        first = np.argsort(-whole, kind="stable")
        before = np.cumsum(whole[first]) - whole[first]
        whole[first] = np.clip(most - before, 0, whole[first])
        rest, left = owed.ravel() - whole, room.ravel() - whole
        could = np.flatnonzero((rest > 0.0) & (left > 0) & within.ravel())
        whole[could[np.argsort(-rest[could], kind="stable")[: most - int(whole.sum())]]] += 1
        taken = whole.reshape(owed.shape)
        self.owed[kind, group] -= taken
        self._level_out(self.owed[kind, group], within)
        return np.asarray(taken)

    @staticmethod
    def _level_out(owed: NDArray[np.float64], within: NDArray[np.bool_]) -> None:
        """Let those cells `within` that are owed something make up for those that gave more than they had."""
        short = within & (owed < 0.0)
        if short.any():
            rest = within & (owed > 0.0)
            has, lacks = float(owed[rest].sum()), -float(owed[short].sum())
            owed[short] = 0.0
            owed[rest] *= max(1.0 - lacks / has, 0.0) if has else 0.0

    def give_back(self, kind: int, group: int, count: NDArray[np.int64]) -> None:
        """Put people of a kind and group who have walked out of their cells (ny, nx) back into the density."""
        density = self.stream.walking if kind == WALKS else self.stream.staying
        density[group] += count / self.stream.cell**2
