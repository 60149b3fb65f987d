"""The run of a crowd as a density: gates, comers and the stream second by second, graded as a crowd of persons is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evacuation.crowd import told
from evacuation.crowd.district.inflow import Inflow
from evacuation.crowd.district.singles import SINGLE_FROM, Singles
from evacuation.crowd.district.stream import RENEWED_S, Stream, span
from evacuation.crowd.live.correction import Live
from evacuation.crowd.people.attendance import Attendance
from evacuation.crowd.people.law import Pressing
from evacuation.crowd.risk.barriers import Barriers
from evacuation.crowd.risk.density import Density, Ground
from evacuation.crowd.risk.monitor import PRESSED, Monitor
from evacuation.crowd.risk.outflow import exit_table
from evacuation.crowd.variables import KEPT, OF_PERSONS
from evacuation.crowd.venue.checker import faults
from evacuation.crowd.venue.gates import Timetable
from evacuation.crowd.venue.plan import Plan
from evacuation.crowd.venue.ways import MOST_SLOW_DENSITY, Finder
from twin.city import City
from twin.clock import Clock
from twin.drivers import tagged
from twin.hazard import Action, Drivers, Outcome, Progress, State, measure_table
from twin.variables import conform

#: A gate of fewer cells lets through less than it would: its ends lie in the wall.
FEWEST_CELLS = 4


@dataclass(frozen=True)
class Asked:
    """What a scenario says of the crowd; see `crowd.Crowd`."""

    venue: str
    persons: int
    arrivals_per_s: float
    leave_within_s: float
    strangers: float
    parties: float
    gate_closes_m: float
    stream_cell_m: float
    step_s: float
    push_n: float
    queue_push_n: float
    form: str


def simulate(
    asked: Asked, attendance: Attendance | None, key: int, settings: dict[str, str | float], city: City, drivers: Drivers, clock: Clock,
    actions: tuple[Action, ...], state: State | None, progress: Progress | None,
) -> Outcome:  # fmt: skip
    """Simulate one member; see `twin.hazard.Hazard`. Raises ScenarioError for a plan or figures that cannot be."""
    plan = Plan.of(city, asked.venue, asked.stream_cell_m)
    gates = Timetable(plan, city, clock, actions, drivers.get("water_depth"), asked.gate_closes_m)
    finder = Finder(plan, MOST_SLOW_DENSITY)
    finder.check(gates.ever_open())
    kept = state.arrays if state else None
    stream = Stream(plan, finder, gates.at(0.0), kept)
    inflow = Inflow(
        stream, attendance, asked.persons, asked.arrivals_per_s, asked.leave_within_s, actions, kept, asked.strangers
    )
    if state is None:
        inflow.at_start(stream)
    monitor = Monitor(Density(plan.grid, Ground(finder.walkable, plan.grid.cell_m)), told.zones_of(plan), kept)
    drawn = told.drawn_of(plan, monitor.zones)
    zones = drawn if asked.form == "mixed" else drawn.iloc[:0]
    singles = Singles(
        stream, zones, key, Pressing(asked.step_s, asked.push_n, asked.queue_push_n), kept, clock.duration_s
    )
    before = _ledger(inflow, stream, singles) if state else {"made": 0.0, "outside": 0.0, "inside": 0.0, "left": 0.0}
    live = Live(plan, drawn, city, drivers, clock, kept)
    began = float(state.numbers["since_s"]) if state else 0.0
    passed = np.array(kept["passed_last"]) if kept is not None else np.zeros(len(plan.gates))
    monitor.look_stream(singles.density(), stream.total, stream.cell)
    through = [stream.out + singles.out]
    frames = [_frame(monitor, inflow, stream, singles, passed)]
    flooded, seconds = np.zeros((2, len(plan.gates))), round(clock.step_s)
    for k in range(clock.steps):
        monitor.new_step()
        left = through[-1][:-1]
        for second in range(seconds):
            t = float(k * seconds + second)
            stream.set_gates(gates.at(t))
            flooded = told.under_water(flooded, gates.flooded(t), t)
            inflow.step(stream, singles, t, began + t)
            live.step(
                t,
                lambda zone: float(stream.total.ravel()[monitor.cells_of(zone)].sum()) * stream.cell**2,
                through[-1][:-1],
                lambda zone, count: inflow.correct(stream, monitor.cells_of(zone), count),
            )
            dense = [stream.total.ravel()[monitor.cells_of(z)].max(initial=0.0) for z in range(len(zones))]
            singles.begin(np.array(dense) >= SINGLE_FROM, began + t)
            singles.walk(gates.at(t), began + t)
            monitor.watch_stream(singles.density(), stream.total, stream.cell, singles.pressed(), began + t + 1.0)
            through.append(stream.out + singles.out)
            if progress is not None:
                progress((t + 1.0) / clock.duration_s)
        passed = (through[-1][:-1] - left) / clock.step_s
        frames.append(_frame(monitor, inflow, stream, singles, passed))
    arrays = stream.record() | inflow.record() | singles.record() | {"key": np.array([key], dtype=np.uint64)}
    arrays |= monitor.record() | live.record() | {"passed_last": passed}
    after = State("crowd", city.grid.hash, arrays, {"since_s": began + clock.duration_s}, settings)
    fields = told.fields(frames, monitor, plan, clock)
    fields = fields if len(zones) else fields.drop_vars([v.name for v in OF_PERSONS])  # not known
    since = np.full(len(monitor.zones), np.nan)
    since[: len(zones)] = singles.since
    table = monitor.table().assign(single_after_s=since)
    table["peak_force_n"] = table["peak_force_n"].where(~np.isnan(since))
    out = np.round(through[-1][:-1])
    unknown = np.full(len(plan.gates), np.nan)
    rim = np.array([gate.rim for gate in plan.gates])
    passed_by = np.stack([unknown, np.where(rim, out, np.nan)], axis=1)
    return Outcome(
        conform(fields, *(v for v in KEPT if v not in OF_PERSONS or len(zones))),
        {
            "zones": table,
            "worst": told.worst_table(table),
            "left": told.left_table(frames, clock),
            "gates": told.gate_table(plan, passed_by, out, flooded),
            "exits": exit_table(plan, _by_exit(plan, through)),
            "measures": measure_table(actions),
            "barriers": Barriers.unknown(plan),
            **told.live_tables(live, frames, clock),
        },
        told.balance(before, _ledger(inflow, stream, singles), resumed=state is not None, tolerance=1e-9).check(
            "crowd"
        ),
        after,
        (
            *_notes(asked, attendance, plan, finder, inflow, stream, singles, monitor, drivers),
            *faults(plan, city.ids("place")),
            *told.unheeded(plan, asked.strangers, inflow.skipped, actions),
            *live.notes(),
        ),
        places=told.places_of(plan, monitor.zones, city.place_name(asked.venue)),
        counts=told.counts(frames, clock),
    )


def _by_exit(plan: Plan, through: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Return who has left by each gate and goal each second; of several goals it is not known at which (NaN)."""
    goals = len(plan.goals)
    return [np.append(out[:-1], [out[-1] if goals == 1 else np.nan] * goals) for out in through]


def _frame(monitor: Monitor, inflow: Inflow, stream: Stream, singles: Singles, flow: NDArray[np.float64]) -> told.Frame:
    out = float(stream.out.sum() + singles.out.sum())
    where = (round(inflow.outside.sum()), round(stream.inside + singles.persons), round(out))
    by_density = monitor.by_density_of(stream.total, stream.cell)
    zone = {name: values.copy() for name, values in monitor.zone.items()}
    for name in PRESSED:
        zone[name][~singles.followed(len(monitor.zones))] = np.nan  # not known
    zone["pressure"] = np.full(len(monitor.zones), np.nan)  # not worked out here
    return told.Frame(monitor.now.astype(np.float32), zone, flow, by_density, where)


def _ledger(inflow: Inflow, stream: Stream, singles: Singles) -> dict[str, float]:
    outside, left = float(inflow.outside.sum()), float(stream.out.sum() + singles.out.sum())
    inside = stream.inside + singles.persons
    counted = {"counted_in": inflow.counted_in, "counted_out": inflow.counted_out}
    return {
        "made": inflow.made + inflow.counted_in,
        "outside": outside,
        "inside": inside,
        "left": left,
        **counted,
    }


def _notes(
    asked: Asked, attendance: Attendance | None, plan: Plan, finder: Finder, inflow: Inflow, stream: Stream, singles: Singles,
    monitor: Monitor, drivers: Drivers,
) -> list[tuple[str, Mapping[str, Any]]]:  # fmt: skip
    """Say what the reader must know: assumptions made here and limits met."""
    count = round(inflow.made + inflow.outside.sum())
    notes: list[tuple[str, Mapping[str, Any]]] = [
        (
            "mixed_form" if asked.form == "mixed" else "stream",
            {"cell": stream.cell, "renewed": RENEWED_S, "density": SINGLE_FROM},
        ),
        ("people", {"count": count, "basis": "forcing" if attendance else "asked"}),
    ]
    narrow = [gate.id for k, gate in enumerate(plan.gates) if span(finder.gate_cells(k)) < FEWEST_CELLS]
    narrow += [join.id for join in plan.levels.joins if join.width_m < FEWEST_CELLS * stream.cell]
    if narrow:
        notes.append(("stream_gates", {"gates": narrow, "cells": FEWEST_CELLS}))
    single, ids = singles.followed(len(monitor.zones)), monitor.zones["id"].astype(str)
    if single.any():
        told_of = [
            f"{z} ({after / 60.0:.1f} min)"
            for z, after in zip(ids[single], singles.since[~np.isnan(singles.since)], strict=True)
        ]
        notes.append(("mixed", {"zones": told_of, "density": SINGLE_FROM, "push": asked.push_n}))
    dense = [
        z for z, peak, own in zip(ids, monitor.peak["density"], single, strict=True) if peak >= SINGLE_FROM and not own
    ]
    if dense:
        code = "mixed_touches" if asked.form == "mixed" else "stream_touches"
        notes.append((code, {"zones": dense, "density": SINGLE_FROM}))
    if not len(plan.zones):
        notes.append(("no_zones", {"venue": asked.venue}))
    if skipped := round(inflow.skipped):
        notes.append(("skipped", {"count": skipped}))
    if outside := round(inflow.outside.sum()):
        notes.append(("outside", {"count": outside}))
    if inside := round(stream.inside + singles.persons):
        notes.append(("inside", {"count": inside}))
    if asked.parties:
        notes.append(("stream_no_parties", {"share": round(100 * asked.parties)}))
    if tagged(drivers, "dose_rate"):
        notes.append(("stream_no_dose", {}))
    return notes
