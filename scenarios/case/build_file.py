"""The build file of a city as a schema: what it is called, its CRS and cell, and its sources."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, ValidationError

from scenarios.case.part import Part
from scenarios.case.schema import Name, explain
from twin.errors import SourceError
from twin.grid import check_crs
from twin.readers.yaml_file import read_yaml


def _as_written(value: Any) -> Any:
    """Return a date or a year that YAML has read as such as its text."""
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class Source(Part):
    """Where a layer comes from, and of when it is."""

    source: Annotated[str, Field(min_length=1)]
    date: Annotated[str, BeforeValidator(_as_written)] = "-"
    licence: str = "-"
    crs: str | None = None


class TerrainSource(Source):
    """A raster of ground levels; `vertical_scale` turns a unit that the file does not name into metres.

    `nodata` is the number, as the file stores it, that means no level; `band` which of several is read.
    """

    raster: Path
    band: Annotated[int, Field(ge=1)] | None = None
    nodata: float | None = None
    vertical_scale: Annotated[float, Field(gt=0)] = 1.0


class CoverSource(Source):
    """A raster of land-cover codes and what each is in the classes of `twin.landcover`."""

    raster: Path
    band: Annotated[int, Field(ge=1)] | None = None
    classes: dict[int, int]


class DrainSource(Source):
    """A SWMM input; `replace` fills the marks a calibration tool left in it, e.g. {"#r1#": 0.015}."""

    inp: Path
    replace: dict[str, float] = Field(default_factory=dict)


class OsmSource(Source):
    """An OpenStreetMap extract; `take` says what is read from it."""

    osm: Path
    take: tuple[Literal["roads", "buildings", "facilities"], ...] = ("roads", "buildings", "facilities")


class FileSource(Source):
    """A file of shapes with the columns that `twin.readers.layers` names."""

    file: Path


class PopulationSource(Source):
    """A count raster, polygons or a table of points."""

    file: Path
    column: str = "population"


class PlacesSource(Source):
    """Points, lines or polygons; `kind` where the file has no such column. Its further columns are kept."""

    file: Path
    kind: str | None = None


class Build(Part):
    """A build file: what the city is called, its CRS and cell, and its sources; paths are relative to the file."""

    schema_: Literal[1] = Field(alias="schema")
    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    name: Name
    crs: str
    cell_m: Annotated[float, Field(ge=0.5, le=100)]
    timezone: str
    vertical_datum: str
    terrain: TerrainSource
    landcover: CoverSource | None = None
    drains: DrainSource | None = None
    osm: OsmSource | None = None
    roads: FileSource | None = None
    buildings: FileSource | None = None
    river: FileSource | None = None
    levees: FileSource | None = None
    resources: FileSource | None = None
    population: PopulationSource | None = None
    facilities: list[PlacesSource] = Field(default_factory=list)
    sensors: list[PlacesSource] = Field(default_factory=list)


def read_build(path: Path) -> Build:
    """Read a build file; raise the error of the first thing wrong with it."""
    try:
        build = Build.model_validate(read_yaml(path))
    except ValidationError as error:
        told = explain(error, str(path), Build)
        raise SourceError("build_key" if told.code == "unknown_key" else told.code, told.values) from None
    check_crs(build.crs)
    try:
        ZoneInfo(build.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        raise SourceError("timezone", where=str(path), found=build.timezone) from None
    return build
