"""Ids on the axes of what a run keeps: plain text in memory, text of any length in a store, as other programs read it."""

from __future__ import annotations

import xarray as xr


def to_store(data: xr.Dataset) -> xr.Dataset:
    """Return the data with the texts on its axes as a store holds them."""
    texts = {name: axis.astype(object) for name, axis in data.coords.items() if axis.dtype.kind == "U"}
    return data.assign_coords(texts)


def from_store(data: xr.Dataset) -> xr.Dataset:
    """Return the data with the texts on its axes as a model made them; a store gives them back in a type of its own."""
    texts = {
        n: (axis.dims, axis.values.astype(object).astype(str))
        for n, axis in data.coords.items()
        if axis.dtype.kind in "OT"
    }
    return data.assign_coords(texts)
