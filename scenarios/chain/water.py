"""Water that stands on one road, and water that lifts a tank: what the next hazards, and the plan, make of it.

The flood pours a known inflow into two pits of one cell, so the depth at every moment is inflow x time / area.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scenarios.case.case import Case
from scenarios.case.schema import parse
from scenarios.chain import city
from scenarios.planning.draft import draft_plan
from scenarios.runner.run import Run
from scenarios.runner.simulate import Simulated, simulate, simulate_single
from twin.proof import Reference
from twin.readers.city_folder import save_folder

#: Inflow into each pit, m3/s, so that the water rises by this, m/s; and the output step, s.
INFLOW_M3_S = 0.55
RISE_M_S = INFLOW_M3_S / city.CELL_M**2
STEP_S = 300.0

#: Depths at which cars and walkers stop, m, and the speed of walkers in water as a share of that on dry ground.
CAR_STOPS_M, WADE_M = 0.3, 0.5
WADING = ((0.0, 0.10, 0.35, 0.60, 0.90), (1.0, 0.85, 0.60, 0.48, 0.40))

#: Orders to leave, city time -> s after the start: before the water, when it has stopped cars, when it stops walkers too.
ORDERS = {"18:00": 0.0, "18:30": 1800.0, "18:45": 2700.0}

HOURS = 1.5


def known_at(depth_m: float) -> float:
    """Return the first output time at which the water stands as high, s."""
    return float(STEP_S * np.ceil(depth_m / RISE_M_S / STEP_S))


def walked(leaves_s: float, metres: float) -> float:
    """Return when one who leaves on foot has gone so far through the water of the road, s; infinite where it stops him."""
    t, left = leaves_s, metres
    while left > 0.0:
        begins = STEP_S * np.floor(t / STEP_S)
        depth = RISE_M_S * begins
        if depth >= WADE_M:
            return np.inf
        speed = city.WALK_M_S * float(np.interp(depth, *WADING))
        gone = min(left, speed * (begins + STEP_S - t))
        t, left = (t + gone / speed) if gone == left else begins + STEP_S, left - gone
    return t


@contextmanager
def case(hazards: list[dict[str, Any]]) -> Iterator[Case]:
    """Yield the case of some hazards on the city, which lies in a folder of its own until the end."""
    with tempfile.TemporaryDirectory() as folder:
        save_folder(city.make(), Path(folder) / "city")
        pours = [
            {"kind": "inflow", "place": place, "start": "18:00", "values": {"m3_s": INFLOW_M3_S}}
            for place in ("pit", "T1")
        ]
        raw = {
            "schema": 1, "name": {"zh": "链条", "en": "Chain"}, "city": str(Path(folder) / "city"),
            "start": "2026-06-20T18:00+08:00", "hours": HOURS, "output_minutes": STEP_S / 60.0,
            "forcing": {"wind": {"speed_m_s": 2.0, "from_deg": 0}}, "hazards": hazards, "measures": pours, "seed": 7,
        }  # fmt: skip
        yield Case(raw, parse(raw, "chain"), Path(folder), "chain").check()


FLOOD: dict[str, Any] = {"flood": {"cell_m": city.CELL_M, "drainage": "none", "precision": "float64"}}
RELEASE: dict[str, Any] = {"release": {"substance": "chlorine", "cell_m": city.CELL_M, "wind_members": 0}}


def _leaves(order: str) -> dict[str, Any]:
    """Return a movement of all at home at once, when they are ordered."""
    return {"movement": {"zones": ["b-home"], "warning": order, "compliance": 1.0, "mean_delay_min": 1e-6}}


@cache
def _ordered(order: str) -> Simulated:
    """Return the run in which all at home are ordered to leave at `order`."""
    with case([FLOOD, _leaves(order)]) as made:
        return simulate(made)


@cache
def roads(_: Reference) -> dict[str, float]:
    """Return how far depth, closure, arrivals and people stopped by the water are from arithmetic.

    Ordered at once, all take the short road, and those on foot wade the last part of it. Once it is shut to cars the car takes
    the long road; those on foot set out on the short one, because it is still the quicker, and the water stops them there.
    Ordered later still, they too take the long road.
    """
    late, stopped = [], []
    for order, begins in ORDERS.items():
        outcome = _ordered(order).outcomes["movement"]
        arrived = outcome.state.arrays["traveller_safe"]
        car, foot = (np.flatnonzero(outcome.state.arrays["home_layer"] == layer)[0] for layer in (0, 1))
        leaves = begins + outcome.state.arrays["home_delay_s"]
        way = city.LONG_M if leaves[car] >= known_at(CAR_STOPS_M) else city.SHORT_M
        by_car = leaves[car] + way / city.CAR_M_S
        on_foot = walked(leaves[foot], city.SHORT_M)
        if leaves[foot] >= known_at(WADE_M):
            on_foot = leaves[foot] + city.LONG_M / city.WALK_M_S
        late.append(abs(arrived[car] - by_car))
        late.append(_apart(float(arrived[foot]), on_foot))
        expected = 0.0 if np.isfinite(on_foot) else 2.0
        stopped.append(abs(outcome.balance.stored["stranded"] - expected))
    first = _ordered("18:00")
    depth = first.outcomes["flood"].fields["water_depth"].values
    row, col = int(city.PIT[1] // city.CELL_M), int(city.PIT[0] // city.CELL_M)
    known = RISE_M_S * STEP_S * np.arange(len(depth))
    closed = first.outcomes["movement"].fields["road_closed"].sel(edge="short")
    return {
        "depth": float(np.abs(depth[:, row, col] - known).max()),
        "closure": abs(STEP_S * int(np.argmax(closed.values)) - known_at(CAR_STOPS_M)),
        "arrivals": float(max(late)),
        "stranded": float(max(stopped)),
    }


def _apart(found: float, expected: float) -> float:
    """Return how far two moments are apart; never (NaN) and never (infinite) are the same."""
    never = (not np.isfinite(found), not np.isfinite(expected))
    return 0.0 if all(never) else float("inf") if any(never) else abs(found - expected)


@cache
def tank(_: Reference) -> dict[str, float]:
    """Return when the tank begins to leak against arithmetic, the gas before and after, and what the plan knows when."""
    floats_s = known_at(city.FLOATS_M)
    with case([FLOOD, RELEASE]) as made, tempfile.TemporaryDirectory() as part:
        simulate_single(made, Path(part), None)
        run = Run(Path(part))
        tanks = run.tables_of("release")["tanks"].set_index("id")
        gas = run.fields["release"]["gas_concentration"].max(("y", "x")).values
        moment = made.clock.times[0].tz_localize("UTC") + pd.Timedelta(seconds=floats_s)
        known = [pd.Timestamp(task.known) for task in draft_plan(run).tasks if task.hazard == "release"]
    frame = round(floats_s / STEP_S)
    return {
        "begins": abs(float(tanks.loc["T1", "began_s"]) - floats_s),
        "before": float(gas[: frame + 1].max()),
        "after": float(gas[frame + 1 :].min()),
        "early": float(sum(k < moment for k in known)),
        "tasks": float(sum(k >= moment for k in known)),
    }
