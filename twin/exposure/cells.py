"""Reads a field on cells, of the city's grid or any other, at roads, buildings, places and open ground."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from twin import overlay
from twin.city import City
from twin.errors import ContractError
from twin.grid import Grid

#: The share of a place's open ground that must be reached for its `area` statistic.
AREA_SHARE = 0.05


class Cells:
    """The cells of one grid over a city; the worst value is the largest, NaN where nothing is known.

    `reaches` (`twin.sheet.Sheet.reaches`) says what counts besides open ground with terrain: "bridges" carry the field,
    "roofs" and "rivers" are ground like any other, "gaps" in the terrain do not matter.
    Raises ContractError for a grid that lies wholly off the city.
    """

    def __init__(self, city: City, grid: Grid, reaches: frozenset[str], name: str) -> None:
        west, south, east, north = grid.bounds
        own = city.grid.bounds
        if west >= own[2] or east <= own[0] or south >= own[3] or north <= own[1]:
            raise ContractError("field_off_city", name=name, found=_told(grid.bounds), expected=_told(own))
        surface = city.surface_on(grid)
        self._city, self._grid = city, grid
        self._valid = np.full(grid.shape, True) if "gaps" in reaches else np.isfinite(surface["terrain"].values)
        open_ground = self._valid.copy()
        for layer, word in (("building", "roofs"), ("river", "rivers")):
            if word not in reaches:
                open_ground &= ~surface[layer].values
        self._open = open_ground
        level = city.roads["level"].values.astype(float)
        self._clear = np.zeros(len(level), bool) if "bridges" in reaches else level > 0
        self._along = overlay.along_lines(grid, city.roads.geometry).keep(self._valid)
        self._around = overlay.around_buildings(grid, city.buildings.geometry).keep(self._valid)

    def roads(self, field: xr.DataArray) -> NDArray[np.float64]:
        """Return the largest value along each road (time, road); 0 on a bridge that the hazard passes below."""
        values = self._along.maximum(_frames(field))
        values[:, self._clear] = 0.0
        return values

    def buildings(self, field: xr.DataArray) -> NDArray[np.float64]:
        """Return the largest value just outside each building (time, building)."""
        return self._around.maximum(_frames(field))

    def sites(self, field: xr.DataArray, table: gpd.GeoDataFrame, area: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the value at each place (time, place): its worst cell, or what AREA_SHARE of it reaches where `area` holds.

        A place without a cell of open ground is read at the cells just outside it.
        """
        sampler = overlay.places(self._grid, table.geometry).keep(self._open)
        frames = _frames(field)
        values = sampler.maximum(frames)
        if area.any():
            values[:, area] = sampler.quantile(frames, 1.0 - AREA_SHARE)[:, area]
        closed = np.flatnonzero(sampler.outside)
        if len(closed):
            rim = overlay.around_buildings(self._grid, table.geometry.iloc[closed]).keep(self._open)
            values[:, closed] = rim.maximum(frames)
        return values

    def share(self, field: xr.DataArray, cells: gpd.GeoDataFrame, low: float, high: float) -> NDArray[np.float64]:
        """Return the share of each population cell's open ground with a value in [low, high) (time, cell); NaN: not known."""
        within = overlay.within_polygons(self._grid, cells.geometry).keep(self._open)
        frames = _frames(field)
        inside = np.where(np.isfinite(frames), (frames >= low) & (frames < high), np.nan)
        return within.mean(inside.astype(np.float32))


def _frames(field: xr.DataArray) -> NDArray[np.floating]:
    """Return a field as (time, y, x); one without time as a single frame."""
    return field.values if "time" in field.dims else field.values[np.newaxis]


def _told(bounds: tuple[float, float, float, float]) -> str:
    return "({:.0f}, {:.0f}) – ({:.0f}, {:.0f})".format(*bounds)
