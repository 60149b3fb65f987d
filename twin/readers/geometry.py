"""Shapes as files hold them to shapes that every model can use: two axes, valid, there."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from twin.finding import Finding


def sound(features: gpd.GeoDataFrame, where: str) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return the features with usable shapes, and what was mended or left out.

    Heights of points are dropped, crossed outlines are rebuilt, of a collection the shapes of the highest dimension are kept;
    a feature without a shape, or with one that is not anywhere, is left out.
    """
    shapes = shapely.force_2d(features.geometry.values)
    shapes[nowhere(shapes)] = None
    crossed = ~shapely.is_valid(shapes) & ~shapely.is_missing(shapes)
    shapes[crossed] = shapely.make_valid(shapes[crossed], method="structure", keep_collapsed=False)
    mixed = np.flatnonzero(shapely.get_type_id(shapes) == shapely.GeometryType.GEOMETRYCOLLECTION)
    for k in mixed:
        shapes[k] = _largest_kind(shapes[k])
    lost = shapely.is_missing(shapes) | shapely.is_empty(shapes) | ~np.isfinite(shapely.bounds(shapes)).all(axis=1)
    kept = features.set_geometry(gpd.GeoSeries(shapes, index=features.index, crs=features.crs))[~lost]
    found = []
    for code, bad, assumed in (
        ("geometry_crossed", crossed & ~lost, "rebuilt"),
        ("geometry_missing", lost, "left_out"),
    ):
        if bad.any():
            row = int(np.argmax(bad)) + 1
            found.append(Finding(code, int(bad.sum()), place=where, assumed=assumed, values={"row": row}))
    return kept.reset_index(drop=True), found


def nowhere(shapes: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Return which shapes have points that lie nowhere: no CRS maps them."""
    some = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    return np.asarray(some & ~np.isfinite(shapely.bounds(shapes)).all(axis=1))


def _largest_kind(collection: shapely.GeometryCollection) -> shapely.Geometry:
    """Return the shapes of the highest dimension in a collection as one."""
    parts = shapely.get_parts(collection)
    dimension = shapely.get_dimensions(parts)
    return shapely.union_all(parts[dimension == dimension.max(initial=0)])
