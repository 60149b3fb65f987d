"""The forcing of a run on disk: one group of a zarr store for each variable, so that each keeps its own axes."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from scenarios.runner.stored_ids import from_store, to_store
from twin.errors import SourceError
from twin.hazard import Drivers


def save(drivers: Drivers, path: Path) -> None:
    """Write the drivers to a new store; one without any drivers is written too."""
    xr.Dataset().to_zarr(path, mode="w", consolidated=False)
    for name, array in drivers.items():
        to_store(array.to_dataset(name=name)).to_zarr(path, group=name, mode="a", consolidated=False)


def read(path: Path) -> Drivers:
    """Return the drivers of a store, in memory; raise SourceError for a store that is not whole."""
    try:
        groups = xr.open_groups(path, engine="zarr", consolidated=False)
    except (OSError, ValueError, KeyError) as error:
        raise SourceError("run_damaged", where=str(path), found=str(error)) from error
    names = sorted(key.strip("/") for key in groups if key != "/")
    return {name: from_store(groups[f"/{name}"])[name].load() for name in names}
