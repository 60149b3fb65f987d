"""What an exporter is handed: the plan and everything it rests on, as nouns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from twin.blocks import Section
from twin.city import City
from twin.clock import Clock
from twin.hazard import Action, Drivers
from twin.plan import Plan, Task


@dataclass(frozen=True)
class Dossier:
    """A plan, its city, what drove the run and each hazard's results; `facts` are the run's seed, members and versions."""

    plan: Plan
    city: City
    clock: Clock
    drivers: Drivers
    actions: tuple[Action, ...]
    levels: pd.DataFrame
    sections: tuple[Section, ...]
    facts: Mapping[str, Any]

    def local(self, moment: datetime | pd.Timestamp | np.datetime64) -> pd.Timestamp:
        """Return a time in the city's zone; one without a zone is UTC, as on every `time` axis."""
        stamp = pd.Timestamp(moment)
        stamp = stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp
        return stamp.tz_convert(self.city.tz)

    def hour(self, moment: datetime | pd.Timestamp | np.datetime64) -> str:
        """Return a time as a clock in the city shows it (`Clock.told`)."""
        return self.clock.told(moment, self.city.tz)

    def _names(self, task: Task, place: str) -> tuple[str, str]:
        """Return what a place of a task is called in Chinese and English."""
        name = self.city.place_name(place) if task.also else task.place_name
        return name["zh"], name["en"]

    def shape(self, task: Task, places: gpd.GeoDataFrame) -> shapely.Geometry:
        """Return all the ground that a task is for; `places` are those of the dossier, in whatever CRS."""
        return places.geometry[task.place] if not task.also else shapely.union_all(places.geometry[list(task.places)])

    def places(self) -> gpd.GeoDataFrame:
        """Return every place of every hazard, and of every task, once, by id."""
        columns = ["id", "kind", "name_zh", "name_en", "geometry"]
        tables = [s.exposure.places[columns] for s in self.sections]
        tables += [s.places[columns] for s in self.sections if s.places is not None]
        known = {str(i) for table in tables for i in table["id"]}
        rest = [
            (place, t.place_kind, *self._names(t, place), self.city.place(place))
            for t in self.plan.tasks
            for place in t.places
            if place not in known
        ]
        if rest:
            tables.append(gpd.GeoDataFrame(rest, columns=columns, geometry="geometry", crs=self.city.grid.crs))
        joined = pd.concat(tables, ignore_index=True).drop_duplicates("id")
        return gpd.GeoDataFrame(joined, crs=self.city.grid.crs).set_index("id")
