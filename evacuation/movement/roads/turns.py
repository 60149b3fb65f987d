"""Turns that people on the road do not take: those a measure holds, and those the city's roads bar."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from evacuation.movement.roads.network import CAR, Network
from twin.city import City
from twin.errors import ScenarioError
from twin.hazard import Action


def barred_turns(city: City, network: Network) -> NDArray[np.int64]:
    """Return the turns of cars and buses that the roads bar, as pairs of the link before and the link after, (turn, 2).

    A road's column `no_turn` names them: "v road-2; u road-7" bars turning into `road-2` at the end of the line, and into `road-7` at
    its begin, itself for turning round. Roads that are not there, or not run in that direction, bar nothing.
    Raises ScenarioError for what does not read so.
    """
    if "no_turn" not in city.roads:
        return np.zeros((0, 2), np.int64)
    said = city.roads["no_turn"].fillna("").astype(str).str.strip()
    row = {str(i): k for k, i in enumerate(city.roads["id"])}
    cars = np.flatnonzero(network.layer == CAR)
    link = {(int(network.road[i]), bool(network.reverse[i])): int(i) for i in cars}
    found = []
    for k in np.flatnonzero(said != ""):
        for turn in str(said.iloc[k]).split(";"):
            end, _, other = turn.strip().partition(" ")
            if end not in ("u", "v") or not other.strip():
                raise ScenarioError("movement_no_turn", road=str(city.roads["id"].iloc[k]), found=turn.strip())
            before = link.get((int(k), end == "u"), -1)
            for reverse in (False, True):
                after = link.get((row.get(other.strip(), -1), reverse), -1)
                if before >= 0 and after >= 0 and network.up[after] == network.down[before]:
                    found.append((before, after))
    return np.array(found, np.int64).reshape(-1, 2)


def turn_of(city: City, network: Network, action: Action, outward: dict[int, bool]) -> tuple[int, int]:
    """Return the link before and the link after the turn that an action holds. Raises ScenarioError where no other road leads on."""
    row = int(np.flatnonzero((city.roads["id"] == action.place).values)[0])
    mine = np.flatnonzero((network.road == row) & (network.layer == CAR))
    before = mine[network.reverse[mine] == outward.get(row, False)] if len(mine) > 1 else mine
    on = np.flatnonzero(np.isin(network.up, network.down[before]) & (network.road != row))
    if len(on) < 2:
        raise ScenarioError("movement_turn", found=action.place, count=len(on))
    came = _bearings(city, network, before, at_begin=False)[0]
    turn = (_bearings(city, network, on, at_begin=True) - came - action.values["turn_deg"] + 180.0) % 360.0 - 180.0
    return int(before[0]), int(on[np.argmin(np.abs(turn))])


def _bearings(city: City, network: Network, links: NDArray[np.int64], at_begin: bool) -> NDArray[np.float64]:
    """Return in which direction people drive at the begin or the end of links (link,), degrees clockwise from north."""
    lines = city.roads.geometry.values[network.road[links]]
    found = []
    for line, reverse in zip(lines, network.reverse[links], strict=True):
        x, y = shapely.get_coordinates(line)[:: -1 if reverse else 1].T
        k = 0 if at_begin else len(x) - 2
        found.append(np.rad2deg(np.arctan2(x[k + 1] - x[k], y[k + 1] - y[k])))
    return np.array(found)
