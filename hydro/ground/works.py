"""Timed works on the ground: barriers and breaches change the bed, mobile pumps and metro entrances take water."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
import shapely.ops
from numpy.typing import NDArray

from hydro.kernels.floats import GRAVITY
from twin.city import City
from twin.errors import ScenarioError
from twin.grid import Grid
from twin.hazard import Action

Array = NDArray[np.float64]

#: Flow over a broad crest, m3/s per metre and m^1.5: (2/3)^1.5 sqrt(g), critical depth over the sill.
CREST = (2.0 / 3.0) ** 1.5 * math.sqrt(GRAVITY)

BREACH_STEP_S = 30.0  # a growing breach is cut down this often
LEVEE_FOOT_M = (
    30.0  # a breach cuts this far to both sides of the levee's line, where the ground is above its bottom: assumed
)


@dataclass(frozen=True)
class Sill:
    """Step and width of a metro entrance where the city has no columns `step_m` and `width_m` of facilities: assumed."""

    step_m: float = 0.30
    width_m: float = 4.0


def cells_along(grid: Grid, line: shapely.Geometry) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows and columns of the cells a line crosses, each once."""
    points = shapely.get_coordinates(shapely.segmentize(line, grid.cell_m / 2))
    row, col, inside = grid.cells(points[:, 0], points[:, 1])
    cells = np.unique(np.column_stack([row, col])[inside], axis=0)
    return cells[:, 0], cells[:, 1]


def bed_key(actions: tuple[Action, ...], t: float) -> tuple[object, ...]:
    """Return what shapes the bed at `t` seconds: equal keys mean an equal bed."""
    key: list[object] = []
    for k, action in enumerate(actions):
        if action.kind == "barrier" and action.active(t):
            key.append(k)
        elif action.kind == "breach" and t >= action.start_s:
            key.append((k, _cut(action, t)))
    return tuple(key)


def bed_at(city: City, base: Array, actions: tuple[Action, ...], t: float) -> Array:
    """Return the bed (m) at `t` seconds.

    `barrier` raises the cells along its place by `height_m`. `breach` lowers a levee to `bottom_m` over `width_m` around
    the point at the share `at` of its length and from foot to foot, linearly within `minutes` from its start; it never
    raises ground.
    """
    z = base.copy()
    for action in actions:
        if action.kind == "barrier" and action.active(t):
            rows, cols = cells_along(city.grid, city.place(action.place))
            z[rows, cols] += action.values["height_m"]
        elif action.kind == "breach" and t >= action.start_s:
            line = city.place(action.place)
            middle, half = action.values["at"] * line.length, action.values["width_m"] / 2
            part = shapely.ops.substring(line, max(0.0, middle - half), min(line.length, middle + half))
            xx, yy = np.meshgrid(city.grid.x, city.grid.y)
            inside = shapely.contains_xy(part.buffer(LEVEE_FOOT_M, cap_style="flat"), xx, yy)
            fall = _cut(action, t) * np.maximum(base[inside] - action.values["bottom_m"], 0.0)
            z[inside] = np.minimum(z[inside], base[inside] - fall)
    return z


def _cut(action: Action, t: float) -> float:
    """Return the share of a breach that is cut at `t`; it grows every BREACH_STEP_S."""
    grown = math.floor((t - action.start_s) / BREACH_STEP_S + 1) * BREACH_STEP_S
    return min(1.0, grown / max(60.0 * action.values["minutes"], BREACH_STEP_S))


class Entrances:
    """The metro entrances of a city: water higher than their step runs in over a broad crest.

    Q = CREST width (depth - step)^1.5; `sandbags` at an entrance raise its step by `height_m`. What runs in has left the
    surface (`total_m3`).
    """

    def __init__(self, city: City, land: NDArray[np.bool_]) -> None:
        places = city.facilities[(city.facilities["kind"] == "metro_entrance").values]
        default = Sill()
        self.ids = places["id"].astype(str).tolist()
        self.assumed = bool(len(places)) and not {"step_m", "width_m"} <= set(places.columns)
        count = len(places)
        self._step = places["step_m"].values if "step_m" in places else np.full(count, default.step_m)
        self._width = places["width_m"].values if "width_m" in places else np.full(count, default.width_m)
        centres = places.geometry.centroid
        row, col, inside = city.grid.cells(centres.x.values, centres.y.values)
        self.row, self.col, self._open = nearest_open(land, row, col)
        self._open &= inside
        self._area = city.grid.cell_area_m2
        self.inflow, self.peak = np.zeros(count), np.zeros(count)
        self.first = np.full(count, np.nan)

    @property
    def total_m3(self) -> float:
        """What ran in so far, m3."""
        return float(self.inflow.sum())

    def take(self, t: float, dt: float, h: NDArray[np.floating], actions: tuple[Action, ...]) -> None:
        """Let water run in for `dt` seconds; never more than stands above the step in its cell."""
        raised = np.zeros(len(self.ids))
        for action in actions:
            if action.kind == "sandbags" and action.active(t) and action.place in self.ids:
                raised[self.ids.index(action.place)] += action.values["height_m"]
        for k in np.flatnonzero(self._open):
            cell = self.row[k], self.col[k]
            before = float(h[cell])
            over = before - self._step[k] - raised[k]
            if over <= 0.0:
                continue
            flow = CREST * self._width[k] * over**1.5
            h[cell] = before - min(flow * dt / self._area, over)
            taken = (before - float(h[cell])) * self._area
            self.inflow[k] += taken
            self.peak[k] = max(self.peak[k], taken / dt)
            if np.isnan(self.first[k]):
                self.first[k] = t

    def table(self) -> pd.DataFrame:
        """Return, per entrance, what ran in (m3), the largest flow (m3/s), when it began (s, NaN: never) and its step (m)."""
        columns = {"id": self.ids, "inflow_m3": self.inflow, "peak_m3_s": self.peak, "first_s": self.first}
        return pd.DataFrame({**columns, "step_m": np.asarray(self._step, dtype=float)})


class PointInflows:
    """Water poured in at places: an action `inflow` gives `m3_s` from its start to its end (a burst main, a release)."""

    def __init__(self, city: City, land: NDArray[np.bool_]) -> None:
        self._city, self._land = city, land
        self._seen: tuple[object, ...] = ()
        self._rate: Array = np.zeros(0)
        self.total_m3 = 0.0

    def onto(self, rain: Array, t: float, dt: float, actions: tuple[Action, ...]) -> Array:
        """Return `rain` (m/s per cell) plus what is poured in during `dt` seconds; the same array while nothing changes."""
        active = [a for a in actions if a.kind == "inflow" and a.active(t)]
        if not active:
            return rain
        self.total_m3 += sum(a.values["m3_s"] for a in active) * dt
        key = (id(rain), *active)
        if key != self._seen:
            self._seen, self._rate = key, rain.copy()
            for action in active:
                centre = self._city.place(action.place).centroid
                row, col, inside = self._city.grid.cells([centre.x], [centre.y])
                row, col, found = nearest_open(self._land, row, col)
                if not (inside[0] and found[0]):
                    raise ScenarioError("inflow_walled", found=action.place)
                self._rate[row[0], col[0]] += action.values["m3_s"] / self._city.grid.cell_area_m2
        return self._rate


def nearest_open(
    open_ground: NDArray[np.bool_], row: NDArray[np.int64], col: NDArray[np.int64], reach: int = 2
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Move each cell to the nearest open one within `reach` cells (what stands under a wall opens beside it)."""
    ny, nx = open_ground.shape
    steps = sorted(
        ((di, dj) for di in range(-reach, reach + 1) for dj in range(-reach, reach + 1)),
        key=lambda d: (d[0] ** 2 + d[1] ** 2, d),
    )
    best_row, best_col, found = row.copy(), col.copy(), np.zeros(len(row), bool)
    for di, dj in steps:
        i, j = np.clip(row + di, 0, ny - 1), np.clip(col + dj, 0, nx - 1)
        fresh = ~found & open_ground[i, j]
        best_row[fresh], best_col[fresh] = i[fresh], j[fresh]
        found |= fresh
    return best_row, best_col, found
