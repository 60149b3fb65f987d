"""What the reader of a result must know: assumptions made in a run and limits met."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evacuation.movement.people.care import Care
from evacuation.movement.people.fleet import Fleet
from evacuation.movement.people.households import CAR_SHARE, far_homes
from evacuation.movement.people.zones import block_ids
from evacuation.movement.record import STATES, Record
from evacuation.movement.roads.conditions import CarCurve
from evacuation.movement.roads.goals import FAR_M
from twin.city import City
from twin.plan import shown

#: Places that a note names at most.
MOST_NAMES = 5


def named(city: City, ids: Iterable[object]) -> list[dict[str, str]]:
    """Return the names, in both languages, of some places of a city by their ids; those of one name once."""
    names = [city.place_name(str(i)) for i in ids]
    return [name for k, name in enumerate(names) if name not in names[:k]]


def notes_of(
    record: Record, zones: pd.DataFrame, care: Care, found: Mapping[str, pd.DataFrame], leaves: NDArray[np.bool_],
    fleet: Fleet, *, compliance: float, warning: str, warned_s: float, veh_h_lane: float, walk_m_s: float, informed: float,
    by_bulletin: float, car_curve: CarCurve,
) -> tuple[tuple[str, dict[str, Any]], ...]:  # fmt: skip
    """Return the codes of a run's sentences with their values.

    `zones` says why each block leaves, `found` are the tables of the run, `leaves` (party,) who leaves, `fleet` the buses that
    blocks share; the order is given at `warning`, which is `warned_s` on the clock.
    """
    city, network, goals, homes, roads = record.city, record.network, record.goals, record.homes, record.conditions
    told, places = zones[zones["why"] != ""], goals.places[:-1].sum()
    leaving = float(homes.persons[leaves].sum())
    notes: list[tuple[str, dict[str, Any]]] = [("first_form", {})]
    if len(told):
        basis = homes.basis
        notes.append(
            (
                "who_leaves",
                {"zones": len(told), "people": shown(leaving), "basis": basis, "percent": 100 * compliance},
            )
        )
    else:
        notes.append(("all_conflict" if zones["conflict"].any() else "nobody_told", {}))
    late = zones[(zones["why"] == "advice") & zones["known_s"].notna()]
    if warning and (late["known_s"] > warned_s).any():
        notes.append(("known_later", {"count": len(late), "warning": warning}))
    notes.append(("capacity", {"veh": veh_h_lane, "walk": walk_m_s}))
    if car_curve != "pregnolato":
        notes.append((f"cars_{car_curve}", {}))
    if informed < 1.0:
        notes.append(("not_informed", {"percent": 100 * informed}))
    if by_bulletin > 0.0:
        notes.append(("told_late", {"percent": 100 * by_bulletin}))
    if len(fetched := found["in_care"]):
        inside, left = (shown(float(fetched[name].sum())) for name in ("people", "waiting"))
        notes.append(("in_care", {"people": inside, "waiting": left, "names": named(city, fetched["id"])}))
        if care.assumed[np.isin(care.id, fetched["id"])].any():
            notes.append(("staff_assumed", {}))
    if care.unknown.any():
        unknown = care.id[care.unknown]
        notes.append(("care_unknown", {"count": len(unknown), "names": named(city, unknown[:MOST_NAMES])}))
    if record.home_dose.any():
        notes.append(("home_dose", {}))
    if turns := list(found["measures"].loc[found["measures"]["kind"] == "hold_turn", "id"]):
        notes.append(("held_turns", {"names": named(city, turns)}))
    if len(idle := _idle(found["measures"], record, care, leaves)):
        notes.append(("measures_idle", {"names": named(city, idle)}))
    if len(found["buses"]):
        carried, waiting = (float(found["buses"][name].sum()) for name in ("carried", "waiting"))
        notes.append(("buses", {"carried": shown(carried), "waiting": shown(waiting)}))
    if fleet.planned:
        notes += _fleet(record, fleet, found["bus_rounds"])
    if homes.car_share_assumed:
        notes.append(("car_share", {"percent": 100 * CAR_SHARE}))
    if network.assumed:
        notes.append(("roads_assumed", {"count": network.assumed}))
    if network.gaps or network.loops:
        notes.append(("roads_mended", {"gaps": network.gaps, "loops": network.loops}))
    if off := int((~network.connected[: network.nodes]).sum()):
        notes.append(("nodes_off", {"count": off}))
    if (parts := 1 + int(network.parts[: network.nodes].max(initial=0))) > 1:
        notes.append(("parts", {"count": parts}))
    exits = len(goals.node) - int(goals.start[-2])
    if exits and len(told) and not len(goals.places[:-1]):
        notes.append(("no_shelter", {}))
    elif leaving > places:
        code = "too_few_places" if exits else "no_way_out"
        notes.append((code, {"places": round(places), "people": shown(leaving - places)}))
    unused = goals.shelters[goals.shelters["why"] != ""]
    for why, some in unused.groupby("why"):
        notes.append((f"shelter_{why}", {"names": named(city, some["id"])}))
    far = goals.shelters[(goals.shelters["road_m"] > FAR_M) & (goals.shelters["why"] == "")]
    if len(far):
        notes.append(("shelter_far", {"names": named(city, far["id"]), "metres": round(float(far["road_m"].max()))}))
    notes += [(f"no_{name}", {}) for name in roads.missing]
    if roads.unknown:
        notes.append(("roads_unknown", {"count": roads.unknown}))
    if len(barred := found["barred"]):
        notes.append(("barred", _barred(record, barred)))
    for code, table in (("zones_unknown", zones), ("shelters_unknown", goals.shelters)):
        if len(unknown := table.loc[table["unknown"].astype(bool), "id"]):
            notes.append((code, {"count": len(unknown), "names": named(city, unknown[:MOST_NAMES])}))
    if roads.unread:
        notes.append(("unread", {"names": list(roads.unread)}))
    if count := int(zones["conflict"].sum()):
        notes.append(("conflict", {"count": count, "names": named(city, zones.loc[zones["conflict"], "id"])}))
    late = found["zones"][found["zones"]["last_departure_s"] < found["zones"]["ordered_s"]]
    if len(late):
        people = shown(float(late["leaving"].sum()))
        notes.append(
            ("ordered_too_late", {"count": len(late), "names": named(city, late["id"][:MOST_NAMES]), "people": people})
        )
    metres, far_off = far_homes(city, network, homes)
    if far_off > 0.0:
        notes.append(("homes_far", {"metres": round(metres), "people": shown(far_off)}))
    if (on_way := float(record.frames[-1]["states"][STATES.index("en_route")])) > 0.0:
        queued = record.frames[-1]["queued"]
        longest = np.argsort(-queued, kind="stable")[: min(MOST_NAMES, int((queued > 0.0).sum()))]
        said = {"people": shown(on_way), "queued": shown(float(queued.sum()))}
        names = named(city, city.roads["id"].values[longest])
        notes.append(("still_queued" if names else "still_on_way", {**said, "names": names}))
    t95_s, least_s = (float(found["bound"][name].iloc[0]) for name in ("t95_s", "bound_s"))
    since_s = record.now - float(record.orders_s.min())
    if np.isnan(t95_s) and np.isfinite(since_s) and least_s > since_s:
        notes.append(("needs_longer", {"hours": math.floor(least_s / 360.0) / 10.0, "run": round(since_s / 3600.0, 1)}))
    if len(stuck := found["stranded"]):
        told_at = named(city, stuck["id"][:MOST_NAMES])
        notes.append(("stranded", {"people": shown(float(stuck["persons"].sum())), "names": told_at}))
    return tuple(notes)


def _barred(record: Record, table: pd.DataFrame) -> dict[str, Any]:
    """Return what is to be told of the roads that something bars: what does, how many, from when until when, and who is on them."""
    city, clock = record.city, record.clock

    def told(seconds: float) -> str:
        return clock.told(clock.times[0] + pd.Timedelta(seconds=seconds), city.tz)

    open_end = table["until_s"].isna().any()
    until = f"≥ {told(clock.duration_s)}" if open_end else told(float(table["until_s"].max()))
    return {
        "names": list(record.conditions.bars), "count": len(table), "from": told(float(table["from_s"].min())), "until": until,
        "closed": int(table["closed_s"].notna().sum()), "people": shown(float(table["at_begin"].sum())),
        "most": shown(float(table["most"].max())),
    }  # fmt: skip


def _fleet(record: Record, fleet: Fleet, rounds: pd.DataFrame) -> list[tuple[str, dict[str, Any]]]:
    """Return what is to be told of a bus fleet: its trips, and who without a car is in none of them."""
    city, clock, homes = record.city, record.clock, record.homes
    notes: list[tuple[str, dict[str, Any]]] = [] if len(rounds) else [("fleet_idle", {})]
    if len(rounds):
        last = rounds["plan_arrive_s"].max(skipna=False)
        planned = clock.told(clock.times[0] + pd.Timedelta(seconds=last), city.tz) if np.isfinite(last) else "?"
        driven = int(rounds["arrive_s"].notna().sum())
        notes.append(("fleet", {"trips": len(rounds), "planned": planned, "driven": driven}))
    served = [stop.block for stop in fleet.stops]
    left = record.leaves & np.isin(homes.block, served) & (homes.seats > 0.0) & (homes.care < 0) & (fleet.trip < 0)
    if left.any():
        blocks = np.array(block_ids(city))[np.unique(homes.block[left])]
        people = shown(float(homes.persons[left].sum()))
        notes.append(("fleet_left", {"people": people, "names": named(city, blocks[:MOST_NAMES])}))
    return notes


def _idle(measures: pd.DataFrame, record: Record, care: Care, leaves: NDArray[np.bool_]) -> list[str]:
    """Return the places at which a measure fetches or holds back people, and from which nobody leaves."""
    homes, blocks, homes_of_care = record.homes, block_ids(record.city), list(care.id)
    found = []
    for place, kind in zip(measures["id"], measures["kind"], strict=True):
        if kind == "transport":
            mine = homes.care == homes_of_care.index(place)
        elif kind in ("bus", "delay_zone"):
            mine = (homes.block == blocks.index(place)) & (homes.care < 0)
        else:
            continue
        if not (leaves & mine).any():
            found.append(str(place))
    return found
