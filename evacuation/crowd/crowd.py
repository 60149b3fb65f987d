"""The crowd hazard: the people of one venue, their density and pressing, gates and zones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray

from evacuation.crowd import told
from evacuation.crowd.district import district
from evacuation.crowd.district.inflow import Inflow
from evacuation.crowd.district.stream import Stream
from evacuation.crowd.live.correction import Live
from evacuation.crowd.live.told import counters
from evacuation.crowd.people.arrivals import Comers
from evacuation.crowd.people.attendance import Attendance, Taken
from evacuation.crowd.people.law import DECISION_S, Pressing
from evacuation.crowd.people.tracks import ROW_BYTES, Tracks, check_size
from evacuation.crowd.people.walkers import MOST_STEPS, People, Walkers
from evacuation.crowd.risk.barriers import Barriers
from evacuation.crowd.risk.density import WIDTH_M, over
from evacuation.crowd.risk.dose import Doses
from evacuation.crowd.risk.monitor import Monitor
from evacuation.crowd.risk.outflow import Outflow, exit_table
from evacuation.crowd.risk.signs import Signs
from evacuation.crowd.variables import KEPT
from evacuation.crowd.venue.checker import faults
from evacuation.crowd.venue.gates import Timetable
from evacuation.crowd.venue.plan import Plan
from evacuation.crowd.venue.ways import Finder
from twin.city import City
from twin.clock import Clock
from twin.drivers import tagged
from twin.errors import ScenarioError, TwinError
from twin.hazard import Action, Drivers, Outcome, Progress, State, measure_table
from twin.variables import Unit, Variable, conform
from twin.words import near

#: Decisions in a second; people come, gates change and the monitor looks once a second.
DECISIONS = round(1.0 / DECISION_S)

#: A day on which a city's venues are looked at, before there is a scenario: each gate that opens at some hour counts as open.
ANY_DAY = Clock(datetime(2026, 1, 1, tzinfo=UTC), 86_400.0)


@dataclass(frozen=True)
class Crowd:
    """People who walk to the goals of a venue, or out of its gates, by the quickest open way, and press where it is full.

    Who comes is said by the forcing `attendance` of the venue or its sources, or by `persons` at the start and `arrivals_per_s`. Valid
    for people who know the venue and see how full it is.
    """

    needs: ClassVar[tuple[tuple[str, ...], ...]] = ()
    reads: ClassVar[tuple[str, ...]] = ("attendance", "water_depth", "dose_rate", "people_count")
    gives: ClassVar[tuple[Variable, ...]] = ()  # no hazard reads a crowd, so that several venues may stand in one case

    venue: str
    persons: Annotated[int, Ge(0), Le(200_000), Unit("1")] = 0
    arrivals_per_s: Annotated[float, Ge(0.0), Le(1000.0), Unit("s-1")] = 0.0
    leave_within_s: Annotated[float, Ge(0.0), Le(36_000.0), Unit("s", "all at once: assumed")] = 0.0
    strangers: Annotated[
        float, Ge(0.0), Le(1.0), Unit("1", "share who know only the way they came in: none, assumed")
    ] = 0.0
    parties: Annotated[
        float, Ge(0.0), Le(0.9), Unit("1", "share who walk in company: none, assumed; up to 0.7, Moussaid et al. 2010")
    ] = 0.0
    density_cell_m: Annotated[float, Ge(0.5), Le(1.0), Unit("m")] = 0.5
    step_s: Annotated[float, Ge(0.001), Le(0.01), Unit("s", "stable to 8 persons/m2: proof crowd/squeeze")] = 0.01
    push_n: Annotated[float, Ge(0.0), Le(300.0), Unit("N", "calibrated on the density before gate_050_w56_040")] = 20.0
    queue_push_n: Annotated[float, Ge(0.0), Le(300.0), Unit("N", "people wait calmly for a metered gate: assumed")] = (
        0.0
    )
    tracks_per_s: Annotated[int, Ge(0), Le(20), Unit("s-1", "0: no trajectories; divides 20")] = 0
    form: Literal["persons", "stream", "mixed"] = "persons"
    stream_cell_m: Annotated[float, Ge(0.5), Le(5.0), Unit("m", "form stream: gates are four cells wide or more")] = 1.0
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
        plan = self._plan(city)
        state = state and state.check("crowd", city.grid.hash, self._settings(plan))
        attendance, taken = self._curves(drivers, plan, clock)
        counted, said = counters(drivers, city, plan.levels.on_map(plan.ground))
        extra = {} if counted is None else {"counters": counted}
        said += told.asked(plan, city, attendance, self.persons, clock)
        key = int(state.arrays["key"][0]) if state else _key(rng)
        if self.form != "persons":
            settings = self._settings(plan)
            asked = district.Asked(**{f.name: getattr(self, f.name) for f in fields(district.Asked)})
            done = district.simulate(asked, attendance, key, settings, city, drivers, clock, actions, state, progress)
            return replace(done, tables={**done.tables, **extra}, notes=(*done.notes, *said))
        gates = Timetable(plan, city, clock, actions, drivers.get("water_depth"), self.gate_closes_m)
        finder = Finder(plan)
        finder.check(gates.ever_open())
        comers = Comers(
            plan,
            finder,
            key,
            attendance,
            self.persons,
            self.arrivals_per_s,
            self.leave_within_s,
            actions,
            gates.ever_open(),
            strangers=self.strangers,
            together=self.parties,
        )
        began, kept = (float(state.numbers["since_s"]), state.arrays) if state else (0.0, None)
        if kept is not None:
            comers.resume(kept)
            taken.resume(kept)
        there = People.of(kept) if kept is not None else comers.at_start()
        walkers = Walkers(plan, finder, Pressing(self.step_s, self.push_n, self.queue_push_n), there, kept)
        monitor = Monitor(over(finder, self.density_cell_m), told.zones_of(plan), kept)
        doses = Doses(plan, city, clock, tagged(drivers, "dose_rate"), kept)
        outflow, barriers, signs = Outflow(plan, kept), Barriers(plan, kept), Signs(plan, monitor, kept)
        tracks = Tracks(plan, self.tracks_per_s) if self.tracks_per_s else None
        live = Live(plan, told.drawn_of(plan, monitor.zones), city, drivers, clock, kept)
        before = _ledger(comers, walkers)
        monitor.look(walkers.people)
        if tracks is not None:
            tracks.see(walkers.people)
        left, going = [_left(walkers)], [told.bound_for(walkers.people, finder, began)]
        passed = kept["passed_last"] if kept is not None else np.zeros(len(plan.gates))
        frames = [_frame(monitor, signs, comers, walkers, passed)]
        flooded, seconds = np.zeros((2, len(plan.gates))), round(clock.step_s)
        for k in range(clock.steps):
            monitor.new_step()
            signs.new_step()
            flows = walkers.flows.copy()
            for second in range(seconds):
                t = float(k * seconds + second)
                walkers.set_gates(gates.at(t))
                walkers.takes[:] = taken.by(t, walkers.left_by_goal)
                flooded = told.under_water(flooded, gates.flooded(t), t)
                comers.step(walkers, t, began + t)
                live.step(
                    t,
                    lambda zone: float((monitor.zone_of(walkers.people) == zone).sum()),
                    walkers.flows[:, 1],
                    _mover(comers, walkers, monitor),
                )
                for part in range(self.tracks_per_s or 1):
                    some = DECISIONS // (self.tracks_per_s or 1)
                    walkers.walk(began + t + part * some * DECISION_S, some, plan.stairs)
                    if tracks is not None:
                        tracks.see(walkers.people)
                walkers.people = doses.taken(walkers.people, t)
                monitor.watch(walkers.people, began + t + 1.0)
                outflow.watch(walkers.people, walkers.flows, gates.at(t), began + t + 1.0)
                barriers.watch(walkers.people, began + t + 1.0)
                signs.watch(walkers.people, began + t + 1.0)
                left.append(_left(walkers))
                if progress is not None:
                    progress((t + 1.0) / clock.duration_s)
            passed = (walkers.flows - flows).sum(axis=1) / clock.step_s
            frames.append(_frame(monitor, signs, comers, walkers, passed))
            going.append(told.bound_for(walkers.people, finder, began + t + 1.0))
        arrays = {"key": np.array([key], dtype=np.uint64), "passed_last": passed}
        for kept_by in (comers, walkers, taken, monitor, doses, outflow, barriers, signs, live):
            arrays |= kept_by.record()
        stuck = walkers.without_a_way(began + clock.duration_s)
        after = State("crowd", city.grid.hash, arrays, {"since_s": began + clock.duration_s}, self._settings(plan))
        return Outcome(
            conform(told.fields(frames, monitor, plan, clock), *KEPT),
            {
                "zones": (table := monitor.table()),
                "worst": told.worst_table(table),
                "left": told.left_table(frames, clock),
                "gates": told.gate_table(plan, walkers.flows, walkers.left_by_gate, flooded, outflow),
                "exits": exit_table(plan, left),
                "goals": told.goal_table(
                    plan, taken.places(clock.duration_s), (left[-1] - left[0])[len(plan.gates) :], going
                ),
                "measures": measure_table(actions),
                "barriers": barriers.table(began),
                "signs": signs.table(),
                "pressure": told.pressure_table(frames, monitor, clock),
                **extra,
                **({} if tracks is None else tracks.tables()),
                **told.live_tables(live, frames, clock),
            },
            told.balance(before, _ledger(comers, walkers), resumed=state is not None).check("crowd"),
            after,
            (
                *self._notes(plan, comers, walkers, attendance, doses, tracks),
                *([("no_way", {"count": stuck})] if stuck else []),
                *told.goals_waited_for(plan, finder, taken.limited, self.queue_push_n),
                *told.unheeded(plan, self.strangers, comers.skipped, actions),
                *live.notes(),
                *faults(plan, city.ids("place")),
                *said,
            ),
            places=told.places_of(plan, monitor.zones, city.place_name(self.venue)),
            counts=told.counts(frames, clock),
        )

    def check(
        self, city: City, drivers: Drivers, clock: Clock, actions: tuple[Action, ...] = (), state: State | None = None
    ) -> None:
        """Raise ScenarioError for a plan or figures that cannot be, before anything is simulated; see `twin.hazard.Checked`."""
        plan = self._plan(city)
        attendance, _ = self._curves(drivers, plan, clock)
        gates, finder = Timetable(plan, city, clock, actions, None, self.gate_closes_m), Finder(plan)
        finder.check(gates.ever_open())
        figures = attendance, self.persons, self.arrivals_per_s, self.leave_within_s
        # with an attendance, who is there at the start of a run that goes on came before it, and stands elsewhere
        if self.form != "persons":
            stream = Stream(plan, finder, gates.at(0.0))
            inflow = Inflow(stream, *figures)
            if attendance is None:
                inflow.at_start(stream)
        elif attendance is None:
            Comers(plan, finder, 0, *figures).at_start()

    @classmethod
    def check_city(cls, city: City) -> list[tuple[str, Mapping[str, Any]]]:
        """Return what is wrong with the venues of a city; see `twin.hazard.ChecksCities`. A bad one hinders no other hazard."""
        found: list[tuple[str, Mapping[str, Any]]] = []
        lost = city.venues[~city.venues["venue"].isin(city.ids("venue"))]
        for venue, parts in lost.groupby(lost["venue"].fillna("–").astype(str)):
            near_ones = near(str(venue), city.ids("venue"))
            found.append(("venue_of_no_place", {"parts": list(parts["id"][:5]), "venue": venue, "near": near_ones}))
        for venue in city.ids("venue"):
            if not (city.venues["venue"] == venue).any():
                found.append(("venue_undrawn", {"venue": venue}))
                continue
            try:
                plan = Plan.of(city, venue)
                Finder(plan).check(Timetable(plan, city, ANY_DAY, (), None, 1.0).ever_open())
            except TwinError as error:
                found.append(("venue_refused", {"venue": venue, "why": error}))
            else:
                found += faults(plan, city.ids("place"))
        return found

    def _plan(self, city: City) -> Plan:
        return Plan.of(city, self.venue, self.stream_cell_m if self.form != "persons" else None)

    def _settings(self, plan: Plan) -> dict[str, str | float]:
        """Return what a run that goes on from this one must share."""
        return {
            "venue": self.venue,
            "form": self.form,
            "step_s": self.step_s,
            "density_cell_m": self.density_cell_m,
            "raster": plan.grid.hash,
        }

    def _curves(self, drivers: Drivers, plan: Plan, clock: Clock) -> tuple[Attendance | None, Taken]:
        """Return who comes and whom the goals take; raise ScenarioError for what `_check` refuses and for a goal's curve with a density."""
        series = drivers.get("attendance")
        attendance, taken = Attendance.read(series, plan, clock), Taken(series, plan, clock)
        self._check(clock, attendance)
        if taken.limited and self.form != "persons":
            raise ScenarioError("attendance_goal", venue=plan.id, goals=taken.limited, form=self.form)
        return attendance, taken

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
        most = (
            attendance.most(clock.duration_s) if attendance else self.persons + self.arrivals_per_s * clock.duration_s
        )
        if self.tracks_per_s and (DECISIONS % self.tracks_per_s or self.form != "persons"):
            raise ScenarioError("crowd_tracks", found=self.tracks_per_s, form=self.form, expected=DECISIONS)
        comes = 0.0 if attendance else self.arrivals_per_s * clock.duration_s
        person_s = (most - comes / 2.0) * clock.duration_s  # who comes evenly is there half of the time at most
        check_size(self.venue, person_s, self.tracks_per_s)
        if self.form == "persons" and (steps := person_s / self.step_s) > MOST_STEPS:
            raise ScenarioError(
                "crowd_large", venue=self.venue, persons=int(most), minutes=clock.duration_s / 60.0,
                found=steps, expected=MOST_STEPS,
            )  # fmt: skip

    def _notes(
        self,
        plan: Plan,
        comers: Comers,
        walkers: Walkers,
        attendance: Attendance | None,
        doses: Doses,
        tracks: Tracks | None,
    ) -> tuple[tuple[str, Mapping[str, Any]], ...]:
        """Say what the reader must know: assumptions made here and limits met."""
        notes: list[tuple[str, Mapping[str, Any]]] = [
            ("first_form", {}),
            (
                "people",
                {
                    "count": comers.made - comers.counted_in + int(comers.outside.sum()),
                    "basis": "forcing" if attendance else "asked",
                },
            ),
            ("pressing", {"push": self.push_n, "queue": self.queue_push_n, "step": 1000 * self.step_s}),
            ("density", {"width": WIDTH_M, "cell": self.density_cell_m}),
        ]
        if not len(plan.zones):
            notes.append(("no_zones", {"venue": self.venue}))
        if comers.in_parties or self.parties:
            notes.append(
                ("parties", {"count": comers.in_parties, "parties": comers.parties, "share": round(100 * self.parties)})
            )
        if comers.skipped:
            notes.append(("skipped", {"count": comers.skipped}))
        if tracks is not None:
            size = {"rows": tracks.rows, "megabytes": tracks.rows * ROW_BYTES / 1e6}
            notes.append(("tracks", {"per_s": self.tracks_per_s, **size}))
        if outside := int(comers.outside.sum()):
            notes.append(("outside", {"count": outside}))
        if walkers.people.count:
            notes.append(("inside", {"count": walkers.people.count}))
        if (crush := walkers.people.crush).size and crush.max() >= 0.5:
            half, full = (int((crush >= bound).sum()) for bound in (0.5, 1.0))
            notes.append(("compression", {"highest": round(float(crush.max()), 1), "half": half, "full": full}))
        return (*notes, *doses.notes(walkers.people))


def _key(rng: np.random.Generator | None) -> int:
    return int((rng or np.random.default_rng(0)).integers(0, 2**63))


def _mover(comers: Comers, walkers: Walkers, monitor: Monitor) -> Callable[[int, int], int]:
    """Return what adds people to a zone or takes them away."""

    def move(zone: int, count: int) -> int:
        inside = monitor.zone_of(walkers.people) == zone
        return comers.correct(walkers, monitor.zones.geometry.iloc[zone], inside, count)

    return move


def _left(walkers: Walkers) -> NDArray[np.int64]:
    """Return who has left so far, by each gate and then at each goal."""
    return np.concatenate([walkers.left_by_gate, walkers.left_by_goal])


def _ledger(comers: Comers, walkers: Walkers) -> dict[str, int]:
    return {
        "made": comers.made,
        "outside": int(comers.outside.sum()),
        "inside": walkers.people.count,
        "left": walkers.left,
        "counted_in": comers.counted_in,
        "counted_out": comers.counted_out,
    }


def _frame(monitor: Monitor, signs: Signs, comers: Comers, walkers: Walkers, flow: NDArray[np.float64]) -> told.Frame:
    """Return what stands now; `flow` is what passed each gate, persons/s."""
    return told.Frame(
        monitor.now.astype(np.float32),
        {name: values.copy() for name, values in monitor.zone.items()} | {"pressure": signs.pressure},
        flow,
        monitor.by_density(walkers.people),
        (int(comers.outside.sum()), walkers.people.count, walkers.left),
    )
