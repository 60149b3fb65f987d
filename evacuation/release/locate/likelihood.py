"""How likely readings are, given sources: where the plume of each moment went is not known, nor is the air's own gas.

The plume of an averaging interval does not follow the direction that a vane gives: vane and plume see different eddies. A mean over
T of a direction that forgets itself in tau is off by sigma (2 tau / T)^0.5 (Lumley and Panofsky 1964), about 0.5 sigma for five
minutes and sigma for one. So the direction of each moment is an unknown, shared by all detectors, and is integrated out.
A reading is q times what a source of 1 kg/s would give, over a background, with an error of Student's t (4 degrees of freedom) of
the scale sqrt(s0^2 + (f q g)^2). A reading at a detection limit or at full scale counts with the probability of lying beyond it.
The background is a zero of each detector and a wandering of the air's own gas, shared by all and normal in each hour; it is
estimated with the scales that hold, and its normal integral taken (Laplace).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import emcee
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evacuation.release.locate.readings import LOG_WEIGHTS, Readings

Array = NDArray[np.float64]

#: Degrees of freedom of a reading's error, and the density of Student's t with them at nought.
TAILS, PEAK = 4.0, 0.375

#: For how long the air's own gas is one, s: an hour, in which a boundary layer hardly changes (assumed).
HOLDS_S = 3600.0

#: The least noise that is looked for, as a share of the highest reading: assumed.
LEAST_NOISE = 0.01

#: How loosely a detector's zero is held to its lowest quarter, in noises: assumed, loose.
LOOSE = 100.0

#: The fewest readings of a detector from which a correlation in time is taken.
LONG = 20

#: How likely a source that pauses is shut in a span: assumed.
SHUT = 0.1


@dataclass(frozen=True)
class Errors:
    """What is not known of air and detectors: turn (rad), wider (1), error (1), noise (kg m-3), swing (1), drift (kg m-3)."""

    turn: float
    wider: float
    error: float
    noise: float
    swing: float
    drift: float


class Likelihood:
    """The likelihood of readings; `background` kg m-3, None where it is sought; a source may be shut for spans of `pause_s`."""

    def __init__(self, readings: Readings, background: float | None, pause_s: float) -> None:
        self.readings, self.background = readings, background
        self.sensor = np.unique(readings.sensor, return_inverse=True)[1].ravel()
        self.moments, self.moment = _numbered(readings.time_s)
        self.hour = _numbered(np.floor(readings.time_s / HOLDS_S))[1]
        spans, self.span = _numbered(np.floor(self.moments / pause_s))
        self.spans, self.pauses = spans * pause_s if np.isfinite(pause_s) else spans, bool(np.isfinite(pause_s))
        self.numbers = readings.value[~(readings.below | readings.above)]
        quiet = readings.value - self.low[self.sensor]
        spread = 1.4826 * float(np.median(np.abs(quiet - np.median(quiet))))
        self.least_noise = max(LEAST_NOISE * float(np.abs(quiet).max()), 1e-12)
        self.noise = max(spread, self.least_noise)

    @cached_property
    def low(self) -> Array:
        """A first guess of each detector's background: the quarter of its readings, kg m-3."""
        if self.background is not None:
            return np.full(int(self.sensor.max()) + 1, self.background)
        return np.asarray(pd.Series(self.readings.value).groupby(self.sensor).quantile(0.25))

    def log(self, plume: Array, errors: Errors) -> float:
        """Return the log of the likelihood of what sources give (node, reading), kg m-3."""
        each, shift = self._each(plume, errors)
        return float(self._spans(each)[0].sum()) + shift

    def residual(self, plume: Array, errors: Errors) -> Array:
        """Return readings less mean plume and background over their standard deviation, all unknown directions counted."""
        mean, variance = _mean(plume, errors)
        return np.asarray(
            (self.readings.value - mean - self._back(mean, variance, errors.drift)[0]) / np.sqrt(variance)
        )

    def within_two(self, plume: Array, errors: Errors) -> float:
        """Return which share of the readings lies within a factor of two of what sources and background give (FAC2).

        Of readings above the noise, or told to be: elsewhere a factor says nothing. 1 where there are none.
        """
        mean, variance = _mean(plume, errors)
        told = mean + self._back(mean, variance, errors.drift)[0]
        value = self.readings.value
        above = ~(self.readings.below | self.readings.above) & (np.maximum(value, told) > 2.0 * errors.noise)
        ratio = np.maximum(told[above], 1e-300) / np.maximum(value[above], 1e-300)
        return float(((ratio >= 0.5) & (ratio <= 2.0)).mean()) if above.any() else 1.0

    def shut(self, plume: Array, errors: Errors) -> Array:
        """Return how likely the source was shut in each span."""
        return self._spans(self._each(plume, errors)[0])[1]

    def _each(self, plume: Array, errors: Errors) -> tuple[Array, float]:
        """Return the log-likelihood of each moment, with gas and without (2, moment), and that of the background."""
        mean, variance = _mean(plume, errors)
        back, shift = self._back(mean, variance, errors.drift)
        if self.pauses:
            open_share = 1.0 - self._spans(self._moments(plume, back, errors))[1][self.span][self.moment]
            back, shift = self._back(open_share * mean, variance, errors.drift)
        return self._moments(plume, back, errors), shift

    def _moments(self, plume: Array, back: Array, errors: Errors) -> Array:
        count = len(self.moments)
        found = self._readings(plume, back, errors)
        nodes = np.array([np.bincount(self.moment, row, count) for row in found]) + LOG_WEIGHTS[:, None]
        top = nodes.max(axis=0)
        gas = top + np.log(np.exp(nodes - top).sum(axis=0))
        none = np.zeros((1, plume.shape[1]))
        return np.array(
            [gas, np.bincount(self.moment, self._readings(none, back, errors)[0], count) if self.pauses else gas]
        )

    def _readings(self, plume: Array, back: Array, errors: Errors) -> Array:
        """Return the log-likelihood of each reading at each node (node, reading)."""
        r = self.readings
        scale = np.sqrt(errors.noise**2 + (errors.error * plume) ** 2)
        off = (r.value - back - plume) / scale
        found = np.log(PEAK) - 0.5 * (TAILS + 1.0) * np.log1p(off**2 / TAILS) - np.log(scale)
        for beyond, sign in ((r.below, 1.0), (r.above, -1.0)):
            found[:, beyond] = np.log(_share(sign * off[:, beyond]))
        return np.asarray(found)

    def _spans(self, each: Array) -> tuple[Array, Array]:
        """Return the log-likelihood of each span and how likely the source was shut in it."""
        gas, none = (np.asarray(np.bincount(self.span, row, len(self.spans)), float) for row in each)
        if not self.pauses:
            return gas, np.zeros(len(gas))
        both = np.logaddexp(np.log(1.0 - SHUT) + gas, np.log(SHUT) + none)
        return both, np.exp(np.log(SHUT) + none - both)

    def _back(self, mean: Array, variance: Array, drift: float) -> tuple[Array, float]:
        """Return the background of each reading and the log of its integral."""
        if self.background is not None:
            return np.full(len(mean), self.background), 0.0
        sensors, hours = int(self.sensor.max()) + 1, int(self.hour.max()) + 1
        key, left = self.sensor * hours + self.hour, self.readings.value - mean
        counts = (~(self.readings.below | self.readings.above)).astype(float)
        weight, held = counts / variance, (LOOSE * self.noise) ** -2.0
        for _ in range(3):  # the weights of Student's t
            each = np.bincount(key, weight, sensors * hours).reshape(sensors, hours)
            sums = np.bincount(key, weight * left, sensors * hours).reshape(sensors, hours)
            total = each.sum(axis=0) + drift**-2.0
            matrix = np.diag(each.sum(axis=1) + held) - (each / total) @ each.T
            aim = sums.sum(axis=1) + held * self.low - (each / total) @ sums.sum(axis=0)
            zero = np.linalg.solve(matrix, aim)
            wander = (sums.sum(axis=0) - each.T @ zero) / total
            back = zero[self.sensor] + wander[self.hour]
            weight = counts * (TAILS + 1.0) / (TAILS + (left - back) ** 2 / variance) / variance
        log = -0.5 * (wander**2).sum() / drift**2 - 0.5 * np.log(total * drift**2).sum()
        log -= 0.5 * held * ((zero - self.low) ** 2).sum() + 0.5 * float(np.linalg.slogdet(matrix / held)[1])
        return back, float(log)

    def alike(self, off: Array) -> float:
        """Return how many readings say one thing: integrated correlation in time by that between detectors of one moment.

        off (reading,): residuals over their standard deviation.
        """
        r = self.readings
        series = [
            off[self.sensor == g][np.argsort(r.time_s[self.sensor == g])] for g in range(int(self.sensor.max()) + 1)
        ]
        times = [emcee.autocorr.integrated_time(v, tol=0)[0] for v in series if len(v) >= LONG and v.std() > 0.0]
        in_time = max(float(np.mean(times)), 1.0) if times else 1.0
        table = pd.DataFrame({"t": r.time_s, "sum": off, "square": off**2, "n": 1.0}).groupby("t").sum()
        pairs, variance = (table["n"] * (table["n"] - 1.0)).sum(), float((off**2).mean())
        if not pairs or not variance:
            return in_time
        shared = float((table["sum"] ** 2 - table["square"]).sum() / pairs / variance)
        return in_time * max(1.0 + (float(table["n"].mean()) - 1.0) * shared, 1.0)


def _numbered(values: Array) -> tuple[Array, NDArray[np.intp]]:
    """Return the different values in order, and the number of each value's own."""
    own, number = np.unique(values, return_inverse=True)
    return own, number.ravel()


def _mean(plume: Array, errors: Errors) -> tuple[Array, Array]:
    """Return mean and variance of each reading over the directions (node, reading) and the error of a plume, noise counted."""
    weight = np.exp(LOG_WEIGHTS)[:, None]
    mean, square = (weight * plume).sum(axis=0), (weight * plume**2).sum(axis=0)
    return mean, errors.noise**2 + np.maximum(square - mean**2, 0.0) + errors.error**2 * square


def _share(t: Array) -> Array:
    """Return the probability that Student's t with 4 degrees of freedom lies below t."""
    root = 1.0 + t**2 / 4.0
    return np.asarray(np.maximum(0.5 + 0.375 * t / np.sqrt(root) * (1.0 - t**2 / (12.0 * root)), 1e-15))
