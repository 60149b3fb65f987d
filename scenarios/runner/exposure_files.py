"""The exposure of a run as files, and back: tables as parquet, one folder a hazard."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd
import xarray as xr

from twin.exposure import Exposure
from twin.exposure.exposure import Counts

COUNTS = ["time", "class", "count", "scale", "of"]
#: Files of the quantiles of an ensemble's counts: `spread-10.parquet`.
SPREAD = "spread-"

TABLES = ("roads", "closures", "unknown")


def write_exposure(folder: Path, exposure: Exposure) -> None:
    """Write an exposure into a new folder."""
    folder.mkdir(parents=True)
    _write_counts(folder / "counts.parquet", exposure.counts)
    for percent, counts in exposure.spread.items():
        _write_counts(folder / f"{SPREAD}{percent}.parquet", counts)
    for table in TABLES:
        getattr(exposure, table).to_parquet(folder / f"{table}.parquet")
    exposure.places.to_parquet(folder / "places.parquet")
    exposure.series.to_pandas().to_parquet(folder / "series.parquet")
    (folder / "basis.txt").write_text(exposure.basis, "utf-8")


def read_exposure(folder: Path, hazard: str) -> Exposure:
    """Return the exposure that `write_exposure` wrote."""
    series = pd.read_parquet(folder / "series.parquet")
    tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in TABLES}
    return Exposure(
        hazard=hazard,
        counts=_read_counts(folder / "counts.parquet"),
        basis=(folder / "basis.txt").read_text("utf-8"),
        places=gpd.read_parquet(folder / "places.parquet"),
        series=xr.DataArray(
            series.values,
            dims=("time", "place"),
            coords={"time": series.index.values, "place": series.columns},
        ),
        spread={int(p.stem.removeprefix(SPREAD)): _read_counts(p) for p in sorted(folder.glob(f"{SPREAD}*.parquet"))},
        **tables,
    )


def _write_counts(path: Path, counts: Counts) -> None:
    """Write counts by scale and receptor as one table."""
    tables = [
        table.rename_axis(index="time", columns="class")
        .stack()
        .rename("count")
        .reset_index()
        .assign(scale=scale, of=of)
        for scale, by_of in counts.items()
        for of, table in by_of.items()
    ]
    whole = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COUNTS)
    whole.to_parquet(path)


def _read_counts(path: Path) -> Counts:
    """Return the counts that `_write_counts` wrote."""
    counts: dict[str, dict[str, pd.DataFrame]] = {}
    for (scale, of), rows in pd.read_parquet(path).groupby(["scale", "of"], sort=False):
        counts.setdefault(str(scale), {})[str(of)] = rows.pivot(index="time", columns="class", values="count")
    return counts
