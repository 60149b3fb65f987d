"""Chinese design storms: city intensity formulae; Chicago, alternating-block and tabulated hyetographs by exact differences.

A formula gives the mean intensity over a duration t (min) for a return period P (years); the storm's steps are exact
differences of the depth function, so nothing is integrated or rescaled (Keifer and Chu 1957, ASCE J. Hydraul. Div. 83).
"""

from __future__ import annotations

import csv
import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from twin.errors import ScenarioError

Array = NDArray[np.float64]

#: 1 L/(s hm2) = 0.006 mm/min exactly.
MM_MIN_PER_L_S_HM2 = 0.006

#: Confidence classes of a formula row that may be used without a warning.
CONFIRMED = ("verified", "derived", "read")


@dataclass(frozen=True)
class Intensity:
    """A rainstorm formula at one return period: i(t) = a / (t + b)^n, mm/min over t minutes."""

    formula: str
    city_zh: str
    city_en: str
    return_period_years: float
    a: float
    b: float
    n: float
    t_max_min: float | None
    peak_at: float | None
    confidence: str
    status: str
    flag: str
    source: str

    @property
    def confirmed(self) -> bool:
        """Whether the row is in force and its source was read or verified; an engineer must confirm any other before use."""
        return (
            self.confidence in CONFIRMED
            and self.status.startswith("current")
            and not self.flag.startswith("IMPLAUSIBLE")
        )

    def depth_mm(self, t_min: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the depth of the worst t minutes, mm: H(t) = a t / (t + b)^n."""
        t = np.asarray(t_min, dtype=float)
        return self.a * t / (t + self.b) ** self.n


@cache
def _rows() -> dict[str, dict[str, str]]:
    text = files("hydro.storms").joinpath("rain_formulas.csv").read_text("utf-8")
    return {row["id"]: row for row in csv.DictReader(text.splitlines())}


def formulas() -> dict[str, dict[str, str]]:
    """Return every formula row by id, as read (see the `confidence` and `source` columns)."""
    return dict(_rows())


def intensity(formula: str, return_period_years: float) -> Intensity:
    """Return the formula at a return period.

    Forms: `general` q = A (1 + C lg P) / (t + b)^n; `single` for one P; `interval` with A, b, n = p1 + p2 ln(P - p3).
    "wuhan-2020" and "wuhan" are accepted for the id `wuhan`: the year is dropped when the bare id exists.
    Raises ScenarioError for an unknown id, a form that is not implemented, or a P outside the row's range.
    """
    rows = _rows()
    key = formula.replace("-", "_")
    if (
        key not in rows
        and key.rpartition("_")[0] in rows
        and rows[key.rpartition("_")[0]]["issuer_year"].endswith(key.rpartition("_")[2])
    ):
        key = key.rpartition("_")[0]
    if key not in rows:
        raise ScenarioError("unknown_formula", found=formula, near=_near(formula, list(rows)))
    row, p = rows[key], float(return_period_years)
    low, high = float(row["P_fixed"] or row["P_min"] or 0.0), float(row["P_fixed"] or row["P_max"] or math.inf)
    if not (p > 0 and low <= p <= high):
        raise ScenarioError("return_period", formula=key, found=p, low=low, high=high)
    if row["form"] == "general":
        a = float(row["A"]) * (1.0 + float(row["C"]) * math.log10(p)) * MM_MIN_PER_L_S_HM2
        b, n = float(row["b"]), float(row["n"])
    elif row["form"] == "single":
        a, b, n = float(row["A"]) * MM_MIN_PER_L_S_HM2, float(row["b"]), float(row["n"])
    elif row["form"] == "interval":
        big, b, n = (_interval(row[c], p) for c in ("A_coef", "b_coef", "n_coef"))
        a = 167.0 * big * MM_MIN_PER_L_S_HM2
    else:
        raise ScenarioError("formula_form", formula=key, found=row["form"])
    return Intensity(
        formula=key,
        city_zh=row["city_zh"],
        city_en=row["city_en"],
        return_period_years=p,
        a=a,
        b=b,
        n=n,
        t_max_min=_number(row["t_max"]),
        peak_at=_number(row["r"]),
        confidence=row["confidence"],
        status=row["status"],
        flag=row["flag"],
        source=row["standard"],
    )


def chicago(intensity: Intensity, duration_min: float, peak_at: float, step_min: float = 5.0) -> Array:
    """Return the depths (mm) of each step of a Chicago storm; their sum is H(duration) to rounding.

    `peak_at` in (0, 1) is the peak's place r; the cumulative depth is r H(D) - r H((rD - x)/r) before the peak and
    r H(D) + (1 - r) H((x - rD)/(1 - r)) after it. Raises ScenarioError when the storm outlasts the formula.
    """
    _check(intensity, duration_min)
    return _nested(intensity.depth_mm, duration_min, peak_at, step_min)


def alternating(intensity: Intensity, duration_min: float, peak_at: float, step_min: float = 5.0) -> Array:
    """Return the depths (mm) of each step of an alternating-block storm; the k deepest steps carry H(k step).

    The increments of H stand in falling order around the peak's step, by turns after and before it until one side is full
    (Chow, Maidment and Mays 1988, Applied Hydrology, section 14.4, there with the peak in the middle). Raises ScenarioError
    when the storm outlasts the formula.
    """
    _check(intensity, duration_min)
    steps = _steps(duration_min, peak_at, step_min)
    blocks = np.diff(intensity.depth_mm(np.linspace(0.0, duration_min, steps + 1)))
    peak = min(int(peak_at * steps), steps - 1)
    turns = sorted(range(steps), key=lambda k: (abs(k - peak), k < peak))
    storm = np.zeros(steps)
    storm[turns] = np.sort(blocks)[::-1]
    return storm


def pattern(depths_mm: Mapping[float, float], peak_at: float, step_min: float = 5.0) -> Array:
    """Return the depths (mm) of each step of a storm whose blocks around the peak carry given depths (mm by minutes).

    The same-frequency long storm (24 h) of a city's own table: each duration's window around the peak carries its depth,
    each shell between two durations rains evenly, shared r : 1 - r before and after. Raises ScenarioError for fewer than
    two durations and for a shell that rains harder than the one inside it.
    """
    minutes = np.array(sorted(depths_mm), dtype=float)
    depths = np.array([depths_mm[m] for m in sorted(depths_mm)], dtype=float)
    rates = np.diff(depths, prepend=0.0) / np.diff(minutes, prepend=0.0)
    if len(minutes) < 2 or minutes[0] <= 0 or (rates < 0).any() or (np.diff(rates) > 1e-9).any():
        raise ScenarioError("pattern_depths", found={f"{m:g}": float(d) for m, d in zip(minutes, depths, strict=True)})
    knots, totals = np.append(0.0, minutes), np.append(0.0, depths)
    return _nested(lambda t: np.interp(t, knots, totals), float(minutes[-1]), peak_at, step_min)


def _nested(depth: Callable[[Array], Array], duration_min: float, peak_at: float, step_min: float) -> Array:
    x = np.linspace(0.0, duration_min, _steps(duration_min, peak_at, step_min) + 1)
    peak = peak_at * duration_min
    head = peak_at * depth(np.array(duration_min))
    before = head - peak_at * depth(np.maximum(peak - x, 0.0) / peak_at)
    after = head + (1.0 - peak_at) * depth(np.maximum(x - peak, 0.0) / (1.0 - peak_at))
    return np.asarray(np.diff(np.where(x < peak, before, after)))


def _steps(duration_min: float, peak_at: float, step_min: float) -> int:
    if not 0.0 < peak_at < 1.0:
        raise ScenarioError("peak_at", found=peak_at)
    steps = duration_min / step_min
    if steps < 1 or abs(steps - round(steps)) > 1e-9:
        raise ScenarioError("clock_steps", duration=duration_min * 60, step=step_min * 60)
    return round(steps)


def _check(intensity: Intensity, duration_min: float) -> None:
    if intensity.t_max_min is not None and duration_min > intensity.t_max_min:
        raise ScenarioError("formula_duration", formula=intensity.formula, found=duration_min, high=intensity.t_max_min)


def _interval(coefficients: str, p: float) -> float:
    p1, p2, p3 = (float(c) for c in coefficients.split(";"))
    return p1 + p2 * math.log(p - p3)


def _number(text: str) -> float | None:
    return float(text) if text else None


def _near(word: str, known: list[str]) -> list[str]:
    return difflib.get_close_matches(word, known, n=3, cutoff=0.4)
