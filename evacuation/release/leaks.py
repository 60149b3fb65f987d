"""Which tanks leak, from when, and what they let into the air: by the scenario, by an event, or because the flood lifts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from evacuation.release.cloud import Emission
from evacuation.release.leak import Leak
from evacuation.release.locate.detected import Found
from evacuation.release.sources.given import Given
from evacuation.release.sources.pipe import GasPipe
from evacuation.release.sources.pool import Pool
from evacuation.release.sources.registry import USED_BY, source_of
from evacuation.release.sources.source import PHASES, Content, Way
from evacuation.release.sources.vessel import Vessel
from evacuation.release.substances import Substance, known, substance, table_of
from evacuation.release.weather import Air
from twin import overlay
from twin.city import City
from twin.clock import Clock
from twin.errors import ScenarioError
from twin.grid import Grid
from twin.hazard import Action, Drivers, State

#: What a tank holds where the city does not say: assumed.
DEFAULT_KG, DEFAULT_K = 10_000.0, 293.15

#: What makes a tank leak at a time, and measures at a place that leaks.
EVENT = "leak"
MENDS = ("shut_valve", "patch", "water_curtain")

#: Numbers that a tank of the city may have: what it holds, how warm and under which pressure, and the water that lifts it.
NUMBERS = ("mass_kg", "temperature_k", "pressure_pa", "floats_m")

CAUSES = ("", "scenario", "event", "flood", "detectors")

#: The id of a source that is known from detectors alone.
DETECTED = "detected"


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
            if action.kind == EVENT:
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
            open_share = 0.0 if any(a.kind == "shut_valve" for a in mine) else _left(mine, "patch")
            curtain = 1.0 - _left(mine, "water_curtain")
            found += leak.emit(dt, air, number, self.height_m, open_share, curtain, elapsed - leak.began)
        return found

    def _of(self, place: str) -> Leak:
        return next(leak for leak in self.leaks if leak.id == place)

    @property
    def began(self) -> float:
        """When the first tank began to leak, s since the first run's start; NaN: none has."""
        times = [leak.began for leak in self.leaks if not np.isnan(leak.began)]
        return min(times) if times else np.nan

    def ledger(self) -> dict[str, float]:
        """Return what has left the tanks, what lies in pools and what was washed out, and what is left in tanks (NaN: not known), kg."""
        return {
            "out": sum(leak.out_kg for leak in self.leaks),
            "pools": sum(leak.pool.kg for leak in self.leaks),
            "washed": sum(leak.washed_kg for leak in self.leaks),
            "in_tanks": sum(leak.source.kg for leak in self.leaks),
        }

    def events(self, elapsed: float, warned_s: float, known_s: float | None) -> pd.DataFrame:
        """Return when each leak began, s on the clock, and when it is known: at `known_s`, else `warned_s` after it began."""
        found = self.table(elapsed)[["id", "began_s"]].rename(columns={"began_s": "begins_s"})
        return found.assign(known_s=found["begins_s"] + warned_s if known_s is None else known_s)

    def table(self, elapsed: float) -> pd.DataFrame:
        """Return one row per tank that leaks: since when (s on this clock), why, what became of its content (kg; NaN: not
        known), where (m), and the kind of measure by which all of it is `held` back (empty: none)."""
        name = self.substance.name
        rows = [
            (leak.id, leak.began - elapsed, CAUSES[leak.cause], leak.out_kg, leak.source.kg, leak.pool.kg, leak.washed_kg,
             leak.most_kg_s, name["zh"], name["en"], leak.x, leak.y, self._held(leak))
            for leak in self.leaks
            if not np.isnan(leak.began)
        ]  # fmt: skip
        columns = ["id", "began_s", "cause", "out_kg", "left_kg", "pool_kg", "washed_kg", "most_kg_s", "substance_zh",
                   "substance_en", "x", "y", "held"]  # fmt: skip
        return pd.DataFrame(rows, columns=columns)

    def told(self) -> list[tuple[str, Mapping[str, Any]]]:
        """Return what must be said of the sources that leaked: how they are taken, and where that falls short."""
        leaked = [leak for leak in self.leaks if not np.isnan(leak.began)]
        found: list[tuple[str, Mapping[str, Any]]] = [] if leaked else [("no_leak", {})]
        valves = [a.place for a in self.actions if a.kind == "shut_valve"]
        if holds := [leak.id for leak in leaked if leak.id in valves]:
            found.append(("valve", {"ids": holds}))
        found += [("held", {"tank": leak.id, "measure": held}) for leak in leaked if (held := self._held(leak))]
        axis = max((leak.axis_m for leak in leaked), default=0.0)
        if axis > 0.0:
            found.append(("aloft", {"height": axis}))
        if any(leak.from_ground for leak in leaked):
            found.append(("aloft_heavy", {"height": self.height_m}))
        vessels = [leak.source for leak in leaked if isinstance(leak.source, Vessel)]
        found += [(f"blowdown_{name}", {}) for name in sorted({v.blowdown for v in vessels})]
        if any(isinstance(leak.source, GasPipe) for leak in leaked):
            found.append(("gas_pipe", {}))
        if any(leak.source.phase == "pressurised_liquid" for leak in leaked):
            found.append(("two_phase", {}))
        if any(leak.buoyant for leak in self.leaks):
            found.append(("buoyant", {}))
        return found

    def _held(self, leak: Leak) -> str:
        """Return the kind of measure that holds back all of a leak that has begun; empty where something came out or nothing holds it."""
        mine = [a for a in self.actions if a.place == leak.id]
        kinds = {a.kind for a in mine if a.kind == "shut_valve" or (a.kind == "patch" and a.values["share"] >= 1.0)}
        return max(kinds, default="") if leak.out_kg <= 0.0 else ""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what a state keeps of the tanks."""
        rows = [
            (leak.source.kg, leak.source.full_kg, leak.pool.kg, leak.pool.temperature, leak.hole_m, leak.began, leak.cause, leak.out_kg,
             leak.washed_kg, leak.most_kg_s, leak.sudden, leak.axis_m, leak.from_ground, leak.mass_known)
            for leak in self.leaks
        ]  # fmt: skip
        rings = [(np.full(len(leak.pool.rings[0]), k), *leak.pool.rings) for k, leak in enumerate(self.leaks)]
        return {
            "rings": np.concatenate([np.zeros((3, 0)), *(np.stack(ring) for ring in rings)], axis=1),
            "leaks": np.array(rows, dtype=np.float64).reshape(-1, 14),
            "leak_ids": np.array([k.id for k in self.leaks]),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what an earlier run left of the tanks; raise ScenarioError where one that leaks is not in this run."""
        for k, (name, row) in enumerate(zip(arrays["leak_ids"], arrays["leaks"], strict=True)):
            leak = next((mine for mine in self.leaks if mine.id == str(name)), None)
            if leak is None:
                if np.isnan(row[5]):
                    continue
                raise ScenarioError("release_left", site=str(name))
            leak.source.kg, leak.source.full_kg = row[0], row[1]
            leak.pool.kg, leak.pool.temperature, leak.hole_m, leak.began = row[2], row[3], row[4], row[5]
            leak.cause, leak.out_kg, leak.washed_kg, leak.most_kg_s = int(row[6]), row[7], row[8], row[9]
            leak.sudden, leak.axis_m, leak.from_ground, leak.mass_known = (
                bool(row[10]),
                row[11],
                bool(row[12]),
                bool(row[13]),
            )
            leak.pool.rings = arrays["rings"][1:, arrays["rings"][0] == k]


def began(state: State | None, site: str) -> float:
    """Return when a site began to leak in the run that left `state`, s since the first run's start; NaN where it did not."""
    if state is None:
        return np.nan
    found = state.arrays["leaks"][state.arrays["leak_ids"] == site, 5]
    return float(found[0]) if len(found) else np.nan


def _left(actions: Sequence[Action], kind: str) -> float:
    """Return the share that the measures of a kind leave when each takes its `share` of what the others leave."""
    return float(np.prod([1.0 - a.values["share"] for a in actions if a.kind == kind]))


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
    pressure_pa: float
    way: Way


def prepare(
    asked: Asked, city: City, drivers: Drivers, clock: Clock, actions: Sequence[Action], grid: Grid, goes_on: bool
) -> Leaks:
    """Return the tanks of a run, `goes_on` from another; raise ScenarioError for what cannot be, before a second is simulated."""
    table = city.facilities[(city.facilities["kind"] == "tank").values]
    gas = _substance(asked, city, table, actions)
    made = Leaks(
        gas, [], {}, [], tuple(actions), asked.hole_m, asked.sudden, asked.float_hole_m, asked.height_m, np.zeros(0)
    )
    depth, made.depth_times = _depths(drivers, clock, table, city)
    for k, row in enumerate(table.to_dict("records")):
        mine, floats_m = _named(row.get("substance")), _number(row, "floats_m")
        same = mine is None or table_of(mine, city.substances) == gas.id
        called = row["id"] == asked.site or any(a.place == row["id"] and a.kind == EVENT for a in actions)
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
        made.leaks.append(_place(asked, gas, made.notes, city, grid))
    for leak in made.leaks:
        told_to = leak.id == asked.site or any(a.place == leak.id and a.kind == EVENT for a in actions)
        if told_to and len(city.buildings.sindex.query(shapely.Point(leak.x, leak.y), "within")):
            made.notes.append(("in_building", {"site": leak.id}))
    can = [leak.id for leak in made.leaks]
    for action in actions:
        if action.kind in MENDS and action.place not in can:
            raise ScenarioError("release_measure", kind=action.kind, place=action.place, expected=can)
    if asked.site is not None:
        made.starts[asked.site] = asked.start_s
    elif not goes_on and not any(a.kind == EVENT for a in actions) and not made.floats:
        raise ScenarioError("release_nothing")
    return made


def check_tanks(city: City) -> list[tuple[str, Mapping[str, Any]]]:
    """Return what must be said of a city's tanks before any leaks: those that hold what no table is of.

    Raises ScenarioError for a tank of which a number is none.
    """
    tanks = city.facilities[(city.facilities["kind"] == "tank").values]
    found: list[tuple[str, Mapping[str, Any]]] = []
    for row in tanks.to_dict("records"):
        for name in NUMBERS:
            _number(row, name)
        if (held := _named(row.get("substance"))) is not None and table_of(held, city.substances) is None:
            found.append(("tank_unknown", {"tank": str(row["id"]), "substance": held}))
    return found


def may_float(city: City) -> bool:
    """Return whether a tank of the city, with what it holds, has a depth at which the flood lifts it."""
    tanks = city.facilities[(city.facilities["kind"] == "tank").values]
    return any(
        not np.isnan(_number(row, "floats_m")) and _named(row.get("substance")) is not None
        for row in tanks.to_dict("records")
    )


def steady(found: Found, clock: Clock, height_m: float, floats: bool) -> Leaks:
    """Return the sources that the detectors tell of: gas at the rates found, from their beginning to the end of the run.

    `floats`: whether water in this run might lift a tank, which is not looked at beside a source that is sought, but said.
    """
    gas, lasts, leaks = found.gas, np.array([0.0, clock.duration_s - found.began_s]), []
    for number, (own, (x, y)) in enumerate(zip(found.posterior.sources, found.posterior.places, strict=True)):
        source = Given(gas, lasts, np.array([float(own["rate"].median()), 0.0]), DEFAULT_K)
        name = DETECTED if not number else f"{DETECTED}-{number + 1}"
        cause = CAUSES.index("detectors")
        leaks.append(Leak(name, x, y, source, Pool(gas, 0.0), hole_m=1.0, began=found.began_s, cause=cause))
    notes: list[tuple[str, Mapping[str, Any]]] = [("sought_floats", {})] if floats else []
    return Leaks(gas, leaks, {}, [], (), 0.0, False, 0.0, height_m, np.zeros(0), notes)


def _substance(asked: Asked, city: City, table: pd.DataFrame, actions: Sequence[Action]) -> Substance:
    """Return the run's substance: the one named, else that of the tank that leaks, else that of all tanks that may float."""
    if asked.substance is not None:
        return substance(asked.substance, city.substances)
    places = [asked.site] if asked.site else [a.place for a in actions if a.kind == EVENT]
    rows = table[table["id"].isin(places)] if places else table
    named = {n for n in (_named(v) for v in rows.get("substance", [])) if n is not None}
    if len(named) != 1:
        raise ScenarioError("release_substance", found=sorted(named) or "-", expected=sorted(known(city.substances)))
    return substance(named.pop(), city.substances)


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
    held, temperature = _number(row, "mass_kg"), _number(row, "temperature_k")
    phase, pressure = _named(row.get("phase")), _number(row, "pressure_pa")
    if chosen and not np.isnan(asked.pressure_pa):
        pressure = asked.pressure_pa
    if chosen and asked.mass_kg is not None and asked.mass_kg > held:
        raise ScenarioError("release_too_much", site=row["id"], found=asked.mass_kg, expected=held)
    lacks = [
        n for n, v in (("mass_kg", held), ("temperature_k", temperature), ("pressure_pa", pressure)) if np.isnan(v)
    ]
    way = asked.way if chosen else Way(blowdown=asked.way.blowdown)
    if np.isnan(held) and way.outflow in USED_BY["mass_kg"]:
        held = DEFAULT_KG
    kg = asked.mass_kg if chosen and asked.mass_kg is not None else held
    phase = (
        (asked.phase if chosen else None) or phase or _phase(gas, DEFAULT_K if np.isnan(temperature) else temperature)
    )
    if phase not in PHASES:
        raise ScenarioError("release_phase", site=row["id"], found=phase, expected=list(PHASES))
    temperature = _assumed_k(gas, phase, str(row["id"]), notes) if np.isnan(temperature) else temperature
    if lacks and way.outflow in USED_BY["mass_kg"]:
        notes.append(("tank_assumed", {"tank": row["id"], "what": lacks, "kg": kg, "phase": phase}))
    content = Content(str(row["id"]), gas, phase, kg, temperature, pressure)
    leak = _leak(row["geometry"], content, way, asked.bund_m2, grid)
    leak.mass_known = "mass_kg" not in lacks or (chosen and asked.mass_kg is not None)
    return leak


def _place(asked: Asked, gas: Substance, notes: list[tuple[str, Mapping[str, Any]]], city: City, grid: Grid) -> Leak:
    """Return a release at a place that is no tank of the city, with what is assumed of it noted."""
    phase = asked.phase or _phase(gas, DEFAULT_K)
    where = city.place(str(asked.site))
    kg = np.nan if asked.mass_kg is None else asked.mass_kg
    kelvin = _assumed_k(gas, phase, str(asked.site), notes)
    content = Content(str(asked.site), gas, phase, kg, kelvin, asked.pressure_pa)
    return _leak(where, content, asked.way, asked.bund_m2, grid)


def _leak(where: shapely.Geometry, content: Content, way: Way, bund_m2: float, grid: Grid) -> Leak:
    x, y = float(where.centroid.x), float(where.centroid.y)
    if not bool(grid.cells([x], [y])[2][0]):
        raise ScenarioError("release_outside", site=content.site)
    pool = Pool(content.substance, bund_m2)
    return Leak(content.site, x, y, source_of(content, way), pool, stack=way.stack)


def _phase(gas: Substance, temperature: float) -> str:
    return "pressurised_liquid" if gas.number("boiling_point") < temperature else "liquid"


def _assumed_k(gas: Substance, phase: str, site: str, notes: list[tuple[str, Mapping[str, Any]]]) -> float:
    """Return how warm something is kept that nobody says of, K; a liquid that would boil then is kept cold, which is noted."""
    boiling = gas.number("boiling_point")
    if phase != "liquid" or boiling >= DEFAULT_K:
        return DEFAULT_K
    notes.append(("kept_cold", {"site": site, "kelvin": boiling}))
    return boiling


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


def _number(row: Mapping[str, Any], name: str) -> float:
    """Return a number of a tank's row, NaN where it has none; raise ScenarioError for what is no number above 0."""
    if (value := row.get(name)) is None or pd.isna(value):
        return np.nan
    try:
        number = float(value)
    except ValueError:
        number = np.nan
    if not 0.0 < number < np.inf:
        raise ScenarioError("release_tank", site=row["id"], name=name, found=value)
    return number


def _named(value: Any) -> str | None:
    return None if value is None or pd.isna(value) or not str(value) else str(value)
