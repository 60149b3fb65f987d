"""Counters of people in a street: missing and stuck ones are found, the next value is foretold with its error, a surge is seen.

The count of an hour is its usual value (mean of the same hour of the last weeks) times a level. The logarithm of the level follows a
scalar Kalman filter: it falls back to 0 with a memory of some hours, and each believed count corrects it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray

from twin.errors import ScenarioError
from twin.variables import Unit

#: Hours of a week.
WEEK_H = 168

#: States of a counter at a time.
GOOD, MISSING, STUCK = 0, 1, 2


@dataclass(frozen=True)
class Counters:
    """How counters are judged and what comes next is foretold. All figures are assumed; none is fitted to a city."""

    weeks: Annotated[int, Ge(1), Le(12), Unit("1", "weeks whose same hour makes the usual value")] = 4
    same_h: Annotated[int, Ge(3), Le(48), Unit("h", "equal values in a row that mean stuck")] = 4
    silent_h: Annotated[int, Ge(3), Le(48), Unit("h", "zeros in a row, where many are usual, that mean stuck")] = 3
    many: Annotated[float, Ge(1.0), Le(1000.0), Unit("1", "usual count from which zeros in a row are not believed")] = (
        20.0
    )
    memory: Annotated[
        float, Ge(0.0), Le(1.0), Unit("1", "share of the level's logarithm that is left after an hour")
    ] = 0.85
    level_sd: Annotated[float, Ge(0.01), Le(2.0), Unit("1", "change of the level's logarithm in an hour")] = 0.20
    count_sd: Annotated[float, Ge(0.01), Le(2.0), Unit("1", "scatter of a count's logarithm about its level")] = 0.10
    surge: Annotated[float, Ge(1.0), Le(20.0), Unit("1", "errors above what was foretold that mean a surge")] = 4.0

    def states(self, counts: NDArray[np.float64]) -> NDArray[np.int8]:
        """Return the state of each counter (hour, counter) from hourly counts, NaN where missing. Raises ScenarioError for one below 0.

        Stuck: the same value, above 0, for `same_h` hours or more, or 0 for `silent_h` hours or more at hours when `many` are usual.
        A run of equal values is stuck from its second hour on; whoever looks live knows it `same_h` hours after its begin.
        """
        if (bad := np.argwhere(counts < 0)).size:
            hour, counter = (int(v) for v in bad[0])
            raise ScenarioError("count_negative", counter=counter, hour=hour, found=float(counts[hour, counter]))
        found = np.where(np.isnan(counts), MISSING, GOOD).astype(np.int8)
        usual = self.usual(counts)
        for c in range(counts.shape[1]):
            for begin, end in _equal_runs(counts[:, c]):
                value = counts[begin, c]
                if (value > 0 and end - begin >= self.same_h) or (
                    value == 0
                    and end - begin >= self.silent_h
                    and np.nanmin(usual[begin:end, c], initial=np.inf) >= self.many
                ):
                    found[begin + (value > 0) : end, c] = STUCK
        return found

    def usual(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean of the same hour of the last `weeks` (hour, counter); NaN in the first week and where nothing is known."""
        back = np.full((self.weeks, *counts.shape), np.nan)
        for k in range(1, self.weeks + 1):
            back[k - 1, k * WEEK_H :] = counts[: -k * WEEK_H] if k * WEEK_H < len(counts) else np.nan
        known = np.isfinite(back).sum(axis=0)
        return np.where(known > 0, np.nansum(back, axis=0) / np.maximum(known, 1), np.nan)

    def foretold(
        self, counts: NDArray[np.float64], states: NDArray[np.int8]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return, for each hour and counter, the count foretold an hour before and its standard error; NaN in the first week.

        Counts in a state other than GOOD correct nothing and make no usual value.
        """
        believed = np.where(states == GOOD, counts, np.nan)
        usual = self.usual(believed)
        seen = np.log1p(believed) - np.log1p(usual)
        level, spread = np.zeros(counts.shape[1]), np.full(counts.shape[1], self.level_sd**2)
        value, error = np.full(counts.shape, np.nan), np.full(counts.shape, np.nan)
        for hour in range(len(counts)):
            level, spread = self.memory * level, self.memory**2 * spread + self.level_sd**2
            total = spread + self.count_sd**2
            value[hour] = (1.0 + usual[hour]) * np.exp(level) - 1.0
            # the scatter of counting itself (Poisson) adds to that of the level
            error[hour] = np.sqrt(((1.0 + value[hour]) * np.sqrt(total)) ** 2 + np.maximum(value[hour], 0.0))
            known = np.isfinite(seen[hour])
            gain = np.where(known, spread / total, 0.0)
            level = level + gain * np.where(known, seen[hour] - level, 0.0)
            spread = (1.0 - gain) * spread
        return np.maximum(value, 0.0), error

    def surges(self, counts: NDArray[np.float64], states: NDArray[np.int8]) -> NDArray[np.bool_]:
        """Return where a believed count lies `surge` errors or more above the usual of its hour, and twice it (hour, counter)."""
        usual = self.usual(np.where(states == GOOD, counts, np.nan))
        wide = np.sqrt((usual * self.level_sd) ** 2 + usual)
        return np.asarray(
            (states == GOOD) & (counts > usual + self.surge * wide) & (counts > 2.0 * usual) & (counts >= self.many)
        )


def _equal_runs(values: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return begin and end of each run of at least two equal known values."""
    same = values[1:] == values[:-1]
    edges = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]]).astype(np.int8)))
    return [(int(begin), int(end) + 1) for begin, end in edges.reshape(-1, 2)]
