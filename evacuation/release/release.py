"""The release hazard: a tank leaks, a cloud drifts over the city, people outdoors and indoors collect a dose; stay or leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Le

from evacuation.release import leaks
from evacuation.release.history import frame_length
from evacuation.release.kernels.growth import FIELDS
from evacuation.release.locate.detected import Found, check_sensors, detected
from evacuation.release.run import TOLERANCE, Run
from evacuation.release.sources.given import of_series
from evacuation.release.sources.registry import check_used
from evacuation.release.sources.source import Way
from evacuation.release.streets.street_form import NoStreets, StreetForm
from evacuation.release.substances import Substance, substance
from evacuation.release.toxicity import Limits, limits_of
from evacuation.release.variables import GIVES, STREET_DOSE_RATE
from evacuation.release.ways import water_on, ways_of
from evacuation.release.weather import Weather
from twin.city import City
from twin.clock import Clock
from twin.drivers import STATE, tagged
from twin.errors import ScenarioError
from twin.hazard import Action, Drivers, Outcome, Progress, State
from twin.jit import start_threads
from twin.streams import stream
from twin.variables import Unit, Variable
from twin.words import near

#: Numbers that must be the same in a run that goes on from another.
KEPT = (
    *(
        "cell_m",
        "step_s",
        "puffs_per_step",
        "wind_members",
        "direction_sd_deg",
        "speed_sd",
        "stability_share",
        "source_sd",
        "height_m",
    ),
    *("streets", "near_source"),
)

#: What a scenario says of a source that it knows; detectors tell all of it of one that is sought.
OF_A_SITE = (
    *("mass_kg", "hole_mm", "outflow", "blowdown", "rates_kg_s", "pipe_length_m", "pipe_mm", "stack_m", "exit_m_s"),
    *("exit_k", "phase", "pressure_bar", "start_min", "float_hole_mm", "bund_m2", "source_sd"),
)

#: What makes something leak where no site is named: one of these, or it is named.
UNSITED = ("release_site", "leak", "water_depth", STATE)

Phase = Literal["pressurised_liquid", "liquid", "gas"]


@dataclass(frozen=True)
class Release:
    """A substance that leaks from a tank or a place into the wind.

    The release begins `start_min` after the start of the first run at `site` (a tank of the city, or any place), by an event `leak`,
    or when the flood lifts a tank. With `site: detected` place, rate and beginning are sought from what the city's gas detectors
    read, and each wind member has a source of its own from the samples. Valid for gases at and heavier than air over a town that is
    rough but has no walls: courtyards and tall buildings are not resolved, single streets only by `streets` (boxes of air between
    facades, driven by the cloud in the mean wind), buildings only by `near_source` (particles between them within 300 m of a source).
    The concentration is an ensemble mean over about ten minutes.
    """

    needs: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("eastward_wind", "eastward_wind_grid"),
        ("northward_wind", "northward_wind_grid"),
    )
    reads: ClassVar[tuple[str, ...]] = (
        "air_temperature",
        "relative_humidity",
        "cloud_cover",
        "water_depth",
        "detector_reading",
        "source_rate",
    )
    gives: ClassVar[tuple[Variable, ...]] = GIVES

    substance: str | None = None
    site: str | None = None
    mass_kg: Annotated[float, Gt(0.0), Le(1e8), Unit("kg")] | None = None
    hole_mm: Annotated[float, Ge(1.0), Le(1000.0), Unit("mm", "25 mm: a torn branch pipe, assumed")] = 25.0
    outflow: Literal["hole", "sudden", "rates", "gas_pipe", "liquid_pipe", "flashing_pipe"] = "hole"
    blowdown: Literal["isothermal", "isentropic"] = "isothermal"
    rates_kg_s: tuple[tuple[float, float], ...] = ()
    pipe_length_m: Annotated[float, Gt(0.0), Le(1e6), Unit("m")] | None = None
    pipe_mm: Annotated[float, Ge(10.0), Le(2000.0), Unit("mm")] | None = None
    stack_m: Annotated[float, Gt(0.0), Le(30.0), Unit("m", "bore of the mouth")] | None = None
    exit_m_s: Annotated[float, Gt(0.0), Le(100.0), Unit("m s-1")] | None = None
    exit_k: Annotated[float, Ge(200.0), Le(2000.0), Unit("K")] | None = None
    phase: Phase | None = None
    pressure_bar: Annotated[float, Gt(0.0), Le(1000.0), Unit("bar", "absolute")] | None = None
    start_min: Annotated[float, Ge(0.0), Le(14400.0), Unit("min")] = 0.0
    float_hole_mm: Annotated[float, Ge(1.0), Le(1000.0), Unit("mm", "50 mm: the liquid line torn off, assumed")] = 50.0
    height_m: Annotated[float, Ge(0.1), Le(400.0), Unit("m", "assumed")] = 1.0
    bund_m2: Annotated[float, Ge(0.0), Le(1e6), Unit("m2", "0: no bund")] = 0.0
    cell_m: Annotated[float, Ge(5.0), Le(100.0), Unit("m")] = 20.0
    step_s: Annotated[float, Ge(5.0), Le(60.0), Unit("s")] = 20.0
    puffs_per_step: Annotated[int, Ge(1), Le(60), Unit("1")] = 8
    air_changes_open: Annotated[float, Gt(0.0), Le(30.0), Unit("h-1", "leaky home, windows ajar: assumed")] = 1.5
    air_changes_shut: (
        Annotated[float, Gt(0.0), Le(30.0), Unit("h-1", "leaky home, windows shut: assumed")] | Literal["buildings"]
    ) = 0.5
    warned_min: Annotated[float, Ge(0.0), Le(240.0), Unit("min", "from leak to warning: assumed")] = 10.0
    ready_min: Annotated[
        float, Ge(0.0), Le(240.0), Unit("min", "from the warning to the street, no notice: assumed")
    ] = 30.0
    walk_m_s: Annotated[
        float,
        Gt(0.0),
        Le(3.0),
        Unit("m s-1", "among others, 1.5 people a m2: Weidmann 1993, doi:10.3929/ethz-a-000687810"),
    ] = 0.8
    family: str | None = None
    pasquill: Literal["A", "B", "C", "D", "E", "F"] | None = None
    wind_members: Annotated[int, Ge(0), Le(64), Unit("1")] = 32
    direction_sd_deg: Annotated[float, Ge(0.0), Le(90.0), Unit("deg", "of a mean wind in town: assumed")] = 15.0
    speed_sd: Annotated[float, Ge(0.0), Le(1.0), Unit("1", "of the logarithm of speed: assumed")] = 0.25
    stability_share: Annotated[
        float,
        Ge(0.0),
        Le(1.0),
        Unit("1", "one Pasquill class off; assumed: ways to tell it agree in about six hours of ten"),
    ] = 0.4
    source_sd: Annotated[
        float,
        Ge(0.0),
        Le(1.0),
        Unit("1", "of the logarithm of the rate, a factor of 1.5: hole and discharge are known so well, assumed"),
    ] = 0.4
    streets: bool = False
    near_source: bool = False

    def __post_init__(self) -> None:
        if self.wind_members == 1:
            raise ScenarioError("release_one_member")
        if self.streets:
            object.__setattr__(self, "gives", (*type(self).gives, STREET_DOSE_RATE))
        if self.site is None:
            object.__setattr__(self, "needs", (*type(self).needs, UNSITED))

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
        grid, frame_s = city.grid.at_cell_size(self.cell_m), self._frame_s(clock)
        # by its name alone: another hazard's has no leaks to look into; grid and settings are held against it below
        state = state and state.check("release", state.grid_hash)
        kept = state.arrays if state is not None else None
        weather = Weather(city, drivers, clock, self.pasquill, self.varies_stability, kept)
        found = self._found(city, drivers, clock, weather, actions, rng, state)
        tanks = (
            leaks.prepare(
                self._asked(state, drivers, clock, actions), city, drivers, clock, actions, grid, state is not None
            )
            if found is None
            else leaks.steady(found, clock, self.height_m, floats="water_depth" in drivers and leaks.may_float(city))
        )
        gas, limits = tanks.substance, self._limits(tanks.substance)
        settings = self._settings(gas, frame_s)
        arrays = state.check("release", grid.hash, settings).arrays if state is not None else None
        ways = ways_of(city, self.walk_m_s, frame_s)
        elapsed = state.numbers["elapsed_s"] if state else 0.0
        water = water_on(ways, drivers.get("water_depth"), city.grid.crs, clock, elapsed, arrays) if ways else None
        numbers = state.numbers if state else {}
        streets = (
            StreetForm(city, grid, limits, gas.flammable_kg_m3 or 0.0, clock, frame_s, TOLERANCE, arrays)
            if self.streets
            else NoStreets()
        )
        run = Run(
            self, city, grid, clock, weather, tanks, limits, frame_s, rng, arrays, numbers, ways, water, found, streets
        )
        run.advance(progress)
        return run.outcome(city, settings)

    @classmethod
    def check_city(cls, city: City) -> list[tuple[str, Mapping[str, Any]]]:
        """Return what must be said of a city's tanks; see `twin.hazard.ChecksCities`."""
        return leaks.check_tanks(city)

    def check(
        self, city: City, drivers: Drivers, clock: Clock, actions: tuple[Action, ...] = (), state: State | None = None
    ) -> None:
        """Raise the TwinError of a site that is not there, or that cannot leak as it is told to; see `twin.hazard.Checked`."""
        self._frame_s(clock)
        if self.streets and not len(city.roads):
            raise ScenarioError("release_streets", city=city.id)
        if self.site is None:
            if state is None and not any(a.kind == leaks.EVENT for a in actions) and not leaks.may_float(city):
                raise ScenarioError("release_nothing")
            return
        if self.site == leaks.DETECTED:
            self._check_sought(drivers, actions, state)
            self._limits(gas := substance(self.substance or "", city.substances))
            if not tagged(drivers, "detector_reading"):
                raise ScenarioError("release_no_readings")
            check_sensors(city, drivers, gas)
            return
        if self.site != city.id and self.site not in (places := city.ids("place")):
            raise ScenarioError("release_site", found=self.site, near=near(self.site, places))
        asked, grid = self._asked(state, drivers, clock, actions), city.grid.at_cell_size(self.cell_m)
        self._limits(leaks.prepare(asked, city, {}, clock, actions, grid, goes_on=True).substance)

    def _frame_s(self, clock: Clock) -> float:
        """Return the length of a frame, s; raise ScenarioError where steps do not fit the output."""
        frame_s = frame_length(clock.step_s, self.step_s)
        if abs(clock.step_s / self.step_s - round(clock.step_s / self.step_s)) > 1e-9:
            raise ScenarioError("release_step", step=self.step_s, output=clock.step_s)
        return frame_s

    def _limits(self, gas: Substance) -> Limits:
        """Return the limits of a substance; raise ScenarioError where it has none, or its table lacks what is needed or chosen."""
        gas.check()
        if self.family is not None and self.family not in gas.families():
            raise ScenarioError("substance_family", found=self.family, name=gas.id, expected=sorted(gas.families()))
        return limits_of(gas)

    def _found(
        self, city: City, drivers: Drivers, clock: Clock, weather: Weather, actions: tuple[Action, ...],
        rng: np.random.Generator | None, state: State | None,
    ) -> Found | None:  # fmt: skip
        """Return the source that the detectors tell of; None where the scenario says what leaks."""
        if self.site != leaks.DETECTED:
            return None
        self._check_sought(drivers, actions, state)
        gas = substance(self.substance or "", city.substances)
        return detected(city, drivers, clock, weather, gas, self.height_m, rng or stream(0, "release"))

    def _check_sought(self, drivers: Drivers, actions: tuple[Action, ...], state: State | None) -> None:
        """Raise ScenarioError where a source that is sought goes on from another run, or something is said or done of it beforehand."""
        if state is not None:
            raise ScenarioError("release_detected_on")
        given = [name for name in OF_A_SITE if getattr(self, name) != getattr(Release, name)]
        if given := given + ["forcing.source_rate"] * ("source_rate" in drivers):
            raise ScenarioError("release_sought", name=given[0])
        for action in actions:
            if action.kind in (leaks.EVENT, *leaks.MENDS):
                raise ScenarioError("release_sought_measure", kind=action.kind, place=action.place)

    @property
    def varies_stability(self) -> bool:
        """Whether the wind members differ in stability."""
        return self.wind_members > 0 and self.stability_share > 0.0

    @property
    def varies_source(self) -> bool:
        """Whether the wind members differ in how much a known source lets go: not where all that it holds comes at once."""
        return self.source_sd > 0.0 and self.outflow != "sudden"

    @property
    def _way(self) -> Way:
        return Way(**{f.name: getattr(self, f.name) for f in fields(Way)})

    def _asked(self, state: State | None, drivers: Drivers, clock: Clock, actions: tuple[Action, ...]) -> leaks.Asked:
        check_used(self.outflow, vars(self) | {"forcing.source_rate": "source_rate" in drivers or None})
        left = str(state.settings.get("substance", "")) if state is not None else ""
        way, start_s = self._way, self.start_min * 60.0
        began = leaks.began(state, str(self.site))
        elapsed = state.numbers["elapsed_s"] if state else 0.0
        if (rate := drivers.get("source_rate")) is not None:
            told = {
                "rates_kg_s": self.rates_kg_s != (),
                "start_min": self.start_min > 0.0,
                "leak": any(a.kind == leaks.EVENT and a.place == self.site for a in actions),
            }
            if twice := [name for name, also in told.items() if also]:
                raise ScenarioError("release_rates_twice", name=twice[0])
            start_s, rows = of_series(rate, clock, elapsed, began)
            way = replace(way, rates_kg_s=rows)
        if self.site is not None and np.isnan(began) and start_s >= elapsed + clock.duration_s:
            ends = (elapsed + clock.duration_s) / 60.0
            raise ScenarioError("release_start", site=self.site, found=start_s / 60.0, expected=ends)
        return leaks.Asked(
            substance=self.substance or left or None,
            site=self.site,
            mass_kg=self.mass_kg,
            hole_m=self.hole_mm / 1000.0,
            sudden=self.outflow == "sudden",
            start_s=start_s,
            phase=self.phase,
            float_hole_m=self.float_hole_mm / 1000.0,
            height_m=self.height_m,
            bund_m2=self.bund_m2,
            pressure_pa=np.nan if self.pressure_bar is None else 1e5 * self.pressure_bar,
            way=way,
        )

    def result_bytes(self, city: City, clock: Clock) -> int:
        """Return the bytes of what is kept at every output time: 3 numbers of 4 a cell and 1 a road, with the street form 3 more."""
        grid = city.grid.at_cell_size(self.cell_m)
        return (12 * grid.ny * grid.nx + (4 + 12 * self.streets) * len(city.roads)) * (clock.steps + 1)

    def _settings(self, gas: Substance, frame_s: float) -> dict[str, str | float]:
        """Return what must be the same in a run that goes on from another."""
        numbers = {name: float(getattr(self, name)) for name in KEPT}
        shut = self.air_changes_shut
        rooms = {"air_changes_shut": shut} if isinstance(shut, str) else {}
        return {"substance": gas.id, "frame_s": frame_s, "form": float(FIELDS), **self._way.kept, **numbers, **rooms}
