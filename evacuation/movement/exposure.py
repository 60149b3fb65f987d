"""What people have met at home and on the way, spread over them by how they go: toxic load and time in fast water."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evacuation.movement.kernels.queues import AT_HOME
from evacuation.movement.record import DOSES, FAST_S, Record
from evacuation.movement.roads.queues import Queues
from evacuation.movement.tables import quantiles
from evacuation.movement.trajectories import by

#: Shares of people for whom is told what they do not exceed, and the columns of a table that say it.
SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
SPREAD = ("mean", *(f"p{100 * share:.0f}" for share in SHARES), "most")

#: Ways to go, as `trajectories.by` names them.
MODES = ("car", "foot", "bus", "rescue")


def doses(record: Record, queues: Queues) -> pd.DataFrame:
    """Return how the toxic load (1 = AEGL-3) is spread over people, a row for each `group` and `part` of it.

    `part`: "home", at home up to setting out, or to now; "way", from then to arriving; "all". Groups: everybody, who is at home,
    and who has set out, by how they go. `persons`; the `mean`; the loads that 5, 25, 50, 75 and 95 % do not exceed; `most`; the
    persons `over` AEGL-3's.
    """
    people, groups = record.homes.persons, _groups(record, queues)
    parts = {"home": record.home_dose, "way": record.dose(queues), "all": record.load(queues)}
    rows = []
    for group, mine in groups.items():
        for part, load in parts.items() if mine.any() else ():
            own, heads = load[mine], people[mine]
            over = float(heads[own >= DOSES[-1]].sum())
            rows.append((group, part, float(heads.sum()), *_spread(own, heads), over))
    return pd.DataFrame(rows, columns=["group", "part", "persons", *SPREAD, "over"])


def fast_water(record: Record, queues: Queues) -> pd.DataFrame:
    """Return how the time in fast water (s) is spread over people, a row for each `group` and `part` of it, as in `doses`.

    Water is fast for one by `roads.conditions.FAST_M2_S`. "way" is the time on a road, moving or standing, from coming onto the first
    to arriving: nothing in the queue before it or after arriving. "home" is the time up to setting out, or to now, that somebody who
    may live anywhere in the cell must expect to have fast water around the home, on whichever floor; see `people.rooms`. `persons`; the
    persons of whom it is `unknown`; of all others the `mean`, the times that 5, 25, 50, 75 and 95 % do not exceed, `most`, and the
    persons who have been in it for more than 0, 1, 5 and 10 min (`over_0`, `over_60`, ...), all NaN where it is known of nobody.
    """
    people, groups, way = record.homes.persons, _groups(record, queues), record.fast_s(queues)
    parts = {"home": record.home_fast_s, "way": way, "all": record.home_fast_s + way}
    rows = []
    for group, mine in groups.items():
        for part, seconds in parts.items() if mine.any() else ():
            known = mine & np.isfinite(seconds)
            own, heads = seconds[known], people[known]
            spread = [np.nan] * (len(SPREAD) + len(FAST_S))
            if known.any():
                spread = [*_spread(own, heads), *(float(heads[own > s].sum()) for s in FAST_S)]
            rows.append((group, part, float(people[mine].sum()), float(people[mine & ~known].sum()), *spread))
    return pd.DataFrame(rows, columns=["group", "part", "persons", "unknown", *SPREAD, *(f"over_{s}" for s in FAST_S)])


def _groups(record: Record, queues: Queues) -> dict[str, NDArray[np.bool_]]:
    """Return which parties are in each group, (party,): everybody, who is at home, and who has set out, by how they go."""
    gone, how = queues.travellers["link"] != AT_HOME, by(record.homes)
    return {"everybody": np.ones(len(gone), bool), "at_home": ~gone, **{mode: gone & (how == mode) for mode in MODES}}


def _spread(values: NDArray[np.float64], persons: NDArray[np.float64]) -> list[float]:
    """Return the columns SPREAD of the values of some parties of `persons`."""
    return [float(np.average(values, weights=persons)), *quantiles(values, persons, SHARES), float(values.max())]
