"""Where a gas may burn: who leaves on foot, who stays without a spark, and from when to when nothing may ignite it.

Judged by the highest concentration of any cell of a block, as shares of the lower flammable limit (LFL): from a tenth of it on nothing
may ignite the gas (29 CFR 1910.146 calls such air hazardous; the outer zone of ALOHA); from half of it on pockets may burn (ALOHA
takes 60 %: Jones and others 2013, NOAA NOS OR&R 43). A flash fire kills who is in it, so that people leave before the gas is there,
or across the wind while it is, on foot and without a spark. Who cannot be out of doors before it has gone stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evacuation.release.toxicity import Curve

Array = NDArray[np.float64]

#: Shares of the lower flammable limit: nothing may ignite the gas; pockets of it may burn.
NO_SPARK, POCKETS = 0.1, 0.5

#: For this long the limit of danger to life is compared with what burns, s: the shortest that is published.
SHORTEST_S = 600.0


@dataclass(frozen=True)
class Burning:
    """Shares of the lower flammable limit: `frames` (time, y, x) means of each frame, `highest` (y, x) of every step.

    `probability` (y, x): share of wind members that reach half of the limit, NaN without members.
    """

    frames: NDArray[np.float32]
    highest: Array
    probability: Array


def leads(limit_kg_m3: float, deadly: Curve) -> bool:
    """Return whether a gas burns before it kills: half of its lower flammable limit (0: it has none) is below ten minutes' AEGL-3."""
    return 0.0 < POCKETS * limit_kg_m3 <= deadly.at(SHORTEST_S)


def judge(
    cells: NDArray[np.int64], burning: Burning, warned_s: float, ready_s: float, frame_s: float
) -> tuple[str, str, dict[str, float]] | None:
    """Return advice, reason and figures of a block; None for one that even a tenth of the limit does not reach.

    Times are s since the first run's start. People are warned at `warned_s` and out of doors `ready_s` later.
    """
    highest = float(burning.highest.ravel()[cells].max())
    likely = float(burning.probability.ravel()[cells].max())
    if not highest >= NO_SPARK:
        return None
    level = POCKETS if highest >= POCKETS else NO_SPARK
    begins, ends = _span(cells, burning, level, frame_s)
    found = {
        "lfl_share": highest, "probability": likely, "arrives_s": begins, "until_s": ends, "burns": True,
        "by_s": max(begins, warned_s),
    }  # fmt: skip
    if level < POCKETS:
        return "stay", "no_spark", found
    if ends <= warned_s + ready_s:
        return "stay", "burns_gone", found
    return "leave", "may_burn", found


def _span(cells: NDArray[np.int64], burning: Burning, level: float, frame_s: float) -> tuple[float, float]:
    """Return from when a share of the limit stands somewhere in a block, and from when no more (NaN: not in this run), s.

    What only a step within a frame reaches counts for the whole frame in which the mean was highest.
    """
    worst = burning.frames.reshape(len(burning.frames), -1)[:, cells].max(axis=1)
    over = np.flatnonzero(worst >= min(level, float(worst.max())))
    last = int(over[-1]) + 1
    return float(over[0]) * frame_s, last * frame_s if last < len(worst) else np.nan


def sparks(told: pd.DataFrame) -> pd.DataFrame:
    """Return the blocks of the advice in which nothing may ignite the gas: `by_s` from when on, `until_s` to when.

    Those in which the gas is gone before it is known of are left out.
    """
    rows = told[told["burns"].astype(bool)]
    rows = rows[["id", "lfl_share", "until_s"]].assign(no_spark=True, by_s=rows[["arrives_s", "known_s"]].max(axis=1))
    return rows[~(rows["until_s"] <= rows["by_s"])]
