"""The exposure of a run as files, and back: tables as parquet, one folder a hazard."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd
import xarray as xr

from twin.exposure import Exposure

COUNTS = ["time", "class", "count", "scale", "of"]
TABLES = ("roads", "closures", "unknown")


def write_exposure(folder: Path, exposure: Exposure) -> None:
    """Write an exposure into a new folder."""
    folder.mkdir(parents=True)
    counts = [
        table.rename_axis(index="time", columns="class")
        .stack()
        .rename("count")
        .reset_index()
        .assign(scale=scale, of=of)
        for scale, tables in exposure.counts.items()
        for of, table in tables.items()
    ]
    whole = pd.concat(counts, ignore_index=True) if counts else pd.DataFrame(columns=COUNTS)
    whole.to_parquet(folder / "counts.parquet")
    for table in TABLES:
        getattr(exposure, table).to_parquet(folder / f"{table}.parquet")
    exposure.places.to_parquet(folder / "places.parquet")
    exposure.series.to_pandas().to_parquet(folder / "series.parquet")
    (folder / "basis.txt").write_text(exposure.basis, "utf-8")


def read_exposure(folder: Path, hazard: str) -> Exposure:
    """Return the exposure that `write_exposure` wrote."""
    whole, series = pd.read_parquet(folder / "counts.parquet"), pd.read_parquet(folder / "series.parquet")
    counts: dict[str, dict[str, pd.DataFrame]] = {}
    for (scale, of), rows in whole.groupby(["scale", "of"], sort=False):
        counts.setdefault(str(scale), {})[str(of)] = rows.pivot(index="time", columns="class", values="count")
    tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in TABLES}
    return Exposure(
        hazard=hazard,
        counts=counts,
        basis=(folder / "basis.txt").read_text("utf-8"),
        places=gpd.read_parquet(folder / "places.parquet"),
        series=xr.DataArray(
            series.values,
            dims=("time", "place"),
            coords={"time": series.index.values, "place": series.columns},
        ),
        **tables,
    )
