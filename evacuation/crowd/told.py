"""What a crowd tells at its output times and at the end, whichever of its forms was computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from numpy.typing import NDArray

from evacuation.crowd.live.correction import Live
from evacuation.crowd.people.attendance import Attendance
from evacuation.crowd.people.walkers import People
from evacuation.crowd.risk.monitor import BOUNDS, Monitor
from evacuation.crowd.risk.outflow import Outflow
from evacuation.crowd.venue.plan import Plan
from evacuation.crowd.venue.ways import Finder
from twin.city import City, part_name
from twin.clock import Clock
from twin.hazard import Action, Balance

#: The rest of a venue beside its zones is a zone where so much of it, m2, lies further than this from its rim, m: somebody can stand there.
LEAST_REST_M2, RIM_M = 1.0, 0.25


@dataclass(frozen=True)
class Frame:
    """What is told at one output time."""

    density: NDArray[np.float32]
    zone: Mapping[str, NDArray[np.float64]]
    flow: NDArray[np.float64]
    by_density: NDArray[np.int64]
    where: tuple[int, int, int]


def zones_of(plan: Plan) -> gpd.GeoDataFrame:
    """Return the zones that are graded: those of the plan, and last the rest of the venue, so that no ground is without a colour."""
    drawn = plan.zones
    rest = plan.ground.difference(shapely.union_all(drawn.geometry.values)) if len(drawn) else plan.ground
    if len(drawn) and rest.buffer(-RIM_M).area < LEAST_REST_M2:
        return drawn
    name = ("rest", "其余场地", "Rest of the venue") if len(drawn) else ("whole", "全场", "Whole venue")
    row = {"id": [f"{plan.id}/{name[0]}"], "name_zh": [name[1]], "name_en": [name[2]]}
    own = gpd.GeoDataFrame(row, geometry=[rest], crs=plan.grid.crs)
    return gpd.GeoDataFrame(pd.concat([drawn, own], ignore_index=True), crs=plan.grid.crs)


def drawn_of(plan: Plan, zones: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the zones that the plan has drawn, the whole venue where it has none."""
    return zones.iloc[: max(len(plan.zones), 1)]


def places_of(plan: Plan, zones: gpd.GeoDataFrame, venue: Mapping[str, str]) -> gpd.GeoDataFrame:
    """Return zones and gates as places of this model, with the venue in their names: a city has many a west gate."""
    gates = gpd.GeoDataFrame(
        {
            "id": [gate.id for gate in plan.gates],
            "kind": "crowd_gate",
            "name_zh": [gate.name_zh for gate in plan.gates],
            "name_en": [gate.name_en for gate in plan.gates],
        },
        geometry=[plan.levels.on_map(gate.shape) for gate in plan.gates],
        crs=plan.grid.crs,
    )
    zones = zones.set_geometry([plan.levels.on_map(shape) for shape in zones.geometry], crs=plan.grid.crs)
    both = gpd.GeoDataFrame(pd.concat([zones.assign(kind="crowd_zone"), gates], ignore_index=True), crs=plan.grid.crs)
    named = [part_name(venue, {"zh": zh, "en": en}) for zh, en in zip(both["name_zh"], both["name_en"], strict=True)]
    return both.assign(**{f"name_{lang}": [name[lang] for name in named] for lang in ("zh", "en")})


def under_water(before: NDArray[np.float64], now: NDArray[np.bool_], t: float) -> NDArray[np.float64]:
    """Return, for each gate, when water first shut it (NaN: never; row 0) and for how many seconds it did (row 1)."""
    if not now.any():
        return before
    first = np.where((before[1] == 0) & now, t, np.where(before[1] == 0, np.nan, before[0]))
    return np.stack([first, before[1] + now])


def gate_table(
    plan: Plan, passed: NDArray[Any], left: NDArray[Any], flooded: NDArray[np.float64], outflow: Outflow | None = None
) -> pd.DataFrame:
    """Return a row per gate: people in, out and left by it since the first run began, and when water shut it in this run.

    Other lines that open have a row, too, but no separator: until it is set it is no way, only a line on open ground.

    `passed` (gate, 2) in and out, NaN where that was not counted; `left` (gate,). `largest_flow` is the largest flow for the width,
    persons/m/s, `falters_after_s` when it first fell below FALTERS_PER_M_S before a queue, s since the first run began, and
    `falters_s` for how long it did; NaN where nobody followed single people (`outflow` None).
    """
    unknown = np.full(len(plan.gates), np.nan)
    table = pd.DataFrame(
        {
            "id": [gate.id for gate in plan.gates],
            "passed_in": passed[:, 0],
            "passed_out": passed[:, 1],
            "left": left,
            "shut_by": np.where(flooded[1] > 0, "water", ""),
            "by_s": np.where(flooded[1] > 0, flooded[0], np.nan),
            "shut_s": flooded[1],
            "largest_flow": unknown if outflow is None else outflow.largest,
            "falters_after_s": unknown if outflow is None else outflow.falters_after,
            "falters_s": unknown if outflow is None else outflow.falters_s,
        }
    )
    return table[[gate.kind != "separator" for gate in plan.gates]].reset_index(drop=True)


def balance(
    before: Mapping[str, float], after: Mapping[str, float], *, resumed: bool, tolerance: float = 0.0
) -> Balance:
    """Close the ledger of this run: who was there or came, or was added by live counts, is inside, outside, has left or was taken away."""
    there = before["inside"] + before["outside"]
    added, taken = (float(after.get(k, 0.0) - before.get(k, 0.0)) for k in ("counted_in", "counted_out"))
    came = after["made"] + after["outside"] - before["made"] - before["outside"] - added
    return Balance(
        unit="persons",
        came_in={"there": float(there), "came": float(came)} | ({"counted_in": added} if added else {}),
        went_out={"left": float(after["left"] - before["left"])} | ({"counted_out": taken} if taken else {}),
        stored={"inside": float(after["inside"]), "outside": float(after["outside"])},
        tolerance=tolerance,
        remarks={"resumed": float(resumed)},
    )


def counts(frames: list[Frame], clock: Clock) -> dict[str, pd.DataFrame]:
    """Return people by local density, and by where they are: outside, inside, left."""

    def table(rows: list[Any]) -> pd.DataFrame:
        values = np.array(rows, dtype=np.float64)
        return pd.DataFrame(values, index=clock.times, columns=[float(k + 1) for k in range(values.shape[1])])

    return {"density": table([f.by_density for f in frames]), "where": table([f.where for f in frames])}


def unheeded(
    plan: Plan, strangers: float, skipped: float, actions: tuple[Action, ...]
) -> list[tuple[str, Mapping[str, Any]]]:
    """Say what of the scenario changed nothing: strangers of a source of which the plan does not say by which ways its people came, and
    trains that skip a stop at which nobody was to come."""
    notes: list[tuple[str, Mapping[str, Any]]] = []
    anywhere = [source.id for source in plan.sources if not source.came_by]
    if strangers and anywhere:
        notes.append(("strangers_unknown", {"sources": anywhere}))
    idle = [a.place for a in actions if a.kind == "skip_stop" and a.place in {source.id for source in plan.sources}]
    if idle and not skipped:
        notes.append(("skip_idle", {"sources": idle}))
    return notes


def bound_for(people: People, finder: Finder, now: float) -> NDArray[np.int64]:
    """Return how many of those inside who are told to leave by `now` want to go to each goal, (goal,); who may go to several counts at
    each."""
    goes = (people.leaves <= now) & (people.out < 0)
    return np.asarray(finder.wants[people.group[goes]].sum(axis=0))


def goal_table(plan: Plan, places: NDArray[Any], taken: NDArray[Any], going: list[NDArray[np.int64]]) -> pd.DataFrame:
    """Return a row per goal: `places` that its curve offers in this run (NaN: it takes whoever comes), `taken` by it, and how many inside
    want to go there: the most at one output time (`most_going`) and at the end (`still_going`), of `going` (time, goal)."""
    there = np.array(going, dtype=np.float64).reshape(len(going), len(plan.goals))
    figures = {"places": places, "taken": taken, "most_going": there.max(axis=0), "still_going": there[-1]}
    return pd.DataFrame({"id": np.array(list(plan.goals), dtype=object), **figures})


def goals_waited_for(
    plan: Plan, finder: Finder, limited: list[str], queue_push_n: float
) -> list[tuple[str, Mapping[str, Any]]]:
    """Say how people wait at goals that take them by a curve, and that who may go to other goals, too, does not know that curve."""
    if not limited:
        return []
    notes: list[tuple[str, Mapping[str, Any]]] = [("goals_wait", {"goals": limited, "push": queue_push_n})]
    free = [s.id for s in plan.sources if len(aim := s.goals or frozenset(plan.goals)) > 1 and aim & set(limited)]
    return notes + ([("goals_unknown", {"goals": limited, "sources": free})] if free else [])


def asked(
    plan: Plan, city: City, attendance: Attendance | None, persons: int, clock: Clock
) -> list[tuple[str, Mapping[str, Any]]]:
    """Say by which sources nobody comes because the attendance of others alone is said, and whether more people are asked for at one
    time, by attendance or as `persons` at the start, than the venue is known to hold."""
    notes: list[tuple[str, Mapping[str, Any]]] = []
    silent = [s.id for s, curve in zip(plan.sources, attendance.of, strict=True) if curve < 0] if attendance else []
    if silent:
        notes.append(("attendance_silent", {"sources": silent}))
    most = attendance.most(clock.duration_s) if attendance else persons
    holds = pd.to_numeric(city.facilities["capacity"], errors="coerce")[city.facilities["id"] == plan.id].iloc[0]
    if 0.0 < holds < most:  # 0 or nothing: not known
        notes.append(("capacity", {"most": most, "capacity": int(holds)}))
    return notes


def live_tables(live: Live, frames: list[Frame], clock: Clock) -> dict[str, pd.DataFrame]:
    """Return the readings of the counters of the venue, and what the run expects of their zones after the last one; nothing without any."""
    if not live.read:
        return {}
    people = np.stack([frame.zone["people"] for frame in frames])
    return {
        "live": live.table(),
        "forecast": live.forecast(people, clock.step_s * np.arange(len(frames), dtype=np.float64)),
    }


def fields(frames: list[Frame], monitor: Monitor, plan: Plan, clock: Clock) -> xr.Dataset:
    """Return the fields: density on cells in time and what was reached there, figures of zones and gates in time.

    Of levels above one another a cell tells the densest; zones tell them apart.
    """
    grid, space, of_zone = monitor.density.grid, ("y", "x"), ("time", "zone")
    names = {"peak_density": "density", "zone_people": "people", "contact_force": "force"}
    names |= {"compression_dose": "dose", "crush_index": "index", "crowd_pressure": "pressure"}
    data = {name: (of_zone, np.stack([f.zone[key] for f in frames])) for name, key in names.items()}
    folded = plan.levels.folded
    fields = xr.Dataset(
        {
            "crowd_density": (("time", *space), np.stack([folded(f.density) for f in frames])),
            "max_crowd_density": (space, folded(monitor.highest.astype(np.float32))),
            "dense_duration": (("density_bound", *space), folded(monitor.above.astype(np.float32))),
            "gate_flow": (("time", "gate"), np.stack([f.flow for f in frames])),
            **data,
        },
        coords={
            "time": clock.times.values, "y": grid.y, "x": grid.x[: grid.nx // len(plan.levels.numbers)], "density_bound": list(BOUNDS),
            "zone": monitor.zones["id"].values, "gate": np.array([gate.id for gate in plan.gates], dtype=object),
        },
    )  # fmt: skip
    fields["density_bound"].attrs |= {"units": "m-2"}
    return fields


def worst_table(zones: pd.DataFrame) -> pd.DataFrame:
    """Return one row of a table of zones (`Monitor.table`): what runs are compared by, each in the zone where it is worst.

    `density`, persons/m2; `force_n`, load on one person, N (NaN where that of a zone is not known); `above_5_s`, s at 5 persons/m2 or more.
    """
    worst = zones[["peak_density", "peak_force_n", "above_5_s"]].max(skipna=False)
    return worst.set_axis(["density", "force_n", "above_5_s"]).to_frame().T


def pressure_table(frames: list[Frame], monitor: Monitor, clock: Clock) -> pd.DataFrame:
    """Return crowd pressure in time, a row per zone and output time at which it is known: zone, s after the start, 1/s2."""
    pressure = np.stack([frame.zone["pressure"] for frame in frames])
    when, zone = np.nonzero(np.isfinite(pressure))
    ids = monitor.zones["id"].values[zone]
    return pd.DataFrame({"id": ids, "s": clock.step_s * when, "pressure": pressure[when, zone]})


def left_table(frames: list[Frame], clock: Clock) -> pd.DataFrame:
    """Return one row of when people have left, s after the start to the output step; NaN where they have not by the end.

    `half_s`: half of all who are told of in this run, `all_s`: everybody, so that nobody is inside or waits outside any more.
    """
    outside, inside, left = np.array([frame.where for frame in frames], dtype=np.float64).T
    out, everybody = left - left[0], outside[-1] + inside[-1] + left[-1] - left[0]
    still = np.round(outside + inside) > 0.0
    half, last = np.flatnonzero(2.0 * out >= everybody), np.flatnonzero(still)
    done = len(last) and not still[-1]
    return pd.DataFrame(
        {
            "half_s": [clock.step_s * half[0] if everybody and len(half) else np.nan],
            "all_s": [clock.step_s * (last[-1] + 1) if done else np.nan],
        }
    )
