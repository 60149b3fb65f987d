"""Homes for the aged and hospitals: people who cannot leave alone, and who are made ready by the staff and fetched by vehicles."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from evacuation.movement.people.households import Households, blocks_of
from evacuation.movement.roads.network import CAR, RESCUE, Network
from twin.city import City
from twin.errors import ScenarioError

#: Kinds of facility whose people cannot leave alone.
KINDS = ("care_home", "hospital")

#: Two of the staff make one person ready in this time, s; staff on duty for one in care where a city does not say: assumed.
READY_S, STAFF = 600.0, 0.1

#: Places of a vehicle of the home's own where a city does not say: assumed.
OWN_PLACES = 4.0


@dataclass(frozen=True)
class Care:
    """Homes, (home,): `id`, people in them, staff on duty, vehicles of their own and the places of each, where they stand.

    `cell` and `block` are those of the nearest people; `node` is the junction that vehicles stop at. `assumed` says of which the
    staff is assumed, `unknown` of which nothing says how many people are in them: they count as nobody.
    """

    id: NDArray[np.str_]
    people: NDArray[np.int64]
    staff: NDArray[np.float64]
    vehicles: NDArray[np.int64]
    places: NDArray[np.float64]
    cell: NDArray[np.int32]
    block: NDArray[np.int32]
    node: NDArray[np.int32]
    assumed: NDArray[np.bool_]
    unknown: NDArray[np.bool_]


def care_of(city: City, network: Network) -> Care:
    """Return the homes of a city: as many people as a column `in_care` says, else as they have places (`capacity`).

    A home without either, or with no places, is `unknown`. Columns `staff`, `vehicles` and `vehicle_places` are read where they are
    there. Raises ScenarioError for figures below zero.
    """
    table = care_homes(city)

    def column(name: str, otherwise: NDArray[np.float64]) -> NDArray[np.float64]:
        own = pd.to_numeric(table[name], errors="coerce").values.astype(float) if name in table else np.nan
        found = np.where(np.isnan(own), otherwise, own)
        if (found < 0.0).any():
            bad = int(np.argmin(found))
            raise ScenarioError("movement_care", place=str(table["id"].iloc[bad]), name=name, found=float(found[bad]))
        return found

    none = np.zeros(len(table))
    beds = column("capacity", none)
    inside = column("in_care", np.where(beds > 0.0, beds, np.nan))
    people = np.rint(np.nan_to_num(inside)).astype(np.int64)
    centres = shapely.centroid(table.geometry.values)
    cells = shapely.centroid(city.population.geometry.values)
    cell = np.asarray(shapely.STRtree(cells).nearest(centres), dtype=np.int32) if len(table) else np.zeros(0, np.int32)
    layer = RESCUE if network.layers > RESCUE else CAR
    return Care(
        np.array(table["id"], dtype=str), people, np.maximum(column("staff", np.ceil(STAFF * people)), 1.0),
        column("vehicles", none).astype(np.int64), np.maximum(column("vehicle_places", none + OWN_PLACES), 1.0), cell,
        blocks_of(city)[cell], np.array([max(network.nearest(p.x, p.y, layer), 0) for p in centres], np.int32),
        np.isnan(pd.to_numeric(table["staff"], errors="coerce").values) if "staff" in table else np.ones(len(table), bool),
        np.isnan(inside),
    )  # fmt: skip


def care_homes(city: City) -> pd.DataFrame:
    """Return the facilities whose people cannot leave alone."""
    return city.facilities[city.facilities["kind"].isin(KINDS)]


def has_vehicles(city: City) -> bool:
    """Return whether any of these has vehicles of its own."""
    table = care_homes(city)
    return bool("vehicles" in table and (pd.to_numeric(table["vehicles"], errors="coerce") > 0).any())


def with_care(homes: Households, care: Care) -> Households:
    """Return the households and those in care, one by one: made ready in turn by the staff, all of them when it is ordered.

    They come on top of the population of the cells, in which people at home are counted.
    """
    if not care.people.sum():
        return homes
    home = np.repeat(np.arange(len(care.id)), care.people)
    nth = np.arange(len(home)) - np.repeat(np.cumsum(care.people) - care.people, care.people)
    one = np.ones(len(home))
    own = {
        "cell": care.cell[home], "block": care.block[home], "node": care.node[home], "layer": RESCUE * one, "persons": one,
        "delay_s": (nth + 1.0) * READY_S * 2.0 / care.staff[home], "obeys": 0.0 * one, "follows": one, "seats": 0.0 * one,
        "knows": 0.0 * one, "heeds": one, "care": home,
    }  # fmt: skip
    joined: dict[str, Any] = {f.name: getattr(homes, f.name) for f in fields(homes)}
    joined |= {n: np.concatenate([joined[n], values]).astype(joined[n].dtype) for n, values in own.items()}
    return Households(**joined)
