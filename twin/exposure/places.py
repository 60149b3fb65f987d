"""The places that a hazard grades: streets, facilities and blocks of the city, and those that only the model knows."""

from __future__ import annotations

from collections.abc import Callable

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from twin.city import City
from twin.errors import ContractError
from twin.exposure.cells import Cells
from twin.exposure.ids import Ids
from twin.exposure.streets import stretches
from twin.sheet import Sheet

Reader = Cells | Ids

#: Reads the wanted ones of some items (roads, places): the worst of `sign` times a field at each (time, item).
Items = Callable[[Reader, xr.DataArray, NDArray[np.bool_], float], NDArray[np.float64]]

#: What names a place in a table of places.
PLACE = ["id", "name_zh", "name_en", "geometry", "kind", "roads"]


def graded_places(city: City, sheet: Sheet, own: gpd.GeoDataFrame | None) -> tuple[gpd.GeoDataFrame, Items]:
    """Return every place that the sheet grades (streets, facilities, blocks, the model's own), and what reads their values.

    Raises ContractError for own places that lack a column, lie in another CRS or carry an id that another place has.
    """
    tables: list[gpd.GeoDataFrame] = []
    streets, plain, member = stretches(city)
    graded = streets["kind"].isin(sheet.rules).values
    tables.append(streets.loc[graded, PLACE])
    for source in (city.sites, *([] if own is None else [_checked(own, city)])):
        if (chosen := source["kind"].isin(sheet.rules).values).any():
            tables.append(source.loc[chosen].assign(roads="")[PLACE])
    places = gpd.GeoDataFrame(pd.concat(tables, ignore_index=True), crs=city.grid.crs)
    if len(twice := places.loc[places["id"].duplicated(), "id"]):
        raise ContractError("place_twice", hazard=sheet.id, found=list(twice[:5]))
    sites = places.iloc[graded.sum() :]
    area = np.array([sheet.rules[k].statistic == "area" for k in sites["kind"]], dtype=bool)

    def values(reader: Reader, field: xr.DataArray, wanted: NDArray[np.bool_], sign: float) -> NDArray[np.float64]:
        on_sites = reader.sites(field, sites, area, sign) if wanted[graded.sum() :].any() else None
        steps = field.sizes.get("time", 1)
        of_streets = np.full((steps, len(streets)), np.nan)
        if wanted[: graded.sum()].any():
            np.fmax.at(of_streets.T, member, reader.roads(field, sign)[:, plain].T)
        rest = np.full((steps, len(sites)), np.nan) if on_sites is None else on_sites
        return np.concatenate([of_streets[:, graded], rest], axis=1)

    return places, values


def _checked(own: gpd.GeoDataFrame, city: City) -> gpd.GeoDataFrame:
    """Return a model's own places if they carry the columns of a place and lie in the city's CRS."""
    if missing := [c for c in PLACE if c not in own.columns and c != "roads"]:
        raise ContractError("own_places", missing=missing, found=list(own.columns))
    if own.crs is None or own.crs != city.grid.crs:
        raise ContractError("own_places_crs", found=str(own.crs), expected=city.grid.crs)
    return own
