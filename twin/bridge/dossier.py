"""What an exporter is handed: the plan and everything it rests on, as nouns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import pandas as pd
import xarray as xr

from twin.city import City
from twin.expose import Exposure
from twin.plan import Plan
from twin.sheet import Sheet


@dataclass(frozen=True)
class Section:
    """One hazard of a run; `tables` are the model's own, by name."""

    sheet: Sheet
    fields: xr.Dataset
    exposure: Exposure
    balance: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Dossier:
    """A plan, its city, the forcing and each hazard's results; `facts` are the run's seed, versions and input hashes."""

    plan: Plan
    city: City
    drivers: xr.Dataset
    levels: pd.DataFrame
    sections: tuple[Section, ...]
    facts: Mapping[str, Any]

    def places(self) -> gpd.GeoDataFrame:
        """Return every place of every hazard once, by id."""
        tables = [s.exposure.places[["id", "kind", "name_zh", "name_en", "geometry"]] for s in self.sections]
        joined = pd.concat(tables, ignore_index=True).drop_duplicates("id")
        return gpd.GeoDataFrame(joined, crs=self.city.grid.crs).set_index("id")
