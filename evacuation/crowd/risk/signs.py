"""Signs beside the level: how dense the densest spot was by three kernels, crowd pressure in time, and slow sway of a dense crowd."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from evacuation.crowd.people.walkers import People
from evacuation.crowd.risk.density import WIDTH_M, ground_around
from evacuation.crowd.risk.measures import CUT_M, grid_density, pressure, sway, voronoi_density
from evacuation.crowd.risk.monitor import DENSE, Monitor
from evacuation.crowd.venue.plan import Plan

#: Voronoi and grid density are those of a square of this side about the densest spot, m.
SQUARE_M = 2.0

#: Whose cell reaches that square, and the ground that bounds his cell, lie within this of the spot to each side, m.
NEAR_M = SQUARE_M / 2.0 + 2.0 * CUT_M

#: Crowd pressure is worked out from this density on, persons/m2, with velocities over so many seconds: heads that sway with each step
#: (about 0.5 Hz) do not count (the data's README: above 5, below about 0.3 Hz).
PRESSURE_FROM, SMOOTH_S = 5.0, 3

#: Sway is looked for each LOOK_S s in the mean velocity of the last WINDOW_S s of at least FEWEST people in a dense crowd; of a period
#: that fits into that PERIODS times.
LOOK_S, WINDOW_S, FEWEST, PERIODS = 60, 180, 20, 3.0

#: Who moves faster than this has changed levels, m/s.
LEAP_M_S = 5.0


class Signs:
    """Watches the zones of a `Monitor`, second by second. Nothing here changes a colour: densities and loads held do."""

    def __init__(self, plan: Plan, monitor: Monitor, kept: Mapping[str, NDArray[Any]] | None = None) -> None:
        self._plan, self.monitor = plan, monitor
        count, kept = len(monitor.zones), kept or {}
        self._number = kept.get("signs_number", np.zeros(0, np.int64)).copy()
        self._track = kept.get("signs_track", np.zeros((SMOOTH_S + 1, 0, 2))).copy()
        self._mean = kept.get("signs_mean", np.full((WINDOW_S, count, 2), np.nan)).copy()
        self.densities = kept.get("signs_densities", np.full((count, 3), np.nan)).copy()
        self.densest_after = kept.get("signs_densest_after", np.full(count, np.nan)).copy()
        self.sway = kept.get("signs_sway", np.full((count, 2), np.nan)).copy()
        self._pressed = kept.get("signs_pressed", np.zeros((2, count))).copy()
        self._densest: dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}

    def record(self) -> dict[str, NDArray[Any]]:
        """Return what the next part of the run must know."""
        self._settle()
        own = {
            "number": self._number,
            "track": self._track,
            "mean": self._mean,
            "sway": self.sway,
            "pressed": self._pressed,
        }
        own |= {"densities": self.densities, "densest_after": self.densest_after}
        return {f"signs_{name}": values for name, values in own.items()}

    def watch(self, people: People, t: float) -> None:
        """Look at everybody at `t` seconds since the first run began, when a second more has passed and the monitor has looked."""
        at = np.column_stack([people.x, people.w])
        self._follow(people, at)
        monitor = self.monitor
        now, zone = monitor.now.ravel(), monitor.zone_of(people)
        quick, slow = self._velocity(people, 1), self._velocity(people, SMOOTH_S)
        dense = (monitor.met(people) >= DENSE) & np.isfinite(quick[:, 0])
        self._mean[:-1] = self._mean[1:]
        for k in range(len(monitor.zones)):
            cells, there = monitor.cells_of(k), dense & (zone == k)
            self._mean[-1, k] = quick[there].mean(axis=0) if there.sum() >= FEWEST else np.nan
            if not len(cells):
                continue
            cell = int(cells[now[cells].argmax()])
            spot, density = monitor.density.spot(cell), float(now[cell])
            near = (np.abs(at - spot) <= NEAR_M).all(axis=1)
            if density > np.nan_to_num(self.densities[k, 0]):
                self.densities[k, 0], self.densest_after[k] = density, t
                self._densest[k] = spot, self._around(people, spot)
            if density >= PRESSURE_FROM and (known := near & np.isfinite(slow[:, 0])).any():
                group = people.group[known].astype(np.int64)
                self._pressed[:, k] += pressure(at[known], slow[known], spot[None, :], WIDTH_M, group)[0], 1.0
        if round(t) % LOOK_S == 0:
            self._look(t)

    def _around(self, people: People, spot: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where those stand (n, 2) who count near a spot, as in the Gaussian density: nobody who has gone out."""
        inside = people.out < 0
        seen = np.column_stack(self.monitor.density.both(people.x[inside], people.w[inside]))
        return np.asarray(seen[(np.abs(seen - spot) <= NEAR_M).all(axis=1)])

    def new_step(self) -> None:
        """Begin another output step: the mean pressure of the last one is told."""
        self._pressed = np.zeros_like(self._pressed)

    @property
    def pressure(self) -> NDArray[np.float64]:
        """Mean crowd pressure at the densest spot of each zone since the last output time, 1/s2; NaN below PRESSURE_FROM."""
        total, seconds = self._pressed
        return np.where(seconds > 0.0, total / np.maximum(seconds, 1.0), np.nan)

    def table(self) -> pd.DataFrame:
        """Return a row per zone: density of its densest spot by the three kernels, persons/m2, and when, s since the first run began; the
        period of a slow sway and when it was first found (NaN: none)."""
        self._settle()
        gaussian, voronoi, grid = self.densities.T
        return pd.DataFrame(
            {
                "id": self.monitor.zones["id"].values,
                "gaussian": gaussian,
                "voronoi": voronoi,
                "grid": grid,
                "densest_after_s": self.densest_after,
                "sway_period_s": self.sway[:, 0],
                "sway_after_s": self.sway[:, 1],
            }
        )

    def _follow(self, people: People, at: NDArray[np.float64]) -> None:
        """Keep where everybody was in the last seconds, by his number."""
        order = np.argsort(people.number)
        number = people.number[order]
        track = np.full((SMOOTH_S + 1, len(number), 2), np.nan)
        track[-1] = at[order]
        if len(self._number):
            was = np.minimum(np.searchsorted(self._number, number), len(self._number) - 1)
            same = self._number[was] == number
            track[:-1, same] = self._track[1:, was[same]]
        self._number, self._track = number, track

    def _velocity(self, people: People, seconds: int) -> NDArray[np.float64]:
        """Return everybody's mean velocity (person, 2) of the last seconds, m/s; NaN for who was not there and who changed levels."""
        v = (self._track[-1] - self._track[-1 - seconds]) / seconds
        v[(np.abs(v) > LEAP_M_S).any(axis=1)] = np.nan
        return np.asarray(v[np.searchsorted(self._number, people.number)])

    def _look(self, t: float) -> None:
        """Look for a sway in each zone that was dense all the time: along the direction in which its mean velocity varies most."""
        for k in np.flatnonzero(np.isfinite(self._mean[:, :, 0]).all(axis=0) & np.isnan(self.sway[:, 0])):
            v = self._mean[:, k] - self._mean[:, k].mean(axis=0)
            period = sway(v @ np.linalg.svd(v, full_matrices=False)[2][0], 1.0, PERIODS)
            if np.isfinite(period):
                self.sway[k] = period, t

    def _settle(self) -> None:
        """Work out the other two densities of the densest seconds so far."""
        for k, (spot, at) in self._densest.items():
            ground = ground_around(self._plan, self.monitor.density, spot, NEAR_M)
            square = shapely.box(*(spot - SQUARE_M / 2.0), *(spot + SQUARE_M / 2.0)).intersection(ground)
            self.densities[k, 1:] = voronoi_density(at, ground, square), grid_density(at, square)
        self._densest = {}
