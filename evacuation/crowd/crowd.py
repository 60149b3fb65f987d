"""The crowd hazard: the people of one venue, their density and pressing, gates and zones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from annotated_types import Ge, Le
from numpy.typing import NDArray

from evacuation.crowd.people.arrivals import Attendance, Comers
from evacuation.crowd.people.law import DECISION_S, Pressing
from evacuation.crowd.people.walkers import People, Walkers
from evacuation.crowd.risk.density import WIDTH_M, over
from evacuation.crowd.risk.dose import Doses
from evacuation.crowd.risk.monitor import BOUNDS, Monitor
from evacuation.crowd.variables import (
    CONTACT_FORCE,
    CROWD_DENSITY,
    CRUSH_INDEX,
    DENSE_DURATION,
    GATE_FLOW,
    MAX_CROWD_DENSITY,
    PEAK_DENSITY,
    ZONE_PEOPLE,
)
from evacuation.crowd.venue.gates import Timetable
from evacuation.crowd.venue.plan import Plan
from evacuation.crowd.venue.ways import Finder
from twin.city import City
from twin.clock import Clock
from twin.drivers import tagged
from twin.errors import ScenarioError
from twin.hazard import Action, Balance, Drivers, Outcome, Progress, State
from twin.variables import Unit, Variable, conform

#: What is kept for the run folder.
KEPT = (
    CROWD_DENSITY,
    CRUSH_INDEX,
    MAX_CROWD_DENSITY,
    DENSE_DURATION,
    PEAK_DENSITY,
    ZONE_PEOPLE,
    CONTACT_FORCE,
    GATE_FLOW,
)

#: Decisions in a second; people come, gates change and the monitor looks once a second.
DECISIONS = round(1.0 / DECISION_S)

#: Most steps of single persons in a run: about an hour and a half of computing on one thread (docs/crowd.md). More is refused.
MOST_STEPS = 2e10


@dataclass(frozen=True)
class Crowd:
    """People who walk to the goals of a venue, or out of its gates, by the quickest open way, and press where it is full.

    Who comes is said by the forcing `attendance` of the venue, or by `persons` at the start and `arrivals_per_s`. Valid on one
    storey for people who know the venue and see how full it is.
    """

    needs: ClassVar[tuple[tuple[str, ...], ...]] = ()
    reads: ClassVar[tuple[str, ...]] = ("attendance", "water_depth", "dose_rate")
    gives: ClassVar[tuple[Variable, ...]] = ()  # no hazard reads a crowd, so that several venues may stand in one case

    venue: str
    persons: Annotated[int, Ge(0), Le(200_000), Unit("1")] = 0
    arrivals_per_s: Annotated[float, Ge(0.0), Le(1000.0), Unit("s-1")] = 0.0
    leave_within_s: Annotated[float, Ge(0.0), Le(36_000.0), Unit("s", "all at once: assumed")] = 0.0
    density_cell_m: Annotated[float, Ge(0.5), Le(1.0), Unit("m")] = 0.5
    step_s: Annotated[float, Ge(0.001), Le(0.01), Unit("s", "stable to 8 persons/m2: proof crowd/squeeze")] = 0.01
    push_n: Annotated[float, Ge(0.0), Le(300.0), Unit("N", "a calm crowd leans lightly: assumed")] = 10.0
    gate_closes_m: Annotated[
        float, Ge(0.01), Le(2.0), Unit("m", "as metro entrances in the flood's levels: assumed")
    ] = 0.15

    def stands_at(self) -> str:
        """Return the venue; see `twin.hazard.Sited`."""
        return self.venue

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
        """Simulate one member; see `twin.hazard.Hazard`. Raises ScenarioError for a plan or figures that cannot be."""
        plan = Plan.of(city, self.venue)
        state = state and state.check("crowd", city.grid.hash, self._settings(plan))
        attendance = self._attendance(drivers, clock)
        self._check(clock, attendance)
        gates = Timetable(plan, city, clock, actions, drivers.get("water_depth"), self.gate_closes_m)
        finder = Finder(plan)
        finder.check(gates.ever_open())
        key = int(state.arrays["key"][0]) if state else _key(rng)
        comers = Comers(plan, finder, key, attendance, self.persons, self.arrivals_per_s, self.leave_within_s)
        began, kept = (float(state.numbers["since_s"]), state.arrays) if state else (0.0, None)
        if kept is not None:
            comers.resume(kept)
        there = People.of(kept) if kept is not None else comers.at_start()
        walkers = Walkers(plan, finder, Pressing(self.step_s, self.push_n), there, kept)
        monitor = Monitor(over(plan, finder.walkable, self.density_cell_m), _zones(plan), kept)
        doses = Doses(plan, city, clock, tagged(drivers, "dose_rate"), kept)
        before = _ledger(comers, walkers)
        monitor.look(walkers.people)
        passed = kept["passed_last"] if kept is not None else np.zeros(len(plan.gates))
        frames = [_Frame.of(monitor, comers, walkers, passed)]
        flooded, seconds = np.zeros((2, len(plan.gates))), round(clock.step_s)
        for k in range(clock.steps):
            monitor.new_step()
            flows = walkers.flows.copy()
            for second in range(seconds):
                t = float(k * seconds + second)
                walkers.set_gates(gates.at(t))
                flooded = _under_water(flooded, gates.flooded(t), t)
                comers.step(walkers, t, began + t)
                walkers.walk(began + t, DECISIONS)
                walkers.people = doses.taken(walkers.people, t)
                monitor.watch(walkers.people, began + t + 1.0)
                if progress is not None:
                    progress((t + 1.0) / clock.duration_s)
            passed = (walkers.flows - flows).sum(axis=1) / clock.step_s
            frames.append(_Frame.of(monitor, comers, walkers, passed))
        arrays = {"key": np.array([key], dtype=np.uint64), "passed_last": passed}
        arrays |= comers.record() | walkers.record() | monitor.record() | doses.record()
        after = State("crowd", city.grid.hash, arrays, {"since_s": began + clock.duration_s}, self._settings(plan))
        return Outcome(
            conform(_fields(frames, monitor, plan, clock), *KEPT),
            {"zones": monitor.table(), "gates": _gate_table(plan, walkers, flooded)},
            _balance(before, _ledger(comers, walkers), resumed=state is not None).check("crowd"),
            after,
            self._notes(plan, comers, walkers, attendance, doses),
            places=_places(plan, monitor.zones, city.place_name(self.venue)),
            counts=_counts(frames, clock),
        )

    def check(self, city: City, drivers: Drivers, clock: Clock, actions: tuple[Action, ...] = ()) -> None:
        """Raise ScenarioError for a plan or figures that cannot be, before anything is simulated; see `twin.hazard.Checked`."""
        plan = Plan.of(city, self.venue)
        self._check(clock, self._attendance(drivers, clock))
        Finder(plan).check(Timetable(plan, city, clock, actions, None, self.gate_closes_m).ever_open())

    def _settings(self, plan: Plan) -> dict[str, str | float]:
        """Return what a run that goes on from this one must share."""
        return {
            "venue": self.venue,
            "step_s": self.step_s,
            "density_cell_m": self.density_cell_m,
            "raster": plan.grid.hash,
        }

    def _attendance(self, drivers: Drivers, clock: Clock) -> Attendance | None:
        """Return the attendance of this venue, None where the forcing says nothing of it."""
        series = drivers.get("attendance")
        if series is None or self.venue not in series["place"].values:
            return None
        return Attendance(series.sel(place=self.venue), clock)

    def _check(self, clock: Clock, attendance: Attendance | None) -> None:
        """Raise ScenarioError for people said twice or not at all, a clock that is not in seconds, and a run that is too long."""
        if attendance is not None and (self.persons or self.arrivals_per_s):
            raise ScenarioError("crowd_twice", venue=self.venue)
        if attendance is None and not (self.persons or self.arrivals_per_s):
            raise ScenarioError("crowd_nobody", venue=self.venue)
        if clock.step_s != round(clock.step_s):
            raise ScenarioError("crowd_seconds", step=clock.step_s)
        if abs(DECISION_S / self.step_s - round(DECISION_S / self.step_s)) > 1e-9:
            raise ScenarioError("crowd_step", found=self.step_s, decision=DECISION_S)
        most = attendance.most if attendance else self.persons + self.arrivals_per_s * clock.duration_s
        if (steps := most * clock.duration_s / self.step_s) > MOST_STEPS:
            raise ScenarioError(
                "crowd_large", venue=self.venue, persons=int(most), minutes=clock.duration_s / 60.0,
                found=steps, expected=MOST_STEPS,
            )  # fmt: skip

    def _notes(
        self, plan: Plan, comers: Comers, walkers: Walkers, attendance: Attendance | None, doses: Doses
    ) -> tuple[tuple[str, Mapping[str, Any]], ...]:
        """Say what the reader must know: assumptions made here and limits met."""
        notes: list[tuple[str, Mapping[str, Any]]] = [
            ("first_form", {}),
            (
                "people",
                {"count": comers.made + int(comers.outside.sum()), "basis": "forcing" if attendance else "asked"},
            ),
            ("pressing", {"push": self.push_n, "step": 1000 * self.step_s}),
            ("density", {"width": WIDTH_M, "cell": self.density_cell_m}),
        ]
        if not len(plan.zones):
            notes.append(("no_zones", {"venue": self.venue}))
        if outside := int(comers.outside.sum()):
            notes.append(("outside", {"count": outside}))
        if walkers.people.count:
            notes.append(("inside", {"count": walkers.people.count}))
        if (crush := walkers.people.crush).size and crush.max() >= 0.5:
            half, full = (int((crush >= bound).sum()) for bound in (0.5, 1.0))
            notes.append(("compression", {"highest": round(float(crush.max()), 1), "half": half, "full": full}))
        return (*notes, *doses.notes(walkers.people))


@dataclass(frozen=True)
class _Frame:
    """What is told at one output time."""

    density: NDArray[np.float32]
    zone: Mapping[str, NDArray[np.float64]]
    flow: NDArray[np.float64]
    by_density: NDArray[np.int64]
    where: tuple[int, int, int]

    @classmethod
    def of(cls, monitor: Monitor, comers: Comers, walkers: Walkers, flow: NDArray[np.float64]) -> _Frame:
        """Return what stands now; `flow` is what passed each gate, persons/s."""
        return cls(
            monitor.now.astype(np.float32),
            {name: values.copy() for name, values in monitor.zone.items()},
            flow,
            monitor.by_density(walkers.people),
            (int(comers.outside.sum()), walkers.people.count, walkers.left),
        )


def _key(rng: np.random.Generator | None) -> int:
    return int((rng or np.random.default_rng(0)).integers(0, 2**63))


def _zones(plan: Plan) -> gpd.GeoDataFrame:
    """Return the zones that are graded; the whole venue where the plan has none."""
    if len(plan.zones):
        return plan.zones
    whole = {"id": [f"{plan.id}/whole"], "name_zh": ["全场"], "name_en": ["Whole venue"]}
    return gpd.GeoDataFrame(whole, geometry=[plan.ground], crs=plan.grid.crs)


def _places(plan: Plan, zones: gpd.GeoDataFrame, venue: Mapping[str, str]) -> gpd.GeoDataFrame:
    """Return zones and gates as places of this model, with the venue in their names: a city has many a west gate."""
    gates = gpd.GeoDataFrame(
        {
            "id": [gate.id for gate in plan.gates],
            "kind": "crowd_gate",
            "name_zh": [gate.name_zh for gate in plan.gates],
            "name_en": [gate.name_en for gate in plan.gates],
        },
        geometry=[gate.shape for gate in plan.gates],
        crs=plan.grid.crs,
    )
    both = gpd.GeoDataFrame(pd.concat([zones.assign(kind="crowd_zone"), gates], ignore_index=True), crs=plan.grid.crs)
    return both.assign(name_zh=venue["zh"] + "·" + both["name_zh"], name_en=venue["en"] + ", " + both["name_en"])


def _under_water(before: NDArray[np.float64], now: NDArray[np.bool_], t: float) -> NDArray[np.float64]:
    """Return, for each gate, when water first shut it (NaN: never; row 0) and for how many seconds it did (row 1)."""
    if not now.any():
        return before
    first = np.where((before[1] == 0) & now, t, np.where(before[1] == 0, np.nan, before[0]))
    return np.stack([first, before[1] + now])


def _gate_table(plan: Plan, walkers: Walkers, flooded: NDArray[np.float64]) -> pd.DataFrame:
    """Return a row per gate: people in, out and left by it since the first run began, and when water shut it in this run."""
    return pd.DataFrame(
        {
            "id": [gate.id for gate in plan.gates],
            "passed_in": walkers.flows[:, 0],
            "passed_out": walkers.flows[:, 1],
            "left": walkers.left_by_gate,
            "shut_by": np.where(flooded[1] > 0, "water", ""),
            "by_s": np.where(flooded[1] > 0, flooded[0], np.nan),
            "shut_s": flooded[1],
        }
    )


def _ledger(comers: Comers, walkers: Walkers) -> dict[str, int]:
    return {
        "made": comers.made,
        "outside": int(comers.outside.sum()),
        "inside": walkers.people.count,
        "left": walkers.left,
    }


def _balance(before: Mapping[str, int], after: Mapping[str, int], *, resumed: bool) -> Balance:
    """Close the ledger of this run: who was there or came is inside, outside or has left."""
    there = before["inside"] + before["outside"]
    came = after["made"] + after["outside"] - before["made"] - before["outside"]
    return Balance(
        unit="persons",
        came_in={"there": float(there), "came": float(came)},
        went_out={"left": float(after["left"] - before["left"])},
        stored={"inside": float(after["inside"]), "outside": float(after["outside"])},
        tolerance=0.0,
        remarks={"resumed": float(resumed)},
    )


def _counts(frames: list[_Frame], clock: Clock) -> dict[str, pd.DataFrame]:
    """Return people by local density, and by where they are: outside, inside, left."""

    def table(rows: list[Any]) -> pd.DataFrame:
        values = np.array(rows, dtype=np.float64)
        return pd.DataFrame(values, index=clock.times, columns=[float(k + 1) for k in range(values.shape[1])])

    return {"density": table([f.by_density for f in frames]), "where": table([f.where for f in frames])}


def _fields(frames: list[_Frame], monitor: Monitor, plan: Plan, clock: Clock) -> xr.Dataset:
    """Return the fields: density on cells in time and what was reached there, figures of zones and gates in time."""
    grid, space, of_zone = monitor.density.grid, ("y", "x"), ("time", "zone")
    names = {"peak_density": "density", "zone_people": "people", "contact_force": "force", "crush_index": "index"}
    data = {name: (of_zone, np.stack([f.zone[key] for f in frames])) for name, key in names.items()}
    fields = xr.Dataset(
        {
            "crowd_density": (("time", *space), np.stack([f.density for f in frames])),
            "max_crowd_density": (space, monitor.highest.astype(np.float32)),
            "dense_duration": (("density_bound", *space), monitor.above.astype(np.float32)),
            "gate_flow": (("time", "gate"), np.stack([f.flow for f in frames])),
            **data,
        },
        coords={
            "time": clock.times.values, "y": grid.y, "x": grid.x, "density_bound": list(BOUNDS),
            "zone": monitor.zones["id"].values, "gate": np.array([gate.id for gate in plan.gates], dtype=object),
        },
    )  # fmt: skip
    fields["density_bound"].attrs |= {"units": "m-2"}
    return fields
