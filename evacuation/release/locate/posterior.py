"""Where the source is, given the readings: position, rate and the wind's bias, sampled with emcee (Foreman-Mackey et al. 2013).

A reading is q times what a source of 1 kg/s would give, over a background of its detector that holds for `background_s`, with an
error of Student's t (4 degrees of freedom) whose scale grows with what the plume brings: sqrt(s0^2 + (f q g)^2). The plume model is
wrong by f at single moments; f, s0 and the turn of the wind are sampled with the rest. Readings that follow each other, or are taken
at one moment, are not independent: the log-likelihood is divided by the number of readings that say one thing, from the
correlations of the residuals. A plume model is off on the whole too: the rate is spread by BIAS_SD.
"""

from __future__ import annotations

from dataclasses import dataclass

import emcee
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evacuation.release.locate.readings import Readings
from twin.errors import ScenarioError

Array = NDArray[np.float64]

NAMES = ("x", "y", "turn", "log_rate", "log_error", "log_noise")

#: Degrees of freedom of a reading's error.
TAILS = 4.0

#: What the wind's direction may be off on the whole (rad), and the error of a plume at a single moment: priors, assumed.
TURN_SD, ERROR, ERROR_SD = np.deg2rad(10.0), 0.7, 0.5

#: What a plume model is off on the whole, of the logarithm of the rate: a factor of two in most cases (as for arc maxima in the
#: guideline on air quality models, 40 CFR 51 App. W) taken as two standard deviations.
BIAS_SD = 0.35

WALKERS, STEPS, BURN = 24, 400, 200

#: Cells of the first look, a side; the fewest readings of a detector from which a correlation in time is taken.
LOOK, LONG = 20, 20


@dataclass(frozen=True)
class Posterior:
    """Samples of the source, one row each: x, y (m), turn (rad), rate (kg/s), error (1), noise (kg m-3).

    `alike`: how many readings say one thing.
    """

    samples: pd.DataFrame
    alike: float = 1.0

    @property
    def place(self) -> tuple[float, float]:
        """The middle of the samples (medians), m."""
        return float(self.samples["x"].median()), float(self.samples["y"].median())

    def rate(self, share: float = 0.5) -> float:
        """Return the rate (kg/s) that a share of the samples stays below."""
        return float(self.samples["rate"].quantile(share))

    def within(self, name: str, value: float, share: float = 0.9) -> bool:
        """Return whether the middle `share` of the samples of x, y or rate holds a value."""
        low, high = self.samples[name].quantile([0.5 - share / 2, 0.5 + share / 2])
        return bool(low <= value <= high)


def locate(
    readings: Readings,
    box: tuple[float, float, float, float],
    rng: np.random.Generator,
    *,
    background_s: float = np.inf,
    steps: int = STEPS,
    burn: int = BURN,
) -> Posterior:
    """Return where in `box` (west, south, east, north, m) the source is and what it gives.

    `background_s`: how long a detector's background holds. Raises ScenarioError for readings that no source can be found in.
    """
    if len(readings) < len(NAMES):
        raise ScenarioError("release_few_readings", found=len(readings), expected=len(NAMES))
    fit = _Fit(readings, box, background_s)
    start = fit.look(rng)
    sampler = emcee.EnsembleSampler(
        WALKERS, len(NAMES), fit.log_probability, moves=[(emcee.moves.DEMove(), 0.8), (emcee.moves.StretchMove(), 0.2)]
    )
    sampler.random_state = np.random.RandomState(rng.integers(2**31)).get_state()
    sampler.run_mcmc(start, steps)
    flat = pd.DataFrame(sampler.get_chain(discard=burn, flat=True), columns=list(NAMES))
    return Posterior(
        flat[["x", "y", "turn"]].assign(
            rate=np.exp(flat["log_rate"] + BIAS_SD * rng.standard_normal(len(flat))), error=np.exp(flat["log_error"]), noise=np.exp(flat["log_noise"])
        ),
        fit.alike,
    )


class _Fit:
    """The probability of a source."""

    def __init__(self, readings: Readings, box: tuple[float, float, float, float], background_s: float) -> None:
        self.readings, self.box = readings, box
        window = np.zeros(len(readings)) if np.isinf(background_s) else np.floor(readings.time_s / background_s)
        pairs = np.column_stack([readings.sensor.astype(float), window])
        self.group = np.unique(pairs, axis=0, return_inverse=True)[1].ravel()
        self.groups = int(self.group.max()) + 1
        quiet = readings.value - self._low()[self.group]
        self.noise = max(float(1.4826 * np.median(np.abs(quiet - np.median(quiet)))), 1e-12)
        self.alike = 1.0

    def _low(self) -> Array:
        values = pd.Series(self.readings.value).groupby(self.group)
        return np.asarray(values.quantile(0.25))

    def residual(self, q: float, seen: Array, scale: Array) -> Array:
        """Return readings less plume and background, the background of each detector being what fits best."""
        left, weight = self.readings.value - q * seen, scale**-2
        for _ in range(2):  # the weights of Student's t, twice
            total = np.bincount(self.group, weight, self.groups)
            back = np.bincount(self.group, weight * left, self.groups) / np.maximum(total, 1e-300)
            off = left - back[self.group]
            weight = (TAILS + 1.0) / (TAILS + (off / scale) ** 2) / scale**2
        return off

    def log_probability(self, p: Array) -> float:
        """Return the log of prior and likelihood of (x, y, turn, log rate, log error, log noise)."""
        x, y, turn, log_q, log_f, log_s = p
        west, south, east, north = self.box
        if not (west <= x <= east and south <= y <= north) or abs(log_q) > 30.0:
            return -np.inf
        prior = -0.5 * ((turn / TURN_SD) ** 2 + ((log_f - np.log(ERROR)) / ERROR_SD) ** 2 + (log_s - np.log(self.noise)) ** 2)
        seen, q = self.readings.seen(x, y, turn), np.exp(log_q)
        scale = np.sqrt(np.exp(2.0 * log_s) + (np.exp(log_f) * q * seen) ** 2)
        off = self.residual(q, seen, scale) / scale
        likely = -0.5 * (TAILS + 1.0) * np.log1p(off**2 / TAILS).sum() - np.log(scale).sum()
        return float(prior + likely / self.alike)

    def look(self, rng: np.random.Generator) -> Array:
        """Return where the walkers start: cells of the box that explain the readings best; set how many readings say one thing."""
        west, south, east, north = self.box
        tried = []
        for x in west + (east - west) * (np.arange(LOOK) + 0.5) / LOOK:
            for y in south + (north - south) * (np.arange(LOOK) + 0.5) / LOOK:
                seen = self.readings.seen(x, y)
                if not seen.any():
                    continue
                for q in self._rates(seen):
                    p = np.array([x, y, 0.0, np.log(q), np.log(ERROR), np.log(self.noise)])
                    tried.append((self.log_probability(p), p))
        if not tried:
            raise ScenarioError("release_nothing_upwind")
        tried.sort(key=lambda pair: -pair[0])
        best = tried[0][1]
        seen, q = self.readings.seen(best[0], best[1]), np.exp(best[3])
        scale = np.sqrt(self.noise**2 + (ERROR * q * seen) ** 2)
        self.alike = self._alike(np.clip(self.residual(q, seen, scale) / scale, -5.0, 5.0))
        starts = np.array([p for _, p in tried[:WALKERS]])
        starts = starts[np.arange(WALKERS) % len(starts)]
        cell = np.array([(east - west) / LOOK, (north - south) / LOOK, 0.1, 0.3, 0.2, 0.2])
        starts += 0.5 * cell * rng.uniform(-1.0, 1.0, starts.shape)
        starts[:, 0], starts[:, 1] = np.clip(starts[:, 0], west, east), np.clip(starts[:, 1], south, north)
        return starts

    def _alike(self, off: Array) -> float:
        """Return how many readings say one thing: integrated correlation in time by that between detectors of one moment."""
        series = [off[self.group == g][np.argsort(self.readings.time_s[self.group == g])] for g in range(self.groups)]
        times = [emcee.autocorr.integrated_time(v, quiet=True)[0] for v in series if len(v) >= LONG and v.std() > 0.0]
        in_time = max(float(np.mean(times)), 1.0) if times else 1.0
        table = pd.DataFrame({"t": self.readings.time_s, "sum": off, "square": off**2, "n": 1.0}).groupby("t").sum()
        pairs, variance = (table["n"] * (table["n"] - 1.0)).sum(), float((off**2).mean())
        if not pairs or not variance:
            return in_time
        shared = float((table["sum"] ** 2 - table["square"]).sum() / pairs / variance)
        return in_time * max(1.0 + (float(table["n"].mean()) - 1.0) * shared, 1.0)

    def _rates(self, seen: Array) -> list[float]:
        """Return rates to try at a place: by least squares over the lowest quarter of each detector, and three times less and more."""
        over = self.readings.value - self._low()[self.group]
        q = float((seen * over).sum() / max((seen**2).sum(), 1e-300))
        return [q / 3.0, q, 3.0 * q] if q > 0.0 else []
