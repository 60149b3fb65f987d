"""Where people go: shelters with places, and, for those who find none, the ways out of the city at its rim."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evacuation.movement.roads.network import Network
from twin import overlay
from twin.city import City
from twin.drivers import tagged
from twin.errors import ScenarioError
from twin.grid import Grid
from twin.hazard import Action, Drivers

#: A road that ends within this of the city's rim, m, leads out of it: assumed.
RIM_M = 100.0

#: Depth of water at a shelter at which it is not used, m (as in the flood's sheet), and toxic load (1 = AEGL-3).
SHELTER_WATER_M, SHELTER_DOSE = 0.27, 1.0

#: The colour from which on a shelter is unfit, whatever hazard brings it: orange, the third.
UNFIT = 3

#: Metres from a shelter to the nearest road from which on the result says so.
FAR_M = 300.0


@dataclass(frozen=True)
class Goals:
    """Groups of goals: one for each shelter in use, the last for the ways out.

    `places` (group,) are infinite for the ways out; `shelters` has a row per shelter of the city with `group` (-1 for one not in
    use), `why` it is not, whether it is `unknown` what water or cloud do there, and when it `opens_s` (minus infinity: it is open).
    Goals of group g are `node[start[g]:start[g + 1]]`.
    """

    shelters: pd.DataFrame
    places: NDArray[np.float64]
    start: NDArray[np.int32]
    node: NDArray[np.int32]

    @property
    def exits(self) -> int:
        """The group of the ways out of the city."""
        return len(self.places) - 1


def goals_of(city: City, network: Network, drivers: Drivers, actions: tuple[Action, ...] = ()) -> Goals:
    """Return the goals of a city.

    A shelter counts from its column `capacity`; a place that `open_shelter` opens has the places that the measure says, from
    then on. One without places, or one that water or cloud reach within the run, is not used.
    Ways out are facilities of the kind "city_exit", else dead ends of roads within RIM_M of the rim.
    Raises ScenarioError when there is neither shelter nor way out.
    """
    table = city.facilities[city.facilities["kind"] == "shelter"]
    opened = {a.place: a for a in actions if a.kind == "open_shelter"}
    more = city.facilities[city.facilities["id"].isin(list(opened))]
    more = more.assign(capacity=[opened[str(i)].values["places"] for i in more["id"]])
    table = pd.concat([table, more]) if len(more) else table
    capacity = pd.to_numeric(table["capacity"], errors="coerce").fillna(0.0).values
    if (capacity < 0).any():
        bad = table.iloc[int(np.argmin(capacity))]
        raise ScenarioError("movement_shelter", shelter=str(bad["id"]), found=float(capacity.min()))
    hit, unknown = _hit(city, drivers, table)
    rows: list[tuple[Any, ...]] = []
    places: list[float] = []
    nodes: list[list[int]] = []
    for k, shelter in enumerate(table.itertuples()):
        point = shelter.geometry.centroid
        own = [n for layer in range(network.layers) if (n := network.nearest(point.x, point.y, layer)) >= 0]
        ends = [n % network.nodes for n in own]
        far = min((float(np.hypot(network.x[n] - point.x, network.y[n] - point.y)) for n in ends), default=np.inf)
        why = "" if capacity[k] > 0 and own and not hit[k] else hit[k] or ("no_places" if own else "no_road")
        opens_s = opened[shelter.id].start_s if shelter.id in opened else -np.inf
        rows.append(
            (
                shelter.id,
                shelter.name_zh,
                shelter.name_en,
                capacity[k],
                far,
                -1 if why else len(places),
                why,
                opens_s,
                unknown[k] and not why,
            )
        )
        if not why:
            places.append(capacity[k])
            nodes.append(own)
    out = _exits(city, network)
    if not out and not places:
        raise ScenarioError("movement_no_goal", found=len(table), rim=RIM_M)
    nodes.append(out)
    columns = ["id", "name_zh", "name_en", "capacity", "road_m", "group", "why", "opens_s", "unknown"]
    return Goals(
        pd.DataFrame(rows, columns=columns),
        np.array([*places, np.inf]),
        np.cumsum([0, *map(len, nodes)]).astype(np.int32),
        np.array([n for some in nodes for n in some], np.int32),
    )


def _exits(city: City, network: Network) -> list[int]:
    """Return the nodes of all layers at which roads lead out of the city."""
    named = city.facilities[city.facilities["kind"] == "city_exit"]
    if len(named):
        points = [(p.x, p.y) for p in named.geometry.centroid]
        found = {network.nearest(x, y, layer) for x, y in points for layer in range(network.layers)}
        return sorted(found - {-1})
    west, south, east, north = city.grid.bounds
    x, y = network.x, network.y
    near = np.minimum.reduce([x - west, east - x, y - south, north - y]) <= RIM_M
    ends = np.flatnonzero(near & (network.degree == 1))
    each = np.concatenate([ends + layer * network.nodes for layer in range(network.layers)])
    return [int(n) for n in each if network.reached[n]]


def _hit(city: City, drivers: Drivers, table: pd.DataFrame) -> tuple[list[str], NDArray[np.bool_]]:
    """Return why each shelter cannot be used: "water" or "cloud" within the run, or the "colour" that another hazard gives it.

    "" for nothing known against it; and of which some field says nothing.
    """
    found, unknown = [""] * len(table), np.zeros(len(table), bool)
    if not len(table):
        return found, unknown
    if "place_colour" in drivers:
        colour = drivers["place_colour"].reindex(place=table["id"].astype(str).values).values
        found = ["colour" if c >= UNFIT else "" for c in colour]
    for tag, reason in (("slows_travel", "water"), ("dose_rate", "cloud")):
        for name, field in tagged(drivers, tag).items():
            if not {"time", "y", "x"} <= set(field.dims) or (tag == "slows_travel" and field.attrs.get("units") != "m"):
                continue
            grid = Grid.of_axes(city.grid.crs, field["y"].values, field["x"].values, name)
            at = overlay.places(grid, table.geometry).maximum(field.transpose("time", "y", "x").values)
            unknown |= np.isnan(at).all(axis=0)
            at = np.nan_to_num(at)
            if reason == "cloud":
                step_s = np.diff(field["time"].values) / np.timedelta64(1, "s")
                bad = step_s @ at[:-1] >= SHELTER_DOSE
            else:
                bad = at.max(axis=0) >= SHELTER_WATER_M
            found = [(reason if b else "") or own for own, b in zip(found, bad, strict=True)]
    return found, unknown
