"""Which gates are open when: as the plan opens them, measures, and water that shuts them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC

import geopandas as gpd
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from evacuation.crowd.venue.plan import Plan
from twin.city import City
from twin.clock import Clock
from twin.grid import Grid
from twin.hazard import Action
from twin.overlay import within_polygons

#: Measures that open a line that stands, and those that shut one that is open.
OPENS, SHUTS = ("open_gate", "remove_cordon", "open_gap"), ("set_separator",)

#: Water is read in the cells whose centre lies within this many cells of a gate: those that it touches on either side.
NEAR_CELLS = 0.75


@dataclass(frozen=True)
class Gates:
    """The state of every gate: `shut`, `way` (0 both ways; else the sign of the side that one comes from), `per_s` (inf: no limit)."""

    shut: NDArray[np.bool_]
    way: NDArray[np.int8]
    per_s: NDArray[np.float64]
    inner: NDArray[np.int8]

    def lets_out(self, k: int) -> bool:
        """Return whether one may leave through gate `k`."""
        return not self.shut[k] and self.way[k] in (0, self.inner[k])

    @property
    def metered(self) -> NDArray[np.bool_]:
        """The gates that let through only so many a second."""
        return np.isfinite(self.per_s) & ~self.shut


class Timetable:
    """The gates of a plan over a run: their own hours (city time) and one way, the measures on them and the water at them.

    Water at a gate is the deepest on its line, or around the facility that it leads to; it shuts the gate from `closes_at_m`
    on and as long as it stands so high. Measures act from their start to their end: OPENS open a line that the plan or its hours
    keep shut (never one under water), SHUTS shut one, `meter_inflow` lets through `persons_per_s`, `one_way` lets people pass only in
    (`inward` 1) or only out (0).
    """

    def __init__(
        self, plan: Plan, city: City | None, clock: Clock, actions: tuple[Action, ...], depth: xr.DataArray | None,
        closes_at_m: float,
    ) -> None:  # fmt: skip
        self.plan, self.closes_at_m = plan, closes_at_m
        self._actions = [a for a in actions if a.place in plan.gate_index]
        self._inner = np.array([gate.inner for gate in plan.gates], dtype=np.int8)
        self._seconds, self._depth = np.zeros(1), np.zeros((1, len(plan.gates)))
        self._state: Gates | None = None
        self._under: tuple[list[Action], NDArray[np.bool_], NDArray[np.bool_]] = (
            [],
            np.zeros(0, bool),
            np.zeros(0, bool),
        )
        zone = city.tz if city is not None else UTC
        local = clock.start.astimezone(zone)
        self._minute_0 = 60.0 * local.hour + local.minute + local.second / 60.0
        self._duration_s = clock.duration_s
        if depth is not None and city is not None:
            self._seconds = np.array([clock.seconds(t) for t in depth["time"].values])
            self._depth = _water(plan, city, depth)

    def depth(self, t: float) -> NDArray[np.float64]:
        """Return the depth of water at each gate at `t`, m: that of the last time known."""
        return np.asarray(self._depth[max(int(np.searchsorted(self._seconds, t, side="right")) - 1, 0)])

    def flooded(self, t: float) -> NDArray[np.bool_]:
        """Return which gates water shuts at `t`."""
        return np.asarray(self.depth(t) >= self.closes_at_m)

    def at(self, t: float) -> Gates:
        """Return the state of the gates at `t` seconds; the same object as long as nothing changes."""
        now, flooded, closed = [a for a in self._actions if a.active(t)], self.flooded(t), self._closed(t)
        before = self._under
        if self._state is None or now != before[0] or (flooded != before[1]).any() or (closed != before[2]).any():
            self._state, self._under = self._under_these(now, flooded, closed), (now, flooded, closed)
        return self._state

    def _closed(self, t: float) -> NDArray[np.bool_]:
        """Return which gates are shut at `t` seconds by the plan and its hours."""
        minute = (self._minute_0 + t / 60.0) % 1440.0
        return np.array([not gate.opens or not _open_at(gate.hours, minute) for gate in self.plan.gates])

    def _under_these(self, now: list[Action], flooded: NDArray[np.bool_], closed: NDArray[np.bool_]) -> Gates:
        """Return the state of the gates under the measures that act, the water that stands and their own hours."""
        shut = closed.copy()
        way = self._drawn_ways()
        per_s = np.array([gate.persons_per_s for gate in self.plan.gates])
        for action in now:
            k = self.plan.gate_index[action.place]
            if action.kind in OPENS:
                shut[k] = False
            elif action.kind in SHUTS:
                shut[k] = True
            elif action.kind == "meter_inflow":
                per_s[k] = min(per_s[k], action.values["persons_per_s"])
            elif action.kind == "one_way":
                way[k] = -self._inner[k] if action.values["inward"] >= 0.5 else self._inner[k]
        return Gates(shut | flooded, way, per_s, self._inner)

    def ever_open(self) -> Gates:
        """Return the gates with each one open that is open without water at some time of the run, and one way only where the plan says
        so and no measure makes it another."""
        opened = {a.place for a in self._actions if a.kind in OPENS}
        minutes = np.append(np.arange(0.0, self._duration_s, 60.0), max(self._duration_s - 1.0, 0.0))
        closed = np.all([self._closed(t) for t in minutes], axis=0)
        shut = np.array([c and gate.id not in opened for c, gate in zip(closed, self.plan.gates, strict=True)])
        free = np.full(len(shut), np.inf)
        turned = {a.place for a in self._actions if a.kind == "one_way"}
        moved = np.array([gate.id in turned for gate in self.plan.gates])
        return Gates(shut, np.where(moved, 0, self._drawn_ways()).astype(np.int8), free, self._inner)

    def _drawn_ways(self) -> NDArray[np.int8]:
        """Return which way each gate is passed as the plan has it."""
        return np.array([gate.one_way for gate in self.plan.gates], dtype=np.int8)


def _open_at(hours: tuple[float, float] | None, minute: float) -> bool:
    """Return whether a gate with these hours is open at a minute of the day."""
    if hours is None:
        return True
    opens, shuts = hours
    return opens <= minute < shuts if opens < shuts else minute >= opens or minute < shuts


def _water(plan: Plan, city: City, depth: xr.DataArray) -> NDArray[np.float64]:
    """Return the deepest water (time, gate) in the cells at each gate's line, or around the facility that it leads to.

    At a gate of another level than 0 without such a facility there is none: the water of the map lies on level 0.
    """
    grid = Grid.of_axes(city.grid.crs, depth["y"].values, depth["x"].values, str(depth.name))
    known = set(city.ids("place"))
    at = [
        city.place(gate.entrance) if gate.entrance in known else plan.levels.on_map(gate.shape) for gate in plan.gates
    ]
    around = gpd.GeoSeries([place.buffer(NEAR_CELLS * grid.cell_m) for place in at], crs=plan.grid.crs)
    outdoors = [gate.entrance in known or plan.levels.number_of(gate.shape) == 0 for gate in plan.gates]
    return np.nan_to_num(within_polygons(grid, around).maximum(depth.values)) * outdoors
