"""Where a district's crowd is dense it becomes single people: who reaches such ground leaves the density and is owed there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from evacuation.crowd.district.stream import Stream

#: The density falls to single people from here on, and back below, persons/m2.
SINGLE_FROM, SINGLE_TO = 3.0, 2.0


class HandOver:
    """Cells `single` (ny, nx) of a stream, whose people are single; `owed` (group, ny, nx) persons stand there and are not whole yet.

    Persons are kept to rounding: those of the stream, owed, and taken out as people less those given back make what was put in.
    """

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.single = np.zeros(stream.total.shape, dtype=bool)
        self.owed = np.zeros(stream.walking.shape)

    @property
    def persons(self) -> float:
        """Persons in the density and owed."""
        return self.stream.inside + float(self.owed.sum())

    def dense(self) -> NDArray[np.bool_]:
        """Return the cells that should hold single people: from SINGLE_FROM on, with all joined to them above SINGLE_TO."""
        total = self.stream.total
        rooms, count = ndimage.label(total >= SINGLE_TO)
        top = np.asarray(ndimage.maximum(total, rooms, index=np.arange(count + 1)))
        return np.asarray((rooms > 0) & (top[rooms] >= SINGLE_FROM))

    def begin(self, cells: NDArray[np.bool_]) -> None:
        """Turn cells into cells of single people."""
        self.single |= cells & ~self.stream.finder.wall
        self._take_in()

    def walk(self, seconds: int) -> None:
        """Move the density on by whole seconds; who reaches a cell of single people is owed there."""
        for _ in range(seconds):
            self.stream.walk(1)
            self._take_in()

    def _take_in(self) -> None:
        for density in (self.stream.walking, self.stream.staying):
            self.owed[:, self.single] += density[:, self.single] * self.stream.cell**2
            density[:, self.single] = 0.0

    def people(self, group: int, room: NDArray[np.int64]) -> NDArray[np.int64]:
        """Take whole people of a group out of what is owed, at most `room` (ny, nx) in each cell; return how many in each.

        Never more than are owed in all; where parts of several cells make a person, the fullest gives more than it has.
        """
        owed = self.owed[group]
        whole = np.clip(np.floor(owed + 1e-9), 0, room).astype(np.int64)
        rest, left = owed - whole, room - whole
        could = np.flatnonzero(((rest > 0.0) & (left > 0)).ravel())
        more = max(int(np.floor(owed.sum() - whole.sum() + 1e-9)), 0)
        whole.ravel()[could[np.argsort(-rest.ravel()[could], kind="stable")[:more]]] += 1
        owed -= whole
        return np.asarray(whole)

    def give_back(self, group: int, count: NDArray[np.int64]) -> None:
        """Put people of a group who have walked out of their cells (ny, nx) back into the density."""
        self.stream.walking[group] += count / self.stream.cell**2
