"""Places, roads and tasks of a run as layers of one GeoPackage, in the city's own CRS."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd

from twin import phrases
from twin.blocks import Section
from twin.bridge.dossier import Dossier
from twin.bridge.shapes import AREAS, POINTS

#: Columns of the table of levels that a place with a colour has beside those of every place.
OF_LEVEL = ["place", "level", "from", "until", "open_end", "threshold", "rule", "probability"]
OF_PLACE = ["id", "kind", "name_zh", "name_en", "known", "whole", "peak", "unit", "peak_time", "geometry"]
OF_ROAD = ["id", "kind", "peak", "peak_time", "closes", "reopens"]


def write(dossier: Dossier, folder: Path) -> list[Path]:
    """Write `results.gpkg`.

    For each hazard there are the places that it grades (`<hazard>_places_points`, `_lines`, `_areas`) with their colours, the
    roads (`<hazard>_roads`) with the times at which they close, and once the draft tasks at their places (`tasks_*`). Times are UTC. A
    place with no `level` reaches none only where `known`.
    """
    path = folder / "results.gpkg"
    layers: dict[str, gpd.GeoDataFrame] = {}
    for section in dossier.sections:
        hazard = section.sheet.id
        layers |= _by_shape(f"{hazard}_places", _places(section, dossier.levels))
        layers[f"{hazard}_roads"] = _roads(section, dossier)
    layers |= _by_shape("tasks", _tasks(dossier))
    for name, table in layers.items():
        if len(table):
            _utc(table).to_file(path, layer=name, driver="GPKG", engine="pyogrio")
    return [path] if path.exists() else []


def _places(section: Section, levels: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return every place that a hazard grades, with its colour where it has one."""
    mine = levels.loc[levels["hazard"] == section.sheet.id, OF_LEVEL].rename(columns={"place": "id"})
    places = section.exposure.places[OF_PLACE]
    found = places.merge(mine, on="id", how="left").astype({"open_end": "boolean", "probability": float})
    return gpd.GeoDataFrame(found, geometry="geometry", crs=places.crs)


def _roads(section: Section, dossier: Dossier) -> gpd.GeoDataFrame:
    """Return the roads of the city with what the hazard does to each."""
    roads = dossier.city.roads[["id", "name_zh", "name_en", "geometry"]]
    found = roads.merge(section.exposure.roads[OF_ROAD], on="id", how="inner")
    return gpd.GeoDataFrame(found, geometry="geometry", crs=roads.crs)


def _tasks(dossier: Dossier) -> gpd.GeoDataFrame:
    """Return the draft tasks, each at its place."""
    places = dossier.places()
    rows = [
        {
            "id": task.id,
            "hazard": task.hazard,
            "place": task.place,
            "text_zh": phrases.task(task, "zh"),
            "text_en": phrases.task(task, "en"),
            "unit": task.unit,
            "crew": task.crew,
            "level": task.level,
            "deadline": pd.Timestamp(task.deadline),
            "until": pd.Timestamp(task.end),
            "probability": task.probability,
        }
        for task in dossier.plan.tasks
    ]
    table = pd.DataFrame(rows)
    shapes = [dossier.shape(task, places) for task in dossier.plan.tasks]
    return gpd.GeoDataFrame(table, geometry=shapes, crs=dossier.city.grid.crs)


def _by_shape(name: str, table: gpd.GeoDataFrame) -> dict[str, gpd.GeoDataFrame]:
    """Return a table as one for points, one for lines and one for areas: a layer holds one kind of shape."""
    kind = table.geom_type
    points, areas = kind.isin(POINTS), kind.isin(AREAS)
    return {
        f"{name}_points": table[points],
        f"{name}_lines": table[~points & ~areas],
        f"{name}_areas": table[areas],
    }


def _utc(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return a table whose times say that they are UTC."""
    naive = table.select_dtypes("datetime").columns
    return table.assign(**{name: table[name].dt.tz_localize("UTC") for name in naive})
