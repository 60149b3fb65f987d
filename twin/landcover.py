"""Land-cover classes of `landcover.tif` and what the ground is like on each: roughness and infiltration class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from twin.errors import SourceError


@dataclass(frozen=True)
class Cover:
    """One class: code in the raster, names, Manning n (s m-1/3) and the index of its infiltration class."""

    code: int
    name_zh: str
    name_en: str
    roughness: float
    soil: int
    building: bool = False
    river: bool = False


#: Manning n: Chow (1959, Open-Channel Hydraulics, table 5-6) for channels of like cover, overland values of Engman (1986,
#: J. Irrig. Drain. Eng. 112(1)) for grass and woods.
COVERS = (
    Cover(1, "道路", "road", 0.016, 0),
    Cover(2, "建筑", "building", 0.03, 0, building=True),
    Cover(3, "庭院", "yard", 0.03, 4),
    Cover(4, "草地", "grass", 0.15, 2),
    Cover(5, "林地", "woods", 0.30, 1),
    Cover(6, "裸地", "bare ground", 0.03, 3),
    Cover(7, "河湖", "river", 0.03, 0, river=True),
    Cover(8, "铁路", "railway", 0.05, 3),
    Cover(9, "厂区", "works", 0.025, 5),
)

#: Code of open water.
RIVER = next(cover.code for cover in COVERS if cover.river)


def surface_of(
    terrain: NDArray[np.floating], cover: NDArray[np.integer], y: NDArray[np.float64], x: NDArray[np.float64]
) -> xr.Dataset:
    """Return the city's `surface` from terrain (m, NaN outside) and land-cover codes; raise SourceError for an unknown code."""
    known = {c.code: c for c in COVERS}
    inside = np.isfinite(terrain)
    strange = sorted(set(np.unique(cover[inside]).tolist()) - set(known))
    if strange:
        raise SourceError("cover_code", found=strange, expected=sorted(known))
    size = max(known) + 1
    roughness, soil, building, river = (
        np.full(size, 0.03),
        np.zeros(size, np.int8),
        np.zeros(size, bool),
        np.zeros(size, bool),
    )
    for code, c in known.items():
        roughness[code], soil[code], building[code], river[code] = c.roughness, c.soil, c.building, c.river
    safe = np.where(inside, cover, COVERS[0].code).astype(np.int64)
    return xr.Dataset(
        {
            "terrain": (("y", "x"), terrain.astype(float)),
            "roughness": (("y", "x"), roughness[safe]),
            "soil": (("y", "x"), soil[safe]),
            "building": (("y", "x"), building[safe] & inside),
            "river": (("y", "x"), river[safe] & inside),
            "cover": (("y", "x"), np.where(inside, cover, 0).astype(np.uint8)),
        },
        coords={"y": y, "x": x},
    )
