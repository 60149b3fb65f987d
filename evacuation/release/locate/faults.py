"""Detectors that cannot be believed: one that sticks, one that drifts, one at the end of its scale.

Gas that comes with the wind fluctuates by tens of per cent from reading to reading. A detector that gives one and the same value again
and again, or rises along a straight line, is not reading gas. One that stands at its own highest value after lower ones is at the
end of its scale: there was at least so much.
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import theilslopes

Array = NDArray[np.float64]

#: So many equal readings one after the other are a detector that sticks, or one at the end of its scale: assumed.
STICKS, ENDS = 6, 3

#: Values below so many of the smallest steps between readings may well be equal by rounding: assumed.
COARSE = 10.0

#: A detector drifts that has so many readings whose straight line rises or falls by so many times what they lie off it: assumed.
ENOUGH, STRAIGHT = 12, 20.0

#: A drift by less than this share of the highest reading of all does no harm: assumed.
HARMLESS = 0.02

#: The most readings that a straight line is laid through.
LINE = 300


def faults(table: pd.DataFrame) -> pd.DataFrame:
    """Return the faults found in readings: `sensor`, `fault` (sticks, saturates, drifts), `from_s`, `to_s`, `readings`, `value`.

    `table`: a row per reading in time order: time_s, sensor, value (kg m-3).
    """
    values = np.unique(table["value"].to_numpy(float))
    steps = np.diff(values)
    step = float(steps[steps > 1e-9 * max(values.max(), 1e-300)].min(initial=np.inf)) if len(values) else np.inf
    step = 0.0 if np.isinf(step) else step
    found: list[tuple[str, str, float, float, int, float]] = []
    for sensor, own in table.groupby("sensor", sort=True):
        time, value = own["time_s"].to_numpy(float), own["value"].to_numpy(float)
        runs = [r for r in _runs(value) if value[r[0]] > COARSE * step and r[1] - r[0] >= ENDS]
        for first, end in runs:
            top = value[first] == value.max() and first > 0
            if top or end - first >= STICKS:
                name = "saturates" if top else "sticks"
                found.append((str(sensor), name, time[first], time[end - 1], end - first, value[first]))
        if not runs and _drifts(time, value, HARMLESS * float(values.max(initial=0.0))):
            found.append((str(sensor), "drifts", time[0], time[-1], len(value), value[-1]))
    return pd.DataFrame(found, columns=["sensor", "fault", "from_s", "to_s", "readings", "value"])


def believed(table: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """Return the readings without those of a detector that sticks or drifts; `most` is lowered to where one is at its end."""
    table = table.copy()
    kept = np.ones(len(table), bool)
    for row in found.to_dict("records"):
        mine = (table["sensor"] == row["sensor"]).to_numpy()
        if row["fault"] == "saturates":
            table.loc[mine, "most"] = np.minimum(table.loc[mine, "most"], row["value"])
        else:
            kept &= ~(mine & table["time_s"].between(row["from_s"], row["to_s"]).to_numpy())
    return table[kept].reset_index(drop=True)


def _runs(value: Array) -> list[tuple[int, int]]:
    """Return the runs of equal values: first and one past the last."""
    cuts = [0, *(np.flatnonzero(np.diff(value) != 0.0) + 1), len(value)]
    return [(int(a), int(b)) for a, b in itertools.pairwise(cuts)]


def _drifts(time: Array, value: Array, harmless: float) -> bool:
    """Return whether readings lie along a straight line that rises or falls."""
    if len(value) < ENOUGH:
        return False
    rows = np.unique(np.linspace(0, len(value) - 1, LINE).astype(int))
    time, value = time[rows], value[rows]
    slope, at_nought = theilslopes(value, time)[:2]
    off = 1.4826 * float(np.median(np.abs(value - at_nought - slope * time)))
    moved = abs(slope) * (time[-1] - time[0])
    return bool(moved > harmless and moved > STRAIGHT * off)
