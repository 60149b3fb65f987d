"""The tables of a run: zones, shelters, the clearing curve, the bound, and who is stranded where and why."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evacuation.movement.kernels.queues import AT_HOME, SAFE
from evacuation.movement.people.care import Care
from evacuation.movement.people.zones import block_ids
from evacuation.movement.record import NEVER_MIN, STATES, Record, earliest
from evacuation.movement.roads.bound import RepeatedFlow, least_time, repeated_flow_of
from evacuation.movement.roads.conditions import BARRED
from evacuation.movement.roads.expanded import BEYOND, Roads, expanded_of
from evacuation.movement.roads.network import CAR, FOOT, RESCUE
from evacuation.movement.roads.queues import Queues
from twin.city import City
from twin.clock import Clock
from twin.plan import shown
from twin.words import LANGS

#: Shares of those who leave whose time of arrival is told.
HALF, MOST = 0.5, 0.95

#: Traffic control points that a plan asks for at most: assumed.
POSTS = 20


def quantile(times: NDArray[np.float64], persons: NDArray[np.float64], share: float) -> float:
    """Return the time by which `share` of the persons have arrived, NaN where they have not all."""
    return quantiles(times, persons, (share,))[0]


def quantiles(values: NDArray[np.float64], persons: NDArray[np.float64], shares: tuple[float, ...]) -> list[float]:
    """Return the values that each of `shares` of the persons do not exceed; NaN counts as above all."""
    total = persons.sum()
    if total <= 0.0:
        return [np.nan] * len(shares)
    order = np.argsort(np.where(np.isnan(values), np.inf, values))
    at = np.searchsorted(np.cumsum(persons[order]), np.array(shares) * total - 1e-9)
    return [float(v) for v in values[order[np.minimum(at, len(order) - 1)]]]


def zones(
    record: Record, zones: pd.DataFrame, queues: Queues, cost: NDArray[np.float64], orders_s: NDArray[np.float64], began_s: float
) -> pd.DataFrame:  # fmt: skip
    """Return a row per block that is told to leave; moments are seconds on the clock, `began_s` those run before it.

    `no_way`: of those who leave, who are stranded, or still at home without an open way when the run ends. `load_left` and
    `load_stayed`: the toxic load that 95 % do not exceed, of those who have set out, and of all had they stayed at home;
    `load_left_half`, `load_stayed_half`: that half of them do not exceed.
    """
    homes, leaves = record.homes, record.leaves
    state, load = record.state(queues, cost), record.load(queues)
    shut_in = (queues.travellers["link"] == AT_HOME) & np.isinf(cost.min(axis=0))[homes.node]
    lost = leaves & (shut_in | (state == STATES.index("stranded")))
    no_way = np.bincount(homes.block[lost], homes.persons[lost], len(zones))
    stayed = record.room_load[homes.cell]
    safe = queues.travellers["safe"] - began_s
    set_out = queues.travellers["left"] - began_s
    last = record.last_departure(0.0)
    pairs_block, pairs_node = record._pair_block, record._pair_node
    people = np.bincount(record._pair, homes.persons, len(pairs_block)).astype(np.float64)
    minutes = np.clip(last[pairs_node] / 60.0, 0.0, NEVER_MIN)
    first = earliest(minutes, people, pairs_block, len(zones))
    rows = []
    for k in np.flatnonzero((zones["why"] != "").values):
        mine = homes.block == k
        went = mine & leaves
        by_state = np.bincount(state[mine], homes.persons[mine], len(STATES))
        ordered = float(orders_s[k] - began_s)
        before = zones["leave_before_s"].iloc[k]
        late = went & ~(set_out <= before) if np.isfinite(before) else np.zeros(len(mine), bool)
        travelled = mine & (queues.travellers["link"] != -1)
        rows.append(
            {
                "id": zones["id"].iloc[k],
                "why": zones["why"].iloc[k],
                "people": float(homes.persons[mine].sum()),
                "leaving": float(homes.persons[went].sum()),
                "ordered_s": ordered,
                "rests_on_s": float(zones["known_s"].iloc[k]) if zones["why"].iloc[k] == "advice" else np.nan,
                "half_s": quantile(safe[went], homes.persons[went], HALF),
                "t95_s": quantile(safe[went], homes.persons[went], MOST),
                **dict(zip(STATES, by_state, strict=True)),
                "cut_off": bool(first[k] < NEVER_MIN),
                "last_departure_s": 60.0 * first[k] if first[k] < NEVER_MIN else np.nan,
                "leave_before_s": float(before),
                "late": float(homes.persons[late].sum()),
                "no_way": float(no_way[k]),
                **_spread("load_left", load[travelled], homes.persons[travelled]),
                **_spread("load_stayed", stayed[mine], homes.persons[mine]),
            }
        )
    columns = [
        "id", "why", "people", "leaving", "ordered_s", "rests_on_s", "half_s", "t95_s", *STATES, "cut_off", "last_departure_s",
        "leave_before_s", "late", "no_way", "load_left_half", "load_left", "load_stayed_half", "load_stayed",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _spread(name: str, load: NDArray[np.float64], persons: NDArray[np.float64]) -> dict[str, float]:
    """Return the toxic load that 95 %, and that half of the persons do not exceed; NaN for nobody."""
    return dict(zip((f"{name}_half", name), quantiles(load, persons, (HALF, MOST)), strict=True))


def orders(zones: pd.DataFrame) -> pd.DataFrame:
    """Return the zones that are ordered to leave: `by_s` the moment of the order, `people` who obey, `rests_on_s` when it can be known.

    `dose_leave` is what 95 % of those who have set out do not exceed at home and on the way (1 is AEGL-3; NaN: nobody has set out),
    `late_share` the share who set out after an advice to leave has ceased to hold, `cut_off_share` that of those who find no open
    way, who are `cut_off` persons; `ways`: "closed" where the last departure comes before the order. A zone in which nobody lives has
    no row.
    """
    zones = zones[zones["people"] > 0.0].reset_index(drop=True)
    late, cut_off = (
        (zones[name] / zones["leaving"].where(zones["leaving"] > 0.0)).fillna(0.0) for name in ("late", "no_way")
    )
    told = {
        "by_s": zones["ordered_s"],
        "people": zones["leaving"],
        "dose_leave": zones["load_left"],
        "late_share": late,
        "cut_off_share": cut_off,
        "cut_off": [shown(n) for n in zones["no_way"]],
        "ways": np.where(zones["last_departure_s"] < zones["ordered_s"], "closed", "open"),
    }
    return zones[["id", "rests_on_s"]].assign(**told)


def last_departures(zones: pd.DataFrame) -> pd.DataFrame:
    """Return the zones that will be cut off, with `by_s` the last moment to leave on free roads and the `people` of the zone."""
    cut = zones[zones["cut_off"].astype(bool)].reset_index(drop=True)
    return cut[["id"]].assign(by_s=cut["last_departure_s"], people=cut["people"])


def openings(shelters: pd.DataFrame) -> pd.DataFrame:
    """Return the shelters that people come to and that no measure opens.

    `by_s`: the moment of the first; the `people` who arrive within the run.

    `rests_on_s`: when the first of the orders that send people there can be known.
    """
    used = shelters[(shelters["taken"] > 0) & shelters["opens_s"].isna()].reset_index(drop=True)
    return used[["id", "capacity", "rests_on_s"]].assign(by_s=used["first_s"], people=used["taken"])


def shelters(record: Record, queues: Queues, known_s: NDArray[np.float64], began_s: float) -> pd.DataFrame:
    """Return a row per shelter: places, who is in, who is on the way there, when the first came and when it was full.

    `known_s` (block,): when the order of each block can be known; a shelter's is that of the first to be ordered there.
    """
    goals, people = record.goals, record.homes.persons
    link, group = queues.travellers["link"], record.goal(queues)
    safe = queues.travellers["safe"] - began_s
    rows = []
    for shelter in goals.shelters.to_dict("records"):
        mine = (group == shelter["group"]) & (shelter["group"] >= 0)
        came = mine & (link == SAFE)
        taken, coming = float(people[came].sum()), float(people[mine & (link >= 0)].sum())
        first = float(np.nanmin(safe[came])) if came.any() else np.nan
        full = taken >= 0.99 * shelter["capacity"] > 0
        rows.append(
            {
                "id": shelter["id"],
                "capacity": shelter["capacity"],
                "taken": taken,
                "coming": coming,
                "why_not": shelter["why"],
                "opens_s": shelter["opens_s"] if np.isfinite(shelter["opens_s"]) else np.nan,
                "first_s": first,
                "full_s": float(np.nanmax(safe[came])) if full else np.nan,
                "rests_on_s": float(known_s[record.homes.block[came]].min()) if came.any() else np.nan,
            }
        )
    names = ["id", "capacity", "taken", "coming", "why_not", "opens_s", "first_s", "full_s", "rests_on_s"]
    return pd.DataFrame(rows, columns=names)


def clearing(record: Record, queues: Queues, began_s: float) -> pd.DataFrame:
    """Return the clearing curve at the output times: persons who have set out, are on the road by then, and have arrived."""
    people = record.homes.persons
    times = record.clock.step_s * np.arange(record.clock.steps + 1)
    columns = {"time_s": times}
    for name, moments in (("left", queues.travellers["left"]), ("arrived", queues.travellers["safe"])):
        known = ~np.isnan(moments)
        order = np.argsort(moments[known])
        total = np.concatenate([[0.0], np.cumsum(people[known][order])])
        columns[name] = total[np.searchsorted(moments[known][order] - began_s, times, side="right")]
    return pd.DataFrame({**columns, "leaving": float(people[record.leaves].sum())})


def queues(record: Record) -> pd.DataFrame:
    """Return at the output times the persons who wait at the ends of roads, and those who wait at home to get onto one."""
    times = record.clock.step_s * np.arange(record.clock.steps + 1)
    road = [float(frame["queued"].sum()) for frame in record.frames]
    return pd.DataFrame(
        {"time_s": times, "on_road": road, "at_home": [float(f["wait_home"][0]) for f in record.frames]}
    )


def control_points(record: Record, turned: NDArray[np.float64], by_s: float) -> pd.DataFrame:
    """Return the roads into which a plan directs most people who would go elsewhere, at most POSTS: `people`, and `by_s` from when on."""
    of_road = np.bincount(record.network.road, turned, len(record.city.roads))
    most = np.argsort(-of_road, kind="stable")[:POSTS]
    most = most[of_road[most] >= 1.0]
    ids = record.city.roads["id"].astype(str).values[most]
    return pd.DataFrame({"id": ids, "by_s": np.full(len(most), by_s), "people": np.rint(of_road[most])})


def stranded(record: Record, queues: Queues, cost: NDArray[np.float64]) -> pd.DataFrame:
    """Return where people are stranded at the end and why: on a road on which nobody moves, or with no open way ahead."""
    real = len(record.network.up)
    mine = record.state(queues, cost) == STATES.index("stranded")
    link = queues.travellers["link"][mine]
    home = link >= real
    roads, blocks = record.city.roads["id"].astype(str).values, record.fields()["block"].values
    at = np.where(home, blocks[record.homes.block[mine]], roads[record.network.road[np.where(home, 0, link)]])
    on_road = ~home & (queues.links["speed"][link] <= 0.0)
    table = pd.DataFrame(
        {
            "id": at.astype(str),
            "where": np.where(home, "home", "road"),
            "why": np.where(on_road, "road_impassable", "no_way"),
            "persons": record.homes.persons[mine],
        }
    )
    table = table.groupby(["id", "where", "why"], as_index=False)["persons"].sum()
    return table.sort_values(["persons", "id"], ascending=[False, True], ignore_index=True)


def barred(record: Record) -> pd.DataFrame:
    """Return a row per road that something bars (`Conditions.barred`), as seen at the output times; moments are seconds on the clock.

    `from_s` when it begins, `closed_s` from when on nobody comes onto it (NaN: nobody is kept off), `until_s` when it is over (NaN: not in
    this run); the persons on it as it begins (`at_begin`), and the `most` at one time before it is over.
    """
    roads, times = record.conditions, record.clock.step_s * np.arange(record.clock.steps + 1)
    level = roads.barred[[roads.at(t) for t in times]]
    people = np.stack([frame["on_edge"] for frame in record.frames])
    rows = []
    for road in np.flatnonzero(level.any(axis=0)):
        on, shut = np.flatnonzero(level[:, road]), np.flatnonzero(level[:, road] >= BARRED)
        ends = times[on[-1] + 1] if on[-1] < record.clock.steps else np.nan
        closed = times[shut[0]] if len(shut) else np.nan
        rows.append((times[on[0]], closed, ends, people[on[0], road], people[on, road].max()))
    table = pd.DataFrame(rows, columns=["from_s", "closed_s", "until_s", "at_begin", "most"])
    table.insert(0, "id", record.city.roads["id"].astype(str).values[level.any(axis=0)])
    return table


def in_care(record: Record, care: Care, queues: Queues, began_s: float, zones: pd.DataFrame) -> pd.DataFrame:
    """Return a row per home or hospital that is ordered to leave: its `people`, those `fetched`, and those who still wait (`waiting`).

    `by_s`: its order, `rests_on_s`: when that can be known; `first_s` and `last_s`: when the first and the last were fetched, all s
    on the clock; `vehicles` of its own.
    """
    homes, left = record.homes, queues.travellers["left"] - began_s
    gone = queues.travellers["link"] != AT_HOME
    rows = []
    for k in range(len(care.id)):
        mine = (homes.care == k) & np.isfinite(record.orders_s[care.block[k]])
        if not mine.any():
            continue
        block, took = care.block[k], left[mine & gone & ~np.isnan(left)]
        rests = zones["known_s"].iloc[block] if zones["why"].iloc[block] == "advice" else np.nan
        fetched = float(homes.persons[mine & gone].sum())
        rows.append(
            {
                "id": care.id[k],
                "people": float(homes.persons[mine].sum()),
                "fetched": fetched,
                "waiting": float(homes.persons[mine & ~gone].sum()),
                "by_s": float(record.orders_s[block]),
                "rests_on_s": float(rests),
                "first_s": float(took.min()) if len(took) else np.nan,
                "last_s": float(took.max()) if len(took) else np.nan,
                "vehicles": float(care.vehicles[k]),
                "needs": bool((mine & ~gone).any()),
            }
        )
    columns = ["id", "people", "fetched", "waiting", "by_s", "rests_on_s", "first_s", "last_s", "vehicles", "needs"]
    return pd.DataFrame(rows, columns=columns)


def buses(record: Record, queues: Queues, orders_s: NDArray[np.float64], end_s: float) -> pd.DataFrame:
    """Return a row per block with buses: people they `carried` so far, and those ready to leave who still wait at `end_s`."""
    homes = record.homes
    bus = (homes.seats > 0.0) & (homes.care < 0)
    riders = bus & record.leaves
    gone = queues.travellers["link"] != AT_HOME
    ready = orders_s[homes.block] + homes.delay_s <= end_s
    rows = []
    for block in np.unique(homes.block[bus]):
        mine = riders & (homes.block == block)
        carried = float(homes.persons[mine & gone].sum())
        waiting = float(homes.persons[mine & ~gone & ready].sum())
        rows.append((block_ids(record.city)[block], carried, waiting))
    return pd.DataFrame(rows, columns=["id", "carried", "waiting"])


def goal_ids(record: Record) -> list[str]:
    """Return the id of the shelter that each group goes to, (group,), empty for the ways out of the city."""
    table, serves = record.goals.shelters, record.routes.serves
    names = dict(zip(table["group"].astype(int), table["id"].astype(str), strict=True))
    return [names.get(int(g), "") for g in serves]


def bus_orders(rounds: pd.DataFrame, city: City, clock: Clock) -> pd.DataFrame:
    """Return a row per bus of a fleet: the block it begins at, `by_s` when it leaves there by the plan, and all its `rounds` in both
    languages.

    A round is told as the name of its block and the hour at which the bus leaves it, "?" after a way that was shut when it was planned.
    """
    rows = []
    for bus, own in rounds.groupby("bus", sort=True):
        hours = [
            clock.told(clock.times[0] + pd.Timedelta(seconds=s), city.tz) if np.isfinite(s) else "?"
            for s in own["plan_leave_s"]
        ]
        names = [city.place_name(block) for block in own["id"]]
        told = {
            lang: " → ".join(f"{name[lang]} {hour}" for name, hour in zip(names, hours, strict=True)) for lang in LANGS
        }
        rows.append((own["id"].iloc[0], own["plan_leave_s"].iloc[0], bus, told))
    return pd.DataFrame(rows, columns=["id", "by_s", "bus", "rounds"]).astype({"by_s": float})


def bound(
    record: Record, queues: Queues, orders_s: NDArray[np.float64], first_order_s: float, began_s: float, in_car: int, on_foot: int,
) -> pd.DataFrame:  # fmt: skip
    """Return one row: T50 and T95 from the first order and the lower bounds of T95, s; NaN where they are not reached.

    No plan can be faster than `bound_s`, whenever people leave home. With people who leave home when they do, none can be faster
    than `bound_departures_s`, by whatever roads and to whatever shelters they go. `gap` is T95 over the first.
    """
    homes, leaves = record.homes, record.leaves
    times, people = queues.travellers["safe"][leaves] - first_order_s, homes.persons[leaves]
    at_goal = np.isin(homes.node, record.goals.node)
    flows = [
        (_flow(record, leaves, layer, heaviest), float(homes.persons[leaves & ~at_goal & (homes.layer == layer)].sum()))
        for layer, heaviest in ((CAR, in_car), (FOOT, on_foot), (RESCUE, in_car))[: record.network.layers]
    ]
    least = least_time(flows, MOST, float(homes.persons[leaves & at_goal].sum()))
    t95 = quantile(times, people, MOST)
    until = t95 if np.isfinite(t95) else began_s + record.clock.duration_s - first_order_s
    bounds = [least, least]
    if len(people) and np.isfinite(until) and until > 0.0 and least < BEYOND * until:
        roads = _roads(record, began_s - first_order_s, in_car, on_foot)
        leave = orders_s[homes.block[leaves]] + homes.delay_s[leaves] - first_order_s
        for k, when in enumerate((np.zeros_like(leave), leave)):
            found = expanded_of(roads, homes.node[leaves], when, people, until)
            bounds[k] = max(bounds[0], found.least_time(MOST * people.sum() - 1e-6))
    return pd.DataFrame(
        {
            "leaving": [float(people.sum())],
            "t50_s": [quantile(times, people, HALF)],
            "t95_s": [t95],
            "bound_s": [bounds[0]],
            "bound_departures_s": [bounds[1]],
            "gap": [t95 / bounds[0] if bounds[0] > 0.0 else np.nan],
        }
    )


def _roads(record: Record, begins_s: float, in_car: int, on_foot: int) -> Roads:
    """Return the network for the time-expanded bound; the run begins `begins_s` after the first order."""
    network, goals, conditions = record.network, record.goals, record.conditions
    car = network.layer != FOOT
    return Roads(
        network.layers * network.nodes, network.up, network.down, network.length / network.free,
        network.capacity * conditions.lanes.max(axis=0), np.where(car, 1.0, on_foot), np.where(car, in_car, 1.0),
        goals.start, goals.node, goals.places, conditions.begins + begins_s, conditions.blocked,
    )  # fmt: skip


def _flow(record: Record, leaves: NDArray[np.bool_], layer: int, heaviest: int) -> RepeatedFlow:
    """Return the most persons of a layer that can arrive in a time: dry roads at free speed, all lanes that are ever open."""
    network, homes = record.network, record.homes
    mine = network.layer == layer
    persons = heaviest if layer != FOOT else 1
    lanes = record.conditions.lanes.max(axis=0)[mine]
    nodes = network.layers * network.nodes
    source, goal = np.zeros(nodes, bool), np.zeros(nodes, bool)
    source[homes.node[leaves & (homes.layer == layer)]] = True
    goal[record.goals.node] = True
    return repeated_flow_of(
        nodes=nodes, up=network.up[mine], down=network.down[mine],
        time=network.length[mine] / network.free[mine], capacity=network.capacity[mine] * lanes * persons,
        source=source, goal=goal, burst=float(heaviest),
    )  # fmt: skip
