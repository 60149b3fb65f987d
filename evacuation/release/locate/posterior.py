"""Where the sources are, given the readings: position, rate and the wind's bias, sampled with emcee (Foreman-Mackey et al. 2013).

The likelihood is in `likelihood.py`; sampled with places and rates are a lasting turn of the wind, how much wider plumes are (a dense
gas spreads), how far single directions swing, the errors of plume and detector, and how far the air's own gas wanders.
Readings that follow each other, or are taken at one moment, are not independent: the log-likelihood is divided by the number of
readings that say one thing, from the correlations of the residuals. A plume model is off on the whole too: the rate is spread by
BIAS_SD. How many sources there are is told by the evidence, the integral of likelihood and prior: by importance sampling from a
Student's t with the samples' own mean and covariance.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import emcee
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import multivariate_t

from evacuation.release.locate.likelihood import Errors, Likelihood
from evacuation.release.locate.readings import LOG_WEIGHTS, Readings
from twin.errors import ScenarioError

Array = NDArray[np.float64]

#: Of a source, and of air and detectors: what is sampled.
SOURCE, SHARED = ("x", "y", "log_rate"), ("turn", "log_wider", "log_error", "log_noise", "log_swing", "log_drift")

#: What the wind's direction may be off on the whole (rad): assumed.
TURN_SD = np.deg2rad(10.0)

#: The middle and the standard deviation of the logarithm of: the error of a plume that went where it was thought to go (arc maxima
#: of good models; assumed), and the error of a direction over its standard deviation (0.5 for five minutes, 1 for one).
ERROR, ERROR_SD, SWING, SWING_SD = 0.5, 0.5, 0.7, 0.5

#: The standard deviations of the logarithm of: how much wider a plume is, the noise and the air's wandering over the first guess of
#: the noise (assumed).
WIDER_SD, NOISE_SD, DRIFT_SD = 0.5, 0.7, 1.0

#: How far off the logarithms of plume width and swing may be at all.
FARTHEST = 3.0

#: Between which rates a source may lie, kg/s; the prior of the logarithm is even between them (assumed).
RATES = (1e-9, 1e5)

#: The share of sources that are known tanks, and how near to one they lie (standard deviation, m): priors, assumed.
KNOWN, NEAR_M = 0.5, 20.0

#: What a plume model is off on the whole, of the logarithm of the rate: a factor of two in most cases (as for arc maxima in the
#: guideline on air quality models, 40 CFR 51 App. W) taken as two standard deviations.
BIAS_SD = 0.35

WALKERS, STEPS, BURN = 24, 400, 200

#: Looks before the sampling, each at so many cells a side, of a box so much narrower than the one before.
LOOKS, CELLS, NARROWER = 3, 16, 0.25

#: The evidence: draws, and the degrees of freedom of the distribution that they are drawn from.
DRAWS, HEAVY = 600, 5.0

#: By how much the log of the evidence must rise for a source more: strong evidence (Kass and Raftery 1995, J. Am. Stat. Assoc. 90, 773).
STRONG = 3.0

#: A walker whose log-probability is so much lower is stuck: its place would need e^20 times the room to count.
STUCK = 20.0
#: Samples are taken anew where readings say one thing so many times more often, seen from the number of sources that is taken.
ALIKE_MORE = 1.05

#: A source shut in a span, and how well the readings are explained, are told from so many of the samples.
TOLD_BY = 40


@dataclass(frozen=True)
class Posterior:
    """Samples of the sources, one row each: x, y (m), rate (kg/s) of the first, x2, y2, rate2 of a second, turn (rad), wider, error,
    noise (kg m-3), swing, drift (kg m-3).

    `alike`: how many readings say one thing; `used`, `left_out`: readings taken, and left out because similarity does not hold in
    their air; `guessed`: most readings are of such air, and all were taken. `evidence`: its logarithm for each number of sources
    that was tried. `within_two`: which share of the readings lies within a factor of two of what the sources give (median of the samples).
    `shut`: for spans (from_s) how likely the source was shut.
    """

    samples: pd.DataFrame
    alike: float = 1.0
    used: int = 0
    left_out: int = 0
    guessed: bool = False
    evidence: tuple[float, ...] = ()
    within_two: float = 1.0
    shut: pd.DataFrame = field(default_factory=lambda: pd.DataFrame({"from_s": [], "share": []}))

    @property
    def place(self) -> tuple[float, float]:
        """The middle of the samples (medians), m."""
        return self.places[0]

    @property
    def places(self) -> list[tuple[float, float]]:
        """The middle of each source (medians), m."""
        return [(float(table["x"].median()), float(table["y"].median())) for table in self.sources]

    @property
    def sources(self) -> list[pd.DataFrame]:
        """The samples of each source, from west to east: x, y (m), rate (kg/s)."""
        ends = ["", *(str(n) for n in range(2, 10) if f"rate{n}" in self.samples)]
        names = ("x", "y", "rate")
        return [self.samples[[f"{n}{end}" for n in names]].set_axis(names, axis="columns") for end in ends]

    def rate(self, share: float = 0.5) -> float:
        """Return the rate (kg/s) that a share of the samples stays below, of the first source."""
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
    most: int = 1,
    pause_s: float = np.inf,
    steps: int = STEPS,
    burn: int = BURN,
) -> Posterior:
    """Return where in `box` (west, south, east, north, m) the sources are and what they give.

    `suspects` (place, 2): where such a source may well be, tanks that hold the substance; KNOWN is the prior share of them all.
    `background`: what the air holds anyway, kg m-3; None where it must be sought. `most`: the most sources that there may be; one more
    is taken where the evidence for it is strong. `pause_s`: a source may be shut for spans of this length; for ever: it does not pause.
    The order of the readings changes nothing, so an answer with new readings is that of all of them at once. Readings of air in
    which similarity does not hold are left out where most are of other air. Raises ScenarioError for readings that no source can
    be found in.
    """
    fewest = len(SOURCE) * most + len(SHARED)
    if len(readings) < fewest:
        raise ScenarioError("release_few_readings", found=len(readings), expected=fewest)
    ordered = readings.only(np.lexsort((readings.sensor, readings.time_s)))
    guessed = 2 * int(ordered.valid.sum()) < len(ordered) or int(ordered.valid.sum()) < fewest
    taken = ordered if guessed else ordered.only(ordered.valid)
    places = np.zeros((0, 2)) if suspects is None else suspects
    fit = _Fit(Likelihood(taken, background, pause_s), box, places)
    chains, evidence = [], []
    for tried, values in fit.look(most):
        chains.append(
            _sampled(fit, fit.around(tried, values, max(WALKERS, 2 * tried.shape[1] + 2), rng), rng, steps, burn)
        )
        evidence.append(_evidence(fit, chains[-1], rng) if most > 1 else 0.0)
    number = 0
    for n, log in enumerate(evidence):
        number = n if log > evidence[number] + STRONG else number
    best = chains[number]
    if fit.own[number] > ALIKE_MORE * fit.alike:
        fit.alike = fit.own[number]
        best = _sampled(fit, best[-len(best) // (steps - burn) :], rng, steps - burn // 2, burn - burn // 2)
    shut = _shut(fit, best) if np.isfinite(pause_s) else pd.DataFrame({"from_s": [], "share": []})
    left_out = len(readings) - len(taken)
    return Posterior(
        _samples(best, rng), fit.alike, len(taken), left_out, guessed, tuple(evidence) if most > 1 else (),
        _within_two(fit, best), shut,
    )  # fmt: skip


def _sampled(fit: _Fit, starts: Array, rng: np.random.Generator, steps: int, burn: int) -> Array:
    """Return the samples (row, parameter) of walkers (walker, parameter).

    Half way through what is thrown away, walkers that hang at a place which explains next to nothing begin again elsewhere.
    """
    moves = [(emcee.moves.DEMove(), 0.8), (emcee.moves.StretchMove(), 0.2)]
    sampler = emcee.EnsembleSampler(*starts.shape, fit.log_probability, moves=moves)
    sampler.random_state = np.random.RandomState(rng.integers(2**31)).get_state()
    half = max(burn // 2, 1)
    sampler.run_mcmc(starts, half)
    again = _freed(sampler.get_chain(), sampler.get_log_prob(), rng)
    sampler.reset()
    sampler.run_mcmc(again, steps - half)
    return np.asarray(sampler.get_chain(discard=burn - half, flat=True))


def _freed(chain: Array, log: Array, rng: np.random.Generator) -> Array:
    """Return where walkers stand after (step, walker, parameter) with log-probability (step, walker), the stuck among those not stuck.

    A walker is stuck whose log-probability lies STUCK below the median's, mean over the later half (Hou, Goodman and Hogg 2012,
    doi:10.1088/0004-637X/745/2/198). It takes a place where another one was.
    """
    late = len(log) // 2
    mean = log[late:].mean(axis=0)
    stuck = mean < np.median(mean) - STUCK
    last: Array = chain[-1].copy()
    free = chain[late:, ~stuck].reshape(-1, chain.shape[2])
    last[stuck] = free[rng.choice(len(free), int(stuck.sum()), replace=False)]
    return last


def _samples(chain: Array, rng: np.random.Generator) -> pd.DataFrame:
    """Return the samples as a table, the rates spread by what a plume model is off on the whole."""
    count = (chain.shape[1] - len(SHARED)) // len(SOURCE)
    off = BIAS_SD * rng.standard_normal(len(chain))
    table: dict[str, Array] = {}
    for n in range(count):
        end = "" if n == 0 else str(n + 1)
        x, y, log_rate = chain[:, 3 * n : 3 * n + 3].T
        table |= {f"x{end}": x, f"y{end}": y, f"rate{end}": np.exp(log_rate + off)}
    shared = chain[:, 3 * count :]
    names = [name.removeprefix("log_") for name in SHARED[1:]]
    return pd.DataFrame(table | {"turn": shared[:, 0]} | dict(zip(names, np.exp(shared[:, 1:]).T, strict=True)))


def _evidence(fit: _Fit, chain: Array, rng: np.random.Generator) -> float:
    """Return the log of the integral of likelihood and prior, by draws from a Student's t of the chain's mean and covariance."""
    spread = np.cov(chain.T) + 1e-12 * np.eye(chain.shape[1])
    around = multivariate_t(chain.mean(axis=0), spread, df=HEAVY, seed=rng)
    drawn = around.rvs(DRAWS)
    weight = np.array([fit.log_probability(p) for p in drawn]) - around.logpdf(drawn)
    return float(np.logaddexp.reduce(weight) - np.log(DRAWS))


def _shut(fit: _Fit, chain: Array) -> pd.DataFrame:
    """Return for each span how likely the source was shut, over some of the samples."""
    rows = chain[np.linspace(0, len(chain) - 1, TOLD_BY).astype(int)]
    share = np.mean([fit.likelihood.shut(*fit.parts(p)) for p in rows], axis=0)
    return pd.DataFrame({"from_s": fit.likelihood.spans, "share": share})


def _within_two(fit: _Fit, chain: Array) -> float:
    """Return the median, of some of the samples, of the share of the readings that they give within a factor of two."""
    rows = chain[np.linspace(0, len(chain) - 1, TOLD_BY).astype(int)]
    return float(np.median([fit.likelihood.within_two(*fit.parts(p)) for p in rows]))


def _errors(shared: Array) -> Errors:
    return Errors(float(shared[0]), *(float(v) for v in np.exp(shared[1:])))


class _Fit:
    """The probability of sources: prior and likelihood of a vector of SOURCE for each, then SHARED."""

    def __init__(self, likelihood: Likelihood, box: tuple[float, float, float, float], suspects: Array) -> None:
        self.likelihood, self.box, self.suspects, self.alike = likelihood, box, suspects, 1.0
        #: how many readings say one thing by the residuals of one source, of two, and so on
        self.own: list[float] = []
        log_noise = np.log(likelihood.noise)
        self.middle = np.array([0.0, 0.0, np.log(ERROR), log_noise, np.log(SWING), log_noise])
        self.spread = np.array([TURN_SD, WIDER_SD, ERROR_SD, NOISE_SD, SWING_SD, DRIFT_SD])
        self.floor = np.log(likelihood.least_noise)

    def parts(self, p: Array) -> tuple[Array, Errors]:
        """Return what the sources of a vector give (node, reading) and the errors of air and detectors."""
        errors = _errors(p[-len(SHARED) :])
        return self._plume(p[: -len(SHARED)].reshape(-1, len(SOURCE)), errors), errors

    def _plume(self, sources: Array, errors: Errors) -> Array:
        swung = self.likelihood.readings.swung
        return np.asarray(sum(np.exp(q) * swung(x, y, errors.turn, errors.wider, errors.swing) for x, y, q in sources))

    def log_probability(self, p: Array, plume: Array | None = None) -> float:
        """Return the log of prior and likelihood of a vector, of which `plume` may be known; sources lie from west to east."""
        sources, shared = p[: -len(SHARED)].reshape(-1, len(SOURCE)), p[-len(SHARED) :]
        west, south, east, north = self.box
        x, y, log_q = sources.T
        inside = (west <= x) & (x <= east) & (south <= y) & (y <= north)
        known = (np.log(RATES[0]) <= log_q) & (log_q <= np.log(RATES[1]))
        odd = shared[3] < self.floor or max(abs(shared[1]), abs(shared[4])) > FARTHEST
        if odd or not (inside & known).all() or (np.diff(x) < 0.0).any():
            return -np.inf
        prior = -0.5 * float((((shared - self.middle) / self.spread) ** 2).sum())
        flat = np.log((east - west) * (north - south) * np.log(RATES[1] / RATES[0]))
        prior += sum(float(np.log((n + 1.0) * self._density(*at[:2]))) - flat for n, at in enumerate(sources))
        errors = _errors(shared)
        given = self._plume(sources, errors) if plume is None else plume
        return float(self.likelihood.log(given, errors) / self.alike + prior)

    def _density(self, x: float, y: float) -> float:
        """Return the prior density of the source at a place of the box, relative to an even one."""
        if not len(self.suspects):
            return 1.0
        west, south, east, north = self.box
        away = ((self.suspects - [x, y]) ** 2).sum(axis=1)
        each = np.exp(-0.5 * away / NEAR_M**2) / (2.0 * np.pi * NEAR_M**2)
        return float(1.0 - KNOWN + KNOWN * each.mean() * (east - west) * (north - south))

    def look(self, most: int) -> list[tuple[Array, Array]]:
        """Return vectors of one source, of two, and so on, with their log-probability; set how many readings say one thing:
        for the comparison what the most sources leave unexplained tells it.

        The whole box is looked at in cells, then what lies around its best cell ever more finely; a further source beside those found.
        """
        looks, best, self.own = [], np.zeros((0, len(SOURCE))), []
        for _ in range(most):
            tried = self._further(best)
            looks.append((np.array([p for _, p in tried]), np.array([v for v, _ in tried])))
            best = max(tried, key=lambda pair: pair[0])[1][: -len(SHARED)].reshape(-1, len(SOURCE))
            plume, errors = self.parts(np.concatenate([best.ravel(), self.middle]))
            self.own.append(self.likelihood.alike(np.clip(self.likelihood.residual(plume, errors), -5.0, 5.0)))
        self.alike = self.own[-1]
        return looks

    def _further(self, known: Array) -> list[tuple[float, Array]]:
        """Return log-probability and vector of each further source that was tried beside the known ones."""
        west, south, east, north = self.box
        x, y, wide, high = (west + east) / 2, (south + north) / 2, east - west, north - south
        tried = [pair for at in self.suspects for pair in self._tried(known, *at)]
        for _ in range(LOOKS):
            for dx in wide * ((np.arange(CELLS) + 0.5) / CELLS - 0.5):
                for dy in high * ((np.arange(CELLS) + 0.5) / CELLS - 0.5):
                    tried += self._tried(known, x + dx, y + dy)
            if not tried:
                raise ScenarioError("release_nothing_upwind")
            best = max(tried, key=lambda pair: pair[0])[1][: -len(SHARED)].reshape(-1, len(SOURCE))
            x, y = next(at for at in best[:, :2] if not (known[:, :2] == at).all(axis=1).any())
            wide, high = NARROWER * wide, NARROWER * high
        return tried

    def _tried(self, known: Array, x: float, y: float) -> list[tuple[float, Array]]:
        """Return log-probability and vector for a few rates of a source at a place; nothing where no detector would see it.

        The rates: by least squares over the lowest quarter of each detector, and three times less and more.
        """
        west, south, east, north = self.box
        readings, likelihood = self.likelihood.readings, self.likelihood
        if not (west <= x <= east and south <= y <= north):
            return []
        swing = float(np.exp(self.middle[4]))
        one, weight = readings.swung(x, y, swing=swing), np.exp(LOG_WEIGHTS)
        others = sum((np.exp(q) * readings.swung(a, b, swing=swing) for a, b, q in known), np.zeros_like(one))
        mean, left = weight @ one, readings.value - likelihood.low[likelihood.sensor] - weight @ others
        rate = float((mean * left).sum() / max((mean**2).sum(), 1e-300))
        found = []
        for q in (rate / 3.0, rate, 3.0 * rate) if rate > 0.0 else ():
            sources = np.vstack([known, [x, y, np.log(q)]])
            vector = np.concatenate([sources[np.argsort(sources[:, 0])].ravel(), self.middle])
            found.append((self.log_probability(vector, others + q * one), vector))
        return [pair for pair in found if np.isfinite(pair[0])]

    def around(self, tried: Array, values: Array, walkers: int, rng: np.random.Generator) -> Array:
        """Return where walkers start: vectors drawn by how well they explain the readings, each moved a little."""
        weight = np.exp((values - values.max()) / self.alike)
        starts = tried[rng.choice(len(tried), walkers, p=weight / weight.sum())]
        west, south, east, north = self.box
        last = NARROWER ** (LOOKS - 1)
        place = [0.1 * last * (east - west), 0.1 * last * (north - south), 0.1]
        count = (tried.shape[1] - len(SHARED)) // len(SOURCE)
        starts = starts + np.array(place * count + list(0.2 * self.spread)) * rng.standard_normal(starts.shape)
        starts[:, -3] = np.maximum(starts[:, -3], self.floor + 0.01)
        sources = starts[:, : -len(SHARED)].reshape(walkers, count, len(SOURCE))
        sources[..., 0], sources[..., 1] = np.clip(sources[..., 0], west, east), np.clip(sources[..., 1], south, north)
        order = np.argsort(sources[..., 0], axis=1)
        starts[:, : -len(SHARED)] = np.take_along_axis(sources, order[..., None], axis=1).reshape(walkers, -1)
        return starts
