"""The 10, 50 and 90 % quantiles of what the members of an ensemble left on disk, read piece by piece, never all at once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr
import zarr
from numpy.typing import NDArray

from twin.exposure.members import median_of
from twin.sheet import QUANTILES, Sheet

#: The names under which a member keeps its worst field and its lead field in time.
WORST, IN_TIME = "worst", "in_time"

#: So many bytes of all members together are held in memory at one time.
MOST_HELD = 64 * 2**20

#: The lead field in time is kept of all members, and its quantiles made, where it takes no more bytes than this.
MOST_KEPT = 2 * 2**30


def keep_fields(fields: xr.Dataset, sheet: Sheet, members: int, folder: Path) -> None:
    """Write a member's worst field, and its lead field in time where that is affordable, in pieces as they will be read."""
    worst = fields[sheet.peak_layer.variable]
    kept = {WORST: worst.max("time") if "time" in worst.dims else worst}
    lead = fields[sheet.lead]
    if "time" in lead.dims and lead.nbytes * members <= MOST_KEPT:
        kept[IN_TIME] = lead
    for name, field in kept.items():
        axis, rows = _band(field, members)
        chunks = tuple(1 if d == "time" else rows if d == axis else n for d, n in field.sizes.items())
        whole = field.drop_vars(list(field.coords)).to_dataset(name=name)
        whole.to_zarr(folder / name, encoding={name: {"chunks": chunks}}, consolidated=False)


def drop_in_time(folders: Sequence[Path]) -> None:
    """Remove what members kept in time: it is large, and its quantiles stand in the run."""
    for folder in folders:
        shutil.rmtree(folder / IN_TIME, ignore_errors=True)


def spread_fields(folders: Sequence[Path], sheet: Sheet, store: Path, hazard: str) -> None:
    """Add to a hazard's fields the quantiles of the members' worst field, and those of the lead field in time where it was kept.

    They are called as the field with `_p10`, `_p50` and `_p90` behind; what a field has no value for in one member, its quantiles have
    no value for.
    """
    control = xr.open_zarr(store, group=hazard, consolidated=False)
    group = zarr.open_group(store, path=hazard, mode="a")
    for name, of, called in (
        (WORST, control[sheet.peak_layer.variable], sheet.worst_name),
        (IN_TIME, control[sheet.lead], sheet.lead),
    ):
        if not (folders[0] / name).exists():
            continue
        members = [zarr.open_array(folder / name / name, mode="r") for folder in folders]
        field = of.isel(time=0, drop=True) if name == WORST and "time" in of.dims else of
        targets = [_target(group, f"{called}_p{percent}", field, percent, len(folders)) for percent in QUANTILES]
        for step in _steps(field):
            found = _quantiles(members, field, step)
            for target, values in zip(targets, found, strict=True):
                target[_key(field, step)] = values


def alike(folders: Sequence[Path]) -> bool:
    """Return whether a hazard's worst field is the same in all members."""
    first, *others = [zarr.open_array(folder / WORST / WORST, mode="r") for folder in folders]
    rows = first.chunks[0]
    for start in range(0, first.shape[0], rows):
        band = slice(start, start + rows)
        here = np.asarray(first[band])
        if not all(np.array_equal(here, np.asarray(other[band]), equal_nan=True) for other in others):
            return False
    return True


def median_series(folders: Sequence[Path], sheet: Sheet) -> xr.DataArray:
    """Return the median (time, place) of the series in the members' exposures, made for some places at a time."""
    kinds = pd.read_parquet(folders[0] / "places.parquet", columns=["id", "kind"])
    signs = np.array([sheet.rules[kind].sign for kind in kinds["kind"]])
    first = pd.read_parquet(folders[0] / "series.parquet")
    most = max(1, MOST_HELD // max(1, 8 * len(first) * len(folders)))
    made = np.empty(first.shape)
    for start in range(0, first.shape[1], most):
        some = slice(start, start + most)
        names = list(first.columns[some])
        values = [pd.read_parquet(folder / "series.parquet", columns=names).to_numpy(float) for folder in folders]
        made[:, some] = median_of(np.stack(values) * signs[some]) * signs[some]
    return xr.DataArray(made, {"time": first.index.values, "place": first.columns}, ("time", "place"), sheet.lead)


def _steps(field: xr.DataArray) -> Iterator[dict[str, slice]]:
    """Yield the parts in which the quantiles of a field are written: an output step of a field on cells, else all of it."""
    if "time" in field.dims and "x" in field.dims:
        yield from ({"time": slice(k, k + 1)} for k in range(field.sizes["time"]))
    else:
        yield {}


def _band(field: xr.DataArray, members: int) -> tuple[str, int]:
    """Return the axis along which a step is cut, and how many of its rows all members together hold in MOST_HELD."""
    axes = [str(d) for d in field.dims if d != "time"]
    axis = axes[-2] if axes[-1] == "x" else axes[-1]
    steps = field.sizes.get("time", 1) if axes[-1] == "x" else 1
    row = field.nbytes // (field.sizes[axis] * steps)
    return axis, min(field.sizes[axis], max(1, MOST_HELD // max(1, row * members)))


def _key(field: xr.DataArray, part: dict[str, slice]) -> tuple[slice, ...]:
    return tuple(part.get(str(d), slice(None)) for d in field.dims)


def _quantiles(members: list[Any], field: xr.DataArray, step: dict[str, slice]) -> NDArray[np.float32]:
    """Return the quantiles of one step, a field each, band by band; NaN where a member has no value."""
    axis, rows = _band(field, len(members))
    shape = [1 if d in step else n for d, n in field.sizes.items()]
    found = np.empty((len(QUANTILES), *shape), np.float32)
    how: Literal["inverted_cdf", "linear"]
    how = "inverted_cdf" if "flag_values" in field.attrs else "linear"  # between two classes lies none
    for start in range(0, field.sizes[axis], rows):
        band = {axis: slice(start, start + rows)}
        values = np.stack([member[_key(field, step | band)] for member in members])
        found[(slice(None), *_key(field, band))] = np.quantile(values, np.array(QUANTILES) / 100.0, axis=0, method=how)
    return found


def _target(group: Any, name: str, field: xr.DataArray, percent: int, members: int) -> Any:
    """Return a new array of a hazard's store for one quantile of a field."""
    own = {"units", "long_name", "long_name_zh", "standard_name", "flag_values", "flag_meanings"}
    attributes = {key: value for key, value in field.attrs.items() if key in own}
    attributes["long_name"] = f"{field.attrs.get('long_name', field.name)}, {percent} % quantile of {members} members"
    attributes["long_name_zh"] = f"{field.attrs.get('long_name_zh', field.name)},{members}个成员的{percent}%分位数"
    attributes["comment"] = f"{percent} % of the members of the ensemble do not exceed it, cell by cell"
    chunks = tuple(1 if d == "time" and "x" in field.dims else n for d, n in field.sizes.items())
    return group.create_array(
        name,
        shape=field.shape,
        chunks=chunks,
        dtype="float32",
        dimension_names=[str(d) for d in field.dims],
        attributes={k: v.tolist() if hasattr(v, "tolist") else v for k, v in attributes.items()},
        fill_value=np.nan,
        overwrite=True,
    )
