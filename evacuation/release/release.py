"""The release hazard: a tank leaks, a cloud drifts over the city, people outdoors and indoors collect a dose; stay or leave."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pandas as pd
import xarray as xr
from annotated_types import Ge, Gt, Le

from evacuation.release import advice, leaks, members
from evacuation.release.cloud import Cloud, Emission
from evacuation.release.history import History, frame_length
from evacuation.release.kernels import loads
from evacuation.release.locate.detected import Found, check_sensors, detected
from evacuation.release.sources.registry import check_used
from evacuation.release.sources.source import Way
from evacuation.release.streets.street_form import NoStreets, StreetForm, Streets
from evacuation.release.substances import Substance, substance
from evacuation.release.toxicity import WINDOWS_S, Limits, limits_of
from evacuation.release.variables import GIVES, LIKELY, REACHED, STREET_DOSE_RATE
from evacuation.release.ways import Water, Ways, water_on, ways_of
from evacuation.release.weather import Weather
from twin.city import City
from twin.clock import Clock
from twin.drivers import tagged
from twin.errors import ScenarioError
from twin.frames import new_frames
from twin.grid import Grid
from twin.hazard import Action, Balance, Drivers, Outcome, Progress, State
from twin.jit import start_threads
from twin.streams import stream
from twin.variables import Unit, Variable, conform

#: The ledger must close to this share of what came in, float64.
TOLERANCE = 1e-9

Phase = Literal["pressurised_liquid", "liquid", "gas"]


@dataclass(frozen=True)
class Release:
    """A substance that leaks from a tank or a place into the wind; first form.

    The release begins `start_min` after the start of the first run at `site` (a tank of the city, or any place), by an event `leak`,
    or when the flood lifts a tank. With `site: detected` place, rate and beginning are sought from what the city's gas detectors
    read, and each wind member has a source of its own from the samples. Valid for gases at and heavier than air over a town that is
    rough but has no walls: courtyards and tall buildings are not resolved, single streets only by `streets` (boxes of air between
    facades, driven by the cloud in the mean wind). The concentration is an ensemble mean over about ten minutes.
    """

    needs: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("eastward_wind", "eastward_wind_grid"),
        ("northward_wind", "northward_wind_grid"),
    )
    reads: ClassVar[tuple[str, ...]] = ("air_temperature", "cloud_cover", "water_depth", "detector_reading")
    gives: ClassVar[tuple[Variable, ...]] = GIVES

    substance: str | None = None
    site: str | None = None
    mass_kg: Annotated[float, Gt(0.0), Le(1e8), Unit("kg")] | None = None
    hole_mm: Annotated[float, Ge(1.0), Le(1000.0), Unit("mm", "25 mm: a torn branch pipe, assumed")] = 25.0
    outflow: Literal["hole", "sudden", "rates", "gas_pipe", "liquid_pipe"] = "hole"
    blowdown: Literal["isothermal", "isentropic"] = "isothermal"
    rates_kg_s: tuple[tuple[float, float], ...] = ()
    pipe_length_m: Annotated[float, Gt(0.0), Le(1e6), Unit("m")] | None = None
    pipe_mm: Annotated[float, Ge(10.0), Le(2000.0), Unit("mm")] | None = None
    phase: Phase | None = None
    pressure_bar: Annotated[float, Gt(0.0), Le(1000.0), Unit("bar", "absolute")] | None = None
    start_min: Annotated[float, Ge(0.0), Le(14400.0), Unit("min")] = 0.0
    float_hole_mm: Annotated[float, Ge(1.0), Le(1000.0), Unit("mm", "50 mm: the liquid line torn off, assumed")] = 50.0
    height_m: Annotated[float, Ge(0.1), Le(50.0), Unit("m", "assumed")] = 1.0
    bund_m2: Annotated[float, Ge(0.0), Le(1e6), Unit("m2", "0: no bund")] = 0.0
    cell_m: Annotated[float, Ge(5.0), Le(100.0), Unit("m")] = 20.0
    step_s: Annotated[float, Ge(5.0), Le(60.0), Unit("s")] = 20.0
    puffs_per_step: Annotated[int, Ge(1), Le(60), Unit("1")] = 8
    air_changes_open: Annotated[float, Gt(0.0), Le(30.0), Unit("h-1", "leaky home, windows ajar: assumed")] = 1.5
    air_changes_shut: Annotated[float, Gt(0.0), Le(30.0), Unit("h-1", "leaky home, windows shut: assumed")] = 0.5
    warned_min: Annotated[float, Ge(0.0), Le(240.0), Unit("min", "from leak to warning: assumed")] = 10.0
    walk_m_s: Annotated[float, Gt(0.0), Le(3.0), Unit("m s-1", "a family on foot: assumed")] = 1.2
    family: str | None = None
    pasquill: Literal["A", "B", "C", "D", "E", "F"] | None = None
    wind_members: Annotated[int, Ge(0), Le(64), Unit("1")] = 32
    direction_sd_deg: Annotated[float, Ge(0.0), Le(90.0), Unit("deg", "of a mean wind in town: assumed")] = 15.0
    speed_sd: Annotated[float, Ge(0.0), Le(1.0), Unit("1", "of the logarithm of speed: assumed")] = 0.25
    streets: bool = False

    def __post_init__(self) -> None:
        if self.streets:
            object.__setattr__(self, "gives", (*type(self).gives, STREET_DOSE_RATE))

    def simulate(
        self,
        city: City,
        drivers: Drivers,
        clock: Clock,
        actions: tuple[Action, ...] = (),
        rng: np.random.Generator | None = None,
        state: State | None = None,
        progress: Progress | None = None,
    ) -> Outcome:
        """Simulate one member; see `twin.hazard.Hazard`. Raises ScenarioError for a release that cannot be, before it begins."""
        start_threads()
        grid, frame_s = city.grid.at_cell_size(self.cell_m), frame_length(clock.step_s, self.step_s)
        if abs(clock.step_s / self.step_s - round(clock.step_s / self.step_s)) > 1e-9:
            raise ScenarioError("release_step", step=self.step_s, output=clock.step_s)
        weather = Weather(city, drivers, clock, self.pasquill)
        found = self._found(city, drivers, clock, weather, rng, state)
        tanks = (
            leaks.prepare(self._asked(state), city, drivers, clock, actions, grid, state is not None)
            if found is None
            else leaks.steady(found, substance(str(self.substance)), clock, actions, self.height_m)
        )
        gas, limits = tanks.substance, limits_of(tanks.substance)
        if self.family is not None and self.family not in gas.families():
            raise ScenarioError("substance_family", found=self.family, name=gas.id, expected=sorted(gas.families()))
        settings = self._settings(gas, frame_s)
        arrays = state.check("release", grid.hash, settings).arrays if state is not None else None
        ways = ways_of(city, self.walk_m_s, frame_s)
        elapsed = state.numbers["elapsed_s"] if state else 0.0
        water = water_on(ways, drivers.get("water_depth"), city.grid.crs, clock, elapsed, arrays) if ways else None
        numbers = state.numbers if state else {}
        streets = (
            StreetForm(city, grid, limits.curves[2], clock.steps, TOLERANCE, arrays) if self.streets else NoStreets()
        )
        run = _Run(
            self, grid, clock, weather, tanks, limits, frame_s, rng, arrays, numbers, ways, water, found, streets
        )
        run.advance(progress)
        return run.outcome(city, settings)

    def check(self, city: City, drivers: Drivers, clock: Clock, actions: tuple[Action, ...] = ()) -> None:
        """Raise the TwinError of a site that is not there, or that cannot leak as it is told to; see `twin.hazard.Checked`."""
        if self.streets and not len(city.roads):
            raise ScenarioError("release_streets", city=city.id)
        if self.site is None:
            return
        if self.site == leaks.DETECTED:
            substance(self.substance or "")
            if not tagged(drivers, "detector_reading"):
                raise ScenarioError("release_no_readings")
            check_sensors(city, drivers)
            return
        city.place(self.site)
        if self.substance is not None:
            grid = city.grid.at_cell_size(self.cell_m)
            leaks.prepare(self._asked(None), city, {}, clock, actions, grid, goes_on=True)

    def _found(
        self, city: City, drivers: Drivers, clock: Clock, weather: Weather, rng: np.random.Generator | None, state: State | None
    ) -> Found | None:  # fmt: skip
        """Return the source that the detectors tell of; None where the scenario says what leaks."""
        if self.site != leaks.DETECTED:
            return None
        if state is not None:
            raise ScenarioError("release_detected_on")
        return detected(city, drivers, clock, weather, substance(self.substance or ""), rng or stream(0, "release"))

    @property
    def _way(self) -> Way:
        return Way(**{f.name: getattr(self, f.name) for f in fields(Way)})

    def _asked(self, state: State | None) -> leaks.Asked:
        check_used(self.outflow, vars(self))
        left = str(state.settings.get("substance", "")) if state is not None else ""
        return leaks.Asked(
            substance=self.substance or left or None,
            site=self.site,
            mass_kg=self.mass_kg,
            hole_m=self.hole_mm / 1000.0,
            sudden=self.outflow == "sudden",
            start_s=self.start_min * 60.0,
            phase=self.phase,
            float_hole_m=self.float_hole_mm / 1000.0,
            height_m=self.height_m,
            bund_m2=self.bund_m2,
            pressure_pa=np.nan if self.pressure_bar is None else 1e5 * self.pressure_bar,
            way=self._way,
        )

    def result_bytes(self, city: City, clock: Clock) -> int:
        """Return the bytes of what is kept at every output time: 3 numbers of 4 a cell, with the street form 2 a road."""
        grid = city.grid.at_cell_size(self.cell_m)
        return (12 * grid.ny * grid.nx + 8 * self.streets * len(city.roads)) * (clock.steps + 1)

    def _settings(self, gas: Substance, frame_s: float) -> dict[str, str | float]:
        """Return what must be the same in a run that goes on from another."""
        names = (
            "cell_m",
            "step_s",
            "puffs_per_step",
            "wind_members",
            "direction_sd_deg",
            "speed_sd",
            "height_m",
            "streets",
        )
        return {
            "substance": gas.id,
            "frame_s": frame_s,
            **self._way.kept,
            **{name: float(getattr(self, name)) for name in names},
        }


class _Run:
    """One run on its way: the order of events, step by step."""

    def __init__(
        self, model: Release, grid: Grid, clock: Clock, weather: Weather, tanks: leaks.Leaks, limits: Limits, frame_s: float,
        rng: np.random.Generator | None, arrays: Any, numbers: Any, ways: Ways | None, water: Water | None,
        found: Found | None, streets: Streets,
    ) -> None:  # fmt: skip
        self.model, self.grid, self.clock, self.weather = model, grid, clock, weather
        self.tanks, self.limits, self.ways, self.water, self.streets = tanks, limits, ways, water, streets
        self.elapsed, self.number = float(numbers.get("elapsed_s", 0.0)), int(numbers.get("number", 0))
        self.lost_before = self.lost = float(numbers.get("lost_kg", 0.0))
        self.taken_before = self.taken = float(numbers.get("taken_kg", 0.0))
        self.flammable = tanks.substance.flammable_kg_m3 or 0.0
        if arrays is not None:
            tanks.restore(arrays)
        self.found = found
        turns = members.draw(model.wind_members, model.direction_sd_deg, model.speed_sd, rng)
        shifts, strengths = found.draws(model.wind_members, rng or stream(0, "release")) if found else (None, None)
        self.cloud = Cloud(*turns, arrays, shifts, strengths, tanks.substance.uptake)
        self.before = tanks.ledger() | {"air": self.cloud.airborne_kg}
        frames = round(clock.duration_s / frame_s)
        self.history = History(grid.shape, limits, self.flammable, frame_s, frames, arrays)
        self.shares = members.Shares(model.wind_members, grid.shape, limits, self.flammable, arrays)
        self.all = np.zeros((self.cloud.members, *grid.shape))
        kept = arrays if arrays is not None else {}
        zeros = np.zeros(grid.shape)
        self.c = np.array(kept.get("c", zeros))
        self.highest, self.dose = np.array(kept.get("highest", zeros)), np.array(kept.get("dose", zeros))
        self.frames, self.rates, self.severity = (new_frames(clock.steps + 1, grid.shape) for _ in range(3))
        self.frames[0], self.severity[0] = self.c, self.history.severity
        self.masses = [self._mass()]

    def advance(self, progress: Progress | None) -> None:
        """Go through the clock: tanks, air, cloud, doses, members; keep a frame at every output time."""
        model, dt, curve = self.model, self.model.step_s, self.limits.curves[2]
        steps = round(self.clock.step_s / dt)
        rate = np.zeros(self.grid.shape)
        for k in range(self.clock.steps * steps):
            t = k * dt
            air = self.weather.at(t)
            emissions: list[Emission] = self.tanks.step(t, self.elapsed + t, dt, air)
            self.taken += self.cloud.step(emissions, dt, model.puffs_per_step, self.number, air, t)
            self.number += model.puffs_per_step
            self.lost += self.cloud.lose(self.grid)
            self.cloud.onto(self.grid, air, self.all)
            self.c[:] = self.all[0]
            self.streets.step(self.cloud, air, emissions, dt, self.c)
            np.maximum(self.highest, self.c, out=self.highest)
            loads.add_load(rate[None], self.all[:1], dt, curve.log_t, curve.log_c, curve.n_short, curve.n_long)
            self.history.add(self.c, dt)
            self.shares.add(self.all[1:], dt)
            if (k + 1) % steps == 0:
                self.streets.frame(self.clock.step_s)
                self.dose += rate
                at = (k + 1) // steps
                self.rates[at - 1] = rate / self.clock.step_s
                rate[:] = 0.0
                self.frames[at], self.severity[at] = self.c, self.history.severity
                self.masses.append(self._mass())
                if progress is not None:
                    progress((k + 1) / (self.clock.steps * steps))
        loads.add_load(rate[None], self.c[None], 1.0, curve.log_t, curve.log_c, curve.n_short, curve.n_long)
        self.rates[-1] = rate

    def _warned(self) -> float:
        """When people are warned, s since the first run's start; infinite while nothing leaks."""
        began = self.tanks.began
        if self.found is not None:
            return self.found.known_s
        return np.inf if np.isnan(began) else began + self.model.warned_min * 60.0

    def outcome(self, city: City, settings: dict[str, str | float]) -> Outcome:
        """Return fields, tables, ledger, state and notes."""
        model, curve = self.model, self.limits.curves[2]
        people = advice.People(
            model.air_changes_open / 3600.0, model.air_changes_shut / 3600.0, self._warned(), model.walk_m_s
        )
        rooms = advice.indoors(self.history, curve, people)
        shares = self.shares.shares()
        families = self.tanks.substance.families()
        family = families[model.family] if model.family else next(iter(families.values()), None)
        told = advice.advise(
            city, self.grid, self.history, curve, people, rooms, self.ways, self.water, shares[0],
            self.limits.curves[0].at(WINDOWS_S[-1]), family, self.tanks.substance.kg_m3(1.0), self.elapsed,
        )  # fmt: skip
        fields = self._fields(city, rooms, shares, told)
        return Outcome(
            conform(fields, *model.gives, *(v for v in REACHED if v.name in fields)),
            {
                "events": self.tanks.events(self.elapsed, self.found.known_s if self.found else None),
                "advice": told,
                "rescue": advice.rescues(told),
                "tanks": self.tanks.table(self.elapsed),
                "limits": self._limits(),
                "mass": self._masses(),
                **self.streets.tables(),
                **(self.found.tables(city) if self.found else {}),
            },
            self._balance().check("release"),
            self._state(settings),
            tuple(self._notes(told, family.name if family else None)),
        )

    def _fields(self, city: City, rooms: advice.Indoors, shares: Any, told: pd.DataFrame) -> xr.Dataset:
        timed, space = ("time", "y", "x"), ("y", "x")
        choice = told["advice"].map({name: k for k, name in enumerate(advice.CHOICES)}).to_numpy(float)
        leave = told["by_s"].where(told["advice"] == "leave").to_numpy(float)
        data = {
            "gas_concentration": (timed, self.frames),
            "toxic_dose_rate": (timed, self.rates),
            "gas_severity": (timed, self.severity),
            "max_gas_severity": (space, self.history.worst.astype(np.float32)),
            "max_gas_concentration": (space, self.highest.astype(np.float32)),
            "outdoor_dose": (space, self.dose.astype(np.float32)),
            "indoor_dose": (space, rooms.dose.astype(np.float32)),
            "stay_or_leave": (("block",), choice),
            "leave_before": (("block",), leave),
            "advice_from": (("block",), told["known_s"].to_numpy(float)),
        }
        if self.model.wind_members:
            data |= {v.name: (space, shares[k].astype(np.float32)) for k, v in enumerate(LIKELY[:2])}
        if self.found is not None:
            data["source_share"] = (space, self.found.share_on(self.grid))
        if self.flammable:
            data["flammable_share"] = (space, (self.highest / self.flammable).astype(np.float32))
            if self.model.wind_members:
                data["probability_flammable"] = (space, shares[2].astype(np.float32))
        block = told["id"].to_numpy(str) if len(told) else np.zeros(0, "<U1")
        coords = {"time": self.clock.times.values, "y": self.grid.y, "x": self.grid.x, "block": block}
        return xr.Dataset(data, coords=coords).merge(self.streets.fields())

    def _mass(self) -> tuple[float, float, float]:
        ledger = self.tanks.ledger()
        return ledger["out"], self.cloud.airborne_kg, ledger["pools"]

    def _masses(self) -> pd.DataFrame:
        """Return at each output time what has left the tanks, what is in the air and what lies in pools, kg."""
        return pd.DataFrame(self.masses, columns=["out_kg", "air_kg", "pool_kg"]).assign(time=self.clock.times)

    def _limits(self) -> pd.DataFrame:
        """Return the limits that were used, kg m-3: a row per level, a column per window (s)."""
        table = pd.DataFrame(self.limits.table(), columns=[f"{s:.0f}" for s in WINDOWS_S])
        return table.assign(level=[1, 2, 3])

    def _balance(self) -> Balance:
        after = self.tanks.ledger()
        return Balance(
            unit="kg",
            came_in={"tanks": after["out"] - self.before["out"]},
            went_out={
                "out_of_sight": self.lost - self.lost_before,
                "washed_out": after["washed"] - self.before["washed"],
                "deposited": self.taken - self.taken_before,
            },
            stored={
                "air": self.cloud.airborne_kg - self.before["air"],
                "pools": after["pools"] - self.before["pools"],
            },
            tolerance=TOLERANCE,
            remarks={"left_in_tanks": after["in_tanks"], "pieces": float(len(self.cloud.mass))},
        )

    def _state(self, settings: dict[str, str | float]) -> State:
        arrays = self.cloud.arrays() | self.tanks.arrays() | self.history.arrays() | self.shares.arrays()
        arrays |= {"c": self.c, "highest": self.highest, "dose": self.dose}
        arrays |= self.streets.arrays() | (self.water.arrays() if self.water else {})
        numbers = {
            "elapsed_s": self.elapsed + self.clock.duration_s,
            "number": float(self.number),
            "lost_kg": self.lost,
            "taken_kg": self.taken,
        }
        return State("release", self.grid.hash, arrays, numbers, settings)

    def _notes(self, told: pd.DataFrame, family: str | None) -> list[tuple[str, dict[str, Any]]]:
        """Say what the reader must know: the form of the model, assumptions made here and limits met."""
        gas = self.tanks.substance
        notes: list[tuple[str, Any]] = [("form", {"cell": self.grid.cell_m, "substance": gas.name})]
        notes += list(self.limits.notes) + self.tanks.notes
        notes += self.tanks.told() + self.streets.notes()
        for leak in self.tanks.leaks:
            if leak.cause == 3:
                moment = self.clock.times[0] + pd.Timedelta(seconds=leak.began - self.elapsed)
                notes.append(("floated", {"tank": leak.id, "time": self.clock.told(moment, self.weather.tz)}))
        if self.found is not None:
            notes += self.found.notes()
        if self.cloud.uptake:
            notes.append(("deposits", {"resistance": round(1.0 / self.cloud.uptake)}))
        if self.model.pasquill:
            notes.append(("pasquill", {"name": self.model.pasquill}))
        if self.weather.gridded:
            notes.append(("wind_mean", {}))
        if self.weather.calm:
            notes.append(("calm", {}))
        for name, value in self.weather.assumed.items():
            notes.append((f"assumed_{name}", {"value": value}))
        if (over := self.cloud.over_edge_kg(self.grid) + self.lost) > 0:
            notes.append(("over_edge", {"kg": over}))
        if self.model.wind_members:
            values = {"count": self.model.wind_members, "degrees": self.model.direction_sd_deg}
            notes.append(("members", values | {"percent": 100 * self.model.speed_sd}))
        else:
            notes.append(("one_wind", {}))
        if family:
            notes.append(("family", {"name": family}))
        if len(told) and (told["off_grid"]).any():
            notes.append(("walks_off", {"count": int(told["off_grid"].sum())}))
        return notes
