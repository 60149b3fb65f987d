"""Ids on the axes of what a run keeps: plain text in memory, whatever a store makes of it."""

from __future__ import annotations

import xarray as xr


def plain_ids(data: xr.Dataset) -> xr.Dataset:
    """Return the data with the texts on its axes as Python text.

    A store holds such texts in a form that other programs read, and gives them back in a type of its own.
    """
    texts = [name for name, axis in data.coords.items() if axis.dtype.kind in "UT"]
    return data.assign_coords({name: data[name].astype(object) for name in texts})
