"""Each quantity has one name, one unit, one place.

`conform` stands at every border: it checks that a Dataset carries what was promised and annotates it (CF attributes).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from twin.errors import ContractError


@dataclass(frozen=True)
class Unit:
    """Marks a parameter in `Annotated` with its unit and, where it has one, the source of its default."""

    name: str
    source: str = ""


@dataclass(frozen=True)
class Variable:
    """A quantity: name, unit, dimensions, valid range [low, high], tags and its names in two languages.

    Tags say what other rooms may read into it: `slows_travel`, `harms_people`, `forcing`, `bars_travel` (on roads: 1 a danger that
    nobody knows of yet, 2 nobody goes there). `flags` name the values 0, 1, 2, ... of a quantity in classes, `comment` says what a
    special value means; both go into the CF attributes. Where `gaps`, a missing value (NaN) is allowed and means that nothing is
    known there; else it is an error.
    """

    name: str
    unit: str
    dims: tuple[str, ...]
    zh: str
    en: str
    low: float = -np.inf
    high: float = np.inf
    standard_name: str | None = None
    tags: frozenset[str] = frozenset()
    flags: tuple[str, ...] = ()
    comment: str = ""
    gaps: bool = False


RAIN_RATE = Variable(
    "rain_rate",
    "m s-1",
    ("time",),
    "雨强",
    "rainfall rate",
    0.0,
    1e-3,
    "rainfall_rate",
    frozenset({"forcing", "amount"}),
)
RAIN_RATE_GRID = Variable(
    "rain_rate_grid",
    "m s-1",
    ("time", "y", "x"),
    "网格雨强",
    "gridded rainfall rate",
    0.0,
    1e-3,
    "rainfall_rate",
    frozenset({"forcing", "amount"}),
)
RIVER_STAGE = Variable(
    "river_stage",
    "m",
    ("time",),
    "河道水位",
    "river stage",
    -500.0,
    9000.0,
    "water_surface_height_above_reference_datum",
    frozenset({"forcing", "level"}),
)


def _wind(component: str, zh: str, dims: tuple[str, ...], gridded: str = "") -> Variable:
    """Return a component of the wind, of one place or on a grid."""
    return Variable(
        f"{component}_wind{'_grid' if gridded else ''}",
        "m s-1",
        dims,
        f"{'网格' if gridded else ''}{zh}",
        f"{gridded}{component} wind",
        -60.0,
        60.0,
        f"{component}_wind",
        frozenset({"forcing", "wind", "vector"}),
        comment="towards grid east and grid north of the city's map, which turn from true ones by up to 2 degrees",
    )


EASTWARD_WIND = _wind("eastward", "东向风速", ("time",))
NORTHWARD_WIND = _wind("northward", "北向风速", ("time",))
EASTWARD_WIND_GRID = _wind("eastward", "东向风速", ("time", "y", "x"), "gridded ")
NORTHWARD_WIND_GRID = _wind("northward", "北向风速", ("time", "y", "x"), "gridded ")
AIR_TEMPERATURE = Variable(
    "air_temperature",
    "K",
    ("time",),
    "气温",
    "air temperature",
    180.0,
    340.0,
    "air_temperature",
    frozenset({"forcing", "weather"}),
)
RELATIVE_HUMIDITY = Variable(
    "relative_humidity",
    "1",
    ("time",),
    "相对湿度",
    "relative humidity",
    0.0,
    1.0,
    "relative_humidity",
    frozenset({"forcing", "weather"}),
)
CLOUD_COVER = Variable(
    "cloud_cover",
    "1",
    ("time",),
    "云量",
    "cloud cover",
    0.0,
    1.0,
    "cloud_area_fraction",
    frozenset({"forcing", "weather"}),
)
ATTENDANCE = Variable(
    "attendance",
    "persons",
    ("time", "place"),
    "在场人数",
    "attendance",
    0.0,
    1e7,
    tags=frozenset({"forcing", "persons"}),
    gaps=True,
    comment="persons present at a place of the city, or of those who came by a source of it, or taken by a goal of it; a number holds "
    "until the next at its place",
)
SOURCE_RATE = Variable(
    "source_rate",
    "kg s-1",
    ("time",),
    "泄漏速率",
    "rate of the source",
    0.0,
    1e5,
    tags=frozenset({"forcing"}),
    comment="what a source lets go, as it is known",
)
NO_READING = "no value: there is no reading"
PEOPLE_COUNT = Variable(
    "people_count",
    "persons",
    ("time", "sensor"),
    "实时人数",
    "people counted",
    0.0,
    1e7,
    tags=frozenset({"forcing", "persons", "readings"}),
    comment=NO_READING,
    gaps=True,
)


def _detector(quantity: str, unit: str, high: float, zh: str, en: str) -> Variable:
    """Return what detectors read, as one quantity; the quantities are never turned into each other."""
    return Variable(
        f"detector_{quantity}",
        unit,
        ("time", "sensor"),
        zh,
        en,
        0.0,
        high,
        tags=frozenset({"forcing", "detector_reading", "readings"}),
        comment=NO_READING,
        gaps=True,
    )


DETECTOR_VOLUME_SHARE = _detector("volume_share", "1", 1.0, "探测器体积分数", "detected share of volume")
DETECTOR_CONCENTRATION = _detector("concentration", "kg m-3", 10.0, "探测器质量浓度", "detected concentration")
DETECTOR_LFL_SHARE = _detector(
    "lfl_share", "1", 10.0, "探测器爆炸下限占比", "detected share of the lower flammable limit"
)


def named() -> dict[str, Variable]:
    """Return the variables of this file by name; a hazard may have others of its own."""
    return {v.name: v for v in globals().values() if isinstance(v, Variable)}


def conform(data: xr.Dataset, *variables: Variable) -> xr.Dataset:
    """Return `data` with CF attributes once every variable is there and keeps its promise (see `conform_array`).

    Raises ContractError that names the variable, what was found and what was expected.
    """
    for v in variables:
        if v.name not in data:
            raise ContractError("variable_missing", name=v.name, found=sorted(map(str, data.data_vars)))
        conform_array(data[v.name], v)
    return data


def conform_array(array: xr.DataArray, v: Variable) -> xr.DataArray:
    """Return `array` with its CF attributes and tags once it has the dims, unit and range of `v`, and a value everywhere
    (unless `v.gaps`).

    The tags are one text, separated by spaces, so that a file keeps them. Raises ContractError that names the variable,
    the time and place of the first wrong value, what was found and what was expected.
    """
    if array.dims != v.dims:
        raise ContractError("variable_dims", name=v.name, found=array.dims, expected=v.dims)
    unit = array.attrs.get("units", v.unit)
    if unit != v.unit:
        raise ContractError("variable_unit", name=v.name, found=unit, expected=v.unit)
    values = array.values
    empty = np.isinf(values) if v.gaps else ~np.isfinite(values)
    if empty.any():
        raise ContractError("variable_nan", name=v.name, count=int(empty.sum()), where=_worst(array, empty))
    outside = (values < v.low) | (values > v.high)
    if outside.any():
        raise ContractError(
            "variable_range",
            name=v.name,
            found=float(values[outside][0]),
            low=v.low,
            high=v.high,
            where=_worst(array, outside),
        )
    array.attrs |= {"units": v.unit, "long_name": v.en, "long_name_zh": v.zh}
    if v.standard_name:
        array.attrs["standard_name"] = v.standard_name
    if v.comment:
        array.attrs["comment"] = v.comment
    if v.flags:
        array.attrs |= {"flag_values": list(range(len(v.flags))), "flag_meanings": " ".join(v.flags)}
    if v.tags:
        array.attrs["tags"] = " ".join(sorted(v.tags))
    return array


def _worst(array: xr.DataArray, mask: np.ndarray) -> str:
    """Name the first offending position by its coordinates."""
    where = np.unravel_index(int(np.argmax(mask)), mask.shape)
    parts = []
    for dim, k in zip(array.dims, where, strict=True):
        label = array[dim].values[k] if dim in array.coords else int(k)
        parts.append(f"{dim}={label}")
    return ", ".join(parts)
