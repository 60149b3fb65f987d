"""What water, cloud and closures do to the links: speed, entry, lanes and dose rate at each moment of a decision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from evacuation.movement.roads.mend import levels
from evacuation.movement.roads.network import CAR, FOOT, RESCUE, Network
from twin import overlay
from twin.city import City
from twin.clock import Clock
from twin.drivers import tagged
from twin.exposure.closures import closed_roads
from twin.grid import Grid
from twin.hazard import Action, Drivers

#: By which curve cars slow down in water; see `car_speed`.
CarCurve = Literal["pregnolato", "cautious", "relative"]

#: Depth at which cars stop by each curve, m.
CAR_STOPS_M: dict[CarCurve, float] = {"pregnolato": 0.3, "cautious": 0.15, "relative": 0.3}

#: Depth at which rescue vehicles stop, m: TRID 1412184.
RESCUE_STOPS_M = 0.6

#: Speed on foot in water as a share of that on dry ground, by depth (m): 0.35 m of Li et al. 2026, the rest set between.
WADING = ((0.0, 0.10, 0.35, 0.60, 0.90), (1.0, 0.85, 0.60, 0.48, 0.40))

#: Depth x speed at which walkers stop, m2/s: upper bound of H3, unsafe for children and the elderly (AIDR Guideline 7-3).
WADE_M2_S = 0.6

#: Value of what bars travel from which on nobody goes there; below it, above 0, it is a danger that nobody knows of yet.
BARRED = 2

#: Depth x speed from which on water is fast, m2/s: for cars and walkers the upper bound of H1, generally safe; for rescue vehicles that
#: of H2, unsafe for small vehicles (AIDR Guideline 7-3).
FAST_M2_S = {CAR: 0.3, FOOT: 0.3, RESCUE: 0.6}


def car_speed(
    depth_m: NDArray[np.float64], free: NDArray[np.float64], by: CarCurve = "pregnolato"
) -> NDArray[np.float64]:
    """Return the speed of cars in water, m/s, never above the `free` speed of the road.

    "pregnolato": Pregnolato et al. 2017 (doi:10.1016/j.trd.2017.06.020), 0 from 0.3 m on. "cautious": the lower edge of their band, 0
    from 0.15 m on. "relative": free x (1 - depth / 0.3 m)^2, which slows down on slow roads in shallow water too. The last two are
    known from public code that names them so, not from measurements.
    """
    w = 1000.0 * depth_m
    if by == "relative":
        speed = free * (w / 300.0 - 1.0) ** 2
    elif by == "cautious":
        speed = (0.003864 * w**2 - 1.1592 * w + 86.94) / 3.6
    else:
        speed = (0.0009 * w**2 - 0.5529 * w + 86.9448) / 3.6
    return np.where(depth_m >= CAR_STOPS_M[by], 0.0, np.minimum(free, speed))


def rescue_speed(depth_m: NDArray[np.float64], free: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the speed of rescue vehicles in water, m/s: the curve for high clearance; 0 from 0.6 m on (TRID 1412184)."""
    w = 1000.0 * depth_m
    curve = (0.0002415 * w**2 - 0.2898 * w + 86.94) / 3.6
    return np.where(depth_m >= RESCUE_STOPS_M, 0.0, np.minimum(free, curve))


def foot_speed(
    depth_m: NDArray[np.float64], flow_m2_s: NDArray[np.float64], free: NDArray[np.float64], limit_m: float
) -> NDArray[np.float64]:
    """Return the speed of walkers in water, m/s: slower with depth; 0 from `limit_m` on, or where the water pulls too hard."""
    share = np.interp(depth_m, *WADING)
    return np.where((depth_m >= limit_m) | (flow_m2_s >= WADE_M2_S), 0.0, share * free)


@dataclass(frozen=True)
class Conditions:
    """Links through the run, in spells of equal conditions.

    `begins` (spell,) s on the clock; `speed` m/s, `opened` and `dose_rate` 1/s (spell, link); `fast` (spell, link) is where water is
    fast for those of its layer (FAST_M2_S); `lanes` (spell, link) is the share
    of its own lanes that a link has (contraflow). `unknown` counts roads of which some field says nothing; they count as dry and
    clean, as all do where there is no field at all: `missing`, of "water" and "cloud", and "water_speed" where there is water.
    `barred` (spell, road): 0, or what bars travel there (BARRED); `bars`: in two languages what does.
    """

    begins: NDArray[np.float64]
    speed: NDArray[np.float64]
    opened: NDArray[np.bool_]
    dose_rate: NDArray[np.float64]
    fast: NDArray[np.bool_]
    lanes: NDArray[np.float64]
    unknown: int
    unread: tuple[str, ...]
    missing: tuple[str, ...]
    barred: NDArray[np.float64]
    bars: tuple[dict[str, str], ...]

    def at(self, t: float) -> int:
        """Return the spell that holds at `t` s."""
        return int(np.searchsorted(self.begins, t + 1e-9, side="right")) - 1

    @property
    def fast_known(self) -> bool:
        """Whether it is known where water is fast."""
        return not {"water", "water_speed"} & set(self.missing)

    @cached_property
    def blocked(self) -> NDArray[np.bool_]:
        """Where nobody gets through (spell, link)."""
        return ~self.opened | (self.speed <= 0.0)


def conditions_of(
    city: City,
    network: Network,
    drivers: Drivers,
    clock: Clock,
    actions: tuple[Action, ...],
    *,
    decision_s: float,
    wade_m: float,
    car_curve: CarCurve,
    reversed_lanes: dict[int, bool],
) -> Conditions:
    """Return the conditions of every link at each decision of a run.

    Water is what carries the tag `slows_travel` and is in metres (its largest along the road counts for all of it; not on
    bridges), with `water_speed` where it is there; the cloud what carries `dose_rate`. Where what carries `bars_travel` is at BARRED
    nobody comes onto a road, but who walks at a junction from which every road is barred goes on: that is the way out of it.
    `reversed_lanes` says of roads under `contraflow` whether people leave against the drawn direction.
    """
    moments: NDArray[np.float64] = decision_s * np.arange(round(clock.duration_s / decision_s) + 1, dtype=np.float64)
    along_roads = cache(partial(overlay.along_lines, lines=city.roads.geometry))
    depth, unread = _Along(city, clock, along_roads), []
    for name, field in tagged(drivers, "slows_travel").items():
        if field.attrs.get("units") == "m":
            depth.add(field, bridges=False)
        else:
            unread.append(name)
    pull, dose, bars = (_Along(city, clock, along_roads) for _ in range(3))
    if (pulls := pull_of(drivers)) is not None:
        pull.add(pulls, bridges=False)
    for field in tagged(drivers, "dose_rate").values():
        dose.add(field, bridges=True)
    barring = tagged(drivers, "bars_travel").values()
    for field in barring:
        bars.add(field, bridges=True)
    shut = closed_roads(city, actions, clock.times[0] + pd.to_timedelta(moments, unit="s"))
    keys = np.column_stack(
        [
            *(along.frame_at(moments) for along in (depth, pull, dose, bars)),
            *(np.array([a.active(t) for t in moments]) for a in actions if a.kind in ("close_road", "contraflow")),
        ]
    )
    new = np.flatnonzero(np.r_[True, (keys[1:] != keys[:-1]).any(axis=1)]) if keys.shape[1] else np.array([0])
    begins = moments[new]
    wet, pulled, rate = (np.take(along.at(begins), network.road, axis=1) for along in (depth, pull, dose))
    car = network.layer == CAR
    foot, rescue = network.layer == FOOT, network.layer == RESCUE
    speed = np.empty_like(wet)
    speed[:, car] = car_speed(wet[:, car], network.free[car], car_curve)
    speed[:, foot] = foot_speed(wet[:, foot], pulled[:, foot], network.free[foot], wade_m)
    speed[:, rescue] = rescue_speed(wet[:, rescue], network.free[rescue])
    fast = pulled >= np.array([FAST_M2_S[layer] for layer in network.layer])
    opened = ~np.take(shut[new], network.road, axis=1) & ~network.against
    lanes = np.ones_like(speed)
    for action in actions:
        if action.kind == "contraflow":
            row = int(np.flatnonzero((city.roads["id"] == action.place).values)[0])
            during = np.array([action.active(t) for t in begins])
            mine = (network.road == row) & car
            for link in np.flatnonzero(mine):
                leaves = bool(network.reverse[link]) == reversed_lanes[row]
                lanes[during, link] = 2.0 if leaves and not network.against[mine].any() else 1.0
                opened[during, link] = leaves & ~shut[new][during, row]
    barred = bars.at(begins)
    opened &= ~_kept_off(network, np.take(barred, network.road, axis=1) >= BARRED)
    unknown = np.zeros(len(city.roads), bool)
    for along in (depth, pull, dose, bars):
        unknown |= along.unknown
    missing = tuple(name for name, along in (("water", depth), ("cloud", dose)) if not along.found)
    missing += ("water_speed",) if depth.found and not pull.found else ()
    named = tuple({"zh": str(f.attrs["long_name_zh"]), "en": str(f.attrs["long_name"])} for f in barring)
    return Conditions(
        begins, speed, opened, rate, fast, lanes, int(unknown.sum()), tuple(unread), missing, barred, named
    )


def _kept_off(network: Network, barred: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return onto which links nobody comes, (spell, link), of those that are `barred`: all but the ways on foot of who is amid them."""
    free_at = np.zeros((len(barred), network.layers * network.nodes), bool)
    for end in (network.up, network.down):
        spell, link = np.nonzero(~barred)
        free_at[spell, end[link]] = True
    return np.asarray(barred & ((network.layer != FOOT) | free_at[:, network.up]))


def pull_of(drivers: Drivers) -> xr.DataArray | None:
    """Return depth x speed, m2/s, of the first water in metres; None without `water_speed`, or where its sizes are others."""
    water = next((f for f in tagged(drivers, "slows_travel").values() if f.attrs.get("units") == "m"), None)
    speed = drivers.get("water_speed")
    if water is None or speed is None or water.sizes != speed.sizes:
        return None
    return (water * speed.values).rename("water_pull")


class _Along:
    """The largest value of some fields along each road, at the moments of the fields; nothing where nothing is known.

    `along_roads` gives the cells of a grid that each road crosses.
    """

    def __init__(self, city: City, clock: Clock, along_roads: Callable[[Grid], overlay.Sampler]) -> None:
        self._city, self._clock, self._along_roads = city, clock, along_roads
        self._found: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
        self.unknown = np.zeros(len(city.roads), bool)

    @property
    def found(self) -> bool:
        """Whether there is any field."""
        return bool(self._found)

    def add(self, field: xr.DataArray, bridges: bool) -> None:
        """Add a field on cells of any grid or on road ids; on a bridge it counts only if it reaches `bridges`."""
        if "time" not in field.dims:
            field = field.expand_dims(time=self._clock.times[:1].values)
        times = np.array([self._clock.seconds(t) for t in field["time"].values])
        if {"y", "x"} <= set(field.dims):
            grid = Grid.of_axes(self._city.grid.crs, field["y"].values, field["x"].values, str(field.name))
            sampler = self._along_roads(grid)
            if not bridges:
                sampler = sampler.keep(np.isfinite(self._city.surface_on(grid)["terrain"].values))
            values = sampler.maximum(field.transpose("time", "y", "x").values)
        else:
            axis = next(str(d) for d in field.dims if d != "time")
            known = {str(i): k for k, i in enumerate(field[axis].values)}
            row = np.array([known.get(str(i), -1) for i in self._city.roads["id"]])
            values = field.transpose("time", axis).values[:, np.maximum(row, 0)].astype(float)
            values[:, row < 0] = np.nan
        if not bridges:
            values[:, levels(self._city.roads) > 0] = 0.0
        self.unknown |= np.isnan(values).all(axis=0)
        self._found.append((times, np.nan_to_num(np.maximum(values, 0.0))))

    def frame_at(self, moments: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return which frames hold at each moment, (moment, field)."""
        if not self._found:
            return np.zeros((len(moments), 0), np.int64)
        return np.column_stack([_frame(times, moments) for times, _ in self._found])

    def at(self, moments: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the largest value of all fields at each moment, (moment, road)."""
        out = np.zeros((len(moments), len(self._city.roads)))
        for times, values in self._found:
            out = np.maximum(out, values[_frame(times, moments)])
        return out


def _frame(times: NDArray[np.float64], moments: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the frame that holds at each moment; the first before it begins."""
    return np.maximum(np.searchsorted(times, moments + 1e-9, side="right") - 1, 0)


def foresight(conditions: Conditions) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what one needs to look ahead: m run on each link by the begin of each spell, and when it next closes (spell, link)."""
    spans = np.diff(conditions.begins)[:, None]
    run = np.vstack([np.zeros(conditions.speed.shape[1]), np.cumsum(conditions.speed[:-1] * spans, axis=0)])
    closes = np.full_like(conditions.speed, np.inf)
    nearest = np.full(conditions.speed.shape[1], np.inf)
    for k in range(len(conditions.begins) - 1, -1, -1):
        nearest = np.where(conditions.blocked[k], conditions.begins[k], nearest)
        closes[k] = nearest
    return run, closes
