"""Which tanks leak, from when, and what they let into the air: by the scenario, by an event, or because the flood lifts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from evacuation.release.cloud import Emission
from evacuation.release.dilution import Dilution, cold, even
from evacuation.release.locate.detected import Found
from evacuation.release.slab.sources import Fluid
from evacuation.release.sources.pool import Pool
from evacuation.release.sources.steady import Steady
from evacuation.release.sources.tank import PHASES, Tank, cloud_density
from evacuation.release.substances import ATMOSPHERE_PA, Substance, known, substance
from evacuation.release.weather import Air
from twin import overlay
from twin.city import City
from twin.clock import Clock
from twin.errors import ScenarioError
from twin.grid import Grid
from twin.hazard import Action, Drivers

#: What a tank holds where the city does not say: assumed.
DEFAULT_KG, DEFAULT_K = 10_000.0, 293.15
#: Least half width of a source, m.
LEAST_HALF_WIDTH_M = 0.5

#: Shares of droplets are told apart to this many digits: cold gases that differ less thin alike.
SHARE_DIGITS = 2

CAUSES = ("", "scenario", "event", "flood", "detectors")

#: The id of a source that is known from detectors alone.
DETECTED = "detected"


@dataclass
class Leak:
    """A tank that may leak: where, what is in it and in its pool, and since when (s since the first run's start; NaN: not yet)."""

    id: str
    x: float
    y: float
    tank: Tank | Steady
    pool: Pool
    hole_m: float = 0.0
    sudden: bool = False
    began: float = np.nan
    cause: int = 0
    out_kg: float = 0.0
    washed_kg: float = 0.0
    most_kg_s: float = 0.0
    buoyant: bool = False

    def open(self, now: float, hole_m: float, cause: int, sudden: bool = False) -> None:
        """Make a hole (diameter, m), or let all go at once."""
        self.hole_m, self.sudden = hole_m, sudden
        if np.isnan(self.began):
            self.began, self.cause = now, cause

    def emit(self, dt: float, air: Air, number: int, height_m: float, shut: bool, curtain: float) -> list[Emission]:
        """Return what goes into the air in `dt` s; the rest runs into the pool, and `curtain` (share) is washed out."""
        share, flash = self.tank.airborne_share(), self.tank.flash_share()
        at_once = self.tank.kg if self.sudden and not shut else 0.0
        out = at_once if at_once else self.tank.outflow(self.hole_m, dt) if self.hole_m > 0 and not shut else 0.0
        if at_once:
            self.tank.kg, self.sudden = 0.0, False
        self.out_kg += out
        self.pool.kg += out * (1.0 - share)
        jet, vapour = out * share, self.pool.evaporate(dt, air.wind, air.temperature)
        self.washed_kg += curtain * (jet + vapour)
        jet, vapour = jet * (1.0 - curtain), vapour * (1.0 - curtain)
        self.most_kg_s = max(self.most_kg_s, (jet + vapour) / dt)
        dense = cloud_density(self.tank.substance, self.tank.temperature, flash, share)
        self.buoyant |= jet > 0.0 and dense < air.density
        drops = max(1.0 - flash / share, 0.0) if flash > 0.0 else 0.0
        if at_once:
            found = [self._puff(number, jet, dense, drops, air)] if jet > 0 else []
            over_pool = [self._line(number, vapour / dt, self._gas(air), 0.0, air, height_m)] if vapour > 0 else []
            return found + over_pool
        if jet + vapour <= 0.0:
            return []
        mixed = 1.0 / ((jet / dense + vapour / self._gas(air)) / (jet + vapour))
        drops *= jet / (jet + vapour)
        return [self._line(number, (jet + vapour) / dt, mixed, drops, air, height_m, pool=vapour > jet)]

    def _gas(self, air: Air) -> float:
        """Return the density of the vapour over the pool, kg m-3: not warmer than the air, not warmer than boiling."""
        s = self.tank.substance
        return s.gas_density(min(air.temperature, s.number("boiling_point")) if self._boils(air) else air.temperature)

    def _boils(self, air: Air) -> bool:
        return air.temperature > self.tank.substance.number("boiling_point")

    def _thins(self, dense: float, drops: float, air: Air) -> Dilution:
        """Return how gas thins that leaves with a density (kg m-3) and a share of droplets.

        What flashes or boils is as cold as its boiling point; other gas is taken to be as warm as the air.
        """
        if self.tank.flash_share() <= 0.0 and (self.tank.phase == "gas" or not self._boils(air)):
            return even(heavy(dense, air))
        fluid, share = Fluid.of(self.tank.substance), round(drops, SHARE_DIGITS)
        matter, at_source = fluid.matter(fluid.boiling, share), fluid.density(fluid.boiling, share)
        return cold(matter, at_source, round(air.temperature, 1), ATMOSPHERE_PA)

    def _line(
        self, number: int, kg_s: float, dense: float, drops: float, air: Air, height_m: float, pool: bool = False
    ) -> Emission:
        wide = kg_s / (dense * max(air.wind, 1.0) * 4.0 * height_m)
        wide = max(wide, LEAST_HALF_WIDTH_M, np.sqrt(self.pool.area / np.pi) if pool else 0.0)
        dilution = self._thins(dense, drops, air)
        return Emission(number, self.x, self.y, kg_s, 0.0, dilution, dense, wide, height_m)

    def _puff(self, number: int, kg: float, dense: float, drops: float, air: Air) -> Emission:
        radius = (kg / dense / np.pi) ** (1.0 / 3.0)  # as high as its radius
        dilution = self._thins(dense, drops, air)
        return Emission(number, self.x, self.y, 0.0, kg, dilution, dense, radius * np.sqrt(3.0) / 2.0, radius / 2.0)


def heavy(dense: float, air: Air) -> float:
    """Return the excess density that a kilogram brings; 0 for a gas lighter than air (kept at the ground: on the safe side)."""
    return max(1.0 - air.density / dense, 0.0)


@dataclass
class Leaks:
    """All tanks of a run's substance and what befalls them; `notes` say what was assumed and left out."""

    substance: Substance
    leaks: list[Leak]
    starts: dict[str, float]
    floats: list[tuple[Leak | None, float, NDArray[np.float64], str, str]]
    actions: tuple[Action, ...]
    hole_m: float
    sudden: bool
    float_hole_m: float
    height_m: float
    depth_times: NDArray[np.float64]
    notes: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def step(self, t: float, elapsed: float, dt: float, air: Air) -> list[Emission]:
        """Let what befalls the tanks at `t` (s on the clock, `elapsed` since the first run's start) happen; return emissions."""
        for leak in self.leaks:
            if leak.id in self.starts and np.isnan(leak.began) and elapsed >= self.starts[leak.id] - 1e-6:
                leak.open(elapsed, self.hole_m, 1, self.sudden)
        for action in self.actions:
            if action.kind == "leak":
                leak = self._of(action.place)
                if action.active(t):
                    leak.open(elapsed, action.values["hole_mm"] / 1000.0, 2)
                elif action.end_s is not None and t >= action.end_s and leak.cause == 2:
                    leak.hole_m = 0.0
        k = int(np.searchsorted(self.depth_times, t + 1e-6, side="right")) - 1
        for n, (leak_or_none, floats_m, depth, tank_id, held) in enumerate(self.floats):
            if k >= 0 and depth[k] >= floats_m:
                if leak_or_none is None:
                    self.notes.append(
                        ("other_substance", {"tank": tank_id, "substance": held, "minutes": elapsed / 60.0})
                    )
                    self.floats[n] = (None, np.inf, depth, tank_id, held)
                elif np.isnan(leak_or_none.began):
                    leak_or_none.open(elapsed, self.float_hole_m, 3)
        found = []
        for number, leak in enumerate(self.leaks):
            if np.isnan(leak.began) or elapsed < leak.began - 1e-6:
                continue
            mine = [a for a in self.actions if a.place == leak.id and a.active(t)]
            shut = any(a.kind == "shut_valve" for a in mine)
            curtain = 1.0 - float(np.prod([1.0 - a.values["share"] for a in mine if a.kind == "water_curtain"]))
            found += leak.emit(dt, air, number, self.height_m, shut, curtain)
        return found

    def _of(self, place: str) -> Leak:
        return next(leak for leak in self.leaks if leak.id == place)

    @property
    def began(self) -> float:
        """When the first tank began to leak, s since the first run's start; NaN: none has."""
        times = [leak.began for leak in self.leaks if not np.isnan(leak.began)]
        return min(times) if times else np.nan

    def ledger(self) -> dict[str, float]:
        """Return what has left the tanks, what lies in pools and what was washed out, kg."""
        return {
            "out": sum(leak.out_kg for leak in self.leaks),
            "pools": sum(leak.pool.kg for leak in self.leaks),
            "washed": sum(leak.washed_kg for leak in self.leaks),
            "in_tanks": sum(leak.tank.kg for leak in self.leaks),
        }

    def table(self, elapsed: float) -> pd.DataFrame:
        """Return one row per tank that leaks: since when (s on this clock), why, and what became of its content (kg)."""
        rows = [
            (leak.id, leak.began - elapsed, CAUSES[leak.cause], leak.out_kg, leak.tank.kg, leak.pool.kg, leak.washed_kg,
             leak.most_kg_s)
            for leak in self.leaks
            if not np.isnan(leak.began)
        ]  # fmt: skip
        columns = ["id", "began_s", "cause", "out_kg", "left_kg", "pool_kg", "washed_kg", "most_kg_s"]
        return pd.DataFrame(rows, columns=columns)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what a state keeps of the tanks."""
        rows = [
            (leak.tank.kg, leak.tank.full_kg, leak.pool.kg, leak.pool.age, leak.hole_m, leak.began, leak.cause, leak.out_kg,
             leak.washed_kg, leak.most_kg_s, leak.sudden)
            for leak in self.leaks
        ]  # fmt: skip
        return {
            "leaks": np.array(rows, dtype=np.float64).reshape(-1, 11),
            "leak_ids": np.array([k.id for k in self.leaks]),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what an earlier run left of the tanks; raise ScenarioError where one that leaks is not in this run."""
        for name, row in zip(arrays["leak_ids"], arrays["leaks"], strict=True):
            leak = next((k for k in self.leaks if k.id == str(name)), None)
            if leak is None:
                if np.isnan(row[5]):
                    continue
                raise ScenarioError("release_left", site=str(name))
            if isinstance(leak.tank, Tank):
                leak.tank = replace(leak.tank, kg=row[0], full_kg=row[1])
            leak.pool.kg, leak.pool.age, leak.hole_m, leak.began = row[2], row[3], row[4], row[5]
            leak.cause, leak.out_kg, leak.washed_kg, leak.most_kg_s = int(row[6]), row[7], row[8], row[9]
            leak.sudden = bool(row[10])


@dataclass(frozen=True)
class Asked:
    """What a scenario says of the release; see `release.Release`."""

    substance: str | None
    site: str | None
    mass_kg: float | None
    hole_m: float
    sudden: bool
    start_s: float
    phase: str | None
    float_hole_m: float
    height_m: float
    bund_m2: float


def prepare(
    asked: Asked, city: City, drivers: Drivers, clock: Clock, actions: Sequence[Action], grid: Grid, goes_on: bool
) -> Leaks:
    """Return the tanks of a run, `goes_on` from another; raise ScenarioError for what cannot be, before a second is simulated."""
    table = city.facilities[(city.facilities["kind"] == "tank").values]
    gas = _substance(asked, table, actions)
    made = Leaks(
        gas, [], {}, [], tuple(actions), asked.hole_m, asked.sudden, asked.float_hole_m, asked.height_m, np.zeros(0)
    )
    depth, made.depth_times = _depths(drivers, clock, table, city)
    for k, row in enumerate(table.to_dict("records")):
        mine, floats_m = _named(row.get("substance")), _number(row.get("floats_m"))
        same = mine is None or (mine in known() and substance(mine).id == gas.id)
        called = row["id"] == asked.site or any(a.place == row["id"] and a.kind == "leak" for a in actions)
        if called and not same:
            raise ScenarioError("release_other", site=row["id"], found=gas.id, expected=mine)
        leak = None
        if called or (same and mine is not None):
            leak = _tank(row, asked, gas, made.notes if called else [], city, grid)
            made.leaks.append(leak)
        if depth is not None and not np.isnan(floats_m):
            if np.isnan(depth[:, k]).all():
                made.notes.append(("depth_unknown", {"tank": row["id"]}))
            if leak is not None or mine is not None:
                made.floats.append((leak, floats_m, np.nan_to_num(depth[:, k], nan=-1.0), str(row["id"]), str(mine)))
    if asked.site is not None and not any(leak.id == asked.site for leak in made.leaks):
        made.leaks.append(_place(asked, gas, city, grid))
    if asked.site is not None:
        made.starts[asked.site] = asked.start_s
    elif not goes_on and not any(a.kind == "leak" for a in actions) and not made.floats:
        raise ScenarioError("release_nothing")
    return made


def steady(found: Found, gas: Substance, clock: Clock, actions: Sequence[Action], height_m: float) -> Leaks:
    """Return a source that the detectors tell of: gas at the rate found, from its beginning to the end of the run."""
    x, y = found.posterior.place
    rate = found.posterior.rate()
    tank = Steady(gas, rate, rate * (clock.duration_s - found.began_s), DEFAULT_K)
    leak = Leak(DETECTED, x, y, tank, Pool(gas, 0.0), hole_m=1.0, began=found.began_s, cause=CAUSES.index("detectors"))
    return Leaks(gas, [leak], {}, [], tuple(actions), 0.0, False, 0.0, height_m, np.zeros(0))


def _substance(asked: Asked, table: pd.DataFrame, actions: Sequence[Action]) -> Substance:
    """Return the run's substance: the one named, else that of the tank that leaks, else that of all tanks that may float."""
    if asked.substance is not None:
        return substance(asked.substance)
    places = [asked.site] if asked.site else [a.place for a in actions if a.kind == "leak"]
    rows = table[table["id"].isin(places)] if places else table
    named = {n for n in (_named(v) for v in rows.get("substance", [])) if n is not None}
    if len(named) != 1:
        raise ScenarioError("release_substance", found=sorted(named) or "-", expected=sorted(known()))
    return substance(named.pop())


def _tank(
    row: Mapping[str, Any],
    asked: Asked,
    gas: Substance,
    notes: list[tuple[str, Mapping[str, Any]]],
    city: City,
    grid: Grid,
) -> Leak:
    """Return the tank of a row of the city, with what it does not say assumed and noted."""
    chosen = row["id"] == asked.site
    held, temperature = _number(row.get("mass_kg")), _number(row.get("temperature_k"))
    phase, pressure = _named(row.get("phase")), _number(row.get("pressure_pa"))
    if chosen and asked.mass_kg is not None and asked.mass_kg > held:
        raise ScenarioError("release_too_much", site=row["id"], found=asked.mass_kg, expected=held)
    lacks = [
        n for n, v in (("mass_kg", held), ("temperature_k", temperature), ("pressure_pa", pressure)) if np.isnan(v)
    ]
    kg = asked.mass_kg if chosen and asked.mass_kg is not None else DEFAULT_KG if np.isnan(held) else held
    temperature = DEFAULT_K if np.isnan(temperature) else temperature
    phase = (asked.phase if chosen else None) or phase or _phase(gas, temperature)
    if phase not in PHASES:
        raise ScenarioError("release_phase", site=row["id"], found=phase, expected=list(PHASES))
    if lacks:
        notes.append(("tank_assumed", {"tank": row["id"], "what": lacks, "kg": kg, "phase": phase}))
    return _leak(str(row["id"]), row["geometry"], gas, phase, kg, temperature, pressure, asked, grid)


def _place(asked: Asked, gas: Substance, city: City, grid: Grid) -> Leak:
    """Return a release at a place that is no tank of the city."""
    if asked.mass_kg is None:
        raise ScenarioError("release_mass", site=asked.site)
    phase = asked.phase or _phase(gas, DEFAULT_K)
    where = city.place(str(asked.site))
    return _leak(str(asked.site), where, gas, phase, asked.mass_kg, DEFAULT_K, np.nan, asked, grid)


def _leak(
    name: str, where: shapely.Geometry, gas: Substance, phase: str, kg: float, temperature: float, pressure: float,
    asked: Asked, grid: Grid,
) -> Leak:  # fmt: skip
    x, y = float(where.centroid.x), float(where.centroid.y)
    if not bool(grid.cells([x], [y])[2][0]):
        raise ScenarioError("release_outside", site=name)
    if phase == "pressurised_liquid":  # a saturated liquid unless the tank's own pressure is higher
        boils = gas.vapour_pressure(temperature)
        pressure = boils if np.isnan(pressure) else max(pressure, boils)
    elif np.isnan(pressure):
        if phase == "gas":
            raise ScenarioError("release_pressure", site=name)
        pressure = 101325.0
    return Leak(name, x, y, Tank(gas, phase, kg, temperature, pressure), Pool(gas, asked.bund_m2))


def _phase(gas: Substance, temperature: float) -> str:
    return "pressurised_liquid" if gas.number("boiling_point") < temperature else "liquid"


def _depths(
    drivers: Drivers, clock: Clock, table: pd.DataFrame, city: City
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64]]:
    """Return the water depth at the tanks (time, tank), the deepest cell beside each, and its times (s); None without a flood."""
    if "water_depth" not in drivers or not len(table):
        return None, np.zeros(0)
    field = drivers["water_depth"]
    grid = Grid.of_axes(city.grid.crs, field["y"].values, field["x"].values, "water_depth")
    depth = overlay.around_points(grid, table.geometry.centroid).maximum(field.values)
    return depth, np.array([clock.seconds(t) for t in field["time"].values])


def _number(value: Any) -> float:
    return np.nan if value is None or pd.isna(value) else float(value)


def _named(value: Any) -> str | None:
    return None if value is None or pd.isna(value) or not str(value) else str(value)
