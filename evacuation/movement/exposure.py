"""What people have met on the way, spread over them by how they go: toxic load and time in fast water, never only the mean."""

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
    people, how = record.homes.persons, by(record.homes)
    gone = queues.travellers["link"] != AT_HOME
    groups = {"everybody": np.ones(len(people), bool), "at_home": ~gone}
    groups |= {mode: gone & (how == mode) for mode in MODES}
    parts = {"home": record.home_dose, "way": record.dose(queues), "all": record.load(queues)}
    rows = []
    for group, mine in groups.items():
        for part, load in parts.items() if mine.any() else ():
            own, heads = load[mine], people[mine]
            over = float(heads[own >= DOSES[-1]].sum())
            rows.append((group, part, float(heads.sum()), *_spread(own, heads), over))
    return pd.DataFrame(rows, columns=["group", "part", "persons", *SPREAD, "over"])


def fast_water(record: Record, queues: Queues) -> pd.DataFrame:
    """Return how the time in fast water (s) is spread over those who have set out, a row for all of them and one for each way to go.

    Water is fast for one by `roads.conditions.FAST_M2_S`; what counts is the time on a road, moving or standing, from coming onto
    the first to arriving: nothing at home, in the queue before the first road or after arriving. `persons`; the `mean`; the times that
    5, 25, 50, 75 and 95 % do not exceed; `most`; the persons who have been in it for more than 0, 1, 5 and 10 min
    (`over_0`, `over_60`, ...). All but `persons` are NaN where the speed of water is not known.
    """
    people, seconds = record.homes.persons, record.fast_s(queues)
    gone, how = queues.travellers["link"] != AT_HOME, by(record.homes)
    rows = []
    for group, mine in {"set_out": gone, **{mode: gone & (how == mode) for mode in MODES}}.items():
        if mine.any():
            own, heads = seconds[mine], people[mine]
            over = [float(heads[own > s].sum()) if record.conditions.fast_known else np.nan for s in FAST_S]
            rows.append((group, float(heads.sum()), *_spread(own, heads), *over))
    return pd.DataFrame(rows, columns=["group", "persons", *SPREAD, *(f"over_{s}" for s in FAST_S)])


def _spread(values: NDArray[np.float64], persons: NDArray[np.float64]) -> list[float]:
    """Return the columns SPREAD of the values of some parties of `persons`."""
    return [float(np.average(values, weights=persons)), *quantiles(values, persons, SHARES), float(values.max())]
