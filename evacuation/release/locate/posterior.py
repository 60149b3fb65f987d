"""Where the source is, given the readings: position, rate and the wind's bias, sampled with emcee (Foreman-Mackey et al. 2013).

A reading is q times what a source of 1 kg/s would give, over a background (known, or sought for each detector), with an error of
Student's t (4 degrees of freedom) whose scale grows with what the plume brings: sqrt(s0^2 + (f q g)^2). The plume model is wrong by
f at single moments; f, s0, the turn of the wind and how much wider the plume is (a dense gas spreads) are sampled with the rest.
Readings that follow each other, or are taken at one moment, are not independent: the log-likelihood is divided by the number of
readings that say one thing, from the correlations of the residuals. A plume model is off on the whole too: the rate is spread by
BIAS_SD.
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

NAMES = ("x", "y", "turn", "log_wider", "log_rate", "log_error", "log_noise")

#: Degrees of freedom of a reading's error.
TAILS = 4.0

#: What the wind's direction may be off on the whole (rad), and the error of a plume at a single moment: priors, assumed.
TURN_SD, ERROR, ERROR_SD = np.deg2rad(10.0), 0.7, 0.5

#: The share of sources that are known tanks, and how near to one they lie (standard deviation, m): priors, assumed.
KNOWN, NEAR_M = 0.5, 20.0

#: How much wider a plume may be, and how far off the first guess of the noise, of their logarithms: priors, assumed.
WIDER_SD, NOISE_SD = 0.5, 0.7

#: What a plume model is off on the whole, of the logarithm of the rate: a factor of two in most cases (as for arc maxima in the
#: guideline on air quality models, 40 CFR 51 App. W) taken as two standard deviations.
BIAS_SD = 0.35

WALKERS, STEPS, BURN = 24, 400, 200

#: The least noise that is looked for, as a share of the highest reading: assumed.
LEAST_NOISE = 0.01

#: Looks before the sampling, each at so many cells a side, of a box so much narrower than the one before.
LOOKS, CELLS, NARROWER = 3, 20, 0.2

#: The fewest readings of a detector from which a correlation in time is taken.
LONG = 20


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
    suspects: Array | None = None,
    background: float | None = None,
    background_s: float = np.inf,
    steps: int = STEPS,
    burn: int = BURN,
) -> Posterior:
    """Return where in `box` (west, south, east, north, m) the source is and what it gives.

    `suspects` (place, 2): where such a source may well be, tanks that hold the substance; KNOWN is the prior share of them all.
    `background`: what the air holds anyway, kg m-3; None where it must be sought for each detector, for which it holds for
    `background_s`. Raises ScenarioError for readings that no source can be found in.
    """
    if len(readings) < len(NAMES):
        raise ScenarioError("release_few_readings", found=len(readings), expected=len(NAMES))
    fit = _Fit(readings, box, np.zeros((0, 2)) if suspects is None else suspects, background, background_s)
    start = fit.look(rng)
    sampler = emcee.EnsembleSampler(
        WALKERS, len(NAMES), fit.log_probability, moves=[(emcee.moves.DEMove(), 0.8), (emcee.moves.StretchMove(), 0.2)]
    )
    sampler.random_state = np.random.RandomState(rng.integers(2**31)).get_state()
    sampler.run_mcmc(start, steps)
    flat = pd.DataFrame(sampler.get_chain(discard=burn, flat=True), columns=list(NAMES))
    off = BIAS_SD * rng.standard_normal(len(flat))
    rest = np.exp(flat[["log_rate", "log_error", "log_noise"]].assign(log_rate=flat["log_rate"] + off))
    rest.columns = ["rate", "error", "noise"]
    return Posterior(pd.concat([flat[["x", "y", "turn"]], rest], axis=1), fit.alike)


class _Fit:
    """The probability of a source."""

    def __init__(
        self, readings: Readings, box: tuple[float, float, float, float], suspects: Array, background: float | None,
        background_s: float,
    ) -> None:  # fmt: skip
        self.readings, self.box, self.suspects, self.background = readings, box, suspects, background
        window = np.zeros(len(readings)) if np.isinf(background_s) else np.floor(readings.time_s / background_s)
        pairs = np.column_stack([readings.sensor.astype(float), window])
        self.group = np.unique(pairs, axis=0, return_inverse=True)[1].ravel()
        self.groups = int(self.group.max()) + 1
        quiet = readings.value - self._low()[self.group]
        spread = 1.4826 * np.median(np.abs(quiet - np.median(quiet)))
        least = max(LEAST_NOISE * float(np.abs(quiet).max()), 1e-12)
        self.noise, self.floor = max(float(spread), least), float(np.log(least))
        self.alike = 1.0

    def _low(self) -> Array:
        if self.background is not None:
            return np.full(self.groups, self.background)
        values = pd.Series(self.readings.value).groupby(self.group)
        return np.asarray(values.quantile(0.25))

    def residual(self, q: float, seen: Array, scale: Array) -> Array:
        """Return readings less plume and background, the background of each detector being what fits best."""
        left, weight = self.readings.value - q * seen, scale**-2
        if self.background is not None:
            return left - self.background
        for _ in range(2):  # the weights of Student's t, twice
            total = np.bincount(self.group, weight, self.groups)
            back = np.bincount(self.group, weight * left, self.groups) / np.maximum(total, 1e-300)
            off = left - back[self.group]
            weight = (TAILS + 1.0) / (TAILS + (off / scale) ** 2) / scale**2
        return off

    def log_probability(self, p: Array) -> float:
        """Return the log of prior and likelihood of (x, y, turn, log rate, log error, log noise)."""
        x, y, turn, log_wide, log_q, log_f, log_s = p
        west, south, east, north = self.box
        if not (west <= x <= east and south <= y <= north) or abs(log_q) > 30.0 or log_s < self.floor:
            return -np.inf
        prior = (turn / TURN_SD) ** 2 + (log_wide / WIDER_SD) ** 2
        prior += ((log_f - np.log(ERROR)) / ERROR_SD) ** 2 + ((log_s - np.log(self.noise)) / NOISE_SD) ** 2
        prior -= 2.0 * np.log(self._density(x, y))
        seen, q = self.readings.seen(x, y, turn, np.exp(log_wide)), np.exp(log_q)
        scale = np.sqrt(np.exp(2.0 * log_s) + (np.exp(log_f) * q * seen) ** 2)
        off = self.residual(q, seen, scale) / scale
        likely = -0.5 * (TAILS + 1.0) * np.log1p(off**2 / TAILS).sum() - np.log(scale).sum()
        return float(likely / self.alike - 0.5 * prior)

    def _density(self, x: float, y: float) -> float:
        """Return the prior density of the source at a place of the box, relative to an even one."""
        if not len(self.suspects):
            return 1.0
        west, south, east, north = self.box
        away = ((self.suspects - [x, y]) ** 2).sum(axis=1)
        each = np.exp(-0.5 * away / NEAR_M**2) / (2.0 * np.pi * NEAR_M**2)
        return float(1.0 - KNOWN + KNOWN * each.mean() * (east - west) * (north - south))

    def look(self, rng: np.random.Generator) -> Array:
        """Return where the walkers start, drawn by how well they explain the readings; set how many readings say one thing.

        The whole box is looked at in cells, then what lies around its best cell ever more finely.
        """
        west, south, east, north = self.box
        tried = [found for place in self.suspects for found in self._tried(*place)]
        x, y, wide, high = (west + east) / 2, (south + north) / 2, east - west, north - south
        for _ in range(LOOKS):
            for dx in wide * ((np.arange(CELLS) + 0.5) / CELLS - 0.5):
                for dy in high * ((np.arange(CELLS) + 0.5) / CELLS - 0.5):
                    tried += self._tried(x + dx, y + dy)
            if not tried:
                raise ScenarioError("release_nothing_upwind")
            x, y = max(tried, key=lambda pair: pair[0])[1][:2]
            wide, high = NARROWER * wide, NARROWER * high
        best = max(tried, key=lambda pair: pair[0])[1]
        seen, q = self.readings.seen(best[0], best[1]), np.exp(best[4])
        scale = np.sqrt(self.noise**2 + (ERROR * q * seen) ** 2)
        self.alike = self._alike(np.clip(self.residual(q, seen, scale) / scale, -5.0, 5.0))
        found = np.array([v for v, _ in tried])
        weight = np.exp((found - found.max()) / self.alike)
        starts = np.array([p for _, p in tried])[rng.choice(len(tried), WALKERS, p=weight / weight.sum())]
        starts += np.array([wide, high, 0.1, 0.2, 0.3, 0.2, 0.2]) * 0.1 * rng.standard_normal(starts.shape)
        starts[:, -1] = np.maximum(starts[:, -1], self.floor)
        starts[:, 0], starts[:, 1] = np.clip(starts[:, 0], west, east), np.clip(starts[:, 1], south, north)
        return starts

    def _tried(self, x: float, y: float) -> list[tuple[float, Array]]:
        """Return log-probability and parameters of a few rates at a place; nothing where no detector would see it."""
        west, south, east, north = self.box
        if not (west <= x <= east and south <= y <= north):
            return []
        seen = self.readings.seen(x, y)
        rates = self._rates(seen) if seen.any() else []
        places = [np.array([x, y, 0.0, 0.0, np.log(q), np.log(ERROR), np.log(self.noise)]) for q in rates]
        return [(self.log_probability(p), p) for p in places]

    def _alike(self, off: Array) -> float:
        """Return how many readings say one thing: integrated correlation in time by that between detectors of one moment."""
        series = [off[self.group == g][np.argsort(self.readings.time_s[self.group == g])] for g in range(self.groups)]
        times = [emcee.autocorr.integrated_time(v, tol=0)[0] for v in series if len(v) >= LONG and v.std() > 0.0]
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
