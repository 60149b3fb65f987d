"""Reads a field on cells, of the city's grid or any other, at roads, buildings, places and open ground."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
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
        at_building = overlay.within_polygons if "roofs" in reaches else overlay.around_buildings
        self._buildings = at_building(grid, city.buildings.geometry).keep(self._valid)

    def roads(self, field: xr.DataArray, sign: float = 1.0) -> NDArray[np.float64]:
        """Return the worst value along each road (time, road): the largest of `sign` times the field.

        A bridge that the hazard passes below meets nothing: 0, or what is never bad where lower is worse.
        """
        values = self._along.maximum(sign * _frames(field) if sign < 0 else _frames(field))
        values[:, self._clear] = 0.0 if sign > 0 else -np.inf
        return values

    def buildings(self, field: xr.DataArray) -> NDArray[np.float64]:
        """Return the largest value on each building that the hazard's reach includes, else just outside it (time, building)."""
        return self._buildings.maximum(_frames(field))

    def sites(
        self, field: xr.DataArray, table: gpd.GeoDataFrame, area: NDArray[np.bool_], sign: float = 1.0
    ) -> NDArray[np.float64]:
        """Return the worst of `sign` times the field at each place (time, place).

        It is that of its worst cell, or where `area` holds what AREA_SHARE of the place reaches. A place without a cell of open
        ground is read at the cells just outside it.
        """
        sampler = overlay.places(self._grid, table.geometry).keep(self._open)
        frames = sign * _frames(field) if sign < 0 else _frames(field)
        values = sampler.maximum(frames)
        if area.any():
            values[:, area] = sampler.quantile(frames, 1.0 - AREA_SHARE)[:, area]
        closed = np.flatnonzero(sampler.outside)
        if len(closed):
            rim = overlay.around_buildings(self._grid, table.geometry.iloc[closed]).keep(self._open)
            values[:, closed] = rim.maximum(frames)
        return values

    def covers(self, table: gpd.GeoDataFrame) -> NDArray[np.bool_]:
        """Return which places lie wholly on the grid, as far as they lie in the city."""
        in_city = shapely.intersection(table.geometry.values, shapely.box(*self._city.grid.bounds))
        return np.asarray(shapely.covered_by(in_city, shapely.box(*self._grid.bounds).buffer(1e-6)), dtype=np.bool_)

    def share(
        self, field: xr.DataArray, cells: gpd.GeoDataFrame, classes: tuple[float, ...]
    ) -> dict[float, NDArray[np.float64]]:
        """Return the share of each population cell's open ground in each class (time, cell), and under NaN what is not known.

        Not known is all of a cell without open ground, and of the cell's part in the city what lies beyond the field.
        """
        within = overlay.within_polygons(self._grid, cells.geometry).keep(self._open)
        covered = np.where(within.outside, 0.0, self._covered(cells))
        shares = {
            low: np.nan_to_num(within.share(mask)) * covered
            for low, mask in in_classes(_frames(field), classes).items()
        }
        shares[np.nan] = shares[np.nan] + (1.0 - covered)
        return shares

    def _covered(self, cells: gpd.GeoDataFrame) -> NDArray[np.float64]:
        """Return the share of each population cell's area in the city over which the field lies."""
        own, west_south, east_north = self._city.grid.bounds, self._grid.bounds[:2], self._grid.bounds[2:]
        both = (*np.maximum(own[:2], west_south), *np.minimum(own[2:], east_north))
        whole, part = (
            shapely.area(shapely.intersection(cells.geometry.values, shapely.box(*map(float, box))))
            for box in (own, both)
        )
        share = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
        return np.where(share > 1.0 - 1e-9, 1.0, share)


def in_classes(values: NDArray[np.floating], classes: tuple[float, ...]) -> dict[float, NDArray[np.bool_]]:
    """Return where values lie in each class [low, next low), by its lower bound, and under NaN where they are not known."""
    highs = (*classes[1:], np.inf)
    masks = {low: (values >= low) & (values < high) for low, high in zip(classes, highs, strict=True)}
    return {**masks, np.nan: np.isnan(values)}


def _frames(field: xr.DataArray) -> NDArray[np.floating]:
    """Return a field as (time, y, x); one without time as a single frame."""
    return field.values if "time" in field.dims else field.values[np.newaxis]


def _told(bounds: tuple[float, float, float, float]) -> str:
    return "({:.0f}, {:.0f}) – ({:.0f}, {:.0f})".format(*bounds)
