"""What a concentration does: limits by duration, the rate at which a toxic load is collected, the worst of running means.

Three levels, as the AEGLs: 1 discomfort, 2 lasting harm or no escape, 3 danger to life. Between published durations log C - log t is
straight. Below the shortest and above the longest the slope of the nearest stretch goes on; where that is level or there is one
point, C^3 t towards shorter times and C t towards longer ones (National Research Council 2001, standing procedures for AEGLs).
A limit that is missing is taken from the next list, or from the level above, and said; one that cannot be had is an error: no limit
never means no danger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evacuation.release.substances import Substance
from twin.errors import ScenarioError

Array = NDArray[np.float64]

#: Windows of the running means, s.
WINDOWS_S = (600.0, 1800.0, 3600.0, 14400.0, 28800.0)

#: A level without a limit of its own is taken as this share of the level above: assumed, on the safe side.
STAND_IN = {2: 1.0 / 3.0, 1: 1.0 / 10.0}

#: End points of HJ 169-2018 Annex H, mg m-3 over one hour: above the first life may be in danger, above the second lasting harm.
END_POINTS = {3: "HJ169_endpoint_1", 2: "HJ169_endpoint_2"}

SHORTER_N, LONGER_N = 3.0, 1.0


@dataclass(frozen=True)
class Curve:
    """A limit by duration: ln t (s) rising and ln C (kg m-3) falling or level, and the exponents beyond both ends."""

    log_t: Array
    log_c: Array
    n_short: float
    n_long: float

    @classmethod
    def of(cls, points: Mapping[float, float]) -> Curve:
        """Return the curve through points duration (s) -> concentration (kg m-3)."""
        t = np.array(sorted(points))
        c = np.minimum.accumulate([points[s] for s in t])
        log_t, log_c = np.log(t), np.log(c)
        if len(t) == 1:
            return cls(log_t, log_c, SHORTER_N, LONGER_N)
        rise, fall = np.diff(log_t), -np.diff(log_c)
        n_short = rise[0] / fall[0] if fall[0] > 1e-9 else SHORTER_N
        # a level end means that a longer stay does no more harm: below it nothing is collected
        n_long = rise[-1] / fall[-1] if fall[-1] > 1e-9 else 0.0
        return cls(log_t, log_c, float(n_short), float(n_long))

    def at(self, seconds: float) -> float:
        """Return the limit for a duration, kg m-3."""
        x = np.log(seconds)
        if x < self.log_t[0]:
            return float(np.exp(self.log_c[0] + (self.log_t[0] - x) / self.n_short))
        if x > self.log_t[-1]:
            fall = (x - self.log_t[-1]) / self.n_long if self.n_long > 0 else 0.0
            return float(np.exp(self.log_c[-1] - fall))
        return float(np.exp(np.interp(x, self.log_t, self.log_c)))

    def capped(self, above: Curve) -> Curve:
        """Return the lower of this curve and the one `above` it, through the points of both and the windows' durations."""
        seconds = sorted({*WINDOWS_S, *np.exp(self.log_t).round(6), *np.exp(above.log_t).round(6)})
        if all(self.at(s) <= above.at(s) for s in seconds):
            return self
        return Curve.of({s: min(self.at(s), above.at(s)) for s in seconds})

    def scaled(self, factor: float) -> Curve:
        """Return the curve with every concentration times `factor`."""
        return Curve(self.log_t, self.log_c + np.log(factor), self.n_short, self.n_long)


@dataclass(frozen=True)
class Limits:
    """The three levels of a substance (index 0 is level 1), and what must be said of how they were had."""

    curves: tuple[Curve, Curve, Curve]
    notes: tuple[tuple[str, Mapping[str, Any]], ...]

    def table(self) -> Array:
        """Return the limit of each level (row) at each window (column), kg m-3."""
        return np.array([[curve.at(s) for s in WINDOWS_S] for curve in self.curves])


def limits_of(substance: Substance) -> Limits:
    """Return the limits of a substance.

    Each level: AEGL, else ERPG of one hour; level 3 else IDLH (half an hour); levels 3 and 2 else the end points of HJ 169-2018 (one
    hour); levels 2 and 1 else a share of the level above.
    A level that would lie above the next one at some duration, as a stand-in or beyond its last published duration can, is that one
    there: air that reaches a level has reached those below it.
    Raises ScenarioError for a substance without any limit of danger to life.
    """
    found: dict[int, Curve] = {}
    notes: list[tuple[str, Mapping[str, Any]]] = []
    for level in (3, 2, 1):
        aegl, erpg = substance.limits(f"AEGL{level}"), substance.limits(f"ERPG{level}")
        idlh = substance.best("IDLH") if level == 3 else None
        if aegl:
            found[level], source = Curve.of(aegl), ""
            if len(aegl) < len(WINDOWS_S):
                notes.append(("limit_durations", {"level": level, "count": len(aegl)}))
        elif erpg:
            found[level], source = Curve.of(erpg), f"ERPG-{level}"
        elif idlh is not None:
            found[level], source = Curve.of({1800.0: substance.kg_m3(idlh.value)}), "IDLH"
        elif level in END_POINTS and (end := substance.best(END_POINTS[level])) is not None:
            found[level], source = Curve.of({3600.0: 1e-6 * end.value}), f"HJ 169-2018 ({END_POINTS[level][-1]})"
        elif level == 3:
            raise ScenarioError("substance_limit", found=substance.id)
        else:
            found[level], source = found[level + 1].scaled(STAND_IN[level]), f"{STAND_IN[level]:.2f} x AEGL-{level + 1}"
        if source:
            notes.append(("limit_standin", {"level": level, "source": source}))
        if level < 3 and (capped := found[level].capped(found[level + 1])) is not found[level]:
            found[level] = capped
            notes.append(("limit_capped", {"level": level, "next": level + 1}))
    return Limits((found[1], found[2], found[3]), tuple(notes))
