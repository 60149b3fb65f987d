"""Paths of synthetic parties over roads as GeoParquet, in the city's own CRS."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from twin.bridge.dossier import Dossier

#: Columns of a table of paths: a row for each road that a party passes, moments in seconds on the clock.
COLUMNS = {"party", "id", "reverse", "enter_s", "leave_s"}


def write(dossier: Dossier, folder: Path) -> list[Path]:
    """Write `<hazard>-paths.parquet` for each hazard that tells of paths (a table `trajectories`).

    Each row is a road as it was driven or walked along, with `enters` and `leaves` (UTC; missing for one who is still on it when the
    run ends). `synthetic` is true throughout: no party is anybody's (rule R1).
    """
    written = []
    roads = dossier.city.roads.set_index("id").geometry
    for section in dossier.sections:
        table = section.tables.get("trajectories")
        if table is None or not set(table.columns) >= COLUMNS or not len(table):
            continue
        lines = roads.loc[table["id"]].values
        lines = np.where(table["reverse"], shapely.reverse(lines), lines)
        moments = {
            name: pd.Timestamp(dossier.clock.start).tz_convert("UTC") + pd.to_timedelta(table[f"{verb}_s"], unit="s")
            for name, verb in (("enters", "enter"), ("leaves", "leave"))
        }
        kept = table.drop(columns=["enter_s", "leave_s"]).assign(**moments, synthetic=True)
        path = folder / f"{section.sheet.id}-paths.parquet"
        gpd.GeoDataFrame(kept, geometry=lines, crs=dossier.city.grid.crs).to_parquet(path, index=False)
        written.append(path)
    return written
