"""Whom a hazard meets: people at home, spread over floor area and open ground, or, where a model moves them, where they are.

Counts of people are expectations, never individuals; population itself exists on cells of 100 m or more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
import xarray as xr
from numpy.typing import NDArray

from twin.city import City
from twin.drivers import tagged
from twin.errors import ContractError
from twin.hazard import Drivers

#: Local hours in which the night population is at home.
NIGHT_HOURS = (20, 7)

#: Tags by which a model says that it moves people (`Moving`).
AT_HOME, ON_EDGE = "people_at_home", "people_on_edge"


@dataclass(frozen=True)
class Moving:
    """Where people are who leave their homes, as a model gave it.

    `at_home` (time, cell): the share of each population cell's people who are still there, 0..1. `on_edge` (time, edge):
    persons on each road.
    """

    at_home: xr.DataArray
    on_edge: xr.DataArray

    @classmethod
    def of(cls, drivers: Drivers) -> Moving | None:
        """Return what the drivers tagged AT_HOME and ON_EDGE say; None where no model moves people.

        Raises ContractError where a model says only one of the two: whoever leaves home must be somewhere.
        """
        found = {tag: next(iter(tagged(drivers, tag).values()), None) for tag in (AT_HOME, ON_EDGE)}
        given = {tag: array for tag, array in found.items() if array is not None}
        if len(given) == 1:
            raise ContractError("moving_half", found=next(iter(given)), expected=[AT_HOME, ON_EDGE])
        return cls(given[AT_HOME], given[ON_EDGE]) if given else None


@dataclass(frozen=True)
class People:
    """People at the times of a field: `in_buildings` (time, building), `outdoors` (time, cell), `on_roads` (time, road).

    Where nobody moves, one row holds for all times. `basis` says who they are: "night" or "day" (at home) or "moving".
    """

    in_buildings: NDArray[np.float64]
    outdoors: NDArray[np.float64]
    on_roads: NDArray[np.float64]
    basis: str


def people_at(city: City, times: pd.DatetimeIndex, moving: Moving | None) -> People:
    """Return where people are at `times` (UTC): of the local hour of the start, less those who have left where they move."""
    hour = times[0].tz_localize("UTC").tz_convert(city.tz).hour
    column = "night" if hour >= NIGHT_HOURS[0] or hour < NIGHT_HOURS[1] else "day"
    expected, rest, cell = floor_area_people(city, column)
    if moving is None:
        return People(expected[np.newaxis], rest[np.newaxis], np.zeros((1, len(city.roads))), column)
    home = _on_ids(moving.at_home, city.population["id"], times, missing=1.0)
    roads = _on_ids(moving.on_edge, city.roads["id"], times, missing=0.0)
    share = (
        np.where(cell >= 0, home[:, np.maximum(cell, 0)], 1.0) if home.shape[1] else np.ones((len(times), len(cell)))
    )
    return People(expected * share, rest * home, roads, "moving")


def floor_area_people(city: City, column: str) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return people expected in each building, the people of population cells that hold no home, and each building's cell.

    A cell's people are spread over the floor area of the homes whose centroid lies in it. A building outside all cells has
    cell -1.
    """
    homes = city.buildings["use"].isin(["residential", "mixed"]).values
    floor_area = np.where(
        homes, city.buildings.geometry.area.values * city.buildings["floors"].values.astype(float), 0.0
    )
    expected, of = np.zeros(len(city.buildings)), np.full(len(city.buildings), -1)
    count = city.population[column].values.astype(float)
    rest = count.copy()
    if len(city.buildings) and len(count):
        building, cell = shapely.STRtree(city.population.geometry.values).query(
            shapely.centroid(city.buildings.geometry.values), predicate="intersects"
        )
        first = np.unique(building, return_index=True)[1]  # a centroid on a shared edge counts once
        building, cell = building[first], cell[first]
        of[building] = cell
        total = np.bincount(cell, floor_area[building], len(count))
        share = np.divide(floor_area[building], total[cell], out=np.zeros(len(building)), where=total[cell] > 0)
        expected[building] = share * count[cell]
        rest[total > 0] = 0.0
    return expected, rest, of


def _on_ids(field: xr.DataArray, ids: pd.Series, times: pd.DatetimeIndex, missing: float) -> NDArray[np.float64]:
    """Return (time, id) at `times`: each value holds until the field's next time, an id it does not know is `missing`.

    Before the field's first time its first value holds.
    """
    axis = next(str(d) for d in field.dims if d != "time")
    where = pd.Index(field[axis].values.astype(str)).get_indexer(pd.Index(ids.astype(str)))
    step = np.maximum(np.searchsorted(field["time"].values, times.values, side="right") - 1, 0)
    values = np.full((len(times), len(ids)), missing)
    values[:, where >= 0] = field.values[step][:, where[where >= 0]]
    return values
