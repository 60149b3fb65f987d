"""Where it is dangerous now and in twenty minutes, outdoors and in rooms, and how likely that is.

Now is when people are warned, or the beginning of the run where that is later. A place is at a level at a moment where who has been
there since the gas came has met it by then (the worst running mean, see `GAS_SEVERITY`) and the gas still stands. Rooms are those of
`advice.indoors`: windows open until the warning, then shut, and never aired.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evacuation.release.advice import Indoors
from evacuation.release.history import History
from evacuation.release.members import Shares
from evacuation.release.toxicity import Limits

Array = NDArray[np.float64]
Frame = NDArray[np.floating]

#: Minutes from now on at which the run is looked at.
AHEAD_MIN = (0.0, 20.0)

#: What the table calls these moments, and the worst of the whole run.
MOMENTS = ("now", "later", "run")

COLUMNS = ["id", "moment", "at_s", "outdoors", "indoors"]
LIKELY = ["outdoors_aegl2", "outdoors_aegl3", "indoors_aegl2", "indoors_aegl3"]


class Ahead:
    """What is kept at each moment: `counts`, frames since the first run's start, -1 for one that the run does not get to;
    `outdoors` (moment, y, x), the severity of the mean wind; `likely` (moment, of LIKELY, y, x), shares of members. NaN: not known.
    """

    def __init__(self, shape: tuple[int, int], frame_s: float) -> None:
        self._every = [round(60.0 * minutes / frame_s) for minutes in AHEAD_MIN]
        self._frame_s = frame_s
        self.counts = np.full(len(AHEAD_MIN), -1, np.int64)
        self.outdoors = np.full((len(AHEAD_MIN), *shape), np.nan, np.float32)
        self.likely = np.full((len(AHEAD_MIN), len(LIKELY), *shape), np.nan)

    def look(self, warned_s: float, history: History, shares: Shares, c: Array) -> None:
        """Keep what stands at a moment that has come; `warned_s` since the first run's start, c (member, y, x) of the members."""
        if math.isinf(warned_s) or self.counts[-1] >= 0:
            return
        first = math.ceil(warned_s / self._frame_s - 1e-9) if self.counts[0] < 0 else int(self.counts[0])
        for n, after in enumerate(self._every):
            if self.counts[n] < 0 and history.count >= first + after:
                self.counts[n], self.outdoors[n] = history.count, history.severity
                self.likely[n] = shares.standing(c)

    def indoors(self, rooms: Indoors, history: History, limits: Limits, flammable: float) -> tuple[Array, Frame]:
        """Return the severity of the air in rooms at each moment (moment, y, x; NaN: not known), and the worst of the run (y, x)."""
        shape = rooms.dose.shape
        inside = History(shape, limits, flammable, history.frame_s, history.count, None)
        found, c = np.full((len(AHEAD_MIN), *shape), np.nan), np.zeros(shape)
        found[self.counts == 0] = 0.0
        for k, means in enumerate(rooms.means(history.frame_s), 1):
            c.flat[rooms.cells] = means
            inside.add(c, history.frame_s)
            found[self.counts == k] = inside.severity
        return found, inside.worst


def by_block(
    ground: dict[str, NDArray[np.int64]], ahead: Ahead, inside: tuple[Array, Frame], worst: Frame, ever: Array, share: float,
    elapsed: float, frame_s: float,
) -> pd.DataFrame:  # fmt: skip
    """Return a row for each of MOMENTS and block (`ground`: its flat cells): severity outdoors and in rooms, shares of members.

    A block is as bad as the spot that a `share` of its cells exceed. `inside`: see `Ahead.indoors`; `worst` (y, x) outdoors and `ever`
    (of LIKELY, y, x) are those of the whole run. `at_s`: the moment on this run's clock, which began `elapsed` s after the first. NaN is
    not known: off the grid, after the run's end, without members. No row where nobody is warned within the run.
    """
    if ahead.counts[0] < 0:
        return pd.DataFrame(columns=COLUMNS + LIKELY)
    at = np.append(np.where(ahead.counts >= 0, ahead.counts * frame_s - elapsed, np.nan), np.nan)
    outdoors, indoors, likely = [*ahead.outdoors, worst], [*inside[0], inside[1]], [*ahead.likely, ever]
    rows: list[tuple[object, ...]] = []
    for moment, s, out, within, shares in zip(MOMENTS, at, outdoors, indoors, likely, strict=True):
        fields = np.stack([out, within, *shares]).reshape(2 + len(LIKELY), -1)
        for block, cells in ground.items():
            spot = min(int(len(cells) * (1.0 - share)), len(cells) - 1)
            found = np.sort(fields[:, cells], axis=1)[:, spot] if len(cells) else np.full(len(fields), np.nan)
            rows.append((block, moment, s, *found))
    return pd.DataFrame(rows, columns=COLUMNS + LIKELY)
