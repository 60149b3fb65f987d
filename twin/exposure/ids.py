"""Reads a field on things with an id (edges, zones, blocks, sensors) at roads, buildings and places: ids are looked up."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from twin.city import City
from twin.errors import ContractError


class Ids:
    """The things of one id axis; what is not among them is not known (NaN).

    Raises ContractError when the axis holds no id that the city or the model's own places know.
    """

    def __init__(self, city: City, axis: xr.DataArray, places: gpd.GeoDataFrame | None, name: str) -> None:
        self._city, self._ids = city, pd.Index(axis.values.astype(str))
        tables = [city.roads, city.buildings, city.population, city.facilities, city.blocks, city.sensors]
        tables += [] if places is None else [places]
        if not any(self._ids.isin(table["id"].astype(str)).any() for table in tables):
            raise ContractError("field_ids", name=name, axis=str(axis.name), found=list(self._ids[:5]))

    def roads(self, field: xr.DataArray) -> NDArray[np.float64]:
        """Return the value of each road (time, road)."""
        return self._at(field, self._city.roads["id"])

    def buildings(self, field: xr.DataArray) -> NDArray[np.float64]:
        """Return the value of each building (time, building)."""
        return self._at(field, self._city.buildings["id"])

    def sites(self, field: xr.DataArray, table: gpd.GeoDataFrame, area: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the value of each place (time, place)."""
        return self._at(field, table["id"])

    def share(self, field: xr.DataArray, cells: gpd.GeoDataFrame, low: float, high: float) -> NDArray[np.float64]:
        """Return 1 for each population cell whose value lies in [low, high), else 0 (time, cell); NaN: not known."""
        values = self._at(field, cells["id"])
        return np.where(np.isfinite(values), (values >= low) & (values < high), np.nan)

    def _at(self, field: xr.DataArray, wanted: pd.Series) -> NDArray[np.float64]:
        frames = field.values if "time" in field.dims else field.values[np.newaxis]
        where = self._ids.get_indexer(pd.Index(wanted.astype(str)))
        values = frames[:, where].astype(np.float64)
        values[:, where < 0] = np.nan
        return values
