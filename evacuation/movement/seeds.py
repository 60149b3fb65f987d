"""Two plans on the same draws: how far they differ, and whether that is more than chance. "No difference" is an answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from twin.errors import ScenarioError

#: Seeds that a comparison needs at least.
LEAST_SEEDS = 5


@dataclass(frozen=True)
class Difference:
    """The mean of one plan less the other over seeds, its interval of 95 %, and Welch's p."""

    mean: float
    low: float
    high: float
    p: float

    @property
    def differs(self) -> bool:
        """Whether the interval leaves zero out."""
        return not self.low <= 0.0 <= self.high


def difference(one: NDArray[np.float64], other: NDArray[np.float64]) -> Difference:
    """Return by how much a figure of `one` plan exceeds that of the `other`, each (seed,): Welch 1947, doi:10.1093/biomet/34.1-2.28.

    Raises ScenarioError for fewer than LEAST_SEEDS seeds, and for figures that are not all known (a plan that does not clear).
    """
    if min(len(one), len(other)) < LEAST_SEEDS:
        raise ScenarioError("movement_seeds", found=min(len(one), len(other)), expected=LEAST_SEEDS)
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        raise ScenarioError("movement_not_cleared", found=int((~np.isfinite(np.concatenate([one, other]))).sum()))
    mean = float(np.mean(one) - np.mean(other))
    if np.ptp(one) == 0.0 and np.ptp(other) == 0.0:
        return Difference(mean, mean, mean, float(mean == 0.0))
    found = stats.ttest_ind(one, other, equal_var=False)
    low, high = found.confidence_interval(0.95)
    return Difference(mean, float(low), float(high), float(found.pvalue))
