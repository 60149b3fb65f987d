"""Cases of IMO MSC.1/Circ.1533, NIST TN 1822, ISO 20414 and RiMEA 14 that no other file holds, and the table of those that one does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial

import numpy as np
import pandas as pd
import shapely

from evacuation.crowd.people import draws
from evacuation.crowd.people.law import Pressing
from evacuation.crowd.people.walkers import Walkers
from evacuation.crowd.proofs.worlds import SECOND, OverDraws, emptied, filled, line, plan_of, room, set_speed
from evacuation.crowd.venue.gates import Gates
from twin.proof import Proof, Reference, Skip

#: Rows that are the same case as a row of ours. No case is computed twice: both rows read one cached result.
SAME = {
    "B1": ("A1", "IMO 1, corridor"), "B2": ("A2", "IMO 2, stairs up"), "B3": ("A3", "IMO 3, stairs down"),
    "B5": ("A5", "IMO 5, response time"), "B6": ("A6", "IMO 6, corner"), "B7": ("A7", "IMO 7, demographics"),
    "B9": ("A9", "IMO 9, large room"), "B10": ("A10", "IMO 10, cabins"), "B11": ("A13", "IMO 11, stairs"),
    "C1.1": ("A5", "NIST 1.1, pre-evacuation time"), "C2.1": ("A1", "NIST 2.1, corridor"), "C2.2": ("A2", "NIST 2.2, stairs"),
    "C2.3": ("A6", "NIST 2.3, corner"), "C2.4": ("A7", "NIST 2.4, demographics"), "C2.8": ("B8", "NIST 2.8, counterflow"),
    "C2.9": ("D14", "NIST 2.9, groups"), "C3.1": ("A10", "NIST 3.1, exit route allocation"),
    "C3.3": ("exit-familiarity", "NIST 3.3, affiliation"), "C4.1": ("D9", "NIST 4.1, availability of exits"),
    "C5.1": ("A13", "NIST 5.1, congestion"), "C5.2": ("B4", "NIST 5.2, maximum flow"),
    "D1": ("A5", "ISO 20414 test 1"), "D2": ("A1", "ISO 20414 test 2"), "D3": ("A2", "ISO 20414 test 3"),
    "D4": ("A6", "ISO 20414 test 4"), "D5": ("A7", "ISO 20414 test 5"), "D6": ("B8", "ISO 20414 test 6"),
    "D8": ("A10", "ISO 20414 test 8"), "D10": ("A13", "ISO 20414 test 10"), "D11": ("B4", "ISO 20414 test 11"),
    "D12": ("A13/stair", "ISO 20414 test 12"), "D13": ("A4", "ISO 20414 test 13"),
    "D16": ("exit-familiarity", "ISO 20414 test 16"), "D17": ("A14", "ISO 20414 test 17"),
}  # fmt: skip

#: Rows that ask for what the model does not have.
NOT_APPLICABLE = {
    "C2.5": ("NIST 2.5, reduced visibility", "no smoke"),
    "C2.6": ("NIST 2.6, incapacitation", "nobody is made to fall"),
    "C2.7": ("NIST 2.7, elevators", "no elevators"),
    "C2.10": ("NIST 2.10, movement disabilities", "no wheelchairs"),
    "C3.2": ("NIST 3.2, social influence", "nobody follows another's choice"),
    "D7": ("ISO 20414 test 7, overtaking people with disabilities", "no wheelchairs"),
    "D15": ("ISO 20414 test 15, social influence", "nobody follows another's choice"),
    "D18": ("ISO 20414 test 18, reduced visibility", "no smoke"),
    "D19": ("ISO 20414 test 19, incapacitation", "nobody is made to fall"),
    "D20": ("ISO 20414 test 20, lifts", "no lifts"),
    "D21": ("ISO 20414 test 21, escalators", "no escalators"),
}


def cross_referenced(rows: Sequence[Proof]) -> tuple[Proof, ...]:
    """Return the rows of `SAME`, each with the case of the row it points at, and those of `NOT_APPLICABLE`."""
    known = {row.id: row for row in rows}
    found = [
        replace(known[f"crowd/{ours}"], id=f"crowd/{name}", source=f"{title}: the same case as crowd/{ours}")
        for name, (ours, title) in SAME.items()
    ]
    none = [
        Proof(f"crowd/{name}", "not applicable", "1", "<=", None, title, _not_applicable(why))
        for name, (title, why) in NOT_APPLICABLE.items()
    ]
    return (*found, *none)


def _not_applicable(why: str) -> Callable[[Reference], float]:
    def run(_: Reference) -> float:
        raise Skip(f"not applicable: {why}")

    return run


@OverDraws
@cache
def exit_flow(_: Reference, key: int) -> dict[str, float]:
    """Return the persons a second who leave a room of 8 m by 5 m through a door of 1 m: 100 people, between the 20th and the 80th."""
    plan = room(shapely.box(0, 0, 8, 5), [line((8, 2), (8, 3))], shapely.box(0.3, 0.3, 7.7, 4.7))
    walkers = filled(plan, 100, key=key)
    left: list[int] = []
    emptied(walkers, 200, lambda _second: left.append(walkers.left))
    gone = np.array(left)
    first, last = int(np.argmax(gone >= 20)), int(np.argmax(gone >= 80))
    return {"flow": float((gone[last] - gone[first]) / (last - first))}


def _least_rise(found: Mapping[str, float]) -> dict[str, float]:
    return {"rises": float(np.diff(list(found.values())).min())}


@partial(OverDraws, judge=_least_rise)
@cache
def counterflow_rooms(_: Reference, key: int) -> dict[str, float]:
    """Return when the last of 100 has come from a room of 10 m by 10 m through a corridor of 10 m by 2 m into another.

    From there 0, 10, 50 and 100 people come towards them. `rises`: the least rise of that time from one number to the next, s.
    """
    outline = shapely.union_all([shapely.box(0, 0, 10, 10), shapely.box(10, 4, 20, 6), shapely.box(20, 0, 30, 10)])
    shut = line((0, 4.5), (0, 5.5))
    parts = [
        ("wall", "wall", outline.exterior.difference(shut.buffer(0.005, cap_style="flat"))),
        ("gate", "gate", shut),
        ("one", "source", shapely.box(0.3, 0.3, 9.7, 9.7)),
        ("two", "source", shapely.box(20.3, 0.3, 29.7, 9.7)),
        ("east", "goal", shapely.box(21, 0.2, 29.8, 9.8)),
        ("west", "goal", shapely.box(0.2, 0.2, 9, 9.8)),
    ]
    found: dict[str, float] = {}
    for others in (0, 10, 50, 100):
        share = [np.nan, np.nan, 100.0, float(others), np.nan, np.nan]
        plan = plan_of(outline, parts, goals=["", "", "east", "west", "", ""], flow_per_s=share)
        walkers = filled(plan, 100 + others, key=key)
        came: list[int] = []
        emptied(walkers, 300, lambda _s, w=walkers, c=came: c.append(int(w.left_by_goal[0])))  # type: ignore[misc]
        found[f"time_{others}"] = float(np.argmax(np.array(came) >= 100) + 1) if came[-1] >= 100 else 300.0
    return found


@OverDraws
@cache
def lanes(_: Reference, key: int) -> dict[str, float]:
    """Return the order parameter of lanes (Nowak and Schadschneider 2012) of people who stand mixed in a corridor of 36 m by 4 m,
    1 person/m2, half to either end: at the `start`, the mean of the 8th to the 12th second (`later`), and by how much it `rises`.

    It is the mean over people, 8 m from the ends, of ((n - m) / (n + m))2 in their row of 0.5 m along the corridor: n go their way, m come.
    """
    outline, shut = shapely.box(0, 0, 36, 4), line((0, 1.5), (0, 2.5))
    parts = [
        ("wall", "wall", outline.exterior.difference(shut.buffer(0.005, cap_style="flat"))),
        ("gate", "gate", shut),
        *((f"from-{k}", "source", shapely.box(x, 0.3, x + 17.0, 3.7)) for k, x in enumerate((1.0, 18.0))),
        *((f"to-{k}", "goal", shapely.box(x, 0.2, x + 0.8, 3.8)) for k, x in enumerate((0.1, 35.1))),
    ]
    walkers = filled(plan_of(outline, parts, goals=["", "", "to-1", "to-0", "", ""]), 144, key=key)
    order = np.argsort(draws.uniform(key, walkers.people.number, draws.ORDER), kind="stable")
    walkers.people.group[order] = np.arange(len(order)) % 2
    seen = [_order(walkers)]
    emptied(walkers, 12, lambda _second: seen.append(_order(walkers)))
    start, later = seen[0], float(np.mean(seen[8:]))
    return {"start": start, "later": later, "rises": later - start}


def _order(walkers: Walkers) -> float:
    x, y = walkers.plan.at(walkers.people.x, walkers.people.w)
    inner = (x > 8.0) & (x < 28.0)
    n, m = (np.histogram(y[inner & (walkers.people.group == k)], np.arange(0.0, 4.1, 0.5))[0] for k in (0, 1))
    return float(((n - m) ** 2 / np.maximum(n + m, 1)).sum() / max((n + m).sum(), 1))


@cache
def exit_shut(_: Reference) -> dict[str, float]:
    """Return how many cross an exit after it was shut (at 1 s) and who is still inside: 50 people, a room with two exits of 1 m."""
    plan = room(shapely.box(0, 0, 10, 10), [line((x, 0), (x + 1, 0)) for x in (2.0, 7.0)], shapely.box(1, 1, 9, 9))
    walkers = filled(plan, 50)
    walkers.walk(0.0, SECOND)
    before = int(walkers.flows[0].sum())
    both, inner = np.zeros(2, np.int8), np.array([gate.inner for gate in plan.gates], np.int8)
    walkers.set_gates(Gates(np.array([True, False]), both, np.full(2, np.inf), inner))
    for second in range(1, 120):
        walkers.walk(float(second), SECOND)
    return {"through": float(walkers.flows[0].sum() - before), "inside": float(walkers.people.count)}


@cache
def slow_member(_: Reference) -> dict[str, float]:
    """Return how far apart, s, the first and the last of a party of five leave a corridor of 30 m if one walks at 0.6 m/s, not 1.3.

    `together`: as a party; `alone`: as five people who do not know one another.
    """
    found = {}
    plan = room(shapely.box(0, 0, 36, 4), [line((36, 0.5), (36, 3.5))], shapely.box(0.5, 0.5, 5, 3.5))
    for name in ("together", "alone"):
        walkers = filled(plan, 5)
        set_speed(walkers, 1.3)
        walkers.people.free[0] = 0.6
        if name == "together":
            walkers.people.party[:] = 0
        left: list[int] = []
        emptied(walkers, 120, lambda _s, w=walkers, c=left: c.append(w.left))  # type: ignore[misc]
        gone = np.array(left)
        found[name] = float(np.argmax(gone >= 5) - np.argmax(gone >= 1))
    return found


@cache
def two_ways(_: Reference) -> dict[str, float]:
    """Return the share of fifty people of case A14 who take the short way with stairs, 30 m, rather than the level one.

    `short`: the level way is 80 m long; `level`: it is 42 m. A metre of stairs costs as much as two on the level.
    """
    found = {}
    for name, far in (("short", 25.0), ("level", 6.0)):
        ring = shapely.box(0, 0, 30, far + 3).difference(shapely.box(3, 3, 27, far))
        out = line((30, 0.5), (30, 2.5))
        parts = [
            ("wall", "wall", ring.exterior.difference(out.buffer(0.005, cap_style="flat"))),
            ("block", "obstacle", shapely.box(3, 3, 27, far)),
            ("out", "gate", out),
            ("source", "source", shapely.box(0.4, 0.4, 2.6, 2.6)),
            ("up", "stair", shapely.box(5, 0, 13, 3)),
            ("down", "stair", shapely.box(17, 0, 25, 3)),
        ]
        plan = plan_of(ring, parts, rise=[np.nan] * 4 + [0.6, 0.6], up_deg=[np.nan] * 4 + [90.0, 270.0])
        walkers = filled(plan, 20)
        short: set[int] = set()

        def look(_second: int, w=walkers, p=plan, s=short) -> None:  # type: ignore[no-untyped-def]
            x, y = p.at(w.people.x, w.people.w)
            s.update(w.people.number[(x > 5) & (x < 25) & (y < 3)].tolist())

        emptied(walkers, 200, look)
        found[name] = len(short) / 20.0
    return found


#: A club as long and as wide as the Station nightclub, start areas (west, south, east, north) and doors put by hand: assumed.
CLUB = (24.0, 16.0)
AREAS = {
    "near stage / dance floor": (2.0, 5.0, 8.0, 12.0),
    "behind dance floor / soundboard": (8.0, 6.0, 12.0, 12.0),
    "between the two bars": (12.5, 7.5, 16.0, 12.0),
    "rear bar / dart room": (13.0, 1.0, 18.0, 4.0),
    "near the stage door": (0.5, 8.0, 2.0, 13.0),
    "sunroom": (5.0, 13.0, 9.0, 15.5),
    "along the back wall": (4.0, 0.5, 11.0, 2.5),
    "back hallway / restrooms": (11.2, 0.5, 12.8, 5.0),
    "main bar area (excl. 6 at its door)": (17.0, 7.0, 22.0, 12.0),
}
FRONT, OTHERS = line((12.0, 16.0), (14.0, 16.0)), {
    "stage": line((0.0, 10.0), (0.0, 11.0)),
    "bar": line((24.0, 9.0), (24.0, 10.0)),
    "kitchen": line((20.0, 0.0), (21.0, 0.0)),
}  # fmt: skip


@cache
def familiar_exits(reference: Reference) -> dict[str, float]:
    """Return the share who leave by the front door, by which all came in, from the start areas of the Station fire (299 people).

    `front`: half of them know no other way; `nearest`: everybody knows every exit. `stage` and `stage_nearest`: the same for those
    near the stage alone, of whom 16 of 75 did. Nobody is hindered by smoke, and there are no windows.
    """
    table = pd.read_csv(reference.folder("crowd") / "station_nightclub_exit_choice.csv").set_index("start_area")
    doors = [FRONT, *OTHERS.values()]
    outline = shapely.box(0, 0, *CLUB)
    fence = outline.exterior.difference(shapely.union_all(doors).buffer(0.005, cap_style="flat"))
    parts = [("wall", "wall", fence), ("front", "gate", FRONT), *((k, "gate", v) for k, v in OTHERS.items())]
    begin = len(parts)
    parts += [(name, "source", shapely.box(*AREAS[name])) for name in table.index]
    columns = {
        "flow_per_s": [np.nan] * begin + table["n"].astype(float).tolist(),
        "came_by": [""] * begin + ["front"] * len(table),
    }
    plan, found = plan_of(outline, parts, **columns), {}
    for name, share in (("", 0.5), ("_nearest", 0.0)):
        walkers = filled(plan, int(table["n"].sum()), strangers=share)
        x, y = plan.at(walkers.people.x, walkers.people.w)
        box = AREAS["near stage / dance floor"]
        stage = set(walkers.people.number[(x > box[0]) & (x < box[2]) & (y > box[1]) & (y < box[3])].tolist())
        last: dict[int, float] = {}

        def look(_second: int, w=walkers, seen=last) -> None:  # type: ignore[no-untyped-def]
            px, py = plan.at(w.people.x, w.people.w)
            seen.update(zip(w.people.number.tolist(), np.hypot(px - 13.0, py - 16.0).tolist(), strict=True))

        emptied(walkers, 300, look)
        found["front" if not name else "nearest"] = float(walkers.left_by_gate[0] / table["n"].sum())
        found[f"stage{name}"] = float(np.mean([last.get(k, 0.0) < 3.0 for k in stage]))
    return found


@cache
def metered_queue(_: Reference) -> dict[str, float]:
    """Return how 300 people stand before a gate of 4 m that lets one through every 3 s, in the second minute (means).

    `calm`, `leans`: persons/m2 on the 3 m by 3 m before it as they wait unless said otherwise, and if they lean with the usual push
    (`queue_push_n` 20); `load_calm`, `load_leans`: the load on the most pressed of all, N; `out_calm`, `out_leans`: people who left within
    two minutes.
    """
    plan = room(shapely.box(0, 0, 24, 16), [line((24, 6), (24, 10))], shapely.box(1, 1, 20, 15))
    inner, found = np.array([gate.inner for gate in plan.gates], np.int8), {}
    for name, pressing in (("calm", Pressing()), ("leans", Pressing(queue_push_n=Pressing.push_n))):
        walkers = filled(plan, 300, pressing=pressing)
        walkers.set_gates(Gates(np.zeros(1, bool), np.zeros(1, np.int8), np.full(1, 1.0 / 3.0), inner))
        seen: list[tuple[float, float]] = []

        def look(second: int, w=walkers, rows=seen) -> None:  # type: ignore[no-untyped-def]
            if second > 60:
                x, y = plan.at(w.people.x, w.people.w)
                before = (x > 21.0) & (x < 24.0) & (np.abs(y - 8.0) < 1.5)
                rows.append((before.sum() / 9.0, float(w.people.load.max())))

        emptied(walkers, 120, look)
        found[name], found[f"load_{name}"] = (float(v) for v in np.mean(seen, axis=0))
        found[f"out_{name}"] = float(walkers.left)
    return found
