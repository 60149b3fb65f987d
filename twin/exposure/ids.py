"""Reads a field on things with an id (edges, zones, blocks, sensors) at roads, buildings and places: ids are looked up."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from twin.city import City
from twin.errors import ContractError
from twin.exposure.cells import in_classes


class Ids:
    """The things of one id axis; what is not among them is not known (NaN).

    Raises ContractError for an id that stands twice and for ids that neither the city nor the model's own places know.
    """

    def __init__(self, city: City, axis: xr.DataArray, places: gpd.GeoDataFrame | None, name: str) -> None:
        self._city, self._ids = city, pd.Index(axis.values.astype(str))
        tables = [city.roads, city.buildings, city.population, city.facilities, city.blocks, city.sensors, city.venues]
        tables += [] if places is None else [places]
        known = pd.Index(np.concatenate([table["id"].values.astype(str) for table in tables]))
        if len(unknown := self._ids.difference(known)):
            raise ContractError(
                "field_ids", name=name, axis=str(axis.name), found=list(unknown[:5]), count=len(unknown)
            )
        if len(twice := self._ids[self._ids.duplicated()]):
            raise ContractError("field_ids_twice", name=name, axis=str(axis.name), found=list(twice[:5]))

    def roads(self, field: xr.DataArray, sign: float = 1.0) -> NDArray[np.float64]:
        """Return `sign` times the value of each road (time, road)."""
        return sign * self._at(field, self._city.roads["id"])

    def buildings(self, field: xr.DataArray) -> NDArray[np.float64]:
        """Return the value of each building (time, building)."""
        return self._at(field, self._city.buildings["id"])

    def sites(
        self, field: xr.DataArray, table: gpd.GeoDataFrame, area: NDArray[np.bool_], sign: float = 1.0
    ) -> NDArray[np.float64]:
        """Return `sign` times the value of each place (time, place)."""
        return sign * self._at(field, table["id"])

    def covers(self, table: gpd.GeoDataFrame) -> NDArray[np.bool_]:
        """Return that each place is as known as its id."""
        return np.full(len(table), True)

    def share(
        self, field: xr.DataArray, cells: gpd.GeoDataFrame, classes: tuple[float, ...]
    ) -> dict[float, NDArray[np.float64]]:
        """Return 1 for each population cell in its class, else 0 (time, cell), and under NaN where nothing is known."""
        return {low: mask.astype(float) for low, mask in in_classes(self._at(field, cells["id"]), classes).items()}

    def _at(self, field: xr.DataArray, wanted: pd.Series) -> NDArray[np.float64]:
        frames = field.values if "time" in field.dims else field.values[np.newaxis]
        where = self._ids.get_indexer(pd.Index(wanted.astype(str)))
        values = np.full((len(frames), len(where)), np.nan)  # a field may know no id at all
        values[:, where >= 0] = frames[:, where[where >= 0]]
        return values
