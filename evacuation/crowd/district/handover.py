"""Where a district's crowd is dense it becomes single people: who reaches such ground leaves the density and is owed there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from evacuation.crowd.district.stream import FREE_M_S, Stream
from evacuation.crowd.kernels.stream import JAM

#: Nobody comes to where the density holds more than this, persons/m2: they wait, outside or in their zone (assumed).
FILLED = 4.0

#: Ground of one person who walks in a crowd, m by m (assumed: 1 person/m2).
PERSON_M = 1.0

#: Less than a person who has waited so long, s, for more to come walks on as density (assumed), but no sooner than he would be through.
WAITS_S = 10.0

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
        rows, columns, walked = stream.finder.unwalked
        self._walked = np.arange(self.single.size)
        self._walked[rows * stream.plan.grid.nx + columns] = rows * stream.plan.grid.nx + walked
        self._shut = stream.finder.wall.copy()
        self._shut[rows, columns] = True

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

    def takes(self, cell: int) -> bool:
        """Return whether the density takes one person more at a cell (its place in a field laid out in one row).

        It holds no more than FILLED there; of cells below PERSON_M those around it have room for one below the density of a standstill.
        """
        (_, room), small = self._room(cell), self.stream.cell < PERSON_M
        return float(room.sum()) * self.stream.cell**2 >= 1.0 if small else float(room.max()) > JAM - FILLED

    def let_on(self, group: int, within: NDArray[np.bool_], waited_s: float) -> None:
        """Let the part of a person that a group is owed `within` cells (ny, nx), and that waited so long, walk on as density: from where
        its way leaves single people, or out. It waits on where there is no way, or no room."""
        owed, stream = self.owed[WALKS, group], self.stream
        cell = int(np.where(within, owed, 0.0).argmax())
        there, cost = self._way_out(group, cell), stream.cost[group].ravel()
        if there < 0 or waited_s < max(WAITS_S, (cost[cell] - cost[there]) / FREE_M_S):
            return
        part = float(owed[within].sum())
        if (out := stream.sink.ravel()[there]) >= 0:
            stream.out[out] += part
        elif self.takes(there):
            self.give_back(WALKS, group, there, part)
        else:
            return
        owed[within] = 0.0

    def _way_out(self, group: int, cell: int) -> int:
        """Return the first cell on the way of a group from a cell on (places in a field laid out in one row) that is a way out or not of
        single people; -1 where no way leads on."""
        cost, grid = self.stream.cost[group], self.stream.plan.grid
        single, sink = self.single.ravel(), self.stream.sink.ravel()
        for _ in range(single.size):
            cell = int(self._walked[cell])
            if sink[cell] >= 0 or not single[cell]:
                return cell
            i, j = divmod(cell, grid.nx)
            beside = [(i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)]
            to = min((at for at in beside if 0 <= at[0] < grid.ny and 0 <= at[1] < grid.nx), key=lambda at: cost[at])
            if cost[to] >= cost[i, j]:
                break
            cell = to[0] * grid.nx + to[1]
        return -1

    def give_back(self, kind: int, group: int, cell: int, part: float = 1.0) -> None:
        """Put a person of a kind and group, or a `part` of one, who has walked out to a cell back into the density.

        He is wider than a cell below PERSON_M: those around it share him, as they have room.
        """
        density = self.stream.walking if kind == WALKS else self.stream.staying
        around, room = self._room(cell)
        if room.sum() <= 0.0:
            room[:] = ~self._shut[around]
        density[group][around] += part * room / room.sum() / self.stream.cell**2

    def _room(self, cell: int) -> tuple[tuple[slice, slice], NDArray[np.float64]]:
        """Return the cells over which a person at a cell is spread, and how much more they hold, persons/m2.

        As few as hold a person and a half when they are empty; past the middle of a stair those of its other level. Nothing where single
        people are, nor where a wall lies between.
        """
        i, j = divmod(int(self._walked[cell]), self.stream.plan.grid.nx)
        for wide in (0,) if self.stream.cell >= PERSON_M else (1, 2, 3):
            around = slice(max(i - wide, 0), i + wide + 1), slice(max(j - wide, 0), j + wide + 1)
            joined, _ = ndimage.label(~self._shut[around])
            here = (joined == joined[i - around[0].start, j - around[1].start]) & ~self.single[around]
            if here.sum() * self.stream.cell**2 * JAM >= 1.5:
                break
        full = self.stream.walking[(slice(None), *around)] + self.stream.staying[(slice(None), *around)]
        return around, np.where(here, np.maximum(JAM - full.sum(axis=0), 0.0), 0.0)
