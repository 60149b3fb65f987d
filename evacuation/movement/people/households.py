"""The city's people as parties who leave together: a car, or a group on foot. Columns, no identities: they are synthetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from evacuation.movement.roads.network import CAR, FOOT, Network
from twin.city import City
from twin.clock import Clock
from twin.errors import ScenarioError
from twin.exposure.people import NIGHT_HOURS

#: Share of people who leave by car where a city's population has no column `car_share`: assumed.
CAR_SHARE = 0.35

#: The curve of departures after an order.
Departures = Literal["rayleigh", "logit"]

#: Cars whose room a bus takes: assumed.
BUS_UNITS = 2.0

#: Side of the squares whose people are sent to the same places by a plan, m: what the staff of a neighbourhood can tell apart; and the
#: most pairs of a block and a square: assumed. On a crowded grid squares of 400 m bring T95 to 1.12 of its bound, of 1 km to 1.31.
LIST_M, MOST_LISTS = 400.0, 1000

#: Metres from the middle of a cell to the junction its people leave by from which on the result says so.
FAR_HOME_M = 300.0


@dataclass(frozen=True)
class Households:
    """Parties, shape (party,): row of the population `cell` and of the `block`, `node` and `layer` they leave by, `persons`.

    `seats` are those of the vehicle they wait for, 0 for none. `delay_s` passes between the order and their leaving; `obeys`,
    `follows`, `knows` and `heeds` are draws in 0..1 against compliance, shadow evacuation, the shares of informed and told, and the
    share of guided. All are drawn for everybody in the city, whoever leaves, so that two plans meet the same people. `care` is the
    row of the home for the aged or hospital (`people.care`) of those who cannot leave alone, -1 for all others.
    """

    cell: NDArray[np.int32]
    block: NDArray[np.int32]
    node: NDArray[np.int32]
    layer: NDArray[np.int8]
    persons: NDArray[np.float64]
    delay_s: NDArray[np.float64]
    obeys: NDArray[np.float64]
    follows: NDArray[np.float64]
    seats: NDArray[np.float64]
    knows: NDArray[np.float64]
    heeds: NDArray[np.float64]
    care: NDArray[np.int32]
    basis: str
    car_share_assumed: bool

    @property
    def weight(self) -> NDArray[np.float64]:
        """Units of their links, (party,): a car is one, walkers count by head, riders share the room of their vehicle."""
        alone = np.where(self.layer == FOOT, self.persons, 1.0)
        units = np.where(self.care >= 0, 1.0, BUS_UNITS)
        return np.where(self.seats > 0.0, units * self.persons / np.maximum(self.seats, 1.0), alone)

    def lists(self, network: Network, guided: float) -> tuple[NDArray[np.int64], int]:
        """Return the list on which a plan keeps places for each party, (party,), and how many lists there are.

        The parties of a block that leave from one square of LIST_M share two lists: by car, an even number, and on foot, the next. The
        squares are larger where there would be more than MOST_LISTS. Those in care, and who does not go where guidance says (all but a
        share `guided`), stand on the last list, on which nothing is ever kept.
        """
        node, side = self.node % network.nodes, LIST_M
        east, south = network.x - network.x.min(), network.y.max() - network.y
        while True:
            row, column = (south // side).astype(np.int64), (east // side).astype(np.int64)
            square = row * (column.max() + 1) + column
            key = self.block * (square.max() + 1) + square[node]
            here = np.flatnonzero(np.bincount(key))
            if len(here) <= MOST_LISTS or square.max() == 0:
                break
            side *= 2.0
        own = 2 * np.searchsorted(here, key) + (self.layer == FOOT)
        return np.where((self.care >= 0) | (self.heeds >= guided), 2 * len(here), own), 2 * len(here) + 1

    @property
    def most_in_car(self) -> int:
        """The most persons that a unit of the vehicles' queues holds: in a bus there are more than in a car."""
        mine = self.layer != FOOT
        return int(np.ceil((self.persons[mine] / self.weight[mine]).max(initial=1.0) - 1e-9))


def households_of(
    city: City,
    network: Network,
    clock: Clock,
    rng: np.random.Generator,
    *,
    in_car: int,
    on_foot: int,
    mean_delay_s: float,
    departures: Departures,
) -> Households:
    """Return everybody in the city, of the local hour of the start, in parties of at most `in_car` or `on_foot` persons.

    Whole persons: a cell's people are rounded so that the city's total is kept. A cell's parties leave by the roads' nodes in it,
    in turn, else by the nearest. The delay follows the curve of `departures` with the given mean.
    Raises ScenarioError for a city without people.
    """
    cells = city.population
    whole, basis = people_of(city, clock)
    has = "car_share" in cells
    share = np.clip(cells["car_share"].fillna(CAR_SHARE).values.astype(float), 0.0, 1.0) if has else CAR_SHARE
    driving = np.rint(whole * share).astype(np.int64)
    parts = []
    for layer, people, size in ((CAR, driving, in_car), (FOOT, whole - driving, on_foot)):
        parties = -(-people // size)
        cell = np.repeat(np.arange(len(cells)), parties)
        nth = np.arange(len(cell)) - np.repeat(np.cumsum(parties) - parties, parties)
        persons = np.minimum(size, people[cell] - nth * size)
        parts.append((cell, _nodes(city, network, cell, nth, layer), np.full(len(cell), layer), persons))
    cell, node, layers, persons = (np.concatenate(p) for p in zip(*parts, strict=True))
    count = len(cell)
    delay = delays(departures, mean_delay_s, rng.random(count))
    return Households(
        cell.astype(np.int32), blocks_of(city)[cell], node.astype(np.int32), layers.astype(np.int8),
        persons.astype(np.float64), delay, rng.random(count), rng.random(count), np.zeros(count), rng.random(count),
        rng.random(count), np.full(count, -1, np.int32), basis, not has,
    )  # fmt: skip


def delays(departures: Departures, mean_s: float, drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how long each party takes to leave, s, for draws in 0..1; both curves fit counted departures (TRR 2376, 2013).

    `rayleigh`: P(t) = 1 - exp(-t2 / (2 s2)) with the given mean. `logit`: P(t) = 1 / (1 + exp(-4 (t / mean - 1))), of which the
    fiftieth part that would have left before the order leaves at once.
    """
    if departures == "rayleigh":
        return np.asarray(mean_s / np.sqrt(np.pi / 2.0) * np.sqrt(-2.0 * np.log1p(-drawn)))
    with np.errstate(divide="ignore"):
        return np.asarray(mean_s * np.maximum(1.0 + np.log(drawn / (1.0 - drawn)) / 4.0, 0.0))


def people_of(city: City, clock: Clock) -> tuple[NDArray[np.int64], str]:
    """Return the whole persons of each population cell at the local hour of the start, and which they are: "night" or "day".

    They are rounded so that the city's total is kept. Raises ScenarioError for a city without people.
    """
    cells = city.population
    hour = clock.start.astimezone(city.tz).hour
    basis = "night" if hour >= NIGHT_HOURS[0] or hour < NIGHT_HOURS[1] else "day"
    expected = np.nan_to_num(cells[basis].values.astype(float)) if len(cells) else np.zeros(0)
    whole = np.diff(np.floor(np.cumsum(expected) + 0.5), prepend=0.0).astype(np.int64)
    if whole.sum() <= 0:
        raise ScenarioError("movement_no_people")
    return whole, basis


def far_homes(city: City, network: Network, homes: Households) -> tuple[float, float]:
    """Return the farthest that any cell lies from the junction its people leave by, m, and how many people lie above FAR_HOME_M."""
    centre = shapely.centroid(city.population.geometry.values)[homes.cell]
    node = homes.node % network.nodes
    apart = np.hypot(network.x[node] - shapely.get_x(centre), network.y[node] - shapely.get_y(centre))
    apart = np.where((homes.care >= 0) | (homes.seats > 0.0), 0.0, apart)  # a stop is not a home
    return float(apart.max(initial=0.0)), float(homes.persons[apart > FAR_HOME_M].sum())


def _nodes(
    city: City, network: Network, cell: NDArray[np.int64], nth: NDArray[np.int64], layer: int
) -> NDArray[np.int64]:
    """Return the node by which each party leaves."""
    own = np.flatnonzero(network.connected[layer * network.nodes : (layer + 1) * network.nodes])
    if not len(own):
        raise ScenarioError("movement_no_roads")
    points = shapely.points(network.x[own], network.y[own])
    squares = city.population.geometry.values
    node, inside = shapely.STRtree(squares).query(points, predicate="intersects")
    node, first = np.unique(node, return_index=True)
    inside = inside[first]
    order = np.lexsort((node, inside))
    starts = np.searchsorted(inside[order], np.arange(len(squares) + 1))
    here = np.diff(starts)
    nearest = shapely.STRtree(points).nearest(shapely.centroid(squares))
    turn = starts[cell] + nth % np.maximum(here[cell], 1)
    within = node[order][np.minimum(turn, max(len(order) - 1, 0))] if len(order) else nearest[cell]
    return np.asarray(own[np.where(here[cell] > 0, within, nearest[cell])] + layer * network.nodes)


def blocks_of(city: City) -> NDArray[np.int32]:
    """Return the block of each population cell: the one its centre lies in, else the nearest; 0 in a city without blocks."""
    centres = shapely.centroid(city.population.geometry.values)
    if not len(city.blocks):
        return np.zeros(len(centres), np.int32)
    tree = shapely.STRtree(city.blocks.geometry.values)
    block: NDArray[np.int32] = np.asarray(tree.nearest(centres)).astype(np.int32)
    cell, inside = tree.query(centres, predicate="within")
    block[cell[::-1]] = inside[::-1]
    return np.asarray(block)
