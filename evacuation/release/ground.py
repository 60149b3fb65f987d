"""What is given advice: blocks and venues, the cells of their ground, and the people at home there."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from twin import overlay
from twin.city import City
from twin.grid import Grid


def advised(city: City) -> gpd.GeoDataFrame:
    """Return id and ground of what is given advice: the blocks of a city, then its venues."""
    venues = city.facilities[(city.facilities["kind"] == "venue").to_numpy(bool)]
    parts = [table[["id", "geometry"]] for table in (city.blocks, venues) if len(table)]
    found = pd.concat(parts, ignore_index=True) if parts else city.blocks[["id", "geometry"]]
    return gpd.GeoDataFrame(found.assign(id=found["id"].astype(str)), crs=city.grid.crs)


def cells_of(places: gpd.GeoDataFrame, grid: Grid) -> list[NDArray[np.int64]]:
    """Return the cells of each place."""
    sampler = overlay.within_polygons(grid, places.geometry)
    return np.split(sampler.cells, sampler.starts[1:-1])


def residents(city: City, grid: Grid, column: str) -> NDArray[np.float64]:
    """Return the people at home on each cell (y, x), spread evenly over their population cells; ones where the city counts none."""
    if not len(city.population):
        return np.ones(grid.shape)
    sampler = overlay.within_polygons(grid, city.population.geometry)
    count = np.diff(sampler.starts)
    each = np.divide(city.population[column].to_numpy(float), count, out=np.zeros(len(count)), where=count > 0)
    found = np.zeros(grid.ny * grid.nx)
    np.add.at(found, sampler.cells, np.repeat(each, count))
    return found.reshape(grid.shape)
